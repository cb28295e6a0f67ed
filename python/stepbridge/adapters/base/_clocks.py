"""Checks that a clock was given."""

from __future__ import annotations

from stepbridge.clock import StepClock

__all__ = ["the_clock"]


def the_clock(clock: object) -> StepClock:
    """Returns the clock, or says what was given in its place.

    Raises:
        TypeError: it is not a StepClock.
    """
    if not isinstance(clock, StepClock):
        raise TypeError(
            f"expected a stepbridge.StepClock, not {type(clock).__name__}: the adapter's clock_for makes one"
        )
    return clock
