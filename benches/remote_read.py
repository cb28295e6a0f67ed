"""Measures reading 10,000 small runs from a local S3 server, next to a plain copy of the same bytes from it.

Both list the bucket first. The copy makes as many requests at a time as stepbridge does, with obstore, and writes
files; it neither asks whether an object is the one that was listed, nor looks at what it holds.
"""

from __future__ import annotations

import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from obstore.store import S3Store

import stepbridge as sb
from claims import CLAIMS, Measured
from timing import once, pairs

# The server that the tests use.
sys.path.append(str(Path(__file__).parent.parent / "tests"))
from object_server import ObjectServer, object_server

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNS = 10_000
ROWS = 50
REQUESTS = 32
REPEATS = 3


def measure() -> Iterator[Measured]:
    """Measure against the copy."""
    (claim,) = CLAIMS["remote_read"]
    with object_server() as server:
        server.put("bench", b"")
        store = S3Store("bench", client_options={"allow_http": True}, **settings(server))
        write(store)
        if len(read(server)) != RUNS * ROWS:
            message = "not every record was read"
            raise RuntimeError(message)
        taken = pairs(partial(once, lambda: read(server)), partial(once, lambda: copy(store)), REPEATS)
        yield Measured(claim, taken, "ms", 1e3)


def settings(server: ObjectServer) -> dict[str, Any]:
    """Return what the store needs, without what is of its client."""
    return {name: value for name, value in server.options.items() if name != "client_options"}


def write(store: S3Store) -> None:
    """Put the runs, many at a time."""
    log = "".join(
        json.dumps({"step": step, "epoch": step // 10, "loss": 1 / (step + 1)}) + "\n" for step in range(ROWS)
    )
    with ThreadPoolExecutor(REQUESTS) as pool:
        for _ in pool.map(lambda run: obstore.put(store, f"{run:05}/log.jsonl", log.encode()), range(RUNS)):
            pass


def read(server: ObjectServer) -> sb.Logs:
    """Read every run."""
    return sb.read_logs("s3://bench", storage_options=server.options)


def copy(store: S3Store) -> int:
    """Copy every object into a folder, and return how many there are."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(REQUESTS) as pool:

        def one(path: str) -> None:
            target = Path(folder) / path
            target.parent.mkdir()
            target.write_bytes(obstore.get(store, path).bytes())

        paths = [found["path"] for page in obstore.list(store, chunk_size=1000) for found in page]
        return sum(1 for _ in pool.map(one, paths))
