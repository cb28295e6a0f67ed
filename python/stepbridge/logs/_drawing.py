"""Draws curves with matplotlib, which is imported when it is used, and with plotext in a terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from stepbridge._text import printable, shortened
from stepbridge.logs._curves import AXIS_LABELS
from stepbridge.logs._export import imported

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from stepbridge.logs._curves import Axis, Curves

__all__ = ["draw", "draw_in_terminal", "picture"]

#: Colours that people with colour-blindness distinguish (Okabe and Ito), and lines that distinguish tags.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
LINES = ("-", "--", ":", "-.")
GREY = "#b0b0b0"
#: A longer name in a legend loses its middle.
LONGEST_LABEL = 80
#: The names of things inside an SVG follow from this, so that the same logs give the same file.
SALT = "stepbridge"


def draw(curves: Curves, axis: Axis, ax: Axes | None = None, *, log: bool = False) -> tuple[Axes, list[str]]:
    """Draws all curves into axes of matplotlib, new ones by default, and returns what was left out.

    Parts that a later session repeated are grey, resumes are dotted lines, and epochs end at ticks at the bottom.

    Raises:
        ValueError: no run knows the axis.
        ImportError: matplotlib is not installed.
    """
    drawn, left_out = curves.on(axis)
    if ax is None:
        made: Axes = imported("matplotlib.pyplot", "plot").subplots(figsize=(9, 5), layout="constrained")[1]
        ax = made
    tags = list(dict.fromkeys(curve.tag for curve, *_ in drawn))
    runs = list(dict.fromkeys(curve.run for curve, *_ in drawn))
    named: set[tuple[str, str]] = set()
    for curve, x, y in drawn:
        colour = COLOURS[runs.index(curve.run) % len(COLOURS)]
        line = LINES[tags.index(curve.tag) % len(LINES)]
        if curve.superseded:
            ax.plot(x, y, color=GREY, linestyle=line, linewidth=1, zorder=1)
            continue
        label = None
        if (curve.run, curve.tag) not in named:
            label = curves.runs[curve.run].label + (f": {curve.tag}" if len(tags) > 1 else "")
            named.add((curve.run, curve.tag))
        # A leading underscore would hide the label.
        label = label and " " * label.startswith("_") + written(label)
        ax.plot(x, y, color=colour, linestyle=line, linewidth=1.4, label=label, marker="." if len(x) == 1 else None)
    for run in runs:
        colour = COLOURS[runs.index(run) % len(COLOURS)]
        for end in curves.runs[run].ends_on(axis):
            ax.axvline(end, ymax=0.03, color=colour, linewidth=1)
        for resume in resumes(drawn, run):
            ax.axvline(resume, color=colour, linewidth=0.8, linestyle=":")
    ax.set_xlabel(AXIS_LABELS[axis])
    ax.set_ylabel(written(tags[0]) if len(tags) == 1 else "value")
    if log:
        ax.set_yscale("log")
    ax.legend()
    return ax, left_out


def written(name: str) -> str:
    """Returns a name as matplotlib writes it; a dollar sign would begin a formula."""
    return shortened(printable(name), LONGEST_LABEL).replace("$", r"\$")


def resumes(drawn: list[tuple[Any, Any, Any]], run: str) -> list[float]:
    """Returns where the later sessions of a run begin."""
    begins: dict[int, float] = {}
    for curve, x, _ in drawn:
        if curve.run == run and not curve.superseded:
            begins[curve.session] = min(begins.get(curve.session, np.inf), float(x[0]))
    first = min(begins, default=0)
    return [begin for session, begin in begins.items() if session > first]


def picture(curves: Curves, axis: Axis, ending: str, *, log: bool = False) -> tuple[bytes, list[str]]:
    """Draws all curves into the bytes of a picture, .svg or .png, and returns what was left out.

    The same logs give the same bytes, whenever they are drawn.
    """
    svg = ending == ".svg"
    content = io.BytesIO()
    matplotlib = imported("matplotlib", "plot")
    figure = imported("matplotlib.figure", "plot").Figure(figsize=(9, 5), layout="constrained")
    _, left_out = draw(curves, axis, figure.subplots(), log=log)
    with matplotlib.rc_context({"svg.hashsalt": SALT}):
        figure.savefig(content, format=ending[1:], dpi=150, metadata={"Date": None} if svg else None)
    return content.getvalue(), left_out


def draw_in_terminal(
    curves: Curves, axis: Axis, size: tuple[int, int], *, log: bool = False, colour: bool = True
) -> tuple[str, list[str]]:
    """Draws all curves with characters, and returns what was left out.

    Raises:
        ValueError: no run knows the axis.
        ImportError: plotext is not installed.
    """
    plotext = imported("plotext", "plot")
    drawn, left_out = curves.on(axis)
    several = len({curve.tag for curve, *_ in drawn}) > 1
    plotext.clear_figure()
    plotext.plot_size(*size)
    colours = ("blue+", "orange+", "green+", "magenta+", "cyan+", "red+")
    runs = list(dict.fromkeys(curve.run for curve, *_ in drawn))
    named: set[tuple[str, str]] = set()
    for curve, x, y in drawn:
        known = np.isfinite(y) & (y > 0 if log else True)
        if not known.any():
            continue
        label = None
        if not curve.superseded and (curve.run, curve.tag) not in named:
            label = curves.runs[curve.run].label + (f": {curve.tag}" if several else "")
            label = shortened(printable(label), size[0] // 2)
            named.add((curve.run, curve.tag))
        shade = "gray" if curve.superseded else colours[runs.index(curve.run) % len(colours)]
        line = plotext.plot if known.sum() > 1 else plotext.scatter
        line(x[known].tolist(), y[known].tolist(), label=label, color=shade, marker="braille")
    for resume in sorted({resume for run in runs for resume in resumes(drawn, run)}):
        plotext.vline(resume, "gray")
    if log:
        plotext.yscale("log")
    plotext.xlabel(AXIS_LABELS[axis])
    text = str(plotext.build())
    return (text if colour else str(plotext.uncolorize(text))), left_out
