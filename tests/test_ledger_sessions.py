"""One log of two sessions next to its ledger, in every unit that a logger is given: what was done again is left out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import stepbridge as sb
from ledger_logs import STEPS, Logger, joined, places, train
from moments import later

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("unit", "base"), STEPS)
def test_a_rewind_in_every_unit(tmp_path: Path, unit: Any, base: Any) -> None:
    step = STEPS[unit, base]
    first = sb.StepClock(samples=1000, batch_size=200, epochs=4, ledger=tmp_path, logged_as=(unit, base))
    one, state, done = Logger(tmp_path / "a"), first.state_dict(), 0
    for _ in first.epochs(3):
        for _ in first.batches(range(5)):
            one.log(first, step(first))
            if first.batch == 8:
                state, done = first.state_dict(), len(one.seen)
    one.writer.close()
    later()
    second = sb.StepClock(samples=1000, batch_size=100, epochs=4, ledger=tmp_path, logged_as=(unit, base))
    second.load_state_dict(state)
    two = Logger(tmp_path / "b")
    train(second, two, 100, step)
    folder = joined(tmp_path, "a", "b")
    logs = sb.read_logs(folder)
    assert logs.sessions == ((".", 2, len(one.seen) - done),)
    table = logs.reindex(keep_superseded=True, batch=True, sample=True)
    assert (places(table), table.problems) == (one.seen + two.seen, ())
    kept = logs.reindex(batch=True, sample=True)
    assert places(kept) == one.seen[:done] + two.seen
    # Each part of the file is placed by its own session's timeline; the run's own one holds what was kept.
    frame = kept.to_polars()
    for epoch, iteration, batch, sample in frame.select("epoch", "iter", "batch", "sample").rows():
        assert second.timeline.locate(batch, "batch") == (epoch, iteration)
        assert second.timeline.locate(sample, "sample") == (epoch, iteration)
    # The same in pieces, as the command line writes it.
    written = sb.reindex(folder, tmp_path / "out.parquet", keep_superseded=True, batch=True, sample=True)
    assert (written.records, written.problems) == (len(table), ())


def test_a_rewind_beside_a_log_that_states_epoch_and_iteration(tmp_path: Path) -> None:
    """MMCV's log counts iterations inside the epoch: the session's beginning is a place there."""
    lines: list[dict[str, Any]] = [{"env_info": "x"}]
    seen: list[tuple[int, int, bool]] = []

    def run(clock: sb.StepClock, batches: int, epochs: int, *, lost: int | None = None) -> None:
        for _ in clock.epochs(epochs):
            left = batches - clock.position.iter
            for _ in clock.batches(range(left), resume="continues"):
                epoch, iteration = clock.location
                lines.append({"mode": "train", "epoch": epoch + 1, "iter": iteration + 1, "loss": 0.5})
                seen.append((epoch, iteration, lost is not None and clock.batch > lost))
                if clock.batch == lost:
                    states.append(clock.state_dict())

    states: list[dict[str, Any]] = []
    run(sb.StepClock(batches_per_epoch=5, epochs=4, ledger=tmp_path), 5, 3, lost=8)
    again = sb.StepClock(batches_per_epoch=5, epochs=4, ledger=tmp_path)
    again.load_state_dict(states[0])
    run(again, 5, 3)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "20200101_000000.log.json").write_text(text, encoding="utf-8")
    logs = sb.read_logs(tmp_path)
    assert logs.sessions == ((".", 2, 7),)
    frame = logs.reindex(keep_superseded=True).to_polars()
    assert frame.select("epoch", "iter", "superseded").rows() == seen
