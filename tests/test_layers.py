"""The modules of the package import down only, and none is so long that it holds two ideas."""

from __future__ import annotations

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "python"
#: Every module by its name; the extension by its stub.
MODULES = {
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__"): path
    for path in sorted([*ROOT.rglob("*.py"), *ROOT.rglob("*.pyi")])
}

#: The packages, lowest first, each with those below it that it may import; every one may import what has no package.
PACKAGES = {
    "timeline": set[str](),
    "ledger": {"timeline"},
    "clock": {"timeline", "ledger"},
    "adapters": {"timeline", "clock"},
    "logs": {"timeline", "ledger"},
    "cli": {"timeline", "ledger", "logs"},
}


def imported(module: str) -> set[str]:
    """List the modules of ours that a module imports, for type checkers only or inside functions too."""
    found: set[str] = set()
    for line in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(line, ast.Import):
            found |= {name.name for name in line.names}
        elif isinstance(line, ast.ImportFrom) and line.module is not None:
            inside = {f"{line.module}.{name.name}" for name in line.names} & MODULES.keys()
            found |= inside or {line.module}
    return found & MODULES.keys()


def package(module: str) -> str | None:
    """Return the package of ours that a module is in; None for one that is in none."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in PACKAGES else None


def test_no_import_is_circular() -> None:
    try:
        TopologicalSorter({module: imported(module) for module in MODULES}).prepare()
    except CycleError as error:
        pytest.fail(f"an import circle: {' <- '.join(error.args[1])}")


@pytest.mark.parametrize("module", [module for module in MODULES if package(module)])
def test_a_package_imports_what_is_below_it(module: str) -> None:
    own = package(module)
    assert own is not None
    found = {package(other) for other in imported(module)} - {None, own}
    assert found <= PACKAGES[own]


@pytest.mark.parametrize("module", MODULES)
def test_a_file_is_not_too_long(module: str) -> None:
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= 450


@pytest.mark.parametrize("module", [module for module in MODULES if package(module) == "adapters"])
def test_an_adapter_uses_public_names_of_the_clock(module: str) -> None:
    text = MODULES[module].read_text(encoding="utf-8")
    assert re.findall(r"clock\._\w+", text) == []
    assert re.findall(r"stepbridge\.(?:clock|timeline|ledger)\.?_\w+", text) == []
    assert "_core" not in text


def test_modules_that_are_not_public_begin_with_an_underscore() -> None:
    for name in ("timeline", "ledger", "clock", "logs", "cli"):
        files = {path.name for path in (ROOT / "stepbridge" / name).glob("*.py")}
        assert {file for file in files if not file.startswith("_")} == set()
