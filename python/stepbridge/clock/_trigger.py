"""A trigger that remembers: true once where multiples of an amount were crossed since the last time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stepbridge._errors import TimelineError
from stepbridge.timeline import QuantityLike, as_quantity
from stepbridge.timeline._arguments import count

if TYPE_CHECKING:
    from stepbridge import _core

__all__ = ["Trigger"]


class Trigger:
    """True once where the clock crossed a multiple of an amount, or several, since you asked last.

    Its state can be saved. `StepClock.trigger` makes it.

    >>> from stepbridge import StepClock
    >>> clock = StepClock(batches_per_epoch=5, epochs=1)
    >>> trigger = clock.trigger("2st")
    >>> [bool(trigger) for epoch in clock.epochs() for batch in clock.batches(range(5))]
    [False, True, False, True, False]
    """

    def __init__(self, clock: _core.Clock, quantity: QuantityLike) -> None:
        self._clock = clock
        self._quantity = as_quantity("quantity", quantity)
        self._seen = self._multiples()

    def _multiples(self) -> int:
        return self._clock._multiples(self._quantity._amount)

    def __bool__(self) -> bool:
        now = self._multiples()
        fired, self._seen = now > self._seen, now
        return fired

    def state_dict(self) -> dict[str, Any]:
        """Returns the multiples seen so far, to be saved with the clock."""
        return {"quantity": str(self._quantity), "seen": self._seen}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues from a saved state.

        Raises:
            TimelineError: it belongs to another amount, or what it has seen is negative.
        """
        given: object = state
        if not isinstance(given, Mapping) or not {"quantity", "seen"} <= given.keys():
            raise TimelineError(f"state must be what the trigger's state_dict() returned, not {given!r}")
        if state["quantity"] != str(self._quantity):
            raise TimelineError(f"this trigger is for {self._quantity}, the state for {state['quantity']}")
        self._seen = count("seen", state["seen"])
