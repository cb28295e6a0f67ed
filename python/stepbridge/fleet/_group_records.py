"""Reads groups of files into a file of records, and says what is known of each run."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from stepbridge import __version__, _core
from stepbridge._errors import NoLogsError
from stepbridge._problem import Problem
from stepbridge.fleet._run_rows import RunFacts, row_without_run, rows_of, timelines_of
from stepbridge.logs._export import imported
from stepbridge.logs._logs import Logs
from stepbridge.logs._records import report_of
from stepbridge.logs._source import open_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from stepbridge.fleet._groups import RunGroup
    from stepbridge.fleet._run_rows import RunRow

__all__ = ["UNREADABLE", "GroupRecords", "batches_of", "fingerprint", "read_groups", "records_of_part"]

#: How many bytes of logs are read at a time, if they are those of several groups: the core reads so much in one go.
_TOGETHER = 15 << 20
#: The columns that tell which records a later session replaced.
_OF_SESSIONS = ("session", "superseded")
#: What is noted as the e-tag of a file that could not be read, so that the next reading tries again.
UNREADABLE = "unreadable"


class GroupRecords(NamedTuple):
    """What was read of some groups."""

    groups: tuple[RunGroup, ...]
    rows: list[RunRow]
    """Their rows of the table `runs`."""
    output: Path | None
    """The file of their records; None if they have none."""


def fingerprint(reading: Mapping[str, Any], request: Mapping[str, Any]) -> str:
    """Returns the options as one text: groups that were read with others are read again."""
    options = json.dumps([__version__, reading, request], default=_as_text, sort_keys=True)
    return hashlib.sha256(options.encode()).hexdigest()[:16]


def read_groups(
    groups: Iterable[RunGroup], request: Mapping[str, Any], settings: str, output: Callable[[], Path]
) -> Iterator[GroupRecords]:
    """Reads groups, small ones many at a time, and writes their records into files that `output` names."""
    for together in _together(groups):
        found = _tried(together, request, settings, output())
        if found is not None:
            yield found
        else:
            # One of them fails: each is read alone, so that the others do not fail with it.
            yield from (_alone(group, request, settings, output()) for group in together)


def _tried(
    groups: tuple[RunGroup, ...], request: Mapping[str, Any], settings: str, output: Path
) -> GroupRecords | None:
    try:
        return _read(groups, request, settings, output)
    except (OSError, ValueError):
        return None


def _alone(group: RunGroup, request: Mapping[str, Any], settings: str, output: Path) -> GroupRecords:
    try:
        return _read((group,), request, settings, output)
    except (OSError, ValueError) as error:
        return GroupRecords((group,), [_failed(group, error, settings)], None)


def batches_of(
    output: Path, *, keep_superseded: bool, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yields the records of a file that `read_groups` wrote."""
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


def _read(groups: tuple[RunGroup, ...], request: Mapping[str, Any], settings: str, output: Path) -> GroupRecords:
    paths = [file.path for group in groups for file in group.files if file.e_tag != UNREADABLE]
    if not paths:
        raise NoLogsError("none of the files can be read")
    source = open_source(paths, groups[0].root, groups[0].options)
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
