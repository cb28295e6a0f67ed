"""The events of a loop, the schedules and the loggers' step that all adapters share."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import stepbridge as sb
from stepbridge.adapters.base import LogStep, LoopDriver, Phases, Watch, watches

if TYPE_CHECKING:
    from pathlib import Path


def stops(driver: LoopDriver) -> bool:
    """Ask anew whether to stop."""
    return driver.should_stop


def trained(driver: LoopDriver, lengths: list[int]) -> None:
    """Run epochs of these lengths as a framework with callbacks does."""
    for length in lengths:
        if stops(driver) or not driver.begin_epoch():
            break
        for _ in range(length):
            driver.batches()
            if stops(driver):
                break
        driver.end_epoch(cut=stops(driver))
    driver.end_run()


def test_a_driven_clock_is_that_of_a_loop(tmp_path: Path) -> None:
    driven = sb.StepClock(samples=1000, batch_size=300, epochs=3, accumulate=3, ledger=tmp_path)
    trained(LoopDriver(driven), [4, 4, 4])
    looped = sb.StepClock(samples=1000, batch_size=300, epochs=3, accumulate=3)
    for _ in looped.epochs():
        for _ in looped.batches(range(4)):
            pass
    assert (driven.timeline, driven.step, driven.sample) == (looped.timeline, looped.step, 3000)
    assert sb.read_ledger(tmp_path).sessions[-1].stopped


def test_it_stops_where_the_clock_does() -> None:
    driver = LoopDriver(sb.StepClock(batches_per_epoch=5, epochs=4, until="12ba"))
    trained(driver, [5, 5, 5, 5])
    assert (driver.clock.batch, driver.should_stop) == (12, True)


def test_a_state_continues_and_a_plan_is_announced() -> None:
    first = LoopDriver(sb.StepClock(batches_per_epoch=5, epochs=4))
    trained(first, [5, 5])
    second = LoopDriver(sb.StepClock())
    second.restore(json.loads(json.dumps(first.state())))
    assert second.clock.position == (2, 0)
    other = LoopDriver(sb.StepClock())
    other.begin_run(sb.Timeline.plan(batches_per_epoch=5, epochs=4), at="10ba")
    assert (other.clock.position, other.clock.timeline) == ((2, 0), first.clock.timeline)


def test_updates_are_counted_by_name() -> None:
    driver = LoopDriver(sb.StepClock(batches_per_epoch=4, epochs=1))
    driver.begin_epoch()
    for batch in range(4):
        driver.batches()
        driver.update("adam", applied=batch != 2)
    driver.end_epoch()
    assert (driver.clock.step, driver.clock.applied, driver.clock.updates_of("adam")) == (4, 3, 3)


def test_counters_are_compared_and_told_once() -> None:
    driver = LoopDriver(sb.StepClock(batches_per_epoch=4, epochs=1))
    assert driver.compare("their.step", 4, 4)
    assert driver.compare("their.step", None, 4)
    with pytest.warns(sb.StepbridgeWarning, match="their.step: expected 4, seen 5: look there") as warned:
        assert [driver.compare("their.step", seen, 4, "look there") for seen in (5, 6)] == [False, False]
    assert len(warned) == 1


class Optimizer:
    """Something that can be watched."""


def test_watches_are_weak_on_both_sides() -> None:
    clock, optimizer = sb.StepClock(batches_per_epoch=4, epochs=1), Optimizer()
    watched = Watch(clock, optimizer)
    assert watches(clock) == [watched]
    with pytest.raises(ValueError, match="this Optimizer is watched already, as 'optimizer'"):
        Watch(clock, optimizer)
    with pytest.raises(ValueError, match="another optimizer is watched as 'optimizer'"):
        Watch(clock, Optimizer(), "optimizer")
    watched.remove()
    watched.remove()
    assert watches(clock) == []
    again = Watch(clock, optimizer)
    assert again.name == "optimizer"
    del optimizer
    assert (again.optimizer, watches(clock)) == (None, [])


@pytest.mark.parametrize("wrong", [None, 3, "clock"])
@pytest.mark.parametrize("made", [LoopDriver, LogStep, lambda clock: Watch(clock, Optimizer())])
def test_what_is_not_a_clock_is_refused(made: Any, wrong: object) -> None:
    with pytest.raises(TypeError, match=r"expected a stepbridge\.StepClock, not"):
        made(wrong)


def test_phases_live_and_compiled_are_the_same_factor() -> None:
    plan = sb.Timeline.plan(samples=1000, batch_size=200, epochs=4)
    phases = Phases([("4st", 1.0, "linear"), ("2ep", 0.5, "hold"), ("100%", 0.0, "cosine")], start=0.0)
    ends = phases.in_batches(plan)
    assert ends == [(4, 1.0, "linear", ()), (10, 0.5, "hold", ()), (20, 0.0, "cosine", ())]
    clock = sb.StepClock(plan)
    for _ in clock.epochs():
        for _ in clock.batches(range(5)):
            begin, factor = 0, 0.0
            for end, after, shape, _ in ends:
                if clock.batch < end:
                    share = float(Fraction(clock.batch - begin, end - begin))
                    factor = Phases.between(factor, after, shape, share)
                    break
                begin, factor = end, after
            assert phases.factor(clock) == pytest.approx(factor)


@pytest.mark.parametrize("shape", ["linear", "cosine"])
def test_a_compiled_phase_changes_its_pace_where_the_batch_size_changes(shape: Any) -> None:
    """Two epochs of batches of 4, then of 8, and of 4 from inside an epoch on: after each batch both factors agree."""
    plan = sb.Timeline.plan(samples=40, batch_size=4, epochs=4)
    plan = plan.change(at="2ep", batch_size=8).change(at="22ba", batch_size=4)
    phases = Phases([("1ep", 1.0, "linear"), ("100%", 0.0, shape)], start=0.0)
    ends = phases.in_batches(plan)
    assert {20, 22} <= {at for at, _ in ends[1].knots}
    clock = sb.StepClock(plan)
    # The third epoch has two batches of 8 and six of 4.
    for _, length in zip(clock.epochs(), (10, 10, 8, 10), strict=True):
        for _ in clock.batches(range(length)):
            share = lambda passed, whole: np.asarray(passed, "float64") / whole  # noqa: E731
            found = Phases.compiled(ends, 0.0, np.int64(clock.batch), share=share, numeric=np)
            assert phases.factor(clock) == pytest.approx(float(found), abs=1e-6)
    assert clock.batch == plan.batches


def test_a_phase_in_tokens_follows_a_ramp() -> None:
    """4 batches of 3 samples, then of 6; 2 tokens a sample: the 96th token is in the tenth batch."""
    plan = sb.Timeline.stream(batch_size=[(0, 3), ("12sp", 6)], tokens_per_sample=2, steps=12)
    phases = Phases([("96tok", 0.0, "linear")])
    ends = phases.in_batches(plan)
    assert ends == [(10, 0.0, "linear", ((4, 0.25),))]
    clock, tokens = sb.StepClock(plan), 0
    for _ in clock.epochs():
        for size in clock.batches([3] * 4 + [6] * 8):
            tokens += 2 * size
            found = Phases.compiled(
                ends, 1.0, np.int64(clock.batch), share=lambda passed, all_: passed / all_, numeric=np
            )
            assert phases.factor(clock) == pytest.approx(max(1 - tokens / 96, 0)) == float(found)
    assert clock.batch == 12


@pytest.mark.parametrize(
    ("phases", "match"),
    [
        ([], "phases is empty"),
        ([("3ep", 1.0, "step")], "unknown shape 'step'"),
        ([("3ep", 1.0, "linear"), ("2ep", 0.0, "linear")], "ends before the one in front of it"),
    ],
)
def test_phases_that_cannot_be_are_refused(phases: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        Phases(phases).in_batches(sb.Timeline.plan(batches_per_epoch=5, epochs=4))


@pytest.mark.parametrize(("unit", "step", "base"), [("step", 4, 1), ("batch", 7, 1), ("sample", 1400, 1), ("ep", 1, 0)])
def test_a_loggers_step_and_what_the_ledger_says_of_it(tmp_path: Path, unit: Any, step: int, base: int) -> None:
    clock = sb.StepClock(samples=1000, batch_size=200, epochs=2, accumulate=2, until="7ba", ledger=tmp_path)
    logged = LogStep(clock, unit)
    logged.record("a test")
    for _ in clock.epochs():
        for _ in clock.batches(range(5)):
            pass
    assert (logged.now, logged.base) == (step, base)
    stated = sb.read_ledger(tmp_path).logged_as
    assert (stated.unit, stated.base, stated.by) == (logged.unit, base, "a test")


def test_a_loggers_step_is_whole() -> None:
    with pytest.raises(ValueError, match="a log's step is whole"):
        LogStep(sb.StepClock(batches_per_epoch=1, epochs=1), "duration")
