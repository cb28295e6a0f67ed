"""The table as two Delta tables, `records` and `runs`: each change of a part is one commit of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepbridge.fleet._group_records import records_of_part
from stepbridge.fleet._run_rows import runs_schema
from stepbridge.fleet._schema import plain
from stepbridge.fleet._table_folder import TableFolder
from stepbridge.logs._export import imported

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from stepbridge.fleet._run_rows import RunRow

__all__ = ["DeltaFolder"]


class DeltaFolder(TableFolder):
    """A table in a folder: two Delta tables, which the column `part` divides."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], schema: pa.Schema) -> None:
        self._delta = imported("deltalake", "delta")
        pyarrow = imported("pyarrow", "delta")
        super().__init__(folder, settings, plain(schema))
        self._schemas = {
            "records": self._schema.append(pyarrow.field("part", pyarrow.int32())),
            "runs": runs_schema(),
        }
        for name, columns in self._schemas.items():
            self._delta.DeltaTable.create(
                str(folder / name), self._delta.Schema.from_arrow(columns), mode="ignore", partition_by=["part"]
            )

    def rows(self, part: int) -> list[RunRow]:
        """Returns the rows of `runs` in a part."""
        rows: list[RunRow] = self._dataset("runs", part).to_table(columns=runs_schema().names).to_pylist()
        return rows

    def write(self, part: int, kept: Sequence[RunRow], rows: Sequence[RunRow], outputs: Sequence[Path]) -> None:
        """Commits the records of a part, then its rows."""
        pyarrow = imported("pyarrow", "delta")
        held = self._dataset("records", part).to_batches(columns=self._schema.names) if kept else ()
        self._commit("records", part, records_of_part(held, kept, outputs, self._schema))
        self._commit("runs", part, [pyarrow.RecordBatch.from_pylist([*kept, *rows], schema=runs_schema())])

    def finish(self) -> None:
        """Removes the files that no version of the last week has; a part is compact whenever it is written."""
        for name in self._schemas:
            self._delta.DeltaTable(str(self.folder / name)).vacuum(dry_run=False)

    def _dataset(self, name: str, part: int) -> Any:  # noqa: ANN401 - a package without its types
        dataset = self._delta.DeltaTable(str(self.folder / name)).to_pyarrow_dataset()
        return dataset.filter(imported("pyarrow.compute", "delta").field("part") == part)

    def _commit(self, name: str, part: int, batches: Iterable[pa.RecordBatch]) -> None:
        pyarrow = imported("pyarrow", "delta")
        schema = self._schemas[name]

        def rows() -> Iterator[pa.RecordBatch]:
            for batch in batches:
                table = pyarrow.Table.from_batches([batch])
                if "part" not in table.column_names:
                    table = table.append_column("part", pyarrow.repeat(part, table.num_rows))
                yield from table.select(schema.names).cast(schema).to_batches()

        self._delta.write_deltalake(
            str(self.folder / name),
            pyarrow.RecordBatchReader.from_batches(schema, rows()),
            mode="overwrite",
            predicate=f"part = {part}",
        )
