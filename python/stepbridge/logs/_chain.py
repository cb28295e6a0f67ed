"""Which runs in several folders are one run, as the caller says it: `chain=`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

__all__ = ["Chain", "chain_rules"]

#: Patterns of the names of runs; with how many steps were done before each run after the first, if their steps begin
#: anew.
Chain: TypeAlias = "str | Iterable[str] | Mapping[str, Sequence[int] | None]"


def chain_rules(chain: Chain | None) -> list[tuple[str, list[int] | None]]:
    """Returns each pattern and its offsets.

    Raises:
        TypeError: a pattern is not text, or an offset is not a whole number.
    """
    if chain is None:
        return []
    if isinstance(chain, str):
        return [(chain, None)]
    given = chain.items() if isinstance(chain, Mapping) else [(runs, None) for runs in chain]
    return [(_pattern(runs), _offsets(runs, offsets)) for runs, offsets in given]


def _pattern(runs: object) -> str:
    if not isinstance(runs, str):
        raise TypeError(f"chain= takes patterns of the names of runs, such as 'PPO_*', not {runs!r}")
    return runs


def _offsets(runs: str, offsets: object) -> list[int] | None:
    if offsets is None:
        return None
    found: list[int] = []
    for offset in offsets if isinstance(offsets, Sequence) and not isinstance(offsets, str) else [None]:
        if not isinstance(offset, int) or isinstance(offset, bool):
            raise TypeError(f"chain={{{runs!r}: ...}} takes the steps done before each later run, as in [10_000]")
        found.append(offset)
    return found
