"""Reads logs for a command: what cannot be read ends it with one sentence, what is damaged is named on stderr."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import click

from stepbridge.cli.progress import bar
from stepbridge.cli.show import complain, failure
from stepbridge.logs import FORMATS, read_logs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepbridge.cli.options import Command
    from stepbridge.logs import Format, Logs, Problem

path_argument = click.argument("path", type=click.Path())

READING = (
    click.option(
        "--format", type=click.Choice(FORMATS), help="The format of every file; else it is found from each one."
    ),
    click.option(
        "--pattern",
        multiple=True,
        metavar="SHAPE",
        help="The shape of a line in text logs: 'Epoch {epoch}, Iter {iter}: loss {loss}'. May be given several times.",
    ),
    click.option("--step-column", metavar="NAME", help="The column, or key, that holds the step, in other tables."),
    click.option("--epoch-column", metavar="NAME", help="The one that holds the epoch."),
    click.option("--time-column", metavar="NAME", help="The one that holds the seconds since 1970."),
    click.option("-q", "--quiet", is_flag=True, help="Show no progress bar."),
)


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """What the user said about the logs."""

    format: Format | None
    pattern: tuple[str, ...]
    step_column: str | None
    epoch_column: str | None
    time_column: str | None
    quiet: bool


def reading_options(command: Command) -> Command:
    """Add the argument PATH and the options of reading to a command, which gets the latter as one `reading`."""

    @functools.wraps(command)
    def gathered(**arguments: Any) -> object:  # noqa: ANN401 - options of any kind pass through
        reading = ReadingOptions(**{name: arguments.pop(name) for name in ReadingOptions.__slots__})
        return command(reading=reading, **arguments)

    decorated: Any = gathered
    for option in reversed((path_argument, *READING)):
        decorated = option(decorated)
    return cast("Command", decorated)


def read(path: str, reading: ReadingOptions) -> Logs:
    """Read every log below a path. A path that is not there is wrong use; nothing readable below it ends with 1."""
    try:
        with bar("reading", "bytes", quiet=reading.quiet) as watch:
            logs = read_logs(
                path,
                format=reading.format,
                step=reading.step_column,
                epoch=reading.epoch_column,
                wall_time=reading.time_column,
                pattern="\n".join(reading.pattern) or None,
                progress=watch,
            )
    except FileNotFoundError as error:
        raise click.UsageError(str(error)) from error
    except (OSError, ValueError) as error:
        raise failure(str(error)) from error
    if not len(logs) and logs.problems:
        first = logs.problems[0]
        message = f"no record could be read at '{path}': {first.file}: {first.reason}"
        raise failure(message)
    return logs


def report(problems: Iterable[Problem]) -> None:
    """Name each problem on stderr: the file, the byte where it begins, what was found."""
    for problem in problems:
        where = problem.file if problem.offset is None else f"{problem.file}, byte {problem.offset}"
        complain(f"{where}: {problem.reason}")
