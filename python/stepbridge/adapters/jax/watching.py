"""Counts the updates that really happen, by the counters in the state of optax or flax.

A jitted step calls no Python, so the counters are read when the next batch is asked for; see `states.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepbridge.adapters import base
from stepbridge.adapters.base import CounterUpdates, the_clock
from stepbridge.adapters.jax.states import read_counters, step_unit

if TYPE_CHECKING:
    from stepbridge.adapters.jax.states import Counters
    from stepbridge.clock import StepClock, Updates

__all__ = ["Watch", "watch"]


def watch(clock: StepClock, get_state: Any, name: str | None = None) -> Watch:
    """Counts the optimizer's real updates on the clock: `clock.applied`.

    An update that `apply_if_finite` leaves out counts in `clock.step`, not in `clock.applied`. Where `MultiSteps`
    leaves a batch out of its window, the clock's window goes on with it. Everything else that differs from the plan is
    reported, once. The counters are read when the next batch is asked for, which waits for the step; `sync()` reads
    them at once.

    Args:
        clock: the loop's clock.
        get_state: a function that returns the state of now, `lambda: state`: a state of optax, a `TrainState`, or an
            `nnx.Optimizer`. An `nnx.Optimizer` may be given as it is.
        name: what this optimizer is called; "optimizer" by default, then "optimizer2", "optimizer3". Its count is
            saved with the clock under this name.

    Returns:
        A handle: `applied` is its count, `remove()` ends the watch; it is a context manager too.

    Raises:
        TypeError: not a clock, not a function, or nothing in the state counts updates.
        TimelineError: the clock watches this already, or another one by this name.

    >>> import jax.numpy as jnp
    >>> import optax
    >>> from stepbridge import StepClock
    >>> optimizer = optax.apply_if_finite(optax.adam(0.1), max_consecutive_errors=5)
    >>> weight = jnp.zeros(())
    >>> state = optimizer.init(weight)
    >>> clock = StepClock(batches_per_epoch=3, epochs=1)
    >>> with watch(clock, lambda: state) as watched:
    ...     for epoch in clock.epochs():
    ...         for gradient in clock.batches([1.0, float("inf"), 1.0]):
    ...             _, state = optimizer.update(jnp.asarray(gradient), state, weight)
    >>> clock.step, clock.applied
    (3, 2)
    """
    the_clock(clock)
    if not callable(get_state) and not type(get_state).__module__.startswith("flax.nnx"):
        raise TypeError(
            f"watch takes a function that returns the state of now, lambda: state, not {type(get_state).__name__}: "
            "a state that is given as it is stays what it was"
        )
    return Watch(clock, get_state, name)


class Watch(base.CounterWatch):
    """An optimizer that is watched; made by `watch`.

    Its count leaves out the update of the batch at hand until `sync`.
    """

    hint = (
        "a step of the clock is one update: give the clock the loop's accumulate, and boundary='carry' with "
        "optax.MultiSteps, whose windows go over the ends of epochs"
    )

    def __init__(self, clock: StepClock, get_state: Any, name: str | None) -> None:
        self._get_state = get_state if callable(get_state) else lambda: get_state
        state = self._get_state()
        counters = read_counters(state)
        #: What `step` of a flax state counts.
        self.unit = None if counters.calls is None else step_unit(state)
        #: The counters after the batch before, and after the batch at hand.
        self._before: Counters | None = None
        self._now = counters
        super().__init__(clock, get_state, name, "the updates in the optimizer's state")

    def read(self) -> int:
        """Returns the updates that changed the weights, by the state."""
        self._now = read_counters(self._get_state())
        return self._now.applied

    @property
    def left_out(self) -> bool:
        """Whether the update that is missing was left out, or its batch."""
        before = self._before
        return before is not None and (self._now.left_out > before.left_out or self._refused(before))

    def _refused(self, before: Counters) -> bool:
        """Whether MultiSteps left the batch at hand out of its window, and was not only not called."""
        now = self._now
        if now.pending is None or (now.closed, now.pending) != (before.closed, before.pending):
            return False
        called = now.refuses if now.calls is None else now.calls != before.calls
        return called or now.left_out > before.left_out

    def _counting(self, updates: Updates) -> CounterUpdates:
        return _StateUpdates(self, updates)

    def align(self) -> None:
        """Lets the clock's window go on where that of the state does, and compares the `step` of a flax state."""
        before, now, clock = self._before, self._now, self.clock
        self._before = now
        if before is None:
            return
        if now.in_doubt:
            clock.warn_once(
                "the gradients that are not finite",
                "at most one in a row",
                "more",
                "after max_consecutive_errors of them apply_if_finite lets updates through, and the state does not say "
                "so; they count as left out. An optimizer that counts inside of it, such as optax.adam, says it",
            )
        if now.pending is not None and self._refused(before) and clock.pending != now.pending:
            clock.change(pending=now.pending)
        if now.calls is None or before.calls is None or self.unit != "batch":
            return
        # A loop that adds up gradients by itself calls MultiSteps where a window closes only.
        waits = now.calls == before.calls and not now.pending and not clock.closes_step
        if now.calls != before.calls + 1 and not waits:
            hint = "with optax.MultiSteps it counts batches: apply gradients once in each"
            clock.warn_once("state.step", before.calls + 1, now.calls, hint)


class _StateUpdates(CounterUpdates):
    """The updates of an optimizer by its state."""

    __slots__ = ()

    _watch: Watch

    def start(self) -> None:
        """Records the counters before the first update."""
        super().start()
        if self._watch._before is None:
            self._watch._before = self._watch._now

    def settle(self) -> None:
        """Says what is odd, and aligns the windows."""
        super().settle()
        self._watch.align()
