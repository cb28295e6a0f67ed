"""Measures how much memory a re-index takes: of a log that is many times as large, and of many small files.

The process that does it is one of its own, and the system says how much it held at most.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import event_file
from claims import CLAIMS, Memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claims import Claim

BUILD = Path(__file__).parent.parent / "build" / "bench"
PART = BUILD / "events" / "run" / "events.out.tfevents.1700000000.bench"
LARGE = BUILD / "large" / "events.out.tfevents.1700000000.bench"
STEPS = 1_000_000
SIZE = 4_000_000_000
RUNS = BUILD / "small_runs"
COUNT, STEPS_OF_RUN = 100_000, 5
COMMAND = """
import sys
from stepbridge.cli import main
try:
    plan = ["--batches-per-epoch", "1719", "--unit", "step", "--base", "0"]
    main(["reindex", sys.argv[1], "-o", sys.argv[2], *plan, "--quiet"])
finally:
    with open("/proc/self/status") as status:
        print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


def measure() -> Iterator[Memory]:
    """Re-index one file of 4 GB, a run that was written again and again, and 100,000 runs of a few records each."""
    large, many = CLAIMS["peak_memory"]
    event_file.write(PART, STEPS)
    if not LARGE.exists():
        LARGE.parent.mkdir(parents=True, exist_ok=True)
        part = PART.read_bytes()
        with LARGE.open("wb") as file:
            while file.tell() < SIZE:
                file.write(part)
    yield peak_of(large, LARGE)
    event_file.write_tree(RUNS, COUNT, STEPS_OF_RUN)
    yield peak_of(many, RUNS)


def peak_of(claim: Claim, logs: Path) -> Memory:
    """Re-index logs in a process of its own."""
    output = BUILD / "out.parquet"
    start = time.perf_counter()
    command = [sys.executable, "-c", COMMAND, str(logs), str(output)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds = time.perf_counter() - start
    output.unlink()
    return Memory(claim, int(printed.split()[-1]) / 1024, seconds)
