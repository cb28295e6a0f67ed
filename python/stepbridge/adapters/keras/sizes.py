"""Learns the sizes of batches, which Keras tells no callback, from three looks at the loss tracker in one epoch.

The first batch shows the batch size, the last but one that all were of that size, the last one its own. Where an
evaluation inside the epoch has reset the tracker, or batches differ, they stay unknown: better none than a wrong one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stepbridge.adapters.keras.counts import EXACT_FLOATS, samples

__all__ = ["Sizes", "SizesLearner"]


class Sizes(NamedTuple):
    """What is known: a batch's samples, and the data set's."""

    batch_size: int | None
    samples: int | None


UNKNOWN = Sizes(None, None)


class SizesLearner:
    """Says at which batches to look, and what follows from it."""

    def __init__(self, batches: int) -> None:
        self._batches = batches
        self._size = 0
        self._before = 0
        self.due: int | None = 0
        """The next batch to look at, an index in its epoch; None: no more."""
        self.failed = False
        """What was seen contradicts the first look, or nothing can be seen."""

    def look(self, model: Any) -> Sizes | None:
        """Looks after the batch that was due; None where nothing new follows."""
        at, seen = self.due, samples(model)
        if seen is None or at is None:
            return self._nothing()
        if at == 0:
            return self._first(seen)
        if at == self._batches - 2:
            self.due, self._before = self._batches - 1, seen
            return None if seen == (at + 1) * self._size else self._nothing()
        self.due = None
        return Sizes(self._size, seen) if 0 < seen - self._before <= self._size else self._nothing()

    def stop(self) -> None:
        """Looks no more."""
        self.due = None

    def _first(self, seen: int) -> Sizes | None:
        if seen * self._batches >= EXACT_FLOATS:
            return self._nothing()
        self._size = self._before = seen
        if self._batches == 1:
            self.due = None
            return Sizes(seen, seen)
        self.due = max(self._batches - 2, 1)
        return Sizes(seen, None)

    def _nothing(self) -> Sizes | None:
        self.due, self.failed = None, True
        return None
