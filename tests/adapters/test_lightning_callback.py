"""The clock of a real Trainer of Lightning agrees with what was served, trained and updated, at every batch."""

from __future__ import annotations

from typing import Any

import lightning
import pytest
import torch
from lightning.pytorch.plugins.precision import MixedPrecision

import stepbridge as sb
from adapters.lightning_training import QUIET, Data, Model, Run, Stream, train
from stepbridge.adapters.lightning import ClockCallback

pytestmark = pytest.mark.filterwarnings(*QUIET)


def agrees(run: Run) -> None:
    """Compares the clock with what the data set, the model and the optimizer noted."""
    assert run.warned == []
    assert run.watcher.events
    for event in run.watcher.events:
        assert event.clock == (event.trained, event.samples, event.updates, event.closes), event
    assert run.counting.clock.step == run.trainer.global_step
    assert run.counting.clock.applied == len(run.model.updates)


@pytest.mark.parametrize(
    ("options", "batches", "steps"),
    [
        ({}, 14, 6),
        ({"accumulate": 1}, 14, 14),
        ({"batch_size": 20}, 2, 2),
        ({"limit_train_batches": 5}, 10, 4),
        ({"limit_train_batches": 0.5}, 6, 2),
        ({"overfit_batches": 2}, 4, 2),
        ({"max_steps": 4, "epochs": -1}, 10, 4),
        ({"max_steps": 4, "epochs": None}, 10, 4),
        ({"stop_at": 8}, 8, 3),
        ({"validate": True, "val_check_interval": 3}, 14, 6),
        ({"stateful": True}, 14, 6),
        ({"shuffle": True}, 14, 6),
        ({"data": Data(21), "limit_train_batches": 7}, 14, 6),
    ],
    ids=str,
)
def test_each_batch(options: dict[str, Any], batches: int, steps: int) -> None:
    run = train(**options)
    agrees(run)
    assert (run.counting.clock.batch, run.counting.clock.step) == (batches, steps)


def test_a_window_that_was_open_where_training_stopped_is_dropped() -> None:
    clock = train(stop_at=8).counting.clock
    assert clock.position == sb.Position(epoch=2, iter=0)
    assert clock.step == 3


@pytest.mark.parametrize(("at", "batches"), [((0, 4), 11), ((0, 3), 10), ((0, 0), 7), ((1, 1), 8)])
def test_an_epoch_that_is_left(at: tuple[int, int], batches: int) -> None:
    model = Model()
    model.refuses = {at}
    run = train(model=model)
    agrees(run)
    assert run.counting.clock.batch == batches
    assert run.counting.clock.position == sb.Position(epoch=2, iter=0)


def test_a_loss_that_is_none() -> None:
    model = Model()
    model.silent = {3, 5, 7}
    agrees(train(model=model))


def test_a_stream() -> None:
    run = train(data=Stream())
    assert run.warned == []
    for event in run.watcher.events:
        assert event.clock == (event.trained, None, event.updates, event.closes)
    # The last batch of an epoch is known before it is trained.
    assert [event.trained for event in run.watcher.events if event.closes] == [3, 6, 7, 10, 13, 14]
    agrees(train(ClockCallback(samples=20, batch_size=3), data=Stream()))


def test_an_overflow_is_no_update() -> None:
    model = Model()
    model.overflows = {5}
    plugin = MixedPrecision("16-mixed", "cpu", scaler=torch.amp.GradScaler("cpu"))
    run = train(model=model, plugins=[plugin])
    clock = run.counting.clock
    # global_step counts the update that was skipped.
    assert (clock.step, clock.applied, len(model.updates), run.trainer.global_step) == (6, 5, 5, 6)
    assert run.warned == []


class Adversarial(Model):
    """Two optimizers by hand, one of them every other batch."""

    def __init__(self) -> None:
        super().__init__()
        self.other = torch.nn.Parameter(torch.zeros(1))
        self.automatic_optimization = False

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.trained.append([int(value) for value in batch[:, 0]])
        first, second = self.optimizers()
        optimizers = [first, second] if batch_idx % 2 == 0 else [first]
        for optimizer, weight in zip(optimizers, (self.weight, self.other), strict=False):
            optimizer.zero_grad()
            self.manual_backward(-weight.sum())
            optimizer.step()

    def configure_optimizers(self) -> Any:
        both = [torch.optim.SGD([weight], lr=1.0) for weight in (self.weight, self.other)]
        self.note_updates(both[0])
        return both


def test_manual_optimization_with_two_optimizers() -> None:
    run = train(model=Adversarial(), accumulate=1, epochs=1)
    clock = run.counting.clock
    # global_step counts the calls of both.
    assert run.trainer.global_step == 11
    assert (clock.batch, clock.step, clock.applied, clock.sample) == (7, 7, 7, 20)
    assert (clock.updates_of("optimizer"), clock.updates_of("optimizer2")) == (7, 4)
    assert run.warned == []


class ByHand(Model):
    """Accumulates two batches by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.trained.append([int(value) for value in batch[:, 0]])
        optimizer = self.optimizers()
        self.manual_backward(-self.weight.sum())
        if len(self.trained) % 2 == 0:
            optimizer.step()
            optimizer.zero_grad()


def test_manual_accumulation_is_what_the_author_says() -> None:
    run = train(ClockCallback(accumulate=2, boundary="carry", on_cut="carry"), model=ByHand(), accumulate=1)
    assert (run.counting.clock.step, run.counting.clock.applied, len(run.model.updates)) == (7, 7, 7)
    assert run.warned == []


def test_a_closure_that_is_evaluated_many_times() -> None:
    class Closures(Model):
        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.LBFGS(self.parameters(), lr=0.1, max_iter=3)
            self.note_updates(optimizer)
            return optimizer

        def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
            self.trained.append([])
            return ((self.weight - 1) ** 2).sum()

    run = train(model=Closures(), accumulate=1)
    assert (run.counting.clock.batch, run.counting.clock.step, run.counting.clock.applied) == (14, 14, 14)


def test_a_second_fit_goes_on() -> None:
    run = train()
    trainer, counting = run.trainer, run.counting
    trainer.fit_loop.max_epochs = 4
    trainer.fit(run.model, torch.utils.data.DataLoader(Data(10), batch_size=5))
    clock = counting.clock
    assert (clock.batch, clock.sample, clock.step) == (18, 60, trainer.global_step)
    assert clock.position == sb.Position(epoch=4, iter=0)


def test_a_clock_goes_on_in_another_trainer() -> None:
    counting = train().counting
    again = train(counting)
    assert (counting.clock.batch, counting.clock.sample, counting.clock.step) == (28, 80, 12)
    assert counting.clock.position == sb.Position(epoch=4, iter=0)
    assert again.warned == []


def test_until_stops_the_trainer() -> None:
    run = train(ClockCallback(until="9ba"))
    assert run.counting.clock.batch == len(run.model.trained) == 9


def test_several_loaders_have_batches_alone() -> None:
    counting = ClockCallback()
    loaders = {"a": torch.utils.data.DataLoader(Data(), 5), "b": torch.utils.data.DataLoader(Data(12), 4)}

    class Both(Model):
        def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            return -self.weight.sum()

    options: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = lightning.Trainer(
        callbacks=[counting], max_epochs=1, accelerator="cpu", enable_model_summary=False, **options
    )
    trainer.fit(Both(), loaders)
    assert (counting.clock.batch, counting.clock.sample) == (4, None)
