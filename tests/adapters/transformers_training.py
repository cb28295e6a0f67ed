"""A tiny model and a real Trainer, which note what the data set served, what was trained and how far the weight moved.

The gradient is -1 and the rate 1, so each update moves the weight by the mean over its window.
"""

from __future__ import annotations

import os

# Transformers imports TensorFlow where it is installed, before 5.0; these tests need none of it.
os.environ["USE_TF"] = "0"

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

from stepbridge.adapters.transformers import ClockCallback

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Data", "Event", "Model", "Run", "Stream", "make_trainer", "train"]


class Data(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """Samples that are their own index."""

    def __init__(self, samples: int = 20) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {"x": torch.tensor([float(index)])}


class Stream(torch.utils.data.IterableDataset[dict[str, torch.Tensor]]):
    """The same without a length."""

    def __init__(self, samples: int = 20) -> None:
        self.samples = samples

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        for index in range(self.samples):
            yield {"x": torch.tensor([float(index)])}


class Model(torch.nn.Module):
    """One weight; it notes the samples of every batch that it is trained on."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.trained: list[list[int]] = []
        self.overflows: set[int] = set()
        """Batches, counted from 1, whose gradient is infinite."""
        self.out_of_memory_above: int | None = None

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Returns the loss."""
        if self.training:
            if self.out_of_memory_above is not None and len(x) > self.out_of_memory_above and len(self.trained) >= 2:
                raise RuntimeError("CUDA out of memory.")
            self.trained.append([int(value) for value in x[:, 0]])
        scale = float("inf") if self.training and len(self.trained) in self.overflows else 1.0
        return {"loss": -(self.weight * scale).sum().reshape(1).mean()}


@dataclass
class Event:
    """What is true just after a batch was reported, counted without the clock, and what the clock says."""

    trained: int
    samples: int
    weight: float
    global_step: int
    closes: bool
    clock: tuple[int, int | None, int, bool]
    """Its batch, sample, step and closes_step."""


class Watcher(TrainerCallback):  # type: ignore[misc]  # mypy does not read Transformers
    """Comes after the ClockCallback, and notes each batch."""

    def __init__(self, counting: ClockCallback, model: Model) -> None:
        self.counting, self.model = counting, model
        self.events: list[Event] = []
        self.leaves_after: set[int] = set()
        """Batches, counted from 1, after which the epoch is left."""
        self.evaluations: list[int] = []
        self.saves: list[int] = []
        self.logs: list[int] = []

    def on_substep_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        self.note(state, closes=False)
        return self.leave(control)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.note(state, closes=True)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        return self.leave(control)

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.evaluations.append(self.counting.clock.batch)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.saves.append(self.counting.clock.batch)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if "loss" in logs:
            self.logs.append(self.counting.clock.batch)

    def leave(self, control: Any) -> Any:
        if len(self.model.trained) in self.leaves_after:
            control.should_epoch_stop = True
        return control

    def note(self, state: Any, *, closes: bool) -> None:
        clock, model = self.counting.clock, self.model
        samples = sum(map(len, model.trained))
        counts = (clock.batch, clock.sample, clock.step, clock.closes_step)
        self.events.append(
            Event(len(model.trained), samples, float(model.weight.detach()), state.global_step, closes, counts)
        )


@dataclass
class Run:
    """A run that is over."""

    trainer: Trainer
    counting: ClockCallback
    model: Model
    watcher: Watcher
    trained: list[int] = field(default_factory=list)
    """Every sample that was trained, in order."""


def make_trainer(
    folder: Path,
    counting: ClockCallback,
    *,
    model: Model | None = None,
    data: Any = None,
    batch_size: int = 3,
    accumulate: int = 3,
    optimizers: Any = None,
    before: tuple[Any, ...] = (),
    eval_data: Any = None,
    shuffle: bool = False,
    **arguments: Any,
) -> tuple[Trainer, Model, Watcher]:
    """Returns a Trainer of 20 samples in batches of 3, 3 batches an update, 2 epochs, in order."""
    model = Model() if model is None else model
    data = Data() if data is None else data
    watcher = Watcher(counting, model)
    given = {
        "output_dir": str(folder),
        "per_device_train_batch_size": batch_size,
        "gradient_accumulation_steps": accumulate,
        "num_train_epochs": 2,
        "learning_rate": 1.0,
        "report_to": [],
        "use_cpu": True,
        "save_strategy": "no",
        "disable_tqdm": True,
        "max_grad_norm": 0.0,
        "optim": "sgd",
        "lr_scheduler_type": "constant",
        "dataloader_pin_memory": False,
        **arguments,
    }
    trainer = _Ordered if not shuffle else Trainer
    made = trainer(
        model,
        TrainingArguments(**given),
        train_dataset=data,
        eval_dataset=eval_data,
        callbacks=[*before, counting, watcher],
        **({} if optimizers is None else {"optimizers": optimizers}),
    )
    return made, model, watcher


class _Ordered(Trainer):  # type: ignore[misc]  # mypy does not read Transformers
    """A Trainer that does not shuffle."""

    def _get_train_sampler(self, *_: Any) -> Any:
        data = self.train_dataset
        return None if isinstance(data, Stream) else torch.utils.data.SequentialSampler(data)


def train(folder: Path, counting: ClockCallback | None = None, *, resume: Any = None, **options: Any) -> Run:
    """Trains, from a checkpoint if one is given."""
    counting = ClockCallback() if counting is None else counting
    trainer, model, watcher = make_trainer(folder, counting, **options)
    trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
    return Run(trainer, counting, model, watcher, [sample for batch in model.trained for sample in batch])
