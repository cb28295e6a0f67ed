"""A Chromium without a window, where one is installed: what it makes of a page."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

__all__ = ["CHROMIUM", "MISSING", "dumped"]

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "chrome-headless-shell", "chromium-headless-shell")
#: Why a test that needs one is skipped.
MISSING = "there is no Chromium on this machine (Debian: apt install chromium): what a browser shows is NOT tested"


def browser() -> str | None:
    """Return the Chromium of the system, or the one that playwright installed."""
    own = Path.home() / ".cache" / "ms-playwright"
    found = [str(path) for name in ("chrome", "headless_shell") for path in own.glob(f"chromium*/*/{name}")]
    return next(filter(None, map(shutil.which, NAMES)), None) or next(iter(found), None)


CHROMIUM = browser()


def dumped(address: str, budget: int = 20_000) -> str:
    """Open an address, let its scripts run for so many milliseconds of their own time, and return the document."""
    assert CHROMIUM is not None
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--window-size=1600,1200")
    command = [CHROMIUM, *flags, f"--virtual-time-budget={budget}", "--dump-dom", address]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=240)
    return done.stdout
