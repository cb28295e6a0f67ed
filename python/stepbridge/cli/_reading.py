"""Reads logs for a command: the command ends with one sentence if nothing can be read, and names damage on stderr."""

from __future__ import annotations

import functools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import click

from stepbridge._core import FORMATS
from stepbridge._errors import PatternError
from stepbridge.cli._printing import complain, failure, in_flags
from stepbridge.cli._progress_bar import bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from stepbridge.cli._command import Function
    from stepbridge.logs import Logs, Problem, ReadOptions
    from stepbridge.logs._paths import LogPaths

several_paths = click.argument("path", type=click.Path(), nargs=-1, required=True, metavar="PATH...")
one_path = click.argument("path", type=click.Path())
root_option = click.option(
    "--root",
    type=click.Path(file_okay=False, exists=True),
    metavar="FOLDER",
    help="The folder that the names of runs are relative to; without it, PATH, or the folder that holds all paths.",
)

#: One option for each key of `stepbridge.ReadOptions`.
OPTIONS = {
    "format": click.option(
        "--format",
        type=click.Choice(FORMATS),
        metavar="NAME",
        help=f"The format of every file; without it, each file's content shows it: {', '.join(FORMATS)}.",
    ),
    "pattern": click.option(
        "--pattern",
        multiple=True,
        metavar="SHAPE",
        help="The shape of a line in text logs: 'Epoch {epoch}, Iter {iter}: loss {loss}'. May be given several times.",
    ),
    "step_column": click.option(
        "--step-column", metavar="NAME", help="The column, or key, that holds the step, in other tables."
    ),
    "epoch_column": click.option("--epoch-column", metavar="NAME", help="The one that holds the epoch."),
    "chain": click.option(
        "--chain",
        multiple=True,
        metavar="RUNS[=STEPS,...]",
        help="Runs in several folders that are one: 'PPO_*'; with the steps before each later run if it begins anew.",
    ),
    "time_column": click.option("--time-column", metavar="NAME", help="The one that holds the seconds since 1970."),
}
#: How many problems of a kind are named where there are too many for a screen.
FEW = 3
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Show no progress bar.")


class Reading(NamedTuple):
    """How the user wants the logs to be read."""

    options: ReadOptions
    quiet: bool
    root: str | None = None

    def core_paths(self, path: LogPaths) -> str | tuple[str, list[str]]:
        """Returns what is read, as the core takes it."""
        from stepbridge.logs._paths import core_paths  # noqa: PLC0415 - see _command.py

        return core_paths(path, self.root)

    def plan_file(self, path: LogPaths) -> Path | None:
        """Returns the `stepbridge.toml` that holds for what is read; None if there is none."""
        from stepbridge.logs._paths import root_of  # noqa: PLC0415 - see _command.py
        from stepbridge.logs._run_plans import plan_file_at  # noqa: PLC0415

        return plan_file_at(root_of(path, self.root))


def reading_options(command: Function) -> Function:
    """Adds one or more PATH and the options of reading to a command, which gets the latter as one `reading`."""
    return _with_options(command, several_paths, root_option)


def reading_options_of_one(command: Function) -> Function:
    """The same, for a command that reads one path."""
    return _with_options(command, one_path)


def _with_options(command: Function, *first: Callable[[Function], Function]) -> Function:
    @functools.wraps(command)
    def gathered(**arguments: Any) -> object:  # noqa: ANN401 - options of any kind pass through
        options = {name: arguments.pop(name) for name in OPTIONS}
        options["pattern"] = "\n".join(options["pattern"]) or None
        options["chain"] = dict(map(_chain, options["chain"]))
        reading = Reading(cast("ReadOptions", options), arguments.pop("quiet"), arguments.pop("root", None))
        path = arguments.pop("path")
        path = path[0] if isinstance(path, tuple) and len(path) == 1 else path
        return command(path=path, reading=reading, **arguments)

    decorated = cast("Function", gathered)
    options: list[Callable[[Function], Function]] = [*first, *OPTIONS.values(), quiet_option]
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


def _chain(text: str) -> tuple[str, list[int] | None]:
    """Reads one --chain."""
    runs, equals, steps = text.rpartition("=")
    if not equals:
        return text, None
    try:
        return runs, [int(step) for step in steps.split(",")]
    except ValueError:
        message = f"--chain {text!r}: expected RUNS=STEPS, such as 'PPO_*=10000,20000'"
        raise click.UsageError(message) from None


def read(path: LogPaths, reading: Reading) -> Logs:
    """Reads every log below a path. A path that does not exist is wrong use; nothing readable below it ends with 1."""
    from stepbridge.logs import read_logs  # noqa: PLC0415 - see _command.py

    with refusing(), bar("reading", "bytes", quiet=reading.quiet) as watch:
        logs = read_logs(path, root=reading.root, progress=watch, **reading.options)
    if not len(logs) and logs.problems:
        raise failure(nothing(path, logs.problems))
    return logs


@contextmanager
def refusing() -> Iterator[None]:
    """Ends the command with what the library says about logs that cannot be read."""
    try:
        yield
    except (FileNotFoundError, PatternError) as error:
        raise click.UsageError(in_flags(error)) from error
    except (OSError, ValueError) as error:
        raise failure(in_flags(error)) from error


def nothing(path: LogPaths, problems: Sequence[Problem]) -> str:
    """Returns why there is no record at all."""
    where = f"'{path}'" if isinstance(path, str) else f"{len(cast('Sequence[object]', path)):,} paths"
    return f"no record could be read at {where}: {problems[0].file}: {problems[0].reason}"


def report(problems: Iterable[Problem], *, most: int | None = None) -> None:
    """Names each problem on stderr: the file, the byte where it begins, what was found.

    With `most`, a kind of problem with more of them than that is named by its first ones and their number.
    """
    kinds: dict[str, list[Problem]] = {}
    for problem in problems:
        kinds.setdefault(problem.kind, []).append(problem)
    for kind, alike in kinds.items():
        shown = alike if most is None or len(alike) <= most else alike[:FEW]
        for problem in shown:
            complain(problem_sentence(problem))
        if more := len(alike) - len(shown):
            complain(f"{more:,} more of this kind ({kind}); --verbose names them")


def problem_sentence(problem: Problem) -> str:
    """Returns where a problem is, and what was found."""
    where = problem.file if problem.offset is None else f"{problem.file}, byte {problem.offset}"
    return f"{where}: {in_flags(problem.reason)}"
