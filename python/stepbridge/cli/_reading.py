"""Reads logs for a command: the command ends with one sentence if nothing can be read, and names damage on stderr."""

from __future__ import annotations

import functools
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from stepbridge._core import FORMATS
from stepbridge._errors import PatternError
from stepbridge.cli._exits import outlive_broken_connections
from stepbridge.cli._printing import complain, failure, in_flags
from stepbridge.cli._progress_bar import bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from stepbridge.cli._command import Function
    from stepbridge.logs import Logs, Problem, ReadOptions
    from stepbridge.logs._paths import LogPaths
    from stepbridge.logs._source import LogSource


def root_folder(_context: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    """Refuses a root that is neither a folder nor an address."""
    if text is not None and "://" not in text and not Path(text).is_dir():
        raise click.BadParameter(f"there is no folder '{text}'")
    return text


def byte_count(_context: click.Context, _parameter: click.Parameter, text: str | None) -> int | None:
    """Reads a number of bytes: 500MB, 64GiB."""
    if text is None:
        return None
    found = re.fullmatch(r"([\d_]+) ?(?:([kMGT])(i?)B?|B)?", text)
    if found is None:
        raise click.BadParameter(f"expected bytes, such as 500MB or 64GiB, not {text!r}")
    power = " kMGT".index(found[2] or " ")
    unit: int = (1024 if found[3] else 1000) ** power
    return int(found[1]) * unit


def by_key(_context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]) -> dict[str, str] | None:
    """Reads each KEY=VALUE. A value may be a secret: no message shows it."""
    options = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise click.BadParameter("expected KEY=VALUE, such as region=eu-central-1")
        options[key] = value
    return options or None


several_paths = click.argument("path", type=click.Path(), nargs=-1, required=True, metavar="PATH...")
one_path = click.argument("path", type=click.Path())
root_option = click.option(
    "--root",
    callback=root_folder,
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
    "storage_options": click.option(
        "--storage-options",
        "storage_options",
        multiple=True,
        callback=by_key,
        metavar="KEY=VALUE",
        help="What the store of an address needs: region=eu-central-1. Secrets belong into the environment.",
    ),
    "cache_limit": click.option(
        "--cache-limit",
        callback=byte_count,
        metavar="BYTES",
        help="How much of remote logs may be on the disk while they are read: 64GiB; 32 GiB by default.",
    ),
}
#: How many problems of a kind are named where there are too many for a screen.
FEW = 3
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Show no progress bar.")


@dataclass
class Reading:
    """What the user wants to be read, and how."""

    path: LogPaths
    options: ReadOptions
    quiet: bool
    root: str | None = None

    @functools.cached_property
    def source(self) -> LogSource:
        """What is read. Remote logs are fetched when a command first asks for it."""
        from stepbridge.logs._source import open_source  # noqa: PLC0415 - see _command.py

        outlive_server(self.path)
        with refusing(), bar("fetching", "bytes", quiet=self.quiet) as watch:
            return open_source(self.path, self.root, self.options, watch)


def outlive_server(paths: LogPaths) -> None:
    """Lets a server that goes away be an error, if there is an address among the paths."""
    from stepbridge.logs._source import is_address  # noqa: PLC0415 - see _command.py

    if any(map(is_address, [paths] if isinstance(paths, str) else cast("Sequence[object]", paths))):
        outlive_broken_connections()


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
        path = arguments.pop("path")
        path = path[0] if isinstance(path, tuple) and len(path) == 1 else path
        reading = Reading(path, cast("ReadOptions", options), arguments.pop("quiet"), arguments.pop("root", None))
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
    from stepbridge.logs._logs import Logs  # noqa: PLC0415 - see _command.py
    from stepbridge.logs._source import read_source  # noqa: PLC0415

    source = reading.source
    with refusing(), bar("reading", "bytes", quiet=reading.quiet) as watch:
        logs = Logs(read_source(source, watch), source)
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
    except (OSError, ValueError, ImportError) as error:
        raise failure(in_flags(error)) from error


def nothing(path: LogPaths, problems: Sequence[Problem]) -> str:
    """Returns why there is no record at all."""
    from stepbridge.logs._source import shown  # noqa: PLC0415 - see _command.py

    where = f"'{shown(path)}'" if isinstance(path, str) else f"{len(cast('Sequence[object]', path)):,} paths"
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
