"""Counts the updates that really happen, by the optimizer's own counter.

What TensorFlow and Keras do (seen on TensorFlow 2.21 with Keras 3.15):

- `optimizer.iterations` rises once for each `apply` or `apply_gradients`, inside a `tf.function` too, where no Python
  hook runs. With `gradient_accumulation_steps=k` it is the count of calls over k, rounded down, over the whole run.
- `LossScaleOptimizer` leaves an update out where a gradient is not finite; `iterations` is that of the optimizer
  inside, and does not move. This is the only trace.
- Under a strategy it rises once for all replicas together. `int(iterations)` fails there; `.numpy()` works everywhere.
- `tf.compat.v1.train` optimizers raise the variable given as `global_step=`, and none without one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import tensorflow as tf

from stepbridge.adapters import base
from stepbridge.adapters.base import the_clock
from stepbridge.adapters.tensorflow.tracing import refuse_tracing
from stepbridge.clock import PolledUpdates

if TYPE_CHECKING:
    from stepbridge.clock import StepClock, Updates

    #: A Keras optimizer, or the variable that another one raises.
    Counting: TypeAlias = tf.keras.optimizers.Optimizer | tf.Variable

__all__ = ["Watch", "watch"]


def watch(clock: StepClock, optimizer: Counting, name: str | None = None) -> Watch:
    """Compares the optimizer's own counter with the clock after each batch, and counts its real updates.

    A step that a `LossScaleOptimizer` left out becomes a mark: `clock.applied` does not count it. With any other
    optimizer a closed window without an update, an update in an open one and two in one are reported, once. The
    counter is read when the next batch is asked for, which waits for the update to be done; `sync()` reads it at once.

    Args:
        clock: the loop's clock.
        optimizer: a Keras optimizer; or, for one of `tf.compat.v1.train`, the variable that it raises (`global_step=`).
        name: what this optimizer is called; "optimizer" by default, then "optimizer2", "optimizer3". Its count is
            saved with the clock under this name.

    Returns:
        A handle: `applied` is its count, `remove()` ends the watch; it is a context manager too.

    Raises:
        TypeError: not a clock, or nothing that has a counter.
        ValueError: the clock watches this optimizer already, or another one by this name.

    >>> import keras
    >>> import tensorflow as tf
    >>> from stepbridge import StepClock
    >>> weight = tf.Variable(1.0)
    >>> optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))
    >>> clock = StepClock(batches_per_epoch=3, epochs=1)
    >>> with watch(clock, optimizer) as watched:
    ...     for epoch in clock.epochs():
    ...         for gradient in clock.batches([1.0, float("inf"), 1.0]):
    ...             _ = optimizer.apply_gradients([(tf.constant(gradient), weight)])
    >>> clock.step, clock.applied, int(optimizer.iterations)
    (3, 2, 2)
    """
    the_clock(clock)
    _check_counter(optimizer)
    return Watch(clock, optimizer, name)


class Watch(base.Watch):
    """An optimizer that is watched; made by `watch`.

    Its count leaves out the update of the batch at hand until `sync`.
    """

    updates: _CounterUpdates

    def __init__(self, clock: StepClock, optimizer: Counting, name: str | None) -> None:
        #: Kept, as the clock reads it: a variable that nobody else holds still counts.
        self._kept = optimizer
        #: Whether it may leave an update out on purpose.
        self.scales = hasattr(optimizer, "inner_optimizer")
        super().__init__(clock, optimizer, name)
        #: What warnings call the counter.
        self.counter = _counter(optimizer, self.name)
        clock.add_hook(self)

    def _counting(self, updates: Updates) -> Updates:
        return _CounterUpdates(self, updates)

    def read(self) -> int:
        """Returns the optimizer's own counter."""
        return int(getattr(self._kept, "iterations", self._kept).numpy())

    def sync(self) -> None:
        """Reads the counter now: for after the update, where `clock.applied` is wanted in the same batch."""
        self.clock.settle_updates()

    def remove(self) -> None:
        """Ends the watch after the batch at hand; the counts stay. A second call does nothing."""
        if self in self.clock.hooks:
            self.sync()
            self.clock.remove_hook(self)
        super().remove()

    def __call__(self) -> None:
        """What the clock calls: a batch is at hand, and its update still to come."""
        refuse_tracing(self.clock)
        self.updates.stand()


class _CounterUpdates(PolledUpdates):
    """The updates of an optimizer by its own counter."""

    __slots__ = ("_mine", "_seen", "_since", "_watch")

    def __init__(self, watch: Watch, updates: Updates) -> None:
        super().__init__(updates)
        self._watch = watch
        self._seen: int | None = None
        # What was counted here; where `applied` is another number, a checkpoint was loaded.
        self._mine = self.applied
        self._since = 0

    def stand(self) -> None:
        """Records the counter before the first update; by then what is to be restored has been."""
        if self._seen is not None and self._mine == self.applied:
            return
        clock, watch = self._watch.clock, self._watch
        self._seen, self._mine = watch.read(), self.applied
        before = clock.applied - int(clock.closes_step)
        # Counted by a checkpoint, else as old as the clock; where several take turns, perhaps younger.
        expected = self.applied or before
        fewer = not self.alone and self._seen < expected
        if self._seen != expected and not fewer:
            adopt = f'StepClock(initial="{self._seen}st") begins there'
            clock.warn_once(
                watch.counter,
                f"{expected} before batch {clock.batch}",
                self._seen,
                adopt if self._seen > expected else "restore the optimizer with the clock",
            )

    def poll(self) -> None:
        """Counts what the optimizer has counted since."""
        seen = self._watch.read()
        before, self._seen = self._seen if self._seen is not None else seen, seen
        for _ in range(before, seen):
            self.count()
            self._since += 1
        self._mine = self.applied
        if seen < before:
            self.assume_applied()
            hint = "it was set back while the clock went on"
            self._watch.clock.warn_once(self._watch.counter, f"{before} or more", seen, hint)

    def settle(self) -> None:
        """Says where the batch brought another number of updates than one, for no known reason."""
        clock, watch = self._watch.clock, self._watch
        since, self._since = self._since, 0
        missing = self.missing
        if missing and watch.scales:
            self.explain()
        if clock.closes_step and (since > 1 or (missing and not watch.scales and self.alone)):
            self.explain()
            clock.warn_once(
                watch.counter,
                f"one more after batch {clock.batch}",
                f"{since} more ({self._seen})",
                "a step of the clock is one update: apply gradients once where clock.closes_step is true",
            )


def _counter(optimizer: Counting, name: str) -> str:
    """What warnings call the counter."""
    return f"{name}.iterations" if hasattr(optimizer, "iterations") else str(optimizer.name).removesuffix(":0")


def _check_counter(optimizer: object) -> None:
    """Checks that there is a counter of updates.

    Raises:
        TypeError: there is none.
    """
    if hasattr(optimizer, "iterations"):
        return
    if isinstance(optimizer, tf.Variable) and optimizer.dtype.is_integer and optimizer.shape.rank == 0:
        return
    hint = (
        "an optimizer of tf.compat.v1.train has no counter of its own: give the variable that you pass as global_step="
    )
    raise TypeError(
        f"watch takes a Keras optimizer or a variable that counts updates, not {type(optimizer).__name__}: {hint}"
    )
