"""What the tests of every framework's guide and examples do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pages import languages, page_of, run

EXAMPLES = Path(__file__).parents[2] / "examples"


def every_block_runs(framework: str) -> None:
    """Run the guide's blocks: all of them, and at least one."""
    page = page_of(framework)
    assert run(page) == languages(page.read_text(encoding="utf-8")).total() > 0


def examples_of(framework: str) -> set[str]:
    """List the examples of a framework."""
    return {path.name for path in EXAMPLES.glob(f"{framework}_*.py")}


def printed_by(example: str) -> list[str]:
    """Run an example in a process of its own, and give the lines that it prints."""
    command = [sys.executable, str(EXAMPLES / example)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
