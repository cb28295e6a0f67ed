"""A few hundred runs of all kinds: the table is the same however it is made, and little is read for little change.

`python benches/many_runs.py 100000` does the same with as many as you like, and says how long it takes.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

import stepbridge as sb
from commands import PROGRAM
from fleet_logs import KINDS, files_of
from object_server import Front, ObjectServer, in_front
from table_rows import same_rows, sorted_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pq = pytest.importorskip("pyarrow.parquet")
RUNS, SHARDS, STEPS = 300, 8, 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the runs to the disk."""
    root = tmp_path_factory.mktemp("runs")
    for number in range(RUNS):
        for name, data in files_of(number, STEPS).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
    return root


@pytest.fixture(scope="module")
def front(objects: ObjectServer, folder: Path) -> Iterator[Front]:
    """Put them into a bucket, with a server in front that counts requests."""
    objects.put("many", b"")
    objects.upload(folder, "many/runs")
    with in_front(objects, lambda *_: None) as started:
        yield started


@pytest.fixture(scope="module")
def one(front: Front, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Index the bucket in one process."""
    table = tmp_path_factory.mktemp("tables") / "one"
    done = index(front, table)
    assert (done["problems"], len(done["replaced"])) == ([], done["runs"])
    return table


def command(table: Path, *options: str) -> list[str]:
    return [*PROGRAM, "index", "s3://many/runs", "-o", str(table), "--json", *options]


def index(front: Front, table: Path, *options: str) -> dict[str, Any]:
    """Index in a process of its own; the memory that it held is in the result."""
    # What `getrusage` gives includes the memory of the process that started this one.
    measured = (
        "import atexit, pathlib, runpy, sys; sys.argv[0] = 'stepbridge'; "
        "status = pathlib.Path('/proc/self/status'); "
        "atexit.register(lambda: print(status.read_text().split('VmHWM:')[1].split()[0], file=sys.stderr)); "
        "runpy.run_module('stepbridge', run_name='__main__', alter_sys=True)"
    )
    typed = [PROGRAM[0], "-c", measured, *command(table, *options)[len(PROGRAM) :]]
    environment = {**os.environ, **front.server.environment}
    done = subprocess.run(typed, env=environment, capture_output=True, text=True, check=True)
    return {**json.loads(done.stdout), "memory": int(done.stderr.split()[-1]) / 1024}


def records(table: Path, name: str = "records") -> Any:
    return sorted_rows(*(pq.read_table(part) for part in sorted((table / name).glob("*.parquet"))))


def runs(table: Path) -> list[dict[str, Any]]:
    rows = [row for part in sorted((table / "runs").glob("*.parquet")) for row in pq.read_table(part).to_pylist()]
    return sorted(rows, key=lambda row: str(row["run"]))


def bytes_asked(front: Front) -> int:
    """Count the requests for the bytes of objects since the last time."""
    found = sum(method == "GET" and path.startswith("/many/") for method, path, _ in front.requests)
    front.requests.clear()
    return found


def test_the_table_is_what_is_read_from_the_folder(folder: Path, one: Path) -> None:
    logs = sb.read_logs(folder)
    assert logs.problems == ()
    assert len({file.format for file in logs.files}) == len(KINDS)
    assert sum(each.superseded > 0 for each in logs.sessions) >= RUNS // 25
    table = logs.reindex()
    assert {source.origin for source in table.origins} == {"inferred"}
    assert same_rows(records(one), sorted_rows(table.to_arrow()))
    assert {row["run"] for row in runs(one)} == set(logs.runs)


def test_eight_shards_at_once_make_the_same_table(front: Front, one: Path, tmp_path: Path) -> None:
    front.requests.clear()
    environment = {**os.environ, **front.server.environment}
    shards = [
        subprocess.Popen(
            command(tmp_path / "table", "--shard", f"{number}/{SHARDS}"), stdout=subprocess.PIPE, env=environment
        )
        for number in range(1, SHARDS + 1)
    ]
    results = [json.loads(shard.communicate(timeout=400)[0]) for shard in shards]
    assert [shard.returncode for shard in shards] == [0] * SHARDS
    assert sum(result["records"] for result in results) == len(records(one))
    assert same_rows(records(tmp_path / "table"), records(one))
    assert runs(tmp_path / "table") == runs(one)
    assert index(front, tmp_path / "table")["replaced"] == []


def test_after_one_percent_changed_little_is_read(
    front: Front, objects: ObjectServer, one: Path, tmp_path: Path
) -> None:
    front.requests.clear()
    first = index(front, tmp_path / "table")
    asked = bytes_asked(front)
    assert first["memory"] < 512
    for number in range(0, RUNS, 100):
        for name, data in files_of(number + 1, STEPS).items():
            objects.put(f"many/runs/{name}", data)
    # What is put again with the same content has the same e_tag.
    assert index(front, tmp_path / "table")["replaced"] == []
    assert bytes_asked(front) == 0
    for number in range(0, RUNS, 100):
        for name in files_of(number + 2, STEPS):
            objects.put(f"many/runs/{name}", files_of(number + 2, STEPS - 5)[name])
    second = index(front, tmp_path / "table")
    assert len(second["replaced"]) == RUNS // 100
    assert bytes_asked(front) <= 0.03 * asked
    assert second["memory"] < 512
    for number in range(0, RUNS, 100):
        for name, data in files_of(number + 2, STEPS).items():
            objects.put(f"many/runs/{name}", data)
    index(front, tmp_path / "table")
    assert same_rows(records(tmp_path / "table"), records(one))
