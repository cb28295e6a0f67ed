"""How the command line ends: each exit code but 130 (test_interrupting.py), and no traceback unless it is asked for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import stepbridge as sb
from commands import LOGS, PROGRAM, complaint, printed, run

TRAINER = LOGS / "roberta_lora"
TEXTBOOK = ("--samples", "1000", "--batch-size", "200", "--epochs", "5")

unix = pytest.mark.skipif(sys.platform == "win32", reason="signals and devices of Unix")


def test_0_is_done() -> None:
    assert printed("convert", "3ep", "step", *TEXTBOOK) == "15st\n"


def test_0_is_done_where_a_log_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("epoch,step,loss\n0,0,0.5\n0,1\n0,2,0.25\n", encoding="utf-8")
    done = run("info", tmp_path)
    assert done.returncode == 0
    assert "metrics.csv, byte 24" in done.stderr


def test_1_is_nothing_to_read(tmp_path: Path) -> None:
    assert complaint(1, "info", tmp_path).startswith("stepbridge info: ")


def test_1_is_a_result_that_cannot_be_written(tmp_path: Path) -> None:
    output = tmp_path / "missing" / "out.csv"
    assert complaint(1, "reindex", TRAINER, "-o", output).startswith("stepbridge reindex: ")


def test_2_is_wrong_use() -> None:
    assert complaint(2, "plan", "--nonsense").startswith("stepbridge plan: ")


@unix
def test_1_is_an_output_that_takes_nothing_more() -> None:
    """A full disk: one sentence, and no second complaint when Python ends."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*PROGRAM, "info", LOGS], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "stepbridge: the output could not be written: No space left on device\n"


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A folder with a file that Python takes for the package rich: an error that no command expects."""
    (tmp_path / "rich.py").write_text("", encoding="utf-8")
    return tmp_path


def test_70_is_an_unexpected_error(broken: Path) -> None:
    done = run("plan", *TEXTBOOK, cwd=broken)
    assert (done.returncode, done.stdout) == (70, "")
    first, second = done.stderr.splitlines()
    assert first.startswith("stepbridge: unexpected ")
    assert "rich" in first
    assert "--debug" in second
    assert "report" in second


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        pytest.param(("--debug", "plan", *TEXTBOOK), {}, id="before the command"),
        pytest.param(("plan", *TEXTBOOK, "--debug"), {}, id="after it"),
        pytest.param(("plan", *TEXTBOOK), {"STEPBRIDGE_DEBUG": "1"}, id="in the environment"),
    ],
)
def test_debug_shows_the_traceback(arguments: tuple[str, ...], variables: dict[str, str], broken: Path) -> None:
    done = run(*arguments, cwd=broken, env={**os.environ, **variables})
    assert done.returncode == 70
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert "ImportError" in done.stderr or "ModuleNotFoundError" in done.stderr
    assert done.stderr.splitlines()[-2].startswith("stepbridge: unexpected ")


@pytest.mark.parametrize("value", ["0", "", "false"])
def test_debug_can_be_off_in_the_environment(value: str, broken: Path) -> None:
    done = run("plan", *TEXTBOOK, cwd=broken, env={**os.environ, "STEPBRIDGE_DEBUG": value})
    assert done.returncode == 70
    assert "Traceback" not in done.stderr


def test_debug_shows_where_an_expected_error_comes_from(tmp_path: Path) -> None:
    done = run("--debug", "info", tmp_path / "missing")
    assert done.returncode == 2
    assert done.stderr.startswith("Traceback")
    assert "FileNotFoundError" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("stepbridge info: ")


def test_debug_changes_nothing_where_nothing_fails() -> None:
    assert printed("--debug", "plan", *TEXTBOOK, "--debug") == printed("plan", *TEXTBOOK)


def test_an_output_without_a_folder_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    for path in ("runs/out.csv", str(tmp_path / "runs" / "out.csv")):
        sentence = complaint(1, "reindex", "no such log", "-o", path, cwd=tmp_path)
        assert f"'{path}' cannot be written: there is no folder '{Path(path).parent}' (make it first)" in sentence
    with pytest.raises(FileNotFoundError, match=r"there is no folder .* nothing was written"):
        sb.reindex("no such log", tmp_path / "runs" / "out.csv")


def test_what_is_assumed_of_many_runs_alike_is_said_once(tmp_path: Path) -> None:
    for name in "abcde":
        (tmp_path / name).mkdir()
        (tmp_path / name / "log.csv").write_text("step,loss\n0,1\n1,2\n", encoding="utf-8")
    done = run("reindex", tmp_path, "-o", tmp_path / "out.csv", "--batches-per-epoch", 2)
    assert done.stderr == (
        "5 runs (a, b, c, ...): their steps are read as with --unit st --base 0, "
        "since the format csv does not say what its step is; the writer decides\n"
    )


@unix
@pytest.mark.parametrize("command", ["--help", f"info {LOGS} --json", f"info {LOGS}"], ids=["help", "json", "table"])
def test_141_is_a_reader_that_went_away(command: str) -> None:
    """As in `stepbridge ... | head -1`: the shell sees 141, the signal, and nothing on stderr."""
    process = subprocess.Popen([*PROGRAM, *command.split()], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(timeout=240) == -signal.SIGPIPE


@unix
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-"])
def test_a_stream_that_is_closed_from_the_start(closed: str, tmp_path: Path) -> None:
    script = f'"$@" {closed}'
    command = ["/bin/sh", "-c", script, "sh", *PROGRAM, "reindex", str(TRAINER), "-o", str(tmp_path / "out.csv")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "0"])
def test_an_interval_that_is_none(seconds: str, tmp_path: Path) -> None:
    arguments = ("reindex", TRAINER, "-o", tmp_path / "out.csv", "--follow", "--interval", seconds)
    assert "--interval" in complaint(2, *arguments)
    assert not (tmp_path / "out.csv").exists()
