"""Measures what stepbridge adds to a process that imports numpy: the package alone, then with all of its names.

A name is loaded when it is first used.
"""

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
    package, names = CLAIMS["import_time"]
    # The first process writes the compiled modules, as an installer does, even if this process may not write them.
    peer = partial(importing, "import numpy")
    for claim in (package, names):
        yield Measured(claim, pairs(partial(importing, claim.what), peer, REPEATS), "ms", 1e3)


def importing(statement: str) -> float:
    """Return the seconds that a process takes to start, import and end."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return once(lambda: subprocess.run([sys.executable, "-c", statement], check=True, env=environment))
