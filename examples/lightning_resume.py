"""Saves every half epoch under Lightning, and shows what a resume in the middle of an epoch does wrong."""

from __future__ import annotations

import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any

import lightning
import torch
from torch.utils.data import DataLoader

from stepbridge.adapters.lightning import ClockCallback, ClockCheckpoint

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
DATA: Any = torch.arange(120.0).reshape(120, 1)


class Model(lightning.LightningModule):  # type: ignore[misc]  # mypy does not read Lightning
    """A line."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch: torch.Tensor, _batch_idx: int) -> torch.Tensor:
        """Returns the loss."""
        loss: torch.Tensor = self.layer(batch / 120).mean()
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Returns the optimizer."""
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(counting: ClockCallback, *others: lightning.Callback, epochs: int, resume: Path | None = None) -> None:
    """Trains, from a checkpoint if one is given."""
    trainer = lightning.Trainer(
        max_epochs=epochs,
        accumulate_grad_batches=2,
        callbacks=[counting, *others],
        logger=False,
        enable_checkpointing=bool(others),
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
        devices=1,
    )
    with warnings.catch_warnings():
        # Lightning warns of few workers; what stepbridge warns of is printed below.
        warnings.simplefilter("ignore")
        trainer.fit(Model(), DataLoader(DATA, batch_size=10), ckpt_path=None if resume is None else str(resume))


with tempfile.TemporaryDirectory() as folder:
    first = ClockCallback()
    fit(first, ClockCheckpoint(first, every="0.5ep", dirpath=folder, save_top_k=-1), epochs=2)
    inside, end = (next(Path(folder).glob(f"epoch=1-step={step}.ckpt")) for step in (9, 12))

    wrong = ClockCallback()
    fit(wrong, epochs=2, resume=inside)
    print(wrong.check)

    right = ClockCallback(mismatch="raise")
    fit(right, epochs=3, resume=end)
    clock = right.clock
    print(f"batch {clock.batch}, step {clock.step}, sample {clock.sample}, repeated {int(clock.repeated)}")
