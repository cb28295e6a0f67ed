"""The `step` of flax counts calls: what that is, and what the clock makes of it."""

from __future__ import annotations

import warnings
from typing import Any

import flax
import jax
import jax.numpy as jnp
import optax
import pytest
from flax import nnx
from flax.training.train_state import TrainState

import stepbridge as sb
from adapters.jax_training import batches
from stepbridge.adapters.jax import step_unit, watch

pytestmark = pytest.mark.filterwarnings("ignore::Warning", "error::stepbridge.StepbridgeWarning")


def train_state(tx: Any) -> TrainState:
    return TrainState.create(apply_fn=None, params={"w": jnp.zeros(())}, tx=tx)


#: Where the optimizer keeps the model.
OLD = tuple(map(int, flax.__version__.split(".")[:2])) < (0, 11)


class Model(nnx.Module):  # type: ignore[misc]  # mypy does not read flax
    def __init__(self) -> None:
        self.w = nnx.Param(jnp.zeros(()))


@pytest.mark.parametrize(("k", "unit"), [(None, "step"), (1, "batch"), (3, "batch")])
def test_a_train_state(k: int | None, unit: str) -> None:
    state = train_state(optax.sgd(1.0) if k is None else optax.MultiSteps(optax.sgd(1.0), k))
    assert step_unit(state) == unit
    clock = sb.StepClock(samples=20, batch_size=3, epochs=2, accumulate=k or 1, boundary="carry")
    watch(clock, lambda: state)
    step = jax.jit(lambda state: state.apply_gradients(grads={"w": jnp.asarray(-1.0)}), donate_argnums=0)
    for _ in clock.epochs():
        for _batch in clock.batches(batches()):
            state = step(state)
            shown = {"batch": clock.batch, "step": clock.step}[unit]
            assert int(state.step) == shown
    assert (clock.step, clock.applied) == (14 // (k or 1), round(float(state.params["w"])))


def test_a_loop_that_accumulates_by_itself() -> None:
    """It applies gradients once a window: `step` counts updates."""
    state = train_state(optax.sgd(1.0))
    assert step_unit(state) == "step"
    clock = sb.StepClock(samples=20, batch_size=3, epochs=2, accumulate=3)
    watch(clock, lambda: state)
    for _ in clock.epochs():
        for _batch in clock.batches(batches()):
            if clock.closes_step:
                state = state.apply_gradients(grads={"w": jnp.asarray(-1.0)})
    assert clock.applied == clock.step == int(state.step) == 6


def test_left_out_updates_of_a_train_state() -> None:
    state = train_state(optax.apply_if_finite(optax.sgd(1.0), 3))
    clock = sb.StepClock(batches_per_epoch=7, epochs=1)
    watch(clock, lambda: state)
    for _ in clock.epochs():
        for batch in clock.batches(range(7)):
            state = state.apply_gradients(grads={"w": jnp.asarray(jnp.nan if batch == 2 else -1.0)})
    assert (int(state.step), clock.step, clock.applied) == (7, 7, 6)
    assert float(state.params["w"]) == 6


def test_a_call_too_many_is_named() -> None:
    state = train_state(optax.MultiSteps(optax.sgd(1.0), 4))
    clock = sb.StepClock(batches_per_epoch=7, epochs=1, accumulate=4, boundary="carry")
    watch(clock, lambda: state)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", sb.StepbridgeWarning)
        for _ in clock.epochs():
            for batch in clock.batches(range(7)):
                for _call in range(2 if batch == 1 else 1):
                    state = state.apply_gradients(grads={"w": jnp.asarray(-1.0)})
    assert any("state.step: expected 2, seen 3" in str(one.message) for one in caught)


@pytest.mark.parametrize(("k", "unit"), [(None, "step"), (3, "batch")])
def test_an_optimizer_of_nnx(k: int | None, unit: str) -> None:
    model = Model()
    tx = optax.sgd(1.0) if k is None else optax.MultiSteps(optax.sgd(1.0), k).gradient_transformation()
    optimizer = nnx.Optimizer(model, tx, wrt=nnx.Param)
    assert step_unit(optimizer) == unit
    clock = sb.StepClock(samples=20, batch_size=3, epochs=2, accumulate=k or 1, boundary="carry")
    watched = watch(clock, optimizer)
    loss = nnx.grad(lambda model: -jnp.sum(model.w[...]))

    @nnx.jit  # type: ignore[untyped-decorator]
    def step(model: Any, optimizer: Any) -> None:
        if OLD:
            optimizer.update(loss(model))
        else:
            optimizer.update(model, loss(model))

    for _ in clock.epochs():
        for _batch in clock.batches(batches()):
            step(model, optimizer)
    assert (clock.batch, clock.step, clock.applied) == (14, 14 // (k or 1), 14 // (k or 1))
    assert watched.applied == round(float(model.w[...]))
