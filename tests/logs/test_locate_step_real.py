"""Steps of real logs: what is known of each, next to every row of the whole table and to Python's own readers."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest

import stepbridge as sb
from conftest import DATA

if TYPE_CHECKING:
    from pathlib import Path

FOLDERS = sorted(folder for folder in DATA.glob("*/*") if folder.is_dir()) if DATA.exists() else []
pytestmark = pytest.mark.skipif(
    not FOLDERS, reason="no real logs: set STEPBRIDGE_DATA to the folder that holds MANIFEST.tsv"
)
TABLES = sorted(DATA.glob("lightning/**/metrics.csv"))
TRAINERS = sorted(DATA.glob("trainer_state/**/trainer_state.json"))
#: How many steps of a folder are asked for.
ASKED = 10
ROW = ("tag", "value", "epoch", "iter", "superseded", "source")


def spread(rows: list[Any]) -> list[Any]:
    """Pick rows from all over, the first and the last among them."""
    last, parts = len(rows) - 1, min(ASKED, len(rows)) - 1
    return [rows[last * part // max(parts, 1)] for part in range(parts + 1)]


def table_of(folder: Path) -> list[dict[str, Any]]:
    """List every record below a folder with its place."""
    try:
        logs = sb.read_logs(folder)
    except sb.NoLogsError as error:
        pytest.skip(str(error))
    return logs.reindex(batch=True, keep_superseded=True).to_polars().to_dicts()


def ends_epoch(row: dict[str, Any]) -> float | None:
    """Return which epoch a record ends whose step is an epoch."""
    epochs: float | None = row["epoch_float"]
    return None if None in (row["step"], row["epoch"], epochs) else epochs


def values_of(readings: tuple[sb.StepReading, ...]) -> list[str]:
    values = [value for reading in readings for value in reading.values]
    return sorted(repr([getattr(value, name) for name in ROW]) for value in values)


def rows_of(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(repr([row[name] for name in ROW]) for row in rows)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_a_step_is_where_the_whole_table_has_it(folder: Path) -> None:
    rows = table_of(folder)
    asked = sorted({(row["run"], row["step"]) for row in rows if row["step"] is not None})
    for run, step in spread(asked):
        found = sb.locate_step(folder, step, run=run)
        expected = [row for row in rows if (row["run"], row["step"]) == (run, step)]
        assert values_of(found.readings) == rows_of(expected), (run, step)
        for reading in found.readings:
            places = {(value.epoch, value.iter) for value in reading.values}
            if reading.missing is None and found.sessions == 1:
                assert places <= {(reading.epoch, reading.iter)}
            elif reading.missing is not None:
                assert reading.frameworks == {}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_an_amount_is_the_batch_that_completes_it(folder: Path) -> None:
    rows = table_of(folder)
    placed = sorted({(row["run"], row["batch"]) for row in rows if row["batch"] is not None})
    for run, batch in spread(placed):
        found = sb.locate_step(folder, f"{batch + 1}ba", run=run)
        if found.sessions > 1:
            continue
        # The batch that ends an epoch completes what is logged with the epoch as its step.
        ends = {reading.epoch_float for reading in found.readings if (reading.epoch_float or 0.5) % 1 == 0}
        expected = [
            row
            for row in rows
            if row["run"] == run
            and (row["batch"] == batch or (row["iter"] is row["batch"] is None and ends_epoch(row) in ends))
        ]
        assert values_of(found.readings) == rows_of(expected), (run, batch)
        for reading in (reading for reading in found.readings if reading.values and reading.batch is not None):
            assert (reading.batch, reading.done["ba"]) == (batch, batch + 1)
            at = {"epoch": reading.epoch, "iter": reading.iter}
            shown = reading.frameworks
            assert {name: shown["pytorch"][name] for name in at} == at
            assert shown["keras"]["epoch"] == shown["lightning"]["epoch"] == reading.epoch
            assert shown["keras"]["batch"] == shown["lightning"]["batch_idx"] == reading.iter
            assert shown["huggingface"] == shown["tensorflow"] == {"global_step": int(reading.done["st"])}
            # The same batch, in whatever unit it is asked for.
            for unit in ("st", "sp"):
                amount = reading.done[unit]
                if isinstance(amount, sb.Exact):
                    again = sb.locate_step(folder, f"{int(amount)}{unit}", run=run)
                    assert batch in {each.batch for each in again.readings}, (run, unit)


@pytest.mark.parametrize("file", TABLES, ids=lambda file: file.parts[-4])
def test_rows_of_lightning(file: Path) -> None:
    """A row with this step has these values: read by Python's own reader."""
    with file.open(newline="", encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["step"]]
    for step in spread(sorted({int(row["step"]) for row in rows})):
        expected = sorted(
            (tag, repr(float(cell)))
            for row in rows
            if int(row["step"]) == step
            for tag, cell in row.items()
            if cell and tag not in ("step", "epoch")
        )
        readings = sb.locate_step(file, step).readings
        found = sorted((value.tag, repr(value.value)) for reading in readings for value in reading.values)
        assert found == expected
        stated = {float(row["epoch"]) for row in rows if int(row["step"]) == step and row["epoch"]}
        assert {value.epoch_logged for reading in readings for value in reading.values} <= stated


@pytest.mark.parametrize("file", TRAINERS, ids=lambda file: file.parts[-2])
def test_entries_of_a_trainer(file: Path) -> None:
    """The log history by the json module; the place by hand, where an epoch has a whole number of steps."""
    history = [entry for entry in json.loads(file.read_text(encoding="utf-8"))["log_history"] if "step" in entry]
    for step in spread(sorted({entry["step"] for entry in history})):
        expected = sorted(
            (tag, repr(float(value)))
            for entry in history
            if entry["step"] == step
            for tag, value in entry.items()
            if tag not in ("step", "epoch") and isinstance(value, (int, float))
        )
        (reading,) = sb.locate_step(file, step).readings
        assert sorted((value.tag, repr(value.value)) for value in reading.values) == expected
        if reading.iter is not None and reading.timeline is not None:
            length = int(reading.timeline.convert("1ep", "step"))
            assert (reading.epoch, reading.frameworks["huggingface"]["global_step"]) == ((step - 1) // length, step)
