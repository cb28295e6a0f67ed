"""Outputs: every one takes every log, in memory and streamed, whether superseded records are kept or left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import stepbridge as sb
from small_logs import NAMES, small_log
from stepbridge.logs import OUTPUTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stepbridge.logs import Format

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


def attempts(epochs: list[int]) -> list[tuple[int, list[int]]]:
    """Cut the epochs where a run starts from its beginning; the first row of each attempt, and its epochs."""
    starts = [row for row, epoch in enumerate(epochs) if epoch == 0]
    return [(begin, epochs[begin:end]) for begin, end in zip(starts, [*starts[1:], len(epochs)], strict=True)]


def expected(superseded: bool) -> list[tuple[str, str, float]]:
    """List the records. A row is superseded if a later session of its attempt has an epoch that is not above it."""
    records = []
    runs = [(f"{name}_{copy}", epochs) for name, epochs in RUNS.items() for copy in range(3)]
    for name, before, epochs in sorted(
        (name + (f"#{number}" if number > 1 else ""), row, epochs)
        for name, all_epochs in runs
        for number, (row, epochs) in enumerate(attempts(all_epochs), 1)
    ):
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
                records += [(name, "acc", float(before + row)), (name, "loss", before + row + 0.5)]
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
    """The second start is another attempt, and nothing is left out."""
    (tmp_path / "training.log").write_text("epoch,acc,loss\n0,0.8,0.49\n1,0.8,0.49\n0,0.81,0.5\n1,0.85,0.45\n")
    sb.reindex(tmp_path, tmp_path / f"out{ending}")
    assert [value for _, _, value in read(tmp_path / f"out{ending}")] == [0.8, 0.49, 0.8, 0.49, 0.81, 0.5, 0.85, 0.45]


#: Steps of a run that was resumed, and started once more from the beginning.
STEPS = [1, 2, 3, 4, 5, 3, 4, 5, 6, 1, 2, 3]


@pytest.mark.parametrize("form", NAMES)
def test_every_output_takes_every_format(form: Format, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "a"
    folder.mkdir(parents=True)
    (folder / NAMES[form]).write_bytes(small_log(form, [(step, row / 8) for row, step in enumerate(STEPS)]))
    plan = sb.Timeline.plan(batches_per_epoch=2)
    logs = sb.read_logs(tmp_path / "runs", format=form)
    for kept in (False, True):
        table = logs.reindex(plan, unit="step", base=0, keep_superseded=kept)
        written = []
        for ending in OUTPUTS:
            output = tmp_path / f"memory{ending}"
            table.write(output)
            streamed = tmp_path / f"streamed{ending}"
            options: dict[str, Any] = {"unit": "step", "base": 0, "keep_superseded": kept, "format": form}
            sb.reindex(tmp_path / "runs", streamed, plan, **options)
            assert read(output) == read(streamed)
            written.append(read(output))
        assert all(rows == written[0] for rows in written)
        assert len(written[0]) == len(table)
