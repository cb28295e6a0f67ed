"""A run of the Trainer that goes on with another batch size: what the Trainer would do, and how it goes on exactly."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from transformers import Trainer, TrainingArguments

from stepbridge import TimelineError
from stepbridge.adapters.transformers import ClockCallback, aligned_checkpoint

DATA = [{"x": torch.tensor([n / 120]), "labels": torch.tensor([n / 60])} for n in range(120)]


class Model(torch.nn.Module):
    """One layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        """Returns the loss."""
        return {"loss": torch.nn.functional.mse_loss(self.layer(x), labels)}


def trainer(folder: str, counting: ClockCallback, batch_size: int) -> Trainer:
    """Makes a Trainer of 3 epochs, 2 batches an update."""
    arguments = TrainingArguments(
        output_dir=folder,
        per_device_train_batch_size=batch_size,
        gradient_accumulation_steps=2,
        num_train_epochs=3,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
    return Trainer(Model(), arguments, train_dataset=DATA, callbacks=[counting])


def main(folder: str) -> None:
    """Trains, and goes on from the middle of the second epoch with batches of 5 in place of 10."""
    trainer(folder, ClockCallback(save="0.5ep"), batch_size=10).train()
    checkpoint = Path(folder) / "checkpoint-9"  # 6 updates an epoch

    refusing = trainer(folder, ClockCallback(mismatch="raise"), batch_size=5)
    try:
        refusing.train(resume_from_checkpoint=str(checkpoint))
    except TimelineError as error:
        print(error)

    exact = ClockCallback(mismatch="raise")
    going_on = trainer(folder, exact, batch_size=5)
    going_on.train(resume_from_checkpoint=aligned_checkpoint(checkpoint, going_on))
    clock = exact.clock
    print(f"batch {clock.batch}, step {clock.step}, sample {clock.sample}, repeated {int(clock.repeated)}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(temporary)
