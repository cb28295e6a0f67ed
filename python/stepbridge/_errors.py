"""The exceptions and warnings of stepbridge; everything else that it raises is a built-in one."""

from __future__ import annotations

import sys
import warnings

__all__ = ["StepbridgeWarning", "UnitMismatchError", "warn"]


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
