"""Measures the way from Lightning's metrics.csv to a table of its values in long form, next to polars."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

import metrics_table
import stepbridge as sb
from claims import CLAIMS, Measured
from timing import once, pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = Path(__file__).parent.parent / "build" / "bench" / "tables" / "metrics.csv"
ROWS = 1_000_000
REPEATS = 7


def measure() -> Iterator[Measured]:
    """Measure against polars' reader and its unpivot, from the file to all values in memory."""
    (claim,) = CLAIMS["read_csv"]
    check(metrics_table.write(FILE, ROWS))
    yield Measured(claim, pairs(lambda: once(ours), lambda: once(theirs), REPEATS), "ms", 1e3)


def ours() -> pl.DataFrame:
    """Read the file, and hold every value with its tag, step and epoch."""
    return sb.read_logs(FILE).to_polars()


def theirs() -> pl.DataFrame:
    """Read the file with polars, and make the wide table long, without its empty cells."""
    return pl.read_csv(FILE).unpivot(index=["epoch", "step"]).drop_nulls("value")


def check(values: int) -> None:
    """Stop unless both hold every value, bit for bit, under the same tag, step and epoch."""
    columns = ("tag", "step", "epoch", "value")
    long = theirs().rename({"variable": "tag"})
    table = ours().with_columns(pl.col("tag").cast(pl.String), epoch=pl.col("epoch_logged").cast(pl.Int64))
    mine, peers = (frame.select(columns).sort("step", "tag") for frame in (table, long))
    if len(mine) != values or not mine.equals(peers):
        message = f"{values} values were written; stepbridge read {len(mine)} and polars {len(peers)}, or other ones"
        raise RuntimeError(message)
