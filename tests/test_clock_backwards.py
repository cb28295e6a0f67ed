"""Runs on machines whose clocks go back, between sessions and within one: each record is placed right, or reported."""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING, Any

import pytest

import stepbridge as sb

if TYPE_CHECKING:
    from pathlib import Path

SAMPLES, EPOCHS = 1000, 5
SKEWS = (-0.5, -5.0, -60.0, -3600.0, 30.0, 7200.0)


class Machine:
    """Processes of one run, one after the other, with a wall clock that somebody sets."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.now = 1.8e9
        #: By batch: how much the wall clock jumps before it.
        self.jumps: dict[int, float] = {}
        monkeypatch.setattr(time, "time", lambda: self.now)

    def train(self, state: Any, batch_size: int, save: int, until: int) -> tuple[Any, sb.StepClock]:
        """Train from a state to a batch (by its number in this process), and save the state at another."""
        clock = sb.StepClock(
            samples=SAMPLES, batch_size=batch_size, epochs=EPOCHS, ledger=self.folder, logged_as=("step", 1)
        )
        if state is not None:
            clock.load_state_dict(state)
        saved, done = state, 0
        with (self.folder / "log.jsonl").open("a") as log:
            for epoch in clock.epochs():
                left = range((clock.sample or 0) - SAMPLES * epoch, SAMPLES, batch_size)
                for _ in clock.batches(left, resume="continues"):
                    done += 1
                    self.now += 1 + self.jumps.get(done, 0)
                    row = {"step": clock.step, "time": self.now, "true_epoch": clock.epoch, "true_iter": clock.iter}
                    log.write(json.dumps(row) + "\n")
                    if done == save:
                        saved = clock.state_dict()
                    if done == until:
                        return saved, clock
        return saved, clock


def misplaced(folder: Path) -> tuple[int, int, list[str]]:
    """Return the records that are not superseded, how many of them are in the wrong place, and the problems."""
    logs = sb.read_logs(folder, time_column="time")
    table = logs.reindex()
    rows = table.to_polars()
    found: dict[int, dict[str, Any]] = {}
    for row in rows.iter_rows(named=True):
        found.setdefault(row["step"], {"at": (row["epoch"], row["iter"])})[row["tag"]] = int(row["value"])
    wrong = [step for step, row in found.items() if row["at"] != (row["true_epoch"], row["true_iter"])]
    assert len(rows) == 2 * len(found)
    return len(found), len(wrong), [problem.reason for problem in (*logs.problems, *table.problems)]


@pytest.mark.parametrize("skew", SKEWS)
@pytest.mark.parametrize("sizes", [(200, 100), (200, 200), (100, 200)], ids=str)
def test_the_next_machine_is_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, skew: float, sizes: tuple[int, int]
) -> None:
    machine = Machine(tmp_path, monkeypatch)
    state, _ = machine.train(None, sizes[0], save=12, until=17)
    machine.now += 1 + skew
    _, clock = machine.train(state, sizes[1], save=0, until=0)
    steps, wrong, problems = misplaced(tmp_path)
    assert (steps, wrong, problems) == (clock.step, 0, [])


@pytest.mark.parametrize("seed", range(24))
def test_any_run_is_right_or_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    draw = random.Random(seed)
    machine = Machine(tmp_path, monkeypatch)
    state, clock = None, None
    for _ in range(draw.randint(1, 3)):
        save = draw.randint(1, 9)
        machine.jumps = {draw.randint(1, 9): draw.choice(SKEWS)} if draw.random() < 0.5 else {}
        state, clock = machine.train(state, draw.choice([100, 200]), save, save + draw.randint(0, 4))
        machine.now += draw.choice([1.0, 1 + draw.choice(SKEWS)])
    machine.jumps = {}
    _, clock = machine.train(state, draw.choice([100, 200]), 0, 0)
    steps, wrong, problems = misplaced(tmp_path)
    assert problems or (steps, wrong) == (clock.step, 0)
