"""Laws of a timeline, on random plans, histories and changes, against the batch-by-batch simulation."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import stepbridge as sb
from simulation import Change, Exactly, History, Past, Place, Plan, Within
from strategies import PENDING, UNITS, Case, apply, cases, histories, make, plans

LOCATED: tuple[Any, ...] = ("batch", "step", "sample")
INTEGERS: tuple[Any, ...] = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")

Array = npt.NDArray[Any]


def count(case: Case, unit: str) -> int:
    """Say how many of a unit the run has."""
    assert case.run.samples is not None or unit != "sample"
    return {"batch": len(case.run.batches), "step": case.run.steps, "sample": case.run.samples or 0}[unit]


def units_of(case: Case) -> list[Any]:
    return [unit for unit in LOCATED if unit != "sample" or case.knows_samples]


def place_of(case: Case, unit: str, number: int) -> tuple[int, int]:
    """Find where a number is that is known to be somewhere."""
    place = case.scanner.locate(unit, number)
    assert place is not None
    return place


@given(cases())
def test_totals(case: Case) -> None:
    assert case.timeline.epochs == case.scanner.epochs
    assert case.timeline.batches == case.scanner.total
    assert case.timeline.steps == case.run.steps
    if case.scanner.total:
        assert case.timeline.samples == case.run.samples


@given(cases(), st.sampled_from([0, 1]))
def test_every_number_has_its_place(case: Case, base: Any) -> None:
    for unit in units_of(case):
        total = count(case, unit)
        for number in range(total):
            epoch, iteration = place_of(case, unit, number)
            found = case.timeline.locate(number + base, unit=unit, base=base)
            assert found == (epoch + base, iteration + base), unit
        for number in (-1, total):
            with pytest.raises(IndexError, match=str(number + base)):
                case.timeline.locate(number + base, unit=unit, base=base)
            assert case.timeline.locate(number + base, unit=unit, base=base, invalid="mask") is None


@given(cases(), st.sampled_from([0, 1]))
def test_every_batch_has_its_index(case: Case, base: Any) -> None:
    for batch in case.run.batches:
        place = batch.epoch + base, batch.iter + base
        for unit in units_of(case):
            truth = case.scanner.index(unit, batch.epoch, batch.iter)
            if truth is None:
                with pytest.raises(IndexError, match="step"):
                    case.timeline.index(*place, unit=unit, base=base)
            else:
                assert case.timeline.index(*place, unit=unit, base=base) == truth + base, unit


@given(cases())
def test_index_undoes_locate(case: Case) -> None:
    for unit in ("batch", "step"):
        numbers = np.arange(count(case, unit))
        epoch, iteration = case.timeline.locate(numbers, unit=unit)
        np.testing.assert_array_equal(case.timeline.index(epoch, iteration, unit=unit), numbers)


@st.composite
def numbers_for(draw: st.DrawFn, total: int) -> Array:
    """Draw numbers inside the run and out of it, in any integer type and any layout."""
    dtype = draw(st.sampled_from(INTEGERS))
    info: Any = np.iinfo(dtype)
    inside = st.integers(max(info.min, -3), min(info.max, total + 3))
    values = draw(st.lists(inside | st.sampled_from([info.min, info.max]), min_size=1, max_size=30))
    layout = draw(st.sampled_from(["as they are", "sorted", "every other", "backwards", "two dimensions"]))
    if layout == "sorted":
        values.sort()
    array = np.array(values, dtype=dtype)
    if layout == "every other":
        array = np.repeat(array, 2)[::2]
    elif layout == "backwards":
        array = array[::-1]
    elif layout == "two dimensions":
        array = np.concatenate([array, array]).reshape(2, -1).T
    return array


@given(st.data(), cases(), st.sampled_from([0, 1]))
def test_arrays_agree_with_the_simulation(data: st.DataObject, case: Case, base: Any) -> None:
    unit = data.draw(st.sampled_from(units_of(case)))
    numbers = data.draw(numbers_for(count(case, unit)))
    truth = [case.scanner.locate(unit, int(number) - base) for number in numbers.ravel()]
    places = [(-1, -1) if place is None else (place[0] + base, place[1] + base) for place in truth]
    expected = np.array(places).reshape(*numbers.shape, 2)

    narrow = data.draw(st.sampled_from([None, "int8", "int16", "int32", "int64"]))
    out = None if narrow is None else (np.zeros(numbers.shape, narrow), np.zeros(numbers.shape, narrow))
    found = case.timeline.locate(numbers, unit=unit, base=base, out=out, invalid="mask")
    for column, array in enumerate(out or found):
        np.testing.assert_array_equal(array, expected[..., column])

    if None in truth:
        first = truth.index(None)
        offender = numbers.ravel()[first]
        with pytest.raises((IndexError, OverflowError), match=rf"(?s)(?=.*\b{first}\b)(?=.*{offender})"):
            case.timeline.locate(numbers.ravel(), unit=unit, base=base)
    else:
        for column, array in enumerate(case.timeline.locate(numbers, unit=unit, base=base)):
            np.testing.assert_array_equal(array, expected[..., column])


@given(cases(), st.sampled_from([0, 1]), st.sampled_from(["int8", "int16", "int64"]), st.randoms())
def test_index_of_arrays_agrees_with_the_simulation(case: Case, base: Any, dtype: str, random: Any) -> None:
    places = [(batch.epoch, batch.iter) for batch in case.run.batches]
    places += [(epoch, case.scanner.batches_of(epoch)) for epoch in range(case.scanner.epochs + 1)]
    places += [(-1, 0), (0, -1)]
    random.shuffle(places)
    epoch, iteration = (np.array(column, dtype=dtype) + base for column in zip(*places, strict=True))
    for unit in units_of(case):
        truth = [case.scanner.index(unit, *place) for place in places]
        expected = [-1 if number is None else number + base for number in truth]
        found = case.timeline.index(epoch, iteration, unit=unit, base=base, invalid="mask")
        assert found.tolist() == expected, unit


@given(cases())
def test_places_grow_with_their_numbers(case: Case) -> None:
    for unit in units_of(case):
        epoch, iteration = case.timeline.locate(np.arange(count(case, unit)), unit=unit)
        pairs = list(zip(epoch.tolist(), iteration.tolist(), strict=True))
        assert pairs == sorted(pairs)


@st.composite
def amounts(draw: st.DrawFn, case: Case) -> tuple[Fraction, str]:
    """Draw a quantity inside the run or a little past it."""
    unit = draw(st.sampled_from([unit for unit in UNITS if unit != "sample" or case.knows_samples]))
    if unit == "duration":
        return draw(st.fractions(0, Fraction(5, 4), max_denominator=40)), unit
    if unit == "epoch":
        if draw(st.booleans()):  # the end of a batch, in epochs
            return case.scanner.epoch_of(draw(st.integers(0, case.scanner.total))), unit
        return draw(st.fractions(0, case.scanner.epochs + 1, max_denominator=20)), unit
    return Fraction(draw(st.integers(0, count(case, unit) + 2))), unit


def defined(case: Case, value: Fraction, unit: str) -> bool:
    """Say whether the documents define the place: part of nothing is not."""
    if unit == "duration":
        return case.scanner.total > 0
    if unit == "epoch" and value.denominator != 1 and value < case.scanner.epochs:
        return case.scanner.batches_of(int(value)) > 0
    return True


def quantity(value: Fraction, unit: str) -> sb.Quantity:
    return sb.Quantity(value if unit in ("epoch", "duration") else int(value), UNITS[unit])


def answer(truth: object, unit: str) -> object:
    """Say in the library's words what the simulation found."""
    if isinstance(truth, Exactly):
        return sb.Exact(truth.value if unit in ("epoch", "duration") else int(truth.value), UNITS[unit])
    assert isinstance(truth, Within)
    return sb.Between(quantity(truth.lower, unit), None if truth.upper is None else quantity(truth.upper, unit))


@given(st.data(), cases())
def test_conversions_agree_with_the_simulation(data: st.DataObject, case: Case) -> None:
    value, unit = data.draw(amounts(case))
    assume(defined(case, value, unit))
    place = case.scanner.place(value, unit)
    for target in UNITS:
        if target == unit or (target == "duration" and not case.scanner.total):
            continue
        found = case.timeline.convert(quantity(value, unit), UNITS[target])
        if target == "sample" and not case.knows_samples:
            assert isinstance(found, sb.Undetermined) or place == Place(0)
        elif isinstance(place, Past):
            assert isinstance(found, sb.PastEnd)
            assert found.end == quantity(case.end_in(target), target)
        elif isinstance(place, Place):
            assert found == answer(case.scanner.read(place, target), target), target


@given(st.data(), cases())
def test_conversions_there_and_back(data: st.DataObject, case: Case) -> None:
    """Where both ways are exact the same place comes back; the same number, where no plateau lies there."""
    value, unit = data.draw(amounts(case))
    assume(defined(case, value, unit))
    asked = quantity(value, unit)
    for target in UNITS:
        there = case.timeline.convert(asked, UNITS[target])
        if not isinstance(there, sb.Exact):
            continue
        back = case.timeline.convert(sb.Quantity(there.value, there.unit), UNITS[unit])
        if isinstance(back, sb.Exact) and unit == "batch" and target != "step":
            assert back.value == value, target
        if isinstance(back, sb.Exact):
            again = case.timeline.convert(sb.Quantity(back.value, back.unit), UNITS[target])
            assert again == there, target


@given(st.data(), cases())
def test_conversions_are_monotone(data: st.DataObject, case: Case) -> None:
    value, unit = data.draw(amounts(case))
    other, _ = data.draw(amounts(case).filter(lambda amount: amount[1] == unit))
    assume(defined(case, value, unit) and defined(case, other, unit))
    smaller, larger = sorted([value, other])
    for target in UNITS:
        low = case.timeline.convert(quantity(smaller, unit), UNITS[target])
        high = case.timeline.convert(quantity(larger, unit), UNITS[target])
        if isinstance(low, sb.Exact) and isinstance(high, sb.Exact):
            assert low.value <= high.value, target
        if isinstance(low, sb.PastEnd):
            assert isinstance(high, sb.PastEnd), target


@given(st.data(), cases())
def test_comparison_is_the_order_of_the_places(data: st.DataObject, case: Case) -> None:
    left, right = data.draw(amounts(case)), data.draw(amounts(case))
    assume(left[1] != right[1])
    assume(defined(case, *left) and defined(case, *right))
    places = [case.scanner.place(*amount) for amount in (left, right)]
    assume(all(isinstance(place, Place) for place in places))
    first, second = ((place.batches, place.inside) for place in places if isinstance(place, Place))
    assume(first != second or not first[1])  # two places inside one batch
    expected = (first > second) - (first < second)
    assert case.timeline.compare(quantity(*left), quantity(*right)) == expected
    assert case.timeline.compare(quantity(*right), quantity(*left)) == -expected


@given(st.lists(st.integers(0, 6), max_size=8), st.integers(1, 4), st.sampled_from(["flush", "carry", "drop"]))
def test_neighbours_in_the_canonical_form_differ(lengths: list[int], accumulate: int, boundary: Any) -> None:
    timeline = sb.Timeline.from_epochs(lengths, accumulate=accumulate, boundary=boundary)
    changes = sum(a != b for a, b in itertools.pairwise(lengths))
    assert len(timeline.segments) == (changes + 1 if lengths else 0)


@given(st.integers(1, 6), st.integers(1, 5), st.integers(1, 4), st.sampled_from(["flush", "carry", "drop"]))
def test_a_regular_history_is_a_plan(batches: int, epochs: int, accumulate: int, boundary: Any) -> None:
    history = sb.Timeline.from_epochs([batches] * epochs, accumulate=accumulate, boundary=boundary)
    plan = sb.Timeline.plan(batches_per_epoch=batches, epochs=epochs, accumulate=accumulate, boundary=boundary)
    assert history == plan
    assert hash(history) == hash(plan)


@given(st.data(), plans(sized=True))
def test_a_change_that_changes_nothing_is_equal(data: st.DataObject, spec: Plan) -> None:
    case = Case(spec)
    at = data.draw(st.integers(0, case.scanner.total))
    assert apply(case.timeline, Change(at, batch_size=spec.batch_size)) == case.timeline
    if not case.run.open_at[at]:
        assert apply(case.timeline, Change(at, accumulate=spec.accumulate)) == case.timeline
    if spec.samples is not None:
        assert apply(case.timeline, Change(at, samples=spec.samples)) == case.timeline


@given(st.data(), plans(sized=True))
def test_two_changes_at_once_are_one_after_the_other(data: st.DataObject, plan: Plan) -> None:
    assume(not plan.drop_last)
    case = Case(plan)
    at, size, accumulate = data.draw(st.tuples(st.integers(0, case.scanner.total), *[st.integers(1, 5)] * 2))
    pending: Any = data.draw(st.sampled_from(["flush", "drop", "carry"])) if case.run.open_at[at] else None
    both = apply(case.timeline, Change(at, batch_size=size, accumulate=accumulate, pending=pending))
    windows = Change(at, accumulate=accumulate, pending=pending)
    assert apply(apply(case.timeline, Change(at, batch_size=size)), windows) == both
    assert apply(apply(case.timeline, windows), Change(at, batch_size=size)) == both


@given(st.data(), plans(sized=True))
def test_changes_of_different_settings_come_in_any_order(data: st.DataObject, plan: Plan) -> None:
    assume(not plan.drop_last)
    case = Case(plan)
    early, late = sorted(data.draw(st.tuples(*[st.integers(0, case.scanner.total)] * 2)))
    accumulate, size = data.draw(st.tuples(*[st.integers(1, 5)] * 2))
    pending: Any = data.draw(st.sampled_from(PENDING)) if case.run.open_at[early] else None
    windows, sizes = Change(early, accumulate=accumulate, pending=pending), Change(late, batch_size=size)
    in_order = apply(apply(case.timeline, windows), sizes)
    assert apply(apply(case.timeline, sizes), windows) == in_order


@given(st.data(), cases(), st.integers(1, 9))
def test_a_new_batch_size_loses_no_sample(data: st.DataObject, case: Case, size: int) -> None:
    """Every epoch keeps the samples that it had; a change before an earlier one may be refused, not miscounted."""
    spec = case.spec
    assume(case.knows_samples and spec.batch_size is not None and not (isinstance(spec, Plan) and spec.drop_last))
    at = data.draw(st.integers(0, case.scanner.total))
    try:
        changed = case.timeline.change(at=f"{at}ba", batch_size=size)
    except ValueError:
        assert any(change.at > at for change in case.changes)
        return
    assert changed.epochs == case.timeline.epochs
    for epoch in range(case.scanner.epochs):
        assert changed.convert(f"{epoch}ep", "sp") == case.timeline.convert(f"{epoch}ep", "sp")
    assert changed.samples == case.timeline.samples
    before = np.arange(at)
    for old, new in zip(case.timeline.locate(before, "batch"), changed.locate(before, "batch"), strict=True):
        np.testing.assert_array_equal(old, new)


@given(cases())
def test_changes_of_an_open_ended_plan_begin_like_those_of_a_long_one(case: Case) -> None:
    assume(isinstance(case.spec, Plan))
    timeline = make(case.spec, open_ended=True)
    for change in case.changes:
        timeline = apply(timeline, change)
    assert timeline.batches is None
    for unit in units_of(case):
        epoch, iteration = timeline.locate(np.arange(count(case, unit)), unit=unit)
        places = list(zip(epoch.tolist(), iteration.tolist(), strict=True))
        assert places == [place_of(case, unit, number) for number in range(count(case, unit))]


@given(st.data(), cases(most_changes=2))
def test_the_place_of_a_change_may_be_said_in_any_unit(data: st.DataObject, case: Case) -> None:
    at = data.draw(st.integers(0, case.scanner.total))
    pending: Any = "carry" if case.run.open_at[at] else None
    expected = case.timeline.change(at=f"{at}ba", accumulate=3, pending=pending)
    places: list[sb.Quantity] = [quantity(case.scanner.epoch_of(at), "epoch")]
    if case.knows_samples:
        places.append(quantity(Fraction(case.scanner.samples_after(at) or 0), "sample"))
    if case.scanner.total:
        places.append(quantity(case.scanner.run_share(at), "duration"))
    for place in places:
        assert case.timeline.change(at=place, accumulate=3, pending=pending) == expected
        assert case.timeline.change(at=str(place), accumulate=3, pending=pending) == expected


@given(plans(), st.integers(0, 200))
def test_an_open_ended_plan_begins_like_a_long_one(plan: Plan, number: int) -> None:
    open_ended = make(plan, open_ended=True)
    assert (open_ended.epochs, open_ended.batches, open_ended.steps, open_ended.samples) == (None,) * 4
    case = Case(plan)
    for unit in units_of(case):
        if number < count(case, unit):
            assert open_ended.locate(number, unit=unit) == case.scanner.locate(unit, number)
    if number < case.scanner.total:
        found = open_ended.convert(f"{number}ba", "epoch")
        assert found == sb.Exact(case.scanner.epoch_of(number), "ep")


@given(histories())
def test_histories_are_made_of_any_integers(history: History) -> None:
    for dtype in ("int8", "uint16", "int64"):
        samples = None if history.samples is None else np.array(history.samples, dtype=dtype)
        made = sb.Timeline.from_epochs(
            np.array(history.lengths, dtype=dtype),
            samples=samples,
            batch_size=history.batch_size,
            accumulate=history.accumulate,
            boundary=history.boundary,
            cut=history.cut,
            on_cut=history.on_cut,
        )
        assert made == make(history)
