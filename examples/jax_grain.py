"""Trains with flax, optax and grain, saves in the middle of an epoch, and goes on at the exact sample."""

from __future__ import annotations

from typing import Any

import grain.python as grain
import jax
import jax.numpy as jnp
import optax
from flax.training.train_state import TrainState

from stepbridge import StepClock
from stepbridge.adapters.jax import iterate, watch


def loss(params: Any, batch: Any) -> Any:
    """Returns how far the weight is from 1."""
    return ((params["w"] - 1) ** 2 * batch).mean()


@jax.jit
def train_step(state: TrainState, batch: Any) -> TrainState:
    """Trains one batch; every second one updates."""
    new: TrainState = state.apply_gradients(grads=jax.grad(loss)(state.params, batch))
    return new


def train(saved: tuple[Any, ...] | None = None) -> tuple[StepClock, list[int], tuple[Any, ...]]:
    """Trains what is left of two epochs; returns the clock, the samples, and what was saved after 29 of them."""
    dataset = grain.MapDataset.source(list(range(20))).shuffle(seed=1).batch(3).repeat(2)
    iterator = iter(dataset.to_iter_dataset())
    tx = optax.MultiSteps(optax.adam(0.1), every_k_schedule=2)
    state = TrainState.create(apply_fn=None, params={"w": jnp.zeros(())}, tx=tx)
    clock = StepClock(samples=20, batch_size=3, epochs=2, accumulate=2, boundary="carry")
    if saved is not None:
        state = saved[0]
        clock.load_state_dict(saved[1], pending="carry")
        iterator.set_state(saved[2])
    watch(clock, lambda: state)
    samples: list[int] = []
    kept: tuple[Any, ...] = ()
    for _ in clock.epochs():
        for batch in iterate(clock, iterator):
            samples += batch.tolist()
            state = train_step(state, jnp.asarray(batch) / 20)
            if clock.at("29sp"):
                kept = state, clock.state_dict(), iterator.get_state()
    return clock, samples, kept


clock, whole, saved = train()
print(f"batch {clock.batch}, step {clock.step}, applied {clock.applied}, sample {clock.sample}")
again, rest, _ = train(saved)
print(f"resumed after sample 29: the same samples {rest == whole[29:]}, step {again.step}, applied {again.applied}")
