"""Measures what `import stepbridge` adds to a process that imports numpy."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

from claims import CLAIMS, Measured
from timing import once, pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

REPEATS = 21


def measure() -> Iterator[Measured]:
    """Measure whole processes, in turn."""
    (claim,) = CLAIMS["import_time"]
    ours, peer = partial(importing, "import numpy, stepbridge"), partial(importing, "import numpy")
    yield Measured(claim, pairs(ours, peer, REPEATS), "ms", 1e3)


def importing(statement: str) -> float:
    """Return the seconds that a process takes to start, import and end."""
    return once(lambda: subprocess.run([sys.executable, "-c", statement], check=True))
