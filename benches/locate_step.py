"""Measures how long it takes to say what a step of one run is, where the folder holds many runs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import event_file
import stepbridge as sb
from claims import CLAIMS, Measured
from timing import once, pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

TREE = Path(__file__).parent.parent / "build" / "bench" / "tree"
RUNS, STEPS, REPEATS = 1000, 1000, 101
RUN, STEP = "group7/run507", 700
PLAN = sb.Timeline.plan(batches_per_epoch=300)


def measure() -> Iterator[Measured]:
    """Ask for one step, next to reading the run."""
    (claim,) = CLAIMS["locate_step"]
    event_file.write_tree(TREE, RUNS, STEPS)
    (reading,) = located().readings
    found = {value.tag: value.value for value in reading.values}
    expected = {tag: event_file.value_at(tag, STEP) for tag in event_file.TAGS}
    if (reading.epoch, reading.iter, found) != (STEP // 300, STEP % 300, expected):
        message = f"step {STEP} is somewhere else: {reading}"
        raise RuntimeError(message)
    read = partial(sb.read_logs, TREE / RUN)
    yield Measured(claim, pairs(lambda: once(located), lambda: once(read), REPEATS), "ms", 1e3)


def located() -> sb.LocatedStep:
    """Say what the step is."""
    return sb.locate_step(TREE, STEP, run=RUN, timeline=PLAN, unit="step", base=0)
