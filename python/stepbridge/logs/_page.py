"""Writes curves as one page that needs nothing else: plotly.js, the points, and the script are all in it.

Strangers wrote the names in logs. The page has them as JSON without any `<`, and its script shows them as text.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stepbridge._text import printable, shortened
from stepbridge.logs._curves import AXIS_LABELS
from stepbridge.logs._export import imported
from stepbridge.timeline import Exact, Quantity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepbridge.logs._curves import Axis, Column, Curve, Curves, RunCurves

__all__ = ["page"]

TEMPLATE = Path(__file__).parent / "page.html"
#: The columns of a curve that the page has.
COLUMNS = ("value", "step", "wall_time", "epoch", "iter", "epochs", "batches", "samples", "tokens")


def page(curves: Curves, axis: Axis, *, log: bool = False, smooth: float = 0.0) -> str:
    """Returns the page, which begins with this axis.

    Raises:
        ValueError: no run knows the axis.
        ImportError: plotly is not installed.
    """
    curves.on(axis)
    tags = {tag: number for number, tag in enumerate(dict.fromkeys(curve.tag for curve in curves.curves))}
    runs = {run: number for number, run in enumerate(curves.runs)}
    data = {
        "axes": AXIS_LABELS,
        "axis": axis,
        "log": log,
        "smooth": smooth,
        "tags": [shown(tag) for tag in tags],
        "runs": [run_data(curves.runs[run]) for run in runs],
        "curves": [curve_data(curve, runs, tags) for curve in curves.curves],
    }
    plotly = imported("plotly.offline", "plot").get_plotlyjs()
    # A script ends at its closing tag, wherever that is; JSON says the same without the character.
    text = json.dumps(data, allow_nan=False).replace("<", "\\u003c")
    before, _, rest = TEMPLATE.read_text(encoding="utf-8").partition("/*PLOTLY*/")
    middle, _, after = rest.partition("/*DATA*/")
    return f"{before}{plotly}{middle}{text}{after}"


def shown(name: str) -> str:
    """Returns a name without control characters, and without its middle if it is very long."""
    return shortened(printable(name))


def run_data(run: RunCurves) -> dict[str, Any]:
    """Returns what the page says of a run. The epoch that its records are in has an end too, if that is planned."""
    ends = [list(end) for end in run.epoch_ends]
    length = None
    if run.timeline is not None:
        end = run.timeline.convert(Quantity(len(ends) + 1, "ep"), "batch")
        length = int(end) if isinstance(end, Exact) else None
    begin = None if np.isnan(run.begin) else run.begin
    return {"name": shown(run.run), "label": shown(run.label), "begin": begin, "ends": ends, "next": length}


def curve_data(curve: Curve, runs: Mapping[str, int], tags: Mapping[str, int]) -> dict[str, Any]:
    """Returns the points of a curve; a column of which nothing is known is left out."""
    return {
        "run": runs[curve.run],
        "tag": tags[curve.tag],
        "session": curve.session,
        "superseded": curve.superseded,
        "records": curve.records,
        **{name: packed(getattr(curve, name)) for name in COLUMNS},
    }


def packed(column: Column) -> str | None:
    """Returns the bytes of a column as text, every bit of each number."""
    if np.isnan(column).all():
        return None
    return base64.b64encode(np.ascontiguousarray(column, "<f8").tobytes()).decode("ascii")
