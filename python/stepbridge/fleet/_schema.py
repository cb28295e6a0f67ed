"""The columns of a table of records, for those who need them before there is a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepbridge import _core
from stepbridge.logs._export import imported

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TABLE_SCHEMA", "TableSchema", "plain"]


class TableSchema:
    """Names and types of the columns that `Logs.reindex` returns, as what speaks Arrow takes them.

    `pyarrow.schema(stepbridge.TABLE_SCHEMA)` needs no table. The options `batch`, `sample` and `token` of `reindex` add
    columns that are not in it.
    """

    __slots__ = ("_keep_superseded",)

    def __init__(self, *, keep_superseded: bool = False) -> None:
        self._keep_superseded = keep_superseded

    def __repr__(self) -> str:
        return f"TableSchema({', '.join(self.names)})"

    @property
    def names(self) -> list[str]:
        """The columns' names, in order."""
        return self._table().column_names()

    def __arrow_c_schema__(self) -> object:
        """Gives the columns' names and types to what speaks Arrow."""
        return self._table().__arrow_c_schema__()

    def to_arrow(self) -> pa.Schema:
        """Returns the schema as a `pyarrow.Schema`.

        Raises:
            ImportError: pyarrow is not installed, or cannot be imported.
        """
        return imported("pyarrow", "pandas").schema(self)

    def _table(self) -> _core.Table:
        # The core makes it as it makes every table, so that it cannot be another one.
        return _core.Table.empty(keep_superseded=self._keep_superseded)


#: The columns of the table that `Logs.reindex()` returns.
TABLE_SCHEMA = TableSchema()


def plain(schema: pa.Schema) -> pa.Schema:
    """Returns a schema of pyarrow with texts where names are stored once, for what does not know such columns."""
    pyarrow = imported("pyarrow", "pandas")
    types = pyarrow.types
    return pyarrow.schema(
        [field.with_type(field.type.value_type) if types.is_dictionary(field.type) else field for field in schema]
    )
