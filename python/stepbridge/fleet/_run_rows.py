"""The table `runs` of an index: a row for each run, with its files, its timeline and what was left out of it."""

from __future__ import annotations

import re
from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, cast

from stepbridge._problem import Problem
from stepbridge.logs._export import imported
from stepbridge.logs._records import LogFile, inference_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa

    from stepbridge import _core
    from stepbridge.fleet._groups import RunGroup
    from stepbridge.fleet._listed_file import ListedFile
    from stepbridge.logs._logs import Logs
    from stepbridge.logs._records import ReindexReport, TimelineSource

__all__ = ["RunFacts", "RunRow", "row_without_run", "rows_of", "runs_schema", "timelines_of"]


class RunRow(TypedDict):
    """A row of the table `runs`."""

    run: str | None
    """The run; None if the files of the group hold none."""
    group: str
    """The folder whose files were read together."""
    part: int
    """The part of the table that has its records."""
    records: int
    """How many records the table has of it."""
    superseded: int
    """How many records a later session of it replaced: without `keep_superseded=True` the table does not have them."""
    no_place: int
    """How many of its records have no epoch."""
    not_a_number: int
    """How many of its values are not numbers: no table has them."""
    origin: str | None
    """Where its timeline comes from, as `stepbridge.TimelineSource` has it."""
    origin_source: str | None
    """The ledger, the run or the keys that the timeline is from."""
    timeline: str | None
    """Its timeline, as `Timeline.to_json` writes it, with a ledger that of its last session; None if it has none, or
    more than one."""
    problems: list[dict[str, Any]]
    """What could not be read or placed. What concerns no single run of the group is in the row of its first run."""
    files: list[dict[str, Any]]
    """Its files, with sizes and e-tags. Those of no single run are in the row of the first run of the group."""
    settings: str
    """The options that it was indexed with, as one fingerprint."""


def runs_schema() -> pa.Schema:
    """Returns names and types of the columns of `runs`."""
    pyarrow = imported("pyarrow", "index")
    text, number = pyarrow.string(), pyarrow.int64()
    problem = [("file", text), ("offset", number), ("record", number), ("kind", text), ("reason", text)]
    file = [("file", text), ("size", number), ("e_tag", text)]
    counts = ("records", "superseded", "no_place", "not_a_number")
    return pyarrow.schema(
        [
            ("run", text),
            ("group", text),
            ("part", pyarrow.int32()),
            *((name, number) for name in counts),
            ("origin", text),
            ("origin_source", text),
            ("timeline", text),
            ("problems", pyarrow.list_(pyarrow.struct([*problem, ("length", number)]))),
            ("files", pyarrow.list_(pyarrow.struct(file))),
            ("settings", text),
        ]
    )


class RunFacts(NamedTuple):
    """What is known of each run: numbers of records, and its timeline."""

    settings: str
    records: Mapping[str, int] = MappingProxyType({})
    superseded: Mapping[str, int] = MappingProxyType({})
    no_place: Mapping[str, int] = MappingProxyType({})
    timelines: Mapping[str, str] = MappingProxyType({})


def rows_of(
    groups: Sequence[RunGroup],
    logs: _core.Logs,
    report: ReindexReport,
    facts: RunFacts,
) -> list[RunRow]:
    """Returns the rows of groups that were read together, in the order of the groups."""
    files = [LogFile(*row) for row in logs.files()]
    run_of = {file.file: file.run for file in files}
    origins = {source.run: source for source in report.origins}
    problems = (*(Problem(*row) for row in logs.problems()), *report.problems)
    group_of = {file.file: group.name for group in groups for file in group.files}
    rows: dict[str, RunRow] = {}
    source_of = {file.run: file.file for file in files}
    for run in logs.runs():
        # A run without a file of its own in the list is a later attempt, or one that a database names.
        name = group_of[source_of[run]] if run in source_of else _group_of(run, groups)
        rows[run] = _row(run, name, facts, origins.get(run))
    for file in files:
        rows[file.run]["not_a_number"] += file.non_numeric
    ordered = [row for group in groups for row in rows.values() if row["group"] == group.name]
    first: dict[str, RunRow] = {}
    for row in ordered:
        first.setdefault(row["group"], row)
    for group in groups:
        if group.name not in first:
            first[group.name] = row_without_run(group, facts.settings)
            ordered.append(first[group.name])
        for listed in group.files:
            _add_file(rows.get(run_of.get(listed.file, "")) or first[group.name], listed)
    for problem in problems:
        row = rows.get(run_of.get(problem.file, "")) or first[group_of.get(problem.file, groups[0].name)]
        row["problems"].append(problem._asdict())
    return ordered


def row_without_run(
    group: RunGroup, settings: str, problems: Iterable[Problem] = (), *, run: str | None = None
) -> RunRow:
    """Returns the row of a group of which no run could be read."""
    row = _row(run, group.name, RunFacts(settings))
    row["problems"] = [problem._asdict() for problem in problems]
    return row


def _row(run: str | None, group: str, facts: RunFacts, origin: TimelineSource | None = None) -> RunRow:
    name = run or ""
    return {
        "run": run,
        "group": group,
        "part": -1,
        "records": facts.records.get(name, 0),
        "superseded": facts.superseded.get(name, 0),
        "no_place": facts.no_place.get(name, 0),
        "not_a_number": 0,
        "origin": origin and origin.origin,
        "origin_source": origin and origin.ledger,
        "timeline": facts.timelines.get(name),
        "problems": [],
        "files": [],
        "settings": facts.settings,
    }


def _add_file(row: RunRow, listed: ListedFile) -> None:
    row["files"].append({"file": listed.file, "size": listed.size, "e_tag": listed.e_tag})


def _group_of(run: str, groups: Sequence[RunGroup]) -> str:
    """Returns the group that holds a run: the one whose name is the longest beginning of the run's."""
    holding = [group.name for group in groups if group.may_hold(run)]
    return max(holding, key=len, default=groups[0].name)


def timelines_of(logs: Logs, origins: Iterable[TimelineSource], request: Mapping[str, Any]) -> dict[str, str]:
    """Returns the timeline of each run as JSON, where the run has one and no more than one."""
    ledgers = logs.ledgers
    runs_of = Counter(ledger.path for ledger in ledgers.values())
    inferred: Mapping[str, _core.Row] | None = None
    found: dict[str, _core.Timeline | None] = {}
    for run, origin, _ in origins:
        if origin == "given":
            found[run] = _given(run, request)
        elif origin == "ledger" and run in ledgers:
            ledger = ledgers[run]
            # The last session of a ledger of several attempts is that of one of them.
            one = len(ledger.sessions) == 1 or runs_of[ledger.path] == 1
            found[run] = ledger.timeline._core if one else None
        elif origin != "none":
            if inferred is None:
                inferred = logs._core.infer(share_timeline=False, unit=request["unit"], base=request["base"])
            known = inference_of(inferred[run]) if run in inferred else None
            timeline = known and (known.likely if origin == "likely" else known.timeline)
            found[run] = timeline._core if timeline else None
    return {run: timeline.to_json() for run, timeline in found.items() if timeline is not None}


def _given(run: str, request: Mapping[str, Any]) -> _core.Timeline | None:
    """Returns the timeline that the caller gave for a run."""
    for pattern, timeline, *_ in request["runs"]:
        shape = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
        if timeline is not None and re.fullmatch(shape, run, re.DOTALL):
            return cast("_core.Timeline", timeline)
    timelines = request["timelines"]
    return timelines.get(run) if isinstance(timelines, dict) else timelines
