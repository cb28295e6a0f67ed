"""Streams: batches run on, and an epoch is an amount of samples. A batch-by-batch count is the judge."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepbridge as sb
from stepbridge.timeline import batch_size_ramp

LOCATED: tuple[Any, ...] = ("batch", "step", "sample", "token")


class Counted:
    """The first batches of a stream, counted one after the other."""

    def __init__(self, ramp: list[tuple[int, int]], passing: int, accumulate: int, batches: int) -> None:
        self.places: list[tuple[int, int]] = []
        self.firsts: list[int] = []
        self.sizes: list[int] = []
        sample = iteration = epoch = 0
        for _ in range(batches):
            size = [size for at, size in ramp if at <= sample][-1]
            if sample // passing != epoch:
                epoch, iteration = sample // passing, 0
            self.places.append((epoch, iteration))
            self.firsts.append(sample)
            self.sizes.append(size)
            sample += size
            iteration += 1
        self.samples = sample
        self.closing = list(range(accumulate - 1, batches, accumulate))

    def place(self, unit: str, index: int, each: int) -> tuple[int, int]:
        if unit == "step":
            return self.places[self.closing[index]]
        if unit == "batch":
            return self.places[index]
        sample = index if unit == "sample" else index // each
        number = max(n for n, first in enumerate(self.firsts) if first <= sample)
        return self.places[number]


@st.composite
def ramps(draw: st.DrawFn) -> list[tuple[int, int]]:
    later = sorted(draw(st.sets(st.integers(1, 120), max_size=4)))
    return [(at, draw(st.integers(1, 9))) for at in (0, *later)]


@given(
    ramps(), st.integers(1, 40), st.integers(1, 4), st.integers(1, 5), st.sampled_from(["steps", "endless", "tokens"])
)
def test_everything_is_where_it_was_counted(
    ramp: list[tuple[int, int]], passing: int, accumulate: int, each: int, end: str
) -> None:
    batches = 12 * accumulate
    counted = Counted(ramp, passing, accumulate, batches)
    ends: dict[str, Any] = {
        "steps": {"steps": 12},
        "endless": {},
        "tokens": {"tokens": counted.samples * each - (each - 1)},
    }[end]
    plan = sb.Timeline.stream(batch_size=ramp, samples=passing, tokens_per_sample=each, accumulate=accumulate, **ends)
    known = end != "endless"
    assert plan.batches == (batches if known else None)
    assert (plan.samples, plan.tokens) == ((counted.samples, counted.samples * each) if known else (None, None))
    totals = {"batch": batches, "step": 12, "sample": counted.samples, "token": counted.samples * each}
    for unit in LOCATED:
        numbers = np.array([*range(totals[unit]), 0, totals[unit] - 1, *range(totals[unit])[::-3]])
        expected = [counted.place(unit, int(number), each) for number in numbers]
        found = plan.locate(numbers, unit=unit)
        assert list(zip(*(column.tolist() for column in found), strict=True)) == expected
        assert [plan.locate(int(number), unit=unit) for number in numbers] == expected
        if known:
            with pytest.raises(IndexError):
                plan.locate(totals[unit], unit=unit)
            assert plan.locate(np.array([totals[unit], -1]), unit=unit, invalid="mask")[0].tolist() == [-1, -1]
    for number, (place, first, size) in enumerate(zip(counted.places, counted.firsts, counted.sizes, strict=True)):
        assert plan.index(*place, unit="batch") == number
        assert plan.index(*place, unit="sample") == first
        assert plan.index(*place, unit="token") == first * each
        assert plan.convert(f"{number + 1}ba", "sample") == sb.Exact(first + size, "sp")
        assert plan.convert(f"{number + 1}ba", "epoch") == sb.Exact(Fraction(first + size, passing), "ep")
        assert plan.convert(f"{(first + size) * each}tok", "batch") == sb.Exact(number + 1, "ba")
    assert sb.Timeline.from_json(plan.to_json()) == plan


@given(ramps(), st.integers(1, 40), st.integers(1, 3), st.data())
def test_a_clock_on_a_stream_counts_the_same(
    ramp: list[tuple[int, int]], passing: int, accumulate: int, data: Any
) -> None:
    counted = Counted(ramp, passing, accumulate, 12 * accumulate)
    plan = sb.Timeline.stream(batch_size=ramp, samples=passing, tokens_per_sample=3, steps=12, accumulate=accumulate)
    reload = data.draw(st.integers(0, 12 * accumulate - 1))
    clock = sb.StepClock(plan)
    seen: list[tuple[int, int]] = []
    closing: list[int] = []
    for _ in clock.epochs():
        for _ in clock.batches(iter(int, 1)):
            seen.append((clock.location.epoch, clock.location.iter))
            if clock.closes_step:
                closing.append(clock.batch - 1)
            assert clock.sample == counted.firsts[clock.batch - 1] + counted.sizes[clock.batch - 1]
            assert clock.token == clock.sample * 3
            assert clock.elapsed("epoch") == Fraction(clock.sample, passing)
            assert clock.position.epoch == clock.sample // passing
            if clock.batch == reload:
                break
        if clock.batch == reload:
            break
    if reload:
        state = clock.state_dict()
        clock = sb.StepClock(plan)
        clock.load_state_dict(state, pending="carry")
        for _ in clock.epochs():
            for _ in clock.batches(iter(int, 1), resume="continues"):
                seen.append((clock.location.epoch, clock.location.iter))
                if clock.closes_step:
                    closing.append(clock.batch - 1)
    assert seen == counted.places
    assert closing == counted.closing
    assert clock.finished
    assert clock.timeline == plan


def test_a_clock_may_count_many_batches_at_once() -> None:
    plan = sb.Timeline.stream(batch_size=[(0, 7), (100, 3)], samples=31)
    clock = sb.StepClock(plan)
    clock.begin_epoch()
    for batches in (1, 10, 5, 100, 10**9):
        clock.advance(batches)
        assert clock.location == plan.locate(clock.batch - 1, unit="batch")


def test_the_epochs_of_an_endless_sampler_end_inside_batches() -> None:
    """detectron2: 60 images in batches of 16 are one endless stream."""
    plan = sb.Timeline.stream(batch_size=16, samples=60, steps=1000)
    assert plan.convert("1000st", "epoch") == sb.Exact(Fraction(800, 3), "ep")
    assert [tuple(plan.locate(n)) for n in range(3, 8)] == [(0, 3), (1, 0), (1, 1), (1, 2), (1, 3)]
    assert plan.epochs == 267


def test_without_the_samples_of_a_pass_epochs_are_not_known_and_all_else_is_exact() -> None:
    plan = sb.Timeline.stream(batch_size=512, tokens_per_sample=4096, tokens="300Btok", accumulate=4)
    assert isinstance(plan.convert("1000st", "epoch"), sb.Undetermined)
    assert plan.convert("1000st", "token") == sb.Exact(1000 * 4 * 512 * 4096, "tok")
    assert plan.convert("1000st", "sample") == sb.Exact(2_048_000, "sp")
    with pytest.raises(ValueError, match="samples of one pass"):
        plan.locate(3)
    assert plan.locate(3, invalid="mask") is None
    assert plan.locate(np.array([3, 4]), invalid="mask")[0].tolist() == [-1, -1]
    clock = sb.StepClock(plan)
    for _ in clock.epochs():
        for _ in clock.batches(range(10)):
            pass
        break
    assert (clock.batch, clock.step, clock.sample) == (10, 2, 5120)
    with pytest.raises(ValueError, match="samples of one pass"):
        _ = clock.location


def test_a_ledger_of_a_stream_has_its_changes_and_its_end(tmp_path: Any) -> None:
    plan = sb.Timeline.stream(batch_size=8, samples=100, steps=20)
    clock = sb.StepClock(plan, ledger=tmp_path)
    state = clock.state_dict()
    for _ in clock.epochs():
        for _ in clock.batches(iter(int, 1)):
            if clock.batch == 7:
                clock.change(batch_size=16)
            if clock.batch == 12:
                state = clock.state_dict()
    assert (clock.step, clock.sample) == (20, 7 * 8 + 13 * 16)
    again = sb.StepClock(plan, ledger=tmp_path)
    again.load_state_dict(state)
    for _ in again.epochs():
        for _ in again.batches(iter(int, 1), resume="continues"):
            pass
    ledger = sb.read_ledger(tmp_path)
    assert not ledger.problems
    assert ledger.timeline == again.timeline == clock.timeline
    assert len(ledger.sessions) == 2


@pytest.mark.parametrize(("size", "samples"), [(8, 160), (16, 16 * 18 + 16), (32, 16 * 18 + 32)])
def test_a_resume_with_another_batch_size_keeps_the_steps(size: int, samples: int) -> None:
    first = sb.StepClock(sb.Timeline.stream(batch_size=8, steps=20), until="4ba")
    for _ in first.epochs():
        for _ in first.batches(iter(int, 1)):
            pass
        break
    second = sb.StepClock(sb.Timeline.stream(batch_size=size, steps=20))
    second.load_state_dict(first.state_dict())
    for _ in second.epochs():
        for _ in second.batches(iter(int, 1), resume="continues"):
            pass
    assert second.step == 20
    assert second.sample == 4 * 8 + 16 * size


def test_a_change_of_the_accumulation_keeps_the_steps() -> None:
    plan = sb.Timeline.stream(batch_size=2, steps=10, accumulate=2)
    changed = plan.change(at="7ba", accumulate=5, pending="carry")
    assert (changed.steps, changed.batches) == (10, 7 + 7 * 5 - 1)
    tokens = sb.Timeline.stream(batch_size=2, tokens_per_sample=5, tokens=1000).change(at="10ba", batch_size=7)
    assert tokens.batches == 10 + -(-180 // 7)


def test_megatrons_ramps() -> None:
    ramp = batch_size_ramp(16, 16, 100, 64)
    assert [(quantity.value, size) for quantity, size in ramp] == [(0, 16), (34, 32), (67, 48), (100, 64)]
    plan = sb.Timeline.stream(batch_size=ramp)
    consumed, batches = 0, 0
    while consumed < 1000:  # as Megatron does it: by the samples consumed before the batch
        size = 64 if consumed > 100 else min(64, 16 + 16 * (consumed * 3 // 100))
        consumed, batches = consumed + size, batches + 1
        assert plan.convert(f"{batches}ba", "sample") == sb.Exact(consumed, "sp")
    by_text = sb.Timeline.stream(batch_size="0:768 250B:1536", tokens_per_sample=4096)
    by_pairs = sb.Timeline.stream(batch_size=[(0, 768), ("250Btok", 1536)], tokens_per_sample=4096)
    assert by_text == by_pairs
    assert [segment.batch_size for segment in by_text.segments] == [768, 1536]
    samples = sb.Timeline.stream(batch_size="0:8 1k:16")
    assert samples.segments[0].batches == 125


@pytest.mark.parametrize(
    ("arguments", "error", "word"),
    [
        ({"batch_size": [(0, 8), (100, 16), (50, 32)]}, ValueError, "goes back"),
        ({"batch_size": [(5, 8)]}, ValueError, "from 0 on"),
        ({"batch_size": []}, ValueError, "no entry"),
        ({"batch_size": [(0, 0)]}, ValueError, "at least 1"),
        ({"batch_size": 0}, ValueError, "at least 1"),
        ({"batch_size": "0:8 x"}, ValueError, "colon"),
        ({"batch_size": [(0, 8), ("5Btok", 9)]}, ValueError, "tokens_per_sample"),
        ({"batch_size": 8, "tokens_per_sample": 0}, ValueError, "at least 1"),
        ({"batch_size": 8, "tokens": 5}, ValueError, "tokens_per_sample"),
        ({"batch_size": 8, "tokens": 5, "steps": 5}, ValueError, "one of them"),
        ({"batch_size": 8, "tokens": "5st", "tokens_per_sample": 2}, ValueError, "tokens"),
        ({"batch_size": 2**62, "steps": 8}, OverflowError, "samples"),
        ({"batch_size": 2**50, "steps": 8, "tokens_per_sample": 2**12}, OverflowError, "tokens"),
        ({"batch_size": 2.5}, TypeError, "integer"),
    ],
)
def test_what_is_refused(arguments: dict[str, Any], error: type[Exception], word: str) -> None:
    with pytest.raises(error, match=word):
        sb.Timeline.stream(**arguments)


@given(ramps(), st.integers(9, 40), st.integers(1, 6), st.booleans(), st.integers(1, 3))
def test_a_ramp_over_epochs_is_a_chain_of_changes(
    ramp: list[tuple[int, int]], samples: int, epochs: int, drop_last: bool, accumulate: int
) -> None:
    plan = sb.Timeline.plan(
        samples=samples, batch_size=ramp, epochs=epochs, drop_last=drop_last, accumulate=accumulate, boundary="carry"
    )
    changed = sb.Timeline.plan(
        samples=samples, batch_size=ramp[0][1], epochs=epochs, drop_last=drop_last, accumulate=accumulate,
        boundary="carry",
    )  # fmt: skip
    for at, size in ramp[1:]:
        batch = 0
        while batch < (changed.batches or 0) and int(changed.convert(f"{batch}ba", "sample")) < at:
            batch += 1
        changed = changed.change(at=f"{batch}ba", batch_size=size)
    assert [
        (plan.locate(n, unit="batch"), plan.index(*plan.locate(n, unit="batch"), unit="sample"))
        for n in range(plan.batches or 0)
    ] == [
        (changed.locate(n, unit="batch"), changed.index(*changed.locate(n, unit="batch"), unit="sample"))
        for n in range(changed.batches or 0)
    ]
    assert (plan.samples, plan.steps) == (changed.samples, changed.steps)


def test_a_thousand_changes_cost_little() -> None:
    ramp = [(n * 1000, 8 + n % 7) for n in range(1000)]
    plan = sb.Timeline.stream(batch_size=ramp, samples=12_345)
    numbers = np.arange(0, 400_000)
    epoch, iteration = plan.locate(numbers, unit="batch")
    for number in (0, 77_777, 123_456, 399_999):
        assert plan.locate(number, unit="batch") == (epoch[number], iteration[number])
    assert len(sb.Timeline.plan(samples=12_345, batch_size=ramp, epochs=100).segments) >= 1000


@pytest.mark.parametrize("size", [1, 3, 9, 40, 200])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_resume_with_a_smaller_batch_size_goes_on_for_the_steps_that_are_left(size: int, accumulate: int) -> None:
    """The new plan alone would have ended before the samples that are done."""
    first = sb.StepClock(sb.Timeline.stream(batch_size=50, steps=12))
    first.begin_epoch()
    first.advance(10)
    again = sb.StepClock(sb.Timeline.stream(batch_size=size, steps=12, accumulate=accumulate))
    again.load_state_dict(first.state_dict())
    again.begin_epoch()
    again.advance(2 * accumulate)
    assert (again.step, again.sample, again.finished) == (12, 500 + 2 * accumulate * size, True)


@pytest.mark.parametrize(("size", "batches"), [(1, 17), (4, 5), (10, 2), (16, 2), (17, 1), (100, 1)])
def test_an_end_in_tokens_is_kept_to_the_batch_that_reaches_it(size: int, batches: int) -> None:
    """100 tokens, of which 33 samples of 2 are 66: 17 samples are left, whatever the batches were before."""
    plan = sb.Timeline.stream(batch_size=11, tokens_per_sample=2, tokens=100)
    first = sb.StepClock(plan)
    first.begin_epoch()
    first.advance(3)
    state = first.state_dict()
    first.change(batch_size=size)
    again = sb.StepClock(sb.Timeline.stream(batch_size=size, tokens_per_sample=2, tokens=100))
    again.load_state_dict(state)
    for clock in (first, again):
        assert clock.timeline.batches == 3 + batches
        assert clock.timeline == plan.change(at="3ba", batch_size=size)


def test_a_plan_that_ends_before_what_is_done_is_refused() -> None:
    first = sb.StepClock(sb.Timeline.stream(batch_size=11, tokens_per_sample=2, tokens=100))
    first.begin_epoch()
    first.advance(5)
    assert first.finished
    over = sb.StepClock(sb.Timeline.stream(batch_size=3, tokens_per_sample=2, tokens=100))
    over.load_state_dict(first.state_dict())
    assert over.finished
    with pytest.raises(sb.TimelineError, match="ends before the 55 samples"):
        sb.StepClock(sb.Timeline.stream(batch_size=3, tokens_per_sample=2, tokens=60)).load_state_dict(
            first.state_dict()
        )
