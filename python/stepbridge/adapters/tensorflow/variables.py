"""Variables that follow the clock, for what is traced once: Python's integers freeze there.

What TensorFlow does (seen on 2.21):

- A `tf.function` reads a Python integer (`clock.step`) when it is traced, and that number is in the graph for good. It
  reads a `tf.Variable` each time it runs.
- `tf.summary` takes its step as int64, from `step=` or, per thread, from `tf.summary.experimental.set_step`.
- In a strategy's scope a variable has a copy on each replica; an assignment outside the replicas sets them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from stepbridge._errors import TimelineError
from stepbridge.adapters.base import LogStep, the_clock
from stepbridge.adapters.tensorflow.tracing import refuse_tracing
from stepbridge.timeline import unit_symbol

if TYPE_CHECKING:
    from stepbridge.clock import StepClock
    from stepbridge.timeline import Unit, UnitLike

__all__ = ["Follower", "follow", "set_summary_step"]

#: What a variable can follow, and what it is called.
NAMES = {"st": "step", "ba": "batch", "sp": "sample", "ep": "epoch"}


def follow(clock: StepClock, unit: UnitLike = "step") -> tf.Variable:
    """Returns an int64 `tf.Variable` that has the clock's number when the body of the loop runs.

    The clock assigns it each time it advances, before it hands the batch out, and a restored `ClockCheckpoint` does;
    after `clock.load_state_dict` it is right from the next batch on. Asked again, it returns the same variable. Made in
    a strategy's scope it is mirrored on the replicas.

    Args:
        clock: the loop's clock.
        unit: "step", "batch" or "sample" for the count with the batch at hand included, "epoch" for the index (from 0)
            of the epoch that it is in.

    Raises:
        TimelineError: another unit, or samples where the clock does not know them.
        RuntimeError: outside eager execution: in a TF1 graph the global step is the variable.

    >>> import tensorflow as tf
    >>> from stepbridge import StepClock
    >>> clock = StepClock(batches_per_epoch=3, epochs=1)
    >>> step = follow(clock)
    >>> @tf.function
    ... def train():
    ...     return clock.step, step.read_value()
    >>> for epoch in clock.epochs():
    ...     for batch in clock.batches(range(3)):
    ...         frozen, followed = train()
    >>> int(frozen), int(followed)
    (1, 3)
    """
    the_clock(clock)
    symbol = unit_symbol(unit)
    if symbol not in NAMES:
        raise TimelineError(f"a variable follows the clock in steps, batches, samples or epochs, not in {unit!r}")
    if not tf.executing_eagerly():
        raise RuntimeError(
            "follow needs eager execution: in a TF1 graph the global step is the variable that GlobalStepHook follows"
        )
    strategy = tf.distribute.get_strategy()
    for hook in clock.hooks:
        if isinstance(hook, Follower) and (hook.symbol, hook.strategy) == (symbol, strategy):
            hook.sync()
            return hook.variable
    follower = Follower(clock, symbol, strategy)
    clock.add_hook(follower)
    return follower.variable


def set_summary_step(clock: StepClock, unit: UnitLike = "step") -> tf.Variable:
    """Gives `tf.summary` the clock's number as its step, in this thread, and tells the ledger so.

    Args:
        clock: the loop's clock.
        unit: as in `follow`.

    Returns:
        The variable, for `step=` elsewhere.

    Raises:
        ValueError, RuntimeError: as `follow`.

    >>> import tensorflow as tf
    >>> from stepbridge import StepClock
    >>> step = set_summary_step(StepClock(batches_per_epoch=3, epochs=1), "batch")
    >>> tf.summary.experimental.get_step() is step
    True
    >>> tf.summary.experimental.set_step(None)
    """
    variable = follow(clock, unit)
    tf.summary.experimental.set_step(variable)
    LogStep(clock, unit).record("tf.summary")
    return variable


class Follower:
    """Assigns a variable whenever the clock advances."""

    def __init__(self, clock: StepClock, symbol: Unit, strategy: tf.distribute.Strategy) -> None:
        self.clock = clock
        self.symbol = symbol
        self._log_step = LogStep(clock, symbol)
        self.strategy = strategy
        if symbol == "sp" and clock.sample is None:
            raise TimelineError(f"{clock.name}: samples are not known: give the clock samples= and batch_size=")
        self.variable = tf.Variable(
            self._number(),
            dtype=tf.int64,
            trainable=False,
            name=f"clock_{NAMES[symbol]}",
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def _number(self) -> int:
        clock = self.clock
        if self.symbol == "sp" and clock.sample is None:
            # No number is right, and no count is negative.
            clock.warn_once("clock.sample", "a number to follow", None, "the variable is -1 from here on")
            return -1
        return self._log_step.now

    def sync(self) -> None:
        """Assigns the number that the clock has now."""
        self.variable.assign(self._number(), read_value=False)

    def __call__(self) -> None:
        """What the clock calls."""
        refuse_tracing(self.clock)
        self.sync()
