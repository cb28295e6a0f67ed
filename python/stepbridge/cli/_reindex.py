"""`stepbridge reindex`: writes logs as one table with epoch and iter."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from stepbridge import _core
from stepbridge._problem import Problem
from stepbridge._text import counted
from stepbridge.cli._command import Example, as_json, command
from stepbridge.cli._placing_options import (
    as_options,
    column_options,
    following_options,
    placing_of,
    placing_options,
)
from stepbridge.cli._plan_options import plan_options, timeline_of
from stepbridge.cli._printing import complain, failure, in_flags, print_json, say
from stepbridge.cli._progress_bar import bar
from stepbridge.cli._reading import Reading, nothing, read, reading_options, refusing, report
from stepbridge.cli._step_options import misused, step_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from stepbridge.logs import Logs, ReindexResult, StepAssumption, TimelineSource
    from stepbridge.logs._paths import LogPaths
    from stepbridge.timeline import PlanArguments, Timeline

EXAMPLES = (
    Example("by the run's ledger, or by the epochs in its log", "stepbridge reindex runs/bert -o bert.parquet"),
    Example(
        "by a plan, from logs that do not say what their step is",
        "stepbridge reindex runs/mnist -o m.csv --batches-per-epoch 1719 --unit st --base 0",
    ),
    Example("logs as a framework writes them", "stepbridge reindex runs/mnist -o m.arrow --convention lightning"),
    Example("while the run goes on", "stepbridge reindex runs/bert -o bert.parquet --follow"),
)


#: What a command that follows logs shows each time.
Result = TypeVar("Result")

#: How many problems of one kind are named one by one.
MOST_PROBLEMS = 5


def known_output(_context: click.Context, _parameter: click.Parameter, path: Path) -> Path:
    """Refuses what no writer could write before anything is read."""
    try:
        _core.check_output(path)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    except OSError as error:
        raise failure(str(error)) from error
    return path


@command(*EXAMPLES, short="Write logs as one table with epoch and iter.")
@reading_options
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    callback=known_output,
    help=f"The file to write: {', '.join(_core.OUTPUTS)}.",
)
@plan_options
@step_options
@placing_options
@column_options
@following_options
@as_json
def reindex(
    path: LogPaths,
    output: Path,
    plan: PlanArguments,
    reading: Reading,
    *,
    as_json: bool,
    follow: bool,
    verbose: bool,
    interval: float,
    **options: Any,  # noqa: ANN401 - the library checks them
) -> None:
    """Write every record below PATH with its epoch and iter to one file.

    Without a plan, each run's ledger (stepclock.jsonl) or its own log must say its epochs. The file is written whole or
    not at all. Damage, and records that have no place or contradict the timeline, are named on stderr.
    """
    timeline = timeline_of(plan) if plan else None
    options = placing_of(reading, options)
    if follow:

        def write(logs: Logs) -> ReindexResult:
            return write_table(logs, output, timeline, options)

        with suppress(KeyboardInterrupt):
            shown: set[Problem] = set()
            for result in followed(path, output, reading, interval, write):
                fresh = result if as_json else result._replace(problems=without(result.problems, shown))
                show(fresh, as_json=as_json, verbose=verbose)
                shown.update(result.problems)
        return
    show(written(path, output, timeline, reading, **options), as_json=as_json, verbose=verbose)


def written(
    path: LogPaths,
    output: Path,
    timeline: Timeline | None,
    reading: Reading,
    **options: Any,  # noqa: ANN401 - the library checks them
) -> ReindexResult:
    """Writes the table once."""
    from stepbridge.logs._options import reindex_request  # noqa: PLC0415 - see _command.py
    from stepbridge.logs._streaming import write_survey  # noqa: PLC0415

    source = reading.source
    with misused(), source.naming():
        # At a prompt, a table in which nothing has a place shows that a plan was forgotten.
        request = {**reindex_request(timeline, as_options(options)), "some_place": True}
    with refusing(), source.naming(), bar("reading", "bytes", quiet=reading.quiet) as watch:
        survey = _core.Survey.read(source.paths, source.request, watch)
    if not len(survey) and (problems := survey.logs().problems()):
        raise failure(nothing(path, [Problem(*row) for row in problems]))
    with misused(), source.naming(), bar("writing", "bytes", quiet=reading.quiet) as watch:
        return write_survey(survey, output, request, watch, unfetched=source.problems)


def followed(
    path: LogPaths, output: Path, reading: Reading, interval: float, write: Callable[[Logs], Result]
) -> Iterator[Result]:
    """Writes the output, and again each time that the logs have changed.

    What is wrong at the beginning ends it. Later on, logs may be away for a moment, or just have begun anew: it says so
    once, and waits.
    """
    logs = read(path, reading)
    with misused():
        yield write(logs)
    complaint = None
    written = True
    while True:
        time.sleep(interval)
        try:
            if not logs.refresh_changed() and written:
                complaint = None
                continue
            written = False
            result = write(logs)
        except (ValueError, OSError) as error:
            if str(error) != complaint:
                complaint = str(error)
                complain(f"{output} stays as it is for now: {in_flags(error)}")
            continue
        complaint, written = None, True
        yield result


def write_table(logs: Logs, output: Path, timeline: Timeline | None, options: dict[str, Any]) -> ReindexResult:
    """Writes the table of logs that are in memory."""
    from stepbridge.logs import ReindexResult  # noqa: PLC0415 - see _command.py
    from stepbridge.logs._records import UNPLACED  # noqa: PLC0415

    table = logs.reindex(timeline, **as_options(options))
    lacking = [problem.reason for problem in table.problems if problem.kind in UNPLACED]
    without_place = sum(found.records for found in table.left_out if found.reason == "no_place")
    if lacking and without_place == len(table):
        raise ValueError(lacking[0])
    table.write(output)
    return ReindexResult(
        str(output),
        len(table),
        logs.runs,
        (*logs.problems, *table.problems),
        table.assumed,
        table.origins,
        table.steps,
        table.left_out,
    )


def without(problems: Iterable[Problem], shown: set[Problem]) -> tuple[Problem, ...]:
    """Returns the problems that were not shown before."""
    return tuple(problem for problem in problems if problem not in shown)


def show(result: ReindexResult, *, as_json: bool, verbose: bool = False) -> None:
    """Prints what was written, from which timelines, and what was found on the way."""
    from stepbridge.logs._table import summary  # noqa: PLC0415 - see _command.py

    if as_json:
        print_json(
            {
                "output": result.output,
                "records": result.records,
                "left_out": [left_out._asdict() for left_out in result.left_out],
                "runs": result.runs,
                "timelines": [source._asdict() for source in result.origins],
                "problems": [problem._asdict() for problem in result.problems],
                "assumed": [assumption._asdict() for assumption in result.assumed],
            }
        )
        return
    counts = f"{counted(result.records, 'record')} of {counted(len(result.runs), 'run')}"
    say(", ".join((f"{result.output}: {counts}", timeline_sources(result.origins), *summary(result.left_out))))
    report_assumptions(result.assumed)
    report(result.problems, most=None if verbose else MOST_PROBLEMS)


def report_assumptions(assumptions: Iterable[StepAssumption]) -> None:
    """Names what is assumed of steps, once for all runs that have it in common."""
    alike: dict[StepAssumption, list[str]] = {}
    for assumption in assumptions:
        alike.setdefault(assumption._replace(run=""), []).append(assumption.run)
    for (_, unit, base, reason, within, series), runs in alike.items():
        whose = f"run {runs[0]}: its" if len(runs) == 1 else f"{some(runs)}: their"
        if series is not None:
            whose = f"{'run ' + runs[0] if len(runs) == 1 else some(runs)}: {series}'s"
        what = f"as with --unit {unit} --base {base}"
        if within == "epoch":
            what = f"as batches of their epochs, with --base {base}"
        complain(f"{whose} steps are read {what}, since {reason}")


def some(runs: list[str]) -> str:
    """Returns the names of a few of several runs, and how many they are."""
    few = 3
    names = ", ".join(runs[:few]) + (", ..." if len(runs) > few else "")
    return f"{len(runs):,} runs ({names})"


def some_of(names: list[str]) -> list[str]:
    """Returns a few of several names."""
    few = 3
    return [*names[:few], "..."] if len(names) > few else names


def timeline_sources(origins: Sequence[TimelineSource]) -> str:
    """Returns where the timelines come from."""
    several = len({source.origin for source in origins}) > 1
    clauses = []
    for kind in ("given", "ledger", "inferred", "config", "shared", "likely", "none"):
        runs = [source for source in origins if source.origin == kind]
        if not runs:
            continue
        files = sorted({source.ledger for source in runs if source.ledger is not None})
        clause = {
            "given": "by the given plan",
            "ledger": f"by {'the ledger' if len(files) == 1 else 'the ledgers'} {', '.join(some_of(files))}",
            "inferred": "by the epochs in the log itself",
            "config": f"by {', '.join(some_of(files))}",
            "likely": "by the likely one of several that the log leaves",
            "shared": f"by the timeline of {', '.join(files)}",
            "none": "without a timeline",
        }[kind]
        clauses.append(clause + (f" ({counted(len(runs), 'run')})" if several else ""))
    return ", ".join(clauses)
