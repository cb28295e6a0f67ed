"""The series of runs as curves: a few thousand exact points of each, on any axis. Rust picks the points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from stepbridge._text import counted, names_near, shortened
from stepbridge.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from stepbridge import _core

__all__ = ["AXIS_LABELS", "Axis", "Curve", "Curves", "RunCurves", "curves_of"]

#: What a curve may be drawn against. "step" is the step as it was logged; "time" is hours since the run's first record.
#: The others count what is complete after the step.
Axis: TypeAlias = Literal["step", "batch", "sample", "token", "epoch", "time"]
AXIS_LABELS: dict[Axis, str] = {
    "step": "step, as it was logged",
    "batch": "batches",
    "sample": "samples",
    "token": "tokens",
    "epoch": "epochs",
    "time": "hours since the first record",
}
#: A curve of more points than this is drawn with some of them.
MOST_POINTS = 2000
HOUR = 3600

Column: TypeAlias = "npt.NDArray[np.float64]"


class Curve(NamedTuple):
    """Records of one series that one session of a run wrote. In the columns, NaN is what is not known."""

    run: str
    tag: str
    session: int
    superseded: bool
    records: int
    """How many records there are; the columns have some of them if they are many."""
    value: Column
    step: Column
    wall_time: Column
    epoch: Column
    iter: Column
    epochs: Column
    """How many epochs are complete after the record, with a fraction; so are the next three."""
    batches: Column
    samples: Column
    tokens: Column

    def on(self, axis: Axis, begin: float = np.nan) -> Column:
        """Returns where the points are on an axis; `begin` is the time of the run's first record."""
        columns: dict[Axis, Column] = {
            "step": self.step,
            "batch": self.batches,
            "sample": self.samples,
            "token": self.tokens,
            "epoch": self.epochs,
        }
        return (self.wall_time - begin) / HOUR if axis == "time" else columns[axis]


class RunCurves(NamedTuple):
    """What the curves of a run have in common."""

    run: str
    timeline: Timeline | None
    epoch_ends: tuple[tuple[int | None, int | None, int | None], ...]
    """How many batches, samples and tokens are complete where each epoch ends."""
    begin: float
    """The time of its first record, in seconds since 1970; NaN if no record has a time."""

    @property
    def label(self) -> str:
        """The run and its batch sizes, as far as the timeline knows them."""
        segments = () if self.timeline is None else self.timeline.segments
        sizes = list(dict.fromkeys(part.batch_size for part in segments if part.batch_size is not None))
        return f"{self.run} (batch {', '.join(f'{size:,}' for size in sizes)})" if sizes else self.run

    def ends_on(self, axis: Axis) -> list[float]:
        """Returns where its epochs end on an axis, as far as that is known."""
        if axis == "epoch":
            return [float(number) for number in range(1, len(self.epoch_ends) + 1)]
        if axis not in ("batch", "sample", "token"):
            return []
        index = ("batch", "sample", "token").index(axis)
        return [float(end) for ends in self.epoch_ends if (end := ends[index]) is not None]


class Curves(NamedTuple):
    """The curves of runs, and what could not be drawn."""

    curves: tuple[Curve, ...]
    runs: Mapping[str, RunCurves]

    def on(self, axis: Axis) -> tuple[list[tuple[Curve, Column, Column]], list[str]]:
        """Returns each curve with its points on an axis, in order, and a clause for each thing that is left out.

        Raises:
            ValueError: there is no such axis, or no run knows it.
        """
        if axis not in get_args(Axis):
            raise ValueError(f"unknown axis {axis!r}: expected one of {', '.join(get_args(Axis))}")
        drawn: list[tuple[Curve, Column, Column]] = []
        lost: dict[tuple[str, str], int] = {}
        for curve in self.curves:
            x = curve.on(axis, self.runs[curve.run].begin)
            known = ~np.isnan(x)
            if not known.all():
                lost[curve.run, curve.tag] = lost.get((curve.run, curve.tag), 0) + int((~known).sum())
            if known.any():
                order = np.argsort(x[known], kind="stable")
                drawn.append((curve, x[known][order], curve.value[known][order]))
        if not drawn:
            raise ValueError(
                f"no record says where it is on the axis {axis!r}: {unknown(axis)}; axis='step' draws what was logged"
            )
        shown = {curve.run for curve, *_ in drawn}
        left_out = [f"run {run} is left out: {unknown(axis)}" for run in self.runs if run not in shown]
        left_out += [
            f"run {run}: {shortened(tag)} is left out in part: {counted(count, 'point')} without a place on this axis"
            for (run, tag), count in lost.items()
            if run in shown
        ]
        return drawn, left_out


def unknown(axis: Axis) -> str:
    """Returns why a run may have no place on an axis."""
    return {
        "step": "it logs no step",
        "time": "it logs no time",
        "epoch": "its timeline is not known, so give a plan",
        "batch": "its timeline is not known, so give a plan",
        "sample": "its batch size is not known, so give a plan with a batch size",
        "token": "its tokens are not known, so give a plan with the tokens of a sample",
    }[axis]


def curves_of(
    core: _core.Logs,
    request: Mapping[str, object],
    tags: str | Sequence[str] | None = None,
    *,
    points: int = MOST_POINTS,
    smooth: float = 0.0,
    together: tuple[int, int] | None = None,
) -> Curves:
    """Returns the curves of all runs; `tags` are names or patterns.

    `together` limits how many points all curves of a tag have, and how many all curves; each has at least a hundred.

    Raises:
        ValueError: a tag that no run has; the message names those that are near. A weight that is not one.
    """
    if not 0 <= smooth < 1:
        raise ValueError(f"smooth must be at least 0 and below 1, not {smooth}")
    asked = [tags] if isinstance(tags, str) else list(tags or ())
    known = core.tags()
    for tag in asked:
        if tag not in known and not {"*", "?"} & set(tag):
            raise ValueError(f"no run has a tag {shortened(tag)!r}; there are {names_near(tag, known, cutoff=0.4)}")
    curves, runs = core.curves(request, asked, points=points, smooth=smooth, together=together)
    if not curves:
        patterns = " or ".join(repr(shortened(tag)) for tag in asked)
        raise ValueError(f"no tag fits {patterns}; there are {', '.join(repr(shortened(tag)) for tag in known[:5])}")
    found = tuple(Curve(*row, *columns) for *row, columns in curves)
    begins: dict[str, float] = {}
    for curve in found:
        begins[curve.run] = float(np.fmin(begins.get(curve.run, np.nan), np.fmin.reduce(curve.wall_time)))
    named = {
        run: RunCurves(run, None if timeline is None else Timeline._of(timeline), tuple(ends), begins[run])
        for run, timeline, ends in runs
        if run in begins
    }
    return Curves(found, named)
