"""`stepbridge where CHECKPOINT`: where the run is that a checkpoint continues, and where a resume goes on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stepbridge.cli._printing import failure, print_json, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepbridge.checkpoints import Checkpoint, ResumeCheck
    from stepbridge.clock import StepClock


def as_changes(_context: click.Context, _parameter: click.Parameter, text: str | None) -> dict[str, str]:
    """Reads `name=value,name=value`."""
    changes: dict[str, str] = {}
    for part in filter(None, (text or "").split(",")):
        name, equals, value = part.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise click.BadParameter(f"expected name=value, separated by commas, not {part!r}")
        changes[name.strip()] = value.strip()
    return changes


def show_checkpoint(path: str, changes: dict[str, str], *, as_json: bool) -> None:
    """Prints where the run of a checkpoint is, and where the framework goes on when it resumes from it."""
    from stepbridge._errors import TimelineError  # noqa: PLC0415 - see _command.py
    from stepbridge.checkpoints import read_checkpoint  # noqa: PLC0415

    if not Path(path).exists():
        raise click.UsageError(f"there is no file or folder '{path}'; give a checkpoint, or a run and a step")
    check, unknown = None, ""
    try:
        checkpoint = read_checkpoint(path)
        if changes or checkpoint.clock is not None:
            try:
                check = checkpoint.resume(changes)
            except TimelineError as error:
                if changes:
                    raise
                unknown = str(error)
    except (OSError, TimelineError) as error:
        raise failure(str(error)) from error
    if as_json:
        print_json(facts(checkpoint, check))
    else:
        say(*lines(path, checkpoint, check, unknown))
    if checkpoint.clock is None:
        raise failure(f"{path}: {checkpoint.missing}")


def lines(path: str, checkpoint: Checkpoint, check: ResumeCheck | None, unknown: str) -> Iterator[str]:
    """Yields what is known, for people; `unknown` is why the resume is not."""
    yield f"{path}: a checkpoint of {checkpoint.kind.title}"
    yield "  its counters: " + ", ".join(f"{name} {value}" for name, value in checkpoint.counters.items())
    if checkpoint.clock is None:
        return
    from stepbridge.checkpoints import point_of  # noqa: PLC0415 - see _command.py

    counts = ", ".join(f"{name} {count:,}" for name, count in done(checkpoint.clock).items() if count is not None)
    yield f"  the run has done: {counts} ({point_of(checkpoint.clock, later=checkpoint.later)})"
    if checkpoint.arguments:
        yield "  its arguments: " + ", ".join(f"{name}={value}" for name, value in checkpoint.arguments.items())
    yield f"  a resume: {check or unknown}"


def done(clock: StepClock) -> dict[str, int | None]:
    """Returns what the run has done."""
    return {"step": clock.step, "applied": clock.applied, "batch": clock.batch, "sample": clock.sample}


def facts(checkpoint: Checkpoint, check: ResumeCheck | None) -> dict[str, Any]:
    """Returns the same for programs; None where something is not known."""
    clock = checkpoint.clock
    resume = None
    if check is not None:
        resume = {
            "unit": check.reached.done.unit,
            "reached": {"epoch": check.reached.epoch, "done": int(check.reached.done)},
            "goes_on": {"epoch": check.goes_on.epoch, "done": int(check.goes_on.done)},
            "agrees": check.agrees,
            "ends": check.ends,
            "repeated": None if check.repeated is None else int(check.repeated),
            "left_out": None if check.left_out is None else int(check.left_out),
            "changes": {change.name: [change.before, change.now] for change in check.changes},
        }
    return {
        "kind": checkpoint.kind.title,
        "counters": checkpoint.counters,
        "arguments": checkpoint.arguments,
        "done": None if clock is None else done(clock),
        "resume": resume,
        "missing": checkpoint.missing or None,
    }
