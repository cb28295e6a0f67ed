"""The SummaryWriter whose step is the clock's, read back with TensorBoard's own reader and with ours."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils import tensorboard

import stepbridge as sb
from moments import next_second
from stepbridge.adapters.torch import SummaryWriter

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0, "histograms": 0, "images": 0})
    return events.Reload()


def scalars(folder: Path, tag: str = "loss") -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in read(folder).Scalars(tag)]


@pytest.mark.parametrize(
    ("unit", "steps"),
    [
        ("step", [0, 1, 1, 2, 2, 3, 3, 4]),
        ("batch", list(range(1, 9))),
        ("sample", [4, 8, 12, 14, 18, 22, 26, 28]),
        ("token", [n * 100 for n in range(1, 9)]),
        ("epoch", [0] * 4 + [1] * 4),
    ],
)
def test_the_step_is_the_clocks(unit: Any, steps: list[int], tmp_path: Path) -> None:
    clock = sb.StepClock(samples=14, batch_size=4, epochs=2, accumulate=2)
    with SummaryWriter(tmp_path, clock=clock, unit=unit) as writer:
        for _ in clock.epochs():
            for _ in clock.batches(range(4)):
                clock.add_tokens(100)
                writer.add_scalar("loss", clock.batch)
    assert scalars(tmp_path) == list(zip(steps, range(1, 9), strict=True))


def test_a_step_that_is_given_is_taken(tmp_path: Path) -> None:
    clock = sb.StepClock(batches_per_epoch=4, epochs=1)
    with SummaryWriter(str(tmp_path), clock=clock) as writer:
        for _ in clock.epochs():
            for _ in clock.batches(range(4)):
                writer.add_scalar("position", 1.0, 10 * clock.batch)
                writer.add_scalar("name", 1.0, global_step=20 * clock.batch)
                writer.add_scalar("none", 1.0, None, 5.0)
                writer.add_scalar("zero", 1.0, 0)
    assert [step for step, _ in scalars(tmp_path, "position")] == [10, 20, 30, 40]
    assert [step for step, _ in scalars(tmp_path, "name")] == [20, 40, 60, 80]
    assert [step for step, _ in scalars(tmp_path, "none")] == [1, 2, 3, 4]
    assert [event.wall_time for event in read(tmp_path).Scalars("none")] == [5.0] * 4
    assert [step for step, _ in scalars(tmp_path, "zero")] == [0] * 4


def test_whatever_pytorch_adds_at_a_step() -> None:
    for name, method in inspect.getmembers(tensorboard.SummaryWriter, inspect.isfunction):
        if "global_step" in inspect.signature(method).parameters:
            assert getattr(SummaryWriter, name).__wrapped__ is method
            assert inspect.signature(getattr(SummaryWriter, name)) == inspect.signature(method)


def test_histograms_images_texts_and_many_scalars_at_once(tmp_path: Path) -> None:
    clock = sb.StepClock(batches_per_epoch=3, epochs=1)
    with SummaryWriter(tmp_path / "run", clock=clock) as writer:
        for _ in clock.epochs():
            for _ in clock.batches(range(3)):
                writer.add_histogram("histogram", torch.arange(10.0))
                writer.add_image("image", torch.zeros(3, 4, 4))
                writer.add_text("text", "hello")
                writer.add_tensor("tensor", torch.ones(2))
                writer.add_pr_curve("curve", torch.tensor([0, 1]), torch.tensor([0.1, 0.9]))
                writer.add_scalars("many", {"a": 1.0, "b": 2.0})
        writer.add_embedding(torch.eye(3), tag="embedding")
        writer.add_hparams({"lr": 0.1}, {"accuracy": 1.0}, run_name="hparams")
    events = read(tmp_path / "run")
    assert [event.step for event in events.Histograms("histogram")] == [1, 2, 3]
    assert [event.step for event in events.Images("image")] == [1, 2, 3]
    assert [event.step for event in events.Tensors("text/text_summary")] == [1, 2, 3]
    assert [event.step for event in events.Tensors("tensor")] == [1, 2, 3]
    assert [event.step for event in events.Tensors("curve")] == [1, 2, 3]
    for key in "ab":
        assert [step for step, _ in scalars(tmp_path / "run" / f"many_{key}", "many")] == [1, 2, 3]
    assert (tmp_path / "run" / "00003" / "embedding").is_dir()
    assert [step for step, _ in scalars(tmp_path / "run" / "hparams", "accuracy")] == [3]


def test_a_run_that_goes_on_hides_what_was_logged_past_the_checkpoint(tmp_path: Path) -> None:
    def fresh() -> sb.StepClock:
        return sb.StepClock(batches_per_epoch=5, epochs=2)

    def run(clock: sb.StepClock, value: float, stop: int) -> dict[str, Any]:
        state: dict[str, Any] = {}
        with SummaryWriter(tmp_path, clock=clock) as writer:
            for _ in clock.epochs():
                for _ in clock.batches(range(5), resume="skip"):
                    writer.add_scalar("loss", value)
                    if clock.batch == 3:
                        state = clock.state_dict()
                    if clock.batch == stop:
                        return state
        return state

    state = run(fresh(), 1.0, stop=7)
    next_second()  # TensorBoard sorts files by the second in their names
    clock = fresh()
    clock.load_state_dict(state)
    run(clock, 2.0, stop=99)
    assert scalars(tmp_path) == [(step, 1.0 if step <= 3 else 2.0) for step in range(1, 11)]


def test_the_ledger_knows_how_the_step_is_logged(tmp_path: Path) -> None:
    clock = sb.StepClock(samples=10, batch_size=4, epochs=2, ledger=tmp_path)
    with SummaryWriter(tmp_path, clock=clock, unit="sample") as writer:
        for _ in clock.epochs():
            for _ in clock.batches(range(3)):
                writer.add_scalar("loss", 1.0)
    texts = (tmp_path / "stepclock.jsonl").read_text(encoding="utf-8").splitlines()
    (line,) = [line for line in map(json.loads, texts) if line["kind"] == "logged_as"]
    assert (line["unit"], line["base"], line["stated"]) == ("sp", 1, True)
    assert line["by"] == "stepbridge.adapters.torch.SummaryWriter"
    table = sb.read_logs(tmp_path).reindex().to_pandas()
    assert table["epoch"].tolist() == [0, 0, 0, 1, 1, 1]
    assert table["iter"].tolist() == [0, 1, 2, 0, 1, 2]


def test_what_a_step_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="by duration"):
        SummaryWriter(tmp_path, clock=sb.StepClock(), unit="duration")
    with pytest.raises(TypeError, match="StepClock, not dict"):
        SummaryWriter(tmp_path, clock={})  # type: ignore[arg-type]
    clock = sb.StepClock(batches_per_epoch=3, epochs=1)
    with SummaryWriter(tmp_path, clock=clock, unit="sample") as writer:
        for _ in clock.epochs():
            for _ in clock.batches(range(3)):
                with pytest.raises(ValueError, match="how much of the samples is done cannot be known"):
                    writer.add_scalar("loss", 1.0)
                break


@pytest.mark.parametrize(
    ("step", "unit", "base"),
    [
        (lambda clock, epoch: epoch + 1, "ep", 1),
        (lambda clock, epoch: epoch, "ep", 0),
        (lambda clock, epoch: clock.batch, "ba", 1),
        (lambda clock, epoch: torch.tensor(clock.step - 1), "st", 0),
        (lambda clock, epoch: clock.sample, "sp", 1),
        (lambda clock, epoch: 10 * epoch + 3, None, 1),
        (lambda clock, epoch: 1, None, 1),
    ],
    ids=["epoch from 1", "epoch from 0", "batch", "step from 0", "sample", "something else", "always 1"],
)
def test_a_step_of_the_callers_own_is_noted_by_tag(tmp_path: Path, step: Any, unit: str | None, base: Any) -> None:
    clock = sb.StepClock(samples=1000, batch_size=100, epochs=4, accumulate=2, ledger=tmp_path)
    with SummaryWriter(str(tmp_path), clock=clock) as writer:
        for epoch in clock.epochs():
            for _ in clock.batches(range(10)):
                if clock.closes_step:
                    writer.add_scalar("train/loss", 0.5)
                    writer.add_scalar("train/own", 0.5, clock.step)
            writer.add_scalar("val/loss", 0.5, step(clock, epoch))
    (session,) = sb.read_ledger(tmp_path).sessions
    assert session.series == (sb.SeriesStep("val/loss", unit, base, "stepbridge.adapters.torch.SummaryWriter"),)
    assert (session.logged_as.unit, session.logged_as.base) == ("st", 1)
