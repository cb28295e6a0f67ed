"""The clock inside a `tf.train.Checkpoint`.

What TensorFlow does (seen on 2.21):

- A checkpoint restores its Python objects first and its variables after, so that a clock that refuses leaves the
  variables as they were. An object that is attached after `restore` is restored when it is attached.
- Where the checkpoint has no such object, `restore` says nothing; `assert_existing_objects_matched()` does.
- An asynchronous checkpoint copies variables when `save` is called, and asks Python objects later, from a thread of its
  own, by when they have moved on; unless they make a copy as well.
- `tf.compat.v1.train.Saver` saves variables only: there `GlobalStepHook` adopts the global step.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import tensorflow as tf

from stepbridge._errors import TimelineError
from stepbridge.adapters.tensorflow.variables import Follower
from stepbridge.clock import StepClock, Trigger

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from stepbridge.timeline import Pending

__all__ = ["ClockCheckpoint"]


class ClockCheckpoint(tf.train.experimental.PythonState):  # type: ignore[misc]  # TensorFlow has no types
    """A clock (or a trigger) as a part of a `tf.train.Checkpoint`, saved and restored with the model.

    Restore before `clock.epochs()`. A clock that has a plan of its own compares it with the checkpoint's, as
    `StepClock.load_state_dict` does; what it raises comes out of `Checkpoint.restore`, before a variable was touched.

    Args:
        clock: a `StepClock`, or a `Trigger` of one.
        changed: the same run goes on with another data set; see `StepClock.load_state_dict`.
        pending: what becomes of an open window where `accumulate` differs; the same.

    Raises:
        TypeError: neither a clock nor a trigger.

    >>> import tempfile
    >>> import tensorflow as tf
    >>> from stepbridge import StepClock
    >>> clock = StepClock(batches_per_epoch=5, epochs=2)
    >>> for epoch in clock.epochs(1):
    ...     for batch in clock.batches(range(5)):
    ...         pass
    >>> weight = tf.Variable(1.0)
    >>> path = tf.train.Checkpoint(weight=weight, clock=ClockCheckpoint(clock)).save(tempfile.mkdtemp() + "/run")
    >>> again = StepClock(batches_per_epoch=5, epochs=2)
    >>> status = tf.train.Checkpoint(weight=weight, clock=ClockCheckpoint(again)).restore(path)
    >>> again.step, again.position
    (5, Position(epoch=1, iter=0))
    """

    def __init__(self, clock: StepClock | Trigger, *, changed: bool = False, pending: Pending | None = None) -> None:
        if not isinstance(clock, (StepClock, Trigger)):
            raise TypeError(f"ClockCheckpoint takes a StepClock or a Trigger, not {type(clock).__name__}")
        self._clock = clock
        self._changed = changed
        self._pending = pending

    def serialize(self) -> str:
        """Returns the state as JSON: what a checkpoint holds."""
        return json.dumps(self._clock.state_dict())

    def deserialize(self, string_value: bytes) -> None:
        """Goes on from what `serialize` returned.

        Raises:
            TimelineError: it is another plan's, or not a clock's state at all.
            RuntimeError: the clock is inside `epochs()`.
        """
        try:
            state = json.loads(string_value)
        except ValueError as error:
            raise TimelineError(f"the checkpoint holds no state of a clock: {error}") from None
        clock = self._clock
        if isinstance(clock, Trigger):
            clock.load_state_dict(state)
            return
        clock.load_state_dict(state, changed=self._changed, pending=self._pending)
        for hook in clock.hooks:
            if isinstance(hook, Follower):
                hook.sync()

    def __repr__(self) -> str:
        return f"ClockCheckpoint({self._clock!r})"

    def _copy_trackable_to_cpu(self, object_map: MutableMapping[object, _Copy]) -> None:
        """Lets an asynchronous checkpoint take the state of now: TensorFlow runs this in a graph, at each save."""
        copy = object_map.setdefault(self, _Copy())
        tf.py_function(lambda: copy.take(self), [], [])


class _Copy(tf.train.experimental.PythonState):  # type: ignore[misc]  # TensorFlow has no types
    """The state at the moment of a save."""

    def __init__(self) -> None:
        self._state = ""

    def take(self, original: ClockCheckpoint) -> None:
        self._state = original.serialize()

    def serialize(self) -> str:
        return self._state

    def deserialize(self, string_value: bytes) -> None:
        raise NotImplementedError("a copy is only saved")
