"""Measures the way from an event file to a whole table with epoch and iter, beside TensorBoard's two readers.

The peers give no epoch and no iter: they are timed up to where they hold every value and its step.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import data_server
import event_file
import stepbridge as sb
from claims import CLAIMS, Measured
from timing import once, pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent.parent / "build" / "bench" / "events"
FILE = FOLDER / "run" / "events.out.tfevents.1700000000.bench"
STEPS = 300_000
REPEATS = 7
SLOW_REPEATS = 3


def measure() -> Iterator[Measured]:
    """Measure against the data server, then against EventAccumulator."""
    server, accumulator = CLAIMS["read_tfevents"]
    scalars = event_file.write(FILE, STEPS)
    plan = sb.Timeline.plan(batches=event_file.BATCHES)
    check(plan, scalars)

    def ours() -> float:
        return once(lambda: table(plan))

    yield Measured(server, pairs(ours, lambda: data_server.load_seconds(FOLDER), REPEATS), "ms", 1e3)
    yield Measured(accumulator, pairs(ours, lambda: once(accumulate), SLOW_REPEATS), "ms", 1e3)


def table(plan: sb.Timeline) -> pa.Table:
    """Read the file, place every record, and hold all columns in memory."""
    indexed = sb.read_logs(FOLDER).reindex(plan, unit="step", base=0)
    return pa.table(indexed)


def accumulate() -> EventAccumulator:
    """Read the file with EventAccumulator, told to keep every scalar."""
    events = EventAccumulator(str(FILE), size_guidance={"scalars": 0})
    events.Reload()
    return events


def check(plan: sb.Timeline, scalars: int) -> None:
    """Stop unless all three hold every scalar, and ours the right values and places."""
    events = accumulate()
    kept = {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}
    counts = {
        "stepbridge": table(plan).num_rows,
        "tensorboard-data-server": data_server.count_scalars(FOLDER),
        "EventAccumulator": sum(map(len, kept.values())),
    }
    if set(counts.values()) != {scalars}:
        message = f"{scalars} scalars were written, but read: {counts}"
        raise RuntimeError(message)
    for row in table(plan).slice(scalars // 2, 4096).to_pylist():
        step = row["step"]
        expected = (
            *divmod(step, event_file.BATCHES),
            event_file.value_at(step),
            kept[row["tag"]][step].value,
        )
        if (row["epoch"], row["iter"], row["value"], row["value"]) != expected:
            message = f"step {step} of {row['tag']} was read as {row}, but is {expected}"
            raise RuntimeError(message)
