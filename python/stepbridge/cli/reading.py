"""Reads logs for a command: what cannot be read ends it with one sentence, what is damaged is named on stderr."""

from __future__ import annotations

import functools
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import click

from stepbridge.cli.progress import bar
from stepbridge.cli.show import complain, failure
from stepbridge.logs import FORMATS, read_logs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stepbridge import _core
    from stepbridge.cli.options import Command
    from stepbridge.logs import Format, Logs, Problem

path_argument = click.argument("path", type=click.Path())

READING = (
    click.option(
        "--format",
        type=click.Choice(FORMATS),
        metavar="NAME",
        help=f"The format of every file; else it is found from each one: {', '.join(FORMATS)}.",
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

    def said(self) -> _core.Said:
        """Give what the library takes of it."""
        return {
            "format": self.format,
            "step": self.step_column,
            "epoch": self.epoch_column,
            "wall_time": self.time_column,
            "pattern": "\n".join(self.pattern) or None,
        }


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
    with refusing(), bar("reading", "bytes", quiet=reading.quiet) as watch:
        logs = read_logs(path, **reading.said(), progress=watch)
    if not len(logs) and logs.problems:
        raise failure(nothing(path, logs.problems))
    return logs


@contextmanager
def refusing() -> Iterator[None]:
    """Turn what the library says of logs that cannot be read into the end of the command."""
    try:
        yield
    except FileNotFoundError as error:
        raise click.UsageError(str(error)) from error
    except (OSError, ValueError) as error:
        raise failure(str(error)) from error


def nothing(path: str, problems: Sequence[Problem]) -> str:
    """Say why there is no record at all."""
    return f"no record could be read at '{path}': {problems[0].file}: {problems[0].reason}"


def report(problems: Iterable[Problem]) -> None:
    """Name each problem on stderr: the file, the byte where it begins, what was found."""
    for problem in problems:
        where = problem.file if problem.offset is None else f"{problem.file}, byte {problem.offset}"
        complain(f"{where}: {problem.reason}")
