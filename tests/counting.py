"""What a timeline says of its whole run, batch by batch: the rows that tables of cases compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import stepbridge as sb

Totals: TypeAlias = tuple[int | None, int | None, int | None, int | None]


def totals(timeline: sb.Timeline) -> Totals:
    """Give the totals: epochs, batches, steps, samples."""
    return timeline.epochs, timeline.batches, timeline.steps, timeline.samples


def lengths(timeline: sb.Timeline) -> list[int]:
    """Count the batches of each epoch, from where they are."""
    assert timeline.epochs is not None
    assert timeline.batches is not None
    found = [0] * timeline.epochs
    for number in range(timeline.batches):
        found[timeline.locate(number, unit="batch").epoch] += 1
    return found


def steps_of(timeline: sb.Timeline) -> list[int | None]:
    """Give the step of each batch."""
    assert timeline.batches is not None
    places = [timeline.locate(number, unit="batch") for number in range(timeline.batches)]
    return [timeline.index(epoch, iteration, unit="step", invalid="mask") for epoch, iteration in places]
