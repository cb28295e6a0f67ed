"""What a table of many runs is made of, and what was done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from stepbridge._problem import Problem

__all__ = ["TABLE_FORMATS", "IndexResult", "TableFormat"]

#: What a table is made of.
TableFormat: TypeAlias = Literal["parquet", "delta"]
TABLE_FORMATS: tuple[TableFormat, ...] = ("parquet", "delta")


class IndexResult(NamedTuple):
    """What `index` did to a table."""

    table: str
    """The folder of the table."""
    runs: int
    """How many runs the table has now, of the shard."""
    records: int
    """How many records they have."""
    replaced: list[str]
    """The runs that were read, because they are new or their files changed."""
    removed: list[str]
    """The runs that were removed, because their files are gone."""
    problems: tuple[Problem, ...]
    """What could not be listed, and what could not be read or placed of the runs that were read. The table `runs` has
    the problems of all runs."""
