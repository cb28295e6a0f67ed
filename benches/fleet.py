"""Measures a table of many runs: made from a local S3 server and from the disk, and one run of it read by polars.

There are 4,000 runs; STEPBRIDGE_FLEET_RUNS says another number, and `many_runs.py` does what a hundred thousand need.
The plain copy makes as many requests at a time as stepbridge does, and writes files. TensorBoard's server and tbparse
load event files alone, so that they get runs of event files alone; tbparse gets one in a hundred of them, and its time
is multiplied.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tbparse import SummaryReader

import data_server
from claims import CLAIMS, Measured, Memory
from index_process import copied, fill_bucket, fill_folder, indexed, store_of
from one_run import one_run
from timing import Pairs, against, once, pairs

# The server of the tests, whose folder `index_process` adds.
from object_server import object_server  # isort: skip
from fleet_logs import KINDS  # isort: skip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claims import Claim

RUNS = int(os.environ.get("STEPBRIDGE_FLEET_RUNS", "4000"))
STEPS = 1000
REPEATS, READS = 3, 20
#: tbparse loads one run in so many.
PART = 100


def measure() -> Iterator[Measured | Memory]:
    """Measure from the server, then from the disk, then one run."""
    from_bucket, memory, by_server, by_tbparse, read = CLAIMS["fleet"]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with object_server() as server:
            server.put("fleet", b"")
            store = store_of(server, "fleet")
            fill_bucket(store, range(RUNS), STEPS)
            peaks: list[float] = []

            def ours() -> float:
                shutil.rmtree(root / "table", ignore_errors=True)
                seconds, (done,) = indexed("s3://fleet", root / "table", server.environment)
                check(done.problems == 0, done.runs >= RUNS)
                peaks.append(done.peak)
                return seconds

            def peer() -> float:
                seconds, _ = copied(store, root / "copy")
                shutil.rmtree(root / "copy")
                return seconds

            taken = pairs(ours, peer, REPEATS)
            yield Measured(from_bucket, taken, "ms", 1e3)
            yield Memory(memory, max(peaks), taken.our_median)
        yield from of_event_files(root, by_server, by_tbparse)
        name = "sweep000/run000001"
        check(one_run(root / "table", name).height > 0)
        times = tuple(once(partial(one_run, root / "table", name)) for _ in range(READS))
        yield Measured(read, Pairs(times, (0.0,) * READS), "ms", 1e3)


def of_event_files(root: Path, by_server: Claim, by_tbparse: Claim) -> Iterator[Measured]:
    """Index a folder of event files, next to TensorBoard's server and tbparse."""
    numbers = range(0, RUNS, len(KINDS))
    fill_folder(root / "events", numbers, STEPS)
    fill_folder(root / "part", numbers[::PART], STEPS)

    def ours() -> float:
        shutil.rmtree(root / "of_events", ignore_errors=True)
        return indexed(str(root / "events"), root / "of_events")[0]

    taken = pairs(ours, lambda: data_server.load_seconds(root / "events"), REPEATS)
    yield Measured(by_server, taken, "ms", 1e3)
    share = len(numbers) / len(numbers[::PART])

    def parsed() -> float:
        return share * once(lambda: [SummaryReader(str(run)).scalars for run in (root / "part").glob("*/*")])

    yield Measured(by_tbparse, against(taken, parsed, REPEATS), "ms", 1e3)


def check(*facts: bool) -> None:
    """End the bench if something was not read."""
    if not all(facts):
        message = "not every run was read"
        raise RuntimeError(message)
