"""Measures every claim (or those of the benches named as arguments) and writes RESULTS.md next to this file.

Exits with 1 where a claim's ratio was missed. A run of only some benches prints, and leaves RESULTS.md alone.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import multiprocessing
import os
import platform
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from claims import CLAIMS, Duration, Measured, Memory, Rate, Share

# TensorBoard imports TensorFlow, and PyTorch Triton: the process aborts where TensorFlow's LLVM comes first.
with contextlib.suppress(ImportError):
    importlib.import_module("triton")

RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = ("what", "peer", "stepbridge", "peer's time", "ratio", "asked", "reached")
# Half a core of something else is noise; more takes a core from what is measured on all of them.
BUSY = 0.5
PACKAGES = (
    "stepbridge",
    "numpy",
    "polars",
    "pyarrow",
    "tensorboard",
    "tensorboard-data-server",
    "tqdm",
    "torch",
    "keras",
)


def alone(name: str) -> list[Duration | Measured | Memory | Rate | Share]:
    """Measure a bench in a process of its own: what another one freed or started would slow it down."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measured_of, name).result()


def measured_of(name: str) -> list[Duration | Measured | Memory | Rate | Share]:
    """Measure a bench, and print each row as it comes."""
    rows = []
    for measured in importlib.import_module(name).measure():
        print(" | ".join(measured.row()), flush=True)
        rows.append(measured)
    return rows


def main(names: list[str]) -> int:
    """Run the benches and say whether all of their claims hold."""
    if unknown := set(names) - set(CLAIMS):
        print(
            f"no bench is called {', '.join(sorted(unknown))}: name one of {', '.join(CLAIMS)}",
            file=sys.stderr,
        )
        return 2
    busy = load()
    if busy is not None and busy > BUSY:
        print(f"warning: {busy:.1f} processes run already; what uses all cores is measured too slow", file=sys.stderr)
    rows: list[Duration | Measured | Memory | Rate | Share] = []
    for name in names or CLAIMS:
        rows += alone(name)
    if not names:
        RESULTS.write_text(report(rows, busy), encoding="utf-8")
    asked = sum(len(CLAIMS[name]) for name in names or CLAIMS)
    missed = sum(not measured.holds for measured in rows)
    print(f"{len(rows)} of {asked} claims measured, {missed} missed")
    return 1 if missed or len(rows) != asked else 0


def report(rows: list[Duration | Measured | Memory | Rate | Share], busy: float | None) -> str:
    """Write the page: the machine, the versions, a table."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    lines = [
        "# Measured claims",
        "",
        "Written by `make bench`, which fails where a ratio is missed; `claims.py` holds the targets. Each pair is",
        "timed in turn; a time is the median of its repeats, a ratio the median of the pairs' (speed: the peer's time",
        "divided by ours; cost: ours divided by the peer's; more: the median of the pairs' differences; %: our time",
        "in a batch as a part of a step; s: our time; MB: the most memory that the process held; MB a second: the size",
        "of the file divided by our time).",
        "",
        f"- Machine: {processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        f"- Load before the run: {'unknown' if busy is None else f'{busy:.1f}'}",
        f"- Versions: CPython {platform.python_version()}, {versions}",
        "",
        "| " + " | ".join(HEAD) + " |",
        "| " + " | ".join("---" for _ in HEAD) + " |",
        *("| " + " | ".join(measured.row()) + " |" for measured in rows),
    ]
    return "\n".join(lines) + "\n"


def load() -> float | None:
    """Give how many processes ran in the last minute, where the system tells."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def processor() -> str:
    """Name the processor, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "an unnamed processor")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
