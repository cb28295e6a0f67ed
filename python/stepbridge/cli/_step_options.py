"""The options that say what logged steps count, for the commands that need to know it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, get_args

import click

from stepbridge.cli._completion import units
from stepbridge.cli._printing import failure, in_flags
from stepbridge.conventions import ConventionName

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepbridge.cli._command import Function

OPTIONS = (
    click.option(
        "--unit",
        shell_complete=units,
        help="What the logged steps count, if the format does not declare it: step, batch, epoch, ...",
    ),
    click.option("--base", type=click.Choice(["0", "1"]), help="0 if they are indices, 1 if the first is 1."),
    click.option(
        "--convention",
        type=click.Choice(get_args(ConventionName)),
        metavar="NAME",
        help=f"The framework whose step it is, instead of --unit and --base: {', '.join(get_args(ConventionName))}.",
    ),
)


def step_options(command: Function) -> Function:
    """Adds `--unit`, `--base` and `--convention` to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def as_meaning(options: dict[str, Any]) -> dict[str, Any]:
    """Returns the options as the library takes them."""
    return {**options, "base": None if options["base"] is None else int(options["base"])}


@contextmanager
def misused() -> Iterator[None]:
    """Ends the command: as wrong use if the request does not fit these logs, as a failure if nothing can be written."""
    try:
        yield
    except ValueError as error:
        raise click.UsageError(in_flags(error)) from error
    except OSError as error:
        raise failure(str(error)) from error
