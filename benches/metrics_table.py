"""Writes the table that the readers are measured on: what Lightning's CSVLogger has written after a long training.

Each row is one logging call, of one of five groups of four metrics; the other sixteen cells are empty. Every value is a
float printed in full.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

GROUPS = 5
EACH = 4
BATCHES = 10_000


def write(path: Path, rows: int) -> int:
    """Write `rows` rows, unless the file is already there; return how many values it holds."""
    values = rows * EACH
    whole = path.with_suffix(f".{values}.whole")
    if whole.exists():
        return values
    path.parent.mkdir(parents=True, exist_ok=True)
    number = random.Random(1)
    names = [f"group_{group}/metric_{metric}" for group in range(GROUPS) for metric in range(EACH)]
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(("epoch", "step", *names)) + "\r\n")
        for step in range(rows):
            cells = [""] * (GROUPS * EACH)
            begin = step % GROUPS * EACH
            cells[begin : begin + EACH] = [repr(number.random()) for _ in range(EACH)]
            file.write(f"{step // BATCHES},{step}," + ",".join(cells) + "\r\n")
    whole.touch()
    return values
