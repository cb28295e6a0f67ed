"""Writes the event file that the readers are measured on: what a PyTorch SummaryWriter writes.

One event a scalar, one scalar an event, both checksums of each frame. Made by hand and without a framework; that the
peers read every value of it back is checked before anything is timed (see read_tfevents.py).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from crc32c import crc32c

if TYPE_CHECKING:
    from pathlib import Path

TAGS = ("train/loss", "train/accuracy", "lr", "epoch")
BATCHES = 1719
START = 1_700_000_000.0


def varint(number: int) -> bytes:
    """Encode a count as protobuf does: seven bits a byte, the lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def masked(data: bytes) -> bytes:
    """Give the checksum that a TFRecord frame stores: CRC-32C, rotated and shifted."""
    crc = int(crc32c(data))
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def frame(payload: bytes) -> bytes:
    """Wrap a payload into a TFRecord frame: length, its checksum, payload, its checksum."""
    length = struct.pack("<Q", len(payload))
    return length + masked(length) + payload + masked(payload)


def scalar(wall_time: float, step: int, tag: bytes, value: float) -> bytes:
    """Encode an Event that holds one simple_value."""
    entry = b"\x0a" + varint(len(tag)) + tag + b"\x15" + struct.pack("<f", value)
    summary = b"\x0a" + varint(len(entry)) + entry
    return b"\x09" + struct.pack("<d", wall_time) + b"\x10" + varint(step) + b"\x2a" + varint(len(summary)) + summary


def value_at(tag: str, step: int) -> float:
    """Give the value of a tag at a step: the epoch's index, else a number that is exact in a float32."""
    return float(step // BATCHES) if tag == "epoch" else (step % 4096) / 4096


def write(path: Path, steps: int) -> int:
    """Write `steps` steps of every tag, unless the file is already there; return how many scalars it holds."""
    scalars = steps * len(TAGS)
    whole = path.with_suffix(f".{scalars}.epochs.whole")
    if whole.exists():
        return scalars
    path.parent.mkdir(parents=True, exist_ok=True)
    tags = [(tag, tag.encode()) for tag in TAGS]
    with path.open("wb") as file:
        version = b"brain.Event:2"
        head = b"\x09" + struct.pack("<d", START) + b"\x1a" + varint(len(version)) + version
        file.write(frame(head))
        for step in range(steps):
            wall_time = START + step / 100
            file.write(b"".join(frame(scalar(wall_time, step, name, value_at(tag, step))) for tag, name in tags))
    whole.touch()
    return scalars


def write_tree(folder: Path, runs: int, steps: int) -> int:
    """Write a tree of runs that hold `steps` steps of every tag each, unless it is there; return how many scalars."""
    whole = folder / f"{runs}x{steps}.whole"
    if not whole.exists():
        first = folder / "group0" / "run0" / "events.out.tfevents.1700000000.bench"
        write(first, steps)
        content = first.read_bytes()
        for run in range(runs):
            copy = folder / f"group{run % 10}" / f"run{run}" / first.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
        whole.touch()
    return runs * steps * len(TAGS)
