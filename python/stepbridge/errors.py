"""The exceptions and warnings that are stepbridge's own; everything else is a built-in one."""

from __future__ import annotations

__all__ = ["StepbridgeWarning", "UnitMismatchError"]


class UnitMismatchError(TypeError):
    """Two amounts of different units were ordered or added without a timeline that relates them."""


class StepbridgeWarning(UserWarning):
    """Something legal but risky; training goes on."""
