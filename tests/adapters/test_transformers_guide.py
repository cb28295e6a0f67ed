"""Every block of the Trainer's guide does what it says."""

from __future__ import annotations

import adapters.transformers_training  # noqa: F401  # sets what Transformers reads when it is imported
from adapters.guides import every_block_runs


def test_the_guide_runs() -> None:
    every_block_runs("transformers")
