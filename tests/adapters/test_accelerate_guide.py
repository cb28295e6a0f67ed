"""Every block of Accelerate's guide does what it says, and the example prints what it should."""

from __future__ import annotations

import pytest
from accelerate.state import AcceleratorState

from adapters.guides import every_block_runs, examples_of, printed_by

LAST = {"accelerate_loop.py": "batch 30, step 15, applied 15, sample 240"}


@pytest.mark.filterwarnings("ignore::Warning", "error::stepbridge.StepbridgeWarning")
def test_the_guide_runs() -> None:
    AcceleratorState._reset_state(reset_partial_state=True)
    every_block_runs("accelerate")


def test_every_example_is_here() -> None:
    assert examples_of("accelerate") == set(LAST)


@pytest.mark.parametrize("name", LAST)
def test_the_last_line(name: str) -> None:
    assert printed_by(name)[-1] == LAST[name]
