"""What changes in a bucket is fetched by its e_tag, and what the logs say then is what a fresh reading says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from subprocess import PIPE
from typing import TYPE_CHECKING

import pytest

import stepbridge as sb
from commands import PROGRAM
from object_server import Answer, ObjectServer, in_front

if TYPE_CHECKING:
    from pathlib import Path


def lines(steps: range, loss: float = 0.5) -> bytes:
    return "".join(json.dumps({"step": step, "loss": loss}) + "\n" for step in steps).encode()


def same(logs: sb.Logs, objects: ObjectServer, address: str) -> bool:
    fresh = sb.read_logs(address, storage_options=objects.options)
    kept = (logs.runs, logs.files, logs.problems, logs.overview)
    return kept == (fresh.runs, fresh.files, fresh.problems, fresh.overview) and len(logs) == len(fresh)


def test_what_changed_is_fetched_and_nothing_else(objects: ObjectServer, bucket: str) -> None:
    for name in "abc":
        objects.put(f"{bucket}/{name}/log.jsonl", lines(range(1, 11)))
    address = f"s3://{bucket}"
    with in_front(objects, lambda *_: None) as front:
        logs = sb.read_logs(address, storage_options=front.server.options)

        def refreshed() -> tuple[int, set[str]]:
            front.requests.clear()
            more = logs.refresh()
            return more, {path.split("/")[2] for _, path, _ in front.requests if "log.jsonl" in path}

        assert refreshed() == (0, set())
        objects.put(f"{bucket}/a/log.jsonl", lines(range(1, 16)))
        assert refreshed() == (5, {"a"})
        assert same(logs, objects, address)
        # Of the same size.
        objects.put(f"{bucket}/a/log.jsonl", lines(range(1, 16), loss=0.7))
        assert refreshed() == (0, {"a"})
        assert 0.7 in set(logs.to_polars()["value"])
        objects.put(f"{bucket}/d/log.jsonl", lines(range(1, 3)))
        objects.delete(f"{bucket}/b/log.jsonl")
        assert refreshed() == (2 - 10, {"d"})
        assert logs.runs == ["a", "c", "d"]
        assert same(logs, objects, address)
        for name in "acd":
            objects.delete(f"{bucket}/{name}/log.jsonl")
        with pytest.raises(FileNotFoundError, match="there is no file or folder"):
            logs.refresh()
        assert logs.runs == ["a", "c", "d"]
        objects.put(f"{bucket}/e/log.jsonl", lines(range(1, 3)))
        logs.refresh()
        assert same(logs, objects, address)


def test_a_newer_file_that_cannot_be_fetched(objects: ObjectServer, bucket: str) -> None:
    for name in "ab":
        objects.put(f"{bucket}/{name}/log.jsonl", lines(range(1, 11)))
    broken = False

    def rule(_method: str, path: str, _part: str) -> Answer | None:
        return Answer(status=403) if broken and "/a/log.jsonl" in path else None

    with in_front(objects, rule) as front:
        logs = sb.read_logs(f"s3://{bucket}", storage_options=front.server.options)
        objects.put(f"{bucket}/a/log.jsonl", lines(range(1, 16)))
        broken = True
        assert logs.refresh_changed()
        assert len(logs) == 20
        (problem,) = logs.problems
        assert problem.file == "a/log.jsonl"
        assert problem.reason.endswith("; what was read of it before is kept")
        broken = False
        assert logs.refresh() == 5
        assert logs.problems == ()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
@pytest.mark.parametrize("command", [("reindex", "-o", "out.csv"), ("rewrite", "-o", "out", "--axis", "batch")])
def test_a_bucket_is_followed(command: tuple[str, ...], objects: ObjectServer, bucket: str, tmp_path: Path) -> None:
    objects.put(f"{bucket}/log.jsonl", lines(range(1, 20)))
    plan = ("--batches-per-epoch", "5", "--unit", "step", "--base", "1", "--interval", "0.05", "--follow")
    typed = [*PROGRAM, command[0], f"s3://{bucket}", *command[1:], *plan]
    environment = {**os.environ, **objects.environment, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(typed, cwd=tmp_path, env=environment, text=True, stdout=PIPE, stderr=PIPE) as process:
        try:
            assert process.stdout is not None
            assert ": 19 " in process.stdout.readline()
            objects.put(f"{bucket}/log.jsonl", lines(range(1, 30)))
            assert ": 29 " in process.stdout.readline()
            process.send_signal(signal.SIGINT)
            complaints = process.communicate(timeout=240)[1]
        finally:
            process.kill()
    assert (process.returncode, complaints) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} == {command[2]}


def test_a_folder_takes_the_place_of_a_file_and_a_file_that_of_a_folder(objects: ObjectServer, bucket: str) -> None:
    objects.put(f"{bucket}/a", lines(range(1, 11)))
    objects.put(f"{bucket}/b/log.jsonl", lines(range(1, 11)))
    address = f"s3://{bucket}"
    logs = sb.read_logs(address, storage_options=objects.options)
    assert logs.runs == [".", "b"]
    objects.delete(f"{bucket}/a")
    objects.delete(f"{bucket}/b/log.jsonl")
    objects.put(f"{bucket}/a/log.jsonl", lines(range(1, 13)))
    objects.put(f"{bucket}/b", lines(range(1, 14)))
    assert logs.refresh() == 5
    assert logs.problems == ()
    assert same(logs, objects, address)
