"""The options that describe a plan: those of `Timeline.plan` and `Timeline.stream`, a ramp, and changes."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, cast

import click

from stepbridge.cli._printing import in_flags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepbridge.cli._command import Function
    from stepbridge.timeline import BatchSize, PlanArguments, Timeline

OPTIONS = {
    "samples": click.option(
        "--samples", type=int, metavar="N", help="Samples in the data set; goes with --batch-size."
    ),
    "batch_size": click.option("--batch-size", type=int, metavar="N", help="Samples per batch, over all ranks."),
    "batches_per_epoch": click.option(
        "--batches-per-epoch", type=int, metavar="N", help="Batches per epoch, if the samples are unknown."
    ),
    "epochs": click.option(
        "--epochs", type=int, metavar="N", help="Epochs of the run; without it the plan is open-ended."
    ),
    "drop_last": click.option("--drop-last", is_flag=True, default=None, help="The loader drops a partial last batch."),
    "accumulate": click.option("--accumulate", type=int, metavar="N", help="Batches per step; 1 by default."),
    "boundary": click.option(
        "--boundary",
        type=click.Choice(["flush", "carry", "drop", "spill"]),
        help="What an incomplete accumulation window does at the end of an epoch; flush by default.",
    ),
    "on_cut": click.option(
        "--on-cut",
        type=click.Choice(["carry", "drop", "spill"]),
        help="What it does if the epoch is left before its data ends; carry by default.",
    ),
    "tokens_per_sample": click.option(
        "--tokens-per-sample", type=int, metavar="N", help="Tokens in each sample, so that tokens are a unit."
    ),
    "ramp": click.option(
        "--ramp",
        metavar="SIZES",
        help='Batch sizes that change: "0:16 12_000_000sp:32", or Megatron\'s START INCREMENT SAMPLES to --batch-size.',
    ),
    "stream": click.option(
        "--stream",
        is_flag=True,
        default=None,
        help="Batches run on without an end of epoch; --samples are those of one pass.",
    ),
    "steps": click.option("--steps", type=int, metavar="N", help="Steps after which a --stream ends."),
    "tokens": click.option("--tokens", metavar="N", help="Tokens after which a --stream ends, such as 300Btok."),
    "change": click.option(
        "--change",
        multiple=True,
        metavar="AT:WHAT",
        help="What changes from a point on: 12ba:batch-size=100, or 2ep:accumulate=4,pending=flush. May be repeated.",
    ),
}

#: What `--change` may say, as `Timeline.change` calls it.
_CHANGES = ("batch_size", "accumulate", "batches_per_epoch", "samples", "pending")


def plan_options(command: Function) -> Function:
    """Adds the options of a plan to a command, which gets them as one `plan`."""

    @functools.wraps(command)
    def gathered(**arguments: Any) -> object:  # noqa: ANN401 - options of any kind pass through
        given = {name: arguments.pop(name) for name in OPTIONS}
        return command(plan={name: value for name, value in given.items() if value not in (None, ())}, **arguments)

    decorated: Any = gathered
    for option in reversed(OPTIONS.values()):
        decorated = option(decorated)
    return cast("Function", decorated)


def timeline_of(plan: PlanArguments) -> Timeline:
    """Makes the plan; what the library refuses is wrong use."""
    from stepbridge.timeline import Timeline  # noqa: PLC0415 - see _command.py

    given: dict[str, Any] = dict(plan)
    changes = [_change(text) for text in given.pop("change", ())]
    streams = given.pop("stream", False)
    try:
        if "ramp" in given:
            given["batch_size"] = _ramp(given.pop("ramp"), given.get("batch_size"))
        if streams:
            timeline = _stream(given)
        else:
            _check_epochs(given)
            timeline = Timeline.plan(**given)
        before = "0ba"
        for change in changes:
            if timeline.compare(change["at"], before) < 0:
                raise click.UsageError(
                    f"--change goes back: {change['at']} comes before {before}, and a change holds from its point on: "
                    "give them in the order of the run"
                )
            timeline, before = timeline.change(**change), change["at"]
    except (ValueError, OverflowError, IndexError) as error:
        raise click.UsageError(in_flags(error)) from error
    return timeline


def _check_epochs(given: Mapping[str, Any]) -> None:
    """Refuses a plan of epochs without their length, and what only a stream has."""
    if wrong := [f"--{name}" for name in ("steps", "tokens") if name in given]:
        raise click.UsageError(f"{' and '.join(wrong)}: the end of a --stream; a run of epochs ends after --epochs")
    if "batches_per_epoch" not in given and not {"samples", "batch_size"} <= given.keys():
        message = "the length of an epoch is not known: give --batches-per-epoch, or --samples with --batch-size"
        raise click.UsageError(message)


def _stream(given: dict[str, Any]) -> Timeline:
    """Makes the plan of a stream."""
    from stepbridge.timeline import Timeline  # noqa: PLC0415 - see _command.py

    known = ("batch_size", "samples", "tokens_per_sample", "steps", "tokens", "accumulate")
    if wrong := [f"--{name.replace('_', '-')}" for name in given if name not in known]:
        raise click.UsageError(f"{', '.join(wrong)}: a --stream has no end of epoch, so it does not apply")
    if "batch_size" not in given:
        raise click.UsageError("a --stream needs --batch-size or --ramp")
    if str(given.get("tokens", "")).replace("_", "").isdecimal():
        given["tokens"] = int(given["tokens"])
    return Timeline.stream(**given)


def _ramp(text: str, final: int | None) -> BatchSize:
    """Reads a ramp: pairs, or Megatron's triple, which ends at the batch size that is given next to it."""
    from stepbridge.timeline import batch_size_ramp  # noqa: PLC0415 - see _command.py

    words = text.replace(",", " ").split()
    if len(words) == 3 and all(word.replace("_", "").isdecimal() for word in words):
        if final is None:
            raise click.UsageError("--ramp START INCREMENT SAMPLES needs --batch-size, the size at its end")
        return batch_size_ramp(int(words[0]), int(words[1]), int(words[2]), final)
    if final is not None:
        raise click.UsageError("give --batch-size, or --ramp with pairs of an amount and a batch size")
    return text


def _change(text: str) -> dict[str, Any]:
    """Reads one --change."""
    expected = "expected AT:NAME=VALUE, such as 12ba:batch-size=100"
    at, colon, rest = text.partition(":")
    change: dict[str, Any] = {"at": at}
    for part in rest.split(","):
        name, equals, value = part.partition("=")
        name = name.strip().replace("-", "_")
        if not colon or not equals or name not in _CHANGES:
            raise click.UsageError(f"--change {text!r}: {part!r} is not a change: {expected}")
        value = value.strip()
        whole = value.replace("_", "").isdecimal()
        if not whole and name != "pending":
            raise click.UsageError(f"--change {text!r}: {value!r} is not a number: {expected}")
        change[name] = int(value) if whole else value
    return change
