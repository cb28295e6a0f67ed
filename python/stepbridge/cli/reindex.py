"""`stepbridge reindex`: writes logs as one table with epoch and iter."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from stepbridge.cli.options import PlanOptions, as_json, plan_options
from stepbridge.cli.progress import bar
from stepbridge.cli.reading import ReadingOptions, read, reading_options, report
from stepbridge.cli.show import complain, counted, failure, print_json
from stepbridge.conventions import ConventionName
from stepbridge.logs import OUTPUTS

if TYPE_CHECKING:
    from stepbridge.logs import Logs, Table

EXAMPLES = """\b
Examples:
  stepbridge reindex runs/bert -o bert.parquet
  stepbridge reindex runs/resnet -o resnet.csv --samples 50000 --batch-size 128 --unit step --base 0
"""


def known_output(_context: click.Context, _parameter: click.Parameter, path: Path) -> Path:
    """Refuse an ending that no writer knows before anything is read."""
    if not path.name.lower().endswith(OUTPUTS):
        message = f"'{path}' does not say what to write: its name must end in {', '.join(OUTPUTS)}"
        raise click.BadParameter(message)
    return path


@click.command(epilog=EXAMPLES)
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
@click.option("--unit", help="What the logged steps count, where the format does not say it: step, batch, epoch, ...")
@click.option("--base", type=click.Choice(["0", "1"]), help="0 where they are indices, 1 where they are the n-th.")
@click.option(
    "--convention",
    type=click.Choice(get_args(ConventionName)),
    help="The framework whose step it is, in place of --unit and --base.",
)
@as_json
def reindex(
    path: str,
    output: Path,
    plan: PlanOptions,
    reading: ReadingOptions,
    *,
    as_json: bool,
    **step: Any,  # noqa: ANN401 - the library checks them
) -> None:
    """Write every record below PATH with its epoch and iter to one file.

    Where no plan is given, each run's ledger (stepclock.jsonl) or its own log must say its epochs. The file is written
    whole or not at all. What is damaged, has no place or contradicts the timeline is named on stderr.
    """
    timeline = plan.timeline() if plan.given else None
    logs = read(path, reading)
    if step["base"] is not None:
        step["base"] = int(step["base"])
    try:
        table = logs.reindex(timeline, **step)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if lacking := without_timeline(logs, table):
        raise click.UsageError(lacking)
    try:
        with bar("writing", "rows", quiet=reading.quiet) as watch:
            table.write(output, progress=watch)
    except OSError as error:
        raise failure(str(error)) from error
    problems = (*logs.problems, *table.problems)
    if as_json:
        facts: dict[str, object] = {"output": str(output), "records": len(table), "runs": logs.runs}
        facts["timelines"] = [origin._asdict() for origin in table.origins]
        facts["problems"] = [problem._asdict() for problem in problems]
        print_json({**facts, "assumed": [assumed._asdict() for assumed in table.assumed]})
        return
    click.echo(f"{output}: {counted(len(table), 'record')} of {counted(len(logs.runs), 'run')}, {origins(table)}")
    for assumed in table.assumed:
        taken = f"--unit {assumed.unit} --base {assumed.base}"
        complain(f"run {assumed.run}: its steps are read as with {taken}, since {assumed.reason}")
    report(problems)


def origins(table: Table) -> str:
    """Say where the timelines come from."""
    several = len({origin.origin for origin in table.origins}) > 1
    said = []
    for kind in ("given", "ledger", "inferred", "lent", "none"):
        runs = [origin for origin in table.origins if origin.origin == kind]
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


def without_timeline(logs: Logs, table: Table) -> str | None:
    """Say which runs lack a timeline where no run has one; None where some record could be placed."""
    lacking = [problem.reason for problem in table.problems if problem.kind == "no_timeline"]
    if len(lacking) < len(logs.runs):
        return None
    others = len(lacking) - 1
    return lacking[0] + (f" (and so for {others} other {'run' if others == 1 else 'runs'})" if others else "")
