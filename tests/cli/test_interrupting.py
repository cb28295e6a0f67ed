"""Ctrl-C ends every command with 130, at once and without a traceback; long work shows how far it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from commands import PROGRAM
from stepbridge import read_logs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="terminals and signals of Unix")

#: Long enough to be caught in the act; it holds no data, so it takes no room on the disk.
SIZE = 4 << 30


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """An event file of zeros."""
    path = tmp_path / "run" / "events.out.tfevents.1.host"
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(SIZE)
    return path


def test_progress_counts_the_bytes(endless: Path) -> None:
    seen: list[tuple[int, int]] = []

    def watch(done: int, total: int) -> None:
        seen.append((done, total))
        if done:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        read_logs(endless.parent, progress=watch)
    assert seen == sorted(seen)
    assert 0 < seen[-1][0] < SIZE
    assert {total for _, total in seen} <= {0, SIZE}


def on_a_terminal(*arguments: str, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a command with a terminal of its own as stderr, and yield it with all that it has shown so far."""
    import pty  # noqa: PLC0415 - Unix alone has it

    ours, its = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(
        [*PROGRAM, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=its, env=environment, text=True
    )
    os.close(its)
    shown = ""
    try:
        while True:
            try:
                shown += os.read(ours, 4096).decode()
            except OSError:  # the command has ended
                break
            yield process, shown
    finally:
        os.close(ours)
        process.kill()
        process.communicate()


@pytest.mark.parametrize("command", ["info", "infer", "reindex"])
def test_130_is_ctrl_c_while_logs_are_read(command: str, endless: Path) -> None:
    """The bar shows that the command is reading."""
    folder = endless.parent.parent
    output = ("-o", "out.parquet") if command == "reindex" else ()
    shown, interrupted, printed = "", False, None
    for process, shown in on_a_terminal(command, "run", *output, folder=folder):
        if not interrupted and "reading" in shown and "GB" in shown:
            interrupted = True
            process.send_signal(signal.SIGINT)
        if interrupted and printed is None:
            assert process.stdout is not None
            printed = process.stdout.read()
    assert interrupted, f"no bar was shown: {shown!r}"
    assert (process.wait(), printed) == (130, "")
    assert "Traceback" not in shown
    assert [path.name for path in folder.iterdir()] == ["run"]


# Ctrl-C comes in the middle of the import, which goes on for as long as nothing ends it.
INTERRUPTED_IMPORT = """
import os, signal
os.kill(os.getpid(), signal.SIGINT)
while True:
    pass
"""


@pytest.mark.parametrize("package", ["click", "numpy"])
def test_130_is_ctrl_c_while_packages_are_imported(package: str, tmp_path: Path) -> None:
    """Click is imported before there is a command, numpy when the command needs it."""
    (tmp_path / f"{package}.py").write_text(INTERRUPTED_IMPORT, encoding="utf-8")
    done = subprocess.run(
        [*PROGRAM, "plan", "--batches-per-epoch", "5"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "")


def test_what_a_shell_starts_in_the_background_ignores_ctrl_c(tmp_path: Path) -> None:
    """A shell says so by ignoring the signal, and the command line leaves it at that."""
    kill = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nraise ImportError('the import went on')\n"
    (tmp_path / "click.py").write_text(kill, encoding="utf-8")
    done = subprocess.run(
        [*PROGRAM, "--version"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "the import went on" in done.stderr


def test_quiet_shows_no_bar(endless: Path) -> None:
    os.truncate(endless, 1 << 28)
    shown = [shown for _, shown in on_a_terminal("info", "run", "--quiet", folder=endless.parent.parent)][-1]
    assert "reading" not in shown
    assert "it holds no valid record" in shown


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("follow", [False, True])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_writer_that_is_asked_to_end_leaves_nothing(
    number: signal.Signals, code: int, ending: str, *, follow: bool, tmp_path: Path
) -> None:
    log = tmp_path / "run" / "metrics.csv"
    log.parent.mkdir()
    log.write_text("epoch,step,loss\n" + "".join(f"{step // 1000},{step},0.5\n" for step in range(1_000_000)))
    command = [*PROGRAM, "reindex", "run", "-o", f"out.{ending}", "-q", *(["--follow"] if follow else [])]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        while process.poll() is None and not list(tmp_path.glob(".out*")):
            # The writer may have one processor with this test.
            time.sleep(0.001)
        assert process.poll() is None, "it was not caught in the act"
        process.send_signal(number)
        _, complaints = process.communicate(timeout=240)
    assert (process.returncode, complaints) == (code, "")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_hang_up_is_ignored_where_it_was() -> None:
    """As `nohup` does it."""
    program = (
        "import os, signal; from stepbridge.cli._exits import end_when_asked; end_when_asked(); "
        "os.kill(os.getpid(), signal.SIGHUP); print('it went on')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "it went on\n"
