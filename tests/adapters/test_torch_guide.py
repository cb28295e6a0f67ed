"""Every block of the PyTorch guide does what it says."""

from __future__ import annotations

from pages import languages, page_of, run

PAGE = page_of("torch")


def test_the_guide_runs() -> None:
    assert run(PAGE) == languages(PAGE.read_text(encoding="utf-8")).total() > 0
