"""The examples run as they stand, without a warning, and print what they should."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
LAST = {
    # 13 batches an epoch, 4 a step: 16 attempted, of which the scaler skipped 4 until its scale fitted.
    "torch_amp.py": "batch 52, sample 400, step 16, applied 12",
    "torch_ddp.py": "batch 21, step 12, sample 303, padding 3",
    "torch_schedule.py": "step 30, sgd 30, adam 30",
}


def test_every_example_is_here() -> None:
    assert {path.name for path in EXAMPLES.glob("torch_*.py")} == set(LAST)


@pytest.mark.parametrize("name", LAST)
def test_the_last_line(name: str) -> None:
    command = [sys.executable, "-W", "error", str(EXAMPLES / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == LAST[name]
