"""The checkpoints of the Trainer of Transformers: a folder with `trainer_state.json`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from stepbridge._errors import TimelineError
from stepbridge.checkpoints._checkpoint import Checkpoint, clock_from
from stepbridge.checkpoints._resume_check import ArgumentChange, ResumeCheck, ResumePoint, point_of, samples_of_epoch
from stepbridge.checkpoints._trainer_rule import ARGUMENTS, TrainerArguments, goes_on_after
from stepbridge.timeline import Exact

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stepbridge.clock import StepClock

__all__ = ["STATE_KEY", "TrainerState", "attributes_of"]

FILE = "trainer_state.json"
#: Under which name the clock is in `stateful_callbacks`.
STATE_KEY = "stepbridge"
#: What `where` shows of the Trainer's own counters.
_COUNTERS = ("global_step", "epoch", "max_steps", "num_train_epochs", "num_input_tokens_seen")
_REMEDY = "resume with the arguments of the checkpoint, or from aligned_checkpoint(path, trainer)"


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
        )

    def resume(self, checkpoint: Checkpoint, clock: StepClock, changes: Mapping[str, str]) -> ResumeCheck:
        """Computes where the Trainer goes on, as it does itself."""
        before = TrainerArguments(**checkpoint.arguments)
        now = before._replace(**{name: _argument(name, text) for name, text in changes.items()})  # type: ignore[arg-type]  # by its name
        if checkpoint.version < (5, 2):
            # There the checkpoint's batch size holds in place of the argument.
            now = now._replace(per_device_train_batch_size=before.per_device_train_batch_size)
        planned = clock.plan.segments[-1]
        batches: int | None = planned.batches
        if planned.samples is not None:
            batches = now.batches_of(planned.samples)
        elif now.batch_size != before.batch_size:
            batches = None
        if batches is None:
            raise TimelineError(
                f"{checkpoint.path}: the length of an epoch is not known, so neither is where the Trainer goes on: "
                "give ClockCallback samples= and batch_size="
            )
        epoch, skipped = goes_on_after(
            checkpoint.counters["global_step"],
            batches,
            now.gradient_accumulation_steps,
            version=checkpoint.version,
        )
        reached = point_of(clock, later=checkpoint.later)
        unit = reached.done.unit
        # What the Trainer's drop_last leaves out never comes.
        whole = samples_of_epoch(planned._replace(batch_size=now.batch_size, drop_last=now.dataloader_drop_last)) or 0
        done = min(skipped * now.batch_size, whole) if unit == "sp" else skipped
        return ResumeCheck(
            "The Trainer",
            reached,
            ResumePoint(epoch, Exact(done, unit)),
            Exact(clock.sample if unit == "sp" and clock.sample is not None else clock.batch, unit),
            Exact(whole if unit == "sp" else batches, unit),
            epochs=checkpoint.counters.get("num_train_epochs"),
            changes=tuple(
                ArgumentChange(name, ours, theirs)
                for name, ours, theirs in zip(ARGUMENTS, before, now, strict=True)
                if ours != theirs
            ),
            remedy=_REMEDY,
        )


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
        raise TimelineError(f"{name!r} does not decide where the Trainer goes on: expected {', '.join(ARGUMENTS)}")
    if name in ("dataloader_drop_last", "split_batches"):
        if text.lower() not in ("true", "false"):
            raise TimelineError(f"{name}={text!r}: expected true or false")
        return text.lower() == "true"
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 2**31:
        raise TimelineError(f"{name}={text!r}: expected a whole number of 1 or more")
    return int(text)
