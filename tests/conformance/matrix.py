"""The matrix of the suite and of docs/conformance.md: `python tests/conformance/matrix.py --write` renews the page."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

TESTS = Path(__file__).parent.parent
if str(TESTS) not in sys.path:
    sys.path.insert(0, str(TESTS))

from conformance.cells import CANNOT, COLUMNS  # noqa: E402 - run as a script, it has to be found first
from conformance.scenarios import SCENARIOS  # noqa: E402
from stepbridge.conventions import DIVERGENCES  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PAGE", "main", "page", "printed", "reasons"]

PAGE = TESTS.parent / "docs" / "conformance.md"
_BLOCK = "<!-- {name}: written by tests/conformance/matrix.py -->\n{text}<!-- end of {name} -->\n"


def reasons() -> list[str]:
    """Returns why cells cannot be, each reason once, in the order of the matrix."""
    cells = ((scenario.name, column) for scenario in SCENARIOS for column in COLUMNS)
    return list(dict.fromkeys(CANNOT[cell] for cell in cells if cell in CANNOT))


def cell(scenario: str, column: str, outcome: str = "passed") -> str:
    """Returns what stands in a cell: the outcome, or the number of the reason why it cannot be."""
    reason = CANNOT.get((scenario, column))
    return outcome if reason is None else f"no: {reasons().index(reason) + 1}"


def printed(outcomes: Mapping[tuple[str, str], str]) -> list[str]:
    """Returns the matrix with what came out of a session, for a terminal."""
    head = ["", *COLUMNS]
    rows = [
        [one.name, *(cell(one.name, column, outcomes.get((one.name, column), "not run")) for column in COLUMNS)]
        for one in SCENARIOS
    ]
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in [head, *rows]]
    return [*(line.rstrip() for line in lines), "", *(f"no: {n}  {why}" for n, why in enumerate(reasons(), 1))]


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in [head, ["---"] * len(head), *rows])


def blocks() -> dict[str, str]:
    """Returns the parts of the page that follow from the suite's data."""
    matrix = _table(
        ["scenario", *(column.title for column in COLUMNS.values())],
        [[f"**{one.name}**: {one.says}", *(cell(one.name, column) for column in COLUMNS)] for one in SCENARIOS],
    )
    listed = "".join(f"{number}. {reason}.\n" for number, reason in enumerate(reasons(), 1))
    divergences = _table(
        ["convention", "counter", "gains", "each time", "seen on"],
        [[one.convention, one.counter, f"{one.gains:+d}", one.where, one.seen_on] for one in DIVERGENCES],
    )
    return {"matrix": f"{matrix}\n{listed}", "divergences": divergences}


def page(text: str) -> str:
    """Returns the page with those parts as they are now."""
    for name, part in blocks().items():
        block = _BLOCK.format(name=name, text=part)
        pattern = re.escape(_BLOCK.format(name=name, text="@")).replace("@", ".*?")
        text, found = re.subn(pattern, lambda _, block=block: block, text, flags=re.DOTALL)  # type: ignore[misc]
        if found != 1:
            raise ValueError(
                f"{PAGE} has {found} parts called {name!r}: expected one, from {_BLOCK.splitlines()[0]!r} on"
            )
    return text


def main(arguments: list[str]) -> None:
    """Prints the page, or writes it with `--write`."""
    text = page(PAGE.read_text(encoding="utf-8"))
    if "--write" in arguments:
        PAGE.write_text(text, encoding="utf-8")
    else:
        print(text)  # noqa: T201 - a script


if __name__ == "__main__":
    main(sys.argv[1:])
