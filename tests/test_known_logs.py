"""The page of real logs shows what this version makes of them."""

from __future__ import annotations

import difflib

import pytest

from known_logs import DATA, PAGE, POSTED, page


@pytest.mark.skipif(not DATA.exists() or not POSTED.exists(), reason=f"no real logs at {DATA}: set STEPBRIDGE_DATA")
def test_the_page_is_up_to_date() -> None:
    """A difference is either a fault, or a reason to write the page again and to look at what changed."""
    old, new = PAGE.read_text(encoding="utf-8"), page()
    changes = [line for line in difflib.ndiff(old.splitlines(), new.splitlines()) if line[0] in "+-"]
    assert not changes, "\n".join([*changes[:40], "run python tests/known_logs.py --write"])


def test_the_page_exists() -> None:
    assert "exactly" in PAGE.read_text(encoding="utf-8")
