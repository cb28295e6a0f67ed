"""A table of a bucket is that of a folder with the same files, whatever happened to the bucket in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import stepbridge as sb
from commands import PROGRAM, complaint, run
from object_server import SECRET, Answer, Front, ObjectServer, in_front

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pq = pytest.importorskip("pyarrow.parquet")
DEMO = Path(__file__).parents[2] / "demo" / "logs"


def lines(steps: int, loss: float = 0.5) -> bytes:
    """Give a log of one tag that states its epochs."""
    found = [{"step": step, "epoch": step // 5, "loss": loss / (step + 1)} for step in range(steps)]
    return "".join(json.dumps(line) + "\n" for line in found).encode()


@pytest.fixture
def source(objects: ObjectServer, bucket: str) -> str:
    """Put twelve runs into a bucket."""
    for number in range(12):
        objects.put(f"{bucket}/runs/sweep/run{number}/log.jsonl", lines(10 + number, number + 1))
    return f"s3://{bucket}/runs"


def rows_of(table: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for part in sorted((table / name).glob("*.parquet")):
        with part.open("rb") as file:
            found += pq.read_table(file).to_pylist()
    return found


def counted(rows: list[dict[str, Any]]) -> Counter[str]:
    return Counter(map(repr, rows))


def expected(source: str, objects: ObjectServer, **options: Any) -> Counter[str]:
    """Count the rows of a fresh reading."""
    logs = sb.read_logs(source, storage_options=objects.options)
    return counted(logs.reindex(**options).to_arrow().to_pylist())


def fetched(front: Front) -> Counter[str]:
    """Count the requests for the bytes of each object since the last time."""
    found = Counter(
        path for method, path, _ in front.requests if method == "GET" and path.count("/") > 2 and "?" not in path
    )
    front.requests.clear()
    return found


@pytest.fixture
def broken() -> dict[str, Answer]:
    """Give what to answer instead, by a part of the path."""
    return {}


@pytest.fixture
def front(objects: ObjectServer, broken: dict[str, Answer]) -> Iterator[Front]:
    """Start a server in front that counts requests, and breaks some."""

    def rule(method: str, path: str, _: str) -> Answer | None:
        return next((answer for part, answer in broken.items() if part in path and method == "GET"), None)

    with in_front(objects, rule) as started:
        yield started


def test_the_demo(objects: ObjectServer, bucket: str, tmp_path: Path) -> None:
    objects.upload(DEMO, f"{bucket}/logs")
    here, there = tmp_path / "here", tmp_path / "there"
    local = sb.index(DEMO, here)
    remote = sb.index(f"s3://{bucket}/logs", there, storage_options=objects.options)
    assert remote[1:] == local[1:]
    assert counted(rows_of(there, "records")) == counted(rows_of(here, "records"))
    tables = [rows_of(table, "runs") for table in (here, there)]
    for row in (*tables[0], *tables[1]):
        row["files"] = [(file["file"], file["size"]) for file in row["files"]]
    assert counted(tables[0]) == counted(tables[1])


def test_only_what_changed_is_fetched(
    source: str, objects: ObjectServer, front: Front, bucket: str, tmp_path: Path
) -> None:
    table = tmp_path / "table"

    def index() -> sb.IndexResult:
        result = sb.index(source, table, storage_options=front.server.options)
        assert counted(rows_of(table, "records")) == expected(source, objects)
        assert result.records == sum(row["records"] for row in rows_of(table, "runs"))
        return result

    first = index()
    assert (first.runs, len(first.replaced), first.problems) == (12, 12, ())
    # Each file is fetched once, though it is looked at before it is read.
    asked = fetched(front)
    assert (len(asked), set(asked.values())) == (12, {1})
    assert (index().replaced, fetched(front)) == ([], Counter())
    objects.put(f"{bucket}/runs/sweep/run3/log.jsonl", lines(40, 2))
    # Of the same size.
    objects.put(f"{bucket}/runs/sweep/run4/log.jsonl", lines(14, 7))
    objects.put(f"{bucket}/runs/sweep/new/log.jsonl", lines(7))
    objects.put(f"{bucket}/runs/sweep/notes.md", b"nothing")
    objects.delete(f"{bucket}/runs/sweep/run5/log.jsonl")
    changed = index()
    assert sorted(changed.replaced) == ["sweep/new", "sweep/run3", "sweep/run4"]
    assert changed.removed == ["sweep/run5"]
    assert {path.split("/")[-2] for path in fetched(front)} == {"new", "run3", "run4", "sweep"}
    assert (index().replaced, fetched(front)) == ([], Counter())
    # A log above others makes one group of all.
    objects.put(f"{bucket}/runs/sweep/log.jsonl", lines(3))
    assert len(index().replaced) == 13
    objects.delete(f"{bucket}/runs/sweep/log.jsonl")
    assert index().removed == ["sweep"]
    objects.put(f"{bucket}/runs/stepbridge.toml", b'[runs."*"]\nbatches_per_epoch = 3\nunit = "batch"\nbase = 0\n')
    assert len(index().replaced) == 12


def test_after_one_run_of_a_hundred_changed_little_is_fetched(
    objects: ObjectServer, front: Front, bucket: str, tmp_path: Path
) -> None:
    for number in range(100):
        objects.put(f"{bucket}/run{number}/log.jsonl", lines(20, number))
    table = tmp_path / "table"
    sb.index(f"s3://{bucket}", table, storage_options=front.server.options)
    first = sum(fetched(front).values())
    objects.put(f"{bucket}/run7/log.jsonl", lines(21))
    assert sb.index(f"s3://{bucket}", table, storage_options=front.server.options).replaced == ["run7"]
    assert sum(fetched(front).values()) <= 0.03 * first


def test_a_store_that_is_away_changes_nothing(
    source: str, objects: ObjectServer, front: Front, broken: dict[str, Answer], bucket: str, tmp_path: Path
) -> None:
    table = tmp_path / "table"
    with pytest.raises(FileNotFoundError, match="there is no bucket 's3://no-such-bucket'"):
        sb.index("s3://no-such-bucket", table, storage_options=objects.options)
    assert not table.exists()
    sb.index(source, table, storage_options=front.server.options)
    before = counted(rows_of(table, "records"))
    for answer, error in ((Answer(status=403), PermissionError), (Answer(status=500), ConnectionError)):
        broken[bucket] = answer
        with pytest.raises(error, match=rf"^'s3://{bucket}/runs' "):
            sb.index(source, table, storage_options=front.server.options)
    broken.clear()
    for number in range(12):
        objects.delete(f"{bucket}/runs/sweep/run{number}/log.jsonl")
    with pytest.raises(FileNotFoundError, match="there is no file or folder"):
        sb.index(source, table, storage_options=front.server.options)
    objects.put(f"{bucket}/runs/notes.md", b"nothing")
    with pytest.raises(sb.NoLogsError, match=rf"below '{source}'; the table stays as it is"):
        sb.index(source, table, storage_options=front.server.options)
    assert counted(rows_of(table, "records")) == before


@pytest.mark.parametrize("answer", [Answer(cut=100), Answer(status=403)], ids=["cut", "forbidden"])
@pytest.mark.parametrize("steps", [30, 30_000], ids=["small", "in ranges"])
def test_what_cannot_be_fetched_stays_as_it_was(
    answer: Answer,
    steps: int,
    source: str,
    objects: ObjectServer,
    front: Front,
    broken: dict[str, Answer],
    bucket: str,
    tmp_path: Path,
) -> None:
    table = tmp_path / "table"
    options = front.server.options
    sb.index(source, table, storage_options=options)
    before = counted([row for row in rows_of(table, "records") if row["run"] == "sweep/run3"])
    for name in ("run3", "run4", "new"):
        objects.put(f"{bucket}/runs/sweep/{name}/log.jsonl", lines(steps, 3))
    broken["/run3/log.jsonl"] = broken["/new/log.jsonl"] = answer
    result = sb.index(source, table, storage_options=options)
    assert (result.replaced, result.removed) == (["sweep/run4"], [])
    assert {problem.file for problem in result.problems} == {"sweep/run3/log.jsonl", "sweep/new/log.jsonl"}
    rows = rows_of(table, "records")
    assert counted([row for row in rows if row["run"] == "sweep/run3"]) == before
    assert {row["run"] for row in rows} == {f"sweep/run{number}" for number in range(12)}
    noted = {row["group"]: row for row in rows_of(table, "runs")}
    assert noted["sweep/run3"]["problems"] == []
    assert [problem["file"] for problem in noted["sweep/new"]["problems"]] == ["sweep/new/log.jsonl"]
    broken.clear()
    result = sb.index(source, table, storage_options=options)
    assert (sorted(result.replaced), result.problems) == (["sweep/new", "sweep/run3"], ())
    assert counted(rows_of(table, "records")) == expected(source, objects)
    fresh = tmp_path / "fresh"
    sb.index(source, fresh, storage_options=options)
    assert counted(rows_of(table, "runs")) == counted(rows_of(fresh, "runs"))


def test_it_breaks_when_a_large_log_is_read(source: str, objects: ObjectServer, bucket: str, tmp_path: Path) -> None:
    table = tmp_path / "table"
    sb.index(source, table, storage_options=objects.options)
    for name in ("run3", "big"):
        objects.put(f"{bucket}/runs/sweep/{name}/log.jsonl", lines(100_000, 3))

    def rule(method: str, path: str, part: str) -> Answer | None:
        large = ("run3/" in path or "big/" in path) and part and not part.startswith("bytes=0-262143")
        return Answer(cut=100) if method == "GET" and large else None

    with in_front(objects, rule) as front:
        result = sb.index(source, table, storage_options=front.server.options)
    assert (result.replaced, result.removed) == ([], [])
    assert {problem.file for problem in result.problems} == {"sweep/run3/log.jsonl", "sweep/big/log.jsonl"}
    lengths = Counter(row["run"] for row in rows_of(table, "records"))
    assert (lengths["sweep/run3"], lengths["sweep/big"]) == (13, 0)
    result = sb.index(source, table, storage_options=objects.options)
    assert (sorted(result.replaced), result.problems) == (["sweep/big", "sweep/run3"], ())
    assert counted(rows_of(table, "records")) == expected(source, objects)


@pytest.mark.parametrize("steps", [20, 100_000], ids=["small", "in ranges"])
def test_an_object_that_is_replaced_while_it_is_read(
    steps: int, source: str, objects: ObjectServer, bucket: str, tmp_path: Path
) -> None:
    name = "sweep/run3/log.jsonl"
    objects.put(f"{bucket}/runs/{name}", lines(steps, 3))
    seen: Counter[str] = Counter()

    def rule(method: str, path: str, _: str) -> Answer | None:
        seen[path] += method == "GET"
        if method == "GET" and name in path and seen[path] == (1 if steps == 20 else 3):
            return Answer(first=lambda: objects.put(f"{bucket}/runs/{name}", lines(steps + 5, 4)))
        return None

    table = tmp_path / "table"
    with in_front(objects, rule) as front:
        result = sb.index(source, table, storage_options=front.server.options)
    assert result.problems == ()
    # What is in the table is one of both versions, whole. The next call sees that the listed one was not the last.
    assert counted(rows_of(table, "records")) == expected(source, objects)
    assert sb.index(source, table, storage_options=objects.options).replaced == ["sweep/run3"]
    assert counted(rows_of(table, "records")) == expected(source, objects)
    assert sb.index(source, table, storage_options=objects.options).replaced == []


def test_copies_stay_within_the_limit(
    source: str, objects: ObjectServer, front: Front, bucket: str, tmp_path: Path
) -> None:
    objects.put(f"{bucket}/runs/sweep/large/log.jsonl", lines(200))
    limit, table = 2000, tmp_path / "table"
    assert len(lines(21, 12)) < limit < len(lines(200))
    result = sb.index(source, table, storage_options=front.server.options, cache_limit=limit)
    (problem,) = result.problems
    assert problem.file == "sweep/large/log.jsonl"
    assert "give a larger cache_limit=" in problem.reason
    assert len(result.replaced) == 12
    result = sb.index(source, table, storage_options=front.server.options)
    assert (result.replaced, result.problems) == (["sweep/large"], ())
    assert counted(rows_of(table, "records")) == expected(source, objects)


def test_shards_do_the_work_of_one_and_look_at_files_once(
    objects: ObjectServer, front: Front, bucket: str, tmp_path: Path
) -> None:
    for number in range(60):
        objects.put(f"{bucket}/run{number}/log.jsonl", lines(10, number))
    table, count = tmp_path / "table", 4
    environment = {**os.environ, **front.server.environment}
    shards = [
        subprocess.Popen(
            [*PROGRAM, "index", f"s3://{bucket}", "-o", str(table), "--json", "--shard", f"{number}/{count}"],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for number in range(1, count + 1)
    ]
    results = [json.loads(shard.communicate(timeout=240)[0]) for shard in shards]
    assert sum(result["runs"] for result in results) == 60
    assert counted(rows_of(table, "records")) == expected(f"s3://{bucket}", objects)
    # One of them looks at a file, and one reads it; now and then two look at once.
    assert sum(fetched(front).values()) < 60 * count
    assert list((table / "_stepbridge").glob("seen-*")) == []
    # One after the other: what the first saw, the others know.
    again = tmp_path / "again"
    for number in (1, 2):
        sb.index(f"s3://{bucket}", again, shard=(number, 2), storage_options=front.server.options)
    assert sum(fetched(front).values()) == 2 * 60
    assert counted(rows_of(again, "records")) == counted(rows_of(table, "records"))
    assert sb.index(f"s3://{bucket}", again, storage_options=objects.options).replaced == []


def test_wrong_use(source: str, objects: ObjectServer, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^the table 's3://bucket/table' is an address: .*give a folder, and copy"):
        sb.index(source, "s3://bucket/table", storage_options=objects.options)
    sentence = complaint(2, "index", "runs", "-o", "s3://bucket/table", cwd=tmp_path)
    assert sentence.endswith("give a folder, and copy it to the store")
    assert list(tmp_path.iterdir()) == []
    sb.index(source, tmp_path / "table", storage_options=objects.options)
    with pytest.raises(ValueError, match="another folder of logs"):
        sb.index(f"{source}/sweep", tmp_path / "table", storage_options=objects.options)
    # The same folder, written in another way.
    assert sb.index(f"{source}/", tmp_path / "table", storage_options=objects.options).replaced == []


def test_the_command(source: str, objects: ObjectServer, bucket: str, tmp_path: Path) -> None:
    environment = {**os.environ, **objects.environment, "TMPDIR": str(tmp_path / "copies")}
    (tmp_path / "copies").mkdir()
    done = run("index", source, "-o", tmp_path / "table", env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{tmp_path / 'table'}: 186 records of 12 runs, 12 read, 0 removed\n"
    objects.delete(f"{bucket}/runs/sweep/run5/log.jsonl")
    store = [f"--storage-options={name}={value}" for name, value in objects.options.items() if isinstance(value, str)]
    done = run("index", source, "-o", tmp_path / "table", "--cache-limit", "1GB", *store, env=environment)
    assert done.stdout == f"{tmp_path / 'table'}: 171 records of 11 runs, 0 read, 1 removed\n"
    done = run("index", "s3://no-such-bucket", "-o", tmp_path / "other", env=environment)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    # No copy is left, and no secret is in the table.
    assert list((tmp_path / "copies").iterdir()) == []
    files = [path for path in (tmp_path / "table").rglob("*") if path.is_file()]
    assert not any(SECRET.encode() in path.read_bytes() for path in files)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_a_bucket_is_followed(source: str, objects: ObjectServer, bucket: str, tmp_path: Path) -> None:
    command = [*PROGRAM, "index", source, "-o", str(tmp_path / "table"), "--follow", "--interval", "0.05"]
    environment = {**os.environ, **objects.environment}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert "186 records of 12 runs, 12 read" in process.stdout.readline()
        objects.put(f"{bucket}/runs/sweep/more/log.jsonl", lines(4))
        assert "190 records of 13 runs, 1 read" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=240) in {0, 130}


def test_a_delta_table(source: str, objects: ObjectServer, bucket: str, tmp_path: Path) -> None:
    deltalake = pytest.importorskip("deltalake")
    table = tmp_path / "table"
    for _ in range(2):
        sb.index(source, table, table_format="delta", storage_options=objects.options)
        found = deltalake.DeltaTable(str(table / "records")).to_pyarrow_table().drop_columns("part").to_pylist()
        assert counted(found) == expected(source, objects)
        objects.put(f"{bucket}/runs/sweep/run3/log.jsonl", lines(40, 2))


KILLED = "import sys, stepbridge as sb; print(flush=True); sb.index(sys.argv[1], sys.argv[2])"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_process_that_is_killed_in_mid_fetch(source: str, objects: ObjectServer, bucket: str, tmp_path: Path) -> None:
    """The moment is an event: the server kills it when it asks for the n-th object."""
    table = tmp_path / "table"
    sb.index(source, table, storage_options=objects.options)
    for number in range(12):
        objects.put(f"{bucket}/runs/sweep/run{number}/log.jsonl", lines(30 + number, number + 1))
    before = counted(rows_of(table, "records"))
    after = expected(source, objects)
    for number in (1, 5, 12):
        processes: list[subprocess.Popen[bytes]] = []
        seen: Counter[str] = Counter()
        rule = killing(processes, seen, number)
        with in_front(objects, rule) as front:
            command = [sys.executable, "-c", KILLED, source, str(table)]
            environment = {**os.environ, **front.server.environment}
            processes.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE))
            processes[0].communicate()
        assert processes[0].returncode == -signal.SIGKILL
        assert counted(rows_of(table, "records")) == before
    sb.index(source, table, storage_options=objects.options)
    assert counted(rows_of(table, "records")) == after


def killing(
    processes: list[subprocess.Popen[bytes]], seen: Counter[str], number: int
) -> Callable[[str, str, str], Answer | None]:
    """Give the rule of a server that kills a process when it asks for the n-th object."""

    def rule(method: str, path: str, _: str) -> Answer | None:
        seen["objects"] += method == "GET" and "log.jsonl" in path
        return Answer(first=processes[0].kill) if seen["objects"] == number else None

    return rule
