"""A table that is kept up to date is the table that is made anew, whatever happened in between."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any

import deltalake
import polars as pl
import pyarrow.parquet as pq
import pytest

import stepbridge as sb
from commands import LOGS, complaint, run
from known_logs import DATA
from stepbridge import _core
from table_rows import same_rows, sorted_rows
from unprivileged import unprivileged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORMATS = ("parquet", "delta")


def log(path: Path, steps: int, scale: float = 1.0, age: float = 100.0) -> None:
    """Write a log of two tags that states its epochs, some time ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [{"step": step, "epoch": step // 5, "loss": scale / (step + 1), "lr": scale} for step in range(steps)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    then = time.time() - age
    os.utime(path, (then, then))


def age(folder: Path) -> None:
    """Make all files older than the clocks of file systems are coarse."""
    for number, path in enumerate(sorted(folder.rglob("*"))):
        if path.is_file():
            then = path.stat().st_mtime - 100 - number
            os.utime(path, (then, then))


def write_logs(folder: Path) -> Path:
    for number in range(12):
        log(folder / f"sweep/run{number}" / "log.jsonl", 10 + number, number + 1)
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_logs(tmp_path / "runs")


def read(table: Path, name: str, table_format: str = "parquet") -> list[dict[str, Any]]:
    """Read one of both tables: each part by one open file, because a name may be another file the next time."""
    if table_format == "delta":
        rows = deltalake.DeltaTable(str(table / name)).to_pyarrow_table().to_pylist()
        return [{column: value for column, value in row.items() if column != "part" or name == "runs"} for row in rows]
    found: list[dict[str, Any]] = []
    for part in sorted((table / name).glob("*.parquet")):
        with part.open("rb") as file:
            found += pq.read_table(file).to_pylist()
    return found


def counted(rows: list[dict[str, Any]]) -> Counter[str]:
    return Counter(map(repr, rows))


def expected(source: Path, **options: Any) -> Counter[str]:
    """Count the rows of a fresh table."""
    return counted(sb.read_logs(source).reindex(**options).to_arrow().to_pylist())


@pytest.mark.parametrize("table_format", FORMATS)
def test_only_what_changed_is_read(source: Path, tmp_path: Path, table_format: Any) -> None:
    table = tmp_path / "table"

    def index() -> sb.IndexResult:
        result = sb.index(source, table, table_format=table_format)
        assert counted(read(table, "records", table_format)) == expected(source)
        assert result.records == sum(row["records"] for row in read(table, "runs", table_format))
        assert result.runs == len(sb.read_logs(source).runs)
        return result

    first = index()
    assert (len(first.replaced), first.removed, first.problems) == (12, [], ())
    again = index()
    assert (again.replaced, again.removed, again.records) == ([], [], first.records)
    log(source / "sweep/run3/log.jsonl", 40, 2)
    log(source / "sweep/new/log.jsonl", 7)
    shutil.rmtree(source / "sweep/run5")
    changed = index()
    assert (sorted(changed.replaced), changed.removed) == (["sweep/new", "sweep/run3"], ["sweep/run5"])
    # A log above others makes one group of all.
    log(source / "sweep/log.jsonl", 3)
    assert len(index().replaced) == 13
    (source / "sweep/log.jsonl").unlink()
    assert index().removed == ["sweep"]


def test_a_row_for_each_run(source: Path, tmp_path: Path) -> None:
    log(source / "damaged" / "log.jsonl", 5)
    (source / "damaged" / "events.out.tfevents.1.host").write_bytes(b"nothing")
    (source / "broken").mkdir()
    (source / "broken" / "events.out.tfevents.1.host").write_bytes(b"")
    (source / "sweep/run0/notes.md").write_text("nothing")
    result = sb.index(source, tmp_path / "table")
    rows = {row["run"]: row for row in read(tmp_path / "table", "runs")}
    logs = sb.read_logs(source)
    table = logs.reindex()
    assert {run for run, row in rows.items() if row["records"]} == set(logs.runs) - {"broken"}
    records = Counter(row["run"] for row in table.to_arrow().to_pylist())
    assert {run: row["records"] for run, row in rows.items() if row["records"]} == records
    problems = [sb.Problem(**problem) for row in rows.values() for problem in row["problems"]]
    assert sorted(map(repr, problems)) == sorted(map(repr, (*logs.problems, *table.problems)))
    assert sorted(map(repr, result.problems)) == sorted(map(repr, problems))
    assert rows["broken"]["problems"][0]["kind"] == "empty"
    (file,) = rows["sweep/run0"]["files"]
    assert (file["file"], file["size"]) == ("sweep/run0/log.jsonl", (source / "sweep/run0/log.jsonl").stat().st_size)
    assert rows["sweep/run0"]["origin"] == "inferred"
    assert sb.Timeline.from_json(rows["sweep/run0"]["timeline"]) == logs.infer()["sweep/run0"].timeline
    assert {row["group"] for row in rows.values()} == {
        *(f"sweep/run{number}" for number in range(12)),
        "damaged",
        "broken",
    }


@pytest.mark.skipif(not DATA.exists(), reason=f"no real logs at {DATA}: set STEPBRIDGE_DATA")
def test_real_logs_add_up_to_a_fresh_table(tmp_path: Path) -> None:
    for options in ({}, {"keep_superseded": True, "batch": True}):
        table = tmp_path / f"table{len(options)}"
        sb.index(DATA, table, **options)  # type: ignore[arg-type]
        logs = sb.read_logs(DATA)
        fresh = logs.reindex(**options)  # type: ignore[arg-type]
        parts = [pq.read_table(part) for part in (table / "records").glob("*.parquet")]
        assert same_rows(sorted_rows(*parts), sorted_rows(fresh.to_arrow()))
        rows = read(table, "runs")
        problems = [sb.Problem(**problem) for row in rows for problem in row["problems"]]
        assert Counter(problems) == Counter((*logs.problems, *fresh.problems))
        sums = Counter[str]()
        for left_out in fresh.left_out:
            sums[left_out.reason] += left_out.records
        for reason, column in (("no_place", "no_place"), ("not_a_number", "not_a_number")):
            assert sum(row[column] for row in rows) == sums[reason], reason
        assert sum(row["superseded"] for row in rows) == sum(each.superseded for each in logs.sessions)


def test_a_large_group_is_read_in_pieces(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Two runs in one group, with steps that a later session did again.
    for name in ("big", "big/inner"):
        log(source / name / "log.jsonl", 30)
        lines = (source / name / "log.jsonl").read_text().splitlines(keepends=True)
        (source / name / "log.jsonl").write_text("".join(lines + lines[20:]))
    core = _core.Survey.read

    def in_pieces(*arguments: Any) -> _core.Survey:
        return core(*arguments, in_pieces=True)

    monkeypatch.setattr(
        "stepbridge.fleet._group_records._core.Survey", type("Survey", (), {"read": staticmethod(in_pieces)})
    )
    sb.index(source, tmp_path / "table")
    assert counted(read(tmp_path / "table", "records")) == expected(source)
    rows = {row["run"]: row for row in read(tmp_path / "table", "runs")}
    assert (rows["big"]["records"], rows["big"]["superseded"], rows["big/inner"]["superseded"]) == (60, 20, 20)


def test_other_options_read_all_again(source: Path, tmp_path: Path) -> None:
    table = tmp_path / "table"
    sb.index(source, table)
    plan = sb.Timeline.plan(batches_per_epoch=2)
    assert len(sb.index(source, table, plan, unit="batch", base=0).replaced) == 12
    assert counted(read(table, "records")) == expected(source, timeline=plan, unit="batch", base=0)
    assert read(table, "runs")[0]["timeline"] == plan.to_json()
    (source / "stepbridge.toml").write_text('[runs."*run1"]\nbatches_per_epoch = 3\nunit = "batch"\nbase = 0\n')
    sb.index(source, table)
    assert counted(read(table, "records")) == expected(source, plans=source / "stepbridge.toml")
    rows = {row["run"]: row for row in read(table, "runs")}
    assert rows["sweep/run1"]["timeline"] == sb.Timeline.plan(batches_per_epoch=3).to_json()


def test_a_table_is_that_of_one_folder_and_has_its_columns(source: Path, tmp_path: Path) -> None:
    table = tmp_path / "table"
    sb.index(source, table)
    with pytest.raises(ValueError, match="another folder of logs"):
        sb.index(source / "sweep", table)
    with pytest.raises(ValueError, match="another set of columns"):
        sb.index(source, table, batch=True)
    with pytest.raises(ValueError, match="holds other files: give a new folder"):
        sb.index(source, source)
    with pytest.raises(ValueError, match="is a file: give a folder"):
        sb.index(source, source / "sweep/run0/log.jsonl")
    for name in ("strict", "share_timeline"):
        with pytest.raises(ValueError, match=f"{name}= does not fit a table"):
            sb.index(source, table, **{name: True})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="K from 1 to N"):
        sb.index(source, table, shard=(3, 2))


def test_a_folder_that_is_away_removes_nothing(source: Path, tmp_path: Path) -> None:
    table = tmp_path / "table"
    sb.index(source, table)
    before = counted(read(table, "records"))
    source.rename(tmp_path / "away")
    with pytest.raises(FileNotFoundError):
        sb.index(source, table)
    source.mkdir()
    with pytest.raises(sb.NoLogsError, match="the table stays as it is"):
        sb.index(source, table)
    assert counted(read(table, "records")) == before


def test_what_cannot_be_read_stays_until_it_is_gone(source: Path, tmp_path: Path) -> None:
    # Python may be installed below root's own folder, where nobody else can import what is still missing.
    sb.index(source, tmp_path / "table")
    with unprivileged() as folder:
        source, table = write_logs(folder / "runs"), folder / "table"
        sb.index(source, table)
        before = counted(read(table, "records"))
        (source / "sweep/run1").chmod(0)
        (source / "sweep/run2/log.jsonl").chmod(0)
        try:
            result = sb.index(source, table)
            assert result.removed == []
            assert {problem.file for problem in result.problems} == {"sweep/run1", "sweep/run2/log.jsonl"}
            assert "sweep/run1" in {row["run"] for row in read(table, "records")}
        finally:
            (source / "sweep/run1").chmod(0o700)
            (source / "sweep/run2/log.jsonl").chmod(0o600)
        sb.index(source, table)
        assert counted(read(table, "records")) == before
        assert [row["problems"] for row in read(table, "runs")] == [[]] * 12


def test_a_table_below_the_logs_is_not_read(source: Path) -> None:
    sb.index(source, source / "table")
    assert sb.index(source, source / "table").replaced == []
    assert len(sb.read_logs(source).runs) == 12


@pytest.mark.parametrize("table_format", FORMATS)
def test_shards_do_the_work_of_one(source: Path, tmp_path: Path, table_format: str) -> None:
    table = tmp_path / "table"
    options = ("-o", table, "--table-format", table_format, "--json")
    shards = [
        subprocess.Popen(
            [sys.executable, "-m", "stepbridge", "index", str(source), *map(str, options), "--shard", f"{number}/3"],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in (1, 2, 3)
    ]
    results = [json.loads(shard.communicate(timeout=240)[0]) for shard in shards]
    assert [shard.returncode for shard in shards] == [0, 0, 0]
    assert sum(result["runs"] for result in results) == 12
    assert sorted(run for result in results for run in result["replaced"]) == sorted(sb.read_logs(source).runs)
    assert counted(read(table, "records", table_format)) == expected(source)
    whole = sb.index(source, table, table_format=table_format)  # type: ignore[arg-type]
    assert (whole.replaced, whole.runs) == ([], 12)


def states(source: Path) -> dict[str, Counter[str]]:
    """Give the rows of each run of a fresh table."""
    found: dict[str, Counter[str]] = {}
    for row in sb.read_logs(source).reindex().to_arrow().to_pylist():
        found.setdefault(row["run"], Counter())[repr(row)] += 1
    return found


KILLED = """
import sys, pyarrow.parquet, stepbridge as sb
source, table, table_format = sys.argv[1:]
print(flush=True)
sb.index(source, table, table_format=table_format)
"""
PROFILE = os.environ.get("HYPOTHESIS_PROFILE")
#: How often a process is killed: before a release, hundreds of times.
KILLS = int(os.environ.get("STEPBRIDGE_KILLS", "400" if PROFILE == "thorough" else "25"))


@pytest.mark.timeout(600 + 20 * KILLS)
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("table_format", FORMATS)
def test_a_process_that_is_killed_leaves_each_run_whole(source: Path, tmp_path: Path, table_format: str) -> None:
    table = tmp_path / "table"
    draw = random.Random(1)
    sb.index(source, table, table_format=table_format)  # type: ignore[arg-type]
    old = states(source)
    kills = KILLS if table_format == "parquet" else KILLS // 5
    interrupted, whole = 0, 0.0
    # The first one is not killed: it shows how long the work takes on this machine.
    for number in range(kills + 1):
        # Each time some runs change, one comes and one goes.
        runs = sorted(path.name for path in (source / "sweep").iterdir())
        for name in draw.sample(runs, 5):
            log(source / "sweep" / name / "log.jsonl", draw.randrange(1, 30), draw.random(), draw.randrange(10, 1000))
        shutil.rmtree(source / "sweep" / draw.choice(runs))
        log(source / "sweep" / f"run{draw.randrange(1000)}" / "log.jsonl", 20, draw.random())
        new = states(source)
        command = [sys.executable, "-c", KILLED, str(source), str(table), table_format]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        if number == 0:
            begun = time.monotonic()
            assert process.wait() == 0
            whole = time.monotonic() - begun
        else:
            # The moment is drawn, not an event: it is somewhere in the work, or after it.
            time.sleep(draw.random() * whole)
            process.send_signal(signal.SIGKILL)
            interrupted += process.wait() != 0
        process.stdout.close()
        found: dict[str, Counter[str]] = {}
        for row in read(table, "records", table_format):
            found.setdefault(row["run"], Counter())[repr(row)] += 1
        for name in found.keys() | old.keys() | new.keys():
            assert found.get(name) in (old.get(name), new.get(name)), name
        old = found
    assert interrupted > kills // 5
    sb.index(source, table, table_format=table_format)  # type: ignore[arg-type]
    assert counted(read(table, "records", table_format)) == expected(source)
    fresh = tmp_path / "fresh"
    sb.index(source, fresh, table_format=table_format)  # type: ignore[arg-type]
    both = [sorted(read(each, "runs", table_format), key=lambda row: str(row["run"])) for each in (table, fresh)]
    assert both[0] == both[1]


@pytest.mark.timeout(600 + 20 * KILLS)
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("table_format", FORMATS)
def test_shards_that_are_killed_while_others_commit(source: Path, tmp_path: Path, table_format: str) -> None:
    """Three shards work on one table at once, and each time one of them is killed."""
    table = tmp_path / "table"
    draw = random.Random(2)
    sb.index(source, table, table_format=table_format)  # type: ignore[arg-type]
    rounds = max(KILLS // 8, 3) if table_format == "parquet" else max(KILLS // 10, 2)
    whole, killed = 0.0, 0
    for number in range(rounds + 1):
        for changed in draw.sample(range(12), 8):
            log(
                source / f"sweep/run{changed}" / "log.jsonl",
                draw.randrange(1, 30),
                draw.random(),
                draw.randrange(10, 1000),
            )
        command = [sys.executable, "-m", "stepbridge", "index", str(source), "-o", str(table), "--json"]
        command += ["--table-format", table_format, "--shard"]
        old = {row["run"]: Counter[str]() for row in read(table, "records", table_format)}
        for row in read(table, "records", table_format):
            old[row["run"]][repr(row)] += 1
        new = states(source)
        begun = time.monotonic()
        shards = [
            subprocess.Popen([*command, f"{shard}/3"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for shard in (1, 2, 3)
        ]
        if number:
            # The moment is drawn, not an event: it is somewhere in the work, or after it.
            time.sleep(draw.uniform(0, 0.8) * whole)
            shards[number % 3].send_signal(signal.SIGKILL)
        codes = [shard.wait(timeout=240) for shard in shards]
        whole = whole or time.monotonic() - begun
        killed += codes.count(-signal.SIGKILL)
        assert set(codes) <= {0, -signal.SIGKILL}
        found: dict[str, Counter[str]] = {}
        for row in read(table, "records", table_format):
            found.setdefault(row["run"], Counter())[repr(row)] += 1
        for name in new:
            # Those of shards that were not killed are new.
            shard = zlib.crc32(name.encode()) % 256 % 3
            whole_states = (new[name],) if codes[shard] == 0 else (old[name], new[name])
            assert found.get(name) in whole_states, name
    assert killed
    sb.index(source, table, table_format=table_format)  # type: ignore[arg-type]
    assert counted(read(table, "records", table_format)) == expected(source)


def test_a_run_that_came_and_went_while_the_process_was_killed(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "table"
    sb.index(source, table)
    log(source / "ghost" / "log.jsonl", 5)
    with monkeypatch.context() as context:
        # It ends after the records are there, and before the rows are.
        context.setattr("stepbridge.fleet._parquet_folder.runs_schema", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            sb.index(source, table)
    assert "ghost" in {row["run"] for row in read(table, "records")}
    shutil.rmtree(source / "ghost")
    sb.index(source, table)
    assert counted(read(table, "records")) == expected(source)


def test_who_reads_meanwhile_sees_each_run_whole(source: Path, tmp_path: Path) -> None:
    table = tmp_path / "table"
    sb.index(source, table)
    code = "import sys, stepbridge as sb\nfor line in sys.stdin: sb.index(sys.argv[1], sys.argv[2]); print(flush=True)"
    command = [sys.executable, "-c", code, str(source), str(table)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for count in range(1, 8):
            for number in range(12):
                log(source / f"sweep/run{number}" / "log.jsonl", 3 + count, age=count * 100)
            process.stdin.write("\n")
            process.stdin.flush()
            for _ in range(10):
                lengths = Counter(row["run"] for row in read(table, "records"))
                assert len(lengths) == 12
                if count > 1:
                    assert set(lengths.values()) <= {2 * (2 + count), 2 * (3 + count)}
            process.stdout.readline()
        process.stdin.close()


def test_one_run_is_read_through_the_table_of_runs(source: Path, tmp_path: Path) -> None:
    table = tmp_path / "table"
    sb.index(source, table)
    (part,) = pl.read_parquet(table / "runs" / "*.parquet").filter(pl.col("run") == "sweep/run3")["part"]
    for file in ("*.parquet", f"part-{part:04}.parquet"):
        frame = pl.scan_parquet(table / "records" / file)
        assert frame.filter(pl.col("run").cast(pl.String) == "sweep/run3").collect().height == 26


def test_the_command_says_what_changed(source: Path, tmp_path: Path) -> None:
    done = run("index", source, "-o", tmp_path / "table")
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        f"{tmp_path / 'table'}: 372 records of 12 runs, 12 read, 0 removed\n",
        "",
    )
    shutil.rmtree(source / "sweep/run5")
    done = run("index", source, "-o", tmp_path / "table")
    assert done.stdout == f"{tmp_path / 'table'}: 342 records of 11 runs, 0 read, 1 removed\n"
    assert "removed, because their files are gone: sweep/run5" in done.stderr
    assert "3/2' is not K/N" in complaint(2, "index", source, "-o", tmp_path / "table", "--shard", "3/2")
    assert "another set of columns" in complaint(2, "index", source, "-o", tmp_path / "table", "--batch")
    (tmp_path / "empty").mkdir()
    assert "there is no log below" in complaint(1, "index", tmp_path / "empty", "-o", tmp_path / "other")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_it_follows_a_folder_that_grows(source: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "stepbridge", "index", str(source), "-o", str(tmp_path / "table"), "--json"]
    with subprocess.Popen([*command, "--follow", "--interval", "0.05"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        decoder = json.JSONDecoder()

        def results() -> Iterator[dict[str, Any]]:
            text = ""
            assert process.stdout is not None
            for line in process.stdout:
                text += line
                try:
                    found, end = decoder.raw_decode(text)
                except ValueError:
                    continue
                yield found
                text = text[end:].lstrip()

        changes = results()
        assert len(next(changes)["replaced"]) == 12
        log(source / "sweep/more/log.jsonl", 4)
        assert next(changes)["replaced"] == ["sweep/more"]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=240) in {0, 130}


def test_demo_logs(tmp_path: Path) -> None:
    sb.index(LOGS, tmp_path / "table")
    assert counted(read(tmp_path / "table", "records")) == expected(LOGS)
