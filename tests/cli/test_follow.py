"""`reindex --follow`: the table is written anew each time that the logs change, whatever happens to them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, NamedTuple

import pytest

from commands import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")

PLAN = ("--batches-per-epoch", "5", "--unit", "step", "--base", "1", "--interval", "0.05")


def lines(steps: range, loss: float = 0.5) -> str:
    return "".join(json.dumps({"step": step, "loss": loss}) + "\n" for step in steps)


class Following(NamedTuple):
    """A command that follows logs."""

    stated: IO[str]
    complaints: list[str]


@contextmanager
def followed(folder: Path, *arguments: str, command: str = "reindex") -> Iterator[Following]:
    """Run the command, and end it as a person does; it must have gone on until then, and end well."""
    typed = [*PROGRAM, command, *arguments, "--follow"]
    complaints: list[str] = []
    with subprocess.Popen(typed, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Following(process.stdout, complaints)
            assert process.poll() is None, "it ended by itself"
            process.send_signal(signal.SIGINT)
            complaints += process.communicate(timeout=240)[1].splitlines()
        finally:
            process.kill()
    assert process.returncode == 0, complaints


def emptied(log: Path) -> None:
    log.write_text("")
    time.sleep(0.3)
    with log.open("a") as file:
        file.write(lines(range(1, 3000)))


def removed(log: Path) -> None:
    log.unlink()
    time.sleep(0.3)
    log.write_text(lines(range(1, 3000)))


def renamed(log: Path) -> None:
    (log.parent / "new").write_text(lines(range(1, 3000)))
    (log.parent / "new").rename(log)


def folder_away(log: Path) -> None:
    away = log.parent.with_name("away")
    log.parent.rename(away)
    time.sleep(0.3)
    with (away / log.name).open("a") as file:
        file.write(lines(range(2000, 3000)))
    away.rename(log.parent)


def torn(log: Path) -> None:
    with log.open("a") as file:
        file.write('{"step": 2000, "lo')
        file.flush()
        time.sleep(0.3)
        file.write('ss": 5}\n' + lines(range(2001, 3000)))


@pytest.mark.parametrize("act", [emptied, removed, renamed, folder_away, torn])
def test_logs_that_are_rotated(act: Callable[[Path], None], tmp_path: Path) -> None:
    log = tmp_path / "in" / "log.jsonl"
    log.parent.mkdir()
    log.write_text(lines(range(1, 2000)))
    with followed(tmp_path, "in", "-o", "out.csv", *PLAN) as following:
        assert following.stated.readline().startswith("out.csv: 1,999 records")
        act(log)
        for line in following.stated:
            if line.startswith("out.csv: 2,999 records"):
                break
    stated = [line for line in following.complaints if line.startswith("out.csv stays as it is for now")]
    assert len(stated) == len(set(stated)), "each complaint is made once"
    if act in {emptied, removed, folder_away}:
        assert stated
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 3000


def test_a_value_that_is_changed_in_place(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(lines(range(1, 20)))
    with followed(tmp_path, "log.jsonl", "-o", "out.csv", *PLAN) as following:
        following.stated.readline()
        log.write_text(lines(range(1, 20), loss=0.7))
        following.stated.readline()
    assert "0.7" in (tmp_path / "out.csv").read_text()


def test_the_table_is_written_anew(tmp_path: Path) -> None:
    log = tmp_path / "metrics.csv"
    log.write_text("epoch,step,loss\n0,0,1.0\n0,1,0.5\n")
    plan = ("--batches-per-epoch", "2", "--interval", "0.1")
    with followed(tmp_path, "metrics.csv", "-o", "out.csv", *plan) as following:
        assert following.stated.readline().startswith("out.csv: 2 records")
        with log.open("a") as file:
            file.write("1,2,0.25\n")
        assert following.stated.readline().startswith("out.csv: 3 records")
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metrics.csv", "out.csv"]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "arrow", "parquet"])
def test_a_table_in_the_folder_that_is_followed(ending: str, tmp_path: Path) -> None:
    """It is not read, and writing it is no change of the logs."""
    log = tmp_path / "log.jsonl"
    log.write_text(lines(range(1, 20)))
    with followed(tmp_path, ".", "-o", f"out.{ending}", *PLAN) as following:
        assert following.stated.readline().startswith(f"out.{ending}: 19 records")
        time.sleep(0.5)
        with log.open("a") as file:
            file.write(lines(range(20, 30)))
        assert following.stated.readline().startswith(f"out.{ending}: 29 records")


def test_event_files_grow_while_the_run_goes_on(tmp_path: Path) -> None:
    # The wheel is also tested without any other package.
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    log = tmp_path / "runs" / "log.jsonl"
    log.parent.mkdir()
    log.write_text(lines(range(1, 11)))
    with followed(tmp_path, "runs", "-o", "out", "--axis", "batch", *PLAN, command="rewrite") as following:
        assert following.stated.readline().startswith("out: 10 values by batch in 1 event file")
        (file,) = (tmp_path / "out").rglob("*tfevents*")
        # TensorBoard keeps the file open.
        shown = events.EventAccumulator(str(file))
        assert [scalar.step for scalar in shown.Reload().Scalars("loss")] == list(range(1, 11))
        with log.open("a") as more:
            more.write(lines(range(11, 21)))
        assert following.stated.readline().startswith("out: 20 values")
        assert [scalar.step for scalar in shown.Reload().Scalars("loss")] == list(range(1, 21))
