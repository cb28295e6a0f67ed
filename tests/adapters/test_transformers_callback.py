"""ClockCallback in a real Trainer: at each batch, what it says against what was trained."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
import transformers

import stepbridge as sb
from adapters.transformers_training import Data, Model, Stream, Watcher, make_trainer, train
from stepbridge.adapters.transformers import ClockCallback

if TYPE_CHECKING:
    from pathlib import Path

    from adapters.transformers_training import Run

VERSION = tuple(map(int, transformers.__version__.split(".")[:2]))
CARRIES = VERSION < (4, 47)


def closed(run: Run) -> list[int]:
    """The batches, counted from 1, that closed a window."""
    return [event.trained for event in run.watcher.events if event.closes]


def check(run: Run, *, samples: bool = True, first_step: int = 0, first_batch: int = 0, first_sample: int = 0) -> None:
    """Compare the clock with what happened, at each batch."""
    steps = first_step
    for event in run.watcher.events:
        steps += event.closes
        seen = first_sample + event.samples if samples else None
        assert event.clock == (first_batch + event.trained, seen, steps, event.closes)
    assert run.counting.clock.applied == run.counting.clock.step == steps


@pytest.mark.parametrize(
    ("options", "updates"),
    [
        ({}, [3, 6, 9, 12] if CARRIES else [3, 6, 7, 10, 13, 14]),
        ({"accumulate": 1}, list(range(1, 15))),
        ({"accumulate": 1, "dataloader_drop_last": True}, list(range(1, 13))),
        ({"accumulate": 7}, [7, 14]),
        pytest.param(
            {"accumulate": 9},
            [7, 14],
            marks=pytest.mark.skipif(VERSION < (4, 52), reason="it trains 2 of 7 batches"),
        ),
        ({"accumulate": 1, "max_steps": 9}, list(range(1, 10))),
    ],
    ids=["accumulate", "plain", "drop_last", "one window", "longer window", "max_steps"],
)
def test_a_run(tmp_path: Path, options: dict[str, Any], updates: list[int]) -> None:
    run = train(tmp_path, **options)
    assert closed(run)[: len(updates)] == updates[: len(closed(run))]
    check(run)
    if VERSION >= (4, 52):
        assert closed(run) == updates
        assert run.counting.clock.step == run.trainer.state.global_step


def test_a_stream_spills_and_learns_its_length(tmp_path: Path) -> None:
    run = train(tmp_path, data=Stream(), max_steps=5)
    assert closed(run) == ([3, 6, 9, 12, 15] if CARRIES else [3, 6, 10, 13, 17])
    check(run, samples=False)
    assert run.counting.clock.location == ((2, 0) if CARRIES else (2, 2))
    assert run.counting.clock.sample is None


def test_a_stream_whose_sizes_are_stated(tmp_path: Path) -> None:
    run = train(tmp_path, ClockCallback(samples=20, batch_size=3), data=Stream(), max_steps=5)
    if not CARRIES:
        check(run)


def test_an_epoch_that_is_left_inside_a_window(tmp_path: Path) -> None:
    counting = ClockCallback()
    trainer, model, watcher = make_trainer(tmp_path, counting)
    watcher.leaves_after = {4}
    trainer.train()
    events = [event.trained for event in watcher.events if event.closes]
    assert events[:2] == ([3, 6] if CARRIES else [3, 7])
    for event in watcher.events:
        assert event.clock[3] == event.closes
    assert counting.clock.sample == sum(map(len, model.trained))
    assert counting.clock.timeline.segments[0].cut


def test_a_second_call_goes_on_with_further_epochs(tmp_path: Path) -> None:
    counting = ClockCallback()
    trainer, model, _ = make_trainer(tmp_path, counting, accumulate=1)
    trainer.train()
    trainer.train()
    assert trainer.state.global_step == 14
    clock = counting.clock
    assert (clock.batch, clock.step, clock.sample, clock.position) == (28, 28, 80, (4, 0))
    assert float(model.weight.detach()) == pytest.approx(clock.applied)


@pytest.mark.skipif(VERSION < (4, 52), reason="older versions count the retry in another way")
def test_a_batch_size_that_is_found_after_running_out_of_memory(tmp_path: Path) -> None:
    counting = ClockCallback()
    model = Model()
    model.out_of_memory_above = 2
    trainer, _, _ = make_trainer(tmp_path, counting, model=model, batch_size=4, accumulate=1, auto_find_batch_size=True)
    trainer.train()
    clock = counting.clock
    assert clock.batch == len(model.trained)
    assert clock.sample == sum(map(len, model.trained))
    assert float(model.weight.detach()) == pytest.approx(clock.applied)
    assert clock.step > trainer.state.global_step


def test_updates_that_a_scaler_leaves_out(tmp_path: Path) -> None:
    counting = ClockCallback()
    model = Model()
    model.overflows = {5}
    trainer, _, watcher = make_trainer(tmp_path, counting, model=model, accumulate=1)
    trainer.accelerator.scaler = torch.amp.GradScaler("cpu")
    trainer.accelerator.native_amp = True
    trainer.train()
    clock = counting.clock
    assert (clock.step, clock.applied) == (14, 13)
    assert trainer.state.global_step == 14
    assert float(model.weight.detach()) == pytest.approx(13)
    assert len(watcher.events) == 14


def test_it_drives_the_trainer(tmp_path: Path) -> None:
    counting = ClockCallback(save="1ep", evaluate="0.5ep", log="9sp")
    run = train(tmp_path, counting, accumulate=1, eval_data=Data(4), save_strategy="steps", save_steps=3)
    assert run.watcher.saves == [7, 14]
    assert run.watcher.evaluations == [4, 7, 11, 14]
    assert run.watcher.logs == [3, 6, 10, 13]
    check(run)


def test_it_drives_over_a_stream(tmp_path: Path) -> None:
    run = train(tmp_path, ClockCallback(save="1ep"), data=Stream(), accumulate=1, max_steps=16)
    assert run.watcher.saves == [7, 14]


def test_until_ends_the_training(tmp_path: Path) -> None:
    run = train(tmp_path, ClockCallback(until="11ba"), accumulate=1)
    assert len(run.model.trained) == 11
    assert run.counting.clock.position == (1, 4)


def test_evaluation_moves_nothing(tmp_path: Path) -> None:
    run = train(tmp_path, accumulate=1, eval_data=Data(8), eval_strategy="steps", eval_steps=2, eval_on_start=True)
    check(run)


def test_the_ledger_has_the_run(tmp_path: Path) -> None:
    counting = ClockCallback(ledger=tmp_path / "ledger")
    train(tmp_path, counting)
    assert sb.Timeline.from_ledger(tmp_path / "ledger") == counting.clock.timeline
    texts = (tmp_path / "ledger" / "stepclock.jsonl").read_text(encoding="utf-8")
    assert "transformers.Trainer" in texts


def test_the_state_in_a_checkpoint_is_that_of_its_moment(tmp_path: Path) -> None:
    train(tmp_path, accumulate=1, save_strategy="steps", save_steps=1)
    for step in (1, 9, 14):
        state = json.loads((tmp_path / f"checkpoint-{step}" / "trainer_state.json").read_text(encoding="utf-8"))
        clock = sb.StepClock()
        clock.load_state_dict(state["stateful_callbacks"]["stepbridge"]["attributes"]["clock"])
        assert clock.batch == step


@pytest.mark.skipif((4, 52) <= VERSION < (4, 57), reason="after a resume the last update of the run never comes")
@pytest.mark.parametrize("restores", [False, True])
def test_a_checkpoint_without_the_callback_and_back(tmp_path: Path, restores: bool) -> None:
    """A callback that is an ExportableState breaks the first save of such a run."""
    trainer, _, _ = make_trainer(tmp_path / "first", ClockCallback(), save_strategy="steps", save_steps=2)
    trainer.remove_callback(ClockCallback)
    trainer.remove_callback(Watcher)
    trainer.train()
    counting = ClockCallback()
    with pytest.warns(sb.StepbridgeWarning, match="the checkpoint has no clock"):
        run = train(
            tmp_path / "second",
            counting,
            resume=tmp_path / "first" / "checkpoint-4",
            save_strategy="steps",
            save_steps=1,
            restore_callback_states_from_checkpoint=restores,
        )
    if VERSION >= (4, 57):
        assert run.counting.clock.sample == 40
    assert run.counting is counting
