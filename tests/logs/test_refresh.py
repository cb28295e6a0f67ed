"""Logs that grow: a second read takes what was added, and the whole is what one read of all gives."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import polars as pl
import polars.selectors as cs
import pytest
from polars.testing import assert_frame_equal

import stepbridge as sb
from conftest import DATA

if TYPE_CHECKING:
    from pathlib import Path

#: A log of each format that is appended to, and one of each that is not.
LOGS = sorted(
    path.relative_to(DATA).as_posix()
    for pattern in (
        "tfevents/**/*tfevents*",
        "lightning/**/metrics.csv",
        "keras_csv/**/*.csv",
        "ultralytics/**/results.csv",
        "sb3_progress/**/progress.csv",
        "detectron2/**/metrics.json",
        "mmengine/**/scalars.json",
        "wandb/**/*.wandb",
        "trainer_state/**/trainer_state.json",
        "text/**/*.txt",
    )
    for path in sorted(DATA.glob(pattern))[:2]
    if path.stat().st_size > 1000
)


def whole(logs: sb.Logs) -> pl.DataFrame:
    frame = logs.table(keep_superseded=True).to_polars().cast({cs.categorical(): pl.String})
    # Lines of several kinds in one block of text are ordered by kind.
    return frame.sort(frame.columns) if any(file.format == "text" for file in logs.files) else frame


@pytest.mark.parametrize("name", LOGS)
def test_a_log_that_grows_in_parts(name: str, tmp_path: Path) -> None:
    content = (DATA / name).read_bytes()
    log = tmp_path / "run" / (DATA / name).name
    log.parent.mkdir()
    cuts = [len(content) // 3, len(content) // 3 + 7, len(content) // 2 + 1, len(content) - 3, len(content)]
    log.write_bytes(content[: cuts[0]])
    try:
        logs = sb.read_logs(tmp_path)
    except ValueError as error:
        pytest.skip(str(error))
    for begin, end in pairwise(cuts):
        with log.open("ab") as file:
            file.write(content[begin:end])
        before = len(logs)
        assert logs.refresh() == len(logs) - before
        again = sb.read_logs(tmp_path)
        assert_frame_equal(whole(logs), whole(again))
        assert [(problem.offset, problem.kind) for problem in logs.problems] == [
            (problem.offset, problem.kind) for problem in again.problems
        ]
    assert logs.refresh() == 0


def test_only_what_was_added_is_read(tmp_path: Path) -> None:
    log = tmp_path / "metrics.csv"
    log.write_text("epoch,step,loss\n" + "".join(f"0,{step},0.5\n" for step in range(100_000)))
    logs = sb.read_logs(tmp_path)
    with log.open("a") as file:
        file.write("1,100000,0.25\n")
    # Bytes that were read are changed in place: a reader that looked at them again would see it.
    with log.open("r+b") as file:
        file.seek(16)
        file.write(b"9")
    assert logs.refresh() == 1
    assert whole(logs)["epoch_logged"].to_list()[:2] == [0, 0]


def test_new_files_and_runs(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "metrics.csv").write_text("epoch,step,loss\n0,0,1.0\n0,1,0.5\n")
    logs = sb.read_logs(tmp_path)
    assert logs.runs == ["a"]
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "metrics.csv").write_text("epoch,step,acc\n0,0,1.0\n")
    assert logs.refresh() == 1
    assert logs.runs == ["a", "b"]
    shutil.rmtree(tmp_path / "a")
    assert logs.refresh() == -2
    assert logs.runs == ["b"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_follow_writes_the_table_anew(tmp_path: Path) -> None:
    log, output = tmp_path / "metrics.csv", tmp_path / "out.csv"
    log.write_text("epoch,step,loss\n0,0,1.0\n0,1,0.5\n")
    command = [sys.executable, "-m", "stepbridge", "reindex", "metrics.csv", "-o", "out.csv", "--follow"]
    plan = ["--batches-per-epoch", "2", "--interval", "0.1"]
    process = subprocess.Popen(
        [*command, *plan], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        said = process.stdout
        assert said is not None
        assert said.readline().startswith("out.csv: 2 records")
        with log.open("a") as file:
            file.write("1,2,0.25\n")
        assert said.readline().startswith("out.csv: 3 records")
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, complaints
    assert len(output.read_text().splitlines()) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metrics.csv", "out.csv"]
