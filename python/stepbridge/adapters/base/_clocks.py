"""Checks what an adapter is given: a clock, or the options of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepbridge._errors import TimelineError
from stepbridge.clock import StepClock

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["check_mismatch", "clock_or_options", "the_clock"]


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


def clock_or_options(clock: StepClock | None, options: Mapping[str, Any]) -> StepClock:
    """Returns the clock that was given, or a new one with these options.

    Raises:
        TimelineError: both were given.
    """
    if clock is None:
        return StepClock(**options)
    if options:
        raise TimelineError(f"give a clock, or the options of one ({', '.join(options)}), not both")
    return clock


def check_mismatch(mismatch: object) -> None:
    """Refuses what is not a way to treat a resume at another sample.

    Raises:
        TimelineError: it is neither "warn" nor "raise".
    """
    if mismatch not in ("warn", "raise"):
        raise TimelineError(f'unknown mismatch={mismatch!r}: expected "warn" or "raise"')
