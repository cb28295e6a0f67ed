"""Wrong use of ClockCallback: one sentence each. And the rate that follows the clock."""

from __future__ import annotations

import itertools
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import torch
import transformers

import stepbridge as sb
from adapters.transformers_training import Model, make_trainer, train
from stepbridge.adapters.transformers import ClockCallback, ClockLR

if TYPE_CHECKING:
    from pathlib import Path

VERSION = tuple(map(int, transformers.__version__.split(".")[:2]))


def test_the_callback_twice_in_the_list(tmp_path: Path) -> None:
    counting = ClockCallback()
    trainer, model, _ = make_trainer(tmp_path, counting, before=(counting,))
    with pytest.raises(sb.TimelineError, match="twice in the Trainer's callbacks"):
        trainer.train()
    assert model.trained == []


def test_two_callbacks_in_one_trainer(tmp_path: Path) -> None:
    trainer, _, _ = make_trainer(tmp_path, ClockCallback(), before=(ClockCallback(),))
    with pytest.raises(sb.TimelineError, match="another ClockCallback already"):
        trainer.train()


class Nested:
    """Trains with another Trainer inside a training."""

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer

    def __getattr__(self, name: str) -> Any:
        if name == "on_step_begin":
            return lambda *_, **__: self.trainer.train()
        return lambda args, state, control, **_: control


def test_a_clock_that_two_trainers_use(tmp_path: Path) -> None:
    clock = sb.StepClock()
    inner, _, _ = make_trainer(tmp_path, ClockCallback(clock))
    outer, _, _ = make_trainer(tmp_path, ClockCallback(clock))
    outer.callback_handler.callbacks.append(Nested(inner))
    with pytest.raises(sb.TimelineError, match="another ClockCallback keeps this clock"):
        outer.train()


def test_a_callback_that_two_trainers_use(tmp_path: Path) -> None:
    counting = ClockCallback()
    inner, _, _ = make_trainer(tmp_path, counting)
    outer, _, _ = make_trainer(tmp_path, counting)
    outer.callback_handler.callbacks.append(Nested(inner))
    with pytest.raises(sb.TimelineError, match="in use by another Trainer"):
        outer.train()


def test_wrong_arguments() -> None:
    with pytest.raises(TypeError, match=r"expected a stepbridge\.StepClock, not int"):
        ClockCallback(3)  # type: ignore[arg-type]
    with pytest.raises(sb.TimelineError, match="not both"):
        ClockCallback(sb.StepClock(), until="3st")
    with pytest.raises(sb.TimelineError, match='expected "warn" or "raise"'):
        ClockCallback(mismatch="ignore")  # type: ignore[arg-type]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    with pytest.raises(TypeError, match="takes the ClockCallback"):
        ClockLR(optimizer, sb.StepClock(), [("1ep", 0.0, "linear")])  # type: ignore[arg-type]


def test_without_transformers_the_error_names_the_extra() -> None:
    code = "import sys; sys.modules['transformers'] = None\nimport stepbridge.adapters.transformers"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last == (
        "ImportError: stepbridge.adapters.transformers needs Transformers: pip install 'stepbridge[transformers]'"
    )


def rates_of(folder: Path, phases: list[Any], **options: Any) -> tuple[list[float], Any]:
    """The rates that the updates really had: how far each moved the weight."""
    counting, model = ClockCallback(), Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scheduler = ClockLR(optimizer, counting, phases, start=0.0)
    run = train(folder, counting, model=model, optimizers=(optimizer, scheduler), accumulate=1, **options)
    weights = [event.weight for event in run.watcher.events] + [float(model.weight.detach())]
    return [round(last - first, 4) for first, last in itertools.pairwise(weights)], run


def test_the_rate_follows_the_clock(tmp_path: Path) -> None:
    moved, _ = rates_of(tmp_path, [("4st", 1.0, "linear"), ("14st", 0.0, "linear")])
    assert moved == [0.0, 0.25, 0.5, 0.75, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]


@pytest.mark.skipif(VERSION < (4, 47), reason="4.46 cannot load what it saved with PyTorch 2.6 and newer")
def test_the_rate_goes_on_after_a_resume(tmp_path: Path) -> None:
    phases: list[Any] = [("4st", 1.0, "linear"), ("14st", 0.0, "linear")]
    rates_of(tmp_path / "a", phases, save_strategy="steps", save_steps=5)
    moved, _ = rates_of(tmp_path / "b", phases, resume=tmp_path / "a" / "checkpoint-10")
    assert moved == [0.4, 0.3, 0.2, 0.1]


def test_an_end_in_percent_where_the_trainer_ends_inside_an_epoch(tmp_path: Path) -> None:
    with pytest.raises(sb.TimelineError, match="ends inside an epoch"):
        rates_of(tmp_path, [("100%", 0.0, "linear")], max_steps=9)
