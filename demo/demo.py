"""Re-indexes the real logs in this folder: every record gets the epoch and the iter that it belongs to.

Nothing is said here about the length of an epoch: each of these logs states its epochs, and that is enough to know it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import stepbridge as sb

HERE = Path(__file__).parent
LOGS = HERE / "logs"
COMPARE = HERE / "compare"
OUT = HERE.parent / "build"
COLUMNS = ("run", "tag", "step", "epoch", "iter", "value")
ROWS_A_RUN = 5

Row = dict[str, Any]


def main() -> None:
    """Read, re-index, write, and show a part."""
    print("Real logs, as their authors published them (demo/logs/SOURCE.md):")
    for folder, repository, licence in sources(LOGS):
        print(f"  {folder}: github.com/{repository} ({licence})")

    logs = sb.read_logs(LOGS)
    table = logs.reindex()

    OUT.mkdir(exist_ok=True)
    table.write(OUT / "demo.parquet")
    table.write(OUT / "demo.jsonl")

    rows = [json.loads(line) for line in (OUT / "demo.jsonl").read_text(encoding="utf-8").splitlines()]
    print(f"\nSome of the {len(table)} records; epoch and iter count from 0, step is what the log says:\n")
    show([row for _, run in groupby(rows, key=itemgetter("run")) for row in some(list(run))])

    print()
    for assumed in table.assumed:
        print(f"  {assumed.run}: its steps are taken as indices from {assumed.base}, since {assumed.reason}")
    for problem in (*logs.problems, *table.problems):
        print(f"  {problem.file}: {problem.reason}")
    print("The whole table: build/demo.parquet, for polars.read_parquet or pandas.read_parquet")
    print(page())


def page() -> str:
    """Write runs of two batch sizes as one page, which needs plotly, and say where it is."""
    arguments = ["plot", COMPARE, "--axis", "sample", "-o", OUT / "demo.html"]
    command = [sys.executable, "-m", "stepbridge", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"There is no page of curves: {done.stderr.strip()}"
    ((_, repository, licence), *_) = sources(COMPARE)
    return (
        f"Three more runs, of batches of 32 and of 128 (demo/compare, from github.com/{repository}, {licence}),\n"
        "on any axis: build/demo.html, for a browser"
    )


def sources(logs: Path) -> list[tuple[str, str, str]]:
    """List folder, repository and licence, each once, from the table in SOURCE.md."""
    text = (logs / "SOURCE.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^/`]+)/[^|]*\| ([^| ]+) \|[^|]*\|[^|]*\| ([^| ]+) \|", text, re.MULTILINE)
    return list(dict.fromkeys(rows))


def some(run: list[Row]) -> list[Row]:
    """Pick rows of the loss that a run logged most often: evenly spread, the first and the last among them."""
    tags = [row["tag"] for row in run if "loss" in row["tag"]]
    chosen = [row for row in run if row["tag"] == max(tags, key=tags.count)]
    last, parts = len(chosen) - 1, min(ROWS_A_RUN, len(chosen)) - 1
    return [chosen[last * part // max(parts, 1)] for part in range(parts + 1)]


def show(rows: list[Row]) -> None:
    """Print rows under the names of their columns; numbers are aligned to the right."""
    cells = [COLUMNS, *(tuple(text(row[name]) for name in COLUMNS) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for cell in cells:
        sides = ("<", "<", ">", ">", ">", ">")
        print(
            "  ".join(f"{part:{side}{width}}" for part, side, width in zip(cell, sides, widths, strict=True)).rstrip()
        )


def text(value: object) -> str:
    """Write a cell; None is a dash."""
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
