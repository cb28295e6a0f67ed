"""Measures what ClockCallback costs in each batch, next to a callback that overrides the same hooks and does nothing.

The hooks are called as the Trainer calls them, with all that it hands over; the Trainer itself and the training would
hide what is measured. The optimizer is a real one with a step that does nothing, whose hook counts the updates. What a
loop of its step alone takes is not in the measure.
"""

from __future__ import annotations

import os

# Transformers before 5.0 imports TensorFlow where it is installed.
os.environ["USE_TF"] = "0"

import tempfile
from functools import partial
from typing import TYPE_CHECKING

import torch
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from claims import CLAIMS, Measured, Share
from stepbridge.adapters.transformers import ClockCallback
from timing import once, pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BATCHES = 100_000
REPEATS = 9
HOOKS = ("on_substep_end", "on_pre_optimizer_step", "on_optimizer_step", "on_step_end")


def measure() -> Iterator[Measured | Share]:
    """Measure an epoch of hooks; every fourth batch closes a window."""
    cost, share = CLAIMS["transformers_overhead"]
    for name in HOOKS:
        assert name in vars(ClockCallback)
        assert name in vars(Idle)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(folder)
        measured = pairs(partial(run.hooks, ClockCallback), partial(run.hooks, Idle), REPEATS)
    yield Measured(cost, measured, "ns a batch", 1e9 / BATCHES)
    yield Share(share, measured.our_median / BATCHES)


class Idle(TrainerCallback):  # type: ignore[misc]  # mypy does not read Transformers
    """A callback that overrides what ClockCallback does in each batch, and does nothing."""

    def on_substep_end(self, args: object, state: object, control: object, **_: object) -> None:
        """Do nothing."""

    def on_pre_optimizer_step(self, args: object, state: object, control: object, **_: object) -> None:
        """Do nothing."""

    def on_optimizer_step(self, args: object, state: object, control: object, **_: object) -> None:
        """Do nothing."""

    def on_step_end(self, args: object, state: object, control: object, **_: object) -> None:
        """Do nothing."""


class Still(torch.optim.Optimizer):
    """An optimizer that has nothing to do."""

    def __init__(self) -> None:
        super().__init__([torch.zeros(1)], {})

    def step(self, closure: object = None) -> None:  # type: ignore[override]  # there is no loss to return
        """Do nothing."""


class Run:
    """What the Trainer hands to each hook."""

    def __init__(self, folder: str) -> None:
        self.args = TrainingArguments(
            folder, per_device_train_batch_size=1, gradient_accumulation_steps=4, report_to=[], use_cpu=True
        )
        self.trainer = Trainer(torch.nn.Linear(1, 1), self.args, train_dataset=range(BATCHES))
        self.loader = self.trainer.get_train_dataloader()

    def hooks(self, make: Callable[[], TrainerCallback]) -> float:
        """Return the seconds that the hooks of one epoch take."""
        callback, optimizer = make(), Still()
        state = TrainerState(max_steps=BATCHES // 4, num_train_epochs=1)
        control = TrainerControl()
        given = {
            "model": self.trainer.model,
            "processing_class": None,
            "optimizer": optimizer,
            "lr_scheduler": None,
            "train_dataloader": self.loader,
            "eval_dataloader": None,
        }
        whole = (self.args, state, control)

        def bare() -> None:
            for batch in range(1, BATCHES + 1):
                if not batch % 4:
                    optimizer.step()

        def epoch() -> None:
            for batch in range(1, BATCHES + 1):
                if batch % 4:
                    callback.on_substep_end(*whole, **given)
                else:
                    callback.on_pre_optimizer_step(*whole, **given)
                    optimizer.step()
                    callback.on_optimizer_step(*whole, **given)
                    callback.on_step_end(*whole, **given)

        less = once(bare)
        callback.on_train_begin(*whole, **given)
        callback.on_epoch_begin(*whole, **given)
        seconds = once(epoch)
        callback.on_epoch_end(*whole, **given)
        callback.on_train_end(*whole, **given)
        return seconds - less
