"""Re-indexes logs of any size into a file: they are read twice, and never held in memory as a whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from stepbridge import _core
from stepbridge._problem import Problem
from stepbridge.logs._options import ReadAndReindexOptions, refuse_unknown, reindex_request
from stepbridge.logs._records import LeftOut, StepAssumption, StepInfo, TimelineSource, others_of, report_of
from stepbridge.logs._source import open_source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from typing_extensions import Unpack

    from stepbridge.logs._options import ReindexOptions, Timelines
    from stepbridge.logs._paths import LogPaths
    from stepbridge.logs._source import LogSource

__all__ = ["ReindexResult", "reindex", "reindex_source", "write_survey"]


class ReindexResult(NamedTuple):
    """What `reindex` wrote, and what it found on the way."""

    output: str
    """The file."""
    records: int
    """How many records it holds."""
    runs: list[str]
    """Names of the runs, as `Logs.runs` gives them."""
    problems: tuple[Problem, ...]
    """What could not be read, could not be located, or contradicts the timeline."""
    assumed: tuple[StepAssumption, ...]
    """What was assumed of the steps."""
    origins: tuple[TimelineSource, ...]
    """Where the timeline of each run comes from."""
    steps: tuple[StepInfo, ...]
    """What the steps of each run's files count, and how that is known."""
    left_out: tuple[LeftOut, ...] = ()
    """What is not in the file: over all runs what a later session replaced, and run by run what is not a number, and
    what has no place in it."""


def reindex(
    path: LogPaths,
    output: str | os.PathLike[str],
    timeline: Timelines = None,
    *,
    root: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], object] | None = None,
    **options: Unpack[ReadAndReindexOptions],
) -> ReindexResult:
    """Writes what `read_logs(path).reindex(timeline)` returns to a file, in memory that does not grow with the logs.

    The logs are read twice: for the timelines and the sessions, then for the records. What is added to them in between
    is left out. The file is written whole or not at all.

    Args:
        path: a folder or a file, or several; or addresses, as `read_logs` takes them.
        output: the file to write: .parquet, .csv, .jsonl or .arrow, as its name ends.
        timeline: as `Logs.reindex` takes it.
        root: as `read_logs` takes it.
        progress: called a few times a second with the number of bytes that are read and the number of all bytes, both
            readings together.
        **options: those of `stepbridge.ReadOptions` and of `stepbridge.ReindexOptions`.

    Raises:
        FileNotFoundError: there is no such path.
        OSError: the logs cannot be read, or the file cannot be written; what was there before still is.
        NoLogsError: there is no log.
        PatternError: the pattern is not valid.
        TimelineError: with `strict=True`, a run has no timeline or one that its log contradicts.
        ValueError: no record can be located in that unit, or the output's name has another ending.
    """
    refuse_unknown("reindex", options, ReadAndReindexOptions.__optional_keys__)
    _core.check_output(output)
    return reindex_source(open_source(path, root, options, progress), output, timeline, options, progress)


def reindex_source(
    source: LogSource,
    output: str | os.PathLike[str],
    timeline: Timelines,
    options: ReindexOptions,
    progress: Callable[[int, int], object] | None = None,
) -> ReindexResult:
    """Does what `reindex` does, with logs that were opened."""
    options.setdefault("plans", source.plan_file)
    with source.naming():
        request = reindex_request(timeline, options)
        first = progress and (lambda done, total: progress(done, 2 * total))
        survey = _core.Survey.read(source.paths, source.request, first)
        second = progress and (lambda done, total: progress(total + done, 2 * total))
        return write_survey(survey, output, request, second, unfetched=source.problems)


def write_survey(
    survey: _core.Survey,
    output: str | os.PathLike[str],
    request: Mapping[str, object],
    progress: Callable[[int, int], object] | None = None,
    *,
    unfetched: tuple[Problem, ...] = (),
) -> ReindexResult:
    """Reads logs a second time, and writes every record with its place. `unfetched`: what could not be fetched."""
    records, without_place, rows = survey.write(output, request, progress)
    logs, report = survey.logs(), report_of(rows)
    unread = (*unfetched, *(Problem(*row) for row in logs.problems()))
    superseded = len(survey) - records
    left_out = [LeftOut(None, "superseded", superseded)] if superseded else []
    left_out += others_of(logs.files())
    left_out += [LeftOut(run, "no_place", count) for run, count in without_place.items()]
    return ReindexResult(
        os.fspath(output),
        records,
        logs.runs(),
        (*unread, *report.problems),
        report.assumed,
        report.origins,
        report.steps,
        tuple(left_out),
    )
