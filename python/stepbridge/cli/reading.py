"""Reads logs for a command: what cannot be read ends it with one sentence, what is damaged is named on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stepbridge.cli.show import complain, failure
from stepbridge.logs import read_logs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepbridge.logs import Logs, Problem

path_argument = click.argument("path", type=click.Path())


def read(path: str) -> Logs:
    """Read every log below a path. A path that is not there is wrong use; nothing readable below it ends with 1."""
    try:
        logs = read_logs(path)
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
