"""The exceptions and warnings of stepbridge; everything else that it raises is a built-in one."""

from __future__ import annotations

import sys
import warnings

__all__ = [
    "NoLogsError",
    "PatternError",
    "StepbridgeError",
    "StepbridgeWarning",
    "TimelineError",
    "UnitMismatchError",
    "warn",
]


class StepbridgeError(Exception):
    """Any error of stepbridge's own; each of them is also the built-in error that fits it."""


class NoLogsError(StepbridgeError, ValueError):
    """A path holds no training log, or none that can be read."""


class PatternError(StepbridgeError, ValueError):
    """A pattern for the lines of a text log is not valid; the message names the column."""


class TimelineError(StepbridgeError, ValueError):
    """A timeline cannot be made, or is not known where it is needed."""


class UnitMismatchError(TypeError):
    """Two amounts of different units were ordered or added without a timeline that relates them."""


class StepbridgeWarning(UserWarning):
    """Something legal but risky; training goes on."""


def warn(text: str) -> None:
    """Warns with a `StepbridgeWarning` that points at the code which called stepbridge, however deep this is."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(("stepbridge.", "contextlib")):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, StepbridgeWarning, stacklevel=level)
