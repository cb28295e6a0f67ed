"""The tables that Keras' own CSVLogger writes, read by stepbridge and by Python's csv module."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest

from adapters.keras_runs import run_on
from stepbridge.logs import read_logs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the logger wrote."""
    folder = tmp_path_factory.mktemp("keras_csv_logger")
    done = run_on("torch", "-m", "adapters.keras_csv_logger", folder)
    assert done.returncode == 0, done.stderr
    return folder


def rows(path: Path, separator: str) -> list[tuple[float, str, float]]:
    """Each number of a table with its epoch and its column's name."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            (float(row["epoch"]), name, float(cell))
            for row in csv.DictReader(file, delimiter=separator)
            for name, cell in row.items()
            if name != "epoch" and cell != "NA"
        ]


@pytest.mark.parametrize(("name", "separator", "epochs"), [
    ("plain.csv", ",", [0, 1, 2]),
    # Two runs from the start, and one that goes on.
    ("again.log", ";", [0, 1, 2, 3, 0, 1, 2, 3]),
])  # fmt: skip
def test_runs_are_read_whole(folder: Path, name: str, separator: str, epochs: list[int]) -> None:
    logs = read_logs(folder / name)
    (file,) = logs.files
    assert (file.format, file.records_ok, logs.problems) == ("keras_csv", len(epochs), ())
    frame = logs.table(keep_superseded=True).to_polars()
    seen = list(zip(frame["epoch_logged"], frame["tag"].cast(str), frame["value"], strict=True))
    assert seen == rows(folder / name, separator)
    assert [epoch for epoch, tag, _ in seen if tag == "loss"] == epochs
    assert frame["step"].null_count() == len(frame)


def test_other_metrics_under_the_old_names_are_reported(folder: Path) -> None:
    """The logger writes no second line of names, so that nothing says which cell is which metric's."""
    logs = read_logs(folder / "other.log")
    (file,) = logs.files
    assert (file.format, file.records_ok) == ("keras_csv", 2)
    assert [problem.kind for problem in logs.problems] == ["corrupt", "corrupt"]
    assert "5 cells where the header has 3" in logs.problems[0].reason
