"""Hugging Face's Trainer: the model notes the samples that pass through it, its weight counts its updates."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

from conformance.drivers.ranks import gathered, over_ranks
from conformance.recording import Seen, add_tokens, take_down
from stepbridge.adapters.transformers import ClockCallback, aligned_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator
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
_KEPT = ("seen", "events", "begun", "in_epoch", "before", "earlier", "renumbered")


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


class Unit(torch.optim.SGD):
    """Moves the weight by 1, whatever the gradient's size: that of an open window can join another one."""

    def step(self, closure: Any = None) -> Any:
        loss = None if closure is None else closure()
        with torch.no_grad():
            for group in self.param_groups:
                for weight in group["params"]:
                    weight.sub_(weight.grad.sign())
        return loss


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

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        control.should_training_stop = control.should_training_stop or self.run.is_over()
        return control

    def on_substep_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        return self.run.take_down(state, control, closes=False)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        return self.run.take_down(state, control, closes=True)


class Run:
    """The calls of `train` of one scenario, and what was seen in them."""

    def __init__(self, scenario: Scenario, folder: Path, kept: dict[str, Any] | None) -> None:
        self.scenario = scenario
        self.folder = folder
        self.seen = Seen()
        self.events: list[dict[str, Any]] = []
        self.begun = -1  # epochs, however they ended
        self.in_epoch: set[int] = set()
        self.earlier = self.renumbered = 0  # steps that the Trainer no longer counts, or counts too many
        self.stops: int | None = None
        vars(self).update(kept or {})
        if kept is None:
            self.make(scenario.legs[0])

    def make(self, leg: Leg) -> None:
        """Makes all objects, as a process does that begins."""
        stated: dict[str, Any] = {} if self.scenario.known else {"batch_size": leg.batch_size}
        self.model = Model(self.scenario.overflows)
        self.counting = ClockCallback(mismatch="raise", **stated)
        self.trainer = self.trainer_of(leg, leg.epochs)

    def trainer_of(self, leg: Leg, epochs: int) -> Trainer:
        """Makes a Trainer of this model and this callback."""
        scenario, workers = self.scenario, self.scenario.workers_of(leg)
        data = Numbers(scenario.samples) if scenario.known else Stream(scenario.samples)
        arguments = TrainingArguments(
            output_dir=str(self.folder / "out"),
            per_device_train_batch_size=leg.batch_size // workers,
            gradient_accumulation_steps=scenario.accumulation(leg),
            num_train_epochs=epochs,
            max_steps=-1 if scenario.known else self.steps_of_a_stream(leg),
            learning_rate=1.0,
            lr_scheduler_type="constant",
            optim="sgd",
            max_grad_norm=0.0,
            save_strategy="steps",
            save_steps=(leg.stops or 1000) // scenario.accumulation(leg),
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
            logging_strategy="no",
            dataloader_pin_memory=False,
            accelerator_config={"dispatch_batches": True} if workers > 1 else None,
            **({"ddp_backend": "gloo", "ddp_find_unused_parameters": False} if workers > 1 else {}),
        )
        kind = Ordered if scenario.known else Trainer
        trainer = kind(
            self.model,
            arguments,
            train_dataset=data,
            eval_dataset=Numbers(5),
            callbacks=[self.counting, Witness(self)],
            optimizers=(Unit(self.model.parameters(), lr=1.0), None),
        )
        if scenario.overflows:
            trainer.accelerator.scaler = torch.amp.GradScaler("cpu")
            trainer.accelerator.native_amp = True
        return trainer

    def steps_of_a_stream(self, leg: Leg) -> int:
        """Returns more than its epochs have, so that the Trainer does not end inside one of them."""
        return leg.epochs * (self.scenario.samples // leg.batch_size // self.scenario.accumulate) + 1

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
        path = self.folder / "out" / f"checkpoint-{self.seen.attempted}"
        inside = not self.seen.last
        self.make(leg)
        if inside:
            # The Trainer begins the epoch's events again.
            self.begun -= 1
        accumulate = self.scenario.accumulation(leg)
        if (leg.batch_size, accumulate) == (first.batch_size, self.scenario.accumulation(first)):
            return str(path)
        aligned = aligned_checkpoint(path, self.trainer)
        updates = -(-self.scenario.samples // leg.batch_size // accumulate)
        done = 0 if self.seen.last else (self.seen.iter + 1) * first.batch_size // leg.batch_size // accumulate
        self.renumbered = (self.begun + 1) * updates + done - self.seen.attempted
        return aligned

    def is_over(self) -> bool:
        """Whether the epochs of the run are over, which the Trainer cannot know of a stream."""
        return not self.scenario.known and self.begun + 1 == self.scenario.legs[-1].epochs

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
        if seen.iter + 1 == self.scenario.evaluates:
            self.trainer.evaluate()
        if seen.batches == self.stops:
            # One who goes on in the same call leaves the epoch; a process that dies has saved just now.
            dies = self.scenario.legs[-1].begins == "resumed"
            control.should_training_stop = control.should_training_stop or dies
            control.should_epoch_stop = not dies
        return control
