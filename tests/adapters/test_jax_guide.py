"""Every block of the guide of JAX does what it says, and the example prints what it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from adapters.guides import every_block_runs, examples_of, printed_by

if TYPE_CHECKING:
    from pathlib import Path

LAST = {"jax_grain.py": "resumed after sample 29: the same samples True, step 7, applied 7"}


@pytest.mark.filterwarnings("ignore::Warning", "error::stepbridge.StepbridgeWarning")
def test_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    every_block_runs("jax")


def test_every_example_is_here() -> None:
    assert examples_of("jax") == set(LAST)


@pytest.mark.parametrize("name", LAST)
def test_the_last_line(name: str) -> None:
    assert printed_by(name)[-1] == LAST[name]
