"""The examples run as they stand, each on a backend of its own, and print what they should."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.keras_runs import BACKENDS, run_on

EXAMPLES = Path(__file__).parents[2] / "examples"
#: Keras's own, where it saves weights on JAX.
KERAS_WARNS = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
LAST = {
    # 27 batches of 10 samples and 46 of 4, 2 a step.
    "keras_fit.py": "batch 73, step 36, sample 450, optimizer.iterations 36",
    "keras_resume.py": "batch 28, step 28, sample 260, Position(epoch=4, iter=0)",
    "keras_units.py": "stopped at Location(epoch=5, iter=6), step 42; 16 records with their epochs",
}


def test_every_example_is_here() -> None:
    assert {path.name for path in EXAMPLES.glob("keras_*.py")} == set(LAST)


@pytest.mark.parametrize(("name", "backend"), [*zip(LAST, BACKENDS, strict=True)])
def test_the_last_line(name: str, backend: str) -> None:
    done = run_on(backend, "-W", "error", "-W", KERAS_WARNS, EXAMPLES / name)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == LAST[name]
