"""Starts the worker of a column, and keeps what it answered; two at a time, as importing a framework takes seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.cells import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Future

    from conformance.cells import Column

__all__ = ["Workers", "answers"]

TESTS = Path(__file__).parent.parent
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "TF_ENABLE_ONEDNN_OPTS": "0"}


class Workers:
    """The workers that a test session needs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(2)
        self._running: dict[str, Future[dict[str, Any]]] = {}

    def start(self, columns: Iterable[str]) -> None:
        """Starts what is not running yet."""
        for column in columns:
            if column not in self._running:
                self._running[column] = self._pool.submit(answers, column, COLUMNS[column], self._folder)

    def answer(self, column: str, scenario: str) -> dict[str, Any]:
        """Returns what the worker of a column answered for a scenario; waits for it."""
        self.start([column])
        answer: dict[str, Any] = self._running[column].result()[scenario]
        return answer

    def close(self) -> None:
        """Forgets what has not begun."""
        self._pool.shutdown(cancel_futures=True)


def answers(name: str, column: Column, folder: Path) -> dict[str, Any]:
    """Runs the worker of a column; returns its answer for each scenario.

    Raises:
        AssertionError: its framework is not installed, or the worker broke down.
    """
    if column.package is not None and find_spec(column.package) is None:
        raise AssertionError(f"{column.package} is not installed: the conformance suite runs on the real frameworks")
    done = subprocess.run(
        [sys.executable, "-m", "conformance.worker", name, str(folder / name)],
        capture_output=True,
        text=True,
        check=False,
        cwd=TESTS,
        env=os.environ | QUIET | column.environment,
    )
    if done.returncode:
        raise AssertionError(f"the worker of {name} ended with {done.returncode}:\n{done.stderr[-5000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
