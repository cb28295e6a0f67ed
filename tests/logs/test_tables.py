"""Tables: real ones cell for cell as Python's own csv module reads them, and those that are made by hand."""

from __future__ import annotations

import csv
import json
import math
import random
import struct
from typing import TYPE_CHECKING, Literal, NamedTuple

import polars as pl
import pytest

from commands import printed
from stepbridge import Timeline
from stepbridge.logs import Logs, read_logs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Fact


class Record(NamedTuple):
    """A record of a table: its place, and the bits of its value."""

    tag: str
    step: int | None
    epoch: float | None
    value: bytes


def bits(value: float) -> bytes:
    """The bits of a float; one NaN is as good as another."""
    return struct.pack("<d", math.nan if math.isnan(value) else value)


def expected(path: Path, step: str | None, epoch: str | None, separator: str = ",") -> Iterator[Record]:
    """Each cell of a table that holds a number, as Python reads it."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, delimiter=separator)
        names = [name.strip() for name in next(reader)]
        for row in reader:
            cells = dict(zip(names, (cell.strip() for cell in row), strict=True))
            where = int(cells[step]) if step and cells[step] else None
            when = float(cells[epoch]) if epoch and cells[epoch] else None
            for name, cell in cells.items():
                if name not in {step, epoch} and cell not in {"", "NA"}:
                    yield Record(name, where, when, bits(float(cell)))


def found(logs: Logs) -> Iterator[Record]:
    """The records that were read."""
    columns = (
        logs.table(keep_superseded=True)
        .to_polars()
        .select(pl.col("tag").cast(pl.String), "step", "epoch_logged", "value")
    )
    for tag, step, epoch, value in columns.iter_rows():
        yield Record(tag, step, epoch, bits(value))


def agrees(path: Path, form: str, step: str | None, epoch: str | None, separator: str = ",") -> None:
    """Check one whole table: every record in its order, nothing reported, every row counted."""
    logs = read_logs(path)
    assert logs.problems == ()
    (file,) = logs.files
    assert file.format == form
    assert list(found(logs)) == list(expected(path, step, epoch, separator))
    with path.open(newline="", encoding="utf-8") as lines:
        assert file.records_ok == sum(1 for _ in csv.reader(lines)) - 1


@pytest.mark.of_format("lightning", "metrics.csv")
def test_lightning(fact: Fact) -> None:
    agrees(fact.path, "lightning_csv", "step", "epoch")


@pytest.mark.of_format("keras_csv", "")
def test_keras(fact: Fact) -> None:
    agrees(fact.path, "keras_csv", None, "epoch")


@pytest.mark.of_format("ultralytics", "results.csv")
def test_ultralytics(fact: Fact) -> None:
    agrees(fact.path, "ultralytics", None, "epoch")


@pytest.mark.of_format("sb3_progress", "progress.csv")
def test_progress(fact: Fact) -> None:
    with fact.path.open(encoding="utf-8") as file:
        steps = "time/total_timesteps" if "time/total_timesteps" in file.readline() else "step"
    agrees(fact.path, "sb3", steps, None)


# --- made by hand -------------------------------------------------------------------------------------------------


def test_a_table_of_many_blocks_agrees(tmp_path: Path) -> None:
    """Above 4 MB a file is read by all threads."""
    random.seed(3)
    path = tmp_path / "metrics.csv"
    names = ["a", "b", "c", "d"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["epoch", "step", *names])
        writer.writeheader()
        for step in range(200_000):
            value = random.choice(
                (random.random, lambda: random.uniform(-1e300, 1e300), lambda: 5e-324, lambda: math.inf)
            )()
            writer.writerow({"step": step, "epoch": step // 1000, random.choice(names): value})
    assert path.stat().st_size > 4 << 20
    agrees(path, "lightning_csv", "step", "epoch")
    # A quoted cell in its midst sends the rest another way, to the same end.
    lines = path.read_bytes().splitlines(keepends=True)
    lines[70_000] = b'70,"69999",1,,,\r\n'
    path.write_bytes(b"".join(lines))
    agrees(path, "lightning_csv", "step", "epoch")


@pytest.mark.parametrize(
    ("name", "text", "form"),
    [
        ("data.csv", "step,price\n1,2\n", None),
        ("data.csv", "epoch,flux\n2015.5,3\n", None),
        ("results.csv", "team,epoch,score\na,1,2\n", None),
        ("log.csv", "epoch;loss\n0;1\n", "keras_csv"),
        ("log.csv", "epoch,loss\n1,1\n2,1\n", "csv"),
        ("log.csv", "loss,time/total_timesteps\n1,1\n2,1\n", "sb3"),
        ("results.csv", "  epoch,  train/loss, metrics/accuracy_top1\n 1, 2, 3\n", "ultralytics"),
        ("log.tsv", "global_step\tloss\n1\t1\n", "csv"),
    ],
)
def test_only_logs_are_logs(name: str, text: str, form: str | None, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    if form is None:
        with pytest.raises(ValueError, match=r"not a log|no log"):
            read_logs(path)
    else:
        logs = read_logs(path)
        assert ([file.format for file in logs.files], logs.problems) == ([form], ())


def test_columns_that_are_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("n;t;x\n3;1700000000.5;0.5\n", encoding="utf-8")
    logs = read_logs(path, step_column="n", time_column="t")
    assert logs.to_polars().select("step", "wall_time", "value").rows() == [(3, 1700000000.5, 0.5)]
    missing = read_logs(path, format="csv", step_column="m")
    assert [problem.reason for problem in missing.problems] == ["there is no column 'm'; there are n, t, x"]


def test_epochs_that_begin_later_have_no_place_until_the_caller_says_their_base(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    # The columns are those of Keras: a `fit(initial_epoch=3)` may have written it, or a loop that counts from 1.
    path.write_text("epoch,accuracy,loss\r\n3,0.5,0.75\r\n4,0.5,0.5\r\n", encoding="utf-8")
    logs = read_logs(path)
    table = logs.reindex()
    assert [step.source for step in logs.steps] == ["undecided"]
    assert [(each.reason, each.records) for each in table.left_out] == [("no_place", 4)]
    (problem,) = table.problems
    assert problem.kind == "undecided"
    assert "say it with base= (0 or 1)" in problem.reason
    assert "epochs do not begin at 0 or 1" in printed("info", path)
    found: list[tuple[Literal[0, 1], list[int]]] = [(0, [3, 3, 4, 4]), (1, [2, 2, 3, 3])]
    for base, epochs in found:
        assert logs.reindex(base=base).to_polars()["epoch"].to_list() == epochs
    keras = read_logs(path, format="keras_csv").reindex().to_polars()
    assert keras["epoch"].to_list() == [3, 3, 4, 4]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("steps", [False, True])
def test_a_first_epoch_of_0_may_be_how_many_are_done(kind: str, steps: bool, tmp_path: Path) -> None:
    rows = [{"global_step": 25 * n, "epoch": n / 4, "loss": 1 / (n + 1)} for n in range(9)]
    if not steps:
        rows = [{key: value for key, value in row.items() if key != "global_step"} for row in rows]
    lines = [",".join(rows[0])] if kind == "csv" else []
    lines += [",".join(map(str, row.values())) if kind == "csv" else json.dumps(row) for row in rows]
    path = tmp_path / f"log.{kind}"
    path.write_text("\n".join(lines[:2]) + "\n")
    logs = read_logs(path)
    path.write_text("\n".join(lines) + "\n")
    logs.refresh()
    # What the first rows mean shows in the later ones, also for a reading that goes on.
    for each in (read_logs(path), logs):
        frame = each.reindex().to_polars()
        assert frame["epoch_float"].to_list() == [n / 4 for n in range(9)]
        assert frame["epoch"].to_list()[1:4] == [0, 0, 0]
        assert frame["epoch"].to_list()[5:8] == [1, 1, 1]


def test_records_that_state_no_place_say_so(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    lines = "".join(f"[2022-01-01 INFO] Step {step}/100; acc: 5.5; 1/2 tok/s;\n" for step in (50, 100))
    path.write_text(lines + "[2022-01-01 INFO] Validation perplexity: 12.5\n", encoding="utf-8")
    table = read_logs(path).reindex(Timeline.plan(batches_per_epoch=50))
    assert table.to_polars()["epoch"].to_list() == [0, 1, None]
    (problem,) = table.problems
    assert problem.reason == "1 record has no epoch: of run train, they state neither a step nor an epoch"


@pytest.mark.parametrize("name", ["metrics.csv", "train.csv"])
@pytest.mark.parametrize(("step_base", "epoch_base"), [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_a_table_of_ones_own_counts_as_it_counts(name: str, step_base: int, epoch_base: int, tmp_path: Path) -> None:
    """The columns are those of Lightning, and the numbers are not; nor does a name make them Lightning's."""
    rows = [f"{step + step_base},{step // 10 + epoch_base},{1 / (step + 1)}\n" for step in range(40)]
    (tmp_path / name).write_text("step,epoch,loss\n" + "".join(rows))
    logs = read_logs(tmp_path)
    assert (logs.files[0].format == "lightning_csv") == (name == "metrics.csv" and (step_base, epoch_base) == (0, 0))
    places = logs.reindex().to_polars().select("epoch", "iter", "epoch_float").rows()
    assert places == [(step // 10, step % 10, (step + 1) / 10) for step in range(40)]


def test_a_table_whose_epochs_end_at_multiples_of_ten_shows_no_base(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("step,epoch,loss\n" + "".join(f"{10 * n},{n},0.5\n" for n in range(1, 9)))
    table = read_logs(tmp_path).reindex()
    # As Lightning's, step 10 would be the first of epoch 1.
    assert table.to_polars()["iter"].to_list() == [None] * 8
    assert "steps from 1 with epochs from 1" in table.problems[0].reason


def test_a_metrics_csv_of_others_has_its_own_columns(tmp_path: Path) -> None:
    rows = "".join(f"{step},{step / 50},0.5\n" for step in range(0, 200, 10))
    (tmp_path / "metrics.csv").write_text("global_step,epoch,loss\n" + rows)
    logs = read_logs(tmp_path)
    assert (logs.files[0].format, list(logs.tags), logs.problems) == ("csv", ["loss"], ())
    assert logs.reindex().to_polars()["epoch_float"].to_list() == [step / 50 for step in range(0, 200, 10)]


@pytest.mark.parametrize("restarts", [False, True])
def test_what_a_resume_appends_to_a_table_of_ones_own_counts_once(restarts: bool, tmp_path: Path) -> None:
    def rows(first: int, end: int) -> str:
        return "".join(f"{n // 10},{n % 10 if restarts else n},{1 / (n + 1)}\n" for n in range(first, end))

    (tmp_path / "log.csv").write_text("epoch,step,loss\n" + rows(0, 37) + "epoch,step,loss\n" + rows(30, 60))
    table = read_logs(tmp_path).reindex()
    assert [(left.reason, left.records) for left in table.left_out] == [("superseded", 7)]
    assert table.to_polars()["value"].to_list() == [1 / (n + 1) for n in range(60)]
