"""A trigger that remembers since when: true once where multiples of an amount were crossed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepbridge.units import QuantityLike, as_quantity, count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepbridge.clock import StepClock

__all__ = ["Trigger"]


class Trigger:
    """True once where the clock crossed a multiple of an amount, or several, since it was last asked.

    Its state can be saved.

    >>> from stepbridge import StepClock
    >>> clock = StepClock(batches=5, epochs=1)
    >>> trigger = clock.trigger("2st")
    >>> [bool(trigger) for epoch in clock.epochs() for batch in clock.batches(range(5))]
    [False, True, False, True, False]
    """

    def __init__(self, clock: StepClock, quantity: QuantityLike) -> None:
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
        """Returns the multiples seen so far, to be saved beside the clock."""
        return {"quantity": str(self._quantity), "seen": self._seen}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a saved state.

        Raises:
            ValueError: it belongs to another amount, or what it has seen is negative.
        """
        if state["quantity"] != str(self._quantity):
            raise ValueError(f"this trigger is for {self._quantity}, the state for {state['quantity']}")
        self._seen = count("seen", state["seen"])
