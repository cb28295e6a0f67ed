"""`stepbridge info`: shows what logs there are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from stepbridge.cli.command import Example, command
from stepbridge.cli.options import as_json
from stepbridge.cli.reading import ReadingOptions, read, reading_options, report
from stepbridge.cli.show import counted, print_json, print_table, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stepbridge.ledger import Ledger
    from stepbridge.logs import Logs, Steps

EXAMPLES = (
    Example("what a folder holds", "stepbridge info runs"),
    Example(
        "text logs of a shape that is not known",
        'stepbridge info runs/mine --pattern "ep {epoch} it {iter} loss {loss}"',
    ),
    Example("for a program", "stepbridge info runs --json"),
)


@command(*EXAMPLES, short="Show what logs there are.")
@reading_options
@as_json
def info(path: str, reading: ReadingOptions, *, as_json: bool) -> None:
    """Show the logs below PATH: their runs, formats, records and tags.

    "a step is" says what the logged steps count, and from where; "says" who knows it: the format, the run's ledger, the
    epochs in its log, or nothing, so that it is a guess. What is damaged is named on stderr.
    """
    logs = read(path, reading)
    if as_json:
        facts = {"records": len(logs), "runs": logs.runs, "tags": logs.tags}
        listed = [file._asdict() for file in logs.files]
        ledgers = {run: as_fields(ledger) for run, ledger in logs.ledgers.items()}
        told: dict[str, object] = {
            "overview": [overview._asdict() for overview in logs.overview],
            "steps": [steps._asdict() for steps in logs.steps],
            "sessions": [sessions._asdict() for sessions in logs.sessions],
        }
        problems = [problem._asdict() for problem in logs.problems]
        print_json({**facts, **told, "files": listed, "ledgers": ledgers, "problems": problems})
        return
    print_table(HEAD, rows(logs), right=(2, 3, 8))
    where = f"in {counted(len(logs.files), 'file')}, {counted(len(logs.problems), 'problem')}"
    say(f"{counted(len(logs), 'record')} of {counted(len(logs.tags), 'tag')} {where}")
    say(f"tags: {some(logs.tags)}")
    for run, ledger in logs.ledgers.items():
        say(f"run {run}: its timeline is that of {as_text(ledger)}")
    report(logs.problems)


WITHIN = {"run": "", "epoch": " in its epoch"}
HEAD = ("run", "format", "records", "tags", "steps", "epochs", "a step is", "says", "sessions")
#: How many tags a person reads at a glance.
MOST_TAGS = 20


def rows(logs: Logs) -> Iterator[tuple[object, ...]]:
    """Give a row a run."""
    formats: dict[str, list[str]] = {run: [] for run in logs.runs}
    for file in logs.files:
        name = file.format if file.shape is None else f"{file.format} ({file.shape})"
        if name not in formats.setdefault(file.run, []):
            formats[file.run].append(name)
    said: dict[str, list[Steps]] = {}
    for steps in logs.steps:
        said.setdefault(steps.run, []).append(steps)
    sessions = {found.run: found for found in logs.sessions}
    for run in logs.overview:
        found = sessions.get(run.run)
        times = None if found is None else f"{found.sessions}"
        if found is not None and found.superseded:
            times = f"{found.sessions} ({found.superseded:,} superseded)"
        units = distinct(f"{step.unit} from {step.base}{WITHIN[step.within]}" for step in said.get(run.run, ()))
        sources = distinct(steps.source.replace("_", ", ") for steps in said.get(run.run, ()))
        kinds = ", ".join(formats[run.run])
        yield (run.run, kinds, f"{run.records:,}", run.tags, span(run.steps), span(run.epochs), units, sources, times)


def distinct(words: Iterable[str]) -> str | None:
    """Say each once."""
    return ", ".join(dict.fromkeys(words)) or None


def span(ends: tuple[object, object] | None) -> str | None:
    """Say from where to where."""
    if ends is None:
        return None
    low, high = (f"{end:g}" if isinstance(end, float) else f"{end}" for end in ends)
    return low if low == high else f"{low} to {high}"


def some(tags: list[str]) -> str:
    """Name tags, as many as are read at a glance."""
    more = len(tags) - MOST_TAGS
    return ", ".join(tags[:MOST_TAGS]) + (f" and {more:,} more" if more > 0 else "")


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
