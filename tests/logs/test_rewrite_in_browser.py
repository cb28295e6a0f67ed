"""TensorBoard in a real Chromium, if one is installed: rewritten runs of two batch sizes are on each other."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

import stepbridge as sb
from browser import CHROMIUM, MISSING, dumped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    #: Its points across and down, in pixels.
    Line = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)

SAMPLES, EPOCHS, SIZES = 6000, 2, (20, 100)


@contextmanager
def tensorboard(folder: Path, runs: int) -> Iterator[str]:
    """Start TensorBoard on a folder, and give its address when it has so many runs."""
    options = (f"--logdir={folder}", "--host=127.0.0.1", "--port=0", "--load_fast=false", "--reload_interval=1")
    command = [sys.executable, "-m", "tensorboard.main", *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as server:
        try:
            found = (re.search(r"at (http://\S+?)/? \(Press", line) for line in server.stderr or ())
            address = next(match[1] for match in found if match)
            while len(json.load(urllib.request.urlopen(f"{address}/data/runs"))) < runs:
                pass
            yield address
        finally:
            server.kill()


def curves(folder: Path) -> list[Line]:
    """List the lines that TensorBoard draws of the only tag, in pixels."""
    with tensorboard(folder, len(SIZES)) as address:
        document = dumped(f"{address}/?smoothing=0#timeseries", budget=60_000)
    drawn = [tag for tag in re.findall(r"<path\b[^>]*>", document) if "fill: none" in tag and "stroke-width" in tag]
    lines = [re.findall(r"([-\d.e]+),([-\d.e]+)", re.findall(r' d="([^"]+)"', tag)[0]) for tag in drawn]
    return [(np.array([float(x) for x, _ in line]), np.array([float(y) for _, y in line])) for line in lines]


def apart(curves: list[Line]) -> tuple[float, float]:
    """Return how far the ends of two curves are from each other, and their heights between, in pixels."""
    (x1, y1), (x2, y2) = curves
    x = np.linspace(max(x1[0], x2[0]), min(x1[-1], x2[-1]), 200)
    return abs(float(x1[-1] - x2[-1])), float(np.abs(np.interp(x, x1, y1) - np.interp(x, x2, y2)).max())


def test_two_batch_sizes_are_on_each_other(tmp_path: Path) -> None:
    """The loss is a function of the samples done: by step the runs end at other places, by sample they are one."""
    for size in SIZES:
        writer = EventFileWriter(str(tmp_path / "in" / f"bs{size}"))
        for step in range(1, SAMPLES * EPOCHS // size + 1):
            summary = Summary(value=[Summary.Value(tag="loss", simple_value=1 / (1 + step * size / 2000))])
            writer.add_event(Event(step=step, wall_time=1e9 + step, summary=summary))
        writer.close()
    plans = {f"bs{size}": sb.Timeline.plan(samples=SAMPLES, batch_size=size, epochs=EPOCHS) for size in SIZES}
    before = curves(tmp_path / "in")
    assert len(before) == len(SIZES)
    assert apart(before)[0] > 100
    for axis in ("sample", "epoch"):
        sb.rewrite(tmp_path / "in", tmp_path / axis, plans, axis=axis, unit="step", base=1)
        after = curves(tmp_path / axis)
        assert len(after) == len(SIZES)
        assert max(apart(after)) < 2
