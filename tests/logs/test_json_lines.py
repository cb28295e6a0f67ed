"""JSON lines: every real log of that sort against what Python's own `json` module finds in each line."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from stepbridge import Timeline
from stepbridge.logs import read_logs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Fact

#: Keys that are not values: they say where a line is.
COUNTERS = {
    "detectron2": {"iteration"},
    "mmengine": {"step", "epoch", "iter"},
    "wandb_history": {"_step", "_timestamp"},
    "jsonl": {"step", "epoch"},
}
STEP = {"detectron2": "iteration", "mmengine": "step", "wandb_history": "_step", "jsonl": "step"}


class Record(NamedTuple):
    """A value and where it is; floats as their bits, as NaN differs from itself."""

    tag: str
    step: int | None
    epoch: bytes | None
    time: bytes | None
    value: bytes


class Found(NamedTuple):
    """What is in a file of JSON lines."""

    records: list[Record]
    sound: int
    others: int
    broken: list[tuple[int, int]]
    """Lines that are not JSON: where they begin, and how long they are."""


def bits(number: float | None) -> bytes | None:
    """Give the bits of a float."""
    return None if number is None else struct.pack("<d", number)


def values(line: dict[str, Any], name: str, kind: str) -> Iterator[tuple[str, Any]]:
    """Give the values of an object with their names, those of nested ones joined."""
    for key, value in line.items():
        path = f"{name}.{key}" if name else key
        if isinstance(value, dict) and not (kind == "wandb_history" and "_type" in value):
            yield from values(value, path, kind)
        elif path not in COUNTERS[kind]:
            yield path, value


def oracle(data: bytes, kind: str) -> Found:
    """Read a file line by line, in the plainest way."""
    found = Found([], 0, 0, [])
    sound = others = at = 0
    for line in data.splitlines(keepends=True):
        begin, at = at, at + len(line)
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except ValueError:
            found.broken.append((begin, len(line)))
            continue
        sound += 1
        time = bits(entry.get("_timestamp")) if kind == "wandb_history" else None
        for tag, value in values(entry, "", kind):
            if isinstance(value, bool) or not isinstance(value, int | float):
                others += value is not None
                continue
            step = entry.get(STEP[kind])
            epoch = bits(entry.get("epoch")) if "epoch" in COUNTERS[kind] else None
            found.records.append(Record(tag, step, epoch, time, struct.pack("<d", value)))
    return found._replace(sound=sound, others=others)


def agrees(path: Path, kind: str) -> None:
    """Check that a file is found to be in its format, and gives what the plain way gives."""
    expected = oracle(path.read_bytes(), kind)
    logs = read_logs(path)
    (file,) = logs.files
    assert (file.format, file.records_ok, file.non_numeric) == (kind, expected.sound, expected.others)
    frame = logs.table(keep_superseded=True).to_polars()
    columns = (frame[name].to_list() for name in ("tag", "step", "epoch_logged", "wall_time", "value"))
    records = [
        Record(tag, step, bits(epoch), bits(time), struct.pack("<d", value))
        for tag, step, epoch, time, value in zip(*columns, strict=True)
    ]
    assert records == expected.records
    assert [(problem.offset, problem.length) for problem in logs.problems] == expected.broken


@pytest.mark.of_format("detectron2", "metrics.json")
def test_every_detectron2_log_is_what_json_says(fact: Fact) -> None:
    agrees(fact.path, "detectron2")


@pytest.mark.of_format("mmengine", "scalars.json")
def test_every_mmengine_log_is_what_json_says(fact: Fact) -> None:
    agrees(fact.path, "mmengine")


@pytest.mark.of_format("wandb", "wandb-history.jsonl")
def test_every_wandb_history_is_what_json_says(fact: Fact) -> None:
    agrees(fact.path, "wandb_history")


@pytest.mark.of_format("wandb", "wandb-summary.json")
def test_a_summary_is_no_log(fact: Fact) -> None:
    with pytest.raises(ValueError, match="is not a log"):
        read_logs(fact.path)


def test_numbers_of_every_sort_have_the_bits_that_json_gives(tmp_path: Path) -> None:
    texts = [
        "0",
        "-0.0",
        "1e5",
        "0.1",
        "5e-324",
        "2.2250738585072011e-308",
        "1e400",
        "-1e400",
        "123456789012345678901234567890",
    ]
    texts += ["9007199254740993", "NaN", "Infinity", "-Infinity", "1.7976931348623157e308", "8.41E+21", "0.3"]
    texts += [repr(1 / n) for n in range(1, 2000)]
    path = tmp_path / "log.jsonl"
    path.write_text("".join(f'{{"step": {step}, "value": {text}}}\r\n' for step, text in enumerate(texts)))
    agrees(path, "jsonl")


def test_nested_objects_and_names_with_escapes(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    entries = [
        {"step": 1, "z": 1, "a": {"b": 1, "c": {"ä": 2.5, "d": None}}, "list": [1, 2], "text": "x", "on": True},
        {"epoch": 0.25, "a": {}, 'quo"te': 3, "step": 2, "nul\x00l": 4},
        {"loss": -1, "step": 3},
    ]
    path.write_text("\n\n".join(map(json.dumps, entries)) + "\n")
    agrees(path, "jsonl")


def test_a_large_file_is_read_by_several_threads_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    lines = [
        json.dumps({"step": n, "epoch": n // 1000, "loss": 1 / (n + 1), f"tag{n % 7}": n * 0.1}) for n in range(90_000)
    ]
    lines[40_000] = lines[40_000][:20]
    path.write_text("\n".join(lines) + "\n")
    assert path.stat().st_size > 4 << 20
    agrees(path, "jsonl")


def test_a_named_key_holds_the_step(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    path.write_text('{"it": 5, "ep": 1, "at": 12.5, "loss": 0.5}\n')
    logs = read_logs(path, format="jsonl", step_column="it", epoch_column="ep", time_column="at")
    assert logs.to_polars().select("tag", "step", "epoch_logged", "wall_time", "value").rows() == [
        ("loss", 5, 1.0, 12.5, 0.5)
    ]
    logs = read_logs(path, format="jsonl", step_column="steps")
    assert [problem.reason for problem in logs.problems] == [
        "no object has the key 'steps'; there are 'it', 'ep', 'at', 'loss'"
    ]


def test_a_named_key_makes_lines_of_any_names_a_log(tmp_path: Path) -> None:
    lines = ['{"it": 5, "n": {"ep": 1}, "loss": 0.5}', '{"it": 6, "n": {"ep": 1}, "loss": 0.25}']
    path = tmp_path / "history.json"
    path.write_text("\n".join(lines) + "\n")
    (tmp_path / "config.json").write_text('{"it": 5, "lr": 0.5}')
    (tmp_path / "notes.jsonl").write_text('{"text": "it"}\n')
    with pytest.raises(ValueError, match="is not a log of a known format"):
        read_logs(path)
    for step, epoch in (("it", None), (None, "n.ep"), ("none", "n.ep")):
        assert [file.file for file in read_logs(tmp_path, step_column=step, epoch_column=epoch).files] == [
            "history.json"
        ]
    assert read_logs(path, step_column="it").to_polars()["step"].to_list() == [5, 5, 6, 6]


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
@pytest.mark.parametrize("name", ["step", "iter"])
def test_steps_that_begin_again_with_each_epoch_are_batches_of_it(
    tmp_path: Path, suffix: str, name: str, base: int
) -> None:
    """A loop over `enumerate(loader, base)` that logs its two counters: each row says itself where it is."""
    rows = [(epoch, step, 0.5) for epoch in range(base, base + 3) for step in range(base, base + 5)]
    lines = [json.dumps(dict(zip(("epoch", name, "loss"), row, strict=True))) for row in rows]
    if suffix == "csv":
        lines = [f"epoch,{name},loss", *(",".join(map(str, row)) for row in rows)]
    path = tmp_path / f"log.{suffix}"
    path.write_text("\n".join(lines) + "\n")
    logs = read_logs(path)
    (steps,) = logs.steps
    assert (steps.unit, steps.base, steps.source, steps.within) == ("ba", base, "epochs", "epoch")
    assert "an epoch may have 5 batches or any number above" in logs.infer()["."].evidence
    placed = [(epoch - base, step - base) for epoch, step, _ in rows]
    own = logs.reindex()
    assert list(zip(own.to_polars()["epoch"], own.to_polars()["iter"], strict=True)) == placed
    assert [(assumed.unit, assumed.base, assumed.within) for assumed in own.assumed] == [("ba", base, "epoch")]
    assert own.problems == ()
    table = logs.reindex(Timeline.plan(batches_per_epoch=5, epochs=3)).to_polars()
    assert list(zip(table["epoch"], table["iter"], strict=True)) == placed
    assert table["epoch_float"].to_list() == [(n + 1) / 5 for n in range(15)]
    # The same counters, of a loop that goes on counting.
    whole = [(epoch, epoch * 5 + step) for epoch, step in placed]
    path.write_text("\n".join(json.dumps({"epoch": epoch, "step": step, "loss": 0.5}) for epoch, step in whole) + "\n")
    table = read_logs(path, format="jsonl").reindex().to_polars()
    assert list(zip(table["epoch"], table["iter"], strict=True)) == placed
