"""Outputs: every one takes every log, in memory and streamed, whether superseded records are kept or left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

import stepbridge as sb
from stepbridge.logs import OUTPUTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: The epochs of each run's table, row by row. An epoch below the one before begins a session.
RUNS: dict[str, list[int]] = {
    "all_again": [0, 1, 0, 1],
    "some_again": [0, 1, 2, 3, 2, 3, 4],
    "never_again": [0, 1, 2],
    "twice_again": [0, 1, 2, 0, 1, 0, 1, 2, 3],
    "long": [*range(3000), *range(1500, 4500)],
}


def write_logs(folder: Path) -> None:
    """Write a table of Keras' `CSVLogger` for each run, and a value that says which row it is."""
    for copy in range(3):
        for name, epochs in RUNS.items():
            run = folder / f"{name}_{copy}"
            run.mkdir(parents=True)
            rows = "".join(f"{epoch},{row},{row}.5\n" for row, epoch in enumerate(epochs))
            (run / "training.log").write_text(f"epoch,acc,loss\n{rows}")


def expected(superseded: bool) -> list[tuple[str, str, float]]:
    """List the records. A row is superseded if a later session holds an epoch that is not above its own."""
    records = []
    for name, epochs in sorted((f"{name}_{copy}", epochs) for name, epochs in RUNS.items() for copy in range(3)):
        # From the end: the lowest epoch of all rows that later sessions hold.
        kept = [True] * len(epochs)
        lowest_later = lowest_own = len(epochs)
        for row in reversed(range(len(epochs))):
            if row + 1 < len(epochs) and epochs[row + 1] < epochs[row]:
                lowest_later = min(lowest_later, lowest_own)
                lowest_own = len(epochs)
            lowest_own = min(lowest_own, epochs[row])
            kept[row] = epochs[row] < lowest_later
        for row in range(len(epochs)):
            if superseded or kept[row]:
                records += [(name, "acc", float(row)), (name, "loss", row + 0.5)]
    return records


def read(path: Path) -> list[tuple[str, str, float]]:
    """Read run, tag and value of each record of an output."""
    readers: dict[str, Callable[[Path], pl.DataFrame]] = {
        ".parquet": pl.read_parquet,
        ".csv": pl.read_csv,
        ".jsonl": pl.read_ndjson,
        ".arrow": pl.read_ipc,
    }
    frame = readers[path.suffix](path)
    return frame.select(pl.col("run").cast(pl.String), pl.col("tag").cast(pl.String), "value").rows()


@pytest.mark.parametrize("superseded", [False, True], ids=["left_out", "kept"])
@pytest.mark.parametrize("ending", OUTPUTS)
def test_every_output_takes_every_log(ending: str, superseded: bool, tmp_path: Path) -> None:
    write_logs(tmp_path / "logs")
    records = expected(superseded)
    logs = sb.read_logs(tmp_path / "logs")
    logs.table(keep_superseded=superseded).write(tmp_path / f"plain{ending}")
    logs.reindex(keep_superseded=superseded).write(tmp_path / f"placed{ending}")
    sb.reindex(tmp_path / "logs", tmp_path / f"streamed{ending}", keep_superseded=superseded)
    for name in ("plain", "placed", "streamed"):
        assert read(tmp_path / f"{name}{ending}") == records, name


@pytest.mark.parametrize("ending", OUTPUTS)
def test_a_log_whose_epochs_all_begin_again(ending: str, tmp_path: Path) -> None:
    """Nothing of the first session is left: its batch is empty."""
    (tmp_path / "training.log").write_text("epoch,acc,loss\n0,0.8,0.49\n1,0.8,0.49\n0,0.81,0.5\n1,0.85,0.45\n")
    sb.reindex(tmp_path, tmp_path / f"out{ending}")
    assert [value for _, _, value in read(tmp_path / f"out{ending}")] == [0.81, 0.5, 0.85, 0.45]
