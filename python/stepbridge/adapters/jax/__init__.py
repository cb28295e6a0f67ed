"""JAX: count real updates from the state of optax or flax, schedule, save and take batches in any unit.

A loop in JAX is your own: `for batch in clock.batches(loader)` takes any iterable, and stays outside of `jax.jit`. This
package adds:

- `watch(clock, lambda: state)` counts the updates that really happened;
- `schedule(clock, phases)` is a schedule of optax with points in any unit;
- `SavePolicy(clock, "1ep")` says to orbax when to save;
- `iterate(clock, iterator)` takes the batches of an epoch from an iterator of grain, which has no end of epoch;
- `step_unit(state)` says what the `step` of a flax state counts: updates, or batches.

What optax and flax do to a step is in the docstring of the module that deals with it.

>>> import jax.numpy as jnp
>>> import optax
>>> from stepbridge import StepClock
>>> optimizer = optax.MultiSteps(optax.sgd(1.0), every_k_schedule=3)
>>> weight = jnp.zeros(())
>>> state = optimizer.init(weight)
>>> clock = StepClock(samples=20, batch_size=3, epochs=2, accumulate=3, boundary="carry")
>>> watched = watch(clock, lambda: state)
>>> for epoch in clock.epochs():
...     for batch in clock.batches(range(7)):
...         updates, state = optimizer.update(jnp.ones(()), state, weight)
...         weight = optax.apply_updates(weight, updates)
>>> clock.batch, clock.step, clock.applied, float(weight)
(14, 4, 4, -4.0)
"""

from __future__ import annotations

from stepbridge.adapters.base import framework

with framework("jax", title="JAX", tested="0.4", through=("flax", "grain", "orbax")):
    import jax as _jax  # noqa: F401  # first and alone; `framework` says why
with framework("optax", title="optax", tested="0.2", adapter="jax"):
    import optax as _optax  # noqa: F401

from stepbridge.adapters.jax.iterating import iterate
from stepbridge.adapters.jax.saving import SavePolicy
from stepbridge.adapters.jax.schedules import schedule
from stepbridge.adapters.jax.states import step_unit
from stepbridge.adapters.jax.watching import Watch, watch

__all__ = ["SavePolicy", "Watch", "iterate", "schedule", "step_unit", "watch"]
