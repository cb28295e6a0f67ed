"""`stepbridge info`: shows what logs there are."""

from __future__ import annotations

import click

from stepbridge.cli.options import as_json
from stepbridge.cli.reading import path_argument, read, report
from stepbridge.cli.show import counted, print_json, print_table

EXAMPLES = """\b
Examples:
  stepbridge info runs
  stepbridge info runs --json
"""


@click.command(epilog=EXAMPLES)
@path_argument
@as_json
def info(path: str, *, as_json: bool) -> None:
    """Show the logs below PATH: their runs, formats, entries and tags.

    What is damaged is named on stderr.
    """
    logs = read(path)
    if as_json:
        facts = {"records": len(logs), "runs": logs.runs, "tags": logs.tags}
        files = [file._asdict() for file in logs.files]
        print_json({**facts, "files": files, "problems": [problem._asdict() for problem in logs.problems]})
        return
    head = ("run", "format", "entries", "bytes", "file")
    print_table(head, ((file.run, file.format, file.sound, file.size, file.file) for file in logs.files), right=(2, 3))
    click.echo(f"{counted(len(logs), 'record')} of {', '.join(logs.tags)}")
    report(logs.problems)
