"""Takes the batches of an epoch from an iterator of grain, which has no end of epoch.

What grain does (seen on 0.2.2 and 0.2.18):

- `dataset.batch(3).repeat(2)` yields the batches of both epochs one after the other, and does not stop between them;
- with `repeat(2).batch(3)`, and with `DataLoader`, a batch holds samples of two epochs: that is a stream;
- `next_index` in the iterator's state counts batches where batches were made before `to_iter_dataset`, and samples
  where they are made after it; `last_seen_indices` of `DataLoader` counts samples.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from stepbridge._errors import TimelineError
from stepbridge.adapters.base import the_clock
from stepbridge.checkpoints import samples_of_epoch
from stepbridge.timeline import Exact, Quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepbridge.clock import StepClock

__all__ = ["iterate"]

Item = TypeVar("Item")


def iterate(clock: StepClock, iterator: Iterator[Item]) -> Iterator[Item]:
    """Yields what is left of the running epoch from an iterator that goes on over epochs, and counts each batch.

    It reads nothing ahead, so `iterator.get_state()` in the body of the loop is that of the batch at hand. Save it with
    the clock's state. After a resume it compares where the iterator goes on with where the clock is, as far as the
    iterator's state says it.

    Args:
        clock: the loop's clock; of a stream, as `Timeline.stream` plans it, where batches cross the ends of epochs.
        iterator: one iterator for the whole run: `iter(dataset)`, with its state set after a resume.

    Raises:
        RuntimeError: outside `epochs()`.
        TypeError: it is not an iterator: it would begin anew in each epoch.
        TimelineError: the clock does not know how many batches the epoch has.

    Warns:
        StepbridgeWarning: the iterator goes on at another sample than the clock.

    >>> from stepbridge import StepClock
    >>> clock = StepClock(samples=20, batch_size=3, epochs=2)
    >>> batches = iter(range(14))
    >>> [[batch for batch in iterate(clock, batches)] for epoch in clock.epochs()]
    [[0, 1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12, 13]]
    """
    the_clock(clock)
    if not hasattr(iterator, "__next__"):
        raise TypeError(
            f"iterate takes an iterator, not {type(iterator).__name__}, which would begin anew in each epoch: make "
            "iterator = iter(dataset) once, before the loop"
        )
    if clock.batch:
        _compare(clock, iterator)
    if clock.plan.is_stream:
        return clock.batches(iterator, resume="continues")
    return clock.batches(islice(iterator, _left(clock)), resume="continues")


def _left(clock: StepClock) -> int:
    """Returns the batches that are left of the running epoch.

    Raises:
        TimelineError: they are not known.
    """
    end = clock.convert(Quantity(clock.position.epoch + 1, "ep"), "batch")
    if not isinstance(end, Exact):
        raise TimelineError(
            f"{clock.name}: how many batches epoch {clock.position.epoch} (an index from 0) has is not known, and the "
            "iterator does not end with it: give the clock samples and batch_size, or batches_per_epoch"
        )
    return int(end) - clock.batch


def _compare(clock: StepClock, iterator: Any) -> None:
    """Warns where an iterator goes on at another sample than the clock, as far as its state says that."""
    index, position = _index(iterator), clock.position
    if index is None or (index == 0 and not position.iter):
        # What begins with an epoch may be an iterator of that epoch alone.
        return
    planned, samples = clock.plan, clock.sample
    of_epoch = samples_of_epoch(planned.segments[-1])
    if not planned.is_stream and of_epoch is not None and clock.epoch_done.unit == "sp":
        samples = position.epoch * of_epoch + int(clock.epoch_done)
    by_batches = planned.convert(Quantity(index, "ba"), "sample")
    if index == samples or (samples is None and index == clock.batch):
        return
    if samples is not None and isinstance(by_batches, Exact) and int(by_batches) == samples:
        return
    trained = f"{clock.batch} batches" if samples is None else f"{samples} samples"
    clock.warn_once(
        "the index of the grain iterator",
        f"that of the run, which has done {trained}",
        f"{index}, which is neither so many samples nor so many batches of now",
        "set the state that was saved with the clock, iterator.set_state(...); where the batch size changed, make "
        "batches after to_iter_dataset(), so that the index counts samples",
    )


def _index(iterator: Any) -> int | None:
    """What the state of an iterator of grain says of its place; None where it says nothing that is known."""
    if not hasattr(iterator, "get_state"):
        return None
    state = iterator.get_state()
    if isinstance(state, bytes):
        state = json.loads(state)
        seen = state.get("last_seen_indices") if isinstance(state, dict) else None
        one_process = isinstance(seen, dict) and state.get("worker_count") == 0 and len(seen) == 1
        return next(iter(seen.values())) + 1 if one_process and isinstance(seen, dict) else None
    index = state.get("next_index") if isinstance(state, dict) else None
    return index if type(index) is int else None
