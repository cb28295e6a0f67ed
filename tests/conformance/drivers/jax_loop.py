"""A loop in JAX: a jitted step of optax, whose state is watched; the sum of what passes counts the samples."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import serialization
from flax.training.train_state import TrainState
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import stepbridge as sb
from conformance.drivers.loops import Trainer, play
from stepbridge.adapters.jax import step_unit, watch

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from conformance.scenarios import Leg, Scenario
    from stepbridge.clock import Resume

__all__ = ["run"]


def run(scenario: Scenario, folder: Path) -> list[dict[str, Any]]:
    """Plays a scenario; returns its events."""
    return play(scenario, Loop, folder)


@jax.jit
def gradient(params: Any, batch: Any) -> Any:
    """Returns the gradient, which is the mean of the samples, and their number."""
    return jax.grad(lambda params: (params["w"] * batch).mean())(params), jnp.ones_like(batch).sum()


@jax.jit
def apply(state: TrainState, grads: Any) -> TrainState:
    """Gives a gradient to the optimizer."""
    applied: TrainState = state.apply_gradients(grads=grads)
    return applied


class Loop(Trainer):
    """The objects of a training in JAX."""

    def __init__(self, scenario: Scenario, leg: Leg) -> None:
        super().__init__(scenario, leg)
        self.data = np.ones(scenario.samples, np.float32)
        self.data[list(scenario.overflows)] = np.inf
        #: Whether optax keeps the windows, which go over the ends of epochs; else this loop does.
        self.windows = scenario.boundary == "carry"
        self.workers = scenario.workers_of(leg)
        accumulate = scenario.accumulation(leg)
        tx = optax.MultiSteps(optax.adam(1.0), accumulate if self.windows else 1).gradient_transformation()
        if scenario.overflows:
            tx = optax.apply_if_finite(tx, 10)
        self.state = TrainState.create(apply_fn=None, params={"w": jnp.zeros(())}, tx=tx)
        self.count, self.sums = 0, {"w": jnp.zeros(())}
        known: dict[str, Any] = {"samples": scenario.samples} if scenario.known else {}
        self.clock = sb.StepClock(
            **known,
            batch_size=leg.batch_size,
            epochs=leg.epochs if scenario.legs[-1].epochs == leg.epochs else None,
            accumulate=accumulate,
            boundary=scenario.boundary,
            on_cut=scenario.on_cut,
        )
        # What several batches of one execution do is in the state only once all are done.
        self.watched = watch(self.clock, lambda: self.state) if scenario.fused == 1 else None

    def loader(self, leg: Leg, done: int) -> tuple[Iterable[Any], Resume | None]:
        """Slices the data; the clock leaves out what was done, unless the rest is cut in another way."""
        same = leg.batch_size == self.scenario.legs[0].batch_size
        begin = 0 if same else done
        slices = (self.data[at : at + leg.batch_size] for at in range(begin, len(self.data), leg.batch_size))
        return slices, "skip" if same else "continues"

    def forward(self, batches: list[Any]) -> None:
        """Passes batches, on several devices where there are workers."""
        for batch in batches:
            grads, samples = gradient(self.state.params, self.placed(batch))
            self.count += int(samples)
            if self.windows:
                self.state = apply(self.state, grads)
            else:
                self.sums = jax.tree.map(jnp.add, self.sums, grads)

    def placed(self, batch: Any) -> Any:
        """Returns a batch where it is trained."""
        devices = jax.devices()[: self.workers]
        return jax.device_put(batch, NamedSharding(Mesh(np.array(devices), ("data",)), PartitionSpec("data")))  # type: ignore[no-untyped-call]

    def update(self, pending: int) -> None:
        """Updates with the mean gradient, where optax does not do it."""
        if not self.windows:
            self.state = apply(self.state, jax.tree.map(lambda whole: whole / pending, self.sums))
            self.drop()

    def drop(self) -> None:
        """Throws the gradient away."""
        self.sums = {"w": jnp.zeros(())}

    def passed(self) -> int:
        """Returns the samples that passed."""
        return self.count

    def moved(self) -> float:
        """Returns how far the weight went down."""
        return -float(self.state.params["w"])

    def settle(self) -> None:
        """Reads the state for the batch at hand."""
        if self.watched is not None:
            self.watched.sync()

    def own(self) -> dict[str, dict[str, int]]:
        """Returns the counters of optax, and of flax where a call is a batch."""
        assert step_unit(self.state) == "batch"
        inner = self.state.opt_state
        inner = inner.inner_state if self.scenario.overflows else inner
        own = {"optax": {"gradient_step": int(inner.gradient_step)}}
        return {**own, "flax": {"step": int(self.state.step)}} if self.windows else own

    def evaluate(self) -> None:
        """Looks at other data, which leaves the state alone."""
        gradient(self.state.params, jnp.ones(3))

    def save(self, folder: Path) -> None:
        """Saves the state as flax does, the rest as JSON."""
        (folder / "state.msgpack").write_bytes(serialization.to_bytes(self.state))
        rest = {"clock": self.clock.state_dict(), "count": self.count}
        (folder / "rest.json").write_text(json.dumps(rest))

    def load(self, folder: Path) -> None:
        """Loads it again; the watch sees the state that was loaded."""
        self.state = serialization.from_bytes(self.state, (folder / "state.msgpack").read_bytes())
        rest = json.loads((folder / "rest.json").read_text())
        self.clock.load_state_dict(rest["clock"], pending="carry")
        self.count = rest["count"]
