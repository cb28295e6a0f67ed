"""Measures what stepbridge adds to a process that imports numpy, and what its help costs next to click alone.

The package alone, then with all of its names: a name is loaded when it is first used. Then each adapter, after its
framework: in one process, because the seconds that a framework takes differ by more than an adapter needs.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

from claims import CLAIMS, Measured
from timing import once, pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

REPEATS = 21
ADAPTER_REPEATS = 5


def measure() -> Iterator[Measured]:
    """Measure whole processes, in turn."""
    package, names, help_page, version, *adapters = CLAIMS["import_time"]
    # The first process writes the compiled modules, as an installer does, even if this process may not write them.
    peer = partial(importing, "import numpy")
    for claim in (package, names):
        yield Measured(claim, pairs(partial(importing, claim.what), peer, REPEATS), "ms", 1e3)
    peer = partial(used_by, "-c", "import click")
    for claim, option in ((help_page, "--help"), (version, "--version")):
        yield Measured(claim, pairs(partial(used_by, "-m", "stepbridge", option), peer, REPEATS), "ms", 1e3)
    for claim in adapters:
        measured = pairs(partial(after_framework, *claim.what.split("; ")), lambda: 0.0, ADAPTER_REPEATS)
        yield Measured(claim, measured, "ms", 1e3)


def after_framework(framework: str, adapter: str) -> float:
    """Return the seconds that an import takes in a process after another one."""
    program = f"{framework}\nimport time\nbegin = time.perf_counter()\n{adapter}\nprint(time.perf_counter() - begin)"
    return float(run("-c", program).splitlines()[-1])


def importing(statement: str) -> float:
    """Return the seconds that a process takes to start, import and end."""
    return once(lambda: run("-c", statement))


def used_by(*arguments: str) -> float:
    """Return the seconds of the processor that a process of Python takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(*arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run(*arguments: str) -> str:
    """Run Python, which may write its compiled modules, and return what it prints."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout
