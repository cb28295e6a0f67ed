"""Runs `adapters.keras_worker` once a backend, and hands out what it counted."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

BACKENDS = ("tensorflow", "jax", "torch")
#: The lowest version differs from the newest in what these tests count on.
KERAS_3_10 = importlib.metadata.version("keras").startswith("3.10.")
#: What it cannot do on JAX: evaluate inside a fit (a TypeError of its own), and find a gradient that is not finite.
NOT_ON_JAX = (
    "evaluated_and_predicted_inside",
    "evaluated_inside_with_unstated_sizes",
    "updates_left_out",
    "updates_left_out_fused",
    "updates_left_out_of_windows",
)
TESTS = Path(__file__).parent.parent


def run_on(backend: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Start Python on a backend, in a process of its own."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    environment = {**os.environ, **quiet, "KERAS_BACKEND": backend, "PYTHONPATH": str(TESTS)}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@lru_cache
def results(backend: str) -> dict[str, Any]:
    """Every scenario's result; a backend that does not start fails whoever asks."""
    folder = Path(tempfile.mkdtemp(prefix=f"stepbridge-keras-{backend}-"))
    done = run_on(backend, "-m", "adapters.keras_worker", folder)
    if done.returncode != 0:
        raise RuntimeError(f"Keras on {backend} did not run:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads((folder / f"{backend}.json").read_text(encoding="utf-8"))
    return found


def result(backend: str, scenario: str) -> dict[str, Any]:
    """One scenario's: "value", and "warned", the warnings of stepbridge."""
    if KERAS_3_10 and backend == "jax" and scenario in NOT_ON_JAX:
        pytest.skip("Keras 3.10 does not do this on JAX")
    found: dict[str, Any] = results(backend)[scenario]
    assert "error" not in found, found["error"]
    return found


def value(backend: str, scenario: str) -> Any:
    """What a scenario returned."""
    return result(backend, scenario)["value"]
