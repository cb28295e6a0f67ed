"""What `stepbridge` imports before it prints its help: no more than click, so that TAB and --help answer at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

from commands import NAMES, PROGRAM

HELP = [("--help",), ("--version",), *((name, "--help") for name in NAMES)]
HEAVY = {"numpy", "rich", "polars", "pandas", "pyarrow", "torch", "tensorflow", "keras", "jax"}


def imported(*arguments: str) -> set[str]:
    """Run the command line and list the packages that Python imported."""
    command = [sys.executable, "-X", "importtime", *PROGRAM[1:], *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.mark.parametrize("arguments", HELP, ids=" ".join)
def test_help_needs_click_alone(arguments: tuple[str, ...]) -> None:
    packages = imported(*arguments)
    assert "click" in packages
    assert packages & HEAVY == set()


def test_the_list_of_imports_can_show_more() -> None:
    assert {"click", "numpy"} <= imported("convert", "3ep", "step", "--batches-per-epoch", "5")


# The CPU time of a process that has ended, which waits for no other. `os.times` counts in hundredths of a second.
CPU = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime)
"""


def seconds(*command: str) -> float:
    """Return the least CPU time of several runs."""
    runs = range(7)
    measured = [
        subprocess.run([sys.executable, "-S", "-c", CPU, *command], capture_output=True, text=True, check=True).stdout
        for _ in runs
    ]
    return min(map(float, measured))


@pytest.mark.skipif(sys.platform == "win32", reason="CPU times of processes as Unix has them")
@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_costs_little_more_than_click(option: str) -> None:
    """It takes 1.6 times as long as `import click`; numpy alone would make it 3.5 times."""
    alone = seconds(sys.executable, "-c", "import click")
    assert seconds(*PROGRAM, option) <= 2.5 * alone
