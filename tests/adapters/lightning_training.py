"""A tiny model and a real Trainer of Lightning, which note what was served and trained, and how far the weight moved.

The gradient is -1 and the rate 1, so each update moves the weight by the sum over its window, divided by its full size.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import lightning
import torch

from stepbridge import StepbridgeWarning
from stepbridge.adapters.lightning import ClockCallback

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["QUIET", "Data", "Event", "Model", "Run", "Stream", "Watcher", "loader_of", "make_trainer", "train"]

#: Lightning warns of what a small run on the CPU is; what stepbridge warns of is an error.
QUIET = ("ignore::Warning", "error::stepbridge.StepbridgeWarning")

for name in ("lightning.pytorch", "lightning.fabric", "lightning"):
    logging.getLogger(name).setLevel(logging.ERROR)


class Data(torch.utils.data.Dataset[torch.Tensor]):
    """Samples that are their own index."""

    def __init__(self, samples: int = 20) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.tensor([float(index)])


class Stream(torch.utils.data.IterableDataset[torch.Tensor]):
    """The same without a length."""

    def __init__(self, samples: int = 20) -> None:
        self.samples = samples

    def __iter__(self) -> Iterator[torch.Tensor]:
        return (torch.tensor([float(index)]) for index in range(self.samples))


class Model(lightning.LightningModule):  # type: ignore[misc]  # mypy does not read Lightning
    """One weight; it notes the samples of every batch that it is trained on, and each real update."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.trained: list[list[int]] = []
        self.updates: list[int] = []
        """Batches that were trained when an update came."""
        self.refuses: set[tuple[int, int]] = set()
        """(epoch, batch) at which the epoch is left with -1."""
        self.silent: set[int] = set()
        """Batches, counted from 1, whose loss is None."""
        self.overflows: set[int] = set()
        """Batches, counted from 1, whose gradient is infinite."""

    def on_train_batch_start(self, batch: torch.Tensor, batch_idx: int) -> int | None:
        return -1 if (self.current_epoch, batch_idx) in self.refuses else None

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor | None:
        self.trained.append([int(value) for value in batch[:, 0]])
        if len(self.trained) in self.silent:
            return None
        self.log("loss", 1.0)
        scale = float("inf") if len(self.trained) in self.overflows else 1.0
        return -(self.weight * scale).sum()

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.log("val_loss", 1.0)

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=1.0)
        self.note_updates(optimizer)
        return optimizer

    def note_updates(self, optimizer: torch.optim.Optimizer) -> None:
        optimizer.register_step_post_hook(lambda *_: self.updates.append(len(self.trained)))


@dataclass
class Event:
    """What is true just after a batch, counted without the clock, and what the clock says."""

    trained: int
    samples: int
    updates: int
    closes: bool
    clock: tuple[int, int | None, int, bool]
    """Its batch, sample, step and closes_step."""


class Watcher(lightning.Callback):  # type: ignore[misc]  # mypy does not read Lightning
    """Comes after the ClockCallback, and notes each batch."""

    def __init__(self, counting: ClockCallback) -> None:
        self.counting = counting
        self.events: list[Event] = []
        self.save_at: dict[int, str] = {}
        """Batches, counted from 1, after which a checkpoint is saved."""
        self.save_epoch: dict[int, str] = {}
        self.stop_at: int | None = None

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        clock, model = self.counting.clock, pl_module
        trained = len(model.trained)
        closes = bool(model.updates) and model.updates[-1] == trained
        counts = (clock.batch, clock.sample, clock.step, clock.closes_step)
        self.events.append(Event(trained, sum(map(len, model.trained)), len(model.updates), closes, counts))
        if trained in self.save_at:
            trainer.save_checkpoint(self.save_at[trained])
        if trained == self.stop_at:
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        if trainer.current_epoch in self.save_epoch:
            trainer.save_checkpoint(self.save_epoch[trainer.current_epoch])


@dataclass
class Run:
    """A run that is over."""

    trainer: lightning.Trainer
    counting: ClockCallback
    model: Model
    watcher: Watcher
    warned: list[str] = field(default_factory=list)
    """The warnings of stepbridge."""

    @property
    def trained(self) -> list[int]:
        """Every sample that was trained, in order."""
        return [sample for batch in self.model.trained for sample in batch]


def make_trainer(
    counting: ClockCallback, *more: Any, accumulate: int = 3, epochs: int = 2, **options: Any
) -> lightning.Trainer:
    """Returns a Trainer that is silent, on the CPU."""
    given = {
        "max_epochs": epochs,
        "accumulate_grad_batches": accumulate,
        "logger": False,
        "enable_checkpointing": any(isinstance(one, lightning.pytorch.callbacks.ModelCheckpoint) for one in more),
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "accelerator": "cpu",
        "devices": 1,
        # A checkpoint without a folder of its own would be saved where the tests are run.
        "default_root_dir": tempfile.mkdtemp(),
        **options,
    }
    return lightning.Trainer(callbacks=[counting, *more], **given)


def loader_of(data: Any, batch_size: int, *, stateful: bool = False, **options: Any) -> Any:
    """Returns a loader of this data."""
    if not stateful:
        return torch.utils.data.DataLoader(data, batch_size=batch_size, **options)
    from torchdata.stateful_dataloader import StatefulDataLoader  # noqa: PLC0415 - only where it is wanted

    return StatefulDataLoader(data, batch_size=batch_size, **options)


def train(
    counting: ClockCallback | None = None,
    *more: Any,
    model: Model | None = None,
    data: Any = None,
    batch_size: int = 3,
    stateful: bool = False,
    shuffle: bool = False,
    resume: Any = None,
    save_at: dict[int, Any] | None = None,
    save_epoch: dict[int, Any] | None = None,
    stop_at: int | None = None,
    validate: bool = False,
    **options: Any,
) -> Run:
    """Trains 20 samples in batches of 3, 3 batches an update, 2 epochs, in order; from a checkpoint if one is given."""
    counting = ClockCallback() if counting is None else counting
    model = Model() if model is None else model
    watcher = Watcher(counting)
    watcher.save_at = {batch: str(path) for batch, path in (save_at or {}).items()}
    watcher.save_epoch = {epoch: str(path) for epoch, path in (save_epoch or {}).items()}
    watcher.stop_at = stop_at
    trainer = make_trainer(counting, watcher, *more, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", StepbridgeWarning)
        order = {"shuffle": True} if shuffle else {}
        loader = loader_of(Data() if data is None else data, batch_size, stateful=stateful, **order)
        trainer.fit(
            model,
            loader,
            loader_of(Data(6), 3) if validate else None,
            ckpt_path=None if resume is None else str(resume),
        )
    ours = [one for one in caught if issubclass(one.category, StepbridgeWarning)]
    # Each points at the line that calls the Trainer.
    assert all(one.filename == __file__ for one in ours)
    warned = [str(one.message) for one in ours]
    return Run(trainer, counting, model, watcher, warned)
