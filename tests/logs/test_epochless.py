"""Logs of a stream whose epochs are not known: records have a batch, a sample and a token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import stepbridge as sb
from shown import by_accumulator

if TYPE_CHECKING:
    from pathlib import Path

SIZES = [16] * 5 + [24] * 7 + [32] * 30
PLAN = sb.Timeline.stream(
    batch_size=[(0, 16), ("80sp", 24), ("248sp", 32)], tokens_per_sample=10, steps=14, accumulate=3
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Steps 0 to 15, where updates count from 1 and there are 14 of them."""
    path = tmp_path / "log.jsonl"
    path.write_text(
        "".join(json.dumps({"step": step, "loss": step / 2}) + "\n" for step in range(16)), encoding="utf-8"
    )
    return path


def first_sample(step: int) -> int:
    """The first sample of the batch that closes a step: batches are added up one by one."""
    return sum(SIZES[: 3 * step - 1])


def test_a_table_has_what_is_known(log: Path) -> None:
    table = sb.read_logs(log).reindex(PLAN, unit="step", base=1, batch=True, sample=True, token=True)
    columns = pl.DataFrame(table).to_dict(as_series=False)
    samples = [None, *(first_sample(step) for step in range(1, 15)), None]
    assert columns["batch"] == [None, *(3 * step - 1 for step in range(1, 15)), None]
    assert columns["sample"] == samples
    assert columns["token"] == [None if sample is None else 10 * sample for sample in samples]
    assert set(columns["epoch"]) == set(columns["iter"]) == {None}
    assert columns["epoch_float"] == [0.0, *[None] * 15]
    # Step 0 comes before all; step 15 lies past the end.
    assert [(found.reason, found.records) for found in table.left_out] == [("no_place", 1)]
    assert [problem.kind for problem in table.problems] == ["past_end"]


def test_in_pieces_it_is_the_same(log: Path, tmp_path: Path) -> None:
    options: Any = {"unit": "step", "base": 1, "batch": True, "sample": True, "token": True}
    table = sb.read_logs(log).reindex(PLAN, **options)
    result = sb.reindex(log, tmp_path / "table.csv", PLAN, **options)
    table.write(tmp_path / "other.csv")
    assert (tmp_path / "table.csv").read_bytes() == (tmp_path / "other.csv").read_bytes()
    assert (result.records, result.left_out) == (len(table), table.left_out)


def test_without_such_a_column_nothing_is_known(log: Path) -> None:
    with pytest.raises(ValueError, match=r"give samples=.*; or ask for batch=, sample= or token="):
        sb.read_logs(log).reindex(PLAN, unit="step", base=1)


@pytest.mark.parametrize("step", [4, "800sp", "12ba"])
def test_where_tells_all_but_the_epoch(log: Path, step: int | str) -> None:
    (reading,) = sb.locate_step(log, step, timeline=PLAN, unit="step", base=1).readings
    batch = {4: 11, "800sp": 29, "12ba": 11}[step]
    samples = sum(SIZES[:batch])
    assert (reading.epoch, reading.iter, reading.batch, reading.sample) == (None, None, batch, samples)
    assert reading.token == 10 * samples
    assert [value.value for value in reading.values] == [(batch + 1) / 6]


def test_it_is_written_on_the_axis_of_tokens(log: Path, tmp_path: Path) -> None:
    sb.rewrite(log, tmp_path / "events", PLAN, axis="token", unit="step", base=1)
    (shown,) = by_accumulator(tmp_path / "events").values()
    done = [0, *(10 * (first_sample(step) + SIZES[3 * step - 1]) for step in range(1, 15))]
    assert shown == [(tokens, step / 2) for step, tokens in enumerate(done)]
