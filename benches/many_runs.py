"""Writes many small runs, and measures how fast `index` makes a table of them and brings it up to date.

    python benches/many_runs.py 10000 [FOLDER]

writes so many runs of 4,000 scalars each and prints what indexing took. It is not a row of `make bench`: with a hundred
thousand runs it takes minutes and gigabytes.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

import stepbridge as sb

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Steps and tags of a run: 4,000 scalars.
STEPS, TAGS = 1000, ("loss", "accuracy", "lr", "grad_norm")
#: Every so many runs were resumed, and did some steps again.
RESUMED = 10
#: The part of the runs that changes before the second call.
CHANGED = 100


def rows(seed: int) -> Iterator[tuple[int, int, list[float]]]:
    """Yield step, epoch and values."""
    draw = random.Random(seed)
    for step in range(STEPS):
        yield step, step // 100, [draw.random() for _ in TAGS]


def events(folder: Path, seed: int, first: int = 0) -> None:
    """Write an event file, as TensorBoard does."""
    with (folder / f"events.out.tfevents.{1_700_000_000 + first}.host").open("wb") as file:
        writer = RecordWriter(file)
        writer.write(Event(wall_time=1.7e9 + first, file_version="brain.Event:2").SerializeToString())
        for step, epoch, values in rows(seed):
            if step < first:
                continue
            named = zip(("epoch", *TAGS), (float(epoch), *values), strict=True)
            summary = Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in named])
            writer.write(Event(wall_time=1.7e9 + step, step=step, summary=summary).SerializeToString())


def table(folder: Path, seed: int) -> None:
    """Write a table as Lightning does."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("step", "epoch", *TAGS))
    writer.writerows((step, epoch, *values) for step, epoch, values in rows(seed))
    (folder / "metrics.csv").write_text(text.getvalue())


def lines(folder: Path, seed: int) -> None:
    """Write lines of JSON."""
    found = (
        {"step": step, "epoch": epoch, **dict(zip(TAGS, values, strict=True))} for step, epoch, values in rows(seed)
    )
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in found))


#: How a run is written, one after the other.
WRITERS = (events, table, lines)


def make_runs(root: Path, count: int) -> None:
    """Write runs. Their content is one of a hundred, so that making them does not take longer than reading them."""
    made: dict[tuple[int, bool], Path] = {}
    for number in range(count):
        folder = root / f"sweep{number // 1000:03}" / f"run{number:06}"
        kind = (number % 99, number % RESUMED == 0)
        if kind in made:
            shutil.copytree(made[kind], folder)
            continue
        folder.mkdir(parents=True)
        WRITERS[number % 3](folder, number % 99)
        if kind[1] and number % 3 == 0:
            events(folder, number, STEPS // 2)
        made[kind] = folder


def grow(root: Path, every: int) -> int:
    """Write some of the runs anew. Return how many."""
    folders = sorted(root.glob("sweep*/run*"))[::every]
    for folder in folders:
        shutil.rmtree(folder)
        folder.mkdir()
        lines(folder, len(folders))
        settle(folder)
    return len(folders)


def settle(root: Path) -> None:
    """Make the files older than the clock of a file system is coarse."""
    then = time.time() - 100
    for path in root.rglob("*"):
        os.utime(path, (then, then))


def timed(what: str, call: Any, size: int) -> None:  # noqa: ANN401 - any call
    """Print how long a call takes, and at what rate."""
    begin = time.perf_counter()
    read = read_bytes()
    result = call()
    taken = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{what}: {taken:.1f} s, {size / taken / 2**20:.0f} MB/s of logs, "
        f"{(read_bytes() - read) / 2**20:,.0f} MB read, peak {peak:.0f} MB, {result}"
    )


def read_bytes() -> int:
    """Return how many bytes this process has read so far."""
    counts = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(counts["rchar"])


def main(count: int, root: Path) -> None:
    """Measure."""
    runs, target = root / "runs", root / "table"
    begin = time.perf_counter()
    make_runs(runs, count)
    settle(runs)
    size = sum(path.stat().st_size for path in runs.rglob("*") if path.is_file())
    print(f"{count:,} runs, {size / 2**20:,.0f} MB, made in {time.perf_counter() - begin:.0f} s")

    def index() -> str:
        result = sb.index(runs, target)
        return f"{result.records:,} records of {result.runs:,} runs, {len(result.replaced):,} read"

    timed("first index", index, size)
    timed("nothing changed", index, size)
    changed = grow(runs, CHANGED)
    timed(f"{changed:,} runs changed", index, size)
    begin = time.perf_counter()
    rows = pl.read_parquet(target / "runs" / "*.parquet", columns=["run", "part"]).sort("run")
    name, part = rows.row(count // 2)
    found_after = time.perf_counter() - begin
    records = pl.scan_parquet(target / "records" / f"part-{part:04}.parquet")
    found = records.filter(pl.col("run").cast(pl.String) == name).collect()
    taken = time.perf_counter() - begin
    print(
        f"one run of {found.height:,} records by polars: {taken * 1000:.0f} ms, "
        f"{found_after * 1000:.0f} of them to find it"
    )


if __name__ == "__main__":
    if len(sys.argv) > 2:
        main(int(sys.argv[1]), Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(int(sys.argv[1]), Path(folder))
