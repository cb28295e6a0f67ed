"""Work that takes long: it shows how far it is, Ctrl-C ends it at once, and nothing half-written is left."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

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


def on_a_terminal(command: list[str], folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run a command with a terminal of its own as stderr, and yield it with all that it has shown so far."""
    ours, its = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=its, env=environment)
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


def test_ctrl_c_ends_it_and_leaves_nothing(endless: Path) -> None:
    command = [sys.executable, "-m", "stepbridge", "reindex", "run", "-o", "out.parquet"]
    shown, asked = "", 0.0
    for process, shown in on_a_terminal(command, endless.parent.parent):
        if not asked and "reading" in shown and "GB" in shown:
            asked = time.monotonic()
            process.send_signal(signal.SIGINT)
    assert asked, f"no bar was shown: {shown!r}"
    assert process.wait() == 130
    assert "Traceback" not in shown
    assert [path.name for path in endless.parent.parent.iterdir()] == ["run"]


def test_quiet_shows_no_bar(endless: Path) -> None:
    os.truncate(endless, 1 << 28)
    command = [sys.executable, "-m", "stepbridge", "info", "run", "--quiet"]
    shown = [shown for _, shown in on_a_terminal(command, endless.parent.parent)][-1]
    assert "reading" not in shown
    assert "there is no sound record in it" in shown
