"""An engine of Ignite: its update function notes the samples that it is given, and its weight counts its updates."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch
from ignite.engine import Engine, Events
from torch import distributed
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset
from torchdata.stateful_dataloader import StatefulDataLoader

import stepbridge as sb
from conformance.drivers.ranks import gathered, over_ranks
from conformance.drivers.torch_loop import Model, Stream
from conformance.recording import Seen, add_tokens, take_down
from conformance.windows import Window
from stepbridge.adapters.ignite import attach
from stepbridge.adapters.torch import watch

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.scenarios import Leg, Scenario

__all__ = ["run"]


def run(scenario: Scenario, folder: Path) -> list[dict[str, Any]]:
    """Plays a scenario; returns its events."""
    return over_ranks(play, scenario, folder)


def play(scenario: Scenario, folder: Path, legs: list[Leg], kept: dict[str, Any] | None) -> dict[str, Any]:
    """Plays some legs of a scenario, on this rank."""
    played = Run(scenario, folder, kept)
    for leg in legs:
        played.leg(leg)
    return {name: value for name, value in vars(played).items() if name in _KEPT}


#: What is counted next to the clock, in another process too.
_KEPT = ("seen", "events", "in_epoch", "before", "left", "window")


class Dies(Exception):  # noqa: N818 - it is not an error here
    """The process ends here."""


class Run:
    """The runs of the engines of one scenario, and what was seen in them."""

    def __init__(self, scenario: Scenario, folder: Path, kept: dict[str, Any] | None) -> None:
        self.scenario = scenario
        self.path = folder / "saved.pt"
        self.seen = Seen()
        self.events: list[dict[str, Any]] = []
        self.in_epoch: set[int] = set()
        self.before = 0  # batches of the epochs before
        self.stops: int | None = None
        self.dies = any(leg.begins == "resumed" for leg in scenario.legs)
        self.left = self.saves_early = False
        self.saved_early = any(leg.saves_early for leg in scenario.legs)
        self.window = Window(scenario.accumulate, scenario.boundary)
        vars(self).update(kept or {})
        if kept is None:
            self.make(scenario.legs[0])

    def make(self, leg: Leg) -> None:
        """Makes all objects, as a process does that begins."""
        scenario = self.scenario
        self.workers = scenario.workers_of(leg)
        self.model = Model()
        self.network = DistributedDataParallel(self.model) if self.workers > 1 else self.model
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1.0)
        self.scaler = torch.amp.GradScaler("cpu", enabled=bool(scenario.overflows))
        self.engine = Engine(self.update)
        sizes: dict[str, Any] = {} if scenario.known else {"batch_size": leg.batch_size}
        self.window.accumulate = scenario.accumulation(leg)
        self.clock = sb.StepClock(accumulate=self.window.accumulate, **sizes)
        self.counting = attach(
            self.engine,
            self.clock,
            self.optimizer,
            scaler=self.scaler,
            boundary=scenario.boundary,
            on_cut=scenario.on_cut,
            mismatch="raise",
        )
        self.other = torch.nn.Parameter(torch.zeros(1))
        self.second = torch.optim.SGD([self.other], lr=1.0)
        if scenario.optimizers == 2:
            watch(self.clock, self.second)
        self.evaluator = Engine(lambda _, batch: self.network(*batch))
        self.engine.add_event_handler(Events.ITERATION_COMPLETED, self.note)
        self.engine.add_event_handler(Events.EPOCH_COMPLETED, self.end_epoch)
        self.loader = self.make_loader(leg)

    def make_loader(self, leg: Leg) -> Any:
        """Returns a loader over the numbers of the samples, or this rank's share of them."""
        scenario, size = self.scenario, leg.batch_size // self.workers
        numbers = torch.arange(float(scenario.samples)).reshape(-1, 1)
        if not scenario.known:
            return DataLoader(Stream(numbers), batch_size=size)
        data = TensorDataset(numbers)
        if self.workers > 1:
            return DataLoader(data, batch_size=size, sampler=DistributedSampler(data, shuffle=False))
        return (StatefulDataLoader if self.dies else DataLoader)(data, batch_size=size)

    def leg(self, leg: Leg) -> None:
        """Runs the engine once, or goes on in the same run with the epoch after one that was left."""
        if leg.begins == "again" and self.left:
            return
        self.stops, self.saves_early = leg.stops, leg.saves_early
        resized = leg.batch_size != self.scenario.legs[0].batch_size
        if leg.begins == "resumed":
            if self.saved_early:
                self.end_epoch()
            self.make(leg)
            self.load(leg, resized=resized)
        elif leg.begins == "again":
            self.loader = self.make_loader(leg)
            # Another length of an epoch is possible from the start only.
            self.engine.state.max_epochs = None
            self.seen.happened = {
                "batch before a further run": self.seen.batches,
                "epoch before a further run": self.seen.epoch,
            }
        epochs = leg.epochs if self.dies or self.left else leg.epochs - self.seen.epoch
        try:
            self.engine.run(self.loader, max_epochs=epochs)
        except Dies:
            return

    def save(self) -> None:
        """Saves everything in one file."""
        if distributed.is_initialized() and distributed.get_rank() > 0:
            return
        names = ("engine", "counting", "model", "optimizer", "scaler")
        parts = {name: getattr(self, name).state_dict() for name in names}
        if isinstance(self.loader, StatefulDataLoader):
            parts["loader"] = self.loader.state_dict()
        torch.save(parts, self.path)

    def load(self, leg: Leg, *, resized: bool) -> None:
        """Loads it; at the end of an epoch with another batch size by the epoch, as Ignite has it."""
        parts = torch.load(self.path, weights_only=True)
        if resized:
            length, epoch = -(-self.scenario.samples // leg.batch_size), self.seen.epoch
            parts["engine"] = {"epoch": epoch, "epoch_length": length, "max_epochs": leg.epochs}
            self.seen.happened = {"batch that a state by epoch adds": epoch * length - self.seen.batches}
        elif "loader" in parts:
            self.loader.load_state_dict(parts.pop("loader"))
        parts.pop("loader", None)
        for name, state in parts.items():
            getattr(self, name).load_state_dict(state)

    def update(self, _engine: Engine, batch: Any) -> None:
        """Passes a batch, and updates where its own bookkeeping says so."""
        numbers = [int(number) for number in (batch[0] if isinstance(batch, (list, tuple)) else batch)[:, 0]]
        ones = torch.ones(len(numbers), 1)
        if set(numbers) & set(self.scenario.overflows):
            ones[0] = torch.inf
        self.scaler.scale(self.network(ones)).backward()
        seen = self.seen
        for held in gathered(numbers):
            seen.samples += len(held)
            for number in held:
                seen.copies += number in self.in_epoch
                self.in_epoch.add(number)
        seen.batches += 1
        seen.last = len(self.in_epoch) == self.scenario.samples
        due = self.window.add(last=seen.last)
        seen.closes = due == "step"
        if due == "step":
            pending = self.window.close()
            for parameter in self.model.parameters():
                assert parameter.grad is not None
                parameter.grad /= pending
            self.scaler.step(self.optimizer)
            self.scaler.update()
            seen.attempted += 1
        elif due == "drop":
            self.window.close()
            if self.scenario.optimizers == 2:
                self.other.sum().backward()
                self.second.step()
                self.second.zero_grad()
                assert self.clock.updates_of("optimizer2") == -self.other.item()
        if due != "wait":
            self.optimizer.zero_grad()

    def note(self) -> None:
        """Records a batch, after its update."""
        seen, state = self.seen, self.engine.state
        moved = -self.model.layer.weight.item()
        seen.updates = round(moved)
        assert abs(moved - seen.updates) < 1e-3, f"the weight moved by {moved}, which is no number of updates"
        seen.iter = seen.batches - self.before - 1
        seen.own = {"ignite": {"epoch": state.epoch, "iteration": state.iteration}}
        add_tokens(self.clock, seen, self.scenario)
        self.events.append(take_down(self.clock, deepcopy(seen)))
        if seen.iter + 1 == self.scenario.evaluates:
            self.evaluator.run(DataLoader(TensorDataset(torch.ones(5, 1)), batch_size=2))
        if seen.batches != self.stops:
            return
        if not self.dies and not seen.last:
            self.left, self.stops = True, None
            self.leave()
            self.engine.terminate_epoch()
        elif self.dies and (self.saves_early or not seen.last):
            self.save()
            raise Dies

    def leave(self) -> None:
        """Does to a window that is open where an epoch is left what the scenario says."""
        if self.scenario.on_cut == "spill":
            self.window.spill()
        elif self.scenario.on_cut == "drop":
            self.window.close()
            self.optimizer.zero_grad()

    def end_epoch(self) -> None:
        """The epoch is over."""
        stopped = self.dies and self.seen.batches == self.stops
        self.seen.epoch, self.in_epoch, self.before = self.seen.epoch + 1, set(), self.seen.batches
        if stopped:
            self.save()
            raise Dies
