"""Batch sizes that change at amounts of data: pairs, Megatron's string and Megatron's triple."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from stepbridge._errors import TimelineError
from stepbridge.timeline._arguments import positive
from stepbridge.timeline._quantity import Quantity, QuantityLike, as_quantity

if TYPE_CHECKING:
    from stepbridge._core import Amount

__all__ = ["BatchSize", "batch_size_ramp", "batch_sizes"]

#: A batch size, or pairs of an amount and the batch size that holds from there on; also as Megatron's string.
BatchSize: TypeAlias = int | str | Sequence[tuple[QuantityLike | int, int]]

_EXPECTED = 'a number, pairs such as [(0, 16), ("12_000_000sp", 32)], or a text such as "0:768 250B:1536"'


def batch_size_ramp(start: int, increment: int, samples: int, final: int) -> list[tuple[Quantity, int]]:
    """Returns the batch sizes of Megatron's `--rampup-batch-size start increment samples`.

    Args:
        start: the first batch size.
        increment: what each step adds.
        samples: over how many samples it grows.
        final: the batch size from there on, Megatron's `--global-batch-size`.

    Raises:
        TimelineError: `final` is not reached in whole increments.

    >>> batch_size_ramp(16, 8, 300, 32)
    [(Quantity(0, 'sp'), 16), (Quantity(150, 'sp'), 24), (Quantity(300, 'sp'), 32)]
    """
    start, increment = positive("start", start, "sp"), positive("increment", increment, "sp")
    samples, final = positive("samples", samples, "sp"), positive("final", final, "sp")
    steps, rest = divmod(final - start, increment)
    if steps < 0 or rest:
        raise TimelineError(
            f"a batch size of {final} is not reached from {start} in steps of {increment}: "
            "give a final size that is start plus a multiple of increment"
        )
    # Megatron divides the samples by the number of increments, and goes on at the first batch past each.
    ends = [(-(-step * samples // steps), start + step * increment) for step in range(1, steps + 1)]
    return [(Quantity(at, "sp"), size) for at, size in [(0, start), *ends]]


def batch_sizes(given: object, *, tokens: bool) -> int | list[tuple[Amount, int]] | None:
    """Checks a `batch_size=` argument.

    Args:
        given: what was given.
        tokens: whether amounts without a unit are tokens, as in Megatron where the length of a sequence is known.

    Returns:
        The one batch size, or amounts and batch sizes as the core takes them.

    Raises:
        TypeError: it is none of the forms.
        TimelineError: a text or an amount that cannot be read.
    """
    if given is None:
        return None
    if isinstance(given, str):
        given = [_pair(part) for part in given.replace(",", " ").split()]
    elif hasattr(given, "__index__") or not isinstance(given, Sequence):
        return positive("batch_size", given, "sp")
    ramp: list[tuple[Amount, int]] = []
    for pair in given:
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
            raise TypeError(f"batch_size: {pair!r} is not a pair of an amount and a batch size: expected {_EXPECTED}")
        at, size = pair
        ramp.append((_amount(at, tokens=tokens)._amount, positive("batch_size", size, "sp")))
    return ramp


def _pair(part: str) -> tuple[str, int]:
    at, colon, size = part.rpartition(":")
    if not colon or not size.replace("_", "").isdecimal():
        raise TimelineError(f"batch_size: {part!r} is not an amount, a colon and a batch size: expected {_EXPECTED}")
    return at, int(size)


def _amount(at: object, *, tokens: bool) -> Quantity:
    """Reads an amount; a number without a unit is one of samples, or of tokens."""
    unit = "tok" if tokens else "sp"
    if isinstance(at, Quantity):
        return at
    if isinstance(at, str):
        try:
            return as_quantity("batch_size", at)
        except TimelineError:
            # Megatron's numbers have no unit, but may have a power of 1000.
            return as_quantity("batch_size", f"{at}{unit}")
    whole = at.__index__() if hasattr(at, "__index__") and not isinstance(at, bool) else None
    if whole is None:
        raise TypeError(f"batch_size: {at!r} is not an amount: give a number of samples, or a str such as '250Btok'")
    return Quantity(whole, "sp")
