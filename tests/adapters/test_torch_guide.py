"""Every block of the PyTorch guide does what it says."""

from __future__ import annotations

from pathlib import Path

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "pytorch.md"


def test_the_guide_runs() -> None:
    examples = list(Sybil(parsers=[PythonCodeBlockParser()]).parse(PAGE).examples())
    assert len(examples) == PAGE.read_text(encoding="utf-8").count("```python\n") > 0
    for example in examples:
        example.evaluate()
