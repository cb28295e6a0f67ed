"""`stepbridge reindex`: writes logs as one table with epoch and iter."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from stepbridge import _core
from stepbridge.cli.command import Example, command
from stepbridge.cli.completing import units
from stepbridge.cli.options import PlanOptions, as_json, plan_options
from stepbridge.cli.progress import bar
from stepbridge.cli.reading import ReadingOptions, nothing, read, reading_options, refusing, report
from stepbridge.cli.show import complain, counted, failure, print_json, say
from stepbridge.conventions import ConventionName
from stepbridge.logs import OUTPUTS, Problem, asked
from stepbridge.streamed import Written, write_survey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stepbridge.logs import Assumed
    from stepbridge.timeline import Timeline

EXAMPLES = (
    Example("by the run's ledger, or by the epochs in its log", "stepbridge reindex runs/bert -o bert.parquet"),
    Example(
        "by a plan, from logs that do not say what their step is",
        "stepbridge reindex runs/mnist -o m.csv --batches-per-epoch 1719 --unit st --base 0",
    ),
    Example("logs as a framework writes them", "stepbridge reindex runs/mnist -o m.arrow --convention lightning"),
    Example("while the run goes on", "stepbridge reindex runs/bert -o bert.parquet --follow"),
)


def known_output(_context: click.Context, _parameter: click.Parameter, path: Path) -> Path:
    """Refuse what no writer could write before anything is read."""
    try:
        _core.check_output(path)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    except OSError as error:
        raise failure(str(error)) from error
    return path


def number(_context: click.Context, _parameter: click.Parameter, value: float) -> float:
    """Refuse what is no number: it lies in every range, as click looks."""
    if isnan(value):
        message = "a time is a number, not nan"
        raise click.BadParameter(message)
    return value


@command(*EXAMPLES, short="Write logs as one table with epoch and iter.")
@reading_options
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    callback=known_output,
    help=f"The file to write: {', '.join(OUTPUTS)}.",
)
@plan_options
@click.option(
    "--unit",
    shell_complete=units,
    help="What the logged steps count, where the format does not say it: step, batch, epoch, ...",
)
@click.option("--base", type=click.Choice(["0", "1"]), help="0 where they are indices, 1 where they are the n-th.")
@click.option(
    "--convention",
    type=click.Choice(get_args(ConventionName)),
    metavar="NAME",
    help=f"The framework whose step it is, in place of --unit and --base: {', '.join(get_args(ConventionName))}.",
)
@click.option("--superseded", is_flag=True, help="Keep what later sessions did again, with columns that tell it.")
@click.option("--lend", is_flag=True, help="Runs without a timeline take the one that the others below PATH share.")
@click.option("--batch", is_flag=True, help="Add the index of each record's batch in the run.")
@click.option("--sample", is_flag=True, help="Add the index of that batch's first sample.")
@click.option("--follow", is_flag=True, help="Go on as the logs grow, and write the file anew each time, until Ctrl-C.")
@click.option(
    "--interval", type=click.FloatRange(0.01, 3600), callback=number, default=2.0, metavar="SECONDS", hidden=True
)
@as_json
def reindex(
    path: str,
    output: Path,
    plan: PlanOptions,
    reading: ReadingOptions,
    *,
    as_json: bool,
    follow: bool,
    interval: float,
    **step: Any,  # noqa: ANN401 - the library checks them
) -> None:
    """Write every record below PATH with its epoch and iter to one file.

    Where no plan is given, each run's ledger (stepclock.jsonl) or its own log must say its epochs. The file is written
    whole or not at all. What is damaged, has no place or contradicts the timeline is named on stderr.
    """
    timeline = plan.timeline() if plan.given else None
    if step["base"] is not None:
        step["base"] = int(step["base"])
    if follow:
        with suppress(KeyboardInterrupt):
            for written in followed(path, output, timeline, reading, interval, **step):
                tell(written, as_json=as_json)
        return
    with refusing(), bar("reading", "bytes", quiet=reading.quiet) as watch:
        survey = _core.Survey.read(path, reading.said(), watch)
    if not len(survey) and (problems := survey.logs().problems()):
        raise failure(nothing(path, [Problem(*row) for row in problems]))
    with misused(), bar("writing", "bytes", quiet=reading.quiet) as watch:
        written = write_survey(survey, output, asked(timeline, **step), watch)
    tell(written, as_json=as_json)


def followed(
    path: str,
    output: Path,
    timeline: Timeline | None,
    reading: ReadingOptions,
    interval: float,
    **step: Any,  # noqa: ANN401 - the library checks them
) -> Iterator[Written]:
    """Write the table, and again each time that the logs have grown."""
    logs = read(path, reading)
    while True:
        with misused():
            table = logs.reindex(timeline, **step)
            lacking = [problem.reason for problem in table.problems if problem.kind == "no_timeline"]
            if lacking and len(lacking) == len(logs.runs):
                raise ValueError(lacking[0])
            table.write(output)
        problems = (*logs.problems, *table.problems)
        yield Written(str(output), len(table), logs.runs, problems, table.assumed, table.origins, table.steps)
        before = logs.files
        while logs.files == before:
            time.sleep(interval)
            with refusing():
                logs.refresh()


@contextmanager
def misused() -> Iterator[None]:
    """Turn what cannot be asked of these logs into wrong use, and a file that cannot be written into a failure."""
    try:
        yield
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise failure(str(error)) from error


def tell(written: Written, *, as_json: bool) -> None:
    """Say what was written, from which timelines, and what was found on the way."""
    if as_json:
        facts: dict[str, object] = {"output": str(written.output), "records": written.records, "runs": written.runs}
        facts["timelines"] = [origin._asdict() for origin in written.origins]
        facts["problems"] = [problem._asdict() for problem in written.problems]
        print_json({**facts, "assumed": [assumed._asdict() for assumed in written.assumed]})
        return
    counts = f"{counted(written.records, 'record')} of {counted(len(written.runs), 'run')}"
    say(f"{written.output}: {counts}, {origins(written)}")
    assume(written.assumed)
    report(written.problems)


def assume(all_assumed: Iterable[Assumed]) -> None:
    """Say what is taken for granted of steps, once for all runs of which it is the same."""
    alike: dict[Assumed, list[str]] = {}
    for assumed in all_assumed:
        alike.setdefault(assumed._replace(run=""), []).append(assumed.run)
    for (_, unit, base, reason, within), runs in alike.items():
        whose = f"run {runs[0]}: its" if len(runs) == 1 else f"{named(runs)}: their"
        what = f"as with --unit {unit} --base {base}"
        if within == "epoch":
            what = f"as batches of their epochs, with --base {base}"
        complain(f"{whose} steps are read {what}, since {reason}")


def named(runs: list[str]) -> str:
    """Name a few of several runs, and count them all."""
    few = 3
    names = ", ".join(runs[:few]) + (", ..." if len(runs) > few else "")
    return f"{len(runs):,} runs ({names})"


def origins(written: Written) -> str:
    """Say where the timelines come from."""
    several = len({origin.origin for origin in written.origins}) > 1
    said = []
    for kind in ("given", "ledger", "inferred", "lent", "none"):
        runs = [origin for origin in written.origins if origin.origin == kind]
        if not runs:
            continue
        files = sorted({origin.ledger for origin in runs if origin.ledger is not None})
        clause = {
            "given": "by the given plan",
            "ledger": f"by {'the ledger' if len(files) == 1 else 'the ledgers'} {', '.join(files)}",
            "inferred": "by the epochs in the log itself",
            "lent": f"by the timeline of {', '.join(files)}",
            "none": "without a timeline",
        }[kind]
        said.append(clause + (f" ({counted(len(runs), 'run')})" if several else ""))
    return ", ".join(said)
