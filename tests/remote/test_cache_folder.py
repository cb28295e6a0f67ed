"""The copies of remote files are gone when nothing needs them, however the process ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from subprocess import PIPE
from typing import TYPE_CHECKING

import pytest

import stepbridge as sb
from commands import PROGRAM

if TYPE_CHECKING:
    from pathlib import Path

    from object_server import ObjectServer

LOG = b"".join(b'{"step": %d, "loss": 0.5}\n' % step for step in range(1, 11))
READ = """
import os, sys
import stepbridge as sb
logs = sb.read_logs(sys.argv[1])
print(len(logs), *os.listdir(os.environ["TMPDIR"]), flush=True)
if len(sys.argv) > 2:
    sys.stdin.read()
"""


def environment(objects: ObjectServer, folder: Path) -> dict[str, str]:
    return {**os.environ, **objects.environment, "TMPDIR": str(folder)}


def test_it_is_gone_with_the_logs(
    objects: ObjectServer, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    objects.put(f"{bucket}/log.jsonl", LOG)
    logs = sb.read_logs(f"s3://{bucket}", storage_options=objects.options)
    (folder,) = tmp_path.iterdir()
    assert folder.name.startswith("stepbridge-remote-")
    table = logs.table()
    del logs
    assert list(tmp_path.iterdir()) == []
    assert len(table) == 10
    with pytest.raises(FileNotFoundError):
        sb.read_logs(f"s3://{bucket}/no", storage_options=objects.options)
    assert list(tmp_path.iterdir()) == []


def test_it_is_gone_with_the_process(objects: ObjectServer, bucket: str, tmp_path: Path) -> None:
    objects.put(f"{bucket}/log.jsonl", LOG)
    typed = [sys.executable, "-c", READ, f"s3://{bucket}"]
    done = subprocess.run(typed, env=environment(objects, tmp_path), capture_output=True, text=True, check=True)
    count, folder = done.stdout.split()
    assert (count, folder.startswith("stepbridge-remote-")) == ("10", True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_it_is_gone_after_sigterm_and_after_sigkill(objects: ObjectServer, bucket: str, tmp_path: Path) -> None:
    objects.put(f"{bucket}/log.jsonl", LOG)
    typed = [sys.executable, "-c", READ, f"s3://{bucket}", "wait"]
    for number, left in ((signal.SIGTERM, 0), (signal.SIGKILL, 1)):
        with subprocess.Popen(typed, env=environment(objects, tmp_path), stdin=PIPE, stdout=PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline().startswith(b"10 stepbridge-remote-")
            process.send_signal(number)
        assert process.returncode == -number
        assert len(list(tmp_path.iterdir())) == left
    # The next process removes what the one that was killed left, and nothing of one that runs.
    with subprocess.Popen(typed, env=environment(objects, tmp_path), stdin=PIPE, stdout=PIPE) as process:
        assert process.stdout is not None
        assert len(process.stdout.readline().split()) == 2
        done = subprocess.run(typed[:-1], env=environment(objects, tmp_path), capture_output=True, check=True)
        assert len(done.stdout.split()) == 3
        process.communicate()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_a_command_that_is_ended_leaves_nothing(objects: ObjectServer, bucket: str, tmp_path: Path) -> None:
    objects.put(f"{bucket}/log.jsonl", LOG)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    plan = ("--batches-per-epoch", "5", "--unit", "step", "--base", "1", "--follow")
    typed = [*PROGRAM, "reindex", f"s3://{bucket}", "-o", "out.csv", *plan]
    with subprocess.Popen(typed, cwd=tmp_path, env=environment(objects, scratch), stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("out.csv: 10 records")
        assert len(list(scratch.iterdir())) == 1
        process.terminate()
    assert process.returncode == 143
    assert list(scratch.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_a_command_whose_output_nobody_reads_leaves_nothing(objects: ObjectServer, bucket: str, tmp_path: Path) -> None:
    for name in range(100):
        objects.put(f"{bucket}/{'long' * 50}-{name}/log.jsonl", LOG)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    typed = [*PROGRAM, "info", f"s3://{bucket}", "--json"]
    with subprocess.Popen(typed, env=environment(objects, scratch), stdout=PIPE, stderr=PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 141
    assert list(scratch.iterdir()) == []
