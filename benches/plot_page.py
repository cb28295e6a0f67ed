"""Measures how long the command line takes to make one page of many long runs."""

from __future__ import annotations

import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import event_file
from claims import CLAIMS, Duration
from timing import once

if TYPE_CHECKING:
    from collections.abc import Iterator

BUILD = Path(__file__).parent.parent / "build" / "bench"
RUNS, STEPS, REPEATS = 100, 25_000, 5
#: The event files say neither what a step is nor how long an epoch is.
PLAN = ("--batches-per-epoch", str(event_file.BATCHES), "--unit", "st", "--base", "0")


def measure() -> Iterator[Duration]:
    """Make the page, and look that it is of all records."""
    (claim,) = CLAIMS["plot_page"]
    folder, output = BUILD / "page", BUILD / "page.html"
    scalars = event_file.write_tree(folder, RUNS, STEPS)
    command = [sys.executable, "-m", "stepbridge", "plot", str(folder), "--axis", "epoch", *PLAN, "-o", str(output)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if f"points of {scalars:,} records" not in printed:
        message = f"{scalars:,} scalars were written, but the page says: {printed}"
        raise RuntimeError(message)
    run = partial(subprocess.run, command, stdout=subprocess.DEVNULL, check=True)
    yield Duration(claim, statistics.median(once(run) for _ in range(REPEATS)))
