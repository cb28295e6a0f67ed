"""The table as a folder of Parquet files, each of which is whole at any moment.

A part is one file, which keeps its name for good. To replace runs, their part is written anew and gets its name by one
rename. So who opens a file once sees each of its runs whole and once, whatever happens meanwhile. The price: to replace
one run, the other runs of its part are copied.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stepbridge.fleet._group_records import batches_of, records_of_part
from stepbridge.fleet._run_rows import runs_schema
from stepbridge.fleet._table_folder import TableFolder
from stepbridge.logs._export import imported

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    import pyarrow as pa

    from stepbridge.fleet._run_rows import RunRow

__all__ = ["ParquetFolder"]

#: The mark of tables that stepbridge wrote, so that they are not read as logs.
_MARK = {b"stepbridge.table": b""}


class ParquetFolder(TableFolder):
    """A table in a folder: `records/part-0000.parquet` and so on, `runs/part-0000.parquet`."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], schema: pa.Schema) -> None:
        super().__init__(folder, settings, schema)
        for name in ("records", "runs"):
            (folder / name).mkdir(exist_ok=True)

    def rows(self, part: int) -> list[RunRow]:
        """Returns the rows of `runs` in a part."""
        path = self._path("runs", part)
        if not path.exists():
            return []
        with imported("pyarrow.parquet", "index").ParquetFile(path) as file:
            rows: list[RunRow] = file.read().to_pylist()
        return rows

    def write(self, part: int, kept: Sequence[RunRow], rows: Sequence[RunRow], outputs: Sequence[Path]) -> None:
        """Writes the records of a part, then its rows: each is one rename."""
        pyarrow = imported("pyarrow", "index")
        records = self._path("records", part)
        if len(outputs) == 1 and all(row["run"] is None for row in kept) and self._is_whole(outputs[0]):
            _flush(outputs[0])
            outputs[0].replace(records)
        elif outputs or records.exists():
            held = batches_of(records, keep_superseded=True) if kept and records.exists() else ()
            self._write(records, self._schema, records_of_part(held, kept, outputs, self._schema))
        schema = runs_schema()
        table = pyarrow.RecordBatch.from_pylist([*kept, *rows], schema=schema)
        self._write(self._path("runs", part), schema, [table])

    def _path(self, table: str, part: int) -> Path:
        return self.folder / table / f"part-{part:04}.parquet"

    def _write(self, path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
        """Writes a file whole and gives it its name."""
        pyarrow, parquet = imported("pyarrow", "index"), imported("pyarrow.parquet", "index")
        temporary, marked = self.temporary(), schema.with_metadata(_MARK)
        try:
            with parquet.ParquetWriter(temporary, marked) as writer:
                for batch in batches:
                    if batch.num_rows:
                        writer.write_table(pyarrow.Table.from_batches([batch]).select(schema.names).cast(marked))
            _flush(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def _is_whole(self, output: Path) -> bool:
        """Whether a file of records is as the table has them."""
        schema = imported("pyarrow.parquet", "index").read_schema(output)
        return bool(schema.remove_metadata().equals(self._schema.remove_metadata()))


def _flush(path: Path) -> None:
    """Brings a file to the disk, before it gets its name."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
