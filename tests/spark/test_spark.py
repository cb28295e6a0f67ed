"""The data source on Sail, an engine with Spark's API: what it reads is what `read_logs` reads, row by row."""

from __future__ import annotations

import json
import os
from collections import Counter
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import SparkSession, datasource

import stepbridge as sb
from commands import LOGS
from object_server import object_server
from stepbridge.spark import StepbridgeDataSource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """Start an engine: Sail in this process, or Spark itself (`make test-spark-jvm`)."""
    if os.environ.get("STEPBRIDGE_SPARK") == "jvm":
        session = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
        session.dataSource.register(StepbridgeDataSource)
        yield session
        session.stop()
        return
    server = import_module("pysail.spark").SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    _, port = server.listening_address
    session = SparkSession.builder.remote(f"sc://127.0.0.1:{port}").getOrCreate()
    session.dataSource.register(StepbridgeDataSource)
    yield session
    session.stop()
    server.stop()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write six runs, and a file that is damaged."""
    folder = tmp_path_factory.mktemp("runs")
    for number in range(6):
        lines = [{"step": step, "epoch": step // 5, "loss": number / (step + 1), "lr": 0.1} for step in range(20)]
        (folder / f"sweep/run{number}").mkdir(parents=True)
        (folder / f"sweep/run{number}/log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "broken").mkdir()
    (folder / "broken/events.out.tfevents.1.host").write_bytes(b"")
    return folder


def rows(frame: Any) -> Counter[str]:
    return Counter(repr(row.asDict()) for row in frame.collect())


def expected(folder: Path, **options: Any) -> Counter[str]:
    return Counter(map(repr, sb.read_logs(folder).reindex(**options).to_arrow().to_pylist()))


def test_rows_are_those_of_read_logs(spark: Any, runs: Path) -> None:
    frame = spark.read.format("stepbridge").load(str(runs))
    assert frame.columns == sb.TABLE_SCHEMA.names
    assert rows(frame) == expected(runs)


def test_real_logs(spark: Any) -> None:
    assert rows(spark.read.format("stepbridge").load(str(LOGS))) == expected(LOGS)


def test_filters_and_options(spark: Any, runs: Path) -> None:
    reader = spark.read.format("stepbridge").option("unit", "batch").option("base", "0")
    frame = reader.load(str(runs)).filter("run = 'sweep/run3' and tag in ('loss', 'none')")
    wanted = Counter(
        {
            row: count
            for row, count in expected(runs, unit="batch", base=0).items()
            if "sweep/run3'" in row and "'loss'" in row
        }
    )
    assert rows(frame) == wanted
    assert spark.read.format("stepbridge").load(str(runs)).filter("run = 'none'").count() == 0


def test_filters_leave_groups_out(runs: Path) -> None:
    if not hasattr(datasource, "EqualTo"):
        pytest.skip("this pyspark pushes no filters")
    reader = StepbridgeDataSource({"path": str(runs)}).reader(None)
    filters = [
        datasource.EqualTo(("run",), "sweep/run3"),
        datasource.GreaterThan(("step",), 3),
        datasource.In(("tag",), ("loss",)),
    ]
    assert list(reader.pushFilters(filters)) == filters[1:2]
    (partition,) = reader.partitions()
    assert [group.name for group in partition.value] == ["sweep/run3"]
    found = [row for batch in reader.read(partition) for row in batch.to_pylist()]
    assert {(row["run"], row["tag"]) for row in found} == {("sweep/run3", "loss")}
    assert len(found) == 20


def test_a_bucket(spark: Any, runs: Path) -> None:
    with object_server() as server:
        server.put("spark", b"")
        server.upload(runs, "spark/runs")
        reader = spark.read.format("stepbridge").option("storage_options", json.dumps(server.options))
        frame = reader.option("cache_limit", "1000000").load("s3://spark/runs")
        assert rows(frame) == expected(runs)
        assert frame.filter("run = 'sweep/run3'").count() == 40
        found = StepbridgeDataSource({"path": "s3://spark/none", "storage_options": json.dumps(server.options)}).reader(
            None
        )
        with pytest.raises(FileNotFoundError, match="there is no file or folder 's3://spark/none'"):
            found.partitions()


def test_wrong_use() -> None:
    with pytest.raises(ValueError, match="storage_options is not a JSON object") as caught:
        StepbridgeDataSource({"path": "s3://x/y", "storage_options": "secret=1"}).reader(None)
    assert "secret" not in str(caught.value)
    with pytest.raises(ValueError, match="there is no path"):
        StepbridgeDataSource({}).reader(None)
    with pytest.raises(ValueError, match="there is no option 'unti'; expected one of base, chain"):
        StepbridgeDataSource({"path": "runs", "unti": "step"}).reader(None)
