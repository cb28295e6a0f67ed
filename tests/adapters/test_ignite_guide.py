"""Every block of the guide of Ignite does what it says, and the example prints what it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from adapters.guides import every_block_runs, examples_of, printed_by

if TYPE_CHECKING:
    from pathlib import Path

LAST = {"ignite_resume.py": "stateful: sample 40, trained again 0sp, never 0sp"}


@pytest.mark.filterwarnings("ignore::Warning", "error::stepbridge.StepbridgeWarning")
def test_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    every_block_runs("ignite")


def test_every_example_is_here() -> None:
    assert examples_of("ignite") == set(LAST)


@pytest.mark.parametrize("name", LAST)
def test_the_last_line(name: str) -> None:
    assert printed_by(name)[-1] == LAST[name]
