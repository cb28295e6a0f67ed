"""The two pairs of epoch and iter: a location says where something happened, a position how much is complete.

Both unpack and compare like tuples, and never with each other: at the end of an epoch the same numbers mean two things.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Location", "Position"]


class _EpochIter(NamedTuple):
    """A pair that equals a plain tuple, and no pair of another kind."""

    epoch: int
    iter: int

    def _is_comparable(self, other: object) -> bool:
        return not isinstance(other, _EpochIter) or type(other) is type(self)

    def __eq__(self, other: object) -> bool:
        return self._is_comparable(other) and tuple.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self._is_comparable(other) or tuple.__ne__(self, other)

    def __hash__(self) -> int:
        return tuple.__hash__(self)

    def __lt__(self, other: tuple[int, ...]) -> bool:
        return tuple.__lt__(self, other) if self._is_comparable(other) else NotImplemented

    def __le__(self, other: tuple[int, ...]) -> bool:
        return tuple.__le__(self, other) if self._is_comparable(other) else NotImplemented

    def __gt__(self, other: tuple[int, ...]) -> bool:
        return tuple.__gt__(self, other) if self._is_comparable(other) else NotImplemented

    def __ge__(self, other: tuple[int, ...]) -> bool:
        return tuple.__ge__(self, other) if self._is_comparable(other) else NotImplemented


class Location(_EpochIter):
    """Where a batch, step or sample is: its epoch and its iter, indices from the base that you asked for.

    >>> epoch, iteration = Location(4, 4)
    >>> Location(1, 0) == (1, 0), Location(1, 0) == Position(1, 0)
    (True, False)
    """

    __slots__ = ()


class Position(_EpochIter):
    """A state: how many epochs are complete, and how many batches of the next one; after an epoch's last one 0."""

    __slots__ = ()
