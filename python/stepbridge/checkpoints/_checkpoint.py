"""What a checkpoint on disk says of the run, and what a resume from it would do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from stepbridge._errors import TimelineError
from stepbridge.clock import StepClock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stepbridge.checkpoints._resume_check import ResumeCheck

__all__ = ["Checkpoint", "CheckpointKind", "clock_from"]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint, as far as it can be read without running code that it holds."""

    path: Path
    kind: CheckpointKind
    counters: dict[str, Any] = field(default_factory=dict)
    """The framework's own counters, by its names."""
    clock: StepClock | None = None
    """The clock that was saved with it."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """The arguments of the framework that decide where it goes on, as far as the checkpoint has them."""
    version: tuple[int, ...] = ()
    """The version of the framework that wrote it, as far as the checkpoint has it."""
    later: int = 0
    """By how many epochs the clock's index is above the framework's."""
    details: dict[str, Any] = field(default_factory=dict)
    """What else its kind needs to tell where a resume goes on."""
    missing: str = ""
    """Why there is no clock, and what to do; empty where there is one."""

    def resume(self, changes: Mapping[str, str]) -> ResumeCheck:
        """Returns what a resume does if these arguments are others.

        Raises:
            TimelineError: the checkpoint has no clock, or an argument is not one that decides where it goes on.
        """
        if self.clock is None:
            raise TimelineError(f"{self.path}: {self.missing}")
        return self.kind.resume(self, self.clock, changes)


class CheckpointKind(Protocol):
    """A kind of checkpoint; add one to `KINDS` in `_kinds.py`."""

    title: str
    """Who writes it."""

    def matches(self, path: Path) -> bool:
        """Whether a file or folder is of this kind."""
        ...

    def read(self, path: Path) -> Checkpoint:
        """Reads it.

        Raises:
            TimelineError: it is damaged.
            OSError: it cannot be read.
        """
        ...

    def resume(self, checkpoint: Checkpoint, clock: StepClock, changes: Mapping[str, str], /) -> ResumeCheck:
        """Returns what a resume does if these arguments are others; see `Checkpoint.resume`."""
        ...


def clock_from(path: Path, state: Any) -> StepClock:  # noqa: ANN401 - whatever a file holds
    """Returns the clock of a saved state.

    Raises:
        TimelineError: it is not a clock's state, or a newer stepbridge saved it.
    """
    clock = StepClock(name=str(path))
    if not isinstance(state, dict):
        raise TimelineError(f"{path}: expected the state of a clock, found {type(state).__name__}")
    clock.load_state_dict(state, pending="drop")
    return clock
