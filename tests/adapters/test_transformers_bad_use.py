"""Wrong use of the Trainer's adapter: one sentence each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import transformers

import stepbridge as sb
from adapters.bad_use import check_all, missing
from adapters.transformers_training import Data, make_trainer, train
from stepbridge.adapters.transformers import ClockCallback

if TYPE_CHECKING:
    from pathlib import Path

VERSION = tuple(map(int, transformers.__version__.split(".")[:2]))

pytestmark = pytest.mark.skipif(VERSION < (5, 2), reason="what a resume does was another thing before")


class Nested(transformers.TrainerCallback):  # type: ignore[misc]  # mypy does not read Transformers
    """Trains with another Trainer inside a training."""

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.trainer.train()


def of_two_trainers(folder: Path) -> None:
    clock = sb.StepClock()
    inner, _, _ = make_trainer(folder, ClockCallback(clock))
    outer, _, _ = make_trainer(folder, ClockCallback(clock), before=(Nested(inner),))
    outer.train()


def twice(folder: Path) -> None:
    counting = ClockCallback()
    make_trainer(folder, counting, before=(counting,))[0].train()


def of_another_run(folder: Path) -> None:
    train(folder / "first", save_strategy="steps", save_steps=3)
    model = train(folder / "rest", resume=folder / "first" / "checkpoint-6", data=Data(21), num_train_epochs=4).model
    # Training goes on.
    assert model.trained


def of_a_newer_version(folder: Path) -> None:
    train(folder, save_strategy="steps", save_steps=3)
    file = folder / "checkpoint-3" / "trainer_state.json"
    state = json.loads(file.read_text(encoding="utf-8"))
    state["stateful_callbacks"]["stepbridge"]["attributes"]["clock"]["version"] = 99
    file.write_text(json.dumps(state), encoding="utf-8")
    train(folder / "rest", resume=file.parent)


USES: Any = {
    "a clock of two trainers": (of_two_trainers, "another ClockCallback keeps this clock .*: give each Trainer"),
    "twice in one trainer": (twice, "twice in the Trainer's callbacks, .*: give it once"),
    "a checkpoint of another run": (of_another_run, "another plan: samples=20 there, 21 here.* Training goes on"),
    "a state of a newer version": (of_a_newer_version, "saved by a newer stepbridge: upgrade"),
    "a missing framework": (missing("transformers"), r"needs Transformers: pip install 'stepbridge\[transformers\]'"),
}


def test_each_is_named_in_one_sentence(tmp_path: Path) -> None:
    check_all(USES, tmp_path)
