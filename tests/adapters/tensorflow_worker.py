"""Runs scenarios in a process of their own, since a TensorFlow cannot be set up twice, and hands back what they saw."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepbridge import StepbridgeWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Scenario = Callable[[], Any]

TESTS = Path(__file__).parent.parent
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "TF_ENABLE_ONEDNN_OPTS": "0"}


def results(module: str) -> dict[str, Any]:
    """Run all scenarios of a worker module; each one's answer by its name."""
    done = subprocess.run(
        [sys.executable, "-m", f"adapters.{module}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=TESTS,
        env=os.environ | QUIET,
    )
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answers


def answer(answers: dict[str, Any], name: str) -> Any:
    """Return what a scenario saw, or fail with its traceback."""
    found = answers[name]
    assert not (isinstance(found, dict) and "traceback" in found), found["traceback"]
    return found


def run(scenarios: list[Scenario]) -> None:
    """Run the scenarios and print what they saw as the last line."""
    answers = {}
    for scenario in scenarios:
        with warnings.catch_warnings():
            warnings.simplefilter("error", StepbridgeWarning)
            try:
                answers[scenario.__name__] = scenario()
            except Exception:  # noqa: BLE001 - the test that asks for this scenario fails with it
                answers[scenario.__name__] = {"traceback": traceback.format_exc()}
    print(json.dumps(answers))  # noqa: T201 - a script, and this is its answer


@contextmanager
def warned() -> Iterator[list[str]]:
    """Take down what stepbridge warns of."""
    texts: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield texts
        finally:
            texts += [str(warning.message) for warning in caught if issubclass(warning.category, StepbridgeWarning)]


def refusal(attempt: Callable[[], object]) -> list[str]:
    """Return the name of the class and the text of the error that an attempt ends in."""
    try:
        attempt()
    except Exception as error:  # noqa: BLE001 - which one it is, the test compares
        return [type(error).__name__, str(error)]
    return ["nothing", ""]
