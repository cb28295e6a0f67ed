"""Reads one run from a table of many with polars, as docs/scale.md says it.

To open the 256 files of `runs` takes ten times as long as to read the run, and most runs are in the part of their own
name: that one is looked at first.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from pathlib import Path


def one_run(table: Path, name: str) -> pl.DataFrame:
    """Read the records of a run."""
    found = records_in(table, zlib.crc32(name.encode()) % 256, name)
    if found is None or found.is_empty():
        runs = pl.scan_parquet(table / "runs" / "*.parquet")
        part = runs.filter(pl.col("run") == name).select("part").collect().item()
        found = records_in(table, part, name)
    return pl.DataFrame() if found is None else found


def records_in(table: Path, part: int, name: str) -> pl.DataFrame | None:
    """Read what a part has of a run; None if there is no such part yet."""
    path = table / "records" / f"part-{part:04}.parquet"
    return pl.scan_parquet(path).filter(pl.col("run") == name).collect() if path.exists() else None
