"""`stepbridge info`: shows what logs there are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from stepbridge._text import counted, span
from stepbridge.cli._command import Example, as_json, command
from stepbridge.cli._printing import print_json, print_table, say
from stepbridge.cli._reading import Reading, read, reading_options, report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stepbridge.ledger import Ledger
    from stepbridge.logs import Logs, StepInfo

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
def info(path: str, reading: Reading, *, as_json: bool) -> None:
    """Show the logs below PATH: their runs, formats, records and tags.

    "a step is" says what the logged steps count, and how that is known: the format declares it, the run's ledger
    records it, it follows from the epochs in the log, or it is assumed. Damage is named on stderr.
    """
    logs = read(path, reading)
    if as_json:
        print_json(as_fields(logs))
        return
    print_table(HEAD, rows(logs), right=(2, 3, 7))
    say(totals(logs))
    say(f"tags: {some(logs.tags)}")
    for run, ledger in logs.ledgers.items():
        say(f"run {run}: its timeline is that of {ledger_text(ledger)}")
    report(logs.problems)


HEAD = ("run", "format", "records", "tags", "steps", "epochs", "a step is", "sessions")
#: How many tags a person reads at a glance.
MOST_TAGS = 20

NOUNS = {"sp": "sample", "tok": "token", "ba": "batch", "st": "update", "ep": "epoch", "dur": "fraction of the run"}
SOURCES = {
    "caller": "as you say",
    "format": "declared by the format",
    "ledger": "recorded in the ledger",
    "epochs": "inferred from its epochs",
    "ledger_assumed": "assumed, as the ledger does not say it",
    "nothing": "assumed",
    "undecided": "two meanings fit",
}


def rows(logs: Logs) -> Iterator[tuple[object, ...]]:
    """Gives a row for each run."""
    formats: dict[str, list[str]] = {run: [] for run in logs.runs}
    for file in logs.files:
        name = file.format if file.shape is None else f"{file.format} ({file.shape})"
        formats.setdefault(file.run, []).append(name)
    steps: dict[str, list[str]] = {}
    for step in logs.steps:
        steps.setdefault(step.run, []).append(step_text(step))
    sessions = {found.run: found for found in logs.sessions}
    for run in logs.overview:
        found = sessions.get(run.run)
        times = None if found is None else f"{found.sessions}"
        if found is not None and found.superseded:
            times = f"{found.sessions} ({found.superseded:,} superseded)"
        yield (
            run.run,
            once(formats[run.run]),
            f"{run.records:,}",
            run.tags,
            span(run.steps),
            span(run.epochs),
            once(steps.get(run.run, ())),
            times,
        )


def step_text(step: StepInfo) -> str:
    """Returns what a step is in words: "n-th update (declared by the format)"."""
    of_series = "" if step.series is None else f"{step.series}: "
    if step.unit is None:
        return f"{of_series}not known ({SOURCES[step.source]})"
    noun = NOUNS[step.unit]
    where = " in its epoch" if step.within == "epoch" else ""
    what = f"n-th {noun}{where}" if step.base else f"index of the {noun}{where}"
    return f"{of_series}{what} ({SOURCES[step.source]})"


def totals(logs: Logs) -> str:
    """Returns the line below the table: how much was read, and what of it a table leaves out."""
    superseded = sum(found.superseded for found in logs.sessions)
    aside = f" ({superseded:,} superseded)" if superseded else ""
    where = f"in {counted(len(logs.files), 'file')}, {counted(len(logs.problems), 'problem')}"
    return f"{counted(len(logs), 'record')}{aside} of {counted(len(logs.tags), 'tag')} {where}"


def once(words: Iterable[str]) -> str | None:
    """Returns each word once; None if there are none."""
    return ", ".join(dict.fromkeys(words)) or None


def some(tags: list[str]) -> str:
    """Returns the names of tags, as many as are read at a glance."""
    more = len(tags) - MOST_TAGS
    return ", ".join(tags[:MOST_TAGS]) + (f" and {more:,} more" if more > 0 else "")


def ledger_text(ledger: Ledger) -> str:
    """Returns where the ledger is, what it holds and what step its loggers are given."""
    logged, sessions = ledger.logged_as, counted(len(ledger.sessions), "session")
    source = f"stated by {logged.by}" if logged.stated else "assumed"
    return (
        f"its ledger {ledger.path.as_posix()} ({sessions}; "
        f"its loggers are given {logged.unit} from {logged.base}, {source}): {ledger.timeline!r}"
    )


def as_fields(logs: Logs) -> dict[str, object]:
    """Returns all of it for programs."""
    return {
        "records": len(logs),
        "runs": logs.runs,
        "tags": logs.tags,
        "overview": [overview._asdict() for overview in logs.overview],
        "steps": [steps._asdict() for steps in logs.steps],
        "sessions": [sessions._asdict() for sessions in logs.sessions],
        "files": [file._asdict() for file in logs.files],
        "ledgers": {run: ledger_fields(ledger) for run, ledger in logs.ledgers.items()},
        "problems": [problem._asdict() for problem in logs.problems],
    }


def ledger_fields(ledger: Ledger) -> dict[str, object]:
    """Returns what `ledger_text` says for programs."""
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
