"""Runs too long to play: against closed forms in Python's own integers, up to the largest count and past it."""

from __future__ import annotations

from bisect import bisect_right
from fractions import Fraction
from itertools import accumulate
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import stepbridge as sb

BIGGEST = 2**63 - 1

# Of every magnitude: a wrapped product shows near the limit, a rounded one past 2**53.
sizes = st.integers(0, 61).flatmap(lambda bits: st.integers(2**bits, 2 ** (bits + 1)))
boundaries: st.SearchStrategy[Any] = st.sampled_from(["flush", "carry", "drop"])


class Regular:
    """Epochs of one length, in closed form."""

    def __init__(self, epochs: int, batches: int, window: int, boundary: str) -> None:
        self.epochs, self.batches, self.window, self.boundary = epochs, batches, window, boundary

    @property
    def steps_an_epoch(self) -> int:
        return -(-self.batches // self.window) if self.boundary == "flush" else self.batches // self.window

    @property
    def steps(self) -> int:
        if self.boundary == "carry":
            return self.epochs * self.batches // self.window
        return self.epochs * self.steps_an_epoch

    def closing(self, step: int) -> tuple[int, int]:
        """Find the batch that closes a step."""
        if self.boundary == "carry":
            return divmod((step + 1) * self.window - 1, self.batches)
        epoch, inside = divmod(step, self.steps_an_epoch)
        return epoch, min((inside + 1) * self.window, self.batches) - 1


@given(st.data(), sizes, sizes, sizes, boundaries)
def test_regular_runs(data: st.DataObject, epochs: int, batches: int, window: int, boundary: Any) -> None:
    truth = Regular(epochs, batches, window, boundary)
    arguments: dict[str, Any] = {"batches_per_epoch": batches, "accumulate": window, "boundary": boundary}
    if epochs * batches > BIGGEST:
        with pytest.raises(OverflowError):
            sb.Timeline.plan(epochs=epochs, **arguments)
        epochs = truth.epochs = BIGGEST // batches
    plan = sb.Timeline.plan(epochs=epochs, **arguments)
    assert (plan.epochs, plan.batches, plan.steps) == (epochs, epochs * batches, truth.steps)

    numbers = data.draw(st.lists(st.integers(0, epochs * batches - 1), min_size=1, max_size=5))
    epoch, iteration = plan.locate(np.array(numbers), unit="batch")
    assert list(zip(epoch.tolist(), iteration.tolist(), strict=True)) == [divmod(n, batches) for n in numbers]
    for number in numbers:
        assert plan.convert(f"{number}ba", "ep") == sb.Exact(Fraction(number, batches), "ep")
        assert plan.convert(f"{number}ba", "dur") == sb.Exact(Fraction(number, epochs * batches), "dur")

    assume(truth.steps)
    steps = data.draw(st.lists(st.integers(0, truth.steps - 1), min_size=1, max_size=5))
    epoch, iteration = plan.locate(np.array(steps))
    places = list(zip(epoch.tolist(), iteration.tolist(), strict=True))
    assert places == [truth.closing(step) for step in steps]
    assert [plan.locate(step) for step in steps] == places
    assert plan.index(epoch, iteration).tolist() == steps
    for step, (closing_epoch, closing_iteration) in zip(steps, places, strict=True):
        done = closing_epoch * batches + closing_iteration + 1
        assert plan.convert(f"{step + 1}st", "ba") == sb.Exact(done, "ba")
        assert plan.convert(f"{done}ba", "st") == sb.Exact(step + 1, "st")


@given(st.data(), st.lists(st.integers(0, 3) | sizes, min_size=1, max_size=8))
def test_irregular_runs(data: st.DataObject, lengths: list[int]) -> None:
    ends = list(accumulate(lengths))
    if ends[-1] > BIGGEST:
        with pytest.raises(OverflowError):
            sb.Timeline.from_epochs(lengths)
        return
    assume(ends[-1])
    run = sb.Timeline.from_epochs(lengths)
    numbers = data.draw(st.lists(st.integers(0, ends[-1] - 1), min_size=1, max_size=8))
    places = []
    for number in numbers:
        epoch = bisect_right(ends, number)
        places.append((epoch, number - (ends[epoch] - lengths[epoch])))
    epochs, iterations = run.locate(np.array(numbers), unit="batch")
    assert list(zip(epochs.tolist(), iterations.tolist(), strict=True)) == places
    assert run.index(epochs, iterations, unit="batch").tolist() == numbers
    assert [run.locate(number) for number in numbers] == places


@given(st.data(), sizes, sizes, st.integers(1, 1000), st.booleans())
def test_samples(data: st.DataObject, samples: int, batch_size: int, epochs: int, drop_last: bool) -> None:
    assume(batch_size <= samples)
    used = samples // batch_size * batch_size if drop_last else samples
    batches = -(-used // batch_size)
    arguments: dict[str, Any] = {"samples": samples, "batch_size": batch_size, "drop_last": drop_last}
    if used * epochs > BIGGEST:
        with pytest.raises(OverflowError):
            sb.Timeline.plan(epochs=epochs, **arguments)
        epochs = BIGGEST // used
    plan = sb.Timeline.plan(epochs=epochs, **arguments)
    assert (plan.batches, plan.samples) == (batches * epochs, used * epochs)
    numbers = data.draw(st.lists(st.integers(0, used * epochs - 1), min_size=1, max_size=5))
    epoch, iteration = plan.locate(np.array(numbers), unit="sample")
    expected = [(number // used, number % used // batch_size) for number in numbers]
    assert list(zip(epoch.tolist(), iteration.tolist(), strict=True)) == expected
    for place in expected:
        first = place[0] * used + place[1] * batch_size
        assert plan.index(*place, unit="sample") == first
        assert plan.convert(f"{first}sp", "ba") == sb.Exact(place[0] * batches + place[1], "ba")


@given(st.data(), st.lists(sizes, min_size=2, max_size=5))
def test_fractions_of_epochs_are_exact(data: st.DataObject, lengths: list[int]) -> None:
    """An epoch's own length is the denominator, however many epochs came before."""
    ends = list(accumulate(lengths))
    assume(ends[-1] <= BIGGEST)
    run = sb.Timeline.from_epochs(lengths)
    epoch = data.draw(st.integers(0, len(lengths) - 1))
    iteration = data.draw(st.integers(0, lengths[epoch] - 1))
    value = epoch + Fraction(iteration, lengths[epoch])
    assume(max(value.numerator, value.denominator) <= BIGGEST)
    batch = ends[epoch] - lengths[epoch] + iteration
    assert run.convert(f"{batch}ba", "ep") == sb.Exact(value, "ep")
    assert run.convert(sb.Quantity(value, "ep"), "ba") == sb.Exact(batch, "ba")


def test_a_fraction_that_no_quantity_holds_is_an_overflow() -> None:
    run = sb.Timeline.from_epochs([1, 1, 1, 1, 2**62])
    with pytest.raises(OverflowError):
        run.convert(f"{2**61 + 5}ba", "ep")


def test_counts_up_to_the_limit_are_exact() -> None:
    plan = sb.Timeline.plan(batches_per_epoch=BIGGEST, epochs=1)
    assert plan.batches == plan.steps == BIGGEST
    for number in (BIGGEST - 1, 2**62, 2**53 + 1):
        assert plan.locate(number) == (0, number)
        assert plan.locate(number + 1, base=1) == (1, number + 1)
        assert plan.index(0, number) == number
    assert plan.convert("50%", "batch") == sb.Between(sb.Quantity(2**62 - 1, "ba"), sb.Quantity(2**62, "ba"))


def test_open_ended_plans_reach_the_limit() -> None:
    assert sb.Timeline.plan(batches_per_epoch=3).locate(BIGGEST - 1) == divmod(BIGGEST - 1, 3)
    plan = sb.Timeline.plan(batches_per_epoch=1)
    assert plan.locate(BIGGEST, base=1) == (BIGGEST, 1)
    assert plan.index(BIGGEST, 1, base=1) == BIGGEST
    assert plan.convert(f"{BIGGEST}ba", "ep") == sb.Exact(BIGGEST, "ep")
    assert plan.convert(f"{BIGGEST}ep", "ba") == sb.Exact(BIGGEST, "ba")


def test_open_ended_plans_never_wrap() -> None:
    plan = sb.Timeline.plan(batches_per_epoch=3, batch_size=200)
    with pytest.raises(OverflowError):
        plan.index(2**62, 2)
    with pytest.raises(OverflowError):
        plan.index(np.array([0, 2**62]), np.array([0, 2]))
    with pytest.raises(OverflowError):
        plan.index(2**56, 0, unit="sample")
    with pytest.raises(OverflowError):
        plan.convert(f"{2**62}ep", "batch")
    accumulated = sb.Timeline.plan(batches_per_epoch=3, accumulate=2)
    assert accumulated.locate(2**62) == (2**61, 1)
    with pytest.raises(OverflowError):
        accumulated.locate(BIGGEST - 1)


def test_open_ended_plans_never_wrap_samples() -> None:
    plan = sb.Timeline.plan(batches_per_epoch=3, batch_size=200)
    assert plan.convert(f"{2**55}ba", "sample") == sb.Exact(200 * 2**55, "sp")
    with pytest.raises(OverflowError):
        plan.convert(f"{BIGGEST}ba", "sample")


def test_open_ended_plans_never_wrap_in_arrays() -> None:
    accumulated = sb.Timeline.plan(batches_per_epoch=3, accumulate=2)
    with pytest.raises(OverflowError, match=rf"(?s)(?=.*\b1\b)(?=.*{BIGGEST - 1})"):
        accumulated.locate(np.array([0, BIGGEST - 1]))
    epoch, iteration = accumulated.locate(np.array([2**62, BIGGEST - 1]), invalid="mask")
    assert epoch.tolist() == [2**61, -1]
    assert iteration.tolist() == [1, -1]


def test_huge_plans_are_exact() -> None:
    plan = sb.Timeline.plan(samples=10**12 + 1, batch_size=1000, epochs=10**6, accumulate=7)
    assert plan.samples == 10**18 + 10**6
    assert plan.batches == (10**9 + 1) * 10**6
    assert plan.steps == -(-(10**9 + 1) // 7) * 10**6
    assert plan.locate(10**18 + 10**6 - 1, unit="sample") == (10**6 - 1, 10**9)
    assert plan.convert("500000.5ep", "batch") == sb.Between(
        sb.Quantity(500_000_500_500_000, "ba"), sb.Quantity(500_000_500_500_001, "ba")
    )


@given(sizes, sizes, st.none() | sizes)
def test_samples_that_pass_the_limit_are_refused_where_the_plan_is_made(
    batches: int, batch_size: int, epochs: int | None
) -> None:
    if batches * batch_size * (epochs or 1) > BIGGEST:
        with pytest.raises(OverflowError, match=r"samples|batches"):
            sb.Timeline.plan(batches_per_epoch=batches, batch_size=batch_size, epochs=epochs)
    else:
        plan = sb.Timeline.plan(batches_per_epoch=batches, batch_size=batch_size, epochs=epochs)
        assert plan.locate(batches * batch_size - 1, "sample") == (0, batches - 1)
        assert plan.samples == (None if epochs is None else batches * batch_size * epochs)


def test_samples_that_pass_the_limit_by_a_change_are_refused() -> None:
    plan = sb.Timeline.plan(batches_per_epoch=2**40, batch_size=2, epochs=3)
    with pytest.raises(OverflowError, match="samples"):
        plan.change(at="1ba", batches_per_epoch=2**40, batch_size=2**40)
    with pytest.raises(OverflowError, match="samples"):
        sb.Timeline.from_json(plan.to_json().replace('"batch_size":2,"last_batch_size":2', f'"batch_size":{2**40}'))


def test_the_end_of_an_epoch_past_the_limit_has_no_number() -> None:
    plan = sb.Timeline.plan(batches_per_epoch=3)
    last = -(-BIGGEST // 3)
    assert plan.convert(f"{last - 1}ep", "ba") == sb.Exact(3 * (last - 1), "ba")
    with pytest.raises(OverflowError):
        plan.convert(f"{last}ep", "ba")


def test_a_trigger_never_wraps() -> None:
    run = sb.Timeline.from_epochs([1] * 9 + [2**62])
    clock = sb.StepClock(run, initial=f"{9 + 2**61}ba")
    trigger = clock.trigger(sb.Quantity(Fraction(2**61 - 1, 2**61), "ep"))
    assert trigger._multiples() == (9 + Fraction(1, 2)) // Fraction(2**61 - 1, 2**61)
