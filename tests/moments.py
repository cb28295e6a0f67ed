"""Waits for the clock to move on, for tests whose files must have different times."""

from __future__ import annotations

import time


def later() -> None:
    """Return when the clock shows a later time than it does now."""
    now = time.time()
    while time.time() <= now:
        time.sleep(0)


def next_second() -> None:
    """Return when the clock shows another second than it does now."""
    now = int(time.time())
    while int(time.time()) == now:
        time.sleep(0.01)
