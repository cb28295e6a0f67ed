"""`reindex --follow`: the table is written anew each time that the logs change, whatever happens to them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Thread
from typing import IO, TYPE_CHECKING

import pytest

from commands import PROGRAM
from stepbridge.cli._reindex import reindex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")

PLAN = ("--batches-per-epoch", "5", "--unit", "step", "--base", "1", "--interval", "0.05")


def lines(steps: range, loss: float = 0.5) -> str:
    return "".join(json.dumps({"step": step, "loss": loss}) + "\n" for step in steps)


class Following:
    """A command that follows logs: what it states, and what it complains of."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.stated = process.stdout
        self.complaints: list[str] = []
        self._new: SimpleQueue[str] = SimpleQueue()
        self._reader = Thread(target=self._read, args=(process.stderr,))
        self._reader.start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self.complaints.append(line.rstrip("\n"))
            self._new.put(line)

    def wait_for_complaint(self) -> str:
        """Return the next line of stderr when there is one."""
        return self._new.get(timeout=240)

    def wait_for_statement(self, beginning: str) -> None:
        """Return when a line of stdout begins so."""
        assert any(line.startswith(beginning) for line in self.stated), "it ended by itself"

    def end(self) -> None:
        """Read stderr to its end."""
        self._reader.join(timeout=240)


@contextmanager
def followed(folder: Path, *arguments: str, command: str = "reindex") -> Iterator[Following]:
    """Run the command, and end it as a person does; it must have gone on until then, and end well."""
    typed = [*PROGRAM, command, *arguments, "--follow"]
    with subprocess.Popen(typed, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        following = Following(process)
        try:
            yield following
            assert process.poll() is None, "it ended by itself"
            process.send_signal(signal.SIGINT)
            process.wait(timeout=240)
        finally:
            process.kill()
            following.end()
    assert process.returncode == 0, following.complaints


def emptied(log: Path, following: Following) -> None:
    log.write_text("")
    following.wait_for_complaint()
    with log.open("a") as file:
        file.write(lines(range(1, 3000)))


def removed(log: Path, following: Following) -> None:
    log.unlink()
    following.wait_for_complaint()
    log.write_text(lines(range(1, 3000)))


def renamed(log: Path, _: Following) -> None:
    (log.parent / "new").write_text(lines(range(1, 3000)))
    (log.parent / "new").rename(log)


def folder_away(log: Path, following: Following) -> None:
    away = log.parent.with_name("away")
    log.parent.rename(away)
    following.wait_for_complaint()
    with (away / log.name).open("a") as file:
        file.write(lines(range(2000, 3000)))
    away.rename(log.parent)


def torn(log: Path, following: Following) -> None:
    with log.open("a") as file:
        file.write('{"step": 2000, "lo')
        file.flush()
        following.wait_for_statement("out.csv: 1,999 records")
        file.write('ss": 5}\n' + lines(range(2001, 3000)))


@pytest.mark.parametrize("act", [emptied, removed, renamed, folder_away, torn])
def test_logs_that_are_rotated(act: Callable[[Path, Following], None], tmp_path: Path) -> None:
    log = tmp_path / "in" / "log.jsonl"
    log.parent.mkdir()
    log.write_text(lines(range(1, 2000)))
    with followed(tmp_path, "in", "-o", "out.csv", *PLAN) as following:
        assert following.stated.readline().startswith("out.csv: 1,999 records")
        act(log, following)
        following.wait_for_statement("out.csv: 2,999 records")
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
def test_a_table_in_the_folder_that_is_followed(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is not read, and writing it is no change of the logs."""
    log = tmp_path / "log.jsonl"
    log.write_text(lines(range(1, 20)))
    rounds = iter(range(1, 7))

    def pause(_seconds: float) -> None:
        """Let the command look three times before the log grows, and three times after it."""
        number = next(rounds)
        if number == 3:
            with log.open("a") as file:
                file.write(lines(range(20, 30)))
        if number == 6:
            raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "sleep", pause)
    reindex.main([".", "-o", f"out.{ending}", *PLAN, "--follow"], standalone_mode=False)
    assert [line.partition(" records")[0] for line in capsys.readouterr().out.splitlines()] == [
        f"out.{ending}: 19",
        f"out.{ending}: 29",
    ]


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
