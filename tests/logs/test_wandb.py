"""W&B's offline files: real ones against a second reader that shares nothing with ours, and ones that are made here."""

from __future__ import annotations

import hashlib
import json
import math
import re
import struct
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from stepbridge.logs import read_logs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Fact

BLOCK = 32768
HEADER = struct.pack("<4sHB", b":W&B", 0xBEE1, 0)
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4

Row = tuple[str, int | None, float]


def payloads(data: bytes) -> Iterator[bytes]:
    """Give the records of a file, slowly and without forgiveness, up to the first chunk that is not whole."""
    at, record = len(HEADER), b""
    while at + 7 <= len(data):
        left = BLOCK - at % BLOCK
        if left < 7:
            at += left
            continue
        checksum, length, part = struct.unpack_from("<IHB", data, at)
        body = data[at + 7 : at + 7 + length]
        if len(body) < length:
            return
        assert zlib.crc32(bytes([part]) + body) == checksum
        at += 7 + length
        record = body if part in {FULL, FIRST} else record + body
        if part in {FULL, LAST}:
            yield record


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a number of the protobuf encoding; give it, and where it ends."""
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at


def fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Give the fields of a protobuf message: numbers and bytes."""
    at = 0
    while at < len(message):
        key, at = varint(message, at)
        if key & 7 == 0:
            value, at = varint(message, at)
            yield key >> 3, value
            continue
        size, at = varint(message, at) if key & 7 == 2 else ({1: 8, 5: 4}[key & 7], at)
        yield key >> 3, message[at : at + size]
        at += size


def rows_of(record: bytes) -> Iterator[Row]:
    """Give the values of a record, if it is one of history."""
    for number, history in fields(record):
        if number != 2:
            continue
        values: dict[str, Any] = {}
        for sort, item in fields(history):
            if sort == 1:
                parts = list(fields(item))
                key = ".".join(part.decode() for of, part in parts if of in {1, 2})
                values[key] = json.loads(next(part for of, part in parts if of == 16))
        step = values.pop("_step", None)
        values.pop("_timestamp", None)
        yield from ((key, step, value) for key, value in values.items() if type(value) in {int, float})


def by_hand(path: Path) -> list[Row]:
    return [row for record in payloads(path.read_bytes()) for row in rows_of(record)]


def by_us(path: Path) -> list[Row]:
    return read_logs(path).to_polars().select("tag", "step", "value").rows()


@pytest.mark.of_format("wandb", ".wandb")
def test_real_files_hold_what_is_known_of_them(fact: Fact) -> None:
    assert hashlib.sha256(fact.path.read_bytes()).hexdigest() == fact.sha256
    logs = read_logs(fact.path)
    (file,) = logs.files
    counts = re.search(r"(\d+) records \{", fact.known)
    steps = re.search(r"history step (\d+)\.\.(\d+)", fact.known)
    assert counts
    assert steps
    assert (file.format, file.records_ok, file.size) == ("wandb", int(counts[1]), fact.path.stat().st_size)
    frame = logs.to_polars()
    assert (frame["step"].min(), frame["step"].max()) == (int(steps[1]), int(steps[2]))
    # Each run that was killed left a record that is not whole, unless it ended between two.
    kinds = [problem.kind for problem in logs.problems]
    assert kinds == (["truncated"] if "truncated record" in fact.known else kinds)
    assert set(kinds) <= {"truncated"}


@pytest.mark.of_format("wandb", ".wandb")
def test_real_files_agree_with_a_second_reader(fact: Fact) -> None:
    assert by_us(fact.path) == by_hand(fact.path)


@pytest.mark.of_format("wandb", ".wandb")
def test_times_are_those_of_the_calls(fact: Fact) -> None:
    times = read_logs(fact.path).to_polars()["wall_time"]
    assert times.null_count() == 0
    assert times.is_sorted()


def length_of(number: int) -> bytes:
    if number < 0x80:
        return bytes([number])
    return bytes([number & 0x7F | 0x80]) + length_of(number >> 7)


def field(number: int, content: bytes) -> bytes:
    return length_of(number << 3 | 2) + length_of(len(content)) + content


def call(**values: object) -> bytes:
    """Give the record of a call of `wandb.log`."""
    items = [field(1, key.encode()) + field(16, json.dumps(value).encode()) for key, value in values.items()]
    return field(2, b"".join(field(1, item) for item in items))


def file(*records: bytes) -> bytes:
    """Write records as wandb's own writer does."""
    data = HEADER
    for record in records:
        left = BLOCK - len(data) % BLOCK
        if left < 7:
            data, left = data + bytes(left), BLOCK
        part, rest = FULL if len(record) + 7 <= left else FIRST, record
        while True:
            body, rest = rest[: left - 7], rest[left - 7 :]
            data += struct.pack("<IHB", zlib.crc32(bytes([part]) + body), len(body), part) + body
            if not rest:
                break
            left = BLOCK
            part = MIDDLE if len(rest) + 7 > BLOCK else LAST
    return data


def test_a_run_is_its_folder_and_what_is_no_number_is_counted(tmp_path: Path) -> None:
    folder = tmp_path / "run-20240531_132850-abcdefgh"
    folder.mkdir()
    text = call(_step=2, _timestamp=5.5, note="hello", flag=True, table={"_type": "table", "rows": 3}, nothing=None)
    nested = call(_step=7, loss="NaN", train={"loss": 0.5, "by": {"class": 2}})
    (folder / "run-abcdefgh.wandb").write_bytes(file(call(_step=0, loss=0.25, epoch=0), text, nested))
    logs = read_logs(tmp_path)
    assert logs.runs == ["run-20240531_132850-abcdefgh"]
    assert (logs.files[0].records_ok, logs.files[0].non_numeric, logs.problems) == (3, 3, ())
    rows = logs.to_polars().select("tag", "step", "value").rows()
    assert rows[:2] == [("loss", 0, 0.25), ("epoch", 0, 0.0)]
    assert rows[2][:2] == ("loss", 7)
    assert math.isnan(rows[2][2])
    assert rows[3:] == [("train.loss", 7, 0.5), ("train.by.class", 7, 2.0)]


def test_a_damaged_record_over_several_blocks_costs_itself_alone(tmp_path: Path) -> None:
    calls = [call(_step=step, loss=step / 2) for step in range(200)]
    output = field(13, field(2, b"x" * 100_000))
    data = bytearray(file(*calls[:100], output, *calls[100:]))
    begin = len(file(*calls[:100]))
    data[begin + 50_000] ^= 1
    path = tmp_path / "run-a.wandb"
    path.write_bytes(data)
    logs = read_logs(path)
    (problem,) = logs.problems
    end = begin + len(output) + 4 * 7
    assert (problem.kind, problem.offset, problem.length) == ("corrupt", begin, end - begin)
    assert logs.to_polars()["step"].to_list() == list(range(200))


def test_bytes_with_the_name_of_a_run_are_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "run-a.wandb"
    path.write_bytes(b"something else, long enough to be looked at")
    with pytest.raises(ValueError, match="it holds no valid record"):
        read_logs(path)


@pytest.mark.parametrize("pattern", [True, False])
def test_an_axis_called_epoch_is_the_epoch_of_its_series(pattern: bool, tmp_path: Path) -> None:
    """Five calls an epoch log the training, and one the validation, whose axis is the epoch."""
    name = field(2, b"val/*") if pattern else field(1, b"val/acc")
    metric = field(12, name + field(4, b"epoch") + field(6, b"\x08\x01\x18\x01"))
    calls: list[bytes] = []
    for epoch in range(4):
        calls.extend(call(_step=6 * epoch + batch, loss=0.5, epoch=epoch) for batch in range(5))
        calls.append(call(**{"_step": 6 * epoch + 5, "val/acc": 0.25, "epoch": epoch}))
    (tmp_path / "run-a.wandb").write_bytes(file(metric, *calls))
    table = read_logs(tmp_path).reindex()
    frame = table.to_polars()
    places = {tag: frame.filter(frame["tag"] == tag)["epoch"].to_list() for tag in ("val/acc", "loss", "epoch")}
    assert places["val/acc"] == [0, 1, 2, 3]
    assert places["loss"] == [epoch for epoch in range(4) for _ in range(5)]
    assert places["epoch"] == [epoch for epoch in range(4) for _ in range(6)]
