"""Writes logs on an axis that all runs have in common, as event files for TensorBoard."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from stepbridge import _core
from stepbridge.logs._options import ReadAndReindexOptions, refuse_unknown, reindex_request
from stepbridge.logs._records import LeftOut, StepAssumption, StepInfo, TimelineSource, report_of
from stepbridge.logs._source import LogSource, open_source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from typing_extensions import Unpack

    from stepbridge._problem import Problem
    from stepbridge.logs._options import Timelines
    from stepbridge.logs._paths import LogPaths

__all__ = ["Axis", "RewriteResult", "rewrite", "write_axis"]

#: What the steps of the event files count.
Axis: TypeAlias = Literal["epoch", "sample", "token", "batch", "step"]

#: The options of `reindex` that add columns to a table, which event files do not have.
_OF_TABLES = frozenset({"batch", "sample", "token", "keep_superseded"})


class RewriteResult(NamedTuple):
    """What `rewrite` wrote, and what it found on the way."""

    output: str
    """The folder."""
    axis: Axis
    """What the steps of the files count."""
    records: int
    """How many values were placed on the axis: numbers, and from event files images, histograms and texts too."""
    files: int
    """How many event files there are."""
    runs: list[str]
    """Names of the runs that were read, as `Logs.runs` gives them."""
    problems: tuple[Problem, ...]
    """What could not be read, could not be located, or contradicts the timeline."""
    assumed: tuple[StepAssumption, ...]
    """What was assumed of the steps."""
    origins: tuple[TimelineSource, ...]
    """Where the timeline of each run comes from."""
    steps: tuple[StepInfo, ...]
    """What the steps of each run's files count, and how that is known."""
    left_out: tuple[LeftOut, ...]
    """What is not in the files: what a later session replaced, and what has no place on the axis, of a whole run or of
    single series."""


def rewrite(
    path: LogPaths,
    output: str | os.PathLike[str],
    timeline: Timelines = None,
    *,
    root: str | os.PathLike[str] | None = None,
    axis: Axis,
    also: bool = False,
    progress: Callable[[int, int], object] | None = None,
    **options: Unpack[ReadAndReindexOptions],
) -> RewriteResult:
    """Writes logs into a folder of event files, in which the step is an axis that all runs have in common.

    `tensorboard --logdir` then shows runs of different batch sizes, accumulations and resumes on each other. The step
    says how much of the axis is done after the logged step: samples, tokens, batches, optimizer updates, or millionths
    of an epoch (TensorBoard writes 2M for epoch 2). From event files every summary is kept as it is, byte by byte, with
    another step: images, histograms and texts too. From other logs the numbers are written, as 32-bit floats. Folders,
    tags and times stay. What a later session of a run replaced is left out, and what has no place on the axis too;
    `left_out` counts both.

    Args:
        path: a folder or a file, or several; or addresses, as `read_logs` takes them.
        output: a folder that does not exist, is empty, or was written by `rewrite` before. It must not lie in `path`. A
            file that only grows is appended to, so that a TensorBoard that shows it goes on.
        timeline: as `Logs.reindex` takes it.
        axis: "epoch", "sample", "token", "batch" or "step".
        also: whether to write each run a second time, as `name.original`, with the steps that it logged.
        root: as `read_logs` takes it.
        progress: called a few times a second with the number of bytes that are read and the number of all bytes.
        **options: those of `stepbridge.ReadOptions` and of `stepbridge.ReindexOptions`, but for those that add columns.

    Raises:
        FileNotFoundError: there is no such path.
        OSError: the logs cannot be read, the folder holds other files, or it cannot be written.
        NoLogsError: there is no log.
        PatternError: the pattern is not valid.
        TimelineError: nothing has a place on the axis; with `strict=True`, a run has no timeline or one that its log
            contradicts.
        ValueError: there is no such axis, or the folder lies in what is read.

    >>> import tempfile
    >>> from stepbridge import rewrite
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = rewrite("demo/logs/roberta_lora", folder, axis="epoch")
    >>> written.records, written.files
    (119, 1)
    """
    refuse_unknown("rewrite", options, ReadAndReindexOptions.__optional_keys__ - _OF_TABLES)
    source = open_source(path, root, options, progress)
    options.setdefault("plans", source.plan_file)
    with source.naming():
        request = reindex_request(timeline, options)
    return write_axis(source, output, request, axis=axis, also=also, progress=progress)


def write_axis(
    source: LogSource,
    output: str | os.PathLike[str],
    request: Mapping[str, object],
    *,
    axis: Axis,
    also: bool,
    progress: Callable[[int, int], object] | None = None,
) -> RewriteResult:
    """Does what `rewrite` does, for a source and options as the core takes them."""
    with source.naming():
        written = _core.rewrite(source.paths, source.request, output, request, axis, progress, also=also)
    records, files, runs, left_out, rows = written
    report = report_of(rows)
    return RewriteResult(
        os.fspath(output),
        axis,
        records,
        files,
        runs,
        (*source.problems, *report.problems),
        report.assumed,
        report.origins,
        report.steps,
        tuple(LeftOut(run, reason, count, series) for run, series, reason, count in left_out),
    )
