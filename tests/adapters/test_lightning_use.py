"""ClockCheckpoint, the step of the loggers, Fabric, and wrong use."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import lightning
import pytest
import torch
from lightning.fabric import Fabric
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers.logger import Logger

import stepbridge as sb
from adapters.lightning_training import QUIET, Data, Model, loader_of, make_trainer, train
from stepbridge.adapters.lightning import ClockCallback, ClockCheckpoint
from stepbridge.adapters.torch import clock_for, watch

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings(*QUIET)


def batches_saved(folder: Path) -> list[int]:
    """The batches that the clocks of the checkpoints have counted."""
    states = [torch.load(path, weights_only=False)["callbacks"]["stepbridge"] for path in folder.glob("*.ckpt")]
    return sorted(state["clock"]["batch"] for state in states)


@pytest.mark.parametrize(
    ("every", "batches"),
    [
        ("1ep", [7, 14]),
        ("9sp", [3, 6, 10, 13]),
        ("50%", [7, 14]),
        ("2st", [6, 10, 14]),
        ("5sp", [3, 6, 7, 10, 13, 14]),
        ("1st", [3, 6, 7, 10, 13, 14]),
    ],
)
def test_a_checkpoint_in_any_unit(tmp_path: Path, every: str, batches: list[int]) -> None:
    counting = ClockCallback()
    train(counting, ClockCheckpoint(counting, every, dirpath=tmp_path, save_top_k=-1))
    # What comes due inside a window is saved where the window ends, and the last batch's once its epoch is over.
    assert batches_saved(tmp_path) == batches


def test_a_checkpoint_of_a_monitored_metric(tmp_path: Path) -> None:
    counting = ClockCallback()
    saving = ClockCheckpoint(counting, "1ep", dirpath=tmp_path, monitor="val_loss", save_top_k=-1)
    train(counting, saving, validate=True)
    assert batches_saved(tmp_path) == [7, 14]


def test_several_checkpoints_in_one_trainer(tmp_path: Path) -> None:
    counting = ClockCallback()
    often = ClockCheckpoint(counting, "1st", dirpath=tmp_path / "often", save_top_k=-1)
    seldom = ClockCheckpoint(counting, "1ep", dirpath=tmp_path / "seldom", save_top_k=-1)
    train(counting, often, seldom)
    assert len(batches_saved(tmp_path / "often")) == 6
    assert batches_saved(tmp_path / "seldom") == [7, 14]


class Notes(Logger):  # type: ignore[misc]  # mypy does not read Lightning
    """A logger that keeps what it is given."""

    name = "notes"
    version = 0

    def __init__(self) -> None:
        super().__init__()
        self.steps: dict[str, list[int]] = {}

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        for metric in metrics:
            self.steps.setdefault(metric, []).append(-1 if step is None else step)

    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        pass


@pytest.mark.parametrize(
    ("unit", "training", "validation"),
    [
        (None, [0, 1, 2, 3, 4, 5], [2, 5]),
        ("sample", [9, 18, 20, 29, 38, 40], [20, 40]),
        ("step", [1, 2, 3, 4, 5, 6], [3, 6]),
        ("batch", [3, 6, 7, 10, 13, 14], [7, 14]),
    ],
)
def test_the_loggers_step(unit: Any, training: list[int], validation: list[int]) -> None:
    notes = Notes()
    train(ClockCallback(log_step=unit), logger=notes, log_every_n_steps=1, validate=True)
    assert notes.steps["loss"] == training
    assert notes.steps["val_loss"] == validation


def test_a_large_step_is_exact() -> None:
    notes = Notes()
    counting = ClockCallback(samples=20, batch_size=3, log_step="sample")
    counting.clock.move_to(f"{20 * 850_000}sp")
    first = counting.clock.sample
    train(counting, logger=notes, log_every_n_steps=1, epochs=1)
    assert first is not None
    # float32 has no odd numbers above 16,777,216.
    assert notes.steps["loss"] == [first + 9, first + 18, first + 20]


def test_the_ledger_says_what_the_loggers_get(tmp_path: Path) -> None:
    train(ClockCallback(log_step="sample", ledger=tmp_path), logger=Notes())
    assert "lightning.Trainer" in (tmp_path / "stepclock.jsonl").read_text(encoding="utf-8")


def test_a_loop_of_fabric(tmp_path: Path) -> None:
    fabric = Fabric(accelerator="cpu", devices=1)
    model = torch.nn.Linear(1, 1)
    model, optimizer = fabric.setup(model, torch.optim.SGD(model.parameters(), lr=0.1))
    loader = fabric.setup_dataloaders(loader_of(Data(), 3))
    clock = clock_for(loader, epochs=2, accumulate=3)
    watch(clock, optimizer)
    samples = 0
    for _ in clock.epochs():
        for batch in clock.batches(loader):
            samples += len(batch)
            fabric.backward(model(batch).mean())
            if clock.closes_step:
                optimizer.step()
                optimizer.zero_grad()
            assert clock.sample == samples
        if clock.epoch == 0:
            fabric.save(tmp_path / "fabric.ckpt", {"clock": clock})
    assert (clock.batch, clock.sample, clock.step, clock.applied) == (14, 40, 6, 6)
    again = clock_for(loader, epochs=2, accumulate=3)
    fabric.load(tmp_path / "fabric.ckpt", {"clock": again})
    assert (again.batch, again.sample, again.step) == (7, 20, 3)


def test_a_clock_and_options() -> None:
    with pytest.raises(sb.TimelineError, match="not both"):
        ClockCallback(sb.StepClock(), until="3ep")
    with pytest.raises(sb.TimelineError, match="unknown mismatch='stop'"):
        ClockCallback(mismatch="stop")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"expected a stepbridge\.StepClock"):
        ClockCallback("clock")  # type: ignore[arg-type]


def test_wrong_checkpoints() -> None:
    with pytest.raises(TypeError, match="takes the ClockCallback that the Trainer is given, not StepClock"):
        ClockCheckpoint(sb.StepClock(), "1ep")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="leave out every_n_epochs"):
        ClockCheckpoint(ClockCallback(), "1ep", every_n_epochs=1)
    with pytest.raises((TypeError, ValueError), match="unit"):
        ClockCheckpoint(ClockCallback(), 5)  # type: ignore[arg-type]


def test_a_checkpoint_of_a_callback_that_the_trainer_does_not_have(tmp_path: Path) -> None:
    saving = ClockCheckpoint(ClockCallback(), "1ep", dirpath=tmp_path)
    with pytest.raises(sb.TimelineError, match="its ClockCallback is not in the Trainer's callbacks"):
        train(ClockCallback(), saving)


def test_a_callback_twice() -> None:
    counting = ClockCallback()
    with pytest.raises(RuntimeError, match="stateful callback"):
        make_trainer(counting, counting)


def test_a_clock_of_two_trainers() -> None:
    clock = sb.StepClock()

    class Inner(lightning.Callback):  # type: ignore[misc]  # mypy does not read Lightning
        def on_train_batch_end(self, *_: Any) -> None:
            train(ClockCallback(clock))

    with pytest.raises(sb.TimelineError, match="another ClockCallback keeps this clock"):
        train(ClockCallback(clock), Inner())
    # The error ended both.
    train(ClockCallback(clock))


def test_an_ordinary_checkpoint_next_to_it(tmp_path: Path) -> None:
    counting = ClockCallback()
    train(counting, ModelCheckpoint(dirpath=tmp_path, every_n_train_steps=2, save_top_k=-1))
    assert batches_saved(tmp_path) == [6, 10, 14]


def test_the_sanity_check_moves_nothing() -> None:
    counting = ClockCallback(log_step="sample")
    run = train(counting, validate=True, num_sanity_val_steps=2, logger=Notes())
    assert run.counting.clock.batch == 14
    assert run.warned == []


def test_testing_from_a_checkpoint_leaves_the_clock(tmp_path: Path) -> None:
    class Tested(Model):
        def test_step(self, batch: torch.Tensor, batch_idx: int) -> None:
            pass

    counting = ClockCallback()
    run = train(counting, model=Tested(), save_epoch={0: tmp_path / "a.ckpt"})
    run.trainer.test(run.model, loader_of(Data(), 3), ckpt_path=str(tmp_path / "a.ckpt"), verbose=False)
    assert counting.clock.batch == 14
    again = train(counting)
    assert (again.counting.clock.batch, again.warned) == (28, [])


def test_without_lightning_it_says_what_to_install() -> None:
    script = "import sys; sys.modules['lightning'] = None\nimport stepbridge.adapters.lightning"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "pip install 'stepbridge[lightning]'" in done.stderr
