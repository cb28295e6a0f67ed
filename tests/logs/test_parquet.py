"""Parquet tables, written by pyarrow and polars as Neptune's exporter, W&B and this library write them."""

from __future__ import annotations

import datetime as dt
import gzip
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

import stepbridge as sb
from small_logs import small_log

if TYPE_CHECKING:
    from pathlib import Path

#: The columns of Neptune's exporter.
NEPTUNE = pa.schema(
    [
        ("project_id", pa.string()),
        ("run_id", pa.string()),
        ("attribute_path", pa.string()),
        ("attribute_type", pa.string()),
        ("step", pa.decimal128(18, 6)),
        ("timestamp", pa.timestamp("ms", tz="UTC")),
        ("int_value", pa.int64()),
        ("float_value", pa.float64()),
        ("string_value", pa.string()),
        ("string_set_value", pa.list_(pa.string())),
        ("file_value", pa.struct([("path", pa.string())])),
    ]
)
TIME = dt.datetime(2025, 8, 1, 12, tzinfo=dt.timezone.utc)


def rows(logs: sb.Logs, *columns: str) -> list[tuple[object, ...]]:
    return logs.to_polars().select(columns or ("run", "tag", "step", "value")).rows()


def neptune(path: Path, **options: object) -> None:
    steps = [("RUN-1", "0", 0.5), ("RUN-2", "0", 1.5), ("RUN-1", "10", 0.25), ("RUN-1", "10.5", 0.125)]
    series = [
        {
            "run_id": run,
            "attribute_path": "metrics/loss",
            "attribute_type": "float_series",
            "step": Decimal(step),
            "timestamp": TIME + dt.timedelta(milliseconds=index),
            "float_value": value,
        }
        for index, (run, step, value) in enumerate(steps)
    ]
    others = [
        {"run_id": "RUN-1", "attribute_path": "config/lr", "attribute_type": "float", "float_value": 0.1},
        {"run_id": "RUN-1", "attribute_path": "config/num_train_epochs", "attribute_type": "float", "float_value": 3.0},
        {"run_id": "RUN-1", "attribute_path": "sys/name", "attribute_type": "string", "string_value": "x"},
    ]
    pq.write_table(pa.Table.from_pylist([*series, *others], NEPTUNE), path, **options)


@pytest.mark.parametrize(
    "options", [{}, {"compression": "zstd"}, {"store_decimal_as_integer": True}, {"compression": None}]
)
def test_neptunes_export(tmp_path: Path, options: dict[str, object]) -> None:
    neptune(tmp_path / "RUN-1_part_0.parquet", **options)
    logs = sb.read_logs(tmp_path)
    assert rows(logs) == [
        ("RUN-1", "metrics/loss", 0, 0.5),
        ("RUN-1", "metrics/loss", 10, 0.25),
        ("RUN-1", "metrics/loss", None, 0.125),
        ("RUN-2", "metrics/loss", 0, 1.5),
    ]
    assert rows(logs, "wall_time")[0] == (TIME.timestamp(),)
    (problem,) = logs.problems
    assert "1 rows have a step that is not a whole number" in problem.reason
    assert [(found.run, found.key, found.value) for found in logs.config] == [("RUN-1", "config/num_train_epochs", 3)]


@pytest.mark.parametrize("compression", ["zstd", "snappy", "uncompressed"])
def test_wandbs_history(tmp_path: Path, compression: Literal["zstd", "snappy", "uncompressed"]) -> None:
    frame = pl.DataFrame(
        {
            "_step": [0, 1, 2],
            "_timestamp": [1.5, 2.5, 3.5],
            "train/global_step": [10, 20, None],
            "train/loss": [0.5, 0.25, None],
            "eval/loss": [None, None, 0.125],
            "note": ["a", "b", "c"],
        }
    )
    (tmp_path / "run-1").mkdir()
    frame.write_parquet(tmp_path / "run-1" / "0000.parquet", compression=compression)
    logs = sb.read_logs(tmp_path)
    assert sorted(rows(logs, "run", "tag", "step", "value", "wall_time")) == [
        ("run-1", "eval/loss", 2, 0.125, 3.5),
        ("run-1", "train/global_step", 10, 10.0, 1.5),
        ("run-1", "train/global_step", 20, 20.0, 2.5),
        ("run-1", "train/loss", 10, 0.5, 1.5),
        ("run-1", "train/loss", 20, 0.25, 2.5),
    ]


def test_columns_that_the_caller_names_and_epochs(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"it": [5, 6], "epoch": [0.5, 1.0], "loss": [0.5, 0.25], "f32": pl.Series([1, 2], dtype=pl.Float32)}
    )
    frame.write_parquet(tmp_path / "a.parquet")
    logs = sb.read_logs(tmp_path, step_column="it")
    assert rows(logs, "tag", "step", "epoch_logged", "value") == [
        ("loss", 5, 0.5, 0.5), ("f32", 5, 0.5, 1.0), ("loss", 6, 1.0, 0.25), ("f32", 6, 1.0, 2.0),
    ]  # fmt: skip


def test_our_own_table_comes_back(tmp_path: Path) -> None:
    (tmp_path / "logs" / "a").mkdir(parents=True)
    (tmp_path / "logs" / "a" / "metrics.csv").write_text("epoch,step,loss\n0,4,0.5\n0,9,\n1,14,0.25\n,19,0.125\n")
    (tmp_path / "logs" / "b").mkdir()
    (tmp_path / "logs" / "b" / "events.out.tfevents.1.host").write_bytes(small_log("tfevents", [(3, 0.5), (4, 1.5)]))
    logs = sb.read_logs(tmp_path / "logs")
    out = tmp_path / "t.parquet"
    logs.reindex(sb.Timeline.plan(batches_per_epoch=10)).write(out)
    with pytest.raises(sb.NoLogsError, match="a table that stepbridge wrote"):
        sb.read_logs(out)
    again = sb.read_logs(out, format="parquet")
    columns = ("run", "tag", "step", "epoch_logged", "wall_time", "value")
    assert rows(again, *columns) == rows(logs, *columns)
    assert not again.problems


def test_a_table_that_is_no_log_is_not_read(tmp_path: Path) -> None:
    pl.DataFrame({"text": ["a", "b"], "label": [0, 1]}).write_parquet(tmp_path / "train-00000.parquet")
    (tmp_path / "metrics.csv").write_text("epoch,step,loss\n0,4,0.5\n")
    logs = sb.read_logs(tmp_path)
    assert [file.file for file in logs.files] == ["metrics.csv"]
    assert not logs.problems
    (problem,) = sb.read_logs(tmp_path / "train-00000.parquet", format="parquet").problems
    assert "name the column that holds the step" in problem.reason


def test_damage_costs_its_row_group(tmp_path: Path) -> None:
    count = 3000
    frame = pl.DataFrame({"step": range(count), "loss": [step / 7 for step in range(count)]})
    path = tmp_path / "a.parquet"
    frame.write_parquet(path, row_group_size=1000, compression="zstd")
    whole = path.read_bytes()
    start = pq.ParquetFile(path).metadata.row_group(1).column(1).dictionary_page_offset or (
        pq.ParquetFile(path).metadata.row_group(1).column(1).data_page_offset
    )
    path.write_bytes(whole[:start] + b"\xff" * 64 + whole[start + 64 :])
    logs = sb.read_logs(path)
    steps = logs.to_polars()["step"].to_list()
    assert steps == [*range(1000), *range(2000, 3000)]
    (problem,) = logs.problems
    assert (problem.kind, "row group 1 is damaged" in problem.reason) == ("corrupt", True)
    # Cut anywhere, it is not a log, and says so.
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(sb.NoLogsError):
        sb.read_logs(path, format="parquet")


def test_streamed_and_in_memory_agree(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    frame = pl.DataFrame({"step": range(50_000), "loss": [step / 7 for step in range(50_000)]})
    frame.write_parquet(tmp_path / "runs" / "a.parquet", row_group_size=20_000)
    table = sb.read_logs(tmp_path / "runs").reindex(sb.Timeline.plan(batches_per_epoch=100)).to_polars()
    out = tmp_path / "out.parquet"
    sb.reindex(tmp_path / "runs", out, sb.Timeline.plan(batches_per_epoch=100))
    assert pl.read_parquet(out).with_columns(pl.col("run", "tag", "source").cast(pl.String)).rows() == (
        table.with_columns(pl.col("run", "tag", "source").cast(pl.String)).rows()
    )


def test_a_compressed_file_is_known_by_its_end(tmp_path: Path) -> None:
    """It is further away than the first bytes that other formats are known by."""
    table = pl.DataFrame({"step": range(20_000), "loss": [1 / (step + 1) for step in range(20_000)]})
    table.write_parquet(tmp_path / "run.parquet", compression="uncompressed")
    whole = (tmp_path / "run.parquet").read_bytes()
    assert len(whole) > 1 << 17
    (tmp_path / "run.parquet.gz").write_bytes(gzip.compress(whole))
    plain, compressed = (sb.read_logs(tmp_path / name).to_polars() for name in ("run.parquet", "run.parquet.gz"))
    assert_frame_equal(plain.drop("run", "source"), compressed.drop("run", "source"))
    assert len(plain) == 20_000
