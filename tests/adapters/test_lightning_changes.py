"""What Lightning's own callbacks and options change while a Trainer trains: the clock follows it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import (
    GradientAccumulationScheduler,
    LearningRateFinder,
    StochasticWeightAveraging,
)
from lightning.pytorch.tuner import Tuner

import stepbridge as sb
from adapters.lightning_training import QUIET, Data, Model, Run, Watcher, loader_of, make_trainer, train
from stepbridge.adapters.lightning import ClockCallback

if TYPE_CHECKING:
    from pathlib import Path

VERSION = tuple(map(int, lightning.__version__.split(".")[:2]))

pytestmark = pytest.mark.filterwarnings(*QUIET)


class Own(Model):
    """A model that makes its own loader, and has a rate and a batch size to find."""

    def __init__(self, *sizes: int) -> None:
        super().__init__()
        self.sizes = sizes or (20,)
        self.batch_size, self.lr = 3, 1.0

    def train_dataloader(self) -> Any:
        return loader_of(Data(self.sizes[min(self.current_epoch, len(self.sizes) - 1)]), self.batch_size)


def fit(model: Model, *more: Any, resume: Path | None = None, **given: Any) -> Run:
    """Trains a model with its own loader."""
    counting = ClockCallback()
    watcher = Watcher(counting)
    trainer = make_trainer(counting, watcher, *more, **given)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", sb.StepbridgeWarning)
        trainer.fit(model, ckpt_path=None if resume is None else str(resume))
    ours = [str(one.message) for one in caught if issubclass(one.category, sb.StepbridgeWarning)]
    return Run(trainer, counting, model, watcher, ours)


def agrees(run: Run, *, batches: int = 0, samples: int = 0, steps: int = 0) -> None:
    """Compares the clock with what the data set, the model and the optimizer noted."""
    assert run.warned == []
    for event in run.watcher.events:
        expected = (batches + event.trained, samples + event.samples, steps + event.updates, event.closes)
        assert event.clock == expected, event
    assert run.counting.clock.applied == steps + len(run.model.updates)


@pytest.mark.parametrize("first", [False, True], ids=["after the clock", "before the clock"])
def test_an_accumulation_that_changes_between_epochs(first: bool) -> None:
    counting, model = ClockCallback(), Own()
    watcher = Watcher(counting)
    scheduler = GradientAccumulationScheduler({0: 3, 1: 1, 2: 7, 4: 2})
    order = (scheduler, counting, watcher) if first else (counting, watcher, scheduler)
    trainer = make_trainer(*order, accumulate=1, epochs=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", sb.StepbridgeWarning)
        trainer.fit(model)
    agrees(Run(trainer, counting, model, watcher))
    assert counting.clock.step == 3 + 7 + 1 + 1 + 4
    assert [segment.accumulate for segment in counting.clock.timeline.segments] == [3, 1, 7, 2]


@pytest.mark.skipif(VERSION < (2, 6), reason="counters of a resume were others before")
@pytest.mark.parametrize("at", ["end", 10])
def test_a_resume_with_an_accumulation_that_changes(tmp_path: Path, at: Any) -> None:
    path = tmp_path / "saved.ckpt"
    where: dict[str, Any] = {"save_epoch": {0: path}} if at == "end" else {"save_at": {at: path}}
    scheduling = {0: 3, 1: 2}
    train(ClockCallback(), GradientAccumulationScheduler(dict(scheduling)), accumulate=1, stateful=True, **where)
    again = GradientAccumulationScheduler(dict(scheduling))
    run = train(ClockCallback(), again, accumulate=1, epochs=3, stateful=True, resume=path)
    done = {"end": (7, 20, 3), 10: (10, 29, 4)}[at]
    agrees(run, batches=done[0], samples=done[1], steps=done[2])


def test_loaders_that_are_made_anew() -> None:
    run = fit(Own(20, 11, 30), epochs=3, reload_dataloaders_every_n_epochs=1)
    agrees(run)
    clock = run.counting.clock
    assert (clock.sample, clock.position) == (61, sb.Position(epoch=3, iter=0))
    assert clock.convert("2ep", "sample") == sb.Exact(31, "sp")


def test_a_number_of_epochs_that_grows() -> None:
    class More(lightning.Callback):  # type: ignore[misc]  # mypy does not read Lightning
        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            trainer.fit_loop.max_epochs = 4

    run = fit(Own(), More(), epochs=2)
    agrees(run)
    assert run.counting.clock.position == sb.Position(epoch=4, iter=0)


def test_a_rate_that_is_found_before() -> None:
    """The finder trains for a while and puts everything back; the clock counts none of it."""
    run = fit(Own(), LearningRateFinder(num_training_steps=10), epochs=2, accumulate=1)
    clock = run.counting.clock
    assert run.warned == []
    assert (clock.sample, clock.position) == (40, sb.Position(epoch=2, iter=0))
    assert clock.batch == len(run.watcher.events)


def test_the_tuner_before_a_fit() -> None:
    counting = ClockCallback()
    watcher = Watcher(counting)
    trainer = make_trainer(counting, watcher, accumulate=1)
    model = Own()
    Tuner(trainer).lr_find(model, num_training=10)
    assert counting.clock.batch == 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", sb.StepbridgeWarning)
        trainer.fit(model)
    assert (counting.clock.batch, counting.clock.sample, counting.clock.step) == (14, 40, 14)


def test_averaged_weights() -> None:
    run = fit(Own(), StochasticWeightAveraging(swa_lrs=0.1, swa_epoch_start=1), epochs=4)
    agrees(run)
    assert run.counting.clock.position == sb.Position(epoch=4, iter=0)


def test_a_sampler_that_draws_an_order(tmp_path: Path) -> None:
    """Which samples come again is not known, whatever draws them."""

    class Weighted(Own):
        def train_dataloader(self) -> Any:
            sampler = torch.utils.data.WeightedRandomSampler([1.0] * 20, 20)
            return torch.utils.data.DataLoader(Data(), batch_size=3, sampler=sampler)

    class Saves(lightning.Callback):  # type: ignore[misc]  # mypy does not read Lightning
        def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
            if len(pl_module.trained) == 10:
                trainer.save_checkpoint(tmp_path / "inside.ckpt")

    fit(Weighted(), Saves())
    run = fit(Weighted(), resume=tmp_path / "inside.ckpt")
    if VERSION >= (2, 6):
        assert len(run.warned) == 1
    assert "which samples is not known" in run.warned[-1]
