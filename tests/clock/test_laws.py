"""The clock in a plain loop, batch by batch, against the simulation."""

from __future__ import annotations

import json
import warnings
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import stepbridge as sb
from simulation import Batch, Run, Scanner
from strategies import Case, cases

if TYPE_CHECKING:
    from collections.abc import Iterator


def drive(clock: sb.StepClock, lengths: list[int], resume: str | None = None) -> Iterator[int]:
    """Run the loop over loaders of these lengths, from the clock's epoch on; yield in every batch's body."""
    for epoch in clock.epochs(len(lengths) - clock.position.epoch):
        left = lengths[epoch] - (clock.position.iter if resume == "continues" else 0)
        for _ in clock.batches(range(left), resume=resume if clock.position.iter else None):  # type: ignore[arg-type]
            yield epoch


def lengths_of(case: Case) -> list[int]:
    return [case.scanner.batches_of(epoch) for epoch in range(len(case.run.starts))]


def check(clock: sb.StepClock, case: Case, batch: Batch, number: int) -> None:
    run = case.run
    assert clock.batch == number
    assert (clock.epoch, clock.iter) == clock.location == (batch.epoch, batch.iter)
    assert clock.step == run.steps_at[number]
    assert clock.closes_step == batch.closes
    expected = None if batch.first_sample is None or batch.samples is None else batch.first_sample + batch.samples
    assert clock.sample == expected


@given(cases())
def test_every_batch_shows_the_simulations_counters(case: Case) -> None:
    clock = sb.StepClock(case.timeline)
    for seen, (batch, _) in enumerate(zip(case.run.batches, drive(clock, lengths_of(case)), strict=True), 1):
        check(clock, case, batch, seen)
    assert clock.step == case.run.steps


@given(cases())
def test_what_was_observed_as_planned_equals_the_plan(case: Case) -> None:
    clock = sb.StepClock(case.timeline)
    assert clock.timeline == case.timeline
    for _ in drive(clock, lengths_of(case)):
        assert clock.timeline == case.timeline
    assert clock.timeline == case.timeline


@given(cases(), st.data())
def test_a_resumed_clock_goes_on_as_if_nothing_had_been(case: Case, data: st.DataObject) -> None:
    lengths = lengths_of(case)
    stop = data.draw(st.integers(0, len(case.run.batches)), label="batches before the stop")
    first = sb.StepClock(case.timeline)
    loop = drive(first, lengths)
    for _ in range(stop):
        next(loop)
    state = json.loads(json.dumps(first.state_dict()))
    second = sb.StepClock()
    second.load_state_dict(state, pending="carry")
    assert (second.batch, second.step, second.sample) == (first.batch, first.step, first.sample)
    assert second.position == first.position
    rest = case.run.batches[stop:]
    for number, (batch, _) in enumerate(zip(rest, drive(second, lengths, "continues"), strict=True), stop + 1):
        check(second, case, batch, number)
    assert second.timeline == case.timeline


@given(cases())
def test_what_is_done_is_known_in_every_unit(case: Case) -> None:
    assume(0 not in lengths_of(case))
    clock, scanner = sb.StepClock(case.timeline), case.scanner
    for done, _ in enumerate(drive(clock, lengths_of(case)), 1):
        assert clock.elapsed("epoch") == scanner.epoch_of(done)
        assert clock.elapsed("duration") == case.scanner.run_share(done)
        assert clock.elapsed("step") == case.run.steps_at[done]
        samples = scanner.samples_after(done)
        if samples is None:
            with pytest.raises(ValueError, match="batch_size"):
                clock.elapsed("sample")
        else:
            assert clock.elapsed("sample") == samples


#: Lengths of loaders that the clock does not know.
UNKNOWN = st.lists(st.integers(0, 7), min_size=1, max_size=5)
RULES = st.sampled_from(["flush", "carry", "drop"])


@given(UNKNOWN, st.integers(1, 4), RULES)
def test_lengths_are_learned(lengths: list[int], accumulate: int, rule: str) -> None:
    clock = sb.StepClock(accumulate=accumulate, boundary=rule)  # type: ignore[arg-type]
    run = Run(accumulate, rule)  # type: ignore[arg-type]
    closed = []
    for epoch in clock.epochs(len(lengths)):
        run.begin_epoch()
        for _ in clock.batches(iter(range(lengths[epoch]))):
            run.take(None)
            closed.append(clock.closes_step)
        run.end_epoch()
    assert closed == [batch.closes for batch in run.batches]
    assert clock.step == run.steps
    observed = sb.Timeline.from_epochs(lengths, accumulate=accumulate, boundary=rule)  # type: ignore[arg-type]
    for number, batch in enumerate(run.batches):
        assert clock.timeline.locate(number, "batch") == observed.locate(number, "batch") == (batch.epoch, batch.iter)


@given(UNKNOWN, st.lists(st.integers(1, 7), min_size=5, max_size=5), st.integers(1, 4), RULES)
def test_a_loop_that_breaks_leaves_the_window_pending(
    lengths: list[int], taken: list[int], accumulate: int, rule: str
) -> None:
    clock = sb.StepClock(batches_per_epoch=8, epochs=len(lengths), accumulate=accumulate, boundary=rule)  # type: ignore[arg-type]
    run = Run(accumulate, rule)  # type: ignore[arg-type]
    for epoch in clock.epochs():
        run.begin_epoch()
        for iteration, _ in enumerate(clock.batches(range(8))):
            run.take(None)
            assert clock.step == run.steps
            if iteration + 1 == taken[epoch]:
                break
        run.end_epoch(cut=True)
    assert [segment.batches for segment in clock.timeline.segments if segment.cut]
    scanner = Scanner(run)
    for step in range(clock.step):
        assert clock.timeline.locate(step) == scanner.locate("step", step)


@given(
    cases(),
    st.sampled_from(["1st", "2st", "3ba", "1ep", "2ep", "1/3ep", "10%", "1/3dur", "7sp"]),
)
def test_every_asks_whether_a_multiple_was_crossed(case: Case, text: str) -> None:
    quantity = sb.Quantity.parse(text)
    scanner, total = case.scanner, len(case.run.batches)
    assume(total > 0)

    def amount(batches: int) -> Fraction | None:
        match quantity.unit:
            case "st":
                return Fraction(case.run.steps_at[batches])
            case "ba":
                return Fraction(batches)
            case "ep":
                return scanner.epoch_of(batches)
            case "dur":
                return scanner.run_share(batches)
            case _:
                samples = scanner.samples_after(batches)
                return None if samples is None else Fraction(samples)

    clock = sb.StepClock(case.timeline)
    trigger = clock.trigger(text) if amount(total) is not None else None
    # An epoch without batches passes between two batches; what it crosses is asked for at its end.
    empty = 0 in lengths_of(case)
    for number, _ in enumerate(drive(clock, lengths_of(case)), 1):
        before, now = amount(number - 1), amount(number)
        if before is None or now is None:
            with pytest.raises(ValueError, match="batch_size"):
                clock.every(text)
            continue
        if empty:
            continue
        assert clock.every(text) == clock.every(text) == (now // quantity.value > before // quantity.value)
        assert clock.at(text) == (before < quantity.value <= now)
        assert trigger is not None
        assert bool(trigger) == (now // quantity.value > before // quantity.value)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 3), RULES)
def test_a_loader_of_another_length_is_counted_as_it_comes(planned: int, real: int, accumulate: int, rule: str) -> None:
    clock = sb.StepClock(batches_per_epoch=planned, epochs=2, accumulate=accumulate, boundary=rule)  # type: ignore[arg-type]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        counts = [clock.batch for _ in drive(clock, [real, real])]
    assert counts == list(range(1, 2 * real + 1))
    assert clock.timeline.batches == 2 * real
    assert clock.timeline.epochs == clock.position.epoch == 2
    assert clock.timeline.steps == clock.step
    assert bool(caught) == (real != planned)
    assert all(str(planned) in str(warning.message) for warning in caught)
