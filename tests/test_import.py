"""All of `stepbridge` loads numpy and nothing heavier, and each name is loaded when it is first used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import stepbridge as sb

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


@pytest.mark.parametrize(
    "statement", ["import stepbridge", "from stepbridge import *", "import stepbridge._core", "import stepbridge.cli"]
)
def test_nothing_heavy_is_loaded(statement: str) -> None:
    assert loaded_by(statement) == []


def test_the_check_can_fail() -> None:
    assert loaded_by("import click") == ["click"]


def test_the_command_line_loads_no_tables_before_it_prints_one() -> None:
    assert loaded_by("import stepbridge.cli._program") == ["click"]


def test_a_module_of_the_package_is_there_without_an_import_of_its_own() -> None:
    code = "import stepbridge as sb; print(sb.logs.FORMATS[0], sb.conventions.PHANTOM is not None)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "tfevents True\n"


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'stepbridge' has no attribute 'Written'"):
        sb.Written  # type: ignore[attr-defined]  # noqa: B018 - that is what is tested
    assert set(sb.__all__) <= set(dir(sb))


def test_public_names_are_there() -> None:
    code = "import stepbridge as sb; assert all(hasattr(sb, name) for name in sb.__all__); print(len(sb.__all__))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 0
