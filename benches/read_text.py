"""Measures the way from a text log of 1 GB to a long table, next to a compiled regular expression of Python.

The log is one of mmcv: lines of training and of validation, and between them lines without values. The peer knows the
layout and the names of every line and converts its numbers; it has neither a table nor a count of what it left out.
Ours finds the shape, the names and the length of the epochs, and gives epoch and iter.
"""

from __future__ import annotations

import itertools
import random
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

import stepbridge as sb
from claims import CLAIMS, Measured, Rate
from timing import once, pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = Path(__file__).parent.parent / "build" / "bench" / "text" / "train.log"
SIZE = 1_000_000_000
BATCHES = 7_330
EVERY = 10
# Of values that are drawn once; to draw them for each line takes most of a minute.
DRAWN = 100_000
REPEATS = 3
NUMBER = r"([-+.\deE]+)"
TRAINING = re.compile(
    rf".{{23}} - mmdet - INFO - Epoch \[(\d+)\]\[(\d+)/\d+\]\tlr: {NUMBER}, eta: [\d:]+, time: {NUMBER}, "
    rf"data_time: {NUMBER}, memory: {NUMBER}, loss_cls: {NUMBER}, loss_bbox: {NUMBER}, loss: {NUMBER}"
)
VALIDATION = re.compile(
    rf".{{23}} - mmdet - INFO - Epoch\(val\) \[(\d+)\]\[(\d+)\]\tbbox_mAP: {NUMBER}, bbox_mAP_50: {NUMBER}"
)


def measure() -> Iterator[Measured | Rate]:
    """Measure against the regular expression, and how much a second that is."""
    claim, rate = CLAIMS["read_text"]
    write(FILE)
    check()
    measured = pairs(lambda: once(table), partial(once, matched), REPEATS)
    yield Measured(claim, measured, "ms", 1e3)
    yield Rate(rate, FILE.stat().st_size, measured.our_median)


def write(path: Path) -> None:
    """Write the log as a training does, unless it is there."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    seeded = random.Random(1)
    drawn = [
        f"time: {seeded.uniform(0.3, 0.9):.3f}, data_time: {seeded.uniform(0.01, 0.2):.3f}, memory: 3786, "
        f"loss_cls: {seeded.uniform(0.1, 1):.4f}, loss_bbox: {seeded.uniform(0.1, 1):.4f}, "
        f"loss: {seeded.uniform(0.5, 12):.4f}\n"
        for _ in range(DRAWN)
    ]
    whole = path.with_suffix(".part")
    size = 0
    with whole.open("w", encoding="utf-8", newline="\n") as file:
        for second in itertools.count():
            epoch, batch = divmod(second * EVERY, BATCHES)
            days, hours, minutes = second // 86_400 % 28, second // 3600 % 24, second // 60 % 60
            head = f"2026-01-{1 + days:02d} {hours:02d}:{minutes:02d}:{second % 60:02d},345 - mmdet - INFO - "
            left = 10_000_000 - second
            eta = f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}"
            rate = 2e-2 / (1 + epoch / 100)
            text = f"{head}Epoch [{epoch + 1}][{batch + EVERY}/{BATCHES}]\tlr: {rate:.3e}, eta: {eta}, "
            text += drawn[second % DRAWN]
            if batch + EVERY == BATCHES:
                text += f"{head}Saving checkpoint at {epoch + 1} epochs\n{head}Epoch(val) [{epoch + 1}][625]\t"
                text += f"bbox_mAP: {seeded.random():.4f}, bbox_mAP_50: {seeded.random():.4f}\n"
            size += file.write(text)
            if size >= SIZE:
                break
    whole.rename(path)


def table() -> pa.Table:
    """Read the file, place every record, and hold all columns in memory."""
    return pa.table(sb.read_logs(FILE).reindex())


def matched() -> tuple[list[tuple[float, ...]], list[tuple[float, ...]]]:
    """Match each line, and convert its numbers."""
    training: list[tuple[float, ...]] = []
    validation: list[tuple[float, ...]] = []
    match, other = TRAINING.match, VALIDATION.match
    with FILE.open(encoding="utf-8") as file:
        for line in file:
            if found := match(line):
                training.append(tuple(map(float, found.groups())))
            elif found := other(line):
                validation.append(tuple(map(float, found.groups())))
    return training, validation


def check() -> None:
    """Stop unless both hold the same values, and ours the right places."""
    training, validation = matched()
    ours = table()
    records = 7 * len(training) + 2 * len(validation)
    if ours.num_rows != records:
        message = f"{records} values were matched, but read: {ours.num_rows}"
        raise RuntimeError(message)
    names = ("lr", "time", "data_time", "memory", "loss_cls", "loss_bbox", "loss")
    known = {(int(row[0]) - 1, int(row[1]) - 1): dict(zip(names, row[2:], strict=True)) for row in training[:10_000]}
    for row in ours.slice(0, 10_000).to_pylist():
        if row["tag"] in names and known[row["epoch"], row["iter"]][row["tag"]] != row["value"]:
            message = f"a record was read as {row}"
            raise RuntimeError(message)
