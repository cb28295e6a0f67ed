"""The whole script of the guide runs, is killed, goes on, and prints what its page shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages import languages, page_of, run

if TYPE_CHECKING:
    import pytest


def test_the_script_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = page_of("torch_script")
    text = page.read_text(encoding="utf-8")
    assert run(page) == languages(text)["python"] == 3
    shown = text.partition("```text\n")[2].partition("```")[0]
    assert capsys.readouterr().out == shown


def test_each_changed_line_is_marked() -> None:
    """What is of stepbridge is in a line with a mark, or is what the script did before."""
    script = page_of("torch_script").read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    ours = ("stepbridge", "clock", "ClockLR", "EpochOrder", "stopping")
    unmarked = [
        line.strip()
        for line in script.splitlines()
        if any(word in line for word in ours) and not line.endswith("# +") and "# -" not in line
    ]
    # The last three end the function, or the test of the page.
    assert unmarked == [
        "return clock",
        "if clock.sample == stop_after:  # the machine goes away here",
        "return clock",
        "return clock",
    ]
