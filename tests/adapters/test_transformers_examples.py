"""The examples run as they are, and print what they should."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
#: 18 batches of 10 and 36 of 5.
LAST = {"transformers_resume.py": "batch 54, step 27, sample 360, repeated 0"}


def test_every_example_is_here() -> None:
    assert {path.name for path in EXAMPLES.glob("transformers_*.py")} == set(LAST)


@pytest.mark.parametrize("name", LAST)
def test_the_last_line(name: str) -> None:
    command = [sys.executable, "-W", "error::UserWarning", str(EXAMPLES / name)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=240, env=os.environ | {"USE_TF": "0"}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == LAST[name]
    assert "The Trainer resumes at epoch 0, sample 90; the run has trained 180 samples" in done.stdout
