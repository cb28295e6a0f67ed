"""The pages of the documentation and their fenced blocks: which there are, and how each language is run.

`python tests/pages.py PAGE` runs one page's blocks in a process of its own, for pages that need a framework.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

import stepbridge as sb

if TYPE_CHECKING:
    from sybil import Example

__all__ = ["LANGUAGES", "OF_FRAMEWORKS", "PAGES", "SHOWN", "SYBIL", "languages", "page_of", "run"]

ROOT = Path(__file__).parent.parent
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

#: Every page, by its name in the repository.
PAGES = tuple(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
)

#: Those that need a framework: its own tests run them, in a process of its own.
OF_FRAMEWORKS = {
    "docs/guides/pytorch.md": "torch",
    "docs/guides/script.md": "torch_script",
    "docs/guides/keras.md": "keras",
    "docs/guides/tensorflow.md": "tensorflow",
    "docs/guides/transformers.md": "transformers",
    "docs/guides/lightning.md": "lightning",
    "docs/guides/accelerate.md": "accelerate",
    "docs/guides/ignite.md": "ignite",
    "docs/guides/jax.md": "jax",
}

#: Languages of blocks that are looked at and not run.
SHOWN = frozenset({"text", "toml"})


def run_console(example: Example) -> None:
    """Run each `$ stepbridge ...` line and compare what it prints with the lines below it."""
    commands = re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", example.parsed, re.MULTILINE)
    assert "".join(f"$ {command}\n{printed}" for command, printed in commands) == example.parsed
    for command, printed in commands:
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


def check_ledger(example: Example) -> None:
    """Check that the lines are a ledger, each of them whole."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "stepclock.jsonl").write_text(example.parsed, encoding="utf-8")
        assert sb.read_ledger(folder).problems == ()


#: What is done with a block of each language; of all blocks of a page those in Python share their names.
LANGUAGES = {"python": None, "console": run_console, "sh": check_targets, "jsonl": check_ledger}

SYBIL = Sybil(
    parsers=[
        PythonCodeBlockParser(),
        *(CodeBlockParser(language, evaluator) for language, evaluator in LANGUAGES.items() if evaluator),
    ]
)


def languages(text: str) -> Counter[str]:
    """Count the blocks of code in a page by language; one that names none, or is only indented, has the name ""."""
    tokens = MarkdownIt().parse(text)
    return Counter(token.info.split(" ")[0] for token in tokens if token.type in {"fence", "code_block"})


def run(page: Path) -> int:
    """Run every block of a page, and return how many there are."""
    examples = list(SYBIL.parse(page).examples())
    for example in examples:
        example.evaluate()
    return len(examples)


def page_of(framework: str) -> Path:
    """Return the guide that a framework's tests run."""
    (page,) = (page for page, needed in OF_FRAMEWORKS.items() if needed == framework)
    return ROOT / page


if __name__ == "__main__":
    print(run(Path(sys.argv[1])), "blocks")  # noqa: T201 - a script, and this is its answer
