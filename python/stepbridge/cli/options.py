"""The options that several commands share: those that describe a plan, and `--json`."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from stepbridge.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable

Command = TypeVar("Command", bound="Callable[..., Any]")

PLAN = (
    click.option("--samples", type=int, metavar="N", help="Samples in the data set; goes with --batch-size."),
    click.option("--batch-size", type=int, metavar="N", help="Samples a batch, over all ranks."),
    click.option("--batches-per-epoch", type=int, metavar="N", help="Batches an epoch, where the samples are unknown."),
    click.option("--epochs", type=int, metavar="N", help="Epochs of the run; without it the plan is open-ended."),
    click.option("--drop-last", is_flag=True, help="The loader drops a partial last batch."),
    click.option("--accumulate", type=int, default=1, show_default=True, metavar="N", help="Batches a step."),
    click.option(
        "--boundary",
        type=click.Choice(["flush", "carry", "drop"]),
        default="flush",
        show_default=True,
        help="What an open accumulation window does at the end of an epoch.",
    ),
)

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What the user said about the plan."""

    samples: int | None
    batch_size: int | None
    batches_per_epoch: int | None
    epochs: int | None
    drop_last: bool
    accumulate: int
    boundary: Any

    @property
    def given(self) -> bool:
        """Say whether anything was said at all."""
        return self != PlanOptions(None, None, None, None, drop_last=False, accumulate=1, boundary="flush")

    def timeline(self) -> Timeline:
        """Make the plan; what the library refuses is wrong use."""
        if self.batches_per_epoch is None and (self.samples is None or self.batch_size is None):
            message = "the length of an epoch is not known: give --batches-per-epoch, or --samples with --batch-size"
            raise click.UsageError(message)
        try:
            return Timeline.plan(
                samples=self.samples,
                batch_size=self.batch_size,
                batches_per_epoch=self.batches_per_epoch,
                epochs=self.epochs,
                drop_last=self.drop_last,
                accumulate=self.accumulate,
                boundary=self.boundary,
            )
        except (ValueError, OverflowError) as error:
            raise click.UsageError(str(error)) from error


def plan_options(command: Command) -> Command:
    """Add the options of a plan to a command, which gets them as one `plan`."""

    @functools.wraps(command)
    def gathered(**arguments: Any) -> object:  # noqa: ANN401 - options of any kind pass through
        plan = PlanOptions(**{name: arguments.pop(name) for name in PlanOptions.__slots__})
        return command(plan=plan, **arguments)

    decorated: Any = gathered
    for option in reversed(PLAN):
        decorated = option(decorated)
    return cast("Command", decorated)
