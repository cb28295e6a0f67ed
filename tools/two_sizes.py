"""The losses of two real runs, in batches of 32 and 128, by step and by sample: the points that `Table.plot` draws."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import matplotlib as mpl
import numpy as np
from drawing import Picture

import stepbridge as sb

if TYPE_CHECKING:
    from stepbridge.logs._curves import Axis

__all__ = ["axes"]

#: Three runs on CIFAR-10; SOURCE.md there says whose they are.
LOGS = Path(__file__).parent.parent / "demo" / "compare"
#: Of these two the batch sizes differ; each with the class of its line.
RUNS = {"0822_bs32": "epochs", "0829_bs128": "steps"}
SMOOTH = 0.8
#: The losses at the bottom and at the top of a panel; what is above comes in the first 30 steps.
LOW, HIGH = 1.4, 3.0


class Line(NamedTuple):
    """A curve of one run."""

    label: str
    x: list[float]
    y: list[float]


def lines(axis: Axis) -> dict[str, Line]:
    """Return what `Table.plot` draws of each of the runs against an axis, in its own numbers."""
    table = sb.read_logs(LOGS).reindex()
    labelled = [(str(line.get_label()), line) for line in table.plot(axis, "loss", smooth=SMOOTH).get_lines()]
    found = {
        label.partition(" ")[0]: Line(
            label, np.asarray(line.get_xdata()).tolist(), np.asarray(line.get_ydata()).tolist()
        )
        for label, line in labelled
    }
    return {run: found[run] for run in RUNS}


def axes() -> Picture:
    """Draw both losses against the step, where they differ, and against the sample, where they do not."""
    mpl.use("agg")
    picture = Picture("Against the step the losses of two batch sizes differ, against the sample they agree", 720)
    width, height, top = 300.0, 150.0, 40.0
    panels: tuple[tuple[float, Axis], ...] = ((30.0, "step"), (390.0, "sample"))
    for left, axis in panels:
        picture.text("text bold", left, 24, f"loss by {axis}")
        drawn = lines(axis)
        last = max(line.x[-1] for line in drawn.values())
        for number, (run, line) in enumerate(drawn.items()):
            points = [
                (left + x / last * width, top + (HIGH - y) / (HIGH - LOW) * height)
                for x, y in zip(line.x, line.y, strict=True)
                if y <= HIGH
            ]
            picture.path(RUNS[run], points)
            y = top + 12 + 18 * number
            picture.path(RUNS[run], [(left + 140, y - 4), (left + 160, y - 4)])
            picture.text("text small", left + 166, y, line.label)
        picture.path("line", [(left, top), (left, top + height), (left + width, top + height)])
        picture.text("pale small", left, top + height + 16, "0")
        picture.text("pale small", left + width, top + height + 16, f"{axis} {last:,.0f}", "end")
        for loss in (1.5, 2.0, 2.5):
            y = top + (HIGH - loss) / (HIGH - LOW) * height
            picture.text("pale small", left - 4, y + 4, f"{loss}", "end")
    return picture
