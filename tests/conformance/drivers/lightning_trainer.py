"""Lightning's Trainer: the model notes the samples that pass through it, its weight counts its updates."""

from __future__ import annotations

import logging
import warnings
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import lightning
import torch
from lightning.pytorch.plugins.precision import MixedPrecision
from torchdata.stateful_dataloader import StatefulDataLoader

from conformance.drivers.ranks import gathered, over_ranks
from conformance.recording import Seen, add_tokens, take_down
from stepbridge.adapters.lightning import ClockCallback

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conformance.scenarios import Leg, Scenario

__all__ = ["run"]

for name in ("lightning.pytorch", "lightning.fabric", "lightning"):
    logging.getLogger(name).setLevel(logging.ERROR)


def run(scenario: Scenario, folder: Path) -> list[dict[str, Any]]:
    """Plays a scenario; returns its events."""
    return over_ranks(play, scenario, folder)


def play(scenario: Scenario, folder: Path, legs: list[Leg], kept: dict[str, Any] | None) -> dict[str, Any]:
    """Plays some legs of a scenario, on this rank."""
    played = Run(scenario, folder, kept)
    with warnings.catch_warnings():
        # Lightning warns of few workers and the like; what stepbridge warns of fails.
        warnings.simplefilter("ignore", lightning.fabric.utilities.warnings.PossibleUserWarning)
        for leg in legs:
            played.leg(leg)
    return {name: value for name, value in vars(played).items() if name in _KEPT}


#: What is counted next to the clock, in another process too.
_KEPT = ("seen", "events", "in_epoch", "before", "left")


class Stream(torch.utils.data.IterableDataset[torch.Tensor]):
    """The numbers of the samples, without a length."""

    def __init__(self, samples: int) -> None:
        self.samples = samples

    def __iter__(self) -> Iterator[torch.Tensor]:
        return (torch.tensor([float(number)]) for number in range(self.samples))


class Unit(torch.optim.SGD):
    """Moves the weight by 1, whatever the gradient's size: Lightning divides that of a short window."""

    def step(self, closure: Any = None) -> Any:
        loss = None if closure is None else closure()
        with torch.no_grad():
            for group in self.param_groups:
                for weight in group["params"]:
                    weight.sub_(weight.grad.sign())
        return loss


class Model(lightning.LightningModule):  # type: ignore[misc]  # mypy does not read Lightning
    """One weight."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = [run]
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.passed: list[int] = []
        """The samples of the batch at hand."""

    def on_train_batch_start(self, batch: torch.Tensor, batch_idx: int) -> int | None:
        """Leaves the epoch where the scenario does."""
        return -1 if self.run[0].leaves_now() else None

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        """Returns the loss."""
        self.passed = [int(number) for number in batch[:, 0]]
        scale = torch.inf if set(self.run[0].scenario.overflows) & set(self.passed) else 1.0
        return (self.weight * scale).sum()

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        """Passes other data."""
        assert len(self.weight * batch) > 0

    def configure_optimizers(self) -> Any:
        return Unit(self.parameters(), lr=1.0)


class Pair(Model):
    """Two weights, each with an optimizer, which the model steps itself."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self.other = torch.nn.Parameter(torch.zeros(1))
        self.automatic_optimization = False

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        """Steps both where a window closes."""
        loss = super().training_step(batch, batch_idx) + self.other.sum()
        self.manual_backward(loss)
        if self.run[0].counting.clock.closes_step:
            for optimizer in self.optimizers():
                optimizer.step()
                optimizer.zero_grad()
        return loss

    def configure_optimizers(self) -> Any:
        return [Unit([self.weight], lr=1.0), Unit([self.other], lr=1.0)]


class Dies(Exception):  # noqa: N818 - it is not an error here
    """The process ends here."""


class Witness(lightning.Callback):  # type: ignore[misc]  # mypy does not read Lightning
    """Takes down each batch, just after the clock counted it and its update."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.run.take_down(trainer, batch_idx)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        self.run.end_epoch(trainer)


class Run:
    """The calls of `fit` of one scenario, and what was seen in them."""

    def __init__(self, scenario: Scenario, folder: Path, kept: dict[str, Any] | None) -> None:
        self.scenario = scenario
        self.path = folder / "saved.ckpt"
        self.seen = Seen()
        self.events: list[dict[str, Any]] = []
        self.in_epoch: set[int] = set()
        self.before = 0
        self.stops: int | None = None
        self.dies = any(leg.begins == "resumed" for leg in scenario.legs)
        self.left = self.saves_early = False
        self.saved_early = any(leg.saves_early for leg in scenario.legs)
        vars(self).update(kept or {})
        if kept is None:
            self.make(scenario.legs[0])

    def make(self, leg: Leg) -> None:
        """Makes all objects, as a process does that begins."""
        scenario = self.scenario
        stated: dict[str, Any] = {} if scenario.known else {"batch_size": leg.batch_size}
        if scenario.optimizers == 2:
            stated = {"accumulate": scenario.accumulate}
        self.model = Pair(self) if scenario.optimizers == 2 else Model(self)
        self.counting = ClockCallback(mismatch="raise", **stated)
        self.workers = scenario.workers_of(leg)
        ranks = {"devices": self.workers, "strategy": "ddp"} if self.workers > 1 else {"devices": 1}
        scaler = [MixedPrecision("16-mixed", "cpu", scaler=torch.amp.GradScaler("cpu"))] if scenario.overflows else []
        self.trainer = lightning.Trainer(
            max_epochs=leg.epochs,
            # By hand it is the model's.
            accumulate_grad_batches=scenario.accumulation(leg) if scenario.optimizers == 1 else 1,
            val_check_interval=scenario.evaluates,
            num_sanity_val_steps=2 if scenario.evaluates else 0,
            callbacks=[self.counting, Witness(self)],
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            plugins=scaler,
            **ranks,
        )

    def leg(self, leg: Leg) -> None:
        """Trains once, or goes on in the same call with the epoch after one that was left."""
        if leg.begins == "again" and self.left:
            return
        self.stops, self.saves_early = leg.stops, leg.saves_early
        resume = None
        if leg.begins == "resumed":
            if self.saved_early:
                self.begin_epoch()
            self.make(leg)
            resume = str(self.path)
        self.trainer.fit_loop.max_epochs = leg.epochs
        scenario = self.scenario
        numbers = torch.arange(float(scenario.samples)).reshape(-1, 1)
        data: Any = numbers if scenario.known else Stream(scenario.samples)
        # Lightning skips the epoch after one whose last batch saved a StatefulDataLoader; the callback refuses that.
        kind = StatefulDataLoader if self.dies and not self.saved_early else torch.utils.data.DataLoader
        try:
            loader = kind(data, batch_size=leg.batch_size // self.workers)
            other: Any = torch.utils.data.DataLoader(list(torch.ones(5, 1)), batch_size=2)  # type: ignore[arg-type]
            other = other if scenario.evaluates else None
            self.trainer.fit(self.model, loader, other, ckpt_path=resume)
        except Dies:
            return

    def leaves_now(self) -> bool:
        """Whether the epoch is left before the batch that is about to be trained."""
        leaves = not self.dies and self.seen.batches == self.stops
        if leaves:
            self.left, self.stops = True, None
        return leaves

    def end_epoch(self, trainer: Any) -> None:
        """The epoch is over."""
        stopped = self.dies and self.seen.batches == self.stops
        if stopped:
            trainer.save_checkpoint(self.path)
        self.begin_epoch()
        if stopped:
            raise Dies

    def begin_epoch(self) -> None:
        self.seen.epoch, self.in_epoch, self.before = self.seen.epoch + 1, set(), self.seen.batches

    def take_down(self, trainer: Any, index: int) -> None:
        seen = self.seen
        for held in gathered(self.model.passed):
            seen.samples += len(held)
            for number in held:
                seen.copies += number in self.in_epoch
                self.in_epoch.add(number)
        seen.batches += 1
        # By hand it counts the calls of both optimizers.
        attempted = trainer.global_step // self.scenario.optimizers
        seen.closes = attempted > seen.attempted
        seen.attempted = attempted
        moved = -float(self.model.weight.detach())
        seen.updates = round(moved)
        assert abs(moved - seen.updates) < 1e-3, f"the weight moved by {moved}, which is no number of updates"
        seen.iter = seen.batches - self.before - 1
        seen.last = len(self.in_epoch) == self.scenario.samples
        own = {"epoch": trainer.current_epoch, "batch_idx": index}
        if self.scenario.optimizers == 2:
            assert trainer.global_step == 2 * seen.updates == 2 * self.counting.clock.updates_of("optimizer2")
            seen.own = {"lightning": own, "lightning_manual": own}
        else:
            seen.own = {"lightning": own | {"global_step": trainer.global_step}}
        add_tokens(self.counting.clock, seen, self.scenario)
        self.events.append(take_down(self.counting.clock, deepcopy(seen)))
        if self.dies and seen.batches == self.stops and (self.saves_early or not seen.last):
            trainer.save_checkpoint(self.path)
            raise Dies
