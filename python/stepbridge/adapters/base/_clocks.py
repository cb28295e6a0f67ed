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
            f"expected a stepbridge.StepClock, not {type(clock).__name__}: "
            "StepClock(samples=..., batch_size=..., epochs=...) makes one"
        )
    return clock
