"""Draws the pictures of the documentation from real timelines, clocks and logs: `python tools/pictures.py [FOLDER]`.

Which batch is in which epoch, how many samples it holds and which step it contributes to are asked of the library.
Epochs, iters and steps are indices from 0, as `locate` gives them.
"""

from __future__ import annotations

import subprocess
import sys
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from drawing import Picture
from terminal import terminal
from two_sizes import axes

import stepbridge as sb

FOLDER = Path(__file__).parent.parent / "docs" / "pictures"
WIDTH = 720
LEFT = 96
ROW = 28


class Batch(NamedTuple):
    """What a timeline says of one batch."""

    epoch: int
    iter: int
    first: int
    """Index of its first sample."""
    samples: int
    step: int | None
    """Index of the step that it contributes to."""


def batches_of(timeline: sb.Timeline) -> list[Batch]:
    """Ask a timeline for all of its batches."""
    found = []
    for number in range(timeline.batches or 0):
        at = timeline.locate(number, unit="batch")
        first = timeline.index(*at, unit="sample")
        samples = int(timeline.convert(f"{number + 1}ba", "sample")) - first
        found.append(Batch(*at, first, samples, timeline.index(*at, unit="step", invalid="mask")))
    return found


def shade(epoch: int) -> str:
    """Return the class of an epoch's cells: neighbours differ."""
    return "odd" if epoch % 2 else "even"


class Track:
    """A timeline from left to right: a cell a batch, as wide as it has samples, and a gap between epochs."""

    def __init__(self, picture: Picture, timeline: sb.Timeline, *, left: float = LEFT, gap: float = 10) -> None:
        self.picture = picture
        self.batches = batches_of(timeline)
        epochs = self.batches[-1].epoch
        self.scale = (picture.width - left - 16 - gap * epochs) / (timeline.samples or 1)
        self.left, self.gap = left, gap

    def span(self, batch: Batch) -> tuple[float, float]:
        """Where a batch begins, and where it ends."""
        begin = self.left + batch.first * self.scale + batch.epoch * self.gap
        return begin, begin + batch.samples * self.scale

    def epochs(self, y: float) -> None:
        """Name the epochs."""
        for epoch, batches in groupby(self.batches, key=lambda batch: batch.epoch):
            inside = list(batches)
            middle = (self.span(inside[0])[0] + self.span(inside[-1])[1]) / 2
            self.picture.text("pale small", middle, y, f"epoch {epoch}", "middle")

    def cells(self, y: float, *, sizes: bool = False) -> None:
        """Draw the batches with their iter, or with how many samples they have."""
        for batch in self.batches:
            begin, end = self.span(batch)
            self.picture.box(shade(batch.epoch), (begin, y), (end - begin, ROW))
            said = str(batch.samples if sizes else batch.iter)
            self.picture.text("text small", (begin + end) / 2, y + 18, said, "middle")

    def windows(self, y: float, lost: str) -> None:
        """Draw the steps as bars below the batches that they are made of; `lost` names a window that closes no step."""
        runs = groupby(self.batches, key=lambda batch: (batch.step, batch.epoch if batch.step is None else 0))
        for (step, _), batches in runs:
            inside = list(batches)
            begin, end = self.span(inside[0])[0], self.span(inside[-1])[1]
            middle = (begin + end) / 2
            self.picture.box("open" if step is None else "step", (begin + 1, y), (end - begin - 2, 18), 4)
            if step is None:
                self.picture.text("warn small", middle, y + 13, lost, "middle")
            else:
                self.picture.text("onstep small bold", middle, y + 13, str(step), "middle")

    def named(self, y: float, name: str, kind: str = "text small") -> None:
        """Write a row's name at its left."""
        self.picture.text(kind, 14, y, name)


def textbook() -> Picture:
    """Draw the textbook run: a row an epoch, a cell a batch, in it the number of the step."""
    plan = sb.Timeline.plan(samples=1000, batch_size=200, epochs=5)
    picture = Picture("1000 samples in batches of 200: 5 batches an epoch, 25 steps in 5 epochs", 560)
    cell = 84
    for iteration in range(5):
        picture.text("pale small", LEFT + cell * (iteration + 0.5), 24, f"iter {iteration}", "middle")
    for batch in batches_of(plan):
        x, y = LEFT + cell * batch.iter, 34 + 34 * batch.epoch
        if batch.iter == 0:
            picture.text("pale small", 20, y + 19, f"epoch {batch.epoch}")
        picture.box(shade(batch.epoch), (x, y), (cell - 6, ROW))
        picture.text("text", x + (cell - 6) / 2, y + 19, f"step {batch.step}", "middle")
    for y, base in ((226, 0), (244, 1)):
        step = (plan.steps or 0) - 1 + base
        at = plan.locate(step, base=base)
        said = f"The last cell, counted from {base}: epoch {at.epoch}, iter {at.iter}, step {step}"
        picture.text("text small", LEFT, y, said)
    return picture


def partial() -> Picture:
    """Draw a last batch that is partial, and what dividing by a size would make of it."""
    plan = sb.Timeline.plan(samples=700, batch_size=300, epochs=3)
    picture = Picture("700 samples in batches of 300: the third batch of each epoch holds 100", WIDTH)
    track = Track(picture, plan)
    track.epochs(24)
    track.named(52, "samples")
    track.cells(34, sizes=True)
    track.named(83, "step")
    track.windows(70, "")
    length, step = 700 // 300, (plan.steps or 0) - 1
    said = f"Step {step} is in epoch {plan.locate(step).epoch}. By 700 // 300 = {length} batches an epoch"
    picture.text("text small", LEFT, 112, f"{said} it would be in epoch {step // length}.")
    return picture


def accumulation() -> Picture:
    """Draw the three rules for a window that is open where an epoch ends."""
    picture = Picture("7 batches an epoch, 3 batches a step: flush makes 6 steps, carry 4, drop 4", WIDTH)
    y = 24.0
    for boundary in ("flush", "carry", "drop"):
        plan = sb.Timeline.plan(samples=7, batch_size=1, epochs=2, accumulate=3, boundary=boundary)
        track = Track(picture, plan)
        if boundary == "flush":
            track.epochs(y)
            y += 10
        track.named(y + 18, boundary, "text bold")
        track.cells(y)
        lost = "lost" if boundary == "drop" else "open"
        track.named(y + 47, f"{plan.steps} steps", "pale small")
        track.windows(y + 34, lost)
        y += 68
    return picture


def workers() -> Picture:
    """Draw one batch that several workers share: one step, whatever their number."""
    ranks, share = 4, 50
    plan = sb.Timeline.plan(samples=1000, batch_size=ranks * share, epochs=1)
    picture = Picture("4 workers with 50 samples each: a batch of 200, and one step", WIDTH)
    track = Track(picture, plan)
    y = 16
    for rank in range(ranks):
        track.named(y + 15, f"worker {rank}", "pale small")
        for batch in track.batches:
            begin, end = track.span(batch)
            picture.box("even", (begin, y), (end - begin - 4, 20))
            picture.text("text small", (begin + end) / 2, y + 14, str(batch.samples // ranks), "middle")
        y += 24
    track.named(y + 17, "batch")
    for batch in track.batches:
        begin, end = track.span(batch)
        picture.text("text", (begin + end) / 2, y + 17, f"{batch.samples} samples", "middle")
    track.named(y + 41, "step")
    track.windows(y + 28, "")
    return picture


def skipped() -> Picture:
    """Draw a run in which a loss scaler left an update out."""
    clock = sb.StepClock(samples=10, batch_size=1, epochs=1)
    picture = Picture("Update 4 of 10 was left out: the step goes on, the count of applied updates stands still", WIDTH)
    track = Track(picture, clock.timeline)
    counted = []
    for _ in clock.epochs():
        for _ in clock.batches(range(10)):
            if clock.step == 4:
                clock.skip_update()
            counted.append((clock.step, clock.applied))
    before = 0
    for batch, (step, applied) in zip(track.batches, counted, strict=True):
        begin, end = track.span(batch)
        middle, left_out = (begin + end) / 2, applied == before
        picture.box("open" if left_out else "step", (begin + 1, 16), (end - begin - 2, ROW), 4)
        kind, said = ("warn small", "skipped") if left_out else ("onstep small", "update")
        picture.text(kind, middle, 34, said, "middle")
        picture.text("text", middle, 64, str(step), "middle")
        picture.text("text", middle, 86, str(applied), "middle")
        before = applied
    track.named(64, "step")
    track.named(86, "applied")
    return picture


def resumed() -> Picture:
    """Draw the textbook run that goes on in batches of 100 after batch 12."""
    plan = sb.Timeline.plan(samples=1000, batch_size=200, epochs=5).change(at="12ba", batch_size=100)
    picture = Picture("After 12 batches of 200 the run goes on in batches of 100, at sample 2400", WIDTH)
    track = Track(picture, plan, left=20)
    track.epochs(24)
    track.cells(34)
    change = track.batches[12]
    x = track.span(change)[0]
    picture.path("open", [(x, 30), (x, 84)])
    picture.text("warn small", x + 6, 82, f"resumed at sample {change.first:,}, in batches of {change.samples}")
    inside = [batch for batch in track.batches if batch.epoch == change.epoch]
    said = f"Epoch {change.epoch} has 2 batches of 200 and {len(inside) - 2} of 100; the epochs after it have 10."
    picture.text("text small", 20, 108, f"{said} In all: {plan.batches} batches, {plan.samples:,} samples.")
    return picture


def whole(answer: sb.Answer) -> int:
    """Return how many are complete."""
    amount = answer.lower if isinstance(answer, sb.Between) else answer
    assert isinstance(amount, sb.Exact | sb.Quantity)
    return amount.value.numerator // amount.value.denominator


def staircase() -> Picture:
    """Draw epochs and steps over the batches, as the core lays them out."""
    plan = sb.Timeline.from_epochs([5, 3, 4, 4], accumulate=2, boundary="flush")
    picture = Picture("Epochs and steps rise over the batches like a staircase", WIDTH)
    batches, across, up = plan.batches or 0, 34.0, 11.0
    left, bottom = 60.0, 124.0
    counts = {"epochs": [0], "steps": [0]}
    for done in range(1, batches + 1):
        # An epoch counts once it is complete, a step once its window is closed.
        counts["epochs"].append(whole(plan.convert(f"{done}ba", "epoch")))
        counts["steps"].append(whole(plan.convert(f"{done}ba", "step")))
    for kind, reached in counts.items():
        points = [(left, bottom)]
        for done in range(1, batches + 1):
            x = left + done * across
            points += [(x, bottom - reached[done - 1] * up), (x, bottom - reached[done] * up)]
        picture.path(kind, points)
        picture.text("text small", points[-1][0] + 8, points[-1][1] + 4, f"{reached[-1]} {kind}")
    picture.path("line", [(left, bottom), (left + batches * across, bottom)])
    for done in range(0, batches + 1, 2):
        picture.text("pale small", left + done * across, bottom + 16, str(done), "middle")
    picture.text("pale small", left + batches * across / 2, bottom + 34, "batches done", "middle")
    return picture


DRAWN = {draw.__name__: draw for draw in (textbook, partial, accumulation, workers, skipped, resumed, staircase, axes)}
#: What a person sees first of the logs in `demo/logs`.
SHOWN = ("info", "infer")
#: The folder of the runs that the page "Compare runs" compares, as its commands have it.
COMPARED = "demo/compare"
#: The pictures that its commands write.
WRITTEN = {
    "compare_step": ("--axis", "step", "--tags", "loss", "--smooth", "0.8"),
    "compare_sample": ("--axis", "sample", "--tags", "loss", "--smooth", "0.8"),
    "compare_accuracy": ("--axis", "epoch", "--tags", "accuracy"),
}


def main() -> int:
    """Draw all pictures into a folder: that of the documentation, or the one that is named."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in DRAWN.items():
        (folder / f"{name}.svg").write_text(draw().svg(), encoding="utf-8")
    for command in SHOWN:
        (folder / f"{command}.svg").write_text(terminal(command, "demo/logs"), encoding="utf-8")
    for name, options in WRITTEN.items():
        plotted(folder / f"{name}.svg", options)
    drawn = terminal("plot", COMPARED, "--axis", "sample", "--tags", "loss", "--smooth", "0.8")
    (folder / "plot.svg").write_text(drawn, encoding="utf-8")
    return 0


def plotted(output: Path, options: tuple[str, ...]) -> None:
    """Let the command line draw the runs that are compared."""
    command = [sys.executable, "-m", "stepbridge", "plot", COMPARED, *options, "-o", str(output)]
    subprocess.run(command, cwd=FOLDER.parent.parent, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
