"""MLflow's two stores: real files against their own lines, a database in MLflow's own schema against its rows."""

from __future__ import annotations

import hashlib
import math
import re
import sqlite3
from contextlib import closing
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import polars as pl
import pytest

from conftest import facts
from stepbridge import Timeline, reindex
from stepbridge.logs import Table, read_logs

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Fact

RUN = "cb0096518b0e4c66a94428555f05420b"


def is_metric(fact: Fact) -> bool:
    return "metrics" in fact.path.parts


@pytest.mark.of_format("mlflow", "")
def test_real_metrics_hold_their_lines(fact: Fact) -> None:
    if not is_metric(fact):
        pytest.skip("no metric")
    assert hashlib.sha256(fact.path.read_bytes()).hexdigest() == fact.sha256
    logs = read_logs(fact.path)
    lines = [line.split() for line in fact.path.read_text().splitlines()]
    known = re.search(r"(\d+) lines", fact.known)
    assert known is None or len(lines) == int(known[1])
    (file,) = logs.files
    assert (file.format, file.records_ok, logs.problems) == ("mlflow", len(lines), ())
    parts = PurePosixPath(fact.path.as_posix()).parts
    tag = "/".join(parts[parts.index("metrics") + 1 :])
    expected = [(tag, int(step), int(time) / 1000, float(value)) for time, value, step in lines]
    assert logs.to_polars().select("tag", "step", "wall_time", "value").rows() == expected


def test_real_stores_are_runs_with_all_their_metrics(data: Path) -> None:
    metrics = [fact.path for fact in facts("mlflow", "") if is_metric(fact)]
    frame = read_logs(data / "mlflow").to_polars().with_columns(pl.col("run", "tag").cast(pl.String))
    found = {(run, tag) for run, tag in frame.select("run", "tag").unique().rows() if "results.csv" not in tag}
    for path in metrics:
        parts = path.relative_to(data / "mlflow").parts
        at = parts.index("metrics")
        assert ("/".join(parts[:at]), "/".join(parts[at + 1 :])) in found


def test_a_metric_is_found_by_its_folder_or_by_its_lines(tmp_path: Path) -> None:
    folder = tmp_path / "mlruns" / "0" / RUN / "metrics" / "val"
    folder.mkdir(parents=True)
    (folder / "loss").write_text("0 0.5 0\n1 nan\n2 -inf 2 iris 0a1b\n", encoding="utf-8")
    (folder.parent / "acc").write_text("3 0.25 7\nbroken\n4 0.5", encoding="utf-8")
    (folder.parents[1] / "params").mkdir()
    (folder.parents[1] / "params" / "lr").write_text("0.1", encoding="utf-8")
    (tmp_path / "copied").write_text("1664364007310 0.5 0\n", encoding="utf-8")
    logs = read_logs(tmp_path)
    rows = logs.to_polars().select("run", "tag", "step", "value").rows()
    run = f"mlruns/0/{RUN}"
    assert rows[0] == (".", "copied", 0, 0.5)
    assert rows[1] == (run, "acc", 7, 0.25)
    assert rows[2] == (run, "val/loss", 0, 0.5)
    assert rows[3][:3] == (run, "val/loss", None)
    assert math.isnan(rows[3][3])
    assert rows[4] == (run, "val/loss", 2, -math.inf)
    assert [(problem.kind, problem.offset, problem.length) for problem in logs.problems] == [
        ("corrupt", 9, 7),
        ("truncated", 16, 5),
    ]


# As MLflow 3 makes them (mlflow/store/db_migrations), without the tables that hold no metrics.
SCHEMA = """
CREATE TABLE experiments (
    experiment_id INTEGER NOT NULL, name VARCHAR(256) NOT NULL, artifact_location VARCHAR(256),
    lifecycle_stage VARCHAR(32), creation_time BIGINT, last_update_time BIGINT,
    CONSTRAINT experiment_pk PRIMARY KEY (experiment_id), UNIQUE (name));
CREATE TABLE "runs" (
    run_uuid VARCHAR(32) NOT NULL, name VARCHAR(250), source_type VARCHAR(20), source_name VARCHAR(500),
    entry_point_name VARCHAR(50), user_id VARCHAR(256), status VARCHAR(9), start_time BIGINT, end_time BIGINT,
    source_version VARCHAR(50), lifecycle_stage VARCHAR(20), artifact_uri VARCHAR(200), experiment_id INTEGER,
    deleted_time BIGINT, CONSTRAINT run_pk PRIMARY KEY (run_uuid),
    FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id));
CREATE TABLE tags (
    key VARCHAR(250) NOT NULL, value VARCHAR(8000), run_uuid VARCHAR(32) NOT NULL,
    CONSTRAINT tag_pk PRIMARY KEY (key, run_uuid), FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid));
CREATE TABLE "metrics" (
    "key" VARCHAR(250) NOT NULL, value FLOAT NOT NULL, timestamp BIGINT NOT NULL, run_uuid VARCHAR(32) NOT NULL,
    step BIGINT DEFAULT '0' NOT NULL, is_nan BOOLEAN DEFAULT '0' NOT NULL,
    CONSTRAINT metric_pk PRIMARY KEY ("key", timestamp, step, run_uuid, value, is_nan),
    FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), CHECK (is_nan IN (0, 1)));
CREATE TABLE latest_metrics (
    "key" VARCHAR(250) NOT NULL, value FLOAT NOT NULL, timestamp BIGINT, step BIGINT NOT NULL, is_nan BOOLEAN NOT NULL,
    run_uuid VARCHAR(32) NOT NULL, CONSTRAINT latest_metric_pk PRIMARY KEY ("key", run_uuid));
CREATE INDEX index_metrics_run_uuid ON metrics (run_uuid);
"""


@pytest.mark.parametrize("second", [True, False])
def test_a_metric_by_epoch_next_to_one_by_step_is_not_placed_as_steps(second: bool, tmp_path: Path) -> None:
    """Each metric has a file of its own; the times show that one counts epochs, of 20 steps."""
    folder = tmp_path / "mlruns" / "0" / RUN / "metrics"
    folder.mkdir(parents=True)
    times = {step: 1_700_000_000_000 + 1000 * step for step in range(100)}
    (folder / "loss").write_text("".join(f"{times[step]} 0.5 {step}\n" for step in range(0, 100, 10)))
    ends = range(19, 100, 20)
    (folder / "val_loss").write_text(
        "".join(f"{times[step]} 0.25 {epoch if second else step}\n" for epoch, step in enumerate(ends))
    )
    plan = Timeline.plan(batches_per_epoch=20)

    def places(table: Table) -> list[int | None]:
        frame = table.to_polars().filter(pl.col("tag").cast(pl.String) == "val_loss")
        return frame["epoch"].to_list()

    table = read_logs(tmp_path).reindex(plan)
    assert places(table) == ([None] * 5 if second else [0, 1, 2, 3, 4])
    assert any("it may count epochs" in problem.reason for problem in table.problems) == second
    reindex(tmp_path, tmp_path / "table.parquet", plan)
    streamed = pl.read_parquet(tmp_path / "table.parquet")
    assert streamed.filter(pl.col("tag").cast(pl.String) == "val_loss")["epoch"].to_list() == places(table)
    if second:
        assert places(read_logs(tmp_path).reindex(plan, series={"val_loss": ("epoch", 0)})) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("again", "epochs"), [(60, [0, 1, 2, 3, 4, 5, 6]), (0, [0, 1, 2, 3, 4])])
def test_a_metric_by_epoch_of_a_run_that_began_again_is_not_placed_as_steps(
    again: int, epochs: list[int], tmp_path: Path
) -> None:
    """A resume from epoch 3, or another start: each series goes back by its own counter."""
    folder = tmp_path / "mlruns" / "0" / RUN / "metrics"
    folder.mkdir(parents=True)
    spans = [(1_700_000_000_000, range(100)), (1_700_001_000_000, range(again, again + 80))]
    loss = [(begin + 1000 * step, step) for begin, span in spans for step in span if step % 10 == 0]
    ends = [(begin + 1000 * step, step // 20) for begin, span in spans for step in span if step % 20 == 19]
    (folder / "loss").write_text("".join(f"{time} 0.5 {step}\n" for time, step in loss))
    (folder / "val_loss").write_text("".join(f"{time} 0.25 {epoch}\n" for time, epoch in ends))
    plan = Timeline.plan(batches_per_epoch=20)

    def of_first_run(table: pl.DataFrame) -> pl.DataFrame:
        return table.filter(~pl.col("run").cast(pl.String).str.contains("#"))

    def places(table: pl.DataFrame) -> list[int | None]:
        return table.filter(pl.col("tag").cast(pl.String) == "val_loss")["epoch"].to_list()

    table = read_logs(tmp_path).reindex(plan)
    frame = table.to_polars()
    assert set(places(frame)) == {None}
    assert set(frame.filter(pl.col("tag").cast(pl.String) == "loss")["epoch"]) >= {0, 1, 2, 3}
    assert any("it may count epochs" in problem.reason for problem in table.problems)
    reindex(tmp_path, tmp_path / "table.parquet", plan)
    assert pl.read_parquet(tmp_path / "table.parquet")["epoch"].to_list() == frame["epoch"].to_list()
    stated = read_logs(tmp_path).reindex(plan, series={"val_loss": ("epoch", 0)})
    assert places(of_first_run(stated.to_polars())) == epochs


def store(path: Path, rows: int = 3) -> None:
    """Make a store of two runs of one name, as MLflow would."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA)
        connection.execute("INSERT INTO experiments (experiment_id, name) VALUES (0, 'Default')")
        for run in ("a" * 32, "b" * 32):
            connection.execute("INSERT INTO runs (run_uuid, name, experiment_id) VALUES (?, 'bald-cow-1', 0)", [run])
        for step in range(rows):
            for run in ("a" * 32, "b" * 32):
                values = ("loss", step / 4, 1_700_000_000_000 + step, run, step, 0)
                connection.execute("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", values)
        odd = [("nan", 0, 1), ("inf", 1.7976931348623157e308, 0), ("low", -1.7976931348623157e308, 0)]
        for key, value, is_nan in odd:
            connection.execute("INSERT INTO metrics VALUES (?, ?, 5, ?, 9, ?)", [key, value, "b" * 32, is_nan])
        connection.commit()


def test_a_database_gives_the_rows_of_each_run(tmp_path: Path) -> None:
    store(tmp_path / "mlflow.db")
    logs = read_logs(tmp_path)
    assert logs.runs == ["Default/bald-cow-1-aaaaaaaa", "Default/bald-cow-1-bbbbbbbb"]
    assert (logs.files[0].format, logs.files[0].records_ok, logs.problems) == ("mlflow_db", 9, ())
    rows = logs.to_polars().select("run", "tag", "step", "wall_time", "value").rows()
    for at, run in enumerate(logs.runs):
        own = [row[1:] for row in rows if row[0] == run]
        assert own[:3] == [("loss", step, (1_700_000_000_000 + step) / 1000, step / 4) for step in range(3)]
        assert len(own) == 3 + 3 * at
    nan, inf, low = rows[-3:]
    assert math.isnan(nan[-1])
    assert (inf[-1], low[-1]) == (math.inf, -math.inf)


def test_a_database_of_others_is_no_log(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "optuna.db")) as connection:
        connection.execute("CREATE TABLE trials (trial_id INTEGER)")
    with pytest.raises(ValueError, match="is not a log of a known format"):
        read_logs(tmp_path / "optuna.db")
    (tmp_path / "optuna.db").rename(tmp_path / "mlflow.db")
    with pytest.raises(ValueError, match="not a store of MLflow's"):
        read_logs(tmp_path / "mlflow.db")


def test_a_damaged_database_gives_what_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    store(path, 5000)
    data = path.read_bytes()
    whole = read_logs(path).to_polars().height
    path.write_bytes(data[: len(data) // 8192 * 4096])
    logs = read_logs(path)
    assert 0 < logs.to_polars().height < whole
    assert {problem.kind for problem in logs.problems} == {"corrupt"}


def test_a_database_that_is_being_written_is_read_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    store(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    before = sorted(tmp_path.iterdir())
    assert len(read_logs(path)) == 9
    assert sorted(tmp_path.iterdir()) == before
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO metrics VALUES ('loss', 1, 5, 'new', 9, 0)")
        connection.commit()
        assert len(read_logs(path)) == 10
