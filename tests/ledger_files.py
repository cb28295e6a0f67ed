"""Runs with a ledger, its lines, and the one warning where it cannot be written."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import stepbridge as sb

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["NAME", "kinds", "lines", "loop", "one_warning"]

NAME = "stepclock.jsonl"


def loop(clock: sb.StepClock, length: int = 5, epochs: int | None = None) -> None:
    for _ in clock.epochs(epochs):
        for _ in clock.batches(range(length), resume="continues"):
            pass


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / NAME).read_text(encoding="utf-8").splitlines()]


def kinds(folder: Path) -> list[str]:
    return [line["kind"] for line in lines(folder)]


@contextmanager
def one_warning(match: str) -> Iterator[None]:
    """Expect one warning of ours, and no other."""
    with pytest.warns(sb.StepbridgeWarning, match=match) as caught:
        yield
    assert len(caught) == 1
    assert "Training goes on" in str(caught[0].message)
