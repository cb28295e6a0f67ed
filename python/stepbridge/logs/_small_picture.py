"""A small picture of a table for a notebook: one series of its runs, as SVG without a script and without a library."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stepbridge._text import counted, printable, shortened
from stepbridge.logs._curves import AXIS_LABELS
from stepbridge.logs._drawing import COLOURS, GREY

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepbridge.logs._curves import Axis, Column, Curve, Curves

__all__ = ["small_picture"]

#: Of larger tables there is no picture: a notebook shows a table within a moment.
MOST_RECORDS = 2_000_000
#: How many points a curve has.
POINTS = 200
#: What people look at first, as patterns of tags.
FIRST = ("*loss*", "*Loss*", "*LOSS*")
#: The sizes of the drawing and of the names next to it.
WIDTH, HEIGHT, NAMES, MARGIN = 400, 140, 240, 8
LONGEST_NAME = 36

Drawn = list[tuple["Curve", "Column", "Column"]]


def small_picture(records: int, curves: Callable[..., Curves]) -> str:
    """Returns the picture; nothing if there is nothing to draw, or too much for a moment."""
    if not 0 < records <= MOST_RECORDS:
        return ""
    try:
        found = curves(FIRST, points=POINTS)
    except ValueError:  # no tag is called so
        try:
            found = curves((), points=POINTS)
        except ValueError:
            return ""
    tag = most_logged(found)
    found = found._replace(curves=tuple(curve for curve in found.curves if curve.tag == tag))
    axes: tuple[Axis, ...] = ("epoch", "step")
    for axis in axes:
        try:
            drawn, _ = found.on(axis)
        except ValueError:  # no run knows the axis
            continue
        return svg(found, drawn, f"{tag} by {AXIS_LABELS[axis]}")
    return ""


def most_logged(curves: Curves) -> str:
    """Returns the tag with the most records; of several the first."""
    counts: dict[str, int] = {}
    for curve in curves.curves:
        counts[curve.tag] = counts.get(curve.tag, 0) + curve.records
    return max(counts, key=lambda tag: counts[tag])


def svg(curves: Curves, drawn: Drawn, title: str) -> str:
    """Draws the curves, the names of their runs next to them."""
    finite = [(curve, x[np.isfinite(y)], y[np.isfinite(y)]) for curve, x, y in drawn]
    finite = [(curve, x, y) for curve, x, y in finite if len(x)]
    if not finite:
        return ""
    runs = list(dict.fromkeys(curve.run for curve, *_ in finite))
    right, left = max(float(x.max()) for _, x, _ in finite), min(float(x.min()) for _, x, _ in finite)
    low, high = min(float(y.min()) for *_, y in finite), max(float(y.max()) for *_, y in finite)
    shapes = [text(MARGIN, 14, title, "bold")]
    for curve, x, y in finite:
        number = runs.index(curve.run)
        if number >= len(COLOURS):  # only counted
            continue
        across = MARGIN + share(x, left, right) * WIDTH
        down = 24 + (1 - share(y, low, high)) * HEIGHT
        points = " ".join(f"{one:.1f},{other:.1f}" for one, other in zip(across, down, strict=True))
        colour = GREY if curve.superseded else COLOURS[number]
        shapes.append(line(points, colour) if len(x) > 1 else dot(points, colour))
    for number, run in enumerate(runs[: len(COLOURS)]):
        shapes.append(text(WIDTH + 3 * MARGIN, 34 + 18 * number, curves.runs[run].label, "normal", COLOURS[number]))
    if (more := len(runs) - len(COLOURS)) > 0:
        shapes.append(text(WIDTH + 3 * MARGIN, 34 + 18 * len(COLOURS), f"and {counted(more, 'more run')}"))
    ends = f"{left:,.6g} to {right:,.6g}; {low:.6g} to {high:.6g}"
    shapes.append(text(MARGIN, 24 + HEIGHT + 18, ends))
    size = f'width="{WIDTH + NAMES}" height="{HEIGHT + 52}"'
    style = 'style="background:#fff;font:12px system-ui,sans-serif"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size} {style}>{"".join(shapes)}</svg>'


def share(values: Column, low: float, high: float) -> Column:
    """Returns which part of the way from low to high each value is."""
    # Halves, so that the way between the largest floats is a float too.
    way = high / 2 - low / 2
    return (values / 2 - low / 2) / way if way else np.full(len(values), 0.5)


def line(points: str, colour: str) -> str:
    """Returns a curve of several points."""
    return f'<polyline points="{points}" fill="none" stroke="{colour}"/>'


def dot(point: str, colour: str) -> str:
    """Returns a curve of one point."""
    x, _, y = point.partition(",")
    return f'<circle cx="{x}" cy="{y}" r="2" fill="{colour}"/>'


def text(x: float, y: float, words: str, weight: str = "normal", colour: str = "#333333") -> str:
    """Returns a line of text; names from logs are shown, whatever is in them."""
    from html import escape  # noqa: PLC0415 - its table of entities would be a tenth of our own import

    words = escape(shortened(printable(words), LONGEST_NAME if x > WIDTH else 2 * LONGEST_NAME))
    return f'<text x="{x}" y="{y}" font-weight="{weight}" fill="{colour}">{words}</text>'
