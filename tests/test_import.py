"""`import stepbridge` loads numpy and nothing heavier."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "tensorflow", "keras", "jax", "polars", "pandas", "pyarrow", "click", "rich", "tensorboard")

LOADED = """
import sys
{statement}
print(*sorted(set({heavy!r}) & set(sys.modules)))
"""


def loaded_by(statement: str) -> list[str]:
    """Run a statement in a fresh interpreter and say which heavy modules it left loaded."""
    code = LOADED.format(statement=statement, heavy=HEAVY)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("module", ["stepbridge", "stepbridge._core"])
def test_nothing_heavy_is_loaded(module: str) -> None:
    assert loaded_by(f"import {module}") == []


def test_the_check_can_fail() -> None:
    assert loaded_by("import click") == ["click"]


def test_the_command_line_loads_no_tables_before_it_prints_one() -> None:
    assert loaded_by("import stepbridge.cli") == ["click"]


def test_public_names_are_there() -> None:
    code = "import stepbridge as sb; assert all(hasattr(sb, name) for name in sb.__all__); print(len(sb.__all__))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 0
