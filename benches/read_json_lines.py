"""Measures the way from a million JSON lines to a long table, next to polars' `read_ndjson` and `unpivot`.

polars reads the file as a whole and lazily (`scan_ndjson`).
Ours gives epoch and iter as well, and looks for values that are not numbers and for lines that are cut.
"""

from __future__ import annotations

import json
import random
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

import stepbridge as sb
from claims import CLAIMS, Measured
from timing import once, pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = Path(__file__).parent.parent / "build" / "bench" / "lines" / "log.jsonl"
LINES = 1_000_000
BATCHES = 5_000
COUNTERS = ("step", "epoch")
TAGS = ("loss", "lr", "grad_norm", "accuracy")
REPEATS = 7


def measure() -> Iterator[Measured]:
    """Measure against polars, which reads the file as a whole or lazily."""
    eager, lazy = CLAIMS["read_json_lines"]
    write(FILE)
    plan = sb.Timeline.plan(batches_per_epoch=BATCHES)
    check(plan)
    for claim, peer in ((eager, unpivoted), (lazy, scanned)):
        yield Measured(claim, pairs(lambda: once(lambda: table(plan)), partial(once, peer), REPEATS), "ms", 1e3)


def write(path: Path) -> None:
    """Write the log as a training loop does, unless it is there."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    seeded = random.Random(1)
    whole = path.with_suffix(".part")
    with whole.open("w", encoding="utf-8") as file:
        for step in range(LINES):
            values = (seeded.random() * 3, 1e-3 * (1 - step / LINES), seeded.random(), seeded.random())
            file.write(
                json.dumps({"step": step, "epoch": step // BATCHES, **dict(zip(TAGS, values, strict=True))}) + "\n"
            )
    whole.rename(path)


def table(plan: sb.Timeline) -> pa.Table:
    """Read the file, place every record, and hold all columns in memory."""
    return pa.table(sb.read_logs(FILE).reindex(plan, unit="step", base=0))


def unpivoted() -> pl.DataFrame:
    """Read the file with polars, and make its values rows."""
    return pl.read_ndjson(FILE).unpivot(index=COUNTERS)


def scanned() -> pl.DataFrame:
    """Do the same lazily, so that polars may plan both steps as one."""
    return pl.scan_ndjson(FILE).unpivot(index=COUNTERS).collect()


def check(plan: sb.Timeline) -> None:
    """Stop unless all hold the same values at the same steps, and ours the right places."""
    order = ("variable", "step")
    if not scanned().sort(order).equals(unpivoted().sort(order)):
        message = "polars itself reads the file lazily and as a whole with different results"
        raise RuntimeError(message)
    ours = pl.DataFrame(table(plan)).sort("tag", "step")
    peers = unpivoted().sort("variable", "step")
    same = all(
        ours[mine].cast(kind).equals(peers[theirs].cast(kind), null_equal=True)
        for mine, theirs, kind in (
            ("tag", "variable", pl.String),
            ("step", "step", pl.Int64),
            ("epoch", "epoch", pl.Int64),
            ("value", "value", pl.Float64),
        )
    )
    if ours.height != LINES * len(TAGS) or not same:
        message = f"stepbridge and polars differ: {ours.height} and {peers.height} records"
        raise RuntimeError(message)
