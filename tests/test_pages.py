"""Every block of every page does what it says, every link leads somewhere, and every public name has its reference."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pages import LANGUAGES, OF_FRAMEWORKS, PAGES, ROOT, SHOWN, SYBIL, languages, run

if TYPE_CHECKING:
    from pathlib import Path

    from sybil import Document

#: Pages that a line of `::: name` makes of docstrings; doctest runs the examples there.
REFERENCE = {page for page in PAGES if page.startswith("docs/reference/")}


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to a folder with the demo's logs, as in a checkout, where the blocks may write."""
    (tmp_path / "demo").symlink_to(ROOT / "demo", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", [page for page in PAGES if page not in OF_FRAMEWORKS])
def test_blocks_run(page: str, folder: Path) -> None:
    run(ROOT / page)


@pytest.mark.parametrize("page", PAGES)
def test_no_block_is_left_out(page: str) -> None:
    blocks = languages(text(page))
    shown = sum(count for language, count in blocks.items() if language in SHOWN)
    assert set(blocks) <= {*LANGUAGES, *SHOWN}
    assert len(list(SYBIL.parse(ROOT / page).examples())) == blocks.total() - shown


def test_pages_of_frameworks_are_run_by_their_tests() -> None:
    for page, framework in OF_FRAMEWORKS.items():
        guide = text(f"tests/adapters/test_{framework}_guide.py")
        assert re.search(rf'\b(every_block_runs|page_of)\("{framework}"\)', guide)
        assert languages(text(page))["python"] > 0


@pytest.mark.parametrize(
    ("block", "error"),
    [
        ("```python\nassert 1 + 1 == 3\n```\n", AssertionError),
        ("```console\n$ stepbridge convert 3ep step --batches-per-epoch 5\n16st\n```\n", AssertionError),
        ("```console\nstepbridge convert 3ep step --batches-per-epoch 5\n15st\n```\n", AssertionError),
        ("```sh\nmake gold\n```\n", AssertionError),
        ("```jsonl\n{}\n```\n", ValueError),
    ],
)
def test_a_wrong_block_is_noticed(block: str, error: type[Exception], tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(block, encoding="utf-8")
    with pytest.raises(error):
        run(tmp_path / "page.md")


def test_a_block_that_is_not_run_is_noticed() -> None:
    page = "```\nx\n```\n\n- a list\n\n  ```rust\n  x\n  ```\n\ntext\n\n    indented\n\n~~~pycon\n>>> x\n~~~\n"
    assert languages(page) == {"": 2, "rust": 1, "pycon": 1}


def test_what_the_readme_says_a_loop_prints(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document: Document = SYBIL.parse(ROOT / "README.md")
    for example in document.examples():
        if "clock" in example.parsed or "import stepbridge" in example.parsed:
            example.evaluate()
    printed = capsys.readouterr().out.splitlines()
    assert printed == ["Epoch 2, Iter 5, Step 10", "Epoch 4, Iter 5, Step 20"]
    assert all(f"`{line}`" in text("README.md") for line in printed)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_of_pages_that_are_not_on_the_site_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", text(page)):
        if "://" not in link:
            assert (ROOT / link.split("#")[0]).exists(), link


def test_files_that_pages_name_are_there() -> None:
    named = {
        name for page in PAGES for name in re.findall(r"`((?:rust|python|tests|tools|examples)/[\w/.]+)`", text(page))
    }
    assert len(named) > 30
    assert {name for name in named if not (ROOT / name).exists()} == set()


def public_names(module: str) -> set[str]:
    """Read what a module exports, without a framework."""
    tree = ast.parse((ROOT / "python" / module.replace(".", "/") / "__init__.py").read_text(encoding="utf-8"))
    (names,) = (
        ast.literal_eval(line.value)
        for line in tree.body
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "__all__"
    )
    return {f"{module}.{name}" for name in names}


def test_every_public_name_is_on_one_reference_page() -> None:
    shown = [name for page in REFERENCE for name in re.findall(r"^::: (\S+)", text(page), re.MULTILINE)]
    adapters = sorted(path.parent.name for path in (ROOT / "python/stepbridge/adapters").glob("*/__init__.py"))
    assert adapters == [
        *("accelerate", "base", "ignite", "jax", "keras"),
        *("lightning", "tensorflow", "torch", "transformers"),
    ]
    modules = ["stepbridge", *(f"stepbridge.adapters.{name}" for name in adapters)]
    assert set().union(*map(public_names, modules)) <= set(shown)
    assert len(set(shown)) == len(shown)


def test_the_pictures_are_what_the_code_draws(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "tools" / "pictures.py", tmp_path], check=True)
    drawn = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert drawn == {path.name: path.read_bytes() for path in (ROOT / "docs" / "pictures").iterdir()}
    for name in drawn:
        assert any(f"pictures/{name})" in text(page) for page in PAGES), f"no page shows {name}"


def test_the_chart_is_what_the_results_say(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "tools" / "chart.py", tmp_path / "speeds.svg"], check=True)
    assert (tmp_path / "speeds.svg").read_bytes() == (ROOT / "benches" / "speeds.svg").read_bytes()
    assert "(benches/speeds.svg)" in text("README.md")
    results = text("benches/RESULTS.md")
    ratios = re.findall(r"\| (\S+) \| speed, at least", results)
    assert ratios
    assert (tmp_path / "speeds.svg").read_text(encoding="utf-8").count(" x</text>") == len(ratios) + 3
