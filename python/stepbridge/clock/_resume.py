"""Continuing a run in its middle: how many batches an amount is, and what a resumed loader does."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from stepbridge._errors import TimelineError
from stepbridge.timeline import Exact, PastEnd, Undetermined

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stepbridge.timeline import Quantity, Timeline

__all__ = ["batches_at", "is_stateful", "not_empty"]

Item = TypeVar("Item")


def batches_at(timeline: Timeline, amount: Quantity, what: str) -> tuple[int, int]:
    """Returns the batches and the complete epochs at an amount.

    Args:
        timeline: the run.
        amount: how much of it is done.
        what: what the amount is, for the errors: "initial='5ep'".

    Raises:
        TimelineError: the amount ends inside a batch or an open window, or the timeline does not tell.
        IndexError: it is past the end of the plan.
    """
    answer = timeline.convert(amount, "batch")
    if isinstance(answer, Exact) and timeline.is_stream:
        return int(answer), 0  # its batches run on: where it is does not depend on epochs
    if isinstance(answer, Exact):
        epochs = timeline.convert(f"{int(answer)}ba", "epoch")
        if isinstance(epochs, Exact):
            return int(answer), epochs.value.numerator // epochs.value.denominator
        answer = epochs
    match answer:
        case Undetermined(why):
            hint = "give the clock samples and batch_size, or batches_per_epoch, as they were in the run so far"
            raise TimelineError(f"{what}: {why}: {hint}")
        case PastEnd(end):
            raise IndexError(f"{what} is past the end of the plan, which is at {end}")
        case _:
            raise TimelineError(f"{what} is {answer}: give a point at the end of a batch")


def is_stateful(loader: object) -> bool:
    """Whether a loader is saved with the clock and continues by itself, such as torchdata's StatefulDataLoader."""
    # Accelerate's loaders have both methods in any case, and say whether they keep a place.
    return (
        hasattr(loader, "state_dict")
        and hasattr(loader, "load_state_dict")
        and bool(getattr(loader, "use_stateful_dataloader", True))
    )


def not_empty(loader: Iterable[Item]) -> Iterator[Item]:
    """Yields the loader's items. One that was saved in an epoch's last batch is first empty: then it is asked again."""
    empty = True
    for item in loader:
        empty = False
        yield item
    if empty:
        yield from loader
