"""Every adapter of a trainer has a test of each wrong use, and the check of them can fail."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

import stepbridge as sb
from adapters.bad_use import CASES, check_all, said

FRAMEWORKS = ("transformers", "lightning", "accelerate", "ignite", "jax")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_adapter_is_used_wrongly(framework: str) -> None:
    text = Path(__file__).with_name(f"test_{framework}_bad_use.py").read_text(encoding="utf-8")
    assert "check_all(USES, tmp_path)" in text
    assert [case for case in CASES if f'"{case}": (' not in text] == []


def warn_twice() -> None:
    for _ in range(2):
        warnings.warn("something is wrong", sb.StepbridgeWarning, stacklevel=1)


def test_the_check_can_fail(tmp_path: Path) -> None:
    def refuse(text: str) -> None:
        raise sb.TimelineError(text)

    def use(text: str) -> object:
        return lambda _: refuse(text)

    good: Any = {case: (use("it is wrong"), "wrong") for case in CASES}
    folders = [tmp_path / name for name in ("good", "lines", "other", "twice")]
    for folder in folders:
        folder.mkdir()
    check_all(good, folders[0])
    bad: Any = [(use("two\nlines"), "two"), (use("other"), "wrong"), (lambda _: warn_twice(), "wrong")]
    for folder, one in zip(folders[1:], bad, strict=True):
        with pytest.raises(AssertionError, match="a missing framework"):
            check_all({**good, CASES[-1]: one}, folder)
    assert said(warn_twice) == ["something is wrong"] * 2
