"""Every block of the Trainer's guide does what it says."""

from __future__ import annotations

import adapters.transformers_training  # noqa: F401  # sets what Transformers reads when it is imported
from pages import languages, page_of, run

PAGE = page_of("transformers")


def test_the_guide_runs() -> None:
    assert run(PAGE) == languages(PAGE.read_text(encoding="utf-8")).total() > 0
