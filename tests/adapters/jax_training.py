"""A jitted loop over 20 samples in batches of 3: one weight, which an update moves by its gradients' mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import optax

import stepbridge as sb
from stepbridge.adapters.jax import Watch, watch

__all__ = ["Loop", "batches"]


def batches(size: int = 3, samples: int = 20) -> list[list[int]]:
    """The samples of one epoch, by batch."""
    return [list(range(first, min(first + size, samples))) for first in range(0, samples, size)]


@dataclass
class Loop:
    """A loop that is set up; `run` trains it."""

    optimizer: Any
    clock: sb.StepClock
    weight: Any = None
    state: Any = None
    watched: Watch | None = None
    passed: int = 0
    updates: list[int] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
    counts: list[tuple[int, int, int | None]] = field(default_factory=list)

    @classmethod
    def made(cls, optimizer: Any, accumulate: int = 1, *, watched: bool = True, **options: Any) -> Loop:
        """Makes the state, and a clock."""
        given = {"samples": 20, "batch_size": 3, "epochs": 2, "boundary": "carry", **options}
        loop = cls(optimizer, sb.StepClock(accumulate=accumulate, **given))
        loop.weight = jnp.zeros(())
        loop.state = optimizer.init(loop.weight)
        if watched:
            loop.watched = watch(loop.clock, lambda: loop.state)
        update = optimizer.update

        def step(weight: Any, state: Any, gradient: Any) -> Any:
            changes, state = update(gradient, state, weight)
            return optax.apply_updates(weight, changes), state

        loop.step = jax.jit(step, donate_argnums=(0, 1))  # type: ignore[attr-defined]
        return loop

    def run(self, *, bad: tuple[int, ...] = (), epochs: int | None = None) -> Loop:
        """Trains; the gradient of the batches in `bad`, numbers in the run from 1, is not finite."""
        for _ in self.clock.epochs(epochs):
            for batch in self.clock.batches(batches()):
                self.passed += 1
                before = float(self.weight)
                gradient = jnp.asarray(jnp.inf if self.passed in bad else -1.0)
                self.weight, self.state = self.step(self.weight, self.state, gradient)  # type: ignore[attr-defined]
                if float(self.weight) != before:
                    self.updates.append(self.passed)
                if self.clock.closes_step:
                    self.closed.append(self.passed)
                self.counts.append((self.clock.batch, self.clock.step, self.clock.sample))
                assert batch
        return self
