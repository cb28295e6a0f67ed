"""Measures what ClockCallback costs in each batch, next to a callback that overrides the same hooks and does nothing.

The hooks are called as Lightning's Trainer calls them; the Trainer itself and the training would hide what is measured.
So would the optimizer's step, which takes ten times as long: its hooks are called as PyTorch calls them after it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import lightning
import torch

from claims import CLAIMS, Measured, Share
from stepbridge.adapters.lightning import ClockCallback
from timing import once, pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BATCHES = 100_000
REPEATS = 9
HOOKS = ("on_train_batch_start", "on_before_backward", "on_before_optimizer_step", "on_train_batch_end")


def measure() -> Iterator[Measured | Share]:
    """Measure an epoch of hooks; every fourth batch closes a window."""
    cost, share = CLAIMS["lightning_overhead"]
    for name in HOOKS:
        assert name in vars(ClockCallback)
        assert name in vars(Idle)
    measured = pairs(partial(hooks, ClockCallback), partial(hooks, Idle), REPEATS)
    yield Measured(cost, measured, "ns a batch", 1e9 / BATCHES)
    yield Share(share, measured.our_median / BATCHES)


class Idle(lightning.Callback):  # type: ignore[misc]  # mypy does not read Lightning
    """A callback that overrides what ClockCallback does in each batch, and does nothing."""

    def on_train_batch_start(self, trainer: object, pl_module: object, batch: object, batch_idx: int) -> None:
        """Do nothing."""

    def on_before_backward(self, trainer: object, pl_module: object, loss: object) -> None:
        """Do nothing."""

    def on_before_optimizer_step(self, trainer: object, pl_module: object, optimizer: object) -> None:
        """Do nothing."""

    def on_train_batch_end(
        self, trainer: object, pl_module: object, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Do nothing."""


class Still(torch.optim.Optimizer):
    """An optimizer that has nothing to do."""

    def __init__(self) -> None:
        super().__init__([torch.zeros(1)], {})

    def step(self, closure: object = None) -> None:  # type: ignore[override]  # there is no loss to return
        """Do nothing."""


class Trainer:
    """What the hooks ask of a Trainer that is set up."""

    current_epoch = 0
    num_training_batches = BATCHES
    max_epochs = 1
    accumulate_grad_batches = 4
    world_size = 1
    is_last_batch = False
    ckpt_path = None
    precision_plugin = None
    loggers = ()
    should_stop = False
    lightning_module = lightning.LightningModule()
    train_dataloader: torch.utils.data.DataLoader[int] = torch.utils.data.DataLoader(range(BATCHES))  # type: ignore[arg-type]

    def __init__(self, optimizer: Still) -> None:
        self.optimizers = [optimizer]


def hooks(make: Callable[[], lightning.Callback]) -> float:
    """Return the seconds that the hooks of one epoch take."""
    callback, optimizer = make(), Still()
    trainer, module, loss = Trainer(optimizer), Trainer.lightning_module, torch.zeros(1)

    def epoch() -> None:
        for index in range(BATCHES):
            callback.on_train_batch_start(trainer, module, loss, index)
            callback.on_before_backward(trainer, module, loss)
            if index % 4 == 3:
                callback.on_before_optimizer_step(trainer, module, optimizer)
                for hook in after.values():
                    hook(optimizer, (), {})
            callback.on_train_batch_end(trainer, module, None, loss, index)

    callback.on_train_start(trainer, module)
    after = optimizer._optimizer_step_post_hooks  # noqa: SLF001 - what PyTorch calls
    seconds = once(epoch)
    callback.on_train_epoch_end(trainer, module)
    callback.on_train_end(trainer, module)
    if isinstance(callback, ClockCallback):
        assert (callback.clock.batch, callback.clock.applied) == (BATCHES, BATCHES // 4)
    return seconds
