"""One segment of a timeline, as data, and the words for what happens to an open accumulation window."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from stepbridge.timeline._arguments import count

__all__ = ["Boundary", "OnCut", "Pending", "Segment", "pending_window"]

#: What happens to a window that is open at the end of an epoch.
Boundary: TypeAlias = Literal["flush", "carry", "drop", "spill"]
#: What happens to a window that is open if an epoch is left before its data ends.
OnCut: TypeAlias = Literal["carry", "drop", "spill"]
#: What happens to a window that is open where `accumulate` changes; a number says how many batches are pending.
Pending: TypeAlias = Literal["flush", "drop", "carry", "modulo"] | int


class Segment(NamedTuple):
    """A run of identical epochs, or a part of one epoch; None where a number is open-ended or not known."""

    epochs: int | None
    batches: int | None
    """Batches of each epoch, or of the part."""
    batch_size: int | None
    last_batch_size: int | None
    samples: int | None
    """Samples of each epoch; of a part those of the whole epoch."""
    drop_last: bool
    accumulate: int
    boundary: Boundary
    joins: bool
    """Whether it continues inside the epoch of the segment before it."""
    cut: bool
    """Whether its last epoch was cut short, so that `on_cut` says what happened to a window, and not `boundary`."""
    entry: Literal["continue", "flush", "drop", "phase"]
    """What happened to the window that was open where the segment begins."""
    phase: int | None
    """With entry "phase": how many batches count as pending."""
    on_cut: OnCut = "carry"
    """What happens to an open window if an epoch is cut short."""
    stream: Literal["endless", "steps", "samples"] | None = None
    """Whether batches run on without an end of epoch, and what the end of the run is counted in."""
    tokens_per_sample: int | None = None


def pending_window(pending: object) -> str | int | None:
    """Returns a `pending=` argument as the core takes it; the core knows the words.

    Raises:
        TypeError: it is neither a word nor an integer.
        TimelineError: it is negative.
    """
    if pending is None or isinstance(pending, str):
        return pending
    return count("pending", pending, "ba")
