"""Groups of files: read apart, they give what all of them give together."""

from __future__ import annotations

import json
import os
import pickle
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import stepbridge as sb
from commands import LOGS
from known_logs import DATA, POSTED
from table_rows import same_rows, sorted_rows
from unprivileged import unprivileged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LINES = '{"step": 1, "epoch": 0, "loss": 1}\n{"step": 2, "epoch": 1, "loss": 2}\n'
FOLDERS = [LOGS, *(sorted(path for path in DATA.iterdir() if path.is_dir()) if DATA.exists() else []), POSTED]


def differences(folder: Path, **options: Any) -> list[str]:
    """List in what the groups of a folder differ from the whole: records with epochs, runs, problems."""
    whole = sb.read_logs(folder, **options)
    found = sb.find_runs(folder, **options)
    parts: list[sb.Logs] = []
    problems = list(found.problems)
    for group in found:
        try:
            parts.append(group.read())
        except sb.NoLogsError as error:  # noqa: PERF203 - a group may hold no log
            problems += error.problems
    problems += [problem for part in parts for problem in part.problems]
    table = whole.reindex()
    tables = [part.reindex() for part in parts]
    differing = []
    if (runs := [run for part in parts for run in part.runs]) and Counter(runs) != Counter(whole.runs):
        differing.append(
            f"runs {sorted((Counter(runs) - Counter(whole.runs)) + (Counter(whole.runs) - Counter(runs)))}"
        )
    if sorted(map(repr, problems)) != sorted(map(repr, whole.problems)):
        differing.append(f"problems {set(problems) ^ set(whole.problems)}")
    if not same_rows(sorted_rows(*(part.to_arrow() for part in tables)), sorted_rows(table.to_arrow())):
        differing.append("records")
    placed = Counter(problem for part in tables for problem in part.problems)
    if placed != Counter(table.problems):
        differing.append(f"problems of places {placed - Counter(table.problems)} {Counter(table.problems) - placed}")
    return differing


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_groups_together_are_the_whole(folder: Path) -> None:
    if not folder.exists():
        pytest.skip(f"no real logs at {folder}: set STEPBRIDGE_DATA")
    assert differences(folder) == []


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., None]:
    """Give what writes a file of two lines below the folder."""

    def written(file: str, text: str = LINES) -> None:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)

    return written


def names(folder: Path, **options: Any) -> list[str]:
    return [group.name for group in sb.find_runs(folder, **options)]


def test_a_run_in_a_folder_is_a_group(tmp_path: Path, write: Callable[..., None]) -> None:
    for file in ("a/x/log.jsonl", "a/y/log.jsonl", "b/log.jsonl", "notes.md"):
        write(file)
    write("notes.md", "nothing")
    assert names(tmp_path) == ["a/x", "a/y", "b"]
    assert differences(tmp_path) == []
    group = pickle.loads(pickle.dumps(sb.find_runs(tmp_path)[1]))
    assert group.root == str(tmp_path)
    assert group.size == len(LINES)
    assert [file.file for file in group.files] == ["a/y/log.jsonl"]
    assert group.read().runs == ["a/y"]


def test_what_is_below_a_log_or_a_ledger_is_read_with_it(tmp_path: Path, write: Callable[..., None]) -> None:
    clock = sb.StepClock(samples=10, batch_size=5, epochs=2, ledger=tmp_path / "run")
    while clock.begin_epoch():
        clock.advance(2)
        clock.end_epoch()
    clock.end_run()
    write("run/train/log.jsonl")
    write("run/val/log.jsonl")
    write("other/log.jsonl")
    write("other/deep/log.jsonl")
    assert names(tmp_path) == ["other", "run"]
    assert differences(tmp_path) == []


def test_checkpoints_are_read_with_their_training(tmp_path: Path, write: Callable[..., None]) -> None:
    def state(steps: int) -> str:
        history = [{"step": step, "epoch": step / 10, "loss": 1 / step} for step in range(1, steps)]
        return json.dumps({"epoch": 1.0, "global_step": steps, "log_history": history})

    write("run/checkpoint-5/trainer_state.json", state(5))
    write("run/checkpoint-9/trainer_state.json", state(9))
    write("run2/checkpoint-5/trainer_state.json", state(6))
    assert names(tmp_path) == ["run", "run2"]
    assert differences(tmp_path) == []


def test_folders_of_metrics_belong_to_their_run(tmp_path: Path, write: Callable[..., None]) -> None:
    for run in ("0" * 32, "1" * 32):
        for tag in ("metrics/loss", "metrics/train/loss", "metrics/val/loss"):
            write(f"mlruns/0/{run}/{tag}", "1700000000000 0.5 0\n1700000001000 0.25 1\n")
        write(f"mlruns/0/{run}/params/batch_size", "64")
    for tag in ("train/loss", "val/loss"):
        write(f"dvc/plots/metrics/{tag}.tsv", "step\tloss\n0\t0.5\n")
    assert names(tmp_path) == ["dvc", f"mlruns/0/{'0' * 32}", f"mlruns/0/{'1' * 32}"]
    assert differences(tmp_path) == []


def test_the_name_of_an_attempt_is_that_of_the_whole(tmp_path: Path, write: Callable[..., None]) -> None:
    write("a/log.jsonl", "".join(f'{{"step": {step}, "loss": {step}}}\n' for step in (1, 2, 3, 4, 1, 2, 3)))
    write("a#2/log.jsonl")
    write("b#2/log.jsonl")
    assert names(tmp_path) == ["a", "b#2"]
    assert len(sb.read_logs(tmp_path).runs) == 4
    assert differences(tmp_path) == []


def test_chained_runs_are_one_group(tmp_path: Path, write: Callable[..., None]) -> None:
    write("PPO_1/log.jsonl", '{"step": 1, "loss": 1}\n{"step": 2, "loss": 1}\n')
    write("PPO_2/log.jsonl", '{"step": 3, "loss": 1}\n{"step": 4, "loss": 1}\n')
    assert names(tmp_path) == ["PPO_1", "PPO_2"]
    assert names(tmp_path, chain="PPO_*") == ["."]
    assert differences(tmp_path, chain="PPO_*") == []


def test_columns_that_the_caller_names_are_those_of_some_groups(tmp_path: Path, write: Callable[..., None]) -> None:
    write("a/table.csv", "count,loss\n1,0.5\n2,0.25\n")
    write("b/trainer_state.json", json.dumps({"log_history": [{"step": 1, "epoch": 0.5, "loss": 1}]}))
    assert differences(tmp_path, step_column="count") == []


def test_damage_is_named_once(tmp_path: Path, write: Callable[..., None]) -> None:
    write("a/log.jsonl")
    write("a/events.out.tfevents.1.host", "")
    write("b/events.out.tfevents.1.host", "")
    write("c/stepclock.jsonl", "damaged\n")
    assert differences(tmp_path) == []


def test_what_cannot_be_opened_is_named_once() -> None:
    with unprivileged() as folder:
        for name in ("a/log.jsonl", "a/more.jsonl", "b/log.jsonl"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(LINES)
        (folder / "a" / "more.jsonl").chmod(0)
        (folder / "b").chmod(0)
        try:
            assert differences(folder) == []
            assert len(sb.find_runs(folder).problems) == 2
        finally:
            (folder / "b").chmod(0o700)


def test_links_are_followed_as_in_the_whole(tmp_path: Path, write: Callable[..., None]) -> None:
    write("a/log.jsonl")
    write("b/log.jsonl")
    (tmp_path / "a" / "again").symlink_to(tmp_path / "b")
    (tmp_path / "c").symlink_to(tmp_path / "a" / "log.jsonl")
    (tmp_path / "d").symlink_to(tmp_path)
    assert differences(tmp_path) == []


def test_several_paths_and_one_file(tmp_path: Path, write: Callable[..., None]) -> None:
    write("a/log.jsonl")
    write("b/log.jsonl")
    write("c/log.jsonl")
    assert names(tmp_path / "a" / "log.jsonl") == ["."]
    found = sb.find_runs([tmp_path / "a", tmp_path / "b"], root=tmp_path)
    assert [group.name for group in found] == ["a", "b"]
    assert repr(found) == "FoundRuns(2 groups of 2 files)"
    assert [group.read().runs for group in found] == [["a"], ["b"]]
    with pytest.raises(FileNotFoundError, match="missing"):
        sb.find_runs(tmp_path / "missing")
    with pytest.raises(TypeError, match="unexpected keyword argument 'formt'"):
        sb.find_runs(tmp_path, formt="csv")  # type: ignore[call-arg]
    (tmp_path / "empty").mkdir()
    assert len(sb.find_runs(tmp_path / "empty")) == 0


def test_an_e_tag_shows_a_change(tmp_path: Path, write: Callable[..., None]) -> None:
    write("log.jsonl")
    log = tmp_path / "log.jsonl"
    (first,) = sb.find_runs(tmp_path)[0].files
    assert first.is_fresh
    long_ago = time.time() - 100
    os.utime(log, (long_ago, long_ago))
    (second,) = sb.find_runs(tmp_path)[0].files
    assert (second.is_fresh, second.size) == (False, len(LINES))
    assert second == sb.find_runs(tmp_path)[0].files[0]
    log.write_text(LINES.replace("2", "3"))
    os.utime(log, (long_ago, long_ago))
    assert sb.find_runs(tmp_path)[0].files[0].e_tag != second.e_tag


def test_a_group_gives_batches(tmp_path: Path, write: Callable[..., None]) -> None:
    write("a/log.jsonl")
    (group,) = sb.find_runs(tmp_path)
    whole = sb.read_logs(tmp_path).reindex(batch=True).to_arrow()
    assert pa.Table.from_batches(group.batches(batch=True)).to_pylist() == whole.to_pylist()
    assert pa.Table.from_batches(group.batches()).schema == pa.schema(sb.TABLE_SCHEMA)


def test_a_large_group_passes_through_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[..., None]
) -> None:
    write("a/log.jsonl")
    (group,) = sb.find_runs(tmp_path)
    monkeypatch.setattr("stepbridge.fleet._groups._SMALL", 0)
    whole = sb.read_logs(tmp_path).reindex().to_arrow()
    assert pa.Table.from_batches(group.batches()).to_pylist() == whole.to_pylist()


def test_a_group_may_hold_what_its_name_begins() -> None:
    group = sb.RunGroup("/", "a/b", (), {})
    assert [run for run in ("a/b", "a/b/c", "a/b#2", "a/bc", "a", "b", ".") if group.may_hold(run)] == [
        "a/b",
        "a/b/c",
        "a/b#2",
    ]
    assert sb.RunGroup("/", ".", (), {}).may_hold("x")


def test_the_schema_is_that_of_every_table() -> None:
    logs = sb.read_logs(LOGS / "roberta_lora")
    assert pa.schema(sb.TABLE_SCHEMA) == logs.reindex().to_arrow().schema == sb.TABLE_SCHEMA.to_arrow()
    assert sb.TABLE_SCHEMA.names == logs.reindex().columns
    kept = logs.reindex(keep_superseded=True)
    assert sb.TableSchema(keep_superseded=True).names == kept.columns
    assert repr(pickle.loads(pickle.dumps(sb.TABLE_SCHEMA))).startswith("TableSchema(run, tag, step, epoch")
