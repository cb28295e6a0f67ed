"""Logs as a data source of Spark, and of engines that speak its Python Data Source API, such as Sail.

    spark.dataSource.register(StepbridgeDataSource)
    spark.read.format("stepbridge").load("runs/").filter("tag = 'loss'")

The folder must have the same path on every worker; an address, `load("s3://bucket/runs")`, is the same everywhere.
Options are those of `stepbridge.ReadOptions`, and `unit`, `base`, `convention`, `plans` (a file) and `likely` of
`stepbridge.ReindexOptions`: `option("convention", "lightning")`, `option("likely", "true")`. `storage_options` is JSON:
`option("storage_options", '{"region": "eu-central-1"}')`; secrets belong into the environment of the workers. Records
come with their epoch, as `Logs.reindex` gives them; what could not be read is a warning here, and a row of the table
that `stepbridge index` writes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition

from stepbridge._errors import NoLogsError, warn
from stepbridge._text import counted
from stepbridge.fleet import TABLE_SCHEMA, RunGroup, find_runs
from stepbridge.fleet._schema import plain
from stepbridge.logs import ReadOptions
from stepbridge.logs._export import imported

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa

__all__ = ["StepbridgeDataSource"]

#: What Spark calls the types of the columns.
_TYPES = {"string": "STRING", "int64": "BIGINT", "double": "DOUBLE"}
#: The options of reading.
_READING = ReadOptions.__optional_keys__
#: Those of them that say how a store is read.
_OF_ADDRESSES = {"storage_options", "cache_limit"}
#: The options of re-indexing that a text can say.
_PLACING = ("unit", "base", "convention", "plans", "likely")
#: How many bytes of logs a partition has, if it is of several groups.
_PARTITION = 32 << 20


class StepbridgeDataSource(DataSource):  # type: ignore[misc, unused-ignore]  # where pyspark has no types
    """The records below a path with their epochs, as `spark.read.format("stepbridge")` reads them."""

    @classmethod
    def name(cls) -> str:
        """Returns the name of the format."""
        return "stepbridge"

    def schema(self) -> str:
        """Returns the columns as Spark's DDL: those of `stepbridge.TABLE_SCHEMA`."""
        return ", ".join(f"{field.name} {_TYPES[str(field.type)]}" for field in plain(TABLE_SCHEMA.to_arrow()))

    def reader(self, schema: object) -> _Reader:  # noqa: ARG002 - Spark calls it
        """Returns what reads the path."""
        options = dict(self.options)
        path = options.pop("path", None)
        if path is None:
            raise ValueError("there is no path: give it to load(), as in load('runs/')")
        known = [*sorted({*_READING, *_PLACING} - _OF_ADDRESSES), *sorted(_OF_ADDRESSES)]
        for name in options:
            if name not in known:
                raise ValueError(f"there is no option {name!r}; expected one of {', '.join(known)}")
        reading: dict[str, Any] = {name: options[name] for name in _READING if name in options}
        if "storage_options" in reading:
            reading["storage_options"] = _store_options(reading["storage_options"])
        if "cache_limit" in reading:
            reading["cache_limit"] = int(reading["cache_limit"])
        placing: dict[str, Any] = {name: options[name] for name in _PLACING if name in options}
        if "base" in placing:
            placing["base"] = int(placing["base"])
        if "likely" in placing:
            placing["likely"] = placing["likely"].lower() == "true"
        return _Reader(path, reading, placing)


def _store_options(text: str) -> dict[str, Any]:
    """Reads the options of a store. They may hold a secret: the error shows none."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError('storage_options is not a JSON object, such as {"region": "eu-central-1"}')  # noqa: TRY004 - an option of Spark is text
    return found


class _Groups(InputPartition):  # type: ignore[misc, unused-ignore]  # where pyspark has no types
    """The groups of files that one task reads."""

    def __init__(self, groups: tuple[RunGroup, ...]) -> None:
        super().__init__(groups)


class _Reader(DataSourceReader):  # type: ignore[misc, unused-ignore]  # where pyspark has no types
    """Reads groups of files, on whatever machine."""

    def __init__(self, path: str, reading: dict[str, Any], placing: dict[str, Any]) -> None:
        self._path = path
        self._reading = reading
        self._placing = placing
        #: The only names that are wanted, by column.
        self._wanted: dict[str, set[str]] = {}

    def pushFilters(self, filters: list[Any]) -> Iterable[Any]:  # noqa: N802 - Spark's name
        """Takes the filters that name runs or tags; the others are left to Spark."""
        for found in filters:
            names = _names(found)
            if names is None:
                yield found
            else:
                column, values = names
                self._wanted[column] = self._wanted.get(column, values) & values

    def partitions(self) -> Sequence[InputPartition]:
        """Returns the work in parts."""
        found = find_runs(self._path, **self._reading)
        if found.problems:
            problem = found.problems[0]
            warn(f"{counted(len(found.problems), 'file')} cannot be read: {problem.file}: {problem.reason}")
        runs = self._wanted.get("run")
        groups = [group for group in found if runs is None or any(map(group.may_hold, runs))]
        parts: list[list[RunGroup]] = []
        size = 0
        for group in groups:
            if not parts or size + group.size > _PARTITION:
                parts.append([])
                size = 0
            parts[-1].append(group)
            size += group.size
        return [_Groups(tuple(part)) for part in parts] or [_Groups(())]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Yields the records of some groups."""
        schema = plain(TABLE_SCHEMA.to_arrow())
        for group in partition.value:
            for batch in self._batches(group):
                yield from self._filtered(batch, schema)

    def _batches(self, group: RunGroup) -> Iterator[pa.RecordBatch]:
        try:
            yield from group.batches(**self._placing)
        except NoLogsError as error:
            # As below a folder: a file that turns out not to be a log is not an error of the others.
            warn(str(error))

    def _filtered(self, batch: pa.RecordBatch, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        pyarrow, compute = imported("pyarrow", "spark"), imported("pyarrow.compute", "spark")
        table = pyarrow.Table.from_batches([batch]).cast(schema)
        for column, values in self._wanted.items():
            table = table.filter(
                compute.is_in(table[column], value_set=pyarrow.array(sorted(values), pyarrow.string()))
            )
        yield from table.to_batches()


def _names(found: Any) -> tuple[str, set[str]] | None:  # noqa: ANN401 - one of Spark's filters
    """Returns the column and the names that a filter wants; None if it is another one."""
    kind, column = type(found).__name__, getattr(found, "attribute", None)
    if column not in {("run",), ("tag",)}:
        return None
    values = {"EqualTo": lambda: [found.value], "In": lambda: list(found.value)}.get(kind)
    if values is None or not all(isinstance(value, str) for value in values()):
        return None
    return column[0], set(values())
