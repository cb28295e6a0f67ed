"""Logs that grow: a second read takes what was added, and the whole is what one read of all gives."""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
from contextlib import closing, suppress
from itertools import pairwise
from typing import TYPE_CHECKING

import polars as pl
import polars.selectors as cs
import pytest
from polars.testing import assert_frame_equal
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

import stepbridge as sb
from conftest import DATA
from small_logs import field, small_log

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: A log of each format that is appended to, and one of each that is not.
LOGS = sorted(
    path.relative_to(DATA).as_posix()
    for pattern in (
        "tfevents/**/*tfevents*",
        "lightning/**/metrics.csv",
        "keras_csv/**/*.csv",
        "ultralytics/**/results.csv",
        "sb3_progress/**/progress.csv",
        "detectron2/**/metrics.json",
        "mmengine/**/scalars.json",
        "wandb/**/*.wandb",
        "trainer_state/**/trainer_state.json",
        "text/**/*.txt",
    )
    for path in sorted(DATA.glob(pattern))[:2]
    if path.stat().st_size > 1000
)


def whole(logs: sb.Logs) -> pl.DataFrame:
    frame = logs.table(keep_superseded=True).to_polars().cast({cs.categorical(): pl.String})
    # Lines of several kinds in one block of text are ordered by kind.
    return frame.sort(frame.columns) if any(file.format == "text" for file in logs.files) else frame


def with_records(content: bytes, log: Path) -> int:
    """Write the beginning of a log that has records, and return its length. A log may begin with a long description."""
    for length in (len(content) // 3, len(content) // 2, 2 * len(content) // 3):
        log.write_bytes(content[:length])
        with suppress(sb.NoLogsError):
            sb.read_logs(log)
            return length
    raise AssertionError(f"the first two thirds of {log.name} hold no record")


@pytest.mark.parametrize("name", LOGS)
def test_a_log_that_grows_in_parts(name: str, tmp_path: Path) -> None:
    content = (DATA / name).read_bytes()
    log = tmp_path / "run" / (DATA / name).name
    log.parent.mkdir()
    first = with_records(content, log)
    logs = sb.read_logs(tmp_path)
    for begin, end in pairwise([first, first + 7, (first + len(content)) // 2, len(content) - 3, len(content)]):
        with log.open("ab") as file:
            file.write(content[begin:end])
        before = len(logs)
        assert logs.refresh() == len(logs) - before
        again = sb.read_logs(tmp_path)
        assert_frame_equal(whole(logs), whole(again))
        assert [(problem.offset, problem.kind) for problem in logs.problems] == [
            (problem.offset, problem.kind) for problem in again.problems
        ]
    assert logs.refresh() == 0


def table_of(epochs: range, loss: float = 0.5, rest: str = "") -> str:
    return "".join(f"{step // 10},{step},{loss}{rest}\n" for step in epochs)


def lines_of(steps: range, loss: float = 0.5) -> str:
    return "".join(f'{{"step": {step}, "loss": {loss}}}\n' for step in steps)


def text_of(steps: range, loss: float = 0.5) -> str:
    return "".join(f"iter {step}: loss {loss}, time 1ms\n" for step in steps)


#: Above and below the size from which on only what was added is read.
SIZES = [30, 20_000]


def assert_as_fresh(logs: sb.Logs, path: Path) -> None:
    """Compare logs that were refreshed with a reading of everything as it is now."""
    fresh = sb.read_logs(path)
    assert_frame_equal(whole(logs), whole(fresh))
    assert logs.problems == fresh.problems
    assert (logs.files, logs.runs, logs.sessions) == (fresh.files, fresh.runs, fresh.sessions)


@pytest.mark.parametrize("how", ["rename", "rewrite", "same_size", "same_size_and_time"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("name", "write"),
    [("metrics.csv", lambda *of: "epoch,step,loss\n" + table_of(*of)), ("log.jsonl", lines_of), ("a.log", text_of)],
)
def test_a_log_that_was_replaced(
    name: str, write: Callable[[range, float], str], size: int, how: str, tmp_path: Path
) -> None:
    log = tmp_path / name
    log.write_text(write(range(size), 0.5))
    logs = sb.read_logs(tmp_path)
    before = log.stat()
    content = write(range(size if how.startswith("same") else size + 9), 0.7)
    if how == "rename":
        (tmp_path / "new").write_text(content)
        (tmp_path / "new").replace(log)
    else:
        log.write_text(content)
    if how == "same_size_and_time":
        os.utime(log, ns=(before.st_atime_ns, before.st_mtime_ns))
    logs.refresh()
    assert_as_fresh(logs, tmp_path)
    assert 0.7 in whole(logs)["value"].to_list()


@pytest.mark.parametrize("size", SIZES)
def test_a_log_that_is_written_anew_with_another_column(size: int, tmp_path: Path) -> None:
    log = tmp_path / "metrics.csv"
    log.write_text("epoch,step,loss\n" + table_of(range(size)))
    logs = sb.read_logs(tmp_path)
    log.write_text(
        "epoch,step,loss,acc\n" + table_of(range(size), rest=",") + table_of(range(size, 2 * size), rest=",1")
    )
    logs.refresh()
    assert_as_fresh(logs, tmp_path)
    assert logs.tags == ["loss", "acc"]


def test_bytes_that_were_changed_in_place_are_read(tmp_path: Path) -> None:
    log = tmp_path / "metrics.csv"
    log.write_text("epoch,step,loss\n" + "".join(f"0,{step},0.5\n" for step in range(100_000)))
    logs = sb.read_logs(tmp_path)
    with log.open("a") as file:
        file.write("1,100000,0.25\n")
    with log.open("r+b") as file:
        file.seek(16)
        file.write(b"9")
    assert logs.refresh() == 1
    assert whole(logs)["epoch_logged"].to_list()[:2] == [9, 0]


def test_a_log_that_is_away_for_a_moment(tmp_path: Path) -> None:
    log = tmp_path / "runs" / "a" / "log.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text(lines_of(range(10)))
    logs = sb.read_logs(tmp_path / "runs")
    (tmp_path / "runs").rename(tmp_path / "away")
    with pytest.raises(FileNotFoundError):
        logs.refresh()
    (tmp_path / "away").rename(tmp_path / "runs")
    assert (logs.refresh(), len(logs)) == (0, 10)
    log.write_text("")
    with pytest.raises(sb.NoLogsError):
        logs.refresh()
    log.write_text(lines_of(range(12), 0.25))
    assert logs.refresh() == 2
    assert_as_fresh(logs, tmp_path / "runs")


def test_a_record_after_damage_is_found_wherever_the_file_was_cut(tmp_path: Path) -> None:
    def frame(payload: bytes) -> bytes:
        length = struct.pack("<Q", len(payload))
        check = [struct.pack("<I", masked_crc32c(part)) for part in (length, payload)]
        return length + check[0] + payload + check[1]

    def event(step: int) -> bytes:
        value = field(1, field(1, b"loss") + b"\x15" + struct.pack("<f", step))
        return frame(b"\x09" + struct.pack("<d", 1.6e9 + step) + bytes([0x10, step]) + field(5, value))

    log = tmp_path / "events.out.tfevents.1600000000.host"
    version = frame(b"\x09" + struct.pack("<d", 1.6e9) + field(3, b"brain.Event:2"))
    before, after = version + event(1) + bytes(20), event(2)
    for cut in range(len(after)):
        log.write_bytes(before + after[:cut])
        logs = sb.read_logs(tmp_path)
        with log.open("ab") as file:
            file.write(after[cut:] + event(3))
        logs.refresh()
        assert whole(logs)["step"].to_list() == [1, 2, 3]
        assert_as_fresh(logs, tmp_path)


def test_a_database_that_changes_in_the_file_next_to_it(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_bytes(small_log("mlflow_db", [(1, 0.5)]))
    with closing(sqlite3.connect(path)) as store:
        store.execute("PRAGMA journal_mode = WAL")
        store.commit()
        logs = sb.read_logs(path)
        store.execute("INSERT INTO metrics VALUES ('x', 0.25, 1700000000001, 'aaaaaaaa1111', 2, 0)")
        store.commit()
        assert logs.refresh() == 1
        assert_as_fresh(logs, path)


def test_new_files_and_runs(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "metrics.csv").write_text("epoch,step,loss\n0,0,1.0\n0,1,0.5\n")
    logs = sb.read_logs(tmp_path)
    assert logs.runs == ["a"]
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "metrics.csv").write_text("epoch,step,acc\n0,0,1.0\n")
    assert logs.refresh() == 1
    assert logs.runs == ["a", "b"]
    shutil.rmtree(tmp_path / "a")
    assert logs.refresh() == -2
    assert logs.runs == ["b"]


@pytest.mark.parametrize("rest", [" is not one\n", ": loss 0.5, time 1ms\n", " is"])
def test_a_line_of_other_text_without_an_end_is_counted_once(rest: str, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text(text_of(range(20_000)) + "iter 20000", encoding="utf-8")
    logs = sb.read_logs(log)
    with log.open("a", encoding="utf-8") as file:
        file.write(rest)
    logs.refresh()
    assert_as_fresh(logs, log)


@pytest.mark.parametrize("epochs", [("0", "1"), ("0.5", "1.0"), ("0.0", "0.5")])
def test_an_epoch_alone_after_many_steps_is_read_in_parts_as_at_once(epochs: tuple[str, ...], tmp_path: Path) -> None:
    """What such a line means is settled by the first of them, wherever a reading ended before."""
    steps = "".join(f'{{"step": {step}, "loss": 0.5}}\n' for step in range(12_000))
    text = steps + "".join(f'{{"epoch": {epoch}, "val": 1.5}}\n' for epoch in epochs)
    for cut in (100, len(steps), len(steps) + 5, len(text) - 5):
        (tmp_path / "log.jsonl").write_text(text[:cut], encoding="utf-8")
        logs = sb.read_logs(tmp_path)
        with (tmp_path / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(text[cut:])
        logs.refresh()
        assert logs.to_polars().equals(sb.read_logs(tmp_path).to_polars()), cut
