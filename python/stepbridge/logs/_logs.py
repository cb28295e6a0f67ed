"""Logs as they were read: their runs and files, their timelines, and their records as a table."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from stepbridge import _core, _display
from stepbridge._problem import Problem
from stepbridge._text import counted, span
from stepbridge.ledger._reading import ledger_from_rows
from stepbridge.logs._curves import curves_of
from stepbridge.logs._options import (
    ReadOptions,
    ReindexOptions,
    refuse_unknown,
    reindex_request,
)
from stepbridge.logs._records import (
    ChainedRun,
    ConfigSetting,
    LeftOut,
    LogFile,
    RepeatedSeries,
    RunOverview,
    RunSessions,
    StepInfo,
    TimelineInference,
    UnreadFile,
    inference_of,
    others_of,
    refuse_unplaced,
    report_of,
    step_infos,
)
from stepbridge.logs._source import LogSource, open_source, read_source
from stepbridge.logs._step_arguments import logged_step
from stepbridge.logs._table import Table

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    import pandas as pd
    import polars as pl
    import pyarrow as pa
    from typing_extensions import Unpack

    from stepbridge.conventions import ConventionName
    from stepbridge.ledger import Ledger
    from stepbridge.logs._options import Timelines
    from stepbridge.logs._paths import LogPaths
    from stepbridge.timeline import UnitLike

__all__ = ["Logs", "read_logs"]


class Logs:
    """What was read below a path: the records of all runs and tags, and a list of what could not be read.

    `read_logs` makes it. Its length is the number of all records. Records that a later session of their run replaced
    are among them, but not in its tables unless `keep_superseded=True`; its repr has the number of those.
    """

    __slots__ = ("_core", "_source", "_table")

    def __init__(self, core: _core.Logs, source: LogSource) -> None:
        self._core = core
        self._source = source
        # The table is kept with the core that it is of: another thread may refresh the logs meanwhile.
        self._table: tuple[_core.Logs, Table] | None = None

    def __len__(self) -> int:
        return len(self._core)

    def __repr__(self) -> str:
        return f"Logs({self._summary()})"

    def _repr_html_(self) -> str:
        """Returns a row for each run, for a notebook."""
        rows = [
            (found.run, f"{found.records:,}", found.tags, span(found.steps), span(found.epochs))
            for found in self.overview
        ]
        more = len(rows) - _display.MOST_ROWS
        columns = ("run", "records", "tags", "steps", "epochs")
        return _display.as_html(
            self._summary(), columns, rows[: _display.MOST_ROWS], f"… {more:,} more runs" if more > 0 else ""
        )

    def _summary(self) -> str:
        counts = [counted(len(self), "record")]
        if superseded := sum(found.superseded for found in self.sessions):
            counts.append(f"{superseded:,} superseded")
        counts += [counted(len(self.runs), "run"), counted(len(self.tags), "tag")]
        if problems := len(self.problems):
            counts.append(counted(problems, "problem"))
        if unread := len(self.unread):
            counts.append(f"{counted(unread, 'file')} not read")
        return ", ".join(counts)

    def refresh(self, *, progress: Callable[[int, int], object] | None = None) -> int:
        """Reads the logs again: the result is what `read_logs` returns now, whatever happened to the files.

        Of a large file that was appended to, only the new end is read and parsed; a checksum shows that the rest is
        the same. Of remote files, those with another e_tag are fetched again. Tables that were made before do not
        change.

        Returns:
            How many more records there are; negative if there are fewer.

        Raises:
            FileNotFoundError: the path is gone.
            NoLogsError: there is no longer a log below it. The records that were read before stay, and a later call
                tries again.
        """
        before = len(self)
        self.refresh_changed(progress=progress)
        return len(self) - before

    def refresh_changed(self, *, progress: Callable[[int, int], object] | None = None) -> bool:
        """Reads the logs again as `refresh` does, and returns whether anything changed."""
        with self._source.naming():
            other_problems = self._source.refresh(progress)
            now = self._core.refresh(progress)
        if now is not None:
            self._core, self._table = now, None
        return now is not None or other_problems

    @property
    def runs(self) -> list[str]:
        """Names of the runs: folders relative to the path that was read, "." for that path itself."""
        return self._core.runs()

    @property
    def tags(self) -> list[str]:
        """Names of the series of values, over all runs."""
        return self._core.tags()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What could not be read, file by file; everything around it was."""
        return (*self._source.problems, *(Problem(*row) for row in self._core.problems()))

    @property
    def files(self) -> tuple[LogFile, ...]:
        """The files that were read."""
        return tuple(LogFile(*row) for row in self._core.files())

    @property
    def unread(self) -> tuple[UnreadFile, ...]:
        """The files that look like logs and were not read, each with what you can do to have it read."""
        return tuple(UnreadFile(*row) for row in self._core.unread())

    @property
    def repeated_series(self) -> tuple[RepeatedSeries, ...]:
        """Pairs of files of one run that hold the same series, such as a table and an event file of one training."""
        return tuple(RepeatedSeries(*row) for row in self._core.repeated_series())

    @property
    def chains(self) -> tuple[ChainedRun, ...]:
        """The runs that `chain=` made of several."""
        return tuple(ChainedRun(run, tuple(parts)) for run, parts in self._core.chains())

    @property
    def config(self) -> tuple[ConfigSetting, ...]:
        """What the runs' own configuration says of their plan, run by run; docs/formats.md lists where it is found."""
        return tuple(ConfigSetting(*row) for row in self._core.config())

    @property
    def ledgers(self) -> dict[str, Ledger]:
        """The ledger of each run that has one: in its folder, or in the nearest folder above it, by the run's name.

        The `path` of such a ledger is relative to the path that was read.
        """
        found = {}
        for file, runs, rows, problems in self._core.ledgers():
            if rows:
                ledger = ledger_from_rows(file, rows, problems)
                found.update(dict.fromkeys(runs, ledger))
        return {run: found[run] for run in self.runs if run in found}

    @property
    def overview(self) -> tuple[RunOverview, ...]:
        """What each run holds, at a glance."""
        return tuple(RunOverview(*row) for row in self._core.overview())

    @property
    def sessions(self) -> tuple[RunSessions, ...]:
        """How many sessions each run has, and how many of its records a later session replaced."""
        return tuple(RunSessions(*row) for row in self._core.sessions())

    @property
    def steps(self) -> tuple[StepInfo, ...]:
        """What the steps of each run count, and how that is known."""
        return step_infos(self._core.steps())

    def infer(
        self,
        *,
        unit: UnitLike | None = None,
        base: Literal[0, 1] | None = None,
        convention: ConventionName | None = None,
        share_timeline: bool = False,
    ) -> dict[str, TimelineInference]:
        """Finds the timeline of each run whose log states an epoch next to each step, or the lengths of its epochs.

        Args:
            unit: what the logged steps count, instead of what the format declares.
            base: 0 if the logged steps are indices, 1 if the first is 1, likewise.
            convention: the framework whose logged step it is, instead of `unit` and `base`.
            share_timeline: whether a run that cannot know its own timeline takes that of the others. It does if all
                known timelines are the same, and nothing that the run states contradicts it. Only you know whether the
                runs share a plan.

        Returns:
            The timeline and its evidence by the run's name, or why there is none; nothing for runs without records.
        """
        unit, base = logged_step(unit, base, convention)
        inferred = self._core.infer(share_timeline=share_timeline, unit=None if unit is None else str(unit), base=base)
        return {run: inference_of(row) for run, row in inferred.items()}

    def reindex(self, timeline: Timelines = None, **options: Unpack[ReindexOptions]) -> Table:
        """Gives every record its epoch, its iter and the position after its step.

        Args:
            timeline: one for all runs, one for each run by its name, or None: that of the run's ledger
                (`stepclock.jsonl`), and without a ledger what the run's own log says. With a ledger each record is on
                the timeline of the session in force at its wall time.
            **options: `unit`, `base`, `convention`, `series`, `plans`, `batch`, `sample`, `token`, `keep_superseded`,
                `share_timeline`, `likely`, `strict`, as `stepbridge.ReindexOptions` describes them.

        Returns:
            The records, in the order of the files. Epoch and iter are indices from 0, null if a record has none. The
            table's `problems` count those and name what contradicts the timeline, or ("refuted") what the ledger says
            of the steps; `assumed` is what had to be assumed of the steps, `origins` where the timelines come from,
            `left_out` what the table does not have.

        Raises:
            TimelineError: `strict=True`, and a run has no timeline or is contradicted by its log.
            ValueError: no record can be located in that unit, or `convention` was given together with `unit` or `base`.
        """
        refuse_unknown("reindex", options, ReindexOptions.__optional_keys__)
        logs = self._core
        options.setdefault("plans", self._source.plan_file)
        with self._source.naming():
            request = reindex_request(timeline, options)
        core, rows = logs.reindex(request)
        report = report_of(rows)
        if options.get("strict"):
            refuse_unplaced(report.problems)
        missing = _missing(logs, kept=options.get("keep_superseded", False))
        return Table(core, report, missing, partial(curves_of, logs, request))

    def table(self, *, keep_superseded: bool = False) -> Table:
        """Returns the records as they were logged.

        Args:
            keep_superseded: whether to keep the records that a later session of the run replaced; the columns
                `session` and `superseded` then distinguish them from the others.
        """
        return _table(self._core, keep_superseded=keep_superseded)

    def __arrow_c_schema__(self) -> object:
        """Gives the columns' names and types to what speaks Arrow."""
        return self._records().__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Gives the records as they were logged to what speaks Arrow."""
        return self._records().__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> pa.Table:
        """Returns the records as they were logged; see `Table.to_arrow`."""
        return self._records().to_arrow()

    def to_polars(self) -> pl.DataFrame:
        """Returns the records as they were logged; see `Table.to_polars`."""
        return self._records().to_polars()

    def to_pandas(self) -> pd.DataFrame:
        """Returns the records as they were logged; see `Table.to_pandas`."""
        return self._records().to_pandas()

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes the records as they were logged; see `Table.write`."""
        self._records().write(path)

    def _records(self) -> Table:
        core, made = self._core, self._table
        if made is None or made[0] is not core:
            made = self._table = core, _table(core, keep_superseded=False)
        return made[1]


def read_logs(
    path: LogPaths,
    *,
    root: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], object] | None = None,
    **options: Unpack[ReadOptions],
) -> Logs:
    """Reads every known log below a folder, or one file; docs/formats.md lists the formats.

    The format follows from each file's content. What cannot be read is listed in `problems`; the rest is kept.

    Args:
        path: a folder or a file, or several; or addresses, such as `s3://bucket/runs` (docs/remote.md). Files
            compressed with gzip or zstd are read as they are.
        root: the folder that the names of runs are relative to, where it is not `path`; of several paths, it is the
            folder that holds them all, unless you name one above it.
        progress: called a few times a second with the number of bytes that are read and the number of all bytes; of
            remote files first with those that are fetched.
        **options: `format`, `step_column`, `epoch_column`, `time_column`, `pattern`, `chain`, `storage_options`,
            `cache_limit`, as `stepbridge.ReadOptions` describes them.

    Raises:
        FileNotFoundError: there is no such path.
        PermissionError: it may not be read.
        NoLogsError: it holds no log, or none that can be read.
        PatternError: the pattern is not valid; the message names the column.
        ValueError: there is no such format, runs cannot be chained as `chain` says, a path is not below the root, or
            nothing reads such an address.
        ImportError: the library that reads an address is not installed.
        ConnectionError: a store does not answer.

    >>> logs = read_logs("demo/logs/roberta_lora")
    >>> logs
    Logs(119 records, 1 run, 7 tags)
    >>> logs.reindex().columns[:6]
    ['run', 'tag', 'step', 'epoch', 'iter', 'epoch_float']
    """
    refuse_unknown("read_logs", options, ReadOptions.__optional_keys__)
    source = open_source(path, root, options, progress)
    return Logs(read_source(source, progress), source)


def _table(core: _core.Logs, *, keep_superseded: bool) -> Table:
    missing = _missing(core, kept=keep_superseded)
    return Table(core.table(keep_superseded=keep_superseded), missing=missing)


def _missing(core: _core.Logs, *, kept: bool) -> tuple[LeftOut, ...]:
    """Returns what is not in a table: records that a later session replaced, and values that are not numbers."""
    others = others_of(core.files())
    if kept:
        return others
    return (*(LeftOut(run, "superseded", count) for run, _, count in core.sessions() if count), *others)
