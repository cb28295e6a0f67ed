"""What must hold at every event of a cell; each check fails with the first event where it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import stepbridge as sb
from stepbridge.conventions import CONVENTIONS, predicted

if TYPE_CHECKING:
    from conformance.judging import Record

__all__ = ["conventions", "conversions", "counts", "own_counters", "scenario"]


def scenario(record: Record) -> None:
    """Checks that the driver did what the scenario says; else nothing would be compared, or something else."""
    seen = [event["seen"] for event in record.events]
    done = [(one["epoch"], one["iter"], one["samples"] - one["copies"], one["attempted"]) for one in seen]
    assert done == record.places()
    assert 0 < seen[-1]["updates"] <= seen[-1]["attempted"] <= seen[-1]["batches"]


def counts(record: Record) -> None:
    """Checks that the clock's counts are the samples that passed, the updates that changed the weight, and so on."""
    for event in record.events:
        clock, seen = event["clock"], event["seen"]
        assert clock["batch"] == seen["batches"]
        assert clock["sample"] == seen["samples"] - seen["copies"]
        assert clock["step"] == seen["attempted"]
        assert clock["applied"] == seen["updates"]
        assert clock["closes_step"] == seen["closes"]
        assert clock["location"] == [seen["epoch"], seen["iter"]]
        assert clock["position"] == record.position(seen)
        assert clock["token"] == seen["tokens"]
        # Copies are counted when their epoch is over: in its last batch, if it is known to be that.
        assert clock["padding"] == record.copies_by(record.position(seen)[0])


def conventions(record: Record) -> None:
    """Checks `clock.counters` in every convention that there is."""
    for event, step in zip(record.events, record.step_indices(), strict=True):
        for name in CONVENTIONS:
            assert event["counters"][name] == record.counters(name, event["seen"], step)


def own_counters(record: Record) -> None:
    """Checks that the framework's own counters are what the clock says, and the known divergences next to it."""
    for event in record.events:
        seen = event["seen"]
        assert record.column.convention in seen["own"]
        for name, own in seen["own"].items():
            stated = event["counters"][name]
            assert own == {
                counter: predicted(name, counter, stated[counter], seen["happened"], record.column.backend)
                for counter in own
            }


def conversions(record: Record) -> None:
    """Checks each event's counters in every framework's words, from the timeline of that moment and from the last."""
    closers = record.closers()
    last = sb.Timeline.from_json(record.events[-1]["timeline"])
    for event in record.events:
        for timeline in (sb.Timeline.from_json(event["timeline"]), last):
            _forth(timeline, event["seen"])
            _back(timeline, event["seen"]["attempted"], closers)

    _tokens_of_epochs(record, last)


def _tokens_of_epochs(record: Record, timeline: sb.Timeline) -> None:
    """Compares the tokens that are done at the end of each epoch, which the clock marks."""
    if record.scenario.tokens:
        ends = [event["seen"] for event in record.events if event["seen"]["last"]]
        done = [timeline.convert(f"{seen['epoch'] + 1}ep", "token") for seen in ends]
        assert done == [sb.Exact(seen["tokens"], "tok") for seen in ends]


def _forth(timeline: sb.Timeline, seen: dict[str, Any]) -> None:
    """Compares what follows from where a batch is."""
    epoch, iteration, count, steps = seen["epoch"], seen["iter"], seen["batches"], seen["attempted"]
    keras = {"epoch": epoch, "batch": iteration, "iterations": steps}
    printed = {"epoch": epoch + 1, "iter": iteration + 1, "batch": count, "step": steps}
    at_hand = {"epoch": epoch, "batch": iteration}
    assert timeline.translate(at_hand, source="keras", target="tensorflow") == {"global_step": steps}
    assert timeline.translate(at_hand, source="keras", target="pytorch_one_based") == printed
    assert timeline.translate({"batch": count}, source="pytorch_one_based", target="keras") == keras
    assert timeline.translate({"epoch": epoch, "iter": iteration}, source="pytorch", target="keras") == keras


def _back(timeline: sb.Timeline, steps: int, closers: dict[int, dict[str, Any]]) -> None:
    """Compares what follows from a count of steps: the batch that closed the last one."""
    if not steps:
        with pytest.raises(IndexError):
            timeline.translate({"global_step": 0}, source="tensorflow", target="keras")
        return
    closer = closers[steps]
    keras = {"epoch": closer["epoch"], "batch": closer["iter"], "iterations": steps}
    printed = {"epoch": closer["epoch"] + 1, "iter": closer["iter"] + 1, "batch": closer["batches"], "step": steps}
    assert timeline.translate({"global_step": steps}, source="tensorflow", target="keras") == keras
    assert timeline.translate({"step": steps}, source="pytorch_one_based", target="keras") == keras
    assert timeline.translate({"iterations": steps}, source="keras", target="pytorch_one_based") == printed
