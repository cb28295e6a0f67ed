"""`stepbridge info`: shows what logs there are."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from stepbridge._text import counted
from stepbridge.cli._command import Example, as_json, command
from stepbridge.cli._printing import complain, in_flags, print_json, print_lines, say
from stepbridge.cli._reading import Reading, problem_sentence, read, reading_options
from stepbridge.cli._runs_table import table_lines, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stepbridge.ledger import Ledger
    from stepbridge.logs import Logs, Problem, UnreadFile
    from stepbridge.logs._paths import LogPaths

EXAMPLES = (
    Example("what a folder holds", "stepbridge info runs"),
    Example(
        "text logs of a shape that is not known",
        'stepbridge info runs/mine --pattern "ep {epoch} it {iter} loss {loss}"',
    ),
    Example("for a program", "stepbridge info runs --json"),
)

#: How many tags, files and problems a person reads at a glance.
MOST_TAGS = 20
MOST_LINES = 10
MOST_EXAMPLES = 5
MOST_ALIKE = 3


@command(*EXAMPLES, short="Show what logs there are.")
@reading_options
@as_json
def info(path: LogPaths, reading: Reading, *, as_json: bool) -> None:
    """Show the logs below PATH: their runs, formats, records and tags.

    "a step is" says what the logged steps count, and how that is known: the format declares it, the run's ledger
    records it, it follows from the epochs in the log, or it is assumed. Files that look like logs and were not read
    are listed with what you can do. Damage is named on stderr. Long names lose their middle; --json has all.
    """
    logs = read(path, reading)
    if as_json:
        print_json(as_fields(logs))
        return
    width = shutil.get_terminal_size().columns
    print_lines(table_lines(logs, width))
    for paragraph in (totals(logs), f"tags: {some(logs.tags)}", *notes(logs)):
        say(*wrapped(paragraph, width))
    for sentence in problem_sentences(logs.problems):
        complain(sentence)


def totals(logs: Logs) -> str:
    """Returns the line below the table: how much was read, what of it a table leaves out, and what was not read."""
    superseded = sum(found.superseded for found in logs.sessions)
    aside = f" ({superseded:,} superseded)" if superseded else ""
    repeated = sum(problem.kind == "repeated" for problem in logs.problems)
    where = f"in {counted(len(logs.files), 'file')}, {counted(len(logs.problems) - repeated, 'problem')}"
    parts = [f"{counted(len(logs), 'record')}{aside} of {counted(len(logs.tags), 'tag')} {where}"]
    if repeated:
        parts.append(f"{counted(repeated, 'file')} left out as a repetition of another")
    if unread := len(logs.unread):
        parts.append(
            f"{counted(unread, 'file')} not read, though {'it looks' if unread == 1 else 'they look'} like a log"
        )
    return "; ".join(parts)


def notes(logs: Logs) -> Iterator[str]:
    """Gives what a person should know of the runs: their ledgers, numbers that were read twice, files that were not."""
    for run, ledger in logs.ledgers.items():
        yield f"run {run}: its timeline is that of {ledger_text(ledger)}"
    for chain in logs.chains:
        parts = [name if offset == 0 else f"{name} (steps + {offset:,})" for name, offset in chain.parts]
        yield f"run {chain.run}: chained of {', '.join(parts)}"
    by_file: dict[tuple[str, str], list[str]] = {}
    for setting in logs.config:
        by_file.setdefault((setting.run, setting.file), []).append(f"{setting.key} {setting.value}")
    for (run, source), settings in list(by_file.items())[:MOST_LINES]:
        yield f"run {run}: its configuration says {some(settings)} ({source})"
    if (more := len(by_file) - MOST_LINES) > 0:
        yield f"configuration: that in {counted(more, 'more file')}; --json lists all"
    for found in logs.repeated_series[:MOST_LINES]:
        yield (
            f"run {found.run}: {found.other} holds the same numbers as {found.file} "
            f"({counted(found.tags, 'tag')} of both); a table has them twice"
        )
    by_remedy: dict[str, list[UnreadFile]] = {}
    for file in logs.unread:
        by_remedy.setdefault(in_flags(file.remedy), []).append(file)
    for remedy, files in list(by_remedy.items())[:MOST_LINES]:
        yield f"not read: {several([file.file for file in files])}: {remedy}"
        for file in files[:MOST_EXAMPLES]:
            if file.example is not None:
                yield f"  {file.file}: {file.example}"
    if (more := len(by_remedy) - MOST_LINES) > 0:
        yield f"not read: files of {more:,} more kinds; --json lists all"


def problem_sentences(problems: Sequence[Problem]) -> Iterator[str]:
    """Gives a sentence for each problem; alike ones of several files share one, and so do many of one file."""
    alike: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        alike.setdefault((problem.kind, problem.reason), []).append(problem)
    of_file: dict[tuple[str, str], int] = {}
    for (kind, reason), group in alike.items():
        files = list(dict.fromkeys(problem.file for problem in group))
        if len(files) > 1:
            yield f"{several(files)}: {in_flags(reason)}"
            continue
        for problem in group:
            count = of_file[files[0], kind] = of_file.get((files[0], kind), 0) + 1
            if count <= MOST_ALIKE:
                yield problem_sentence(problem)
    for (file, kind), count in of_file.items():
        if count > MOST_ALIKE:
            yield f"{file}: {count - MOST_ALIKE:,} more problems of this kind ({kind}); --json lists all"


def several(files: Sequence[str]) -> str:
    """Returns the first file, and how many others there are."""
    return files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1:,} more"


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
        "unread": [file._asdict() for file in logs.unread],
        "chains": [chain._asdict() for chain in logs.chains],
        "config": [setting._asdict() for setting in logs.config],
        "repeated_series": [found._asdict() for found in logs.repeated_series],
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
