"""The two pairs of epoch and iter: a location says where something happened, a position how much is complete."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Location", "Position"]


class Location(NamedTuple):
    """Where a batch, step or sample is: its epoch and its iter, indices from the base that you asked for."""

    epoch: int
    iter: int


class Position(NamedTuple):
    """A state: how many epochs are complete, and how many batches of the next one; after an epoch's last one 0."""

    epoch: int
    iter: int
