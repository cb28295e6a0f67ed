"""Every block of the guide of JAX does what it says, and the example prints what it should."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pages import languages, page_of, run

PAGE = page_of("jax")
EXAMPLES = Path(__file__).parents[2] / "examples"
LAST = {"jax_grain.py": "resumed after sample 29: the same samples True, step 7, applied 7"}


@pytest.mark.filterwarnings("ignore::Warning", "error::stepbridge.StepbridgeWarning")
def test_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(PAGE) == languages(PAGE.read_text(encoding="utf-8")).total() > 0


def test_every_example_is_here() -> None:
    assert {path.name for path in EXAMPLES.glob("jax_*.py")} == set(LAST)


@pytest.mark.parametrize("name", LAST)
def test_the_last_line(name: str) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == LAST[name]
