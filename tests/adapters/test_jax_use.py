"""Schedules, orbax and grain by the clock."""

from __future__ import annotations

import itertools
import json
import math
from typing import TYPE_CHECKING, Any

import grain.python as grain
import jax
import jax.numpy as jnp
import optax
import orbax.checkpoint as ocp
import pytest

import stepbridge as sb
from adapters.jax_training import Loop
from stepbridge.adapters.jax import SavePolicy, iterate, schedule

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::Warning", "error::stepbridge.StepbridgeWarning")

flat = itertools.chain.from_iterable

# --- rates ---


@pytest.mark.parametrize(("counts", "whole", "warm"), [("step", 4, 2), ("batch", 14, 6)])
def test_a_schedule(counts: Any, whole: int, warm: int) -> None:
    plan = sb.Timeline.plan(samples=20, batch_size=3, epochs=2, accumulate=3, boundary="carry")
    rate = schedule(
        plan,
        [(f"{warm}{counts}", 1.0, "linear"), (f"{whole}{counts}", 0.0, "cosine")],
        rate=2.0,
        start=0.0,
        counts=counts,
    )
    jitted = jax.jit(rate)
    for count in range(whole + 3):
        if count < warm:
            expected = 2.0 * count / warm
        else:
            share = min((count - warm) / (whole - warm), 1.0)
            expected = 1 + math.cos(math.pi * share)
        assert float(jitted(jnp.asarray(count, jnp.int32))) == pytest.approx(expected, abs=1e-5)
        assert float(rate(count)) == pytest.approx(expected, abs=1e-5)


def test_a_schedule_inside_and_around_windows() -> None:
    """Inside MultiSteps optax counts updates, around it batches."""
    clock = sb.StepClock(samples=20, batch_size=3, epochs=2, accumulate=3, boundary="carry")
    inside = optax.MultiSteps(optax.sgd(schedule(clock, [("2st", 1.0, "hold"), ("100%", 0.0, "hold")])), 3)
    loop = Loop.made(inside, 3)
    weights = []
    for _ in loop.clock.epochs():
        for _batch in loop.clock.batches(range(7)):
            loop.weight, loop.state = loop.step(loop.weight, loop.state, jnp.asarray(-1.0))  # type: ignore[attr-defined]
            weights.append(float(loop.weight))
    assert weights[2::3] == [1.0, 2.0, 3.0, 4.0]


def test_a_schedule_is_made_by_what_was_observed() -> None:
    """Another batch size from the second epoch on: the end of the run is where it is now."""
    clock = sb.StepClock(samples=20, batch_size=5, epochs=2, initial="1ep")
    clock.change(batch_size=2)
    rate = schedule(clock, [("100%", 0.0, "linear")])
    assert float(rate(13)) > 0 == float(rate(14))


def test_a_partial_last_batch_is_what_it_is() -> None:
    plan = sb.Timeline.plan(samples=13, batch_size=12, epochs=3)
    rate = jax.jit(schedule(plan, [("100%", 0.0, "linear")]))
    found = [float(rate(jnp.asarray(step, jnp.int32))) for step in range(7)]
    assert found == pytest.approx([1 - done / 39 for done in (0, 12, 13, 25, 26, 38, 39)], abs=1e-6)


def test_a_schedule_that_cannot_be() -> None:
    plan = sb.Timeline.plan(batches_per_epoch=7)
    with pytest.raises(sb.TimelineError, match="100%"):
        schedule(plan, [("100%", 0.0, "linear")])
    with pytest.raises(TypeError, match="a StepClock or a Timeline first"):
        schedule([("1ep", 0.0, "linear")], plan)  # type: ignore[arg-type]
    with pytest.raises(sb.TimelineError, match='expected "step" or "batch"'):
        schedule(plan, [("1ep", 0.0, "linear")], counts="epoch")  # type: ignore[arg-type]
    with pytest.raises(sb.TimelineError, match="ends before"):
        schedule(plan, [("2ep", 0.0, "linear"), ("1ep", 1.0, "linear")])


# --- orbax ---


def options_for(policy: SavePolicy) -> ocp.CheckpointManagerOptions:
    if hasattr(ocp.CheckpointManagerOptions(), "save_decision_policy"):
        return ocp.CheckpointManagerOptions(save_decision_policy=policy, enable_async_checkpointing=False)
    return ocp.CheckpointManagerOptions(should_save_fn=policy, enable_async_checkpointing=False)


def test_orbax_saves_by_the_clock(tmp_path: Path) -> None:
    loop = Loop.made(optax.MultiSteps(optax.sgd(1.0), 3), 3)
    policy = SavePolicy(loop.clock, "1ep")
    names = ("state", "clock")
    with ocp.CheckpointManager(tmp_path, options=options_for(policy), item_names=names) as manager:
        asked = []
        for _ in loop.clock.epochs():
            for _batch in loop.clock.batches(range(7)):
                loop.weight, loop.state = loop.step(loop.weight, loop.state, jnp.asarray(-1.0))  # type: ignore[attr-defined]
                asked.append(manager.should_save(loop.clock.batch))
                parts = {
                    "state": ocp.args.StandardSave({"weight": loop.weight}),
                    "clock": ocp.args.JsonSave(loop.clock.state_dict()),
                }
                manager.save(loop.clock.batch, args=ocp.args.Composite(**parts))
        assert list(manager.all_steps()) == [7, 14]
        assert [number for number, due in enumerate(asked, 1) if due] == [7, 14]
        restored = manager.restore(7, args=ocp.args.Composite(clock=ocp.args.JsonRestore()))
    again = sb.StepClock(samples=20, batch_size=3, epochs=2, accumulate=3, boundary="carry")
    again.load_state_dict(restored["clock"], pending="carry")
    assert (again.batch, again.sample, again.step, again.pending) == (7, 20, 2, 1)
    after = SavePolicy(again, "1ep")
    assert not after.should_save(7)


def test_a_policy_that_cannot_be() -> None:
    with pytest.raises(TypeError, match="StepClock"):
        SavePolicy("1ep", "1ep")  # type: ignore[arg-type]
    with pytest.raises(sb.TimelineError, match="0"):
        SavePolicy(sb.StepClock(), "0ep")


# --- grain ---


def dataset(size: int = 3, *, epochs: int = 2, how: str = "batches") -> Any:
    source = grain.MapDataset.source(list(range(20)))
    if how == "batches":
        return source.batch(size).repeat(epochs).to_iter_dataset()
    if how == "samples":
        return source.repeat(epochs).to_iter_dataset().batch(size)
    return source.repeat(epochs).batch(size).to_iter_dataset()


def clock_of(size: int = 3, epochs: int = 2) -> sb.StepClock:
    return sb.StepClock(samples=20, batch_size=size, epochs=epochs)


def test_epochs_of_an_iterator_without_an_end() -> None:
    clock, iterator = clock_of(), iter(dataset())
    taken = [[batch.tolist() for batch in iterate(clock, iterator)] for _ in clock.epochs()]
    assert [len(epoch) for epoch in taken] == [7, 7]
    assert [list(flat(epoch)) for epoch in taken] == [list(range(20))] * 2
    assert (clock.batch, clock.sample, clock.position) == (14, 40, (2, 0))


@pytest.mark.parametrize("number", [1, 6, 7, 10, 13])
def test_a_resume_is_exact(number: int) -> None:
    clock, iterator = clock_of(), iter(dataset())
    passed, state, done = [], None, 0
    for _ in clock.epochs():
        for batch in iterate(clock, iterator):
            passed += batch.tolist()
            if clock.batch == number:
                state = json.loads(json.dumps({"clock": clock.state_dict(), "data": iterator.get_state()}))
                done = len(passed)
    assert state is not None
    again, iterator = clock_of(), iter(dataset())
    again.load_state_dict(state["clock"])
    iterator.set_state(state["data"])
    rest = [batch.tolist() for _ in again.epochs() for batch in iterate(again, iterator)]
    assert list(flat(rest)) == passed[done:]
    assert (again.batch, again.sample) == (14, 40)


def resumed(size: int, how: str) -> tuple[sb.StepClock, Any]:
    """Ten batches of 3, then batches of another size."""
    first, iterator = clock_of(), iter(dataset(how=how))
    state: tuple[Any, ...] = ()
    for _ in first.epochs():
        for _batch in iterate(first, iterator):
            if first.batch == 10:
                state = (first.state_dict(), iterator.get_state())
    again, iterator = clock_of(size), iter(dataset(size, how=how))
    again.load_state_dict(state[0])
    iterator.set_state(state[1])
    return again, iterator


def test_another_batch_size_goes_on_elsewhere_where_the_index_counts_batches() -> None:
    clock, iterator = resumed(2, "batches")
    assert clock.begin_epoch()
    with pytest.warns(sb.StepbridgeWarning, match="expected that of the run, which has done 29 samples, seen 10"):
        taken = iterate(clock, iterator)
    assert next(taken).tolist() == [0, 1]


def test_an_iterator_that_was_not_restored_is_named() -> None:
    first, iterator, state = clock_of(), iter(dataset()), {}
    for _ in first.epochs():
        for _batch in iterate(first, iterator):
            if first.batch == 10:
                state = first.state_dict()
    again = clock_of()
    again.load_state_dict(state)
    assert again.begin_epoch()
    with pytest.warns(sb.StepbridgeWarning, match=r"seen 0.*iterator\.set_state"):
        iterate(again, iter(dataset()))


@pytest.mark.parametrize("size", [3, 2, 5])
def test_batches_that_cross_epochs_are_a_stream(size: int) -> None:
    """`repeat(2).batch(3)`: an epoch is 6 2/3 batches."""
    plan = sb.Timeline.stream(batch_size=size, samples=20)
    clock, iterator = sb.StepClock(plan), iter(dataset(size, how="stream"))
    seen = []
    for _ in clock.epochs(1):
        for batch in iterate(clock, iterator):
            seen += batch.tolist()
    assert clock.batch == math.ceil(40 / size)
    assert seen == [*range(20), *range(20)]


def test_a_stream_by_samples_goes_on_with_another_batch_size() -> None:
    def made(size: int) -> tuple[sb.StepClock, Any]:
        return sb.StepClock(sb.Timeline.stream(batch_size=size, samples=20)), iter(dataset(size, how="samples"))

    (first, iterator), states = made(3), list[Any]()
    for _ in first.epochs(1):
        for _batch in iterate(first, iterator):
            if first.batch == 8:
                states += first.state_dict(), iterator.get_state()
    again, iterator = made(4)
    again.load_state_dict(states[0])
    iterator.set_state(states[1])
    rest = [batch.tolist() for _ in again.epochs(1) for batch in iterate(again, iterator)]
    assert list(flat(rest)) == [*range(4, 20)]
    assert (again.batch, again.sample) == (12, 40)


def test_a_data_loader() -> None:
    """Its batches cross epochs, and its state counts samples."""

    def made(size: int = 4) -> tuple[sb.StepClock, Any]:
        sampler = grain.IndexSampler(20, grain.ShardOptions(0, 1), shuffle=False, num_epochs=2, seed=0)
        loader = grain.DataLoader(
            data_source=list(range(20)), sampler=sampler, operations=[grain.Batch(size)], worker_count=0
        )
        return sb.StepClock(sb.Timeline.stream(batch_size=size, samples=20)), iter(loader)

    (first, iterator), states = made(), list[Any]()
    for _ in first.epochs(1):
        for _batch in iterate(first, iterator):
            if first.batch == 6:
                states += first.state_dict(), iterator.get_state()
    again, iterator = made()
    again.load_state_dict(states[0])
    iterator.set_state(states[1])
    rest = [batch.tolist() for _ in again.epochs(1) for batch in iterate(again, iterator)]
    assert list(flat(rest)) == [*range(4, 20)]
    again, iterator = made()
    again.load_state_dict(states[0])
    assert again.begin_epoch()
    with pytest.warns(sb.StepbridgeWarning, match="seen 0"):
        iterate(again, iterator)


def test_an_iteration_that_cannot_be() -> None:
    clock = sb.StepClock(epochs=1)
    for _ in clock.epochs():
        with pytest.raises(TypeError, match="takes an iterator, not list"):
            iterate(clock, [1])  # type: ignore[arg-type]
        with pytest.raises(sb.TimelineError, match="how many batches epoch 0"):
            iterate(clock, iter([1]))
        clock.advance()
