"""Indexes many small runs, and says what that took: time, memory, bytes and requests.

    python benches/many_runs.py 100000                     from the disk
    python benches/many_runs.py 100000 --bucket            from a local S3 server
    python benches/many_runs.py 100000 --bucket --shards 8 in eight processes, and in one

writes so many runs of 4,000 values each: event files, tables, lines of JSON and offline files of W&B, every eleventh
run resumed. It indexes them, indexes them again, changes one in a hundred and indexes them once more; then polars reads
one run. It is not a row of `make bench`: with a hundred thousand runs it takes many minutes and gigabytes.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow.parquet as pq

from index_process import Indexed, copied, fill_bucket, fill_folder, indexed, store_of
from one_run import one_run

# The server of the tests, whose folder `index_process` adds.
from object_server import Front, in_front, object_server  # isort: skip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Steps of a run.
STEPS = 1000
#: The part of the runs that changes before the last call.
CHANGED = 100


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description="Index many small runs.")
    parser.add_argument("count", type=int)
    parser.add_argument("--bucket", action="store_true", help="put them into a local S3 server")
    parser.add_argument("--shards", type=int, default=1, help="index in so many processes at once, and compare")
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure = of_bucket if arguments.bucket else of_folder
        measure(Path(folder), arguments.count, arguments.steps, arguments.shards)
        print_one_run(Path(folder, "table"))


def of_folder(root: Path, count: int, steps: int, shards: int) -> None:
    """Index a folder."""
    runs = root / "runs"
    size = fill_folder(runs, range(count), steps)
    print(f"{count:,} runs, {size / 2**20:,.0f} MB")
    report = reporter(size, None)
    report("first", indexed(str(runs), root / "table"))
    report("nothing changed", indexed(str(runs), root / "table"))
    fill_folder(runs, range(0, count, CHANGED), steps - 1)
    report("1 % changed", indexed(str(runs), root / "table"))
    if shards > 1:
        report(f"{shards} shards", indexed(str(runs), root / "sharded", shards=shards))
        compare(root)


def of_bucket(root: Path, count: int, steps: int, shards: int) -> None:
    """Index a bucket."""
    with object_server() as server, in_front(server, lambda *_: None) as front:
        server.put("fleet", b"")
        store = store_of(server, "fleet")
        size = fill_bucket(store, range(count), steps)
        print(f"{count:,} runs, {size / 2**20:,.0f} MB")
        seconds, _ = copied(store, root / "copy")
        shutil.rmtree(root / "copy")
        print(f"plain copy: {seconds:.1f} s")
        # What goes through the server in front is slower: it counts, and the times are taken without it.
        environment = server.environment
        report = reporter(size, front)
        report("first", indexed("s3://fleet", root / "table", environment))
        report("nothing changed", indexed("s3://fleet", root / "table", environment))
        fill_bucket(store, range(0, count, CHANGED), steps - 1)
        report("1 % changed, counted", indexed("s3://fleet", root / "table", front.server.environment))
        if shards > 1:
            report(
                f"{shards} shards, counted",
                indexed("s3://fleet", root / "sharded", front.server.environment, shards=shards),
            )
            compare(root)


def reporter(size: int, front: Front | None) -> Callable[[str, tuple[float, list[Indexed]]], None]:
    """Give what prints a measurement."""

    def report(what: str, measured: tuple[float, list[Indexed]]) -> None:
        seconds, done = measured
        facts = [
            f"{seconds:.1f} s",
            f"{size / seconds / 2**20:.0f} MB/s of logs",
            f"{sum(each.records for each in done):,} records of {sum(each.runs for each in done):,} runs",
            f"{sum(each.read for each in done):,} read",
            f"{sum(each.bytes_read for each in done) / 2**20:,.0f} MB from files",
            f"at most {max(each.peak for each in done):.0f} MB a process",
        ]
        if front is not None and front.requests:
            objects = sum(method == "GET" and "?" not in path for method, path, _ in front.requests)
            facts.append(f"{len(front.requests):,} requests, {objects:,} for objects")
            front.requests.clear()
        print(f"{what}: {', '.join(facts)}", flush=True)

    return report


def compare(root: Path) -> None:
    """Compare both tables, part by part."""
    for one, other in zip(parts(root / "table"), parts(root / "sharded"), strict=True):
        frames = [pl.DataFrame(pq.read_table(path)) for path in (one, other)]
        first, second = (frame.with_columns(pl.col("run", "tag", "source").cast(pl.String)) for frame in frames)
        if not first.sort(first.columns).equals(second.sort(second.columns), null_equal=True):
            message = f"{one.name} differs"
            raise RuntimeError(message)
    print("the tables of one process and of the shards are the same")


def parts(table: Path) -> Iterator[Path]:
    """Give the files of a table."""
    yield from sorted((table / "records").glob("*.parquet"))


def print_one_run(table: Path) -> None:
    """Read one run, a few times: the first one brings the files into memory."""
    names = pl.read_parquet(table / "runs" / "*.parquet", columns=["run"])["run"].drop_nulls().sort()
    for _ in range(3):
        begin = time.perf_counter()
        found = one_run(table, names[len(names) // 2])
        print(f"one run of {found.height:,} records by polars: {(time.perf_counter() - begin) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
