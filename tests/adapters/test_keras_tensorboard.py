"""The event files that ClockTensorBoard really wrote, read by TensorBoard's own reader and by stepbridge."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import stepbridge as sb
from adapters.keras_runs import BACKENDS, result, value

pytestmark = pytest.mark.parametrize("backend", BACKENDS)

# Two fits, of 2 epochs and of 1, with 7 batches of 2 samples, the last of 1: 21 batches.
SAMPLES = [13 * epoch + done for epoch in range(3) for done in (2, 4, 6, 8, 10, 12, 13)]
ENDS = {
    "step": ("batch_loss", list(range(1, 22)), [7, 14, 21]),
    # 3 batches a step, over the epochs: an update is logged once, where it happens.
    "windows": ("batch_loss", list(range(1, 8)), [2, 4, 7]),
    # Every second batch of the run.
    "sample": ("batch_loss", SAMPLES[1::2], [13, 26, 39]),
    "epoch": (None, [], [7, 14, 21]),
}


def steps(folder: Path) -> dict[str, list[int]]:
    """The steps of each tag, in order of writing."""
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return {
        tag: [event.step for event in sorted(events.Tensors(tag), key=lambda event: event.wall_time)]
        for tag in events.Tags()["tensors"]
    }


@pytest.mark.parametrize("name", ENDS)
def test_steps_go_on_over_fits(name: str, backend: str) -> None:
    folder = Path(value(backend, "tensorboard")) / name
    tag, batches, epochs = ENDS[name]
    train = steps(folder / "train")
    if tag is not None:
        assert train[tag] == batches
    assert train["epoch_loss"] == epochs
    assert train["epoch_learning_rate"] == epochs
    validation = steps(folder / "validation")
    assert validation == {"epoch_loss": epochs, "evaluation_loss_vs_iterations": epochs}
    assert result(backend, "tensorboard")["warned"] == []


def test_our_own_reader_finds_where_each_record_was(backend: str) -> None:
    logs = sb.read_logs(Path(value(backend, "tensorboard")) / "windows" / "train")
    plan = sb.Timeline.plan(samples=13, batch_size=2, epochs=3, accumulate=3, boundary="carry")
    table = logs.reindex(plan, unit="step", base=1).to_polars()
    batches = table.filter(table["tag"] == "batch_loss")
    assert batches["step"].to_list() == list(range(1, 8))
    # The batch that closes step n is the 3n-th.
    assert list(zip(batches["epoch"], batches["iter"], strict=True)) == [divmod(3 * n - 1, 7) for n in range(1, 8)]


def test_a_ledger_beside_it_maps_the_log_with_no_flag(backend: str) -> None:
    folder = Path(value(backend, "tensorboard_beside_a_ledger"))
    table = sb.read_logs(folder).reindex()
    assert table.assumed == ()
    frame = table.to_polars()
    batches = frame.filter(frame["tag"] == "batch_loss")
    expected = [(epoch, at) for epoch, length in enumerate([7, 7, 4]) for at in range(length)]
    assert batches["step"].to_list() == list(range(1, 19))
    assert list(zip(batches["epoch"], batches["iter"], strict=True)) == expected


def test_before_the_clock_it_is_told(backend: str) -> None:
    warned = result(backend, "tensorboard_before_the_clock")["warned"]
    assert len(warned) == 1
    assert "put ClockCallback(clock) before ClockTensorBoard in callbacks=[...]" in warned[0]
