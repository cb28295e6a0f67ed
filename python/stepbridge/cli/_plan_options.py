"""The options that describe a plan: one for each keyword argument of `Timeline.plan`."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, cast

import click

from stepbridge.cli._printing import in_flags

if TYPE_CHECKING:
    from stepbridge.cli._command import Function
    from stepbridge.timeline import PlanArguments, Timeline

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
        type=click.Choice(["flush", "carry", "drop"]),
        help="What an incomplete accumulation window does at the end of an epoch; flush by default.",
    ),
}


def plan_options(command: Function) -> Function:
    """Adds the options of a plan to a command, which gets them as one `plan`."""

    @functools.wraps(command)
    def gathered(**arguments: Any) -> object:  # noqa: ANN401 - options of any kind pass through
        given = {name: arguments.pop(name) for name in OPTIONS}
        return command(plan={name: value for name, value in given.items() if value is not None}, **arguments)

    decorated: Any = gathered
    for option in reversed(OPTIONS.values()):
        decorated = option(decorated)
    return cast("Function", decorated)


def timeline_of(plan: PlanArguments) -> Timeline:
    """Makes the plan; what the library refuses is wrong use."""
    from stepbridge.timeline import Timeline  # noqa: PLC0415 - see _command.py

    if "batches_per_epoch" not in plan and not {"samples", "batch_size"} <= plan.keys():
        message = "the length of an epoch is not known: give --batches-per-epoch, or --samples with --batch-size"
        raise click.UsageError(message)
    try:
        return Timeline.plan(**plan)
    except (ValueError, OverflowError) as error:
        raise click.UsageError(in_flags(error)) from error
