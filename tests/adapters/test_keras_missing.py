"""Without Keras, and on a backend that is not there."""

from __future__ import annotations

import subprocess
import sys

import pytest

from adapters.keras_runs import results


def test_without_keras_the_error_names_the_extra() -> None:
    code = "import sys; sys.modules['keras'] = None\nimport stepbridge.adapters\nimport stepbridge.adapters.keras"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ImportError: stepbridge.adapters.keras needs Keras: pip install 'stepbridge[keras]'" in done.stderr


def test_the_adapters_bring_in_no_framework() -> None:
    code = "import sys, stepbridge.adapters; assert not {'keras', 'tensorflow', 'torch', 'jax'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_backend_that_is_missing_fails() -> None:
    with pytest.raises(RuntimeError, match="Keras on nosuchbackend did not run"):
        results("nosuchbackend")
