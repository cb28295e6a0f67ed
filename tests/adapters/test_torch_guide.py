"""Every block of the PyTorch guide does what it says."""

from __future__ import annotations

from adapters.guides import every_block_runs


def test_the_guide_runs() -> None:
    every_block_runs("torch")
