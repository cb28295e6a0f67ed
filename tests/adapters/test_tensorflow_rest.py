"""`clock.rest(dataset)`: what is left of an epoch of a `tf.data.Dataset`, in any batch size."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}


def test_what_is_left_is_exact_to_the_sample_or_refused() -> None:
    script = Path(__file__).parent / "tensorflow_rest.py"
    done = subprocess.run([sys.executable, script], env=os.environ | QUIET, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["resumed"] == [{"right": True, "sample": 206}] * 7
    assert "shuffled in another order each time" in found["refused"]
    assert "reshuffle_each_iteration=False" in found["refused"]
    others = found["others"]
    assert others["same"] == []
    for kind in ("seed", "shuffled now"):
        refused, skipped = others[kind]
        assert "another order than the dataset has (" in refused
        assert "which are not those that are done" in skipped
    refused, skipped = others["anew"]
    assert "shuffled in another order each time" in refused
    assert "which are not those that are done" in skipped
    assert "the loader has 200 samples, but the epoch is planned with 103" in others["other data"][0]
