"""Hugging Face's Trainer: the model notes the samples that pass through it, its weight counts its updates."""

from __future__ import annotations

import os
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch
from torch import distributed
from transformers import Trainer, TrainerCallback, TrainingArguments

from conformance.recording import Seen, add_tokens, take_down
from stepbridge.adapters.transformers import ClockCallback, aligned_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conformance.scenarios import Leg, Scenario

__all__ = ["run"]


def run(scenario: Scenario, folder: Path) -> list[dict[str, Any]]:
    """Plays a scenario; returns its events."""
    if scenario.workers == 1:
        return play(scenario, folder)
    from adapters.torch_ranks import on_ranks  # noqa: PLC0415 - it starts processes

    first, *others = on_ranks(_on_rank, folder, scenario, ranks=scenario.workers)
    assert all(events == first for events in others), "the ranks' clocks differ"
    events: list[dict[str, Any]] = first
    return events


def _on_rank(_rank: int, folder: Path, scenario: Scenario) -> list[dict[str, Any]]:
    # Accelerate asks for them, although the ranks have met already.
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29500", LOCAL_WORLD_SIZE=os.environ["WORLD_SIZE"])
    return play(scenario, folder)


def play(scenario: Scenario, folder: Path) -> list[dict[str, Any]]:
    """Plays a scenario on this rank."""
    played = Run(scenario, folder)
    for leg in scenario.legs:
        played.leg(leg)
    return played.events


class Numbers(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """The numbers of the samples."""

    def __init__(self, samples: int) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {"x": torch.tensor([index])}


class Stream(torch.utils.data.IterableDataset[dict[str, torch.Tensor]]):
    """The same, and nobody knows how many there are."""

    def __init__(self, samples: int) -> None:
        self.samples = samples

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        return ({"x": torch.tensor([index])} for index in range(self.samples))


class Model(torch.nn.Module):
    """One weight, whose gradient is the mean of the samples: 1."""

    def __init__(self, overflows: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.overflows = set(overflows)
        self.passed: list[int] = []
        """The samples of the batch at hand."""

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Returns the loss."""
        self.passed = x[:, 0].tolist()
        scale = torch.inf if self.overflows & set(self.passed) else 1.0
        return {"loss": (self.weight * scale * torch.ones(len(x), 1)).mean()}


class Ordered(Trainer):  # type: ignore[misc]  # mypy does not read Transformers
    """A Trainer that does not shuffle."""

    def _get_train_sampler(self, *_: Any) -> Any:
        return torch.utils.data.SequentialSampler(self.train_dataset)


class Witness(TrainerCallback):  # type: ignore[misc]  # mypy does not read Transformers
    """Takes down each batch, just after the clock counted it and its update."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def on_epoch_begin(self, *_: Any, **__: Any) -> None:
        self.run.begin_epoch()

    def on_substep_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        return self.run.take_down(state, control, closes=False)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        return self.run.take_down(state, control, closes=True)


class Run:
    """The calls of `train` of one scenario, and what was seen in them."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario = scenario
        self.folder = folder
        self.seen = Seen()
        self.events: list[dict[str, Any]] = []
        self.begun = -1  # epochs, however they ended
        self.in_epoch: set[int] = set()
        self.earlier = self.renumbered = 0  # steps that the Trainer no longer counts, or counts too many
        self.stops: int | None = None
        self.make(scenario.legs[0])

    def make(self, leg: Leg) -> None:
        """Makes all objects, as a process does that begins."""
        stated: dict[str, Any] = {} if self.scenario.known else {"batch_size": leg.batch_size}
        self.model = Model(self.scenario.overflows)
        self.counting = ClockCallback(mismatch="raise", **stated)
        self.trainer = self.trainer_of(leg, leg.epochs)

    def trainer_of(self, leg: Leg, epochs: int) -> Trainer:
        """Makes a Trainer of this model and this callback."""
        scenario = self.scenario
        data = Numbers(scenario.samples) if scenario.known else Stream(scenario.samples)
        arguments = TrainingArguments(
            output_dir=str(self.folder / "out"),
            per_device_train_batch_size=leg.batch_size // scenario.workers,
            gradient_accumulation_steps=scenario.accumulate,
            num_train_epochs=epochs,
            max_steps=-1 if scenario.known else leg.epochs * scenario.samples // leg.batch_size,
            learning_rate=1.0,
            lr_scheduler_type="constant",
            optim="sgd",
            max_grad_norm=0.0,
            save_strategy="steps",
            save_steps=leg.stops or 1000,
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
            logging_strategy="no",
            dataloader_pin_memory=False,
            accelerator_config={"dispatch_batches": True} if scenario.workers > 1 else None,
            **({"ddp_backend": "gloo", "ddp_find_unused_parameters": False} if scenario.workers > 1 else {}),
        )
        kind = Ordered if scenario.known else Trainer
        trainer = kind(self.model, arguments, train_dataset=data, callbacks=[self.counting, Witness(self)])
        if scenario.overflows:
            trainer.accelerator.scaler = torch.amp.GradScaler("cpu")
            trainer.accelerator.native_amp = True
        return trainer

    def leg(self, leg: Leg) -> None:
        """Trains once, or goes on in the same call with the epoch after one that was left."""
        if leg.begins == "again" and not self.seen.last:
            return
        if leg.begins == "again":
            self.earlier = self.seen.attempted
            self.trainer = self.trainer_of(leg, leg.epochs - self.begun - 1)
        resume = None
        if leg.begins == "resumed":
            resume = self.resumed(leg)
        self.stops = leg.stops
        self.trainer.train(resume_from_checkpoint=resume)

    def resumed(self, leg: Leg) -> str:
        """Makes everything anew; returns the checkpoint to go on from, aligned where the batches are others."""
        first = self.scenario.legs[0]
        path = self.folder / "out" / f"checkpoint-{first.stops}"
        inside = not self.seen.last
        self.make(leg)
        if inside:
            # The Trainer begins the epoch's events again.
            self.begun -= 1
        if leg.batch_size == first.batch_size:
            return str(path)
        aligned = aligned_checkpoint(path, self.trainer)
        batches = -(-self.scenario.samples // leg.batch_size)
        self.renumbered = (self.begun + 1) * batches - self.seen.attempted
        return aligned

    def begin_epoch(self) -> None:
        self.begun += 1
        if self.begun > self.seen.epoch or not self.seen.batches:
            self.in_epoch, self.before = set(), self.seen.batches

    def take_down(self, state: Any, control: Any, *, closes: bool) -> Any:
        seen = self.seen
        for held in gathered(self.model.passed):
            seen.samples += len(held)
            for number in held:
                seen.copies += number in self.in_epoch
                self.in_epoch.add(number)
        seen.batches += 1
        seen.attempted += closes
        moved = -float(self.model.weight.detach())
        seen.updates = round(moved)
        assert abs(moved - seen.updates) < 1e-3, f"the weight moved by {moved}, which is no number of updates"
        seen.epoch, seen.iter = self.begun, seen.batches - self.before - 1
        seen.closes = closes
        seen.last = len(self.in_epoch) == self.scenario.samples
        seen.own = {"huggingface": {"global_step": state.global_step}}
        seen.happened = {
            "update before a further call of train()": self.earlier,
            "update that aligned_checkpoint adds": self.renumbered,
        }
        add_tokens(self.counting.clock, seen, self.scenario)
        self.events.append(take_down(self.counting.clock, deepcopy(seen)))
        if seen.batches == self.stops:
            # One who goes on in the same call leaves the epoch; a process that dies has saved just now.
            dies = self.scenario.legs[-1].begins == "resumed"
            control.should_training_stop = control.should_training_stop or dies
            control.should_epoch_stop = not dies
        return control


def gathered(thing: list[int]) -> list[list[int]]:
    """Returns everybody's samples."""
    if not distributed.is_initialized():
        return [thing]
    things: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(things, thing)
    return things
