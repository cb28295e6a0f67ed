"""Several folders and files at once, and names that are relative to a root."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import stepbridge as sb
from commands import run

if TYPE_CHECKING:
    from pathlib import Path

PLAN = sb.Timeline.plan(batches_per_epoch=1)
LINES = '{"step": 1, "epoch": 0, "loss": 1}\n{"step": 2, "epoch": 1, "loss": 2}\n'


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Make three runs, one of them two folders deep."""
    for name in ("a/x", "b", "c"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "log.jsonl").write_text(LINES)
    return tmp_path


def test_runs_are_named_below_the_folder_that_holds_all_paths(runs: Path) -> None:
    assert sb.read_logs([runs / "a", runs / "c"]).runs == ["a/x", "c"]
    assert sb.read_logs([runs / "a" / "x" / "log.jsonl", str(runs / "b")]).runs == ["a/x", "b"]
    assert sb.read_logs([runs / "b"]).runs == sb.read_logs(runs / "b").runs == ["."]


def test_parts_of_a_folder_have_the_names_of_the_whole(runs: Path) -> None:
    whole = sb.read_logs(runs)
    parts = [sb.read_logs([runs / name], root=runs) for name in ("a", "b", "c")]
    assert [run for part in parts for run in part.runs] == list(whole.runs)
    assert sb.read_logs(runs / "a", root=runs).runs == ["a/x"]
    rows = [row for part in parts for row in part.reindex().to_arrow().to_pylist()]
    assert rows == whole.reindex().to_arrow().to_pylist()


def test_what_is_given_twice_is_read_once(runs: Path) -> None:
    assert len(sb.read_logs([runs / "b", runs / "b" / "log.jsonl", runs / "b" / ".." / "b"])) == 2
    assert len(sb.read_logs([runs, runs / "b"])) == 6


def test_a_ledger_above_a_path_belongs_to_its_runs(tmp_path: Path) -> None:
    clock = sb.StepClock(samples=10, batch_size=5, epochs=2, ledger=tmp_path / "run")
    while clock.begin_epoch():
        clock.advance(2)
        clock.end_epoch()
    clock.end_run()
    (tmp_path / "run" / "logs").mkdir()
    (tmp_path / "run" / "logs" / "log.jsonl").write_text('{"step": 1, "loss": 1}\n{"step": 4, "loss": 2}\n')
    whole = sb.read_logs(tmp_path)
    part = sb.read_logs(tmp_path / "run" / "logs", root=tmp_path)
    assert part.runs == whole.runs
    assert part.reindex().to_arrow()["epoch"].to_pylist() == whole.reindex().to_arrow()["epoch"].to_pylist() == [0, 1]


def test_they_grow_together(runs: Path) -> None:
    logs = sb.read_logs([runs / "a", runs / "c"])
    with (runs / "c" / "log.jsonl").open("a") as file:
        file.write('{"step": 3, "epoch": 2, "loss": 1}\n')
    with (runs / "b" / "log.jsonl").open("a") as file:
        file.write('{"step": 3, "epoch": 2, "loss": 1}\n')
    logs.refresh()
    assert len(logs) == 5


def test_paths_that_cannot_be(runs: Path) -> None:
    with pytest.raises(ValueError, match="there is no path: give"):
        sb.read_logs([])
    with pytest.raises(ValueError, match=r"root='.*a' does not hold '.*b': give a folder that holds all paths"):
        sb.read_logs([runs / "b"], root=runs / "a")
    with pytest.raises(FileNotFoundError, match="missing"):
        sb.read_logs([runs / "b", runs / "missing"])


def test_outputs_have_the_runs_of_all_paths(runs: Path, tmp_path: Path) -> None:
    paths = [runs / "a", runs / "b"]
    assert list(sb.reindex(paths, tmp_path / "out.csv", PLAN).runs) == ["a/x", "b"]
    assert list(sb.rewrite(paths, tmp_path / "out", PLAN, axis="epoch", unit="step", base=1).runs) == ["a/x", "b"]


def test_commands_take_several_paths(runs: Path) -> None:
    done = run("reindex", "a", "c", "-o", "out.csv", "--batches-per-epoch", 1, cwd=runs)
    assert done.returncode == 0
    assert done.stdout.startswith("out.csv: 4 records of 2 runs")
    named = run("info", "c", "--root", ".", cwd=runs)
    assert "\n  c " in named.stdout
    assert run("infer", cwd=runs).returncode == 2
    assert run("plot", "a", "b", "--axis", "step", cwd=runs).returncode == 0
