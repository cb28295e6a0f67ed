"""Columns that were asked for, where some runs know them and others do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import stepbridge as sb

if TYPE_CHECKING:
    from pathlib import Path

UNKNOWN = sb.Timeline.plan(batches_per_epoch=3, epochs=2)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two runs of two epochs of three batches; each line states step and epoch."""
    for name in ("known", "unknown"):
        (tmp_path / name).mkdir()
        lines = ["step,epoch,loss", *(f"{step},{step // 3},{step / 8}" for step in range(6))]
        (tmp_path / name / "log.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(("column", "size"), [("sample", 1), ("token", 5)])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_run_without_samples_takes_nothing_from_the_others(
    column: str, size: int, streamed: bool, runs: Path, tmp_path: Path
) -> None:
    plan = sb.Timeline.plan(samples=10, batch_size=4, epochs=2, tokens_per_sample=5)
    options: Any = {"plans": {"known": plan}, "unit": "batch", "base": 0, column: True}
    if streamed:
        result = sb.reindex(runs, tmp_path / "table.parquet", **options)
        frame, problems = pl.read_parquet(tmp_path / "table.parquet"), result.problems
    else:
        table = sb.read_logs(runs).reindex(**options)
        frame, problems = table.to_polars(), table.problems
    # Batches of 4, 4 and 2 of each epoch's 10 samples.
    assert frame.filter(run="known")[column].to_list() == [size * first for first in (0, 4, 8, 10, 14, 18)]
    # The run begins with its first sample; how many tokens one has is not known.
    assert frame.filter(run="unknown")[column].to_list() == [0 if column == "sample" else None, *[None] * 5]
    assert frame.filter(run="unknown")["epoch"].to_list() == [0, 0, 0, 1, 1, 1]
    assert [(problem.file, problem.kind) for problem in problems] == [("unknown/log.csv", "missing_column")]
    assert "run unknown: not every column that was asked for is known" in problems[0].reason


def test_of_a_plan_that_the_caller_gives_it_is_an_error(runs: Path) -> None:
    with pytest.raises(ValueError, match="batch_size"):
        sb.read_logs(runs).reindex(UNKNOWN, unit="batch", base=0, sample=True)
