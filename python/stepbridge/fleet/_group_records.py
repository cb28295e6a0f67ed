"""Reads groups of files into a file of records, and says what is known of each run."""

from __future__ import annotations

import hashlib
import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from stepbridge import __version__, _core
from stepbridge._errors import NoLogsError
from stepbridge._problem import Problem
from stepbridge.fleet._listed_file import UNREADABLE
from stepbridge.fleet._run_rows import RunFacts, row_without_run, rows_of, timelines_of
from stepbridge.logs._export import imported
from stepbridge.logs._logs import Logs
from stepbridge.logs._records import report_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from stepbridge.fleet._groups import GroupFiles, RunGroup
    from stepbridge.fleet._run_rows import RunRow

__all__ = ["GroupReader", "GroupRecords", "batches_of", "fingerprint", "records_of_part"]

#: How many bytes of logs are read at a time, if they are those of several groups: the core reads so much in one go.
_TOGETHER = 15 << 20
#: The columns that tell which records a later session replaced.
_OF_SESSIONS = ("session", "superseded")


class GroupRecords(NamedTuple):
    """What was read of some groups."""

    groups: tuple[RunGroup, ...]
    rows: list[RunRow]
    """Their rows of the table `runs`."""
    output: Path | None
    """The file of their records; None if they have none."""
    problems: Mapping[str, Problem] = MappingProxyType({})
    """Files that cannot be fetched."""
    is_read: bool = True
    """Whether the groups were read. Those that were read before are not read without such a file."""


def fingerprint(reading: Mapping[str, Any], request: Mapping[str, Any]) -> str:
    """Returns the options as one text: groups that were read with others are read again."""
    options = json.dumps([__version__, reading, request], default=_as_text, sort_keys=True)
    return hashlib.sha256(options.encode()).hexdigest()[:16]


class GroupReader:
    """Reads groups, small ones many at a time, and writes their records into files that `output` names."""

    def __init__(
        self, files: GroupFiles, request: Mapping[str, Any], settings: str, output: Callable[[], Path]
    ) -> None:
        self._files = files
        self._request = request
        self._settings = settings
        self._output = output

    def read(self, groups: Iterable[RunGroup], held: Mapping[str, set[str]]) -> Iterator[GroupRecords]:
        """Reads groups. `held` are the names of those that were read before, each with its files.

        Raises:
            ConnectionError: a store does not answer.
        """
        for together in _together(groups):
            yield from self._fetched_and_read(together, held)

    def _fetched_and_read(self, together: tuple[RunGroup, ...], held: Mapping[str, set[str]]) -> Iterator[GroupRecords]:
        wanted = [file for group in together for file in group.files if file.e_tag != UNREADABLE]
        try:
            problems = self._files.fetch(wanted)
        except ConnectionError:
            raise
        except OSError as error:
            # There is no room for all of their copies.
            if len(together) > 1:
                for group in together:
                    yield from self._fetched_and_read((group,), held)
                return
            problems = {file.file: Problem(file.file, None, None, "unreadable", str(error), None) for file in wanted}
        try:
            stay = tuple(group for group in together if not held.get(group.name, set()).isdisjoint(problems))
            if stay:
                of_them = {file.file for group in stay for file in group.files} & problems.keys()
                yield GroupRecords(stay, [], None, {file: problems[file] for file in of_them}, is_read=False)
            ready = tuple(_without(group, problems) for group in together if group not in stay)
            yield from (found._replace(problems=problems) for found in self._read(ready))
        finally:
            self._files.release(wanted)

    def _read(self, groups: tuple[RunGroup, ...]) -> Iterator[GroupRecords]:
        if not groups:
            return
        try:
            with self._files.naming():
                found = _read(groups, self._files, self._request, self._settings, self._output())
        except (OSError, ValueError) as error:
            if len(groups) == 1:
                yield GroupRecords(groups, [_failed(groups[0], error, self._settings)], None)
                return
        else:
            yield found
            return
        # One of them fails: each is read alone, so that the others do not fail with it.
        for group in groups:
            yield from self._read((group,))


def _without(group: RunGroup, problems: Mapping[str, Problem]) -> RunGroup:
    """Returns a group whose files that cannot be fetched are noted as such."""
    if not problems:
        return group
    found = (file._replace(size=0, e_tag=UNREADABLE) if file.file in problems else file for file in group.files)
    return group._replace(files=tuple(found))


def batches_of(
    output: Path, *, keep_superseded: bool, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yields the records of a file that `GroupReader` wrote."""
    parquet, compute = imported("pyarrow.parquet", "index"), imported("pyarrow.compute", "index")
    with parquet.ParquetFile(output) as file:
        for batch in file.iter_batches(columns=columns):
            if keep_superseded or "superseded" not in batch.schema.names:
                yield batch
            else:
                names = [name for name in batch.schema.names if name not in _OF_SESSIONS]
                yield batch.filter(compute.invert(batch.column("superseded"))).select(names)


def records_of_part(
    held: Iterable[pa.RecordBatch], kept: Sequence[RunRow], outputs: Iterable[Path], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """Yields the records of a part: those that it holds of the runs that are kept, and those of the outputs."""
    pyarrow, compute = imported("pyarrow", "index"), imported("pyarrow.compute", "index")
    runs = pyarrow.array([row["run"] for row in kept if row["run"] is not None], pyarrow.string())
    for batch in held:
        yield batch.filter(compute.is_in(batch.column("run").cast(pyarrow.string()), value_set=runs))
    for output in outputs:
        yield from batches_of(output, keep_superseded="superseded" in schema.names)


def _together(groups: Iterable[RunGroup]) -> Iterator[tuple[RunGroup, ...]]:
    """Yields groups to read at a time: their options are the same."""
    held: list[RunGroup] = []
    size = 0
    for group in groups:
        if held and (size + group.size > _TOGETHER or group.options != held[0].options):
            yield tuple(held)
            held, size = [], 0
        held.append(group)
        size += group.size
    if held:
        yield tuple(held)


def _read(
    groups: tuple[RunGroup, ...], files: GroupFiles, request: Mapping[str, Any], settings: str, output: Path
) -> GroupRecords:
    wanted = [file for group in groups for file in group.files if file.e_tag != UNREADABLE]
    if not wanted:
        raise NoLogsError("none of the files can be read")
    source = files.source(wanted, groups[0].options)
    survey = _core.Survey.read(source.paths, source.request)
    core, keep = survey.logs(), request["keep_superseded"]
    replaced: Mapping[str, int] | None = {}
    if survey.is_whole():
        replaced = {run: superseded for run, _, superseded in core.sessions()}
    elif not keep:
        # The first reading does not hold every record: only the records tell how many of each run were replaced.
        replaced = None
    records, _, rows = survey.write(output, {**request, "keep_superseded": keep or replaced is None})
    counted = _counts(output) if records else ({}, {}, {})
    report = report_of(rows)
    facts = RunFacts(
        settings,
        records=counted[0],
        superseded=counted[1] if replaced is None or keep else replaced,
        no_place=counted[2],
        timelines=timelines_of(Logs(core, source), report.origins, request),
    )
    return GroupRecords(groups, rows_of(groups, core, report, facts), output)


def _counts(output: Path) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Counts the records of each run: those that no later session replaced, those that one did, those without epoch."""
    compute = imported("pyarrow.compute", "index")
    records: dict[str, int] = {}
    superseded: dict[str, int] = {}
    without: dict[str, int] = {}

    def add(counts: dict[str, int], runs: pa.Array) -> None:
        for found in compute.value_counts(runs).to_pylist():
            counts[found["values"]] = counts.get(found["values"], 0) + found["counts"]

    columns = ("run", "epoch", "epoch_float", "superseded")
    for batch in batches_of(output, keep_superseded=True, columns=columns):
        runs, kept = batch.column("run"), batch
        if "superseded" in batch.schema.names:
            add(superseded, runs.filter(batch.column("superseded")))
            kept = batch.filter(compute.invert(batch.column("superseded")))
        add(records, kept.column("run"))
        nowhere = compute.and_(compute.is_null(kept.column("epoch")), compute.is_null(kept.column("epoch_float")))
        add(without, kept.column("run").filter(nowhere))
    return records, superseded, without


def _failed(group: RunGroup, error: Exception, settings: str) -> RunRow:
    """Returns the row of a group that cannot be read."""
    if isinstance(error, NoLogsError):
        row = row_without_run(group, settings, error.problems, run=group.name if error.problems else None)
    else:
        problem = Problem(group.name, None, None, "not_indexed", str(error), None)
        row = row_without_run(group, settings, [problem], run=group.name)
    # What the system did not give may be there the next time.
    again = isinstance(error, OSError)
    files: Sequence[dict[str, Any]] = [
        {"file": file.file, "size": file.size, "e_tag": UNREADABLE if again else file.e_tag} for file in group.files
    ]
    row["files"] = list(files)
    return row


def _as_text(value: object) -> object:
    """Returns what JSON cannot write as text."""
    if isinstance(value, _core.Timeline):
        return value.to_json()
    if isinstance(value, tuple | list):
        return list(value)
    return str(value)
