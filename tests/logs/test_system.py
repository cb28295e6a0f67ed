"""What a file system does to readers and writers: links, things that are not files, a full disk, a killed writer."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from commands import LOGS, PROGRAM
from stepbridge.logs import OUTPUTS, read_logs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, sockets, limits and signals of Unix")

TABLE = "epoch,step,loss\n0,0,1\n0,1,0.5\n"


def test_links_out_of_the_folder_are_followed_once(tmp_path: Path) -> None:
    elsewhere, logs = tmp_path / "elsewhere", tmp_path / "logs"
    for folder in (elsewhere / "deep", logs / "own"):
        folder.mkdir(parents=True)
        (folder / "metrics.csv").write_text(TABLE, encoding="utf-8")
    (elsewhere / "alone.csv").write_text(TABLE, encoding="utf-8")
    (logs / "folder").symlink_to(elsewhere / "deep")
    (logs / "again").symlink_to(elsewhere / "deep")
    (logs / "file.csv").symlink_to(elsewhere / "alone.csv")
    (logs / "other.csv").symlink_to(elsewhere / "alone.csv")
    (logs / "own.csv").symlink_to(logs / "own" / "metrics.csv")
    found = read_logs(logs)
    # Of two links to one file the first by name; a file of the folder itself has its own name.
    assert sorted(file.file for file in found.files) == ["again/metrics.csv", "file.csv", "own/metrics.csv"]
    assert found.problems == ()


def test_what_is_not_a_file_is_reported_and_a_copy_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "metrics.csv").write_text(TABLE, encoding="utf-8")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "metrics.csv").write_text(TABLE, encoding="utf-8")
    os.mkfifo(tmp_path / "pipe.csv")
    # A socket's path may be no longer than a hundred characters.
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as ours:
        ours.bind("socket.csv")
        (tmp_path / "to_pipe.csv").symlink_to(tmp_path / "pipe.csv")
        found = read_logs(tmp_path)
    assert [file.file for file in found.files] == ["metrics.csv"]
    assert [(problem.file, problem.kind) for problem in found.problems] == [
        ("pipe.csv", "unreadable"),
        ("socket.csv", "unreadable"),
    ]
    assert "it is neither a file nor a folder" in found.problems[0].reason


@pytest.mark.parametrize("name", ["metrics.csv", "stepclock.jsonl", "mlflow.db"])
def test_a_pipe_that_takes_the_place_of_a_file_does_not_block(name: str, tmp_path: Path) -> None:
    """The files are swapped all the time: some were files when they were listed, and are pipes when they are opened."""
    program = """
import os, sys, threading
from stepbridge import read_ledger, read_logs
folder, name = sys.argv[1:]
path = os.path.join(folder, name)
os.mkfifo(folder + "/../pipe")
done = False
def swap():
    while not done:
        open(folder + "/../file", "w").close()
        os.replace(folder + "/../file", path)
        os.link(folder + "/../pipe", folder + "/../again")
        os.replace(folder + "/../again", path)
thread = threading.Thread(target=swap)
thread.start()
for _ in range(300):
    logs = read_logs(folder)
    logs.refresh()
    assert len(logs) >= 2
done = True
thread.join()
os.remove(path)
os.link(folder + "/../pipe", path)
try:
    read_ledger(path)
except OSError as error:
    print("refused")
"""
    folder = tmp_path / "logs"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "metrics.csv").write_text(TABLE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", program, folder, name], capture_output=True, text=True, check=False, timeout=240
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "refused\n", "")


def test_links_to_devices_are_reported_and_not_read(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text(TABLE, encoding="utf-8")
    for device in ("zero", "tty", "random"):
        (tmp_path / f"{device}.csv").symlink_to(f"/dev/{device}")
    found = read_logs(tmp_path)
    assert [file.file for file in found.files] == ["metrics.csv"]
    assert [problem.file for problem in found.problems] == ["random.csv", "tty.csv", "zero.csv"]


WRITE = """
import sys
from stepbridge import read_logs
try:
    read_logs(sys.argv[1]).reindex().write(sys.argv[2])
except OSError as error:
    print(error)
    raise SystemExit(1)
"""


def limited() -> None:
    """Let this process write no file above 2 kB, as a disk that is full, or a quota, would."""
    import resource  # noqa: PLC0415 - Unix alone has it

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))


@pytest.mark.parametrize("ending", OUTPUTS)
@pytest.mark.parametrize("way", ["in pieces", "at once"])
def test_a_disk_that_takes_no_more_leaves_nothing_half_written(ending: str, way: str, tmp_path: Path) -> None:
    output = tmp_path / f"out{ending}"
    output.write_text("what was there before", encoding="utf-8")
    source = str(LOGS / "roberta_lora")
    pieces = [*PROGRAM, "reindex", source, "-o", str(output)]
    command = pieces if way == "in pieces" else [sys.executable, "-c", WRITE, source, str(output)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, env=environment, preexec_fn=limited, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 1
    (sentence,) = (done.stdout + done.stderr).splitlines()
    assert str(output) in sentence
    assert "too large" in sentence
    assert [path.name for path in tmp_path.iterdir()] == [output.name]
    assert output.read_text(encoding="utf-8") == "what was there before"


KILLED = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN")
for number in range(2000):
    connection.execute("INSERT INTO metrics VALUES ('lost', 2.0, ?, 'r', ?, 0)", (number, number))
os._exit(0)
"""


def test_a_database_whose_writer_was_killed(tmp_path: Path) -> None:
    """The journal holds what to take back; a reader that may not write says so, and changes nothing."""
    path = tmp_path / "mlflow.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        """CREATE TABLE runs (run_uuid, name); INSERT INTO runs VALUES ('r', 'n');
        CREATE TABLE metrics (key, value, timestamp, run_uuid, step, is_nan);
        INSERT INTO metrics VALUES ('kept', 1.5, 1000, 'r', 1, 0);"""
    )
    connection.close()
    subprocess.run([sys.executable, "-c", KILLED, path], check=True)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert set(before) == {"mlflow.db", "mlflow.db-journal"}
    logs = read_logs(path)
    assert "kept" in logs.tags
    assert [problem.kind for problem in logs.problems][:1] == ["unreadable"]
    assert "-journal" in logs.problems[0].reason
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


# On one processor one thread reads: of several, each has its own pages, and which it takes differs from run to run.
AGAIN = """
import os, resource, sys, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from stepbridge import read_logs
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for pause in (0, 0, 0, 1.5):
    time.sleep(pause)
    before = faults()
    logs = read_logs(sys.argv[1])
    count = faults() - before
    del logs
print(count)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="faults are counted as Linux does")
def test_freed_pages_wait_for_the_next_reading_unless_set_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("step,loss\n" + "".join(f"{step},0.5\n" for step in range(400_000)), encoding="utf-8")

    def faults_of_the_last_reading(**setting: str) -> int:
        # Small pages, each of which is a fault: 8 MB of columns are 2,000.
        environment = {**os.environ, "MIMALLOC_ALLOW_THP": "0", **setting}
        command = [sys.executable, "-c", AGAIN, str(path)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=240)
        return int(done.stdout)

    # On a busy machine a reading can take longer than pages are kept: the least of three is what it needs.
    kept = min(faults_of_the_last_reading() for _ in range(3))
    cleared = faults_of_the_last_reading(MIMALLOC_PURGE_DELAY="0")
    assert cleared > 2000, "the columns are all made of new pages"
    assert kept < cleared / 2, (kept, cleared)
