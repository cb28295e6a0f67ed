"""Runs `adapters.keras_worker` once a backend, and hands out what it counted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

BACKENDS = ("tensorflow", "jax", "torch")
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
    found: dict[str, Any] = results(backend)[scenario]
    assert "error" not in found, found["error"]
    return found


def value(backend: str, scenario: str) -> Any:
    """What a scenario returned."""
    return result(backend, scenario)["value"]
