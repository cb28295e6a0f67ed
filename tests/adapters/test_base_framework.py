"""What is stated where a framework is missing, broken or older than what an adapter is tested with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ADAPTER = """
from stepbridge.adapters.base import framework

with framework("tiny", title="Tiny", tested="2.10"):
    import tiny
"""


def imported(folder: Path, version: str | None) -> subprocess.CompletedProcess[str]:
    """Import an adapter of a framework of that version, twice, and report what is printed."""
    if version is not None:
        (folder / "tiny.py").write_text(f"__version__ = {version!r}\n" if version else "import missing_part\n")
    (folder / "its_adapter.py").write_text(ADAPTER)
    code = f"import sys; sys.path.insert(0, {str(folder)!r})\nimport its_adapter\nimport its_adapter"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("version", ["2.10.0", "2.10", "2.11.0a1", "3.0", "10.0+cpu", "unknown"])
def test_a_version_that_is_tested_says_nothing(tmp_path: Path, version: str) -> None:
    done = imported(tmp_path, version)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("version", ["2.9.9", "2.4.1+cpu", "1.99"])
def test_an_older_version_is_named_once_with_the_one_that_is_tested(tmp_path: Path, version: str) -> None:
    done = imported(tmp_path, version)
    assert done.returncode == 0
    assert done.stderr.count("StepbridgeWarning") == 1
    assert f"stepbridge.adapters.tiny is tested with Tiny 2.10 and newer; this is {version}" in done.stderr
    assert "its_adapter.py" in done.stderr


def test_a_missing_one_names_the_extra(tmp_path: Path) -> None:
    done = imported(tmp_path, None)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last == "ImportError: stepbridge.adapters.tiny needs Tiny: pip install 'stepbridge[tiny]'"


def test_a_broken_one_is_not_called_missing(tmp_path: Path) -> None:
    done = imported(tmp_path, "")
    assert done.returncode == 1
    assert "No module named 'missing_part'" in done.stderr
    assert "stepbridge[tiny]" not in done.stderr


@pytest.mark.parametrize(("framework", "tested"), [("torch", "2.4"), ("keras", "3.10"), ("tensorflow", "2.19")])
def test_each_adapter_names_the_version_that_it_is_tested_with(framework: str, tested: str) -> None:
    package = Path(__file__).parent.parent.parent / "python" / "stepbridge" / "adapters" / framework
    text = (package / "__init__.py").read_text(encoding="utf-8")
    assert f'with framework("{framework}", title=' in text
    assert f'tested="{tested}"' in text
