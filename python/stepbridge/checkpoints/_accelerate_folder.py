"""The folders that `accelerator.save_state` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepbridge._errors import TimelineError
from stepbridge.checkpoints._accelerate_rule import AccelerateArguments, loop_check, skip_check, stateful_check
from stepbridge.checkpoints._checkpoint import Checkpoint, clock_from
from stepbridge.checkpoints._inert_pickle import is_torch_file, read_torch_file
from stepbridge.checkpoints._resume_check import samples_of_epoch
from stepbridge.timeline import Exact

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stepbridge.checkpoints._resume_check import ResumeCheck
    from stepbridge.clock import StepClock

__all__ = ["ACCELERATE_ARGUMENTS", "ACCELERATE_KEY", "AccelerateFolder"]

#: Under which name the clock is in its file.
ACCELERATE_KEY = "stepbridge"
#: Under which name the arguments are next to it.
ACCELERATE_ARGUMENTS = "arguments"
_RANDOM = "random_states_0.pkl"
_COUNTS = ("batch_size", "world_size", "gradient_accumulation_steps")
_FLAGS = ("split_batches", "stateful")


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
        arguments: list[AccelerateArguments | None] = []
        for file in sorted(path.glob("custom_checkpoint_*.pkl")):
            saved = read_torch_file(file) if is_torch_file(file) else None
            state = saved.get(ACCELERATE_KEY) if isinstance(saved, dict) else None
            if state is not None:
                clocks.append(clock_from(file, state))
                arguments.append(AccelerateArguments.loaded((saved or {}).get(ACCELERATE_ARGUMENTS)))
        if len(clocks) == 1:
            known, stateful = arguments[0], any(path.glob("dl_state_dict*.bin"))
            return Checkpoint(
                path,
                self,
                counters,
                clocks[0],
                {} if known is None else {**known._asdict(), "stateful": stateful},
                # One that an earlier version wrote has no arguments.
                details={"arguments": known, "stateful": stateful},
            )
        missing = (
            f"the checkpoint has {len(clocks)} clocks, and which one is the run's is not known"
            if clocks
            else "the checkpoint has no clock, so which samples are trained is not known: make the clock with "
            "clock_for of stepbridge.adapters.accelerate before accelerator.save_state"
        )
        return Checkpoint(path, self, counters, missing=missing)

    def resume(self, checkpoint: Checkpoint, clock: StepClock, changes: Mapping[str, str]) -> ResumeCheck:
        """Computes where a loop goes on that takes what is left, or leaves out so many batches.

        Raises:
            TimelineError: nothing in the checkpoint says it; or the loop would be refused.
        """
        stateful, skipped = checkpoint.details["stateful"], None
        now: AccelerateArguments | None = checkpoint.details["arguments"]
        sized = _sizes(changes)
        if "skip_first_batches" in changes:
            skipped = _number("skip_first_batches", changes["skip_first_batches"], least=0)
        if "stateful" in changes:
            wanted = _flag("stateful", changes["stateful"])
            if wanted and not stateful:
                raise TimelineError("stateful='true': the checkpoint has no loader's state, so none goes on by it")
            stateful = wanted
        if now is None and {"batch_size", "world_size"} <= sized.keys():
            now = AccelerateArguments(sized["batch_size"])
        if now is None and sized:
            raise TimelineError(
                f"{checkpoint.path}: the checkpoint does not say how many ranks shared a batch: "
                "give batch_size and world_size"
            )
        if now is not None:
            now = now._replace(**sized)
        size = clock.plan.segments[-1].batch_size if now is None else now.all_ranks
        try:
            if skipped is not None and not stateful:
                return skip_check(clock, _skipped(clock, skipped, size if now is None else now.skipped_each))
            if stateful and skipped is None:
                return stateful_check(clock, size)
            if stateful:
                raise TimelineError("a stateful loader goes on by itself, and skip_first_batches would leave out more")
            check = loop_check(clock, size or 1)
        except TimelineError as error:
            raise TimelineError(f"{checkpoint.path}: {error}") from error
        if changes:
            return check
        raise TimelineError(
            f"{checkpoint.path}: where a resume goes on is for the loop to say, as Accelerate holds no place in the "
            f"data. {check}"
        )


def _sizes(changes: Mapping[str, str]) -> dict[str, Any]:
    """The arguments that say how large a batch is.

    Raises:
        TimelineError: one of all arguments decides nothing, or is not such a value.
    """
    known = (*_COUNTS, *_FLAGS, "skip_first_batches")
    for name in changes:
        if name not in known:
            raise TimelineError(f"{name!r} does not decide where a loop goes on: expected {', '.join(known)}")
    sized: dict[str, Any] = {name: _number(name, text) for name, text in changes.items() if name in _COUNTS}
    if "split_batches" in changes:
        sized["split_batches"] = _flag("split_batches", changes["split_batches"])
    return sized


def _skipped(clock: StepClock, batches: int, size: int | None) -> Exact:
    """How much of the epoch's data so many batches are.

    Raises:
        TimelineError: their samples are not known.
    """
    unit, planned = clock.epoch_done.unit, clock.plan.segments[-1]
    if unit == "ba":
        return Exact(batches, unit)
    if size is None:
        raise TimelineError("how many samples skip_first_batches leaves out is not known: give batch_size")
    whole = samples_of_epoch(planned._replace(batch_size=size))
    return Exact(batches * size if whole is None else min(batches * size, whole), unit)


def _flag(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise TimelineError(f"{name}={text!r}: expected true or false")
    return text.lower() == "true"


def _number(name: str, text: str, *, least: int = 1) -> int:
    if not text.isascii() or not text.isdigit() or not least <= int(text) < 2**31:
        raise TimelineError(f"{name}={text!r}: expected a whole number of {least} or more")
    return int(text)
