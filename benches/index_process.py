"""Runs `index` in processes of their own, and says how long each took and how much memory it held.

The server of a bucket counts the requests, as `fleet_bucket` puts many runs into one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import obstore
from obstore.store import S3Store

# The logs and the server that the tests use.
sys.path.append(str(Path(__file__).parent.parent / "tests"))
from fleet_logs import files_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from object_server import ObjectServer

REQUESTS = 32
#: What a process runs: it indexes, and prints what it did, its memory in MB, and the bytes that it read from files.
PROGRAM = """
import json, resource, sys
import stepbridge as sb
source, table, shard, table_format = json.loads(sys.argv[1])
result = sb.index(source, table, shard=shard and tuple(shard), table_format=table_format)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
try:
    with open("/proc/self/io") as counts:
        read = int(next(counts).split()[1])
except OSError:
    read = 0
print(json.dumps([result.runs, result.records, len(result.replaced), len(result.problems), peak, read]))
"""


class Indexed(NamedTuple):
    """What one process did."""

    runs: int
    records: int
    read: int
    problems: int
    peak: float
    """In MB."""
    bytes_read: int
    """From files; what comes over the network is not among them."""


def indexed(
    source: str,
    table: Path,
    environment: Mapping[str, str] | None = None,
    *,
    shards: int = 1,
    table_format: str = "parquet",
) -> tuple[float, list[Indexed]]:
    """Index in as many processes at once; give the seconds until the last one ended, and what each did."""
    numbers: Sequence[tuple[int, int] | None] = [(number, shards) for number in range(1, shards + 1)]
    begin = time.perf_counter()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, json.dumps([source, str(table), shard, table_format])],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        for shard in (numbers if shards > 1 else [None])
    ]
    printed = [process.communicate()[0] for process in processes]
    seconds = time.perf_counter() - begin
    if any(process.returncode for process in processes):
        message = "a process of index failed"
        raise RuntimeError(message)
    return seconds, [Indexed(*json.loads(text)) for text in printed]


def store_of(server: ObjectServer, bucket: str) -> S3Store:
    """Open a bucket with obstore alone."""
    settings: dict[str, Any] = {name: value for name, value in server.options.items() if name != "client_options"}
    return S3Store(bucket, client_options={"allow_http": True}, **settings)


def fill_bucket(store: S3Store, runs: Sequence[int], steps: int) -> int:
    """Put runs into a bucket, many at a time; give how many bytes they have."""

    def put(number: int) -> int:
        files = files_of(number, steps)
        for name, data in files.items():
            obstore.put(store, name, data)
        return sum(map(len, files.values()))

    with ThreadPoolExecutor(REQUESTS) as pool:
        return sum(pool.map(put, runs))


def fill_folder(folder: Path, runs: Sequence[int], steps: int) -> int:
    """Write runs into a folder; give how many bytes they have."""
    size = 0
    then = time.time() - 100
    for number in runs:
        for name, data in files_of(number, steps).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            # Older than the clock of a file system is coarse.
            os.utime(path, (then, then))
            size += len(data)
    return size


def copied(store: S3Store, folder: Path) -> tuple[float, int]:
    """Copy every object into a folder, as many at a time as stepbridge does; give the seconds, and the bytes."""

    def one(path: str) -> int:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        return target.write_bytes(obstore.get(store, path).bytes())

    begin = time.perf_counter()
    with ThreadPoolExecutor(REQUESTS) as pool:
        paths = [found["path"] for page in obstore.list(store, chunk_size=1000) for found in page]
        size = sum(pool.map(one, paths))
    return time.perf_counter() - begin, size
