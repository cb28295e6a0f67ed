"""The clock with something changed: in the middle of a run, on a resume, at a stated start, and where it stops."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import stepbridge as sb
from simulation import Batch, Change, Plan, Run, Scanner, simulate
from strategies import Case, accumulates, boundaries, cases, make

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PENDING = ("flush", "carry", "drop", "modulo")


def run_of(clock: sb.StepClock, run: Run) -> Iterator[Batch]:
    """Run the clock over loaders as long as the epochs of a simulated run; yield in every batch's body."""
    lengths = [Scanner(run).batches_of(epoch) for epoch in range(len(run.starts))]
    batches = iter(run.batches[clock.batch :])
    for epoch in clock.epochs():
        left = lengths[epoch] - clock.position.iter
        for _ in clock.batches(range(left), resume="continues"):
            yield next(batches)


def check(clock: sb.StepClock, run: Run, batch: Batch) -> None:
    """Compare the clock in a batch's body with the batch as the simulation played it."""
    assert clock.location == (batch.epoch, batch.iter)
    assert clock.batch == run.starts[batch.epoch] + batch.iter + 1
    assert clock.closes_step == batch.closes
    assert clock.step == run.steps_at[clock.batch]
    expected = None if batch.first_sample is None or batch.samples is None else batch.first_sample + batch.samples
    assert clock.sample == expected


def settings_of(change: Change) -> dict[str, Any]:
    names = ("batch_size", "accumulate", "samples", "pending")
    return {"batches_per_epoch": change.batches, **{name: getattr(change, name) for name in names}}


@given(cases())
def test_a_change_on_the_way_is_the_change_of_the_plan(case: Case) -> None:
    assume(isinstance(case.spec, Plan))
    clock = sb.StepClock(make(case.spec))
    todo = list(case.changes)
    while todo and todo[0].at == 0:
        clock.change(**settings_of(todo.pop(0)))
    for batch in run_of(clock, case.run):
        if not (todo and todo[0].at == clock.batch):
            check(clock, case.run, batch)
        while todo and todo[0].at == clock.batch:
            clock.change(**settings_of(todo.pop(0)))
    assert (clock.batch, clock.sample) == (len(case.run.batches), case.run.samples)
    # The same run: how it stands in segments may differ, where the end of an epoch changed after a part of it was done.
    seen = clock.timeline
    assert (seen.batches, seen.steps, seen.samples) == (len(case.run.batches), case.run.steps, case.run.samples)
    for number in range(case.run.steps):
        assert seen.locate(number) == case.timeline.locate(number)
    for number, batch in enumerate(case.run.batches):
        assert seen.locate(number, "batch") == (batch.epoch, batch.iter)
        assert seen.index(batch.epoch, batch.iter, "step", invalid="mask") == batch.step


@st.composite
def resumes(draw: st.DrawFn) -> tuple[Plan, int, Plan, str | None]:
    """Draw a plan, where it is stopped, the plan that it goes on by, and what becomes of an open window."""
    rest: dict[str, Any] = {"accumulate": draw(accumulates), "boundary": draw(boundaries)}
    epochs = draw(st.integers(1, 4))
    sized = draw(st.booleans())
    if sized:
        first = Plan(samples=draw(st.integers(1, 25)), batch_size=draw(st.integers(1, 6)), epochs=epochs, **rest)
    else:
        first = Plan(batches=draw(st.integers(1, 7)), epochs=epochs, **rest)
    run = simulate(first)
    stop = draw(st.integers(0, len(run.batches)))
    epoch = max(e for e, start in enumerate(run.starts) if start <= stop)
    mine = [batch for batch in run.batches[:stop] if batch.epoch == epoch]
    rest["accumulate"] = draw(accumulates)
    later = draw(st.integers(epochs, epochs + 2))
    if sized:
        done = sum(batch.samples or 0 for batch in mine)
        samples = draw(st.just(first.samples) | st.integers(max(1, done), done + 20))
        second = Plan(samples=samples, batch_size=draw(st.integers(1, 6)), epochs=later, **rest)
    else:
        batches = draw(st.just(first.batches) | st.integers(max(1, len(mine)), len(mine) + 6))
        second = Plan(batches=batches, epochs=later, **rest)
    opened = run.open_at[stop] and second.accumulate != first.accumulate
    at_end = stop == len(run.batches)
    rules = PENDING if first.boundary == "carry" and not at_end else PENDING[:3]
    return first, stop, second, draw(st.sampled_from(rules)) if opened else None


@given(resumes())
def test_a_resume_by_another_plan_goes_on_at_the_exact_sample(case: tuple[Plan, int, Plan, str | None]) -> None:
    first, stop, second, pending = case
    before = sb.StepClock(make(first))
    loop = run_of(before, simulate(first))
    for _ in range(stop):
        next(loop)
    state = json.loads(json.dumps(before.state_dict()))

    change = Change(
        at=stop,
        batch_size=second.batch_size,
        accumulate=second.accumulate,
        batches=None if second.batch_size else second.batches,
        samples=second.samples,
        pending=pending,  # type: ignore[arg-type]
    )
    longer = Plan(**{**vars(first), "epochs": second.epochs})
    run = simulate(longer, [change])
    # A change that leaves nothing of the last planned epoch is one at its end.
    clock = sb.StepClock(make(second))
    clock.load_state_dict(state, changed=True, pending=pending or "carry")  # type: ignore[arg-type]
    assert (clock.batch, clock.sample) == (stop, Scanner(run).samples_after(stop))
    for batch in run_of(clock, run):
        check(clock, run, batch)
    assert (clock.batch, clock.step, clock.sample) == (len(run.batches), run.steps, run.samples)
    assert clock.timeline.epochs == second.epochs
    assert clock.finished


def stopped(at: int, /, **plan: Any) -> dict[str, Any]:
    """Give the state of a run that was stopped in the body of a batch."""
    clock = sb.StepClock(**plan)
    length = clock.timeline.batches or 0
    for _ in clock.epochs():
        for _ in clock.batches(range(length // (clock.timeline.epochs or 1))):
            if clock.batch == at:
                return clock.state_dict()
    raise AssertionError(f"the run has no {at} batches")


def test_the_same_plan_needs_no_word() -> None:
    plan: dict[str, Any] = {"samples": 1000, "batch_size": 200, "epochs": 5}
    clock = sb.StepClock(**plan)
    clock.load_state_dict(stopped(12, **plan))
    assert clock.position == (2, 2)
    assert clock.timeline == sb.Timeline.plan(**plan)


def test_another_batch_size_and_more_epochs_go_on_at_the_sample() -> None:
    clock = sb.StepClock(samples=1000, batch_size=100, epochs=8)
    clock.load_state_dict(stopped(12, samples=1000, batch_size=200, epochs=5))
    assert (clock.sample, clock.position) == (2400, (2, 2))
    # 600 samples are left of the third epoch, and 5 whole epochs to come.
    assert clock.timeline.batches == 12 + 6 + 5 * 10
    assert clock.timeline.samples == 8000
    assert clock.convert("8ep", "batch") == sb.Exact(68, "ba")


@pytest.mark.parametrize(
    ("own", "stated"),
    [
        ({"samples": 900, "batch_size": 200, "epochs": 5}, "samples=1000 there, 900 here"),
        ({"samples": 1000, "batch_size": 300, "drop_last": True}, "drop_last=False there, True here"),
        ({"samples": 1000, "batch_size": 200, "boundary": "carry"}, "boundary='flush' there, 'carry' here"),
        ({"batches_per_epoch": 6, "batch_size": 200}, "batches_per_epoch=5 there, 6 here"),
    ],
)
def test_another_runs_checkpoint_is_refused_with_the_difference(own: dict[str, Any], stated: str) -> None:
    clock = sb.StepClock(**own)
    with pytest.raises(ValueError, match=rf"another plan: {stated}.*changed=True"):
        clock.load_state_dict(stopped(12, samples=1000, batch_size=200, epochs=5))
    assert (clock.batch, clock.position) == (0, (0, 0))


def test_other_data_goes_on_where_it_is_said() -> None:
    clock = sb.StepClock(samples=1200, batch_size=200, epochs=5)
    clock.load_state_dict(stopped(12, samples=1000, batch_size=200, epochs=5), changed=True)
    assert clock.sample == 2400
    # The third epoch has 1200 samples as well, of which 400 are done.
    assert clock.timeline.samples == 2 * 1000 + 3 * 1200


def test_a_plan_that_is_over_already() -> None:
    clock = sb.StepClock(samples=1000, batch_size=200, epochs=2)
    with pytest.raises(ValueError, match="ends after epochs=2, but the run is in epoch 3"):
        clock.load_state_dict(stopped(12, samples=1000, batch_size=200, epochs=5))


def test_another_accumulation_inside_a_window_must_be_explained() -> None:
    state = stopped(3, batches_per_epoch=8, epochs=2, accumulate=4)
    with pytest.raises(ValueError, match="inside an open window"):
        sb.StepClock(batches_per_epoch=8, epochs=2, accumulate=2).load_state_dict(state)
    clock = sb.StepClock(batches_per_epoch=8, epochs=2, accumulate=2)
    clock.load_state_dict(state, pending="drop")
    assert clock.step == 0
    for _ in clock.epochs():
        for _ in clock.batches(range(8 - clock.position.iter), resume="continues"):
            pass
    # 5 batches are left: two windows of two and a short one; then an epoch of four.
    assert clock.step == 3 + 4


def test_a_change_on_the_way_survives_a_resume_with_the_same_script() -> None:
    first = sb.StepClock(samples=1000, batch_size=200, epochs=5)
    for epoch in first.epochs():
        if epoch == 2:
            first.change(batch_size=100)
        if epoch == 3:
            break
        for _ in first.batches(range(10 if epoch == 2 else 5)):
            pass
    second = sb.StepClock(samples=1000, batch_size=200, epochs=5)
    second.load_state_dict(first.state_dict())
    assert second.timeline.batches == 2 * 5 + 3 * 10


def test_a_clock_that_learns_takes_the_checkpoints_plan() -> None:
    clock = sb.StepClock()
    clock.load_state_dict(stopped(12, samples=1000, batch_size=200, epochs=5))
    assert clock.timeline.samples == 5000


def test_epochs_of_unknown_length_stay_planned_over_a_resume() -> None:
    first = sb.StepClock(epochs=3)
    for _ in first.epochs():
        for _ in first.batches(iter("abcd")):
            if first.batch == 6:
                break
        if first.batch == 6:
            break
    second = sb.StepClock()
    second.load_state_dict(first.state_dict())
    assert second.timeline.epochs == 3
    seen = [epoch for epoch in second.epochs() for _ in second.batches(iter("xy"), resume="continues")]
    assert seen == [1, 1, 2, 2]
    assert second.finished


def test_an_epoch_that_is_restarted_is_trained_whole_and_so_are_the_later_ones() -> None:
    for stop, lengths in ((3, [8, 5]), (8, [5, 8])):
        clock = sb.StepClock(batches_per_epoch=5, epochs=2)
        clock.load_state_dict(stopped(stop, batches_per_epoch=5, epochs=2))
        for _ in clock.epochs():
            for _ in clock.batches(range(5), resume="restart"):
                pass
        seen = clock.timeline
        starts = [seen.index(epoch, 0, "batch") for epoch in range(2)]
        assert starts == [sum(lengths[:epoch]) for epoch in range(2)]
        assert (seen.epochs, seen.batches) == (2, sum(lengths))
        assert clock.finished
        assert clock.repeated == 3


def test_a_restart_is_in_the_ledger(tmp_path: Path) -> None:
    clock = sb.StepClock(batches_per_epoch=5, epochs=2, ledger=tmp_path)
    clock.load_state_dict(stopped(8, batches_per_epoch=5, epochs=2))
    for _ in clock.epochs():
        for _ in clock.batches(range(5), resume="restart"):
            pass
    assert sb.Timeline.from_ledger(tmp_path) == clock.timeline


# -- initial ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("initial", "position", "step"),
    [("500st", (100, 0), 500), ("12ba", (2, 2), 12), ("2400sp", (2, 2), 12), ("3ep", (3, 0), 15), ("0st", (0, 0), 0)],
)
def test_a_checkpoint_without_a_clock_is_adopted(initial: str, position: tuple[int, int], step: int) -> None:
    clock = sb.StepClock(samples=1000, batch_size=200, epochs=200, initial=initial)
    assert (clock.position, clock.step) == (position, step)


def test_an_adopted_clock_in_the_middle_of_an_epoch_asks_what_the_loader_does() -> None:
    clock = sb.StepClock(samples=1000, batch_size=200, epochs=3, initial="12ba")
    for _ in clock.epochs():
        with pytest.raises(ValueError, match="after 2 batches"):
            clock.batches(range(5))
        assert list(clock.batches(range(5), resume="skip")) == [2, 3, 4]
    assert clock.step == 15


@pytest.mark.parametrize(
    ("plan", "initial", "error", "stated"),
    [
        ({"samples": 1000, "batch_size": 200}, "2500sp", ValueError, "between 12ba and 13ba"),
        ({"batches_per_epoch": 5, "epochs": 2}, "11ba", IndexError, "past the end of the plan, which is at 10ba"),
        ({}, "500st", ValueError, "give the clock samples and batch_size"),
        ({"batches_per_epoch": 5}, "500", ValueError, "no unit"),
        ({"batches_per_epoch": 5}, 500, TypeError, "needs a unit"),
    ],
)
def test_a_start_that_cannot_be(plan: dict[str, Any], initial: Any, error: type[Exception], stated: str) -> None:
    with pytest.raises(error, match=stated):
        sb.StepClock(**plan, initial=initial)


# -- until --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("until", "batches"),
    [("12ba", 12), ("7st", 14), ("2ep", 10), ("1100sp", 6), ("50%", 13), ("99ep", 25), ("5ba", 5), ("0ba", 0)],
)
def test_training_stops_in_any_unit(until: str, batches: int) -> None:
    clock = sb.StepClock(samples=1000, batch_size=200, epochs=5, accumulate=2, boundary="carry", until=until)
    assert sum(1 for _ in clock.epochs() for _ in clock.batches(range(5))) == batches
    assert clock.batch == batches
    assert clock.finished


def test_until_says_how_many_epochs_where_nobody_else_does() -> None:
    clock = sb.StepClock(until="7ba")
    assert sum(1 for _ in clock.epochs() for _ in clock.batches(iter("abc"))) == 7
    assert clock.position == (2, 1)


def test_until_leaves_the_epoch_open_for_the_resume() -> None:
    first = sb.StepClock(samples=1000, batch_size=200, epochs=5, until="12ba")
    for _ in first.epochs():
        for _ in first.batches(range(5)):
            pass
    assert first.position == (2, 2)
    second = sb.StepClock(samples=1000, batch_size=200, epochs=5)
    second.load_state_dict(first.state_dict())
    got = [item for _ in second.epochs() for item in second.batches(range(5), resume="skip")]
    assert got == [2, 3, 4, *range(5), *range(5)]
    assert second.timeline == sb.Timeline.plan(samples=1000, batch_size=200, epochs=5)


def test_until_with_a_loader_that_is_read_ahead() -> None:
    clock = sb.StepClock(accumulate=2, until="3ba")
    assert [clock.step for _ in clock.epochs() for _ in clock.batches(iter("abcde"))] == [0, 1, 1]


# -- several batches in one event -----------------------------------------------------------------------------------


@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 4), boundaries, st.integers(1, 6))
def test_fused_batches_count_as_single_ones_do(
    length: int, fused: int, accumulate: int, rule: str, multiple: int
) -> None:
    plan = sb.Timeline.plan(batches_per_epoch=length, epochs=3, accumulate=accumulate, boundary=rule)  # type: ignore[arg-type]
    one, many = sb.StepClock(plan), sb.StepClock(plan)
    while one.begin_epoch():
        assert many.begin_epoch()
        for start in range(0, length, fused):
            size = min(fused, length - start)
            closed, crossed = False, False
            for _ in range(size):
                assert one._advance()
                closed |= one.closes_step
                crossed |= one.every(f"{multiple}ba")
            assert many._advance_many(size)
            assert (many.batch, many.step, many.location) == (one.batch, one.step, one.location)
            assert (many.closes_step, many.every(f"{multiple}ba")) == (closed, crossed)
        one.end_epoch()
        many.end_epoch()
    assert one.timeline == many.timeline == plan
    assert not many.begin_epoch()


def test_padding_is_counted_apart() -> None:
    clock = sb.StepClock(samples=10, batch_size=4, epochs=3, padding=2)
    for epoch in clock.epochs():
        for _ in clock.batches(range(3)):
            if epoch == 2:
                break
        if epoch == 2:
            break
    assert (clock.sample, clock.padding) == (24, 4)
    again = sb.StepClock(samples=10, batch_size=4, epochs=3, padding=2)
    again.load_state_dict(pickle.loads(pickle.dumps(clock.state_dict())))
    assert again.padding == 4


@given(st.integers(1, 5), st.integers(2, 4))
def test_a_state_saved_in_the_last_batch_of_an_epoch_of_unknown_length(length: int, accumulate: int) -> None:
    """A flush reads ahead, so that the clock knows in the body that no batch follows."""
    first = sb.StepClock(accumulate=accumulate)
    states = [first.state_dict() for _ in first.epochs(2) for _ in first.batches(iter(range(length)))]
    for done, state in enumerate(states, 1):
        clock = sb.StepClock()
        clock.load_state_dict(json.loads(json.dumps(state)), pending="carry")
        assert (clock.batch, clock.position) == (done, divmod(done, length))
        assert clock.in_epoch == (done % length > 0)
        for epoch in clock.epochs(2 - done // length):
            left = length - done % length if epoch == done // length else length
            for _ in clock.batches(iter(range(left)), resume="continues"):
                pass
        assert (clock.batch, clock.step, clock.timeline) == (first.batch, first.step, first.timeline)
