"""Measures what the clock and a watched state add to each batch, next to a loop that reads the state's counters itself.

The states are made before: those of optax.MultiSteps after each batch, on the CPU. The peer reads no more than what
says how many batches and updates are done.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import optax

from claims import CLAIMS, Measured, Share
from stepbridge import StepClock
from stepbridge.adapters.jax import watch
from timing import once, pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BATCHES = 10_000
REPEATS = 9


def measure() -> Iterator[Measured | Share]:
    """Measure an epoch; every fourth batch closes a window."""
    cost, share = CLAIMS["jax_overhead"]
    measured = pairs(partial(seconds_of, clocked), partial(seconds_of, by_hand), REPEATS)
    yield Measured(cost, measured, "ns a batch", 1e9 / BATCHES)
    yield Share(share, measured.our_median / BATCHES)


def seconds_of(loop: Callable[[list[Any]], None]) -> float:
    """Return the seconds that a loop takes."""
    first = optax.MultiSteps(optax.sgd(0.1), 4).init(jnp.zeros(()))
    # Once it is read, an array keeps its number: each time these are new.
    states = [
        first._replace(mini_step=jnp.int32(number % 4), gradient_step=jnp.int32(number // 4))
        for number in range(BATCHES + 1)
    ]
    jax.block_until_ready(states)  # type: ignore[no-untyped-call]
    return once(partial(loop, states))


def clocked(states: list[Any]) -> None:
    """Count by the clock."""
    state = states[0]
    clock = StepClock(batches_per_epoch=BATCHES, epochs=1, accumulate=4, boundary="carry")
    with watch(clock, lambda: state) as watched:
        for _ in clock.epochs():
            for number in clock.batches(range(1, BATCHES + 1)):
                state = states[number]
        assert (clock.step, watched.applied) == (BATCHES // 4, BATCHES // 4)


def by_hand(states: list[Any]) -> None:
    """Read what the state says after each batch."""
    pending = updates = 0
    for number in range(1, BATCHES + 1):
        state = states[number]
        pending, updates = int(state.mini_step), int(state.gradient_step)
    assert (pending, updates) == (BATCHES % 4, BATCHES // 4)
