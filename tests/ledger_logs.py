"""A training that keeps a ledger and logs with TensorBoard's own writer, and takes down what it knew."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import stepbridge as sb

NAME = "stepclock.jsonl"


class Seen(NamedTuple):
    """What the loop knew when it logged."""

    step: int
    epoch: int
    iter: int


class Logger:
    """TensorBoard's own event file writer, and what the loop knew."""

    def __init__(self, folder: Path) -> None:
        self.writer = EventFileWriter(str(folder))
        self.seen: list[Seen] = []

    def log(self, clock: sb.StepClock, step: int) -> None:
        self.scalar(step)
        self.seen.append(Seen(step, *clock.location))

    def scalar(self, step: int, tag: str = "loss") -> None:
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=1.5)])
        self.writer.add_event(Event(step=step, wall_time=time.time(), summary=summary))


STEPS: dict[tuple[str, int], Callable[[sb.StepClock], int]] = {
    ("step", 1): lambda clock: clock.step,
    ("step", 0): lambda clock: clock.step - 1,
    ("batch", 1): lambda clock: clock.batch,
    ("batch", 0): lambda clock: clock.batch - 1,
    ("sample", 1): lambda clock: clock.sample or 0,
}


def train(
    clock: sb.StepClock, logger: Logger, size: int, step: Callable[[sb.StepClock], int] = STEPS["step", 1]
) -> None:
    for _ in clock.epochs():
        left = 1000 - (clock.sample or 0) % 1000 if clock.position.iter else 1000
        for _ in clock.batches(range(-(-left // size)), resume="continues"):
            if clock.closes_step:
                logger.log(clock, step(clock))
    logger.writer.close()


def places(table: sb.Table) -> list[Seen]:
    return [Seen(*row) for row in table.to_polars().select("step", "epoch", "iter").rows()]


def joined(folder: Path, *names: str) -> Path:
    """Put the event files of these folders into one file, as of processes that appended to it, next to the ledger."""
    into = folder / "joined"
    into.mkdir()
    files = [next(path for path in (folder / name).iterdir()) for name in names]
    (into / "events.out.tfevents.1.host").write_bytes(b"".join(path.read_bytes() for path in files))
    (folder / NAME).rename(into / NAME)
    return into
