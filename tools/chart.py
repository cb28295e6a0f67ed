"""Draws the speeds in benches/RESULTS.md next to their peers: `python tools/chart.py [FILE]`; `make bench` does it."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import NamedTuple

from drawing import Picture

BENCHES = Path(__file__).parent.parent / "benches"
RESULTS, CHART = BENCHES / "RESULTS.md", BENCHES / "speeds.svg"
WIDTH, LEFT, RIGHT, ROW, BAR = 820, 16, 72, 42, 14
MARKS = (1, 10, 100)


class Speed(NamedTuple):
    """A row of the results: how many times as fast as a peer."""

    what: str
    peer: str
    ratio: float
    asked: float


def speeds(results: str) -> list[Speed]:
    """Return the rows of the benches' page that compare speeds."""
    rows = (line.strip("| ").split(" | ") for line in results.splitlines() if line.startswith("|"))
    found = []
    for row in rows:
        kind, _, asked = row[5].rpartition(" ")
        if kind == "speed, at least":
            found.append(Speed(row[0], row[1], float(row[4]), float(asked)))
    return found


def drawn(rows: list[Speed]) -> Picture:
    """Draw a bar for each, on a logarithmic axis, with a line at the target."""
    picture = Picture("How many times as fast as each peer stepbridge is", WIDTH)
    room = WIDTH - LEFT - RIGHT
    lowest = min(0.5, *(min(row.ratio, row.asked) for row in rows))
    decades = math.log10(max(MARKS[-1] * 2, *(row.ratio for row in rows)) / lowest)

    def x(ratio: float) -> float:
        return LEFT + room * math.log10(ratio / lowest) / decades

    picture.text("text bold", LEFT, 26, "Times as fast as the peer (logarithmic; orange: the target)")
    top = 40.0
    for row in rows:
        picture.text("text small", LEFT, top + 11, f"{row.what}; peer: {row.peer}")
        picture.box("even", (LEFT, top + 16), (x(row.ratio) - LEFT, BAR))
        picture.path("open", [(x(row.asked), top + 13), (x(row.asked), top + 19 + BAR)])
        picture.text("text", x(max(row.ratio, row.asked)) + 6, top + 16 + BAR - 2, f"{row.ratio:.3g} x")
        top += ROW
    picture.path("line", [(LEFT, top + 2), (WIDTH - RIGHT, top + 2)])
    for mark in MARKS:
        picture.path("line", [(x(mark), top - 2), (x(mark), top + 6)])
        picture.text("pale small", x(mark), top + 20, f"{mark} x", "middle")
    return picture


def main() -> int:
    """Draw the chart next to the results, or into the file that is named."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else CHART
    target.write_text(drawn(speeds(RESULTS.read_text(encoding="utf-8"))).svg(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
