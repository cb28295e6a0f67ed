"""Every block of Lightning's guide does what it says, and the example prints what it should."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from adapters.lightning_training import QUIET
from pages import languages, page_of, run

PAGE = page_of("lightning")
EXAMPLES = Path(__file__).parents[2] / "examples"
LAST = {"lightning_resume.py": "batch 36, step 18, sample 360, repeated 0"}


@pytest.mark.filterwarnings(*QUIET)
def test_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A Trainer saves its own checkpoints where it is run.
    monkeypatch.chdir(tmp_path)
    assert run(PAGE) == languages(PAGE.read_text(encoding="utf-8")).total() > 0


def test_every_example_is_here() -> None:
    assert {path.name for path in EXAMPLES.glob("lightning_*.py")} == set(LAST)


@pytest.mark.parametrize("name", LAST)
def test_the_last_line(name: str) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == LAST[name]
    assert "Lightning resumes at epoch 1, sample 0; the run has trained 180 samples" in done.stdout
