"""Measures how long it takes to write an event file on another axis, next to TensorBoard's own reader and writer."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from tensorboard.summary.writer.record_writer import RecordWriter

import event_file
import stepbridge as sb
from claims import CLAIMS, Measured
from timing import against, once, pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

BUILD = Path(__file__).parent.parent / "build" / "bench"
ONE = BUILD / "events"
FILE = ONE / "run" / "events.out.tfevents.1700000000.bench"
OUTPUT = BUILD / "rewritten"
STEPS, REPEATS = 1_000_000, 7
PLAN = sb.Timeline.plan(batches_per_epoch=event_file.BATCHES)


def measure() -> Iterator[Measured]:
    """Rewrite one large file, next to TensorBoard and to our own reading."""
    tensorboard, reading = CLAIMS["rewrite"]
    scalars = event_file.write(FILE, STEPS)
    found = rewritten()
    if found.records != scalars:
        message = f"{scalars} scalars were written, but rewritten: {found.records}"
        raise RuntimeError(message)
    measured = pairs(ours, lambda: once(read_and_copy), REPEATS)
    yield Measured(reading, measured, "ms", 1e3)
    yield Measured(tensorboard, against(measured, partial(once, peer), 1), "ms", 1e3)
    shutil.rmtree(OUTPUT)


def ours() -> float:
    """Rewrite it into a new folder."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    return once(rewritten)


def rewritten() -> sb.RewriteResult:
    """Rewrite the file by epochs."""
    return sb.rewrite(ONE, OUTPUT, PLAN, axis="epoch", unit="step", base=0)


def read_and_copy() -> None:
    """Read the file, and write as many bytes as rewriting it does."""
    sb.read_logs(ONE)
    shutil.copyfile(FILE, BUILD / "events.copy")


def peer() -> None:
    """Read each event with TensorBoard, give it another step, and write it."""
    with (BUILD / "events.peer").open("wb") as out:
        writer = RecordWriter(out)
        for event in LegacyEventFileLoader(str(FILE)).Load():
            event.step = round((event.step + 1) * 1e6 / event_file.BATCHES)
            writer.write(event.SerializeToString())
