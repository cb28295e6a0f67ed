"""Many small runs of four kinds, some of them resumed: as many as a test or a bench asks for.

Their content is one of some hundreds, so that it takes less time to make runs than to read them.
"""

from __future__ import annotations

import csv
import io
import json
import random
import struct
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from small_logs import field

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["KINDS", "STEPS", "TAGS", "files_of"]

#: Steps and tags of a run: 4,000 values.
STEPS, TAGS = 1000, ("loss", "accuracy", "lr", "grad_norm")
#: How many steps an epoch has.
_EPOCH = 10
#: Every so many runs were resumed, and did some steps again.
_RESUMED = 11
#: So many runs of a kind have different content.
_DIFFERENT = 33
#: What writes a run, one after the other.
KINDS = ("tfevents", "csv", "jsonl", "wandb")

Rows = list[tuple[int, int, list[float]]]


def files_of(number: int, steps: int = STEPS) -> dict[str, bytes]:
    """Give the files of a run, by their names below the folder of all runs."""
    kind = KINDS[number % len(KINDS)]
    resumed = number % _RESUMED == 0
    folder = f"sweep{number // 1000:03}/run{number:06}"
    return {f"{folder}/{name}": data for name, data in _content(kind, number % _DIFFERENT, steps, resumed=resumed)}


@lru_cache(maxsize=1024)
def _content(kind: str, seed: int, steps: int, *, resumed: bool) -> tuple[tuple[str, bytes], ...]:
    draw = random.Random(seed)
    rows = [(step, step // _EPOCH, [draw.random() for _ in TAGS]) for step in range(steps)]
    # The second session begins where the last checkpoint was, in the middle.
    sessions = [rows[: steps * 3 // 4], rows[steps // 2 :]] if resumed else [rows]
    if kind == "tfevents":
        return tuple(
            (f"events.out.tfevents.{1_700_000_000 + number}.host", _events(session, 1.7e9 + number * 1e5))
            for number, session in enumerate(sessions)
        )
    if kind == "csv":
        return (("metrics.csv", _table([row for session in sessions for row in session])),)
    if kind == "jsonl":
        return (("log.jsonl", b"".join(map(_lines, sessions))),)
    names = (f"wandb/run-2026010{number + 1}_000000-abcdefgh/run-abcdefgh.wandb" for number in range(len(sessions)))
    return tuple(zip(names, map(_store, sessions), strict=True))


def _values(row: tuple[int, int, list[float]]) -> Iterator[tuple[str, float]]:
    yield "epoch", row[1]
    yield from zip(TAGS, row[2], strict=True)


def _events(rows: Rows, begin: float) -> bytes:
    """Make an event file, as TensorBoard does."""
    file = io.BytesIO()
    writer = RecordWriter(file)
    writer.write(Event(wall_time=begin, file_version="brain.Event:2").SerializeToString())
    for row in rows:
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in _values(row)])
        writer.write(Event(wall_time=begin + row[0], step=row[0], summary=summary).SerializeToString())
    return file.getvalue()


def _table(rows: Rows) -> bytes:
    """Make a table as Lightning does."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("step", "epoch", *TAGS))
    writer.writerows((step, epoch, *values) for step, epoch, values in rows)
    return text.getvalue().encode()


def _lines(rows: Rows) -> bytes:
    return "".join(json.dumps({"step": row[0], **dict(_values(row))}) + "\n" for row in rows).encode()


def _store(rows: Rows) -> bytes:
    """Make an offline file of W&B; its blocks are those of LevelDB's log."""
    file = bytearray(struct.pack("<4sHB", b":W&B", 0xBEE1, 0))
    for row in rows:
        items = [(key, json.dumps(value)) for key, value in (("_step", row[0]), *_values(row))]
        history = b"".join(field(1, field(1, key.encode()) + field(16, text.encode())) for key, text in items)
        record, first = field(2, history), True
        while record or first:
            room = 32768 - len(file) % 32768
            if room < 7:
                file += bytes(room)
                room = 32768
            part, record = record[: room - 7], record[room - 7 :]
            kind = {(True, True): 1, (True, False): 2, (False, False): 3, (False, True): 4}[first, not record]
            file += struct.pack("<IHB", zlib.crc32(bytes([kind]) + part), len(part), kind) + part
            first = False
    return bytes(file)
