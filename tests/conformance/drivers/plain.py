"""A loop of one's own, without a framework: numpy, a list of batches, and a clock that is given what it cannot see."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

import stepbridge as sb
from conformance.drivers.loops import Trainer, play

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from conformance.scenarios import Leg, Scenario
    from stepbridge.clock import Resume

__all__ = ["run"]


def run(scenario: Scenario, folder: Path) -> list[dict[str, Any]]:
    """Plays a scenario; returns its events."""
    return play(scenario, Plain, folder)


class Plain(Trainer):
    """One weight, moved by its mean gradient."""

    def __init__(self, scenario: Scenario, leg: Leg) -> None:
        super().__init__(scenario, leg)
        self.data = np.ones(scenario.samples)
        self.data[list(scenario.overflows)] = np.inf
        self.weight, self.gradient, self.count, self.global_step = 0.0, 0.0, 0, 0
        known: dict[str, Any] = {"samples": scenario.samples} if scenario.known else {}
        self.clock = sb.StepClock(
            **known,
            batch_size=leg.batch_size,
            epochs=leg.epochs if scenario.legs[-1].epochs == leg.epochs else None,
            accumulate=scenario.accumulation(leg),
            boundary=scenario.boundary,
            on_cut=scenario.on_cut,
        )

    def loader(self, leg: Leg, done: int) -> tuple[Iterable[Any], Resume | None]:
        """Slices the data; the clock leaves out what was done, unless the rest is cut in another way."""
        same = leg.batch_size == self.scenario.legs[0].batch_size
        begin = 0 if same else done
        slices = (self.data[at : at + leg.batch_size] for at in range(begin, len(self.data), leg.batch_size))
        return slices, "skip" if same else "continues"

    def forward(self, batches: list[Any]) -> None:
        """Passes batches; fused ones step each."""
        for batch in batches:
            self.count += len(batch)
            self.gradient += float(np.mean(batch))
            if self.scenario.fused > 1:
                self.step(1)

    def update(self, pending: int) -> None:
        """Steps, if the gradient is finite."""
        if self.scenario.fused == 1:
            self.step(pending)

    def step(self, pending: int) -> None:
        if np.isfinite(self.gradient):
            self.weight -= self.gradient / pending
        else:
            self.clock.skip_update()
        self.global_step += 1
        self.gradient = 0.0

    def drop(self) -> None:
        """Throws the gradient away."""
        self.gradient = 0.0

    def passed(self) -> int:
        """Returns the samples that passed."""
        return self.count

    def moved(self) -> float:
        """Returns how far the weight went down."""
        return -self.weight

    def own(self) -> dict[str, dict[str, int]]:
        """Returns the step that such a loop prints."""
        return {"pytorch_one_based": {"step": self.global_step}}

    def evaluate(self) -> None:
        """Looks at other data, which is nothing that the loop counts."""
        assert np.isfinite(self.weight * 3.0)

    def save(self, folder: Path) -> None:
        """Saves as JSON."""
        state = {name: getattr(self, name) for name in ("weight", "gradient", "count", "global_step")}
        (folder / "state.json").write_text(json.dumps({"clock": self.clock.state_dict(), **state}))

    def load(self, folder: Path) -> None:
        """Loads it again."""
        state = json.loads((folder / "state.json").read_text())
        self.clock.load_state_dict(state.pop("clock"), pending="carry")
        vars(self).update(state)
