"""The checkpoints of the Trainer of Transformers: a folder with `trainer_state.json`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from stepbridge._errors import TimelineError
from stepbridge.checkpoints._checkpoint import Checkpoint, clock_from
from stepbridge.checkpoints._resume_check import samples_of_epoch
from stepbridge.checkpoints._trainer_rule import (
    ARGUMENTS,
    TrainerArguments,
    TrainerOrder,
    TrainerRun,
    trainer_check,
    updates_of_epoch,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stepbridge.checkpoints._resume_check import ResumeCheck
    from stepbridge.clock import StepClock
    from stepbridge.timeline import Segment

__all__ = ["STATE_KEY", "TrainerState", "attributes_of"]

FILE = "trainer_state.json"
#: Under which name the clock is in `stateful_callbacks`.
STATE_KEY = "stepbridge"
#: What `where` shows of the Trainer's own counters.
_COUNTERS = ("global_step", "epoch", "max_steps", "num_train_epochs", "num_input_tokens_seen")
#: What decides where the Trainer goes on, and is not in every checkpoint.
_FURTHER = ("num_train_epochs", "max_steps", "seed", "data_seed", "ignore_data_skip")
#: Above it a number of epochs says that `max_steps` alone ends the run.
_ENDLESS = 2**31


class TrainerState:
    """Reads `trainer_state.json`; never `training_args.bin`, which is a pickle."""

    title = "Hugging Face Trainer"

    def matches(self, path: Path) -> bool:
        """Whether it is such a folder, or the file in it."""
        return (path / FILE).is_file() or (path.name == FILE and path.is_file())

    def read(self, path: Path) -> Checkpoint:
        """Reads the counters, and the clock if one was saved."""
        file = path / FILE if path.is_dir() else path
        try:
            state = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise TimelineError(f"{file}: expected the JSON of a trainer state: {error}") from error
        if not isinstance(state, dict) or type(state.get("global_step")) is not int:
            raise TimelineError(f"{file}: expected a trainer state, which has a whole global_step")
        counters = {name: state[name] for name in _COUNTERS if name in state}
        attributes = attributes_of(state.get("stateful_callbacks"))
        if attributes is None:
            missing = (
                "the checkpoint has no clock, so nobody knows which samples are trained: add ClockCallback of "
                "stepbridge.adapters.transformers to the Trainer's callbacks before it saves"
            )
            return Checkpoint(path, self, counters, missing=missing)
        saved = attributes.get("arguments")
        arguments = TrainerArguments.loaded(saved) if isinstance(saved, dict) else None
        later = attributes.get("later", 0)
        version = attributes.get("transformers")
        numbers = tuple(version) if isinstance(version, list) else ()
        if arguments is None or type(later) is not int or [type(number) for number in numbers] != [int, int]:
            raise TimelineError(f"{file}: the clock's entry in stateful_callbacks was not written by ClockCallback")
        return Checkpoint(
            path,
            self,
            counters,
            clock_from(file, attributes.get("clock")),
            arguments.saved(),
            version=numbers,
            later=later,
            # One that an earlier version wrote has neither.
            details={"order": TrainerOrder.loaded(attributes)},
        )

    def resume(self, checkpoint: Checkpoint, clock: StepClock, changes: Mapping[str, str]) -> ResumeCheck:
        """Computes where the Trainer goes on, as it does itself."""
        further = {name: text for name, text in changes.items() if name in _FURTHER}
        before = TrainerArguments(**checkpoint.arguments)
        arguments = {name: _argument(name, text) for name, text in changes.items() if name not in _FURTHER}
        now = before._replace(**arguments)  # type: ignore[arg-type]  # by its name
        if checkpoint.version < (5, 2):
            # There the checkpoint's batch size holds in place of the argument.
            now = now._replace(per_device_train_batch_size=before.per_device_train_batch_size)
        planned = clock.plan.segments[-1]
        batches, epochs, max_steps = _end(checkpoint, planned, before, now, further)
        # What the Trainer's drop_last leaves out never comes.
        sized = planned._replace(batch_size=now.batch_size, drop_last=now.dataloader_drop_last)
        order: TrainerOrder = checkpoint.details["order"]
        seed_name = next((name for name in ("data_seed", "seed") if name in further), "seed")
        seed = _number(seed_name, further[seed_name], least=0) if seed_name in further else order.seed
        if seed is not None and order.seed is None:
            raise TimelineError(
                f"{checkpoint.path}: whether {seed_name}={seed} changes the order of the data is not known: the "
                "checkpoint does not say that it follows from a seed"
            )
        run = TrainerRun(
            now,
            batches,
            samples_of_epoch(sized),
            now.batch_size,
            epochs,
            checkpoint.counters["global_step"],
            max_steps,
            checkpoint.version,
            skips_data=not _flag("ignore_data_skip", further.get("ignore_data_skip", "false")),
            # What another process will draw is not known.
            order=TrainerOrder(seed, None if order.drawn is None else ""),
            seed_name=seed_name,
        )
        return trainer_check(clock, run, later=checkpoint.later, before=before, order=order)


def _end(
    checkpoint: Checkpoint,
    planned: Segment,
    before: TrainerArguments,
    now: TrainerArguments,
    further: Mapping[str, str],
) -> tuple[int | None, int | None, int]:
    """The batches of an epoch, the epochs and the steps of the run that resumes; None where it has no such number.

    Raises:
        TimelineError: they are not known, or an argument is not a number.
    """
    epochs, steps = (checkpoint.counters.get(name) for name in ("num_train_epochs", "max_steps"))
    if "max_steps" in further:
        steps = _number("max_steps", further["max_steps"])
    if type(epochs) is not int or epochs >= _ENDLESS:
        # The data have no length: max_steps alone ends the run.
        if type(steps) is not int:
            raise TimelineError(f"{checkpoint.path}: the trainer state has neither a number of epochs nor max_steps")
        return None, None, steps
    if "num_train_epochs" in further:
        epochs = _epochs(further["num_train_epochs"])
    batches = planned.batches if now.batch_size == before.batch_size else None
    if planned.samples is not None:
        batches = now.batches_of(planned.samples)
    if batches is None:
        raise TimelineError(
            f"{checkpoint.path}: the length of an epoch is not known, so neither is where the Trainer goes on: "
            "give ClockCallback samples= and batch_size="
        )
    updates = updates_of_epoch(batches, now.gradient_accumulation_steps, checkpoint.version)
    if "max_steps" in further and type(steps) is int:
        return batches, -(-steps // updates), steps
    return batches, epochs, updates * epochs


def attributes_of(callbacks: object) -> dict[str, Any] | None:
    """Returns what ClockCallback put into `stateful_callbacks`; None where it did not."""
    entry = callbacks.get(STATE_KEY) if isinstance(callbacks, dict) else None
    attributes = entry.get("attributes") if isinstance(entry, dict) else None
    return attributes if isinstance(attributes, dict) else None


def _argument(name: str, text: str) -> int | bool:
    """Reads the value of an argument.

    Raises:
        TimelineError: it is not an argument that decides where the Trainer goes on, or not such a value.
    """
    if name not in ARGUMENTS:
        names = ", ".join((*_FURTHER, *ARGUMENTS))
        raise TimelineError(f"{name!r} does not decide where the Trainer goes on: expected {names}")
    return _flag(name, text) if name in ("dataloader_drop_last", "split_batches") else _number(name, text)


def _flag(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise TimelineError(f"{name}={text!r}: expected true or false")
    return text.lower() == "true"


def _number(name: str, text: str, *, least: int = 1) -> int:
    digits = text.isascii() and text.isdigit() and len(text) < 19
    if not digits or not least <= int(text) < (2**63 if least == 0 else 2**31):
        raise TimelineError(f"{name}={text!r}: expected a whole number of {least} or more")
    return int(text)


def _epochs(text: str) -> int:
    """The epochs that the Trainer enters; it takes parts of one."""
    match = re.fullmatch(r"(\d{1,9})(?:\.(\d{1,9}))?", text)
    if match is None or not (int(match[1]) or int(match[2] or 0)):
        raise TimelineError(f"num_train_epochs={text!r}: expected a number above 0")
    return int(match[1]) + bool(int(match[2] or 0))
