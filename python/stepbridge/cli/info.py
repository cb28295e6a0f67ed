"""`stepbridge info`: shows what logs there are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from stepbridge.cli.options import as_json
from stepbridge.cli.reading import ReadingOptions, read, reading_options, report
from stepbridge.cli.show import counted, print_json, print_table

if TYPE_CHECKING:
    from stepbridge.recorded import Ledger

EXAMPLES = """\b
Examples:
  stepbridge info runs
  stepbridge info runs --json
"""


@click.command(epilog=EXAMPLES)
@reading_options
@as_json
def info(path: str, reading: ReadingOptions, *, as_json: bool) -> None:
    """Show the logs below PATH: their runs, formats, entries and tags.

    What is damaged is named on stderr.
    """
    logs = read(path, reading)
    if as_json:
        facts = {"records": len(logs), "runs": logs.runs, "tags": logs.tags}
        files = [file._asdict() for file in logs.files]
        ledgers = {run: as_fields(ledger) for run, ledger in logs.ledgers.items()}
        problems = [problem._asdict() for problem in logs.problems]
        print_json({**facts, "files": files, "ledgers": ledgers, "problems": problems})
        return
    head = ("run", "format", "entries", "bytes", "file")
    print_table(head, ((file.run, file.format, file.sound, file.size, file.file) for file in logs.files), right=(2, 3))
    click.echo(f"{counted(len(logs), 'record')} of {', '.join(logs.tags)}")
    for run, ledger in logs.ledgers.items():
        click.echo(f"run {run}: its timeline is that of {as_text(ledger)}")
    report(logs.problems)


def as_text(ledger: Ledger) -> str:
    """Say where the ledger is, what it holds and how its loggers are given the step."""
    logged, sessions = ledger.logged_as, counted(len(ledger.sessions), "session")
    said = f"stated by {logged.by}" if logged.stated else "assumed"
    return (
        f"its ledger {ledger.path.as_posix()} ({sessions}; "
        f"its loggers are given {logged.unit} from {logged.base}, {said}): {ledger.timeline!r}"
    )


def as_fields(ledger: Ledger) -> dict[str, object]:
    """Give the same for programs."""
    logged = ledger.logged_as
    return {
        "file": ledger.path.as_posix(),
        "sessions": len(ledger.sessions),
        "timeline": json.loads(ledger.timeline.to_json()),
        "unit": logged.unit,
        "base": logged.base,
        "stated": logged.stated,
        "by": logged.by,
    }
