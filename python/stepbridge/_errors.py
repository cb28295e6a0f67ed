"""The exceptions and warnings of stepbridge. Each exception also is the built-in one that fits it."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

from stepbridge._problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "NoLogsError",
    "PatternError",
    "StepbridgeError",
    "StepbridgeWarning",
    "TimelineError",
    "UnitMismatchError",
    "pass_over",
    "warn",
]


class StepbridgeError(Exception):
    """Any error that stepbridge has a class of its own for."""


class TimelineError(StepbridgeError, ValueError):
    """A plan, an amount, a question or a state does not hold for a timeline, a clock or a ledger."""


class NoLogsError(StepbridgeError, ValueError):
    """A path holds no training log, or none that can be read; `problems` says what is wrong with each."""

    def __init__(self, message: str = "", problems: Iterable[Sequence[Any]] = ()) -> None:
        super().__init__(message)
        self.problems: tuple[Problem, ...] = tuple(Problem(*row) for row in problems)

    def __reduce__(self) -> tuple[object, ...]:
        """Keeps the problems where the error passes to another process."""
        return type(self), (str(self), self.problems)


class PatternError(StepbridgeError, ValueError):
    """A pattern for the lines of a text log is not valid; the message names the column."""


class UnitMismatchError(StepbridgeError, TypeError):
    """Two amounts of different units were ordered or added, or a count of another unit was given."""


class StepbridgeWarning(UserWarning):
    """Something legal but risky; training goes on."""


#: Modules between our code and the caller's; those of the import system are there while an adapter is imported.
_IMPORTS = "importlib._bootstrap"
_passed_over: tuple[str, ...] = ("stepbridge.", "contextlib", _IMPORTS)


def pass_over(module: str) -> None:
    """Takes a framework that calls an adapter for no caller: its users' own line is further up."""
    global _passed_over  # noqa: PLW0603 - one list for the process, which adapters add their framework to
    if f"{module}." not in _passed_over:
        _passed_over = (*_passed_over, f"{module}.")


def warn(text: str) -> None:
    """Warns with a `StepbridgeWarning` that points at the code which called stepbridge, however deep this is."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_passed_over):
        # `warnings` does not count the frames of an import either.
        level, frame = level + (not frame.f_globals["__name__"].startswith(_IMPORTS)), frame.f_back
    warnings.warn(text, StepbridgeWarning, stacklevel=level)
