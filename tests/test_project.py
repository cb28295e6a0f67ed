"""What the repository states in several places agrees: lowest versions, targets, sources of the demo, examples."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
from pathlib import Path

import stepbridge as sb

ROOT = Path(__file__).parent.parent
LOGS = ROOT / "demo" / "logs"


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def only(pattern: str, name: str, flags: int = 0) -> str:
    """Find the one place in a file that the pattern matches."""
    (found,) = re.findall(pattern, text(name), flags)
    return str(found)


def test_one_lowest_python() -> None:
    lowest = only(r'requires-python = ">=([\d.]+)"', "pyproject.toml")
    digits = lowest.replace(".", "")
    assert only(r"abi3-py(\d+)", "Cargo.toml") == digits
    assert only(r'target-version = "py(\d+)"', "pyproject.toml") == digits
    assert only(r'python_version = "([\d.]+)"', "pyproject.toml") == lowest
    assert re.findall(r":: Python :: (3\.\d+)", text("pyproject.toml"))[0] == lowest
    assert f"Python {lowest} or newer" in text("README.md")


def test_the_lowest_versions_are_on_their_page_and_are_tested() -> None:
    listed = dict(re.findall(r"^\| ([\w-]+) \| ([\d.]+) \|$", text("docs/compatibility.md"), re.MULTILINE))
    project = text("pyproject.toml")
    extras = project.partition("[project.optional-dependencies]")[2].partition("[project.scripts]")[0]
    named = re.findall(
        r'"([a-z-]+)>=([\d.]+)"', only(r"^dependencies = (.+)$", "pyproject.toml", re.MULTILINE) + extras
    )
    assert listed == dict(named)
    pins = dict(re.findall(r"^([a-z-]+)==([\d.]+)", text("constraints-lowest.txt"), re.MULTILINE))
    pins["tensorflow"] = pins.pop("tensorflow-cpu", pins.get("tensorflow", ""))
    for package, lowest in listed.items():
        assert f"{pins[package]}.".startswith(f"{lowest}."), package


def test_every_example_is_on_a_page() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md"))
    for path in (ROOT / "examples").glob("*.py"):
        assert f"`examples/{path.name}`" in pages


def test_one_version() -> None:
    version = only(r'\[workspace\.package\]\nversion = "([^"]+)"', "Cargo.toml")
    assert sb.__version__ == version == importlib.metadata.version("stepbridge")


def test_every_target_is_explained() -> None:
    makefile = text("Makefile")
    assert re.findall(r"^\.PHONY: (.+)", makefile, re.MULTILINE) == re.findall(
        r"^([a-z -]+):.*## ", makefile, re.MULTILINE
    )


def test_each_demo_log_is_what_its_source_says() -> None:
    rows = re.findall(r"^\| `(.+?)` \|.*\| (\w+) \| ([0-9a-f]{64}) \|$", text("demo/logs/SOURCE.md"), re.MULTILINE)
    found = {str(path.relative_to(LOGS)) for path in LOGS.rglob("*") if path.is_file()}
    assert {file for file, _, _ in rows} == {file for file in found if not file.endswith(("SOURCE.md", "LICENSE"))}
    for file, licence, digest in rows:
        assert hashlib.sha256((LOGS / file).read_bytes()).hexdigest() == digest
        assert licence in (LOGS / file.split("/")[0] / "LICENSE").read_text(encoding="utf-8")


def test_each_log_to_compare_is_what_its_source_says() -> None:
    folder = ROOT / "demo" / "compare"
    rows = re.findall(r"^\| `(.+?)` \|.*\| (\S+) \| ([0-9a-f]{64}) \|$", text("demo/compare/SOURCE.md"), re.MULTILINE)
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {file for file, *_ in rows} == found - {"SOURCE.md", "LICENSE", "stepbridge.toml"}
    for file, licence, digest in rows:
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == digest
        assert licence == "Apache-2.0"
    assert "Apache License" in (folder / "LICENSE").read_text(encoding="utf-8")


def test_unsafe_code_is_on_its_page() -> None:
    """Each unsafe call has its proof in a comment and its line in rust/UNSAFE.md; a crate without any forbids it."""
    page = text("rust/UNSAFE.md")
    crates = [path.parent.name for path in sorted((ROOT / "rust").glob("*/Cargo.toml"))]
    assert "io" in crates
    for crate in crates:
        lint = only(r"^#!\[(\w+)\(unsafe_code\)\]", f"rust/{crate}/src/lib.rs", re.MULTILINE)
        assert lint == ("deny" if crate in {"io", "python"} else "forbid")
    for path in sorted((ROOT / "rust").rglob("*.rs")):
        code = path.read_text(encoding="utf-8")
        name = path.relative_to(ROOT).as_posix()
        calls = re.findall(r"\bunsafe\s*(?:\{|fn|impl|extern|trait)", code)
        assert page.count(f"| `{name}`") == len(calls) == len(re.findall(r"^\s*// SAFETY: ", code, re.MULTILINE)), name
        assert code.count("allow(unsafe_code)") == len(calls), name
