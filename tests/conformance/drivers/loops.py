"""Plays a scenario in a loop of one's own. What is the framework's stands in a `Trainer`.

The loop decides by itself when to step, when an epoch is over and how it is numbered; the clock is only asked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from conformance.recording import Seen, add_tokens, take_down
from conformance.windows import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import stepbridge as sb
    from conformance.scenarios import Leg, Scenario
    from stepbridge.clock import Resume

__all__ = ["Trainer", "play"]


class Trainer(ABC):
    """A model with one weight, which each update moves by 1; its optimizer, its data and its clock."""

    clock: sb.StepClock

    def __init__(self, scenario: Scenario, leg: Leg) -> None:
        self.scenario = scenario

    @abstractmethod
    def loader(self, leg: Leg, done: int) -> tuple[Iterable[Any], Resume | None]:
        """Returns what an epoch takes its batches from after so many samples of it, and what it does in a resume."""

    @abstractmethod
    def forward(self, batches: list[Any]) -> None:
        """Passes batches through the model, and adds their gradients up."""

    @abstractmethod
    def update(self, pending: int) -> None:
        """Has the optimizer step with the mean of the gradients of so many batches."""

    @abstractmethod
    def drop(self) -> None:
        """Throws the gradients away."""

    @abstractmethod
    def passed(self) -> int:
        """Returns the samples that passed through the model, as counted there."""

    def copies(self) -> int:
        """Returns how many of them were copies that a distributed sampler added."""
        return 0

    @abstractmethod
    def moved(self) -> float:
        """Returns how far the weight is from where it began."""

    @abstractmethod
    def own(self) -> dict[str, dict[str, int]]:
        """Returns the framework's own counters, by convention."""

    def evaluate(self) -> None:
        """Passes other data through the model, as one does in between."""
        raise NotImplementedError

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Saves model, optimizer and clock."""

    @abstractmethod
    def load(self, folder: Path) -> None:
        """Loads them into objects made anew."""

    def settle(self) -> None:  # noqa: B027 - most have nothing to do
        """Does what has to be done before the clock is asked, once the update is behind."""


def play(scenario: Scenario, trainer: type[Trainer], folder: Path) -> list[dict[str, Any]]:
    """Runs all legs of a scenario; returns its events."""
    events: list[dict[str, Any]] = play_legs(trainer, scenario, folder, list(scenario.legs), None)["events"]
    return events


def play_legs(
    trainer: type[Trainer], scenario: Scenario, folder: Path, legs: list[Leg], kept: dict[str, Any] | None
) -> dict[str, Any]:
    """Runs some legs of a scenario, after what was kept of the ones before; returns what is to be kept."""
    played = Play(scenario, trainer, folder)
    vars(played).update(kept or {"trainer": trainer(scenario, legs[0])})
    for leg in legs:
        played.leg(leg)
    return {name: value for name, value in vars(played).items() if name in _KEPT}


#: What the author's bookkeeping is, in another process too.
_KEPT = ("window", "seen", "events", "epochs", "done", "before")


class Play:
    """The author's own bookkeeping, in plain integers."""

    trainer: Trainer

    def __init__(self, scenario: Scenario, trainer: type[Trainer], folder: Path) -> None:
        self.scenario = scenario
        self.make = trainer
        self.folder = folder
        self.window = Window(scenario.accumulate, scenario.boundary)
        self.seen = Seen()
        self.events: list[dict[str, Any]] = []
        self.epochs = 0  # complete, or left
        self.done = 0  # samples of the epoch at hand
        self.before = 0  # batches of it that an earlier process did

    def leg(self, leg: Leg) -> None:
        """Trains until the leg stops; one that resumes makes all objects anew, as a process does that begins."""
        if leg.begins == "resumed":
            self.trainer = self.make(self.scenario, leg)
            self.trainer.load(self.folder)
            self.window.accumulate = self.scenario.accumulation(leg)
            self.before = self.seen.iter + 1 if self.done else 0
        elif leg.begins == "again":
            if self.done:
                self.epochs, self.done = self.epochs + 1, 0
                self.leave()
            if leg.batch_size != self.scenario.legs[0].batch_size:
                self.trainer.clock.change(batch_size=leg.batch_size)
        first = len(self.events)
        for _ in self.trainer.clock.epochs(leg.epochs - self.epochs):
            if self.epoch(leg, None if leg.stops is None else first + leg.stops):
                break
        if leg.stops is not None and not leg.saves_early and self.scenario.legs[-1].begins == "resumed":
            self.trainer.save(self.folder)

    def leave(self) -> None:
        """Does to a window that is open where an epoch is left what the scenario says."""
        if self.scenario.on_cut == "spill":
            self.window.spill()
        elif self.scenario.on_cut == "drop":
            self.window.close()
            self.trainer.drop()

    def epoch(self, leg: Leg, stop: int | None) -> bool:
        """Trains an epoch; says whether the leg stops."""
        trainer, scenario, seen = self.trainer, self.scenario, self.seen
        loader, resume = trainer.loader(leg, self.done)
        taken = grouped(trainer.clock.batches(loader, resume=resume), scenario.fused)
        start = trainer.passed() - trainer.copies() - self.done
        number = self.before - 1
        for group in taken:
            number += len(group)
            trainer.forward(group)
            seen.batches += len(group)
            seen.samples, seen.copies = trainer.passed(), trainer.copies()
            self.done = seen.samples - seen.copies - start
            seen.epoch, seen.iter = self.epochs, number
            seen.last = self.done == scenario.samples
            self.step(len(group))
            self.take_down()
            if number + 1 == scenario.evaluates:
                trainer.evaluate()
            if len(self.events) == stop and leg.saves_early:
                trainer.save(self.folder)
                break
            if len(self.events) == stop and not seen.last:
                return True
        self.epochs, self.done, self.before = self.epochs + 1, 0, 0
        return len(self.events) == stop

    def step(self, batches: int) -> None:
        """Does what is due after so many batches, of which only the last may close a window unless each does."""
        window, seen = self.window, self.seen
        due = window.add(last=seen.last)
        seen.closes = due == "step"
        if due == "step":
            self.trainer.update(window.close())
            seen.attempted += batches
        elif due == "drop":
            window.close()
            self.trainer.drop()

    def take_down(self) -> None:
        trainer, seen = self.trainer, self.seen
        trainer.settle()
        moved = trainer.moved()
        seen.updates = round(moved)
        assert abs(moved - seen.updates) < 1e-3, f"the weight moved by {moved}, which is no number of updates"
        seen.own = trainer.own()
        # What the loop of enumerate(loader) prints in this process.
        seen.own["pytorch"] = {"epoch": seen.epoch, "iter": seen.iter - self.before}
        seen.happened = {"batch before a resume": self.before, "skipped update": seen.attempted - seen.updates}
        add_tokens(trainer.clock, seen, self.scenario)
        self.events.append(take_down(trainer.clock, deepcopy(seen)))


def grouped(batches: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yields groups of batches; one batch a group as it comes, without reading ahead."""
    group: list[Any] = []
    for batch in batches:
        group.append(batch)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
