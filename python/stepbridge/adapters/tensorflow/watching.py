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

from stepbridge.adapters.checks import the_clock
from stepbridge.adapters.tensorflow.tracing import refuse_tracing
from stepbridge.clock import PolledUpdates

if TYPE_CHECKING:
    from typing_extensions import Self

    from stepbridge.clock import StepClock

    #: A Keras optimizer, or the variable that another one raises.
    Counting: TypeAlias = tf.keras.optimizers.Optimizer | tf.Variable

__all__ = ["Watch", "watch"]


def watch(clock: StepClock, optimizer: Counting, name: str | None = None) -> Watch:
    """Compares the optimizer's own counter with the clock after each batch, and counts its real updates.

    A step that a `LossScaleOptimizer` left out becomes a mark: `clock.applied` does not count it. With any other
    optimizer a closed window without an update, an update in an open one and two in one are told, once. The counter is
    read when the next batch is asked for, which waits for the update to be done; `sync()` reads it at once.

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
    living = {hook.name: hook for hook in clock.hooks if isinstance(hook, Watch)}
    for watched in living.values():
        if watched.optimizer is optimizer:
            raise ValueError(f"{clock.name}: this optimizer is watched already, as {watched.name!r}")
    if name is None:
        names = ("optimizer", *(f"optimizer{number}" for number in range(2, len(living) + 2)))
        name = next(free for free in names if free not in living)
    elif name in living:
        raise ValueError(f"{clock.name}: another optimizer is watched as {name!r}: give this one a name of its own")
    return Watch(clock, optimizer, name)


class Watch:
    """An optimizer that is watched; made by `watch`."""

    def __init__(self, clock: StepClock, optimizer: Counting, name: str) -> None:
        self.clock = clock
        self.optimizer = optimizer
        self.name = name
        #: What warnings call the counter.
        self.counter = _counter(optimizer, name)
        #: Whether it may leave an update out on purpose.
        self.scales = hasattr(optimizer, "inner_optimizer")
        self._updates = _CounterUpdates(self)
        clock.add_hook(self)

    @property
    def applied(self) -> int:
        """Real updates of this optimizer so far, those of the batch at hand left out until `sync`: a count."""
        return self._updates.applied

    def read(self) -> int:
        """Returns the optimizer's own counter."""
        return int(getattr(self.optimizer, "iterations", self.optimizer).numpy())

    def sync(self) -> None:
        """Reads the counter now: for after the update, where `clock.applied` is wanted in the same batch."""
        self.clock.settle_updates()

    def remove(self) -> None:
        """Ends the watch after the batch at hand; the counts stay. Doing it twice is harmless."""
        if self in self.clock.hooks:
            self.sync()
            self.clock.remove_hook(self)
            self._updates.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.remove()

    def __call__(self) -> None:
        """What the clock calls: a batch is at hand, and its update still to come."""
        refuse_tracing(self.clock)
        self._updates.stand()


class _CounterUpdates(PolledUpdates):
    """The updates of an optimizer by its own counter."""

    __slots__ = ("_mine", "_seen", "_since", "_watch")

    def __init__(self, watch: Watch) -> None:
        super().__init__(watch.clock.updates(watch.name))
        self._watch = watch
        self._seen: int | None = None
        # What was counted here; where `applied` is another number, a checkpoint was loaded.
        self._mine = self.applied
        self._since = 0

    def stand(self) -> None:
        """Notes where the counter stands before the first update; by then what is to be restored has been."""
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


def _counter(optimizer: object, name: str) -> str:
    """What to call the counter.

    Raises:
        TypeError: there is none.
    """
    if hasattr(optimizer, "iterations"):
        return f"{name}.iterations"
    if isinstance(optimizer, tf.Variable) and optimizer.dtype.is_integer and optimizer.shape.rank == 0:
        return str(optimizer.name).removesuffix(":0")
    hint = (
        "an optimizer of tf.compat.v1.train has no counter of its own: give the variable that you pass as global_step="
    )
    raise TypeError(
        f"watch takes a Keras optimizer or a variable that counts updates, not {type(optimizer).__name__}: {hint}"
    )
