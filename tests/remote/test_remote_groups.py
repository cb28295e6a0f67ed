"""Groups of files in a bucket are those of a folder with the same files, and each is fetched when it is read."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import stepbridge as sb
from conftest import DATA
from object_server import SECRET, Answer, ObjectServer, in_front
from table_rows import same_rows, sorted_rows

if TYPE_CHECKING:
    from collections.abc import Callable

pytest.importorskip("pyarrow")
DEMO = Path(__file__).parents[2] / "demo" / "logs"


def lines(steps: range, loss: float = 0.5) -> bytes:
    return "".join(json.dumps({"step": step, "loss": loss}) + "\n" for step in steps).encode()


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def differences(folder: Path, address: str, objects: ObjectServer, **options: Any) -> list[str]:
    """List in what the groups of a bucket differ from those of a folder: names, files, runs, records, problems."""
    here = list(sb.find_runs(folder, **options))
    there = list(sb.find_runs(address, storage_options=objects.options, **options))
    shape = [
        [(group.name, [(file.file, file.size) for file in group.files]) for group in groups] for groups in (here, there)
    ]
    if shape[0] != shape[1]:
        return [f"groups {shape}"]
    differing = []
    for local, remote in zip(here, there, strict=True):
        tables: list[tuple[Any, Any]] = []
        for group in (local, remote):
            try:
                logs = group.read()
            except sb.NoLogsError as error:
                tables.append((None, error.problems))
                continue
            table = logs.reindex()
            tables.append(
                (table.to_arrow(), (logs.runs, logs.problems, table.problems, table.origins, list(logs.ledgers)))
            )
        (one, facts), (other, remote_facts) = tables
        if facts != remote_facts:
            differing.append(f"{local.name}: {facts} {remote_facts}")
        if one is not None and not same_rows(sorted_rows(one), sorted_rows(other)):
            differing.append(f"{local.name}: records")
    return differing


def test_groups_of_the_demo(objects: ObjectServer, bucket: str) -> None:
    objects.upload(DEMO, f"{bucket}/logs")
    assert differences(DEMO, f"s3://{bucket}/logs", objects) == []
    found = sb.find_runs(f"s3://{bucket}/logs/", storage_options=objects.options)
    assert [group.name for group in found] == [group.name for group in sb.find_runs(DEMO)]
    assert found[0].root == f"s3://{bucket}/logs"
    assert found[0].paths == [f"s3://{bucket}/logs/{found[0].files[0].file}"]


@pytest.mark.parametrize(
    "kind", ["tfevents", "wandb", "mlflow", "lightning", "mmengine", "trainer_state", "ultralytics"]
)
def test_groups_of_real_logs(kind: str, objects: ObjectServer, bucket: str) -> None:
    if not (DATA / kind).is_dir():
        pytest.skip(f"no real logs at {DATA / kind}")
    folder = min((path for path in (DATA / kind).iterdir() if path.is_dir()), key=size_of)
    objects.upload(folder, bucket)
    assert differences(folder, f"s3://{bucket}", objects) == []


def test_ledgers_configurations_checkpoints_and_damage(objects: ObjectServer, bucket: str, tmp_path: Path) -> None:
    clock = sb.StepClock(samples=10, batch_size=5, epochs=2, ledger=tmp_path / "run")
    while clock.begin_epoch():
        clock.advance(2)
        clock.end_epoch()
    clock.end_run()
    state = {"epoch": 1.0, "global_step": 5, "log_history": [{"step": 4, "epoch": 0.5, "loss": 1}]}
    for file, text in {
        "run/train/log.jsonl": lines(range(1, 5)).decode(),
        "run/val/log.jsonl": lines(range(1, 5)).decode(),
        "hf/checkpoint-5/trainer_state.json": json.dumps(state),
        "hf/config.yaml": "batch_size: 4\n" + "# a long comment\n" * 20_000,
        "mlruns/0/" + "0" * 32 + "/metrics/train/loss": "1700000000000 0.5 0\n1700000001000 0.25 1\n",
        "damaged/events.out.tfevents.1.host": "",
        "damaged/log.jsonl": lines(range(1, 3)).decode(),
        "broken/events.out.tfevents.1.host": "",
        "notes.md": "nothing",
        "stepbridge.toml": '[runs."damaged"]\nbatches_per_epoch = 2\nunit = "step"\nbase = 1\n',
    }.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    objects.upload(tmp_path, f"{bucket}/runs")
    address = f"s3://{bucket}/runs"
    assert differences(tmp_path, address, objects) == []
    chained = sb.find_runs(address, storage_options=objects.options, chain="run/*")
    assert [group.name for group in chained] == ["."]
    alone = sb.find_runs(f"{address}/damaged/log.jsonl", storage_options=objects.options)
    assert [(group.name, group.root) for group in alone] == [(".", f"{address}/damaged")]
    # The ledger above belongs to the run, because the root says that it is one of several.
    several = sb.find_runs([f"{address}/run/train", f"{address}/hf"], root=address, storage_options=objects.options)
    assert [group.name for group in several] == ["hf", "run"]
    assert several[1].read().ledgers.keys() == {"run/train"}


def test_of_each_file_the_beginning_is_fetched_and_each_is_read_in_one_request(
    objects: ObjectServer, bucket: str, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "log.jsonl").write_bytes(lines(range(50)))
    (tmp_path / "big").mkdir()
    (tmp_path / "big" / "log.jsonl").write_bytes(lines(range(400_000)))
    (tmp_path / "big" / "model.bin").write_bytes(os.urandom(5_000_000))
    objects.upload(tmp_path, bucket)
    with in_front(objects, lambda *_: None) as front:
        found = sb.find_runs(f"s3://{bucket}", storage_options=front.server.options)
        parts = [part for method, path, part in front.requests if method == "GET" and "/big/" in path]
        assert parts
        assert all(part for part in parts)
        assert sum(int(end) - int(begin) + 1 for begin, end in (part[6:].split("-") for part in parts)) < 1_000_000
        front.requests.clear()
        assert len(found[0].read()) == 50
        asked = Counter((method, path.split("?")[0]) for method, path, _ in front.requests)
        assert asked == {("GET", f"/{bucket}/a/log.jsonl"): 1, ("HEAD", f"/{bucket}/stepbridge.toml"): 1}
        assert [group.name for group in found] == ["a", "b", "big"]
        assert len(found[2].read()) == 400_000
    assert [file.file for file in found[2].files] == ["big/log.jsonl"]


def test_a_database_is_read_with_what_is_next_to_it(objects: ObjectServer, bucket: str, tmp_path: Path) -> None:
    import sqlite3  # noqa: PLC0415 - some builds of Python have none

    connection = sqlite3.connect(tmp_path / "project.db")
    connection.execute(
        "CREATE TABLE metrics (id INTEGER PRIMARY KEY, timestamp TEXT, run_name TEXT, step INTEGER, metrics TEXT)"
    )
    connection.commit()
    connection.execute("PRAGMA journal_mode=WAL")
    for step in range(1, 4):
        row = ("2026-01-01T00:00:00", "run", step, json.dumps({"loss": step}))
        connection.execute("INSERT INTO metrics (timestamp, run_name, step, metrics) VALUES (?, ?, ?, ?)", row)
    connection.commit()
    assert (tmp_path / "project.db-wal").stat().st_size > 0
    objects.upload(tmp_path, bucket)
    address = f"s3://{bucket}"
    (group,) = sb.find_runs(address, storage_options=objects.options)
    assert {"project.db", "project.db-wal"} <= {file.file for file in group.files}
    whole = sb.read_logs(address, storage_options=objects.options)
    assert group.read().reindex().to_arrow().to_pylist() == whole.reindex().to_arrow().to_pylist()
    assert len(whole) == 3
    connection.close()


def test_a_group_is_read_in_another_process(objects: ObjectServer, bucket: str, tmp_path: Path) -> None:
    objects.put(f"{bucket}/a/log.jsonl", lines(range(1, 11)))
    (group,) = sb.find_runs(f"s3://{bucket}", storage_options=objects.options)
    code = (
        "import pickle, sys; group = pickle.load(sys.stdin.buffer); print(group.read().runs, "
        "sum(batch.num_rows for batch in group.batches(likely=True)))"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(group), capture_output=True, check=True, env=environment
    )
    assert done.stdout.decode().strip() == "['a'] 10"
    # No copy is left.
    assert list(tmp_path.iterdir()) == []


def test_a_large_group_passes_through_a_file(
    objects: ObjectServer, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow as pa  # noqa: PLC0415 - see above

    objects.put(f"{bucket}/a/log.jsonl", lines(range(1, 11)))
    objects.put(f"{bucket}/stepbridge.toml", b'[runs."a"]\nbatches_per_epoch = 5\nunit = "step"\nbase = 1\n')
    (group,) = sb.find_runs(f"s3://{bucket}", storage_options=objects.options)
    whole = sb.read_logs(f"s3://{bucket}", storage_options=objects.options).reindex().to_arrow().to_pylist()
    assert {row["epoch"] for row in whole} == {0, 1}
    assert pa.Table.from_batches(group.batches()).to_pylist() == whole
    monkeypatch.setattr("stepbridge.fleet._groups._SMALL", 0)
    assert pa.Table.from_batches(group.batches()).to_pylist() == whole


def test_no_secret_is_shown(objects: ObjectServer, bucket: str) -> None:
    objects.put(f"{bucket}/a/log.jsonl", lines(range(1, 11)))
    found = sb.find_runs(f"s3://{bucket}", storage_options=objects.options)
    for text in (repr(found), repr(found[0]), repr(found[:]), str(found[0]), repr(found[0].files[0])):
        assert SECRET not in text
    secret = sb.RunGroup("ftp://me:geheim@host/x", "a", (sb.ListedFile("a", "ftp://me:geheim@host/x/a", 1, "?"),), {})
    assert "geheim" not in repr(secret)


def read_through(
    rule: Callable[[str, str, str], Answer | None], objects: ObjectServer, address: str
) -> tuple[sb.FoundRuns, list[sb.Logs]]:
    """Find runs as a server says, and read them from another one that does nothing wrong."""
    with in_front(objects, rule) as front:
        found = sb.find_runs(address, storage_options=front.server.options)
        return found, [group.read() for group in found]


def test_errors_of_a_store(objects: ObjectServer, bucket: str) -> None:
    objects.put(f"{bucket}/a/log.jsonl", lines(range(1, 11)))
    objects.put(f"{bucket}/b/log.jsonl", lines(range(1, 11)))
    options, address = objects.options, f"s3://{bucket}"
    with pytest.raises(FileNotFoundError, match=r"^there is no bucket 's3://no-such-bucket'; check its name"):
        sb.find_runs("s3://no-such-bucket/runs", storage_options=options)
    with pytest.raises(FileNotFoundError, match=rf"^there is no file or folder '{address}/runs'; give a log"):
        sb.find_runs(f"{address}/runs", storage_options=options)
    with pytest.raises(PermissionError, match=rf"^'{address}' may not be read"):
        read_through(lambda *_: Answer(status=403), objects, address)
    with pytest.raises(ConnectionError, match=r"could not be listed: .*status 500"):
        read_through(lambda *_: Answer(status=500), objects, address)
    with pytest.raises(PermissionError, match=rf"^'{address}/./log.jsonl' may not be read"):
        read_through(lambda _, path, __: Answer(status=403) if "log.jsonl" in path else None, objects, address)
    with pytest.raises(ValueError, match="are in several buckets: give those of one at a time"):
        sb.find_runs([address, "s3://another"], storage_options=options)
    with pytest.raises(ValueError, match="cannot be read together"):
        sb.find_runs([address, "here"], storage_options=options)
    with pytest.raises(ValueError, match="storage_options= is for addresses"):
        sb.find_runs(DEMO, storage_options=options)
    with pytest.raises(OSError, match="give a larger cache_limit="):
        sb.find_runs(address, storage_options=options, cache_limit=10)[0].read()
    # A file that may not be read is a problem; the others are found.
    found, logs = read_through(lambda _, path, __: Answer(status=403) if "/a/" in path else None, objects, address)
    assert [group.name for group in found] == ["b"]
    assert [(problem.file, problem.reason) for problem in found.problems] == [
        ("a/log.jsonl", "the store does not let it be read (no permission)")
    ]
    assert [each.runs for each in logs] == [["b"]]


def test_a_connection_that_breaks(objects: ObjectServer, bucket: str) -> None:
    objects.put(f"{bucket}/a/log.jsonl", lines(range(1, 101)))
    objects.put(f"{bucket}/b/log.jsonl", lines(range(1, 101)))
    seen: Counter[str] = Counter()

    def once(method: str, path: str, _: str) -> Answer | None:
        seen[path] += method == "GET"
        return Answer(cut=100) if "log.jsonl" in path and seen[path] == 1 else None

    found, logs = read_through(once, objects, f"s3://{bucket}")
    assert (len(found), found.problems, [len(each) for each in logs]) == (2, (), [100, 100])
    found, _ = read_through(lambda _, path, __: Answer(cut=100) if "/a/" in path else None, objects, f"s3://{bucket}")
    assert [group.name for group in found] == ["b"]
    assert found.problems[0].reason == "it could not be fetched: the connection broke, in each of 4 attempts"
    # It breaks when the group is read: that is an error, and not a run that lacks something.
    broken = False
    with in_front(objects, lambda _, path, __: Answer(cut=100) if broken and "/a/" in path else None) as front:
        found = sb.find_runs(f"s3://{bucket}", storage_options=front.server.options)
        broken = True
        with pytest.raises(ConnectionError, match=rf"^'s3://{bucket}/a/log.jsonl' cannot be read: .*connection broke"):
            found[0].read()


def test_a_file_that_changes_after_it_was_listed(objects: ObjectServer, bucket: str) -> None:
    for name in "ab":
        objects.put(f"{bucket}/{name}/log.jsonl", lines(range(1, 11)))
    objects.put(f"{bucket}/b/more.jsonl", lines(range(1, 11)))
    found = sb.find_runs(f"s3://{bucket}", storage_options=objects.options)
    objects.put(f"{bucket}/a/log.jsonl", lines(range(1, 21), loss=0.75))
    logs = found[0].read()
    assert (len(logs), set(logs.to_polars()["value"])) == (20, {0.75})
    assert logs.refresh() == 0
    objects.put(f"{bucket}/a/log.jsonl", lines(range(1, 31)))
    assert logs.refresh() == 10
    objects.delete(f"{bucket}/b/more.jsonl")
    with pytest.raises(OSError, match=rf"^'s3://{bucket}/b/more.jsonl' cannot be read: it was removed"):
        found[1].read()


def test_one_step_of_one_run_fetches_that_run(objects: ObjectServer, bucket: str, tmp_path: Path) -> None:
    clock = sb.StepClock(samples=10, batch_size=2, epochs=2, ledger=tmp_path)
    for _ in clock.epochs():
        for _ in clock.batches(range(5)):
            pass
    for name in ("sweep/a", "sweep/b", "c"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "log.jsonl").write_bytes(lines(range(1, 11)))
    (tmp_path / "twice").mkdir()
    (tmp_path / "twice" / "log.jsonl").write_bytes(lines(range(1, 11)) + lines(range(1, 6)))
    (tmp_path / "mlruns/0" / ("0" * 32) / "metrics").mkdir(parents=True)
    (tmp_path / "mlruns/0" / ("0" * 32) / "metrics/loss").write_text("1700000000000 0.5 0\n1700000001000 0.25 1\n")
    objects.upload(tmp_path, f"{bucket}/x")
    address = f"s3://{bucket}/x"
    with in_front(objects, lambda *_: None) as front:

        def asked(run: str, step: int) -> set[str]:
            front.requests.clear()
            found = sb.locate_step(address, step, run=run, storage_options=front.server.options)
            assert found == sb.locate_step(tmp_path, step, run=run)
            return {
                path.removeprefix(f"/{bucket}/x/")
                for method, path, _ in front.requests
                if method == "GET" and path.startswith(f"/{bucket}/x/")
            }

        assert asked("sweep/a", 7) == {"sweep/a/log.jsonl", "stepclock.jsonl"}
        assert asked("c", 7) == {"c/log.jsonl", "stepclock.jsonl"}
        runs = sb.read_logs(tmp_path).runs
        assert "twice#2" in runs
        assert asked("twice#2", 3) == {"twice/log.jsonl", "stepclock.jsonl"}
        assert len(asked(f"mlruns/0/{'0' * 32}", 1)) == 2
        # A run that is not there: all are read, to say which there are.
        with pytest.raises(ValueError, match=r"holds no run 'sweep/z'; there are 'sweep/b', 'sweep/a'"):
            sb.locate_step(address, 7, run="sweep/z", storage_options=front.server.options)
