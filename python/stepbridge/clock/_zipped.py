"""Finds out whether a loop zips its batches with something that may end first.

`zip(clock.batches(loader), other)` takes a batch before it asks `other`. Where `other` has ended, the body never sees
that batch, although the clock has counted it. The clock cannot know; it says that this may have happened.
"""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType

__all__ = ["ZippedBatches", "is_zip_near"]


def is_zip_near() -> bool:
    """Whether the code that called the clock uses `zip` at all: all else is not looked at."""
    frame = sys._getframe(2)
    code: CodeType = frame.f_code
    return "zip" in code.co_names


class ZippedBatches:
    """Batches that look once at who holds them: a `zip` that asks others after them may keep the last one."""

    def __init__(self, batches: Iterator[Any], tell: Callable[[], None]) -> None:
        self._batches = batches
        self._tell = tell
        self._asked_first: bool | None = None
        self._handed_out = False

    def __iter__(self) -> ZippedBatches:
        return self

    def __next__(self) -> Any:
        if self._asked_first is None:
            self._asked_first = self._is_asked_before_others()
        try:
            item = next(self._batches)
        except StopIteration:
            self._handed_out = False
            raise
        self._handed_out = True
        return item

    def _is_asked_before_others(self) -> bool:
        for holder in gc.get_referrers(self):
            if isinstance(holder, tuple) and holder and holder[-1] is not self:
                return any(isinstance(owner, zip) for owner in gc.get_referrers(holder))
        return False

    def end(self) -> None:
        """The loop is over: calls `tell` where the body may never have seen the last batch."""
        if self._asked_first and self._handed_out:
            self._handed_out = False
            self._tell()

    def __del__(self) -> None:
        self.end()
