"""Every fenced block of the README and of CONTRIBUTING does what it says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

if TYPE_CHECKING:
    from sybil import Document, Example

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "CONTRIBUTING.md", "docs/cli.md", "docs/ledger.md", "docs/guides/loops.md")
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def run_console(example: Example) -> None:
    """Run each `$ stepbridge ...` line and compare what it prints with the lines below it."""
    for command, printed in re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", example.parsed, re.MULTILINE):
        program, *arguments = shlex.split(command)
        assert program == "stepbridge"
        done = subprocess.run(
            [sys.executable, "-m", "stepbridge", *arguments], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == printed


def check_targets(example: Example) -> None:
    """Check that each `make` line names a target that there is."""
    for line in example.parsed.splitlines():
        program, target = line.split()[:2]
        assert program == "make"
        assert target in TARGETS


SYBIL = Sybil(
    parsers=[
        PythonCodeBlockParser(),
        CodeBlockParser(language="console", evaluator=run_console),
        CodeBlockParser(language="sh", evaluator=check_targets),
    ]
)


@pytest.fixture(scope="module")
def documents() -> dict[str, Document]:
    return {page: SYBIL.parse(ROOT / page) for page in PAGES}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with the demo's logs beside, as in a checkout, where the blocks may write."""
    (tmp_path / "demo").symlink_to(ROOT / "demo", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_blocks_run(page: str, documents: dict[str, Document], folder: Path) -> None:
    for example in documents[page].examples():
        example.evaluate()


@pytest.mark.parametrize("page", PAGES)
def test_no_block_is_left_out(page: str, documents: dict[str, Document]) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    fences = text.count("\n```") // 2 - text.count("\n```text\n")
    assert len(list(documents[page].examples())) == fences > 0


def test_a_wrong_block_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nassert 1 + 1 == 3\n```\n", encoding="utf-8")
    (example,) = SYBIL.parse(page).examples()
    with pytest.raises(AssertionError):
        example.evaluate()


def test_what_the_readme_says_a_loop_prints(
    documents: dict[str, Document], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for example in SYBIL.parse(ROOT / "README.md").examples():
        if "clock" in example.parsed or "import stepbridge" in example.parsed:
            example.evaluate()
    printed = capsys.readouterr().out.splitlines()
    assert printed == ["Epoch 2, Iter 5, Step 10", "Epoch 4, Iter 5, Step 20"]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"`{line}`" in text for line in printed)
