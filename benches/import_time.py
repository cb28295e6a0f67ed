"""Measures what stepbridge adds to a process that imports numpy: all its names, which are loaded when they are used."""

from __future__ import annotations

import os
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
    # The first process writes the compiled modules, as an installer does, even where this process was told not to.
    everything = "import numpy; from stepbridge import *"
    importing(everything)
    ours, peer = partial(importing, everything), partial(importing, "import numpy")
    yield Measured(claim, pairs(ours, peer, REPEATS), "ms", 1e3)


def importing(statement: str) -> float:
    """Return the seconds that a process takes to start, import and end."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return once(lambda: subprocess.run([sys.executable, "-c", statement], check=True, env=environment))
