"""Measures `stepbridge info` on 10,000 runs of a few records each, next to the reading of them that it begins with.

Both in one process, so that the start of Python and the imports count for neither.
"""

from __future__ import annotations

import contextlib
import io
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import event_file
import stepbridge as sb
from claims import CLAIMS, Measured
from stepbridge.cli import main
from timing import once, pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNS = Path(__file__).parent.parent / "build" / "bench" / "info_runs"
COUNT, STEPS = 10_000, 5
REPEATS = 7


def measure() -> Iterator[Measured]:
    """Measure the command against the reading."""
    (claim,) = CLAIMS["info_runs"]
    event_file.write_tree(RUNS, COUNT, STEPS)
    check()
    measured = pairs(partial(once, shown), partial(once, partial(sb.read_logs, RUNS)), REPEATS)
    yield Measured(claim, measured, "ms", 1e3)


def shown() -> str:
    """Run the command, and return what it prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        main(["info", str(RUNS)])
    return out.getvalue()


def check() -> None:
    """Stop unless the command shows all runs."""
    if f"{COUNT:,} runs" not in shown():
        message = f"info does not show {COUNT:,} runs"
        raise RuntimeError(message)
