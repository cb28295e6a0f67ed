"""Reads one run from a table of many with polars: `runs` says which part has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from pathlib import Path


def one_run(table: Path, name: str) -> pl.DataFrame:
    """Read the records of a run."""
    runs = pl.scan_parquet(table / "runs" / "*.parquet")
    part = runs.filter(pl.col("run") == name).select("part").collect().item()
    records = pl.scan_parquet(table / "records" / f"part-{part:04}.parquet")
    return records.filter(pl.col("run") == name).collect()
