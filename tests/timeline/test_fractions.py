"""A fraction of an epoch or of the run is an amount of data: a change of the batch size does not move it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepbridge as sb
from stepbridge.adapters.base import Phases


@pytest.mark.parametrize(
    ("text", "sample"), [("25%", 1250), ("50%", 2500), ("90%", 4500), ("2.5ep", 2500), ("4.5ep", 4500)]
)
def test_an_end_stays_at_its_sample_over_a_resume_with_another_batch_size(text: str, sample: int) -> None:
    first = sb.StepClock(samples=1000, batch_size=50, epochs=5, until="48ba")
    for _ in first.epochs():
        for _ in first.batches(range(20)):
            pass
    second = sb.StepClock(samples=1000, batch_size=25, epochs=5)
    second.load_state_dict(first.state_dict())
    for clock in (first, second):
        assert clock.convert(text, "sample") == sb.Exact(sample, "sp")
    assert second.elapsed("epoch") == Fraction(12, 5)
    assert second.elapsed("duration") == Fraction(12, 25)


@pytest.mark.parametrize(("text", "sample"), [("0.5ep", 500), ("25%", 500), ("1.1ep", 1100)])
def test_inside_a_batch_it_is_the_same_sample_before_and_after_a_change(text: str, sample: int) -> None:
    plan = sb.Timeline.plan(samples=1000, batch_size=300, epochs=2, tokens_per_sample=7)
    changed = plan.change(at="1ba", batch_size=150)
    for timeline in (plan, changed, changed.change(at="2ba", batch_size=7)):
        assert timeline.convert(text, "sample") == sb.Exact(sample, "sp")
        assert timeline.convert(text, "token") == sb.Exact(7 * sample, "tok")
        assert timeline.convert(f"{sample}sp", "epoch") == sb.Exact(Fraction(sample, 1000), "ep")
        assert timeline.convert(f"{7 * sample}tok", "duration") == sb.Exact(Fraction(sample, 2000), "dur")
        assert timeline.convert("10tok", "sample") == sb.Between(sb.Quantity(1, "sp"), sb.Quantity(2, "sp"))
        assert timeline.compare(text, f"{sample}sp") == 0
    assert plan.convert(text, "batch") != changed.convert(text, "batch")


def test_inside_a_batch_before_epochs_without_batches() -> None:
    plan = sb.Timeline.from_epochs([1, 0, 2, 0, 0])
    assert plan.convert("25%", "epoch") == sb.Exact(Fraction(3, 4), "ep")
    assert plan.convert("0.5ep", "duration") == sb.Exact(Fraction(1, 6), "dur")
    assert plan.convert("50%", "epoch") == sb.Exact(Fraction(9, 4), "ep")
    assert plan.convert("75%", "epoch") == sb.Exact(Fraction(21, 8), "ep")
    assert plan.convert("1ba", "epoch") == sb.Exact(2, "ep")


def test_an_amount_of_a_stream_is_exact_inside_a_batch() -> None:
    stream = sb.Timeline.stream(batch_size=[(0, 16), ("100sp", 32)], samples=60, tokens_per_sample=10)
    assert stream.convert("1ep", "sample") == sb.Exact(60, "sp")
    assert stream.convert("1234tok", "epoch") == sb.Exact(Fraction(1234, 600), "ep")
    assert stream.convert("1234tok", "sample") == sb.Between(sb.Quantity(123, "sp"), sb.Quantity(124, "sp"))


def test_an_end_of_a_schedule_is_the_same_sample_for_any_batch_size() -> None:
    """The second phase begins inside a batch and counts in another unit."""
    phases = Phases([("0.5ep", 1.0, "linear"), ("100%", 0.0, "linear")], start=0.0)

    def factors(size: int, then: int) -> dict[int | None, float]:
        clock = sb.StepClock(samples=1000, batch_size=size, epochs=2)
        found: dict[int | None, float] = {}
        for epoch in clock.epochs():
            while clock.position.epoch == epoch:
                clock.advance()
                found[clock.sample] = phases.factor(clock)
                if clock.batch == 2:
                    clock.change(batch_size=then)
        return found

    each = factors(1, 1)
    for size, then in ((300, 300), (7, 40), (250, 33)):
        found = factors(size, then)
        assert found == pytest.approx({sample: each[sample] for sample in found})


@pytest.mark.parametrize(("size", "then"), [(30, 30), (30, 7), (45, 90)])
def test_a_compiled_schedule_agrees_where_its_ends_are_inside_a_batch(size: int, then: int) -> None:
    phases = Phases([("0.35ep", 1.0, "linear"), ("65%", 0.3, "cosine"), ("100%", 0.0, "linear")], start=0.0)
    plan = sb.Timeline.plan(samples=900, batch_size=size, epochs=2).change(at="16ba", batch_size=then)
    compiled, clock = phases.in_batches(plan), sb.StepClock(plan)
    for epoch in clock.epochs():
        while clock.position.epoch == epoch:
            clock.advance()
            factor = Phases.compiled(compiled, 0.0, clock.batch, share=np.true_divide, numeric=np)
            assert factor == pytest.approx(phases.factor(clock), abs=1e-6)


@pytest.mark.parametrize("boundary", ["flush", "drop", "carry", "spill"])
@pytest.mark.parametrize("accumulate", [1, 2, 3])
@pytest.mark.parametrize("lengths", [(1000, 999, 6), (1000, 300, 4), (7, 3, 5), (1000, 200, 3)])
def test_a_compiled_schedule_counts_partial_batches_and_short_windows_as_what_they_are(
    lengths: tuple[int, int, int], accumulate: int, boundary: Any
) -> None:
    """After each step, and after each batch, the factor is that of the data."""
    samples, size, epochs = lengths
    phases = Phases([("1.5ep", 1.0, "linear"), (f"{samples * 2}sp", 0.7, "hold"), ("100%", 0.0, "cosine")], start=0.0)
    plan = sb.Timeline.plan(samples=samples, batch_size=size, epochs=epochs, accumulate=accumulate, boundary=boundary)
    in_batches, in_steps, clock = phases.in_batches(plan), phases.in_steps(plan), sb.StepClock(plan)
    for epoch in clock.epochs():
        while clock.position.epoch == epoch:
            clock.advance()
            found = Phases.compiled(in_batches, 0.0, clock.batch, share=np.true_divide, numeric=np)
            assert found == pytest.approx(phases.factor(clock), abs=1e-6)
            # An end in batches that are dropped counts from the next window on, which the step before cannot show.
            dropped = boundary == "drop" and clock.step in [phase.end for phase in in_steps]
            if clock.closes_step and clock.step < in_steps[-1].end and not dropped:
                found = Phases.compiled(in_steps, 0.0, clock.step, share=np.true_divide, numeric=np)
                assert found == pytest.approx(phases.factor(clock), abs=1e-6)


def test_a_phase_that_begins_in_dropped_batches_begins_with_the_next_window() -> None:
    # Steps after 600, 1600 and 2600 samples; those from 1600 to 2000 are dropped.
    plan = sb.Timeline.plan(samples=1000, batch_size=200, epochs=3, accumulate=3, boundary="drop")
    compiled = Phases([("2000sp", 0.8, "hold"), ("100%", 0.0, "linear")]).in_steps(plan)
    found = [float(Phases.compiled(compiled, 1.0, n, share=np.true_divide, numeric=np)) for n in range(3)]
    assert found == [1.0, 1.0, pytest.approx(0.8)]


def test_a_compiled_schedule_after_epochs_without_batches_and_of_an_open_ended_run() -> None:
    history = sb.Timeline.from_epochs([0, 3, 0, 0, 2], samples=[0, 5, 0, 0, 4], batch_size=2)
    compiled = Phases([("9sp", 0.0, "linear")]).in_batches(history)
    found = [float(Phases.compiled(compiled, 1.0, n, share=np.true_divide, numeric=np)) for n in range(6)]
    assert found == pytest.approx([1 - done / 9 for done in (0, 2, 4, 5, 7, 9)])
    endless = sb.Timeline.plan(samples=5, batch_size=4)
    compiled = Phases([("2ep", 0.0, "linear")]).in_batches(endless)
    found = [float(Phases.compiled(compiled, 1.0, n, share=np.true_divide, numeric=np)) for n in range(6)]
    assert found == pytest.approx([1, 0.6, 0.5, 0.1, 0, 0])
    with pytest.raises(sb.TimelineError, match=r"the phase that ends at 90000ep changes more than 100000 times"):
        Phases([("90000ep", 0.0, "linear")]).in_batches(endless)


@pytest.mark.parametrize("change_at", [None, 8, 11])
def test_triggers_and_ends_follow_the_samples(change_at: int | None) -> None:
    clock = sb.StepClock(samples=1000, batch_size=25, epochs=1)
    hit: list[tuple[str, int | None]] = []
    for _ in clock.epochs():
        while clock.sample != 1000:
            clock.advance()
            hit.extend((f"at {text}", clock.sample) for text in ("50%", "0.9ep") if clock.at(text))
            if clock.every("0.25ep"):
                hit.append(("every", clock.sample))
            if clock.batch == change_at:
                clock.change(batch_size=5)
    assert hit == [
        ("every", 250), ("at 50%", 500), ("every", 500), ("every", 750), ("at 0.9ep", 900), ("every", 1000)
    ]  # fmt: skip


@pytest.mark.parametrize(("text", "sample"), [("0.5ep", 500), ("90%", 900)])
def test_until_ends_at_the_sample(text: str, sample: int) -> None:
    clock = sb.StepClock(samples=1000, batch_size=25, epochs=1, until=text)
    for _ in clock.epochs():
        for _ in clock.batches(iter(range(1000))):
            if clock.batch == 4:
                clock.change(batch_size=50)
    assert clock.sample == sample


def test_an_epoch_left_out_of_a_known_size_counts_batches() -> None:
    """Where the size of one batch of an epoch is not known, its batches are counted; the other epochs go by samples."""
    run = sb.Timeline.from_epochs([2, 4], samples=[3, 10])
    assert run.convert("1ba", "epoch") == sb.Exact(Fraction(1, 2), "ep")
    assert run.convert("50%", "batch") == sb.Exact(3, "ba")


def test_a_long_decimal_is_placed_exactly() -> None:
    plan = sb.Timeline.plan(samples=10**12, batch_size=512, epochs=3)
    low, high = "0.123456789012345678ep", "0.123456789012345679ep"
    assert plan.compare(low, "123456789012sp") == plan.compare(high, low) == 1
    assert plan.convert(low, "batch") == plan.convert(high, "batch")


@given(st.data())
def test_no_change_of_the_batch_size_moves_a_fraction(data: Any) -> None:
    samples, epochs = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 3))
    plan = sb.Timeline.plan(samples=samples, batch_size=data.draw(st.integers(1, 9)), epochs=epochs)
    changed = plan
    at = 0
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(at, changed.batches or 0))
        changed = changed.change(at=f"{at}ba", batch_size=data.draw(st.integers(1, 9)))
    share = Fraction(data.draw(st.integers(0, 12)), 12)
    for quantity in (sb.Quantity(share, "dur"), sb.Quantity(share * epochs, "ep")):
        wanted = share * samples * epochs
        for timeline in (plan, changed):
            assert timeline.compare(quantity, f"{int(wanted)}sp") == (wanted.denominator > 1)
            if wanted.denominator > 1:
                assert timeline.compare(quantity, f"{int(wanted) + 1}sp") == -1
