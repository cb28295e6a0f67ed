"""Every block of Lightning's guide does what it says, and the example prints what it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from adapters.guides import every_block_runs, examples_of, printed_by
from adapters.lightning_training import QUIET

if TYPE_CHECKING:
    from pathlib import Path

LAST = {"lightning_resume.py": "batch 36, step 18, sample 360, repeated 0"}


@pytest.mark.filterwarnings(*QUIET)
def test_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A Trainer saves its own checkpoints where it is run.
    monkeypatch.chdir(tmp_path)
    every_block_runs("lightning")


def test_every_example_is_here() -> None:
    assert examples_of("lightning") == set(LAST)


@pytest.mark.parametrize("name", LAST)
def test_the_last_line(name: str) -> None:
    printed = printed_by(name)
    assert printed[-1] == LAST[name]
    assert "Lightning resumes at epoch 1, sample 0; the run has trained 180 samples" in "\n".join(printed)
