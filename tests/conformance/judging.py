"""What the clock has to answer at an event, worked out from what was counted next to it, and from nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conformance.cells import COLUMNS
from conformance.expected import batches
from stepbridge.conventions import CONVENTIONS

if TYPE_CHECKING:
    from conformance.cells import Column
    from conformance.scenarios import Scenario

__all__ = ["Record"]


@dataclass(frozen=True, slots=True)
class Record:
    """The events of one cell, as its worker printed them."""

    scenario: Scenario
    column: Column
    events: list[dict[str, Any]]

    @classmethod
    def of(cls, scenario: Scenario, column: str, answer: dict[str, Any]) -> Record:
        """Takes what a worker answered, or fails with its traceback."""
        if "traceback" in answer:
            raise AssertionError(answer["traceback"])
        return cls(scenario, COLUMNS[column], answer["events"])

    def places(self) -> list[tuple[int, int, int, int]]:
        """Returns what each event must be by the table: epoch, iter, and the samples and updates there were by then."""
        listed = batches(self.scenario, restarts=self.column.restarts)
        total, inside, pending, steps = 0, 0, 0, 0
        wanted: list[tuple[int, int, int, int]] = []
        for batch in listed:
            total, inside = total + batch.samples, inside + 1
            pending += 1
            closes = pending == batch.accumulate or (batch.last and self.scenario.boundary == "flush")
            steps += closes
            if closes or (batch.last and self.scenario.boundary in ("drop", "spill")):
                pending = 0
            if batch.last and self.column.phantoms and not self.scenario.known:
                pending = (pending + 1) % batch.accumulate
            if batch.left and self.scenario.on_cut != "carry":
                pending = 0
            if (inside == self.scenario.fused or batch.last) and (closes or self.column.sees_open_windows):
                wanted.append((batch.epoch, batch.iter, total, steps))
            if inside == self.scenario.fused or batch.last:
                inside = 0
        return wanted

    def copies_by(self, epoch: int) -> int:
        """Returns the copies that passed in the epochs before this one."""
        return max((event["seen"]["copies"] for event in self.events if event["seen"]["epoch"] < epoch), default=0)

    def position(self, seen: dict[str, Any]) -> list[int]:
        """Returns the position after an event; that an epoch is over is known in its last batch if its length is."""
        # A clock that flushes reads one batch ahead where no length is known.
        known = self.scenario.known or self.scenario.boundary == "flush" or self.column.reads_ahead
        if seen["last"] and known:
            return [seen["epoch"] + 1, 0]
        return [seen["epoch"], seen["iter"] + 1]

    def step_indices(self) -> list[int | None]:
        """Returns for each event the index (from 0) of the step that its last batch goes into; None: into none."""
        indices: list[int | None] = []
        waiting: list[int] = []
        for number, event in enumerate(self.events):
            seen = event["seen"]
            indices.append(None)
            waiting.append(number)
            if seen["closes"]:
                for one in waiting:
                    indices[one] = seen["attempted"] - 1
            if seen["closes"] or (seen["last"] and self.scenario.boundary == "drop"):
                waiting = []
        if not self.scenario.known:
            # Nobody can know whether an open window will be closed: the data may end here.
            closes = [event["seen"]["closes"] for event in self.events]
            indices = [index if closed else None for index, closed in zip(indices, closes, strict=True)]
        return indices

    def counters(self, name: str, seen: dict[str, Any], step_index: int | None) -> dict[str, int | None]:
        """Returns what a convention's counters show at an event, by what each is declared to count."""
        indices = {"epoch": seen["epoch"], "iter": seen["iter"], "batch": seen["batches"] - 1, "step": step_index}
        counts = {"batch": seen["batches"], "step": seen["attempted"], "sample": seen["samples"]}
        shown: dict[str, int | None] = {}
        for counter in CONVENTIONS[name].counters:
            value = indices[counter.role] if counter.kind == "index" else counts[counter.role]
            shown[counter.name] = None if value is None else value + (counter.base if counter.kind == "index" else 0)
        return shown

    def closers(self) -> dict[int, dict[str, Any]]:
        """Returns for each count of steps that was reached what was seen where its last one closed."""
        return {event["seen"]["attempted"]: event["seen"] for event in self.events if event["seen"]["closes"]}
