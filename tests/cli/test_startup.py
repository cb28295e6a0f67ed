"""What `stepbridge` imports before it prints its help: no more than click, so that TAB and --help answer at once.

How much time that takes is measured by `make bench` (benches/import_time.py).
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from commands import NAMES, PROGRAM

HELP = [("--help",), ("--version",), *((name, "--help") for name in NAMES)]
HEAVY = {"numpy", "rich", "polars", "pandas", "pyarrow", "torch", "tensorflow", "keras", "jax"}
#: What the options and the help texts are made of.
OURS = {
    "stepbridge",
    *(f"stepbridge.{name}" for name in ("_core", "_errors", "_problem", "_text", "cli", "conventions")),
}


def imported(*arguments: str) -> set[str]:
    """Run the command line and list the modules that Python imported."""
    command = [sys.executable, "-X", "importtime", *PROGRAM[1:], *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.parametrize("arguments", HELP, ids=" ".join)
def test_help_needs_click_alone(arguments: tuple[str, ...]) -> None:
    modules = imported(*arguments)
    assert "click" in modules
    assert {module.partition(".")[0] for module in modules} & HEAVY == set()
    ours = {module for module in modules if module.startswith("stepbridge") and ".cli." not in module}
    assert ours == OURS


def test_the_list_of_imports_can_show_more() -> None:
    assert {"click", "numpy"} <= imported("convert", "3ep", "step", "--batches-per-epoch", "5")
