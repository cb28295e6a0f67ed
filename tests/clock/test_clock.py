"""The clock by hand: the textbook run, resumes, triggers, and what it refuses."""

from __future__ import annotations

import itertools
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import stepbridge as sb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def loop(clock: sb.StepClock, length: int = 5) -> None:
    for _ in clock.epochs():
        for _ in clock.batches(range(length)):
            pass


def test_the_textbook_run_prints_its_lines() -> None:
    clock = sb.StepClock(samples=1000, batch_size=200, epochs=5)
    lines = [
        f"Epoch {epoch + 1}, Iter {clock.iter + 1}, Step {clock.step}"
        for epoch in clock.epochs()
        for _ in clock.batches(range(5))
    ]
    expected, step = [], 0
    for epoch in range(1, 6):
        for iteration in range(1, 6):
            step += 1
            expected.append(f"Epoch {epoch}, Iter {iteration}, Step {step}")
    assert lines == expected
    assert lines[-1] == "Epoch 5, Iter 5, Step 25"
    assert (clock.batch, clock.step, clock.applied, clock.sample) == (25, 25, 25, 5000)
    assert clock.location == (4, 4)
    assert clock.position == (5, 0)


def test_a_step_is_looked_up_where_it_was_logged() -> None:
    plan = sb.Timeline.plan(batches_per_epoch=7, epochs=3, accumulate=3)
    clock = sb.StepClock(plan)
    for _ in clock.epochs():
        for _ in clock.batches(range(7)):
            if clock.closes_step:
                assert plan.locate(clock.step, base=1) == (clock.epoch + 1, clock.iter + 1)


def test_frameworks_counters() -> None:
    clock = sb.StepClock(batches_per_epoch=7, epochs=2, accumulate=3, boundary="carry")
    loop(clock, 7)
    assert clock.counters("keras") == {"epoch": 1, "batch": 6, "iterations": 4}
    assert clock.counters("tensorflow") == {"global_step": 4}
    assert clock.counters("pytorch_one_based") == {"epoch": 2, "iter": 7, "batch": 14, "step": 4}


def test_the_future_is_planned_and_the_past_observed() -> None:
    clock = sb.StepClock(batches_per_epoch=5, epochs=4)
    epochs = clock.epochs()
    next(epochs)
    with pytest.warns(sb.StepbridgeWarning, match="epoch 0 .* ended after 3 batches, expected 5"):
        list(clock.batches(range(3)))
    assert clock.convert("1ep", "batch") == sb.Exact(3, "ba")
    assert clock.convert("4ep", "batch") == sb.Exact(18, "ba")


@pytest.mark.parametrize(
    "clock", [sb.StepClock(batches_per_epoch=5, epochs=3), sb.StepClock(batch_size=10, epochs=3)], ids=str
)
def test_a_loop_over_the_loader_itself_is_told_once(clock: sb.StepClock) -> None:
    def loop_over_the_loader() -> None:
        for _epoch in clock.epochs():
            for _batch in range(5):
                pass

    with pytest.warns(sb.StepbridgeWarning, match=r"seen 0: take them from clock.batches\(loader\)") as warned:
        loop_over_the_loader()
    assert len(warned) == 1
    assert clock.step == 0


def test_an_epoch_of_unknown_length_that_is_left_early_is_no_mistake(recwarn: pytest.WarningsRecorder) -> None:
    clock = sb.StepClock(batch_size=10)
    for _epoch in clock.epochs(2):
        for _batch in clock.batches(range(5)):
            break
    assert clock.batch == 1 + 1
    assert not recwarn.list


def test_unknown_lengths_are_unknown_until_seen() -> None:
    clock = sb.StepClock(batch_size=10)
    epochs = clock.epochs(2)
    next(epochs)
    assert isinstance(clock.convert("1ep", "step"), sb.Undetermined)
    list(clock.batches(iter("abc")))
    assert clock.convert("1ep", "step") == sb.Exact(3, "st")
    assert isinstance(clock.convert("2ep", "step"), sb.Undetermined)
    assert clock.sample == 30


def test_a_trigger_on_epochs_fires_at_the_end_of_an_epoch_of_unknown_length() -> None:
    clock = sb.StepClock()
    inside: list[bool] = []
    after = []
    for _ in clock.epochs(2):
        inside += [clock.every("1ep") for _ in clock.batches(iter(range(3)))]
        after.append((clock.every("1ep"), clock.every("1ep")))
    assert not any(inside)
    assert after == [(True, True)] * 2


def test_reading_ahead_only_where_a_flush_needs_it() -> None:
    for accumulate, ahead in ((1, 0), (2, 1)):
        taken: list[int] = []
        clock = sb.StepClock(accumulate=accumulate)
        for _ in clock.epochs(1):
            for item in clock.batches(noted(taken, 4)):
                assert len(taken) == min(item + 1 + ahead, 4)


def noted(taken: list[int], length: int) -> Iterator[int]:
    """A loader that notes what was taken from it."""
    for item in range(length):
        taken.append(item)
        yield item


@pytest.mark.parametrize(
    ("resume", "loader", "yields", "lengths"),
    [
        ("continues", [3, 4], [3, 4], [5, 5]),
        ("skip", [0, 1, 2, 3, 4], [3, 4], [5, 5]),
        # The epoch keeps its number, and is as long as what was trained of it.
        ("restart", [0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [8, 5]),
    ],
)
def test_a_resume_in_the_middle_of_an_epoch(
    resume: str, loader: list[int], yields: list[int], lengths: list[int]
) -> None:
    second = sb.StepClock()
    second.load_state_dict(stopped_after(3).state_dict())
    got = []
    for _ in second.epochs(1):
        got += list(second.batches(loader, resume=resume))  # type: ignore[arg-type]
    assert got == yields
    observed = second.timeline
    starts = [observed.index(epoch, 0, "batch") for epoch in range(2)]
    assert starts == [0, lengths[0]]


def stopped_after(batches: int) -> sb.StepClock:
    clock = sb.StepClock(batches_per_epoch=5, epochs=2)
    for _ in clock.epochs():
        for _ in clock.batches(range(5)):
            if clock.batch == batches:
                return clock
    return clock


def test_a_resume_in_the_middle_must_be_explained() -> None:
    clock = sb.StepClock()
    clock.load_state_dict(stopped_after(3).state_dict())
    for _ in clock.epochs(1):
        with pytest.raises(ValueError, match=r"after 3 batches.*continues.*skip.*restart"):
            clock.batches(range(5))


def test_a_loader_too_short_to_skip_in() -> None:
    clock = sb.StepClock()
    clock.load_state_dict(stopped_after(3).state_dict())
    for _ in clock.epochs(1):
        with pytest.raises(ValueError, match="ended 1 batches before"):
            clock.batches(range(2), resume="skip")


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("padding", lambda count: sb.StepClock(batches_per_epoch=2, epochs=2, padding=count)),
        ("n", lambda count: sb.StepClock(batches_per_epoch=2).epochs(count)),
        ("steps", lambda count: sb.StepClock(batches_per_epoch=2, epochs=2).skip_update(count)),
        ("tokens", lambda count: sb.StepClock(batches_per_epoch=2, epochs=2).add_tokens(count)),
        ("pending", lambda count: sb.StepClock(batches_per_epoch=2, epochs=2).change(accumulate=3, pending=count)),
        ("batch_size", lambda count: sb.StepClock(batches_per_epoch=2, epochs=2).change(batch_size=count)),
        ("accumulate", lambda count: sb.StepClock(batches_per_epoch=2, epochs=2).change(accumulate=count)),
        (
            "batches_per_epoch",
            lambda count: sb.StepClock(batches_per_epoch=2, epochs=2).change(batches_per_epoch=count),
        ),
        ("samples", lambda count: sb.StepClock(samples=2, batch_size=1).change(samples=count)),
    ],
)
@pytest.mark.parametrize(
    ("count", "error"),
    [(-1, ValueError), (-3, ValueError), (2.5, TypeError), (True, TypeError), (2**63, OverflowError)],
)
def test_a_count_that_makes_no_sense_is_refused_at_once(
    argument: str, call: Callable[[Any], object], count: object, error: type[Exception]
) -> None:
    with pytest.raises(error, match=argument):
        call(count)


@pytest.mark.parametrize("ended", ["flush", "drop"])
def test_a_change_takes_back_nothing_that_one_at_the_same_batch_did(ended: Any) -> None:
    clock, before = sb.StepClock(batches_per_epoch=5, epochs=3, accumulate=2, boundary="carry"), 0
    for _ in clock.epochs():
        for _ in clock.batches(range(5)):
            if clock.batch == 9:
                before = clock.step
                clock.change(accumulate=9, pending=ended)
                assert clock.step == before + (ended == "flush")
                refused: tuple[Any, ...] = ("modulo", 1)
                for pending in refused:
                    with pytest.raises(ValueError, match=r"after batch 9.*begins empty: 1 batches"):
                        clock.change(accumulate=2, pending=pending)
                taken: tuple[Any, ...] = ("carry", "flush", "drop", 0)
                for pending in taken:
                    clock.change(accumulate=2, pending=pending)
                    assert clock.step == before + (ended == "flush")
    assert clock.step == clock.timeline.steps == before + (ended == "flush") + 3


@pytest.mark.parametrize("ended", ["flush", "drop"])
def test_a_resume_takes_back_nothing_that_a_change_at_the_same_batch_did(ended: Any) -> None:
    first = sb.StepClock(batches_per_epoch=5, epochs=3, accumulate=2, boundary="carry", until="5ba")
    for _ in first.epochs():
        for _ in first.batches(range(5)):
            pass
    first.change(accumulate=3, pending=ended)
    assert first.step == 2 + (ended == "flush")
    again = sb.StepClock(batches_per_epoch=5, epochs=3, accumulate=4, boundary="carry")
    again.load_state_dict(first.state_dict())
    assert again.step == first.step
    for _ in again.epochs():
        for _ in again.batches(range(5)):
            pass
    assert again.step == again.timeline.steps == first.step + 10 // 4


def test_a_window_ended_by_a_change_stays_so_where_the_epoch_ends_or_goes_on_otherwise() -> None:
    boundaries: tuple[Any, ...] = ("flush", "carry", "drop")
    for boundary, batches in itertools.product(boundaries, (3, 5, 7)):
        clock = sb.StepClock(batches_per_epoch=5, epochs=2, accumulate=2, boundary=boundary)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sb.StepbridgeWarning)
            for epoch in clock.epochs():
                for iteration, _ in enumerate(clock.batches(range(batches))):
                    if epoch == 0 and iteration == min(batches, 5) - 1:
                        clock.change(accumulate=3, pending="flush")
                    assert clock.timeline.convert(f"{clock.batch}ba", "step") in (
                        sb.Exact(clock.step, "st"),
                        sb.Between(sb.Quantity(clock.step, "st"), sb.Quantity(clock.step + 1, "st")),
                        sb.Between(sb.Quantity(clock.step, "st"), None),
                    )
        assert clock.step == clock.timeline.steps


def test_skipped_updates_are_not_applied() -> None:
    clock = sb.StepClock(batches_per_epoch=5, epochs=1)
    for _ in clock.epochs():
        for item in clock.batches(range(5)):
            if item == 1:
                clock.skip_update()
    assert (clock.step, clock.applied) == (5, 4)
    with pytest.raises(ValueError, match="more than the 5 attempted"):
        clock.skip_update(5)
    again = sb.StepClock()
    again.load_state_dict(clock.state_dict())
    assert again.applied == 4


def test_tokens_are_those_that_were_counted() -> None:
    clock = sb.StepClock(batches_per_epoch=4, epochs=1)
    crossed = []
    for _ in clock.epochs():
        for _ in clock.batches(range(4)):
            clock.add_tokens(300)
            crossed.append(clock.every("500tok"))
    assert clock.token == 1200
    assert crossed == [False, True, False, True]


def test_a_trigger_remembers_over_a_resume() -> None:
    clock = stopped_after(3)
    trigger = clock.trigger("4st")
    again = sb.StepClock()
    again.load_state_dict(clock.state_dict())
    resumed = again.trigger("4st")
    resumed.load_state_dict(trigger.state_dict())
    fired: list[bool] = []
    for _ in again.epochs():
        left = range(2) if again.position.epoch == 0 else range(5)
        fired += [bool(resumed) for _ in again.batches(left, resume="continues")]
    assert fired == [True, False, False, False, True, False, False]
    with pytest.raises(ValueError, match=r"4st.*3st"):
        resumed.load_state_dict({"quantity": "3st", "seen": 0})
    with pytest.raises(ValueError, match="seen must be at least 0, not -1"):
        resumed.load_state_dict({"quantity": "4st", "seen": -1})


def test_batches_outside_epochs() -> None:
    with pytest.raises(RuntimeError, match=r"inside `for epoch in clock\.epochs"):
        sb.StepClock(batches_per_epoch=5, epochs=1).batches(range(5))


def test_a_clock_entered_twice() -> None:
    clock = sb.StepClock(batches_per_epoch=5, epochs=2)
    epochs = clock.epochs()
    next(epochs)
    with pytest.raises(RuntimeError, match="running already"):
        next(clock.epochs())


def test_epochs_without_a_number_of_them() -> None:
    with pytest.raises(ValueError, match=r"epochs\(n\)"):
        sb.StepClock(batches_per_epoch=5).epochs()


def test_no_batch_yet() -> None:
    clock = sb.StepClock(batches_per_epoch=5, epochs=1)
    assert (clock.batch, clock.step, clock.position) == (0, 0, (0, 0))
    assert not clock.closes_step
    for read in (lambda: clock.epoch, lambda: clock.iter, lambda: clock.location, lambda: clock.counters("keras")):
        with pytest.raises(RuntimeError, match="no batch"):
            read()


def test_a_plan_beside_its_parts() -> None:
    with pytest.raises(ValueError, match="not both"):
        sb.StepClock(sb.Timeline.plan(batches_per_epoch=5), epochs=3)


@pytest.mark.parametrize(
    ("asked", "error"),
    [("500", "no unit"), ("500xx", "xx"), ("0st", "more than 0"), ("10%", "no end"), ("1/3ep", "length")],
)
def test_a_trigger_that_cannot_be(asked: str, error: str) -> None:
    clock = sb.StepClock()
    for _ in clock.epochs(1):
        for _ in clock.batches(iter(range(2))):
            with pytest.raises(ValueError, match=error):
                clock.every(asked)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"version": 99}, "newer stepbridge"),
        ({"version": None}, "version None"),
        ({"timeline": "{"}, "not a timeline"),
        ({"batch": 99}, "past"),
    ],
)
def test_a_state_that_cannot_be_loaded(change: dict[str, object], error: str) -> None:
    state = stopped_after(3).state_dict() | change
    with pytest.raises((ValueError, IndexError), match=error):
        sb.StepClock().load_state_dict(state)


def test_a_state_that_lacks_something() -> None:
    state = stopped_after(3).state_dict()
    del state["batch"]
    with pytest.raises(ValueError, match="lacks batch"):
        sb.StepClock().load_state_dict(state)


def test_the_repr_says_where_it_is() -> None:
    clock = stopped_after(3)
    assert repr(clock) == "StepClock(clock: epoch 0, iter 3, step 3, batch 3)"


# The resource module's number would begin with what this process holds, and hide all that stays below it.
HELD = """
import stepbridge as sb
def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
clock = sb.StepClock(batches_per_epoch=10, epochs=100_000)
for _ in clock.epochs(10):
    for _ in clock.batches(range(10)): pass
before = resident()
for _ in clock.epochs():
    for _ in clock.batches(range(10)): pass
print(resident() - before, len(clock.timeline.segments), clock.step)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc says how much memory is held")
def test_memory_is_constant_in_the_number_of_batches() -> None:
    done = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, check=True)
    kilobytes, segments, steps = map(int, done.stdout.split())
    assert (segments, steps) == (1, 1_000_000)
    # One reference a batch would be 8 MB.
    assert kilobytes < 4096


def test_a_plan_and_parts_of_one() -> None:
    plan = sb.Timeline.plan(batches_per_epoch=5, epochs=2)
    assert sb.StepClock(plan, samples=None, accumulate=1, drop_last=False, boundary="flush").plan == plan
    with pytest.raises(sb.TimelineError, match=r"give a plan, or the parts of one \(batch_size, boundary\), not both"):
        sb.StepClock(plan, batch_size=3, boundary="carry")
    for given in (plan, None):
        with pytest.raises(TypeError, match="sampels"):
            sb.StepClock(given, sampels=None)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="batchsize"):
        sb.StepClock(plan).change(batchsize=3)  # type: ignore[call-arg]
