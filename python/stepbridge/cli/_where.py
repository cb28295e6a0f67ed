"""`stepbridge where`: says what is known of a step of a run, or where a checkpoint is in the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from stepbridge.cli._command import Example, as_json, command
from stepbridge.cli._completion import quantities
from stepbridge.cli._plan_options import plan_options, timeline_of
from stepbridge.cli._printing import failure, in_flags, print_json, say
from stepbridge.cli._progress_bar import bar
from stepbridge.cli._reading import Reading, outlive_server, reading_options_of_one
from stepbridge.cli._step_options import as_meaning, misused, step_options
from stepbridge.cli._where_checkpoint import as_changes, show_checkpoint
from stepbridge.cli._where_step import as_fields, as_lines

if TYPE_CHECKING:
    from stepbridge.timeline import PlanArguments

EXAMPLES = (
    Example("what step 5,000 of a run is", "stepbridge where runs/bert 5000"),
    Example("what was logged after 2 epochs, for a program", "stepbridge where runs/bert 2ep --json"),
    Example("which samples a checkpoint has done", "stepbridge where checkpoint-4"),
    Example(
        "where a resume with other arguments goes on",
        "stepbridge where checkpoint-4 --resume-with per_device_train_batch_size=4,world_size=4",
    ),
)


@command(*EXAMPLES, short="Show what a step of a run is, or where a checkpoint is.")
@reading_options_of_one
@click.argument("step", required=False, shell_complete=quantities)
@click.option("--run", metavar="NAME", help="The run below PATH, if there are several. No other run is read.")
@plan_options
@step_options
@click.option("--likely", is_flag=True, help="Take the likely timeline, if the log leaves several.")
@click.option(
    "--resume-with",
    "changes",
    metavar="NAME=VALUE,...",
    callback=as_changes,
    help="Of a checkpoint: arguments of the framework that are others in the resume.",
)
@as_json
def where(
    path: str,
    step: str | None,
    plan: PlanArguments,
    reading: Reading,
    *,
    run: str | None,
    changes: dict[str, str],
    as_json: bool,
    **options: Any,  # noqa: ANN401 - the library checks them
) -> None:
    """Show what STEP of the run at PATH is: its epoch, its samples, what frameworks show there, what was logged.

    STEP is its number in the log, 12000, or an amount with a unit: 12_000ba, 3ep, 1_000_000sp, 50%.

    Without STEP, PATH is a checkpoint: it shows where its run is, in samples, and where the framework goes on when it
    resumes from it. Nothing in the checkpoint is run or changed.
    """
    if step is None:
        show_checkpoint(path, changes, as_json=as_json)
        return
    if changes:
        message = "--resume-with is for checkpoints: leave out STEP, or leave out --resume-with"
        raise click.UsageError(message)
    from stepbridge._errors import NoLogsError  # noqa: PLC0415 - see _command.py
    from stepbridge.logs import locate_step  # noqa: PLC0415
    from stepbridge.logs._source import shown  # noqa: PLC0415

    outlive_server(path)
    timeline = timeline_of(plan) if plan else None
    with misused(), bar("reading", "bytes", quiet=reading.quiet) as watch:
        try:
            found = locate_step(
                path,
                as_step(step),
                run=run,
                timeline=timeline,
                progress=watch,
                **reading.options,
                **as_meaning(options),
            )
        except (NoLogsError, ImportError) as error:
            raise failure(in_flags(error)) from error
        except FileNotFoundError as error:
            raise click.UsageError(in_flags(error)) from error
    if as_json:
        print_json(as_fields(found))
    else:
        say(*as_lines(shown(path), found))


def as_step(text: str) -> int | str:
    """Returns the number of a step, or an amount as the library reads it."""
    digits = text.replace("_", "").replace(",", "")
    return int(digits) if digits.lstrip("-").isdecimal() and digits.isascii() else text
