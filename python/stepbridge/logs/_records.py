"""What is known of files and runs, as `Logs` lists it, and what re-indexing did with them. One type for each fact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from stepbridge._errors import TimelineError
from stepbridge._problem import Problem
from stepbridge.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepbridge import _core
    from stepbridge.logs._options import Format

__all__ = [
    "ChainedRun",
    "ConfigSetting",
    "LeftOut",
    "LogFile",
    "ReindexReport",
    "RepeatedSeries",
    "RunOverview",
    "RunSessions",
    "StepAssumption",
    "StepInfo",
    "TimelineInference",
    "TimelineSource",
    "UnreadFile",
    "inference_of",
    "others_of",
    "refuse_unplaced",
    "report_of",
    "step_infos",
]


class LogFile(NamedTuple):
    """A file that was read."""

    file: str
    """The file, relative to the path that was read."""
    run: str
    """The run that it belongs to: its folder."""
    format: Format
    """The format, as found from the content, or as it was given: one of `FORMATS`."""
    size: int
    """The size in bytes."""
    records_ok: int
    """How many events, rows or entries were read without a problem."""
    non_numeric: int
    """How many values are not numbers: images, histograms, texts."""
    shape: str | None
    """The name of the shape that the lines of a text log have ("pattern": the caller's); None for other formats."""
    plain_lines: int
    """How many lines of a text log do not have that shape, and hold no record."""


class UnreadFile(NamedTuple):
    """A file that looks like a log and was not read."""

    file: str
    """The file, relative to the path that was read."""
    resembles: Literal["table", "json_lines", "json", "text"]
    """What it looks like."""
    remedy: str
    """Why it was not read, and what you can do, as one clause."""
    example: str | None
    """A line of a text; None for others."""


class RepeatedSeries(NamedTuple):
    """Two files of a run that hold the same series, as far as their digits go. A table has the records of both."""

    run: str
    file: str
    """The file that holds more series."""
    other: str
    """The other file."""
    tags: int
    """How many series both hold."""


class ChainedRun(NamedTuple):
    """A run that was chained of several, as the caller says."""

    run: str
    """Its name: that of the first."""
    parts: tuple[tuple[str, int], ...]
    """The names that they had, in their order, each with the number that was added to its steps."""


class ConfigSetting(NamedTuple):
    """A number of a run's own configuration: in its log, or in a file next to it."""

    run: str
    item: Literal[
        "steps",
        "step_limit",
        "epochs",
        "steps_per_epoch",
        "batches_per_epoch",
        "samples",
        "batch_size",
        "batch_size_per_rank",
        "samples_per_step",
        "accumulate",
        "ranks",
    ]
    """What it says. "steps": those of the planned epochs; "step_limit": where the run ends at the latest; "samples":
    those of an epoch; "batch_size": that of all ranks together."""
    value: int
    key: str
    """Its name in the file."""
    file: str
    """The file, relative to the path that was read."""
    sure: bool
    """Whether the name says exactly this. It is False for `batch_size`, which may be that of one rank or of all."""


class RunOverview(NamedTuple):
    """What a run holds, at a glance."""

    run: str
    records: int
    """How many records, superseded ones included."""
    tags: int
    """How many series of values."""
    steps: tuple[int, int] | None
    """The lowest and the highest logged step; None if no step is logged."""
    epochs: tuple[float, float] | None
    """The lowest and the highest epoch that the log states; None if it states none."""


class StepInfo(NamedTuple):
    """What the steps in a run's files of one format count, and how that is known."""

    run: str
    format: Format
    unit: str | None
    """What they count; "ep" if the records hold no step. None if nothing decides it: then they have no place."""
    base: int | None
    """0 if they are indices, 1 if the first is 1."""
    source: Literal["caller", "format", "ledger", "epochs", "ledger_assumed", "nothing", "undecided"]
    """Who declares it: the caller, the format, the ledger, or the epochs that the log states. "ledger_assumed": the
    ledger does not say it, and its default was taken. "nothing": it is assumed. "undecided": two meanings fit."""
    reason: str
    """The same as one clause."""
    within: Literal["run", "epoch"] = "run"
    """Whether they count over the whole run, or begin again with each epoch."""
    series: str | None = None
    """The series, a tag or a pattern, if it is not about all series of the files."""
    epochs: Literal["in", "ends", "elapsed"] | None = None
    """What an epoch that the files state is: the one that a record is in, the one that it ends, or how many are done,
    with a fraction. None if they state none, or if nothing decides it."""


class RunSessions(NamedTuple):
    """How many sessions a run has: processes. Each continued where an earlier one stopped, or before that."""

    run: str
    sessions: int
    superseded: int
    """How many records a later session replaced; tables leave them out unless `keep_superseded=True`."""


class StepAssumption(NamedTuple):
    """What the steps of a run are assumed to count, because neither its format nor the caller says it."""

    run: str
    unit: str
    base: int
    reason: str
    within: Literal["run", "epoch"] = "run"
    """Whether they count over the whole run, or begin again with each epoch."""
    series: str | None = None
    """The series, a tag or a pattern, if it is not about all of the run."""


class TimelineSource(NamedTuple):
    """Where the timeline of a run comes from."""

    run: str
    origin: Literal["given", "ledger", "inferred", "config", "shared", "likely", "none"]
    """The caller, the run's ledger, the epochs that its own log states, its own configuration, another run (with
    `share_timeline=True`, or another log of the same run), a likely one of several that its log leaves; or it has
    none."""
    ledger: str | None
    """The ledger's file, relative to the path that was read; with "shared" the run that the timeline is from, with
    "config" the keys and the file, with "likely" why it is."""


class LeftOut(NamedTuple):
    """What a table does not have, or has without an epoch, and why. What could not be read is in `Logs.problems`."""

    run: str | None
    """The run; None if the number is that of all runs together."""
    reason: Literal["superseded", "no_place", "not_a_number"]
    """"superseded": a later session of the run replaced them, and they are not in the table. "no_place": the table has
    them, but neither `epoch` nor `epoch_float` is known; `problems` says why. "not_a_number": values such as texts,
    images and histograms, which no table has."""
    records: int
    """How many."""
    series: str | None = None
    """The series; None if the number is that of all of them together."""


@dataclass(frozen=True, slots=True)
class TimelineInference:
    """What the log of one run says about its timeline."""

    timeline: Timeline | None
    """The timeline; None if none fits, or several do."""
    evidence: str
    """What it follows from, and what the log cannot show; or why there is none."""
    checked: int
    """How many pairs of step and stated epoch it agrees with: all that the log has."""
    unit: str | None
    """What the run's steps count, as far as its epochs show it."""
    base: int | None
    """0 if its steps are indices, 1 if the first is 1; None if its epochs do not show it."""
    sessions: tuple[tuple[int, Timeline], ...] = ()
    """If sizes changed when the run resumed and no single timeline holds: that of each session, by its number."""
    shared_by: str | None = None
    """The run whose timeline it is: with `share_timeline=True`, or because it is another log of the same run, which
    states the length of its epochs."""
    config: str | None = None
    """The keys and the file of the run's configuration, if its epochs leave several timelines and that settles it."""
    likely: Timeline | None = None
    """If the timeline is not known: one that is likely. `reindex(likely=True)` takes it."""
    likely_reason: str | None = None
    """Why it is likely."""


class ReindexReport(NamedTuple):
    """What re-indexing found besides the records."""

    problems: tuple[Problem, ...] = ()
    assumed: tuple[StepAssumption, ...] = ()
    origins: tuple[TimelineSource, ...] = ()
    steps: tuple[StepInfo, ...] = ()


def inference_of(row: _core.Row) -> TimelineInference:
    """Names the fields of what the core infers."""
    core, sessions, evidence, checked, step, shared_by, config, likely = row
    unit, base = step or (None, None)
    likely_core, reason = likely or (None, None)
    return TimelineInference(
        None if core is None else Timeline._of(core),
        evidence,
        checked,
        unit,
        base,
        tuple((session, Timeline._of(each)) for session, each in sessions),
        shared_by,
        config,
        None if likely_core is None else Timeline._of(likely_core),
        reason,
    )


def report_of(rows: _core.ReportRows) -> ReindexReport:
    """Names the fields of what the core reports."""
    problems, assumed, origins, steps = rows
    return ReindexReport(
        tuple(Problem(*row) for row in problems),
        tuple(
            StepAssumption(run, unit, base, reason, within, series)
            for run, series, (unit, base, within), reason in assumed
        ),
        tuple(TimelineSource(*row) for row in origins),
        step_infos(steps),
    )


def others_of(files: Iterable[_core.Row]) -> tuple[LeftOut, ...]:
    """Returns how many values of the files of each run are not numbers."""
    counts: dict[str, int] = {}
    for file in (LogFile(*row) for row in files):
        counts[file.run] = counts.get(file.run, 0) + file.non_numeric
    return tuple(LeftOut(run, "not_a_number", count) for run, count in counts.items() if count)


#: The kinds of problems of runs, or series, that could not be placed.
UNPLACED = frozenset({"no_timeline", "undecided", "contradicted"})


def refuse_unplaced(problems: Iterable[Problem]) -> None:
    """Raises the error of `strict=True`, if there is a run that could not be placed."""
    unplaced = [problem.reason for problem in problems if problem.kind in UNPLACED]
    if unplaced:
        more = f" (and {len(unplaced) - 1:,} more)" if len(unplaced) > 1 else ""
        raise TimelineError(f"{unplaced[0]}{more}")


def step_infos(rows: list[_core.Row]) -> tuple[StepInfo, ...]:
    """Names the fields of what the core knows about steps."""
    found = []
    undecided: _core.Row = (None, None, "run")
    for run, format_, series, step, source, reason, epochs in rows:
        unit, base, within = step or undecided
        found.append(StepInfo(run, format_, unit, base, source, reason, within, series, epochs))
    return tuple(found)
