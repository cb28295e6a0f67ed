"""The examples run as they stand, without a Python warning, and print what they should."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.tensorflow_worker import QUIET

EXAMPLES = Path(__file__).parents[2] / "examples"
PRINTED = {
    # 13 batches an epoch; loss scaling leaves the first two updates out.
    "tensorflow_loop.py": [
        "batch 20, sample 156, step 20, applied 18",
        "goes on at epoch 1, iter 7",
        "batch 52, sample 400, step 52, applied 50",
    ],
    "tensorflow_mirrored.py": ["step 39, iterations 39, sample 303, seen 303"],
    "tensorflow_session.py": [
        "begins at step 0, epoch 0",
        "Epoch 1, Iter 13, Step 13",
        "Epoch 2, Iter 13, Step 26",
        "begins at step 26, epoch 2",
        "Epoch 3, Iter 13, Step 39",
        "Epoch 4, Iter 13, Step 52",
    ],
}


def test_every_example_is_here() -> None:
    assert {path.name for path in EXAMPLES.glob("tensorflow_*.py")} == set(PRINTED)


# The scale of Keras 3.10 falls once inside a tf.function, and no update is ever made.
KERAS_3_10 = importlib.metadata.version("keras").startswith("3.10.")


@pytest.mark.parametrize("name", [name for name in PRINTED if not (KERAS_3_10 and name == "tensorflow_loop.py")])
def test_what_an_example_prints(name: str) -> None:
    command = [sys.executable, "-W", "error", str(EXAMPLES / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=os.environ | QUIET)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == PRINTED[name]
