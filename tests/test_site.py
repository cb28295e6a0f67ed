"""`make docs` fails for whatever is wrong with the site: all of it in one build, for a build takes seconds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PAGE = """# Start

Lists need a blank line:
- this one has none

[a page](nowhere.md), [a place](step.md#nowhere), [a name][stepbridge.Nowhere], ![a picture](pictures/nowhere.svg)

<script src="https://example.org/script.js"></script>
"""

#: What a build says of that page, of a page that is in no contents, and of a parameter that is none.
SAID = {
    "a list needs a blank line before it: '- this one has none'",
    "contains a link 'nowhere.md', but the target is not found",
    "contains a link 'step.md#nowhere', but the doc 'step.md' does not contain an anchor '#nowhere'",
    "Could not find cross-reference target 'stepbridge.Nowhere'",
    "contains a link 'pictures/nowhere.svg', but the target is not found",
    "the page loads https://example.org/script.js",
    'not included in the "nav" configuration:\n  - forgotten.md',
    "No type or annotation for parameter 'where'",
    "Parameter 'where' does not appear in the function signature",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(ROOT / "mkdocs.yml", folder)
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copytree(ROOT / "tools", folder / "tools")
    shutil.copytree(ROOT / "python", folder / "python", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "docs" / "index.md").write_text(PAGE, encoding="utf-8")
    (folder / "docs" / "forgotten.md").write_text("# Forgotten\n", encoding="utf-8")
    module = folder / "python" / "stepbridge" / "timeline" / "_timeline.py"
    text = module.read_text(encoding="utf-8")
    assert text.count("            at: the point") == 1
    module.write_text(text.replace("            at: the point", "            where: the point"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict"],
        cwd=folder,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return folder / "build" / "site", done


def test_each_fault_ends_the_build(built: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    _, done = built
    assert {stated for stated in SAID if stated not in done.stderr} == set(), done.stderr
    assert done.returncode == 1
    assert done.stderr.count("WARNING") == len(SAID)


def test_examples_stand_as_code_and_rust_s_docstrings_are_there(
    built: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    site, _ = built
    page = (site / "reference" / "clock.html").read_text(encoding="utf-8")
    assert '<span class="gp">&gt;&gt;&gt; </span>' in page
    assert "&gt;&gt;&gt;" not in page.replace('<span class="gp">&gt;&gt;&gt; </span>', "")
    assert "Whether the batch at hand closes an accumulation window" in page
