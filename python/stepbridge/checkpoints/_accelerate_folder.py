"""The folders that `accelerator.save_state` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepbridge._errors import TimelineError
from stepbridge.checkpoints._checkpoint import Checkpoint, clock_from
from stepbridge.checkpoints._inert_pickle import is_torch_file, read_torch_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stepbridge.checkpoints._resume_check import ResumeCheck
    from stepbridge.clock import StepClock

__all__ = ["ACCELERATE_KEY", "AccelerateFolder"]

#: Under which name the clock is in its file.
ACCELERATE_KEY = "stepbridge"
_RANDOM = "random_states_0.pkl"


class AccelerateFolder:
    """Reads the clock and the accelerator's own count; tensors are not loaded."""

    title = "Accelerate"

    def matches(self, path: Path) -> bool:
        """Whether it is such a folder."""
        return path.is_dir() and ((path / _RANDOM).is_file() or any(path.glob("custom_checkpoint_*.pkl")))

    def read(self, path: Path) -> Checkpoint:
        """Reads the count of the window, and the clock if one was saved."""
        counters: dict[str, Any] = {}
        states = path / _RANDOM
        if states.is_file() and is_torch_file(states):
            content = read_torch_file(states)
            step = content.get("step") if isinstance(content, dict) else None
            counters = {"accelerator.step": step} if type(step) is int else {}
        clocks: list[StepClock] = []
        for file in sorted(path.glob("custom_checkpoint_*.pkl")):
            saved = read_torch_file(file) if is_torch_file(file) else None
            state = saved.get(ACCELERATE_KEY) if isinstance(saved, dict) else None
            if state is not None:
                clocks.append(clock_from(file, state))
        if len(clocks) == 1:
            return Checkpoint(path, self, counters, clocks[0])
        missing = (
            f"the checkpoint has {len(clocks)} clocks, and which one is the run's is not known"
            if clocks
            else "the checkpoint has no clock, so which samples are trained is not known: make the clock with "
            "clock_for of stepbridge.adapters.accelerate before accelerator.save_state"
        )
        return Checkpoint(path, self, counters, missing=missing)

    def resume(self, checkpoint: Checkpoint, _clock: StepClock, _changes: Mapping[str, str]) -> ResumeCheck:
        """Says that Accelerate decides nothing here.

        Raises:
            TimelineError: always.
        """
        raise TimelineError(
            f"{checkpoint.path}: where a resume goes on is for the loop to say, as Accelerate holds no place in the "
            'data: give it clock.batches(loader, resume="skip")'
        )
