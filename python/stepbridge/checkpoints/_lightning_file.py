"""The checkpoints of Lightning: a file of `torch.save`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepbridge._errors import TimelineError
from stepbridge.checkpoints._checkpoint import Checkpoint, clock_from
from stepbridge.checkpoints._inert_pickle import is_torch_file, read_torch_file
from stepbridge.checkpoints._lightning_rule import LightningArguments, LightningPlace, goes_on_at, lightning_check
from stepbridge.checkpoints._trainer_state import STATE_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stepbridge.checkpoints._resume_check import ResumeCheck
    from stepbridge.clock import StepClock

__all__ = ["LightningFile"]

_VERSION = "pytorch-lightning_version"
_COUNTERS = ("epoch", "global_step")


class LightningFile:
    """Reads a checkpoint of Lightning's Trainer; its tensors are not loaded."""

    title = "Lightning"

    def matches(self, path: Path) -> bool:
        """Whether it is such a file."""
        if not path.is_file() or not is_torch_file(path):
            return False
        content = read_torch_file(path)
        return isinstance(content, dict) and _VERSION in content

    def read(self, path: Path) -> Checkpoint:
        """Reads the counters, and the clock if one was saved."""
        content = read_torch_file(path)
        counters = {name: content[name] for name in _COUNTERS if type(content.get(name)) is int}
        counters |= _batches(content.get("loops"))
        callbacks = content.get("callbacks")
        entry = callbacks.get(STATE_KEY) if isinstance(callbacks, dict) else None
        if not isinstance(entry, dict):
            missing = (
                "the checkpoint has no clock, so nobody knows which samples are trained: add ClockCallback of "
                "stepbridge.adapters.lightning to the Trainer's callbacks before it saves"
            )
            return Checkpoint(path, self, counters, missing=missing)
        arguments, place = LightningArguments.loaded(entry.get("arguments")), LightningPlace.loaded(entry.get("place"))
        sizes = {name: entry.get(name) for name in ("batches", "epochs")}
        flags = {name: entry.get(name) for name in ("shuffled", "limited")}
        later = entry.get("later")
        whole = all(size is None or type(size) is int for size in sizes.values())
        whole = whole and all(type(flag) is bool for flag in flags.values())
        if arguments is None or place is None or type(later) is not int or not whole:
            raise TimelineError(f"{path}: the clock's entry in callbacks was not written by ClockCallback")
        return Checkpoint(
            path,
            self,
            counters,
            clock_from(path, entry.get("clock")),
            {**arguments._asdict(), "stateful": place.stateful},
            later=later,
            # One that an earlier version wrote does not have it; then a length says that nothing is read ahead.
            details={"place": place, **sizes, **flags, "ahead": entry.get("reads_ahead", sizes["batches"] is None)},
        )

    def resume(self, checkpoint: Checkpoint, clock: StepClock, changes: Mapping[str, str]) -> ResumeCheck:
        """Computes where Lightning goes on, as it does itself."""
        stateful = checkpoint.arguments["stateful"]
        before = LightningArguments(**{name: checkpoint.arguments[name] for name in LightningArguments._fields})
        now, by_steps = before, False
        for name, text in changes.items():
            if name == "stateful":
                stateful = _flag(name, text) and stateful
            elif name == "max_steps":
                by_steps = _number(name, text) > 0
            else:
                now = now._replace(**{_argument(name): _number(name, text)})
        place = checkpoint.details["place"]._replace(stateful=stateful)
        planned, batches = clock.plan.segments[-1], checkpoint.details["batches"]
        if now != before and now.all_ranks != before.all_ranks:
            batches = _batches_of(checkpoint, planned.samples, now.all_ranks, drop_last=planned.drop_last)
        epochs, index = goes_on_at(place, batches)
        epoch = clock.position.epoch - checkpoint.later
        if place.last:
            epoch += epochs - 1
        elif by_steps and not place.ready and epoch and batches is not None:
            # It takes the epoch that ended for one that is running.
            epoch, index = epoch - 1, batches
        return lightning_check(
            clock,
            now,
            (epoch, index),
            place=place,
            stateful=stateful,
            batches=batches,
            epochs=checkpoint.details["epochs"],
            later=checkpoint.later,
            before=before,
            shuffled=checkpoint.details["shuffled"],
            reads_ahead=checkpoint.details["ahead"] is True,
        )


def _batches_of(checkpoint: Checkpoint, samples: int | None, size: int | None, *, drop_last: bool) -> int:
    """The batches of an epoch of another size.

    Raises:
        TimelineError: they are not known.
    """
    if checkpoint.details["limited"]:
        raise TimelineError(
            f"{checkpoint.path}: limit_train_batches or overfit_batches ended the epochs, so how many batches of "
            "another size an epoch has is not known: only a resume itself tells, with ClockCallback"
        )
    if samples is None or size is None:
        raise TimelineError(
            f"{checkpoint.path}: the samples of an epoch are not known, so neither is where Lightning goes on: "
            "give ClockCallback samples= and batch_size="
        )
    return samples // size if drop_last else -(-samples // size)


def _batches(loops: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever a file holds
    """What Lightning's loop counts of the epoch, where it is as it is written."""
    for key in ("fit_loop", "epoch_loop.batch_progress", "current"):
        loops = loops.get(key) if isinstance(loops, dict) else None
    ready = loops.get("ready") if isinstance(loops, dict) else None
    return {"batches of the epoch": ready} if type(ready) is int else {}


def _argument(name: str) -> str:
    if name not in LightningArguments._fields:
        names = ", ".join((*LightningArguments._fields, "max_steps", "stateful"))
        raise TimelineError(f"{name!r} does not decide where Lightning goes on: expected {names}")
    return name


def _flag(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise TimelineError(f"{name}={text!r}: expected true or false")
    return text.lower() == "true"


def _number(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 2**31:
        raise TimelineError(f"{name}={text!r}: expected a whole number of 1 or more")
    return int(text)
