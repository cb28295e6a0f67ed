"""`stepbridge rewrite`: writes logs as event files on an axis that all runs have in common."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from stepbridge import _core
from stepbridge._errors import NoLogsError, PatternError
from stepbridge._text import counted
from stepbridge.cli._command import Example, as_json, command
from stepbridge.cli._placing_options import as_options, following_options, placing_of, placing_options
from stepbridge.cli._plan_options import plan_options, timeline_of
from stepbridge.cli._printing import complain, failure, in_flags, print_json, say
from stepbridge.cli._progress_bar import bar
from stepbridge.cli._reading import Reading, reading_options, report
from stepbridge.cli._reindex import MOST_PROBLEMS, followed, report_assumptions, timeline_sources, without
from stepbridge.cli._step_options import misused, step_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepbridge._problem import Problem
    from stepbridge.logs import Axis, RewriteResult
    from stepbridge.logs._paths import LogPaths
    from stepbridge.timeline import PlanArguments, Timeline

EXAMPLES = (
    Example("runs of all batch sizes on one axis", "stepbridge rewrite runs/bert -o by_epoch --axis epoch"),
    Example(
        "by samples, from logs that do not say their plan",
        "stepbridge rewrite runs/mnist -o by_sample --axis sample --samples 55000 --batch-size 32 --unit st --base 0",
    ),
    Example("while the run goes on", "stepbridge rewrite runs/bert -o by_epoch --axis epoch --follow"),
)

#: How many series without a place are named one by one.
MOST_SERIES = 5


@command(*EXAMPLES, short="Write logs as event files on a common axis, for TensorBoard.")
@reading_options
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="The folder to write: a new one, or one that this command wrote.",
)
@click.option(
    "--axis",
    required=True,
    type=click.Choice(_core.AXES),
    help="What the new steps count; of epochs, millionths.",
)
@click.option("--also", is_flag=True, help="Write each run a second time, as NAME.original, with its own steps.")
@plan_options
@step_options
@placing_options
@following_options
@as_json
def rewrite(
    path: LogPaths,
    output: Path,
    plan: PlanArguments,
    reading: Reading,
    *,
    axis: str,
    also: bool,
    as_json: bool,
    follow: bool,
    verbose: bool,
    interval: float,
    **options: Any,  # noqa: ANN401 - the library checks them
) -> None:
    """Write every value below PATH into event files whose step is an axis that all runs have in common.

    `tensorboard --logdir` then shows runs of different batch sizes on each other. Images, histograms and texts of event
    files are kept. What a later session replaced, and what has no place on the axis, is left out and named on stderr.
    """
    timeline = timeline_of(plan) if plan else None
    options = placing_of(reading, options)

    def written() -> RewriteResult:
        return rewritten(output, timeline, reading, axis=cast("Axis", axis), also=also, **options)

    if not follow:
        with misused(), without_logs():
            result = written()
        show(result, as_json=as_json, verbose=verbose)
        return
    shown: set[Problem] = set()
    with suppress(KeyboardInterrupt):
        for result in followed(path, output, reading, interval, lambda _logs: written()):
            fresh = result if as_json else result._replace(problems=without(result.problems, shown))
            show(fresh, as_json=as_json, verbose=verbose)
            shown.update(result.problems)


def rewritten(
    output: Path,
    timeline: Timeline | None,
    reading: Reading,
    *,
    axis: Axis,
    also: bool,
    **options: Any,  # noqa: ANN401 - the library checks them
) -> RewriteResult:
    """Writes the event files once."""
    from stepbridge.logs._options import reindex_request  # noqa: PLC0415 - see _command.py
    from stepbridge.logs._rewriting import write_axis  # noqa: PLC0415

    source = reading.source
    with source.naming():
        request = reindex_request(timeline, as_options(options))
    with bar("reading", "bytes", quiet=reading.quiet) as watch:
        return write_axis(source, output, request, axis=axis, also=also, progress=watch)


@contextmanager
def without_logs() -> Iterator[None]:
    """Ends the command if there is nothing to read: as wrong use if there is no such path, else as a failure."""
    try:
        yield
    except (FileNotFoundError, PatternError) as error:
        raise click.UsageError(in_flags(error)) from error
    except NoLogsError as error:
        raise failure(in_flags(error)) from error


def show(result: RewriteResult, *, as_json: bool, verbose: bool) -> None:
    """Prints what was written, from which timelines, and what was left out."""
    from stepbridge.logs._table import summary  # noqa: PLC0415 - see _command.py

    if as_json:
        print_json(
            {
                "output": result.output,
                "axis": result.axis,
                "records": result.records,
                "files": result.files,
                "left_out": [left_out._asdict() for left_out in result.left_out],
                "runs": result.runs,
                "timelines": [source._asdict() for source in result.origins],
                "problems": [problem._asdict() for problem in result.problems],
                "assumed": [assumption._asdict() for assumption in result.assumed],
            }
        )
        return
    written = f"{counted(result.records, 'value')} by {result.axis} in {counted(result.files, 'event file')}"
    say(", ".join((f"{result.output}: {written}", timeline_sources(result.origins), *summary(result.left_out))))
    report_left_out(result, most=None if verbose else MOST_SERIES)
    report_assumptions(result.assumed)
    report(result.problems, most=None if verbose else MOST_PROBLEMS)


def report_left_out(result: RewriteResult, *, most: int | None) -> None:
    """Names the runs, and the series of other runs, that have no place on the axis."""
    lost = [left_out for left_out in result.left_out if left_out.reason == "no_place"]
    for left_out in lost[:most]:
        whose = f"run {left_out.run}" if left_out.series is None else f"run {left_out.run}: {left_out.series}"
        where = "the run is left out" if left_out.series is None else "they are left out"
        complain(f"{whose}: {counted(left_out.records, 'value')} without a place on the axis {result.axis}; {where}")
    if most is not None and len(lost) > most:
        complain(f"{len(lost) - most:,} more are left out in whole or in part; --verbose names them")
