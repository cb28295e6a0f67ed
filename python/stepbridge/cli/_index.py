"""`stepbridge index`: keeps a table of many runs up to date."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import click

from stepbridge._errors import NoLogsError, PatternError
from stepbridge._text import counted
from stepbridge.cli._command import Example, as_json, command
from stepbridge.cli._placing_options import column_options, following_options, placing_of_each, placing_options_of_each
from stepbridge.cli._plan_options import plan_options, timeline_of
from stepbridge.cli._printing import complain, failure, in_flags, print_json, say
from stepbridge.cli._progress_bar import bar
from stepbridge.cli._reading import Reading, outlive_server, reading_options_of_one, report
from stepbridge.cli._reindex import MOST_PROBLEMS, without
from stepbridge.cli._step_options import step_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stepbridge._problem import Problem
    from stepbridge.fleet import IndexResult
    from stepbridge.fleet._index_result import TableFormat
    from stepbridge.timeline import PlanArguments

EXAMPLES = (
    Example("all runs below a folder; the next time only what changed is read", "stepbridge index runs -o table"),
    Example(
        "the third of 64 parts of the work, as one task of a cluster", "stepbridge index runs -o table --shard 3/64"
    ),
)

#: How many runs are named that were removed.
_NAMED = 3
TABLE_FORMATS: tuple[str, ...] = ("parquet", "delta")


def shard_of(_context: click.Context, _parameter: click.Parameter, text: str | None) -> tuple[int, int] | None:
    """Returns number and count of `--shard`."""
    if text is None:
        return None
    number, slash, count = text.partition("/")
    if not (slash and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        message = f"{text!r} is not K/N with K from 1 to N, as in 3/64"
        raise click.BadParameter(message)
    return int(number), int(count)


@command(*EXAMPLES, short="Keep a table of many runs up to date.")
@reading_options_of_one
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False),
    metavar="TABLE",
    help="The folder of the table; it is made if it is not there.",
)
@click.option(
    "--table-format",
    type=click.Choice(TABLE_FORMATS),
    default="parquet",
    show_default=True,
    help="A folder of Parquet files, or two Delta tables.",
)
@click.option(
    "--shard", metavar="K/N", callback=shard_of, help="Do the K-th of N parts of the work. All may run at once."
)
@plan_options
@step_options
@placing_options_of_each
@column_options
@following_options
@as_json
def index(
    path: str,
    output: str,
    plan: PlanArguments,
    reading: Reading,
    *,
    table_format: str,
    shard: tuple[int, int] | None,
    as_json: bool,
    follow: bool,
    verbose: bool,
    interval: float,
    **options: Any,  # noqa: ANN401 - the library checks them
) -> None:
    """Write the records of all runs below PATH to a table, or bring the table up to date.

    PATH is a folder, or the address of one: s3://bucket/runs. The table is a folder with `records` and `runs`. Only the
    files that changed since the last time are read; each of their runs is replaced whole. Runs whose files are gone are
    removed, and named.
    """
    timeline = timeline_of(plan) if plan else None
    outlive_server(path)
    options = placing_of_each(options)

    def indexed() -> IndexResult:
        from stepbridge.fleet import index as index_runs  # noqa: PLC0415 - see _command.py

        with bar("indexing", "bytes", quiet=reading.quiet) as watch:
            return index_runs(
                path,
                output,
                timeline,
                table_format=cast("TableFormat", table_format),
                shard=shard,
                progress=watch,
                **reading.options,
                **options,
            )

    if not follow:
        show(first(indexed), as_json=as_json, verbose=verbose)
        return
    with suppress(KeyboardInterrupt):
        shown: set[Problem] = set()
        for result in followed(indexed, output, interval):
            fresh = result if as_json else result._replace(problems=without(result.problems, shown))
            show(fresh, as_json=as_json, verbose=verbose)
            shown.update(result.problems)


def first(indexed: Callable[[], IndexResult]) -> IndexResult:
    """Indexes once, and ends the command if that fails: as wrong use if the request does not fit, else as a failure."""
    try:
        return indexed()
    except (FileNotFoundError, PatternError) as error:
        raise click.UsageError(in_flags(error)) from error
    except (NoLogsError, OSError, ImportError) as error:
        raise failure(in_flags(error)) from error
    except ValueError as error:
        raise click.UsageError(in_flags(error)) from error


def followed(indexed: Callable[[], IndexResult], output: str, interval: float) -> Iterator[IndexResult]:
    """Yields what changed, each time that something did. Logs may be away for a moment: it says so once, and waits."""
    yield first(indexed)
    complaint = None
    while True:
        time.sleep(interval)
        try:
            result = indexed()
        except (ValueError, OSError) as error:
            if str(error) != complaint:
                complaint = str(error)
                complain(f"{output} stays as it is for now: {in_flags(error)}")
            continue
        complaint = None
        if result.replaced or result.removed:
            yield result


def show(result: IndexResult, *, as_json: bool, verbose: bool) -> None:
    """Prints what the table holds, and what changed."""
    if as_json:
        print_json({**result._asdict(), "problems": [problem._asdict() for problem in result.problems]})
        return
    counts = f"{counted(result.records, 'record')} of {counted(result.runs, 'run')}"
    say(f"{result.table}: {counts}, {len(result.replaced):,} read, {len(result.removed):,} removed")
    if result.removed:
        more = ", ..." if len(result.removed) > _NAMED else ""
        names = ", ".join(result.removed[:_NAMED])
        complain(f"removed, because their files are gone: {names}{more}")
    report(result.problems, most=None if verbose else MOST_PROBLEMS)
