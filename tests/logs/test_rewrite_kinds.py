"""Summaries of every kind, as real writers write them, on another axis: judged by both of TensorBoard's readers."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import stepbridge as sb
from shown import Kept, kept_by_accumulator, kept_by_server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stepbridge.logs import Axis

#: 5 batches an epoch: 4 of 3 samples and one of 2.
SAMPLES, SIZE, BATCHES = 14, 3, 5
PLAN = sb.Timeline.plan(samples=SAMPLES, batch_size=SIZE)
STEPS = 20

TORCH = """
import sys
import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter

with SummaryWriter(sys.argv[1]) as writer:
    for step in range(int(sys.argv[2])):
        writer.add_scalar("loss", 1 / (step + 1), step)
        writer.add_scalar("accuracy", step / 32, step, new_style=True)
        writer.add_histogram("weights", np.arange(10.0) + step, step)
        writer.add_image("image", np.full((3, 4, 4), 10 * step, np.uint8), step)
        writer.add_text("note", f"this is **step {step}**", step)
        writer.add_pr_curve("curve", np.array([0, 1, 1, 0]), np.array([0.1, 0.9, step / 20, 0.2]), step)
        writer.add_mesh("mesh", torch.full((1, 3, 3), float(step)), global_step=step)
    writer.add_hparams({"lr": 0.1, "name": "x"}, {"final": 0.5}, run_name="trial")
"""
TENSORFLOW = """
import sys
import tensorflow as tf
from tensorboard.plugins.hparams import api

with tf.summary.create_file_writer(sys.argv[1]).as_default():
    api.hparams({"lr": 0.1, "name": "x"}, trial_id="trial")
    for step in range(int(sys.argv[2])):
        tf.summary.scalar("loss", 1 / (step + 1), step=step)
        tf.summary.histogram("weights", tf.range(10.0) + step, step=step)
        tf.summary.image("image", tf.fill([1, 4, 4, 3], step / 32), step=step)
        tf.summary.text("note", f"this is **step {step}**", step=step)
        tf.summary.write("tensor", tf.range(4) + step, step=step)
"""
#: The program of each writer, and the kinds of summaries that it writes, as EventAccumulator names them. The
#: hyperparameters of PyTorch's writer have no value that it would show.
WRITERS = {
    "torch": (TORCH, {"image", "histogram", "text", "pr_curves", "mesh", "scalars"}),
    "tensorflow": (TENSORFLOW, {"images", "histograms", "text", "tensor", "hparams", "scalars"}),
}


@pytest.fixture(scope="module", params=WRITERS)
def logged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Event files of a real writer, in a process of its own: two frameworks in one process can abort it."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    folder = tmp_path_factory.mktemp(request.param) / "in"
    program, kinds = WRITERS[request.param]
    command = [sys.executable, "-c", program, str(folder / "run"), str(STEPS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    found = kept_by_accumulator(folder)
    assert {kind for kind, *_ in found} == kinds
    assert all(len(kept) == STEPS for (kind, *_), kept in found.items() if kind != "hparams")
    return folder


def done_after(step: int, axis: Axis) -> int:
    """Count by hand how much is done after the batch with this index."""
    epochs, batches = divmod(step + 1, BATCHES)
    samples = epochs * SAMPLES + batches * SIZE
    return {"batch": step + 1, "sample": samples, "epoch": round(samples / SAMPLES * 1_000_000)}[axis]


@pytest.mark.parametrize("reader", [kept_by_accumulator, kept_by_server])
@pytest.mark.parametrize("axis", ["epoch", "sample", "batch"])
def test_all_are_kept(logged: Path, tmp_path: Path, axis: Axis, reader: Callable[[Path], Kept]) -> None:
    result = sb.rewrite(logged, tmp_path / "out", PLAN, axis=axis, unit="step", base=0)
    assert result.left_out == ()
    expected = {
        key: [(done_after(step, axis), time, content) for step, time, content in kept]
        for key, kept in reader(logged).items()
    }
    assert len(expected) >= 4
    assert reader(tmp_path / "out") == expected
