"""Tables as frames that can be compared whatever the order of their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["same_rows", "sorted_rows"]


def sorted_rows(*tables: pa.Table) -> pl.DataFrame:
    """Give the rows of some tables with the same columns, sorted."""
    frames = [pl.DataFrame(table) for table in tables]
    names = [column for column, kind in frames[0].schema.items() if kind not in (pl.Int64, pl.Float64, pl.Boolean)]
    whole = pl.concat([frame.with_columns(pl.col(names).cast(pl.String)) for frame in frames])
    return whole.sort(whole.columns)


def same_rows(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    """Say whether two sorted tables are equal; what is not a number is equal to itself."""
    return one.schema == other.schema and one.equals(other, null_equal=True)
