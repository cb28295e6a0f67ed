"""Measures the way from event files to a whole table with epoch and iter, next to TensorBoard's readers and tbparse.

The peers give no epoch and no iter: they are timed up to where they hold every value and its step.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from tbparse import SummaryReader
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import data_server
import event_file
import stepbridge as sb
from claims import CLAIMS, Measured
from timing import against, once, pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

BUILD = Path(__file__).parent.parent / "build" / "bench"
ONE = BUILD / "events"
FILE = ONE / "run" / "events.out.tfevents.1700000000.bench"
MANY = BUILD / "runs"
STEPS, RUNS, STEPS_OF_RUN = 1_000_000, 1_000, 1_000
REPEATS = 7
# A pair takes two seconds, and ours a tenth of one: of so few a slow moment of the machine would decide.
TREE_REPEATS = 21
# A run of the peers that are written in Python takes most of a minute.
SLOW_REPEATS = 2


def measure() -> Iterator[Measured]:
    """Measure one large file next to each peer, then a tree of many runs."""
    server, accumulator, parsed, tree = CLAIMS["read_tfevents"]
    plan = sb.Timeline.plan(batches_per_epoch=event_file.BATCHES)
    check(plan, ONE, event_file.write(FILE, STEPS))

    def ours() -> float:
        return once(lambda: table(plan, ONE))

    # One time of ours for the file, so that the three rows can be compared.
    measured = pairs(ours, lambda: data_server.load_seconds(ONE), REPEATS)
    yield Measured(server, measured, "ms", 1e3)
    for claim, peer in ((accumulator, accumulate), (parsed, lambda: SummaryReader(str(ONE)).scalars)):
        yield Measured(claim, against(measured, partial(once, peer), SLOW_REPEATS), "ms", 1e3)
    scalars = event_file.write_tree(MANY, RUNS, STEPS_OF_RUN)
    counts = {table(plan, MANY).num_rows, data_server.count_scalars(MANY)}
    if counts != {scalars}:
        message = f"{scalars} scalars were written, but read: {counts}"
        raise RuntimeError(message)
    ours_of_tree = pairs(lambda: once(lambda: table(plan, MANY)), lambda: data_server.load_seconds(MANY), TREE_REPEATS)
    yield Measured(tree, ours_of_tree, "ms", 1e3)


def table(plan: sb.Timeline, folder: Path) -> pa.Table:
    """Read what is below a folder, place every record, and hold all columns in memory."""
    indexed = sb.read_logs(folder).reindex(plan, unit="step", base=0)
    return pa.table(indexed)


def accumulate() -> EventAccumulator:
    """Read the file with EventAccumulator, which keeps every scalar."""
    events = EventAccumulator(str(FILE), size_guidance={"scalars": 0})
    events.Reload()
    return events


def check(plan: sb.Timeline, folder: Path, scalars: int) -> None:
    """Stop unless all hold every scalar, and ours the right values and places."""
    events = accumulate()
    kept = {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}
    ours = table(plan, folder)
    counts = {
        "stepbridge": ours.num_rows,
        "tensorboard-data-server": data_server.count_scalars(folder),
        "EventAccumulator": sum(map(len, kept.values())),
    }
    if set(counts.values()) != {scalars}:
        message = f"{scalars} scalars were written, but read: {counts}"
        raise RuntimeError(message)
    for row in ours.slice(scalars // 2, 4096).to_pylist():
        step, tag = row["step"], row["tag"]
        value = event_file.value_at(tag, step)
        expected = (*divmod(step, event_file.BATCHES), value, kept[tag][step].value)
        if (row["epoch"], row["iter"], row["value"], row["value"]) != expected:
            message = f"step {step} of {tag} was read as {row}, but is {expected}"
            raise RuntimeError(message)
