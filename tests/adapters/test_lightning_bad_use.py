"""Wrong use of Lightning's adapter: one sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lightning
import torch

import stepbridge as sb
from adapters.bad_use import check_all, missing
from adapters.lightning_training import Data, Model, Watcher, loader_of, make_trainer, train
from stepbridge.adapters.lightning import ClockCallback

if TYPE_CHECKING:
    from pathlib import Path


def fit(counting: ClockCallback, *more: Any, resume: Path | None = None, data: Any = None) -> Model:
    """Trains, and lets every warning through."""
    model = Model()
    loader = loader_of(Data() if data is None else data, 3)
    make_trainer(counting, *more, epochs=3).fit(model, loader, ckpt_path=None if resume is None else str(resume))
    return model


class Inner(lightning.Callback):  # type: ignore[misc]  # mypy does not read Lightning
    """Trains with another Trainer inside a training."""

    def __init__(self, clock: sb.StepClock) -> None:
        self.clock = clock

    def on_train_batch_end(self, *_: Any) -> None:
        fit(ClockCallback(self.clock))


def of_two_trainers(_folder: Path) -> None:
    clock = sb.StepClock()
    fit(ClockCallback(clock), Inner(clock))


def twice(_folder: Path) -> None:
    counting = ClockCallback()
    fit(counting, counting)


def saved(folder: Path) -> Path:
    path = folder / "end.ckpt"
    train(save_epoch={0: path})
    return path


def of_another_run(folder: Path) -> None:
    # Training goes on.
    assert fit(ClockCallback(), resume=saved(folder), data=Data(30)).trained


def of_a_newer_version(folder: Path) -> None:
    path = saved(folder)
    checkpoint = torch.load(path, weights_only=False)
    checkpoint["callbacks"]["stepbridge"]["clock"]["version"] = 99
    torch.save(checkpoint, path)
    counting = ClockCallback()
    fit(counting, Watcher(counting), resume=path)


USES: Any = {
    "a clock of two trainers": (of_two_trainers, "another ClockCallback keeps this clock .*: give each Trainer"),
    # Lightning says it, where the Trainer is made.
    "twice in one trainer": (twice, "more than one stateful callback of type `ClockCallback`"),
    "a checkpoint of another run": (of_another_run, "another plan: samples=20 there, 30 here.* Training goes on"),
    "a state of a newer version": (of_a_newer_version, "saved by a newer stepbridge: upgrade"),
    "a missing framework": (missing("lightning"), r"needs Lightning: pip install 'stepbridge\[lightning\]'"),
}


def test_each_is_named_in_one_sentence(tmp_path: Path) -> None:
    check_all(USES, tmp_path)
