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
    "checkpoints": {"timeline", "clock"},
    "adapters": {"timeline", "clock", "checkpoints"},
    "remote": {"ledger"},
    "logs": {"timeline", "ledger", "remote"},
    "fleet": {"timeline", "ledger", "logs", "remote"},
    "cli": {"timeline", "ledger", "logs", "fleet", "clock", "checkpoints"},
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


def circle(imports: dict[str, set[str]]) -> list[str]:
    """Return an import circle, if there is one."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_import_is_circular() -> None:
    assert circle({module: imported(module) for module in MODULES}) == []


def test_the_check_of_circles_can_fail() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) != []


@pytest.mark.parametrize("module", [module for module in MODULES if package(module)])
def test_a_package_imports_what_is_below_it(module: str) -> None:
    own = package(module)
    assert own is not None
    found = {package(other) for other in imported(module)} - {None, own}
    assert found <= PACKAGES[own]


@pytest.mark.parametrize("module", MODULES)
def test_a_file_is_not_too_long(module: str) -> None:
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= 450


ADAPTERS = [module for module in MODULES if package(module) == "adapters"]


def private_names(text: str) -> list[str]:
    """List the private names of the clock, of what is below it and of the adapters' base that a module uses."""
    tree = ast.parse(text)
    found = re.findall(r"stepbridge\.(?:clock|timeline|ledger)\.?_\w+|\b_core\b", text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and re.match(r"_[a-z]", node.attr):
            owner = ast.unparse(node.value)
            # What a module's own objects hold may be private to them, what the clock holds may not.
            if re.search(r"(?:clock|driver|timeline|ledger|trigger)(?:\(\))?$", owner):
                found.append(f"{owner}.{node.attr}")
    return found


@pytest.mark.parametrize("module", ADAPTERS)
def test_an_adapter_uses_public_names_of_the_clock(module: str) -> None:
    assert private_names(MODULES[module].read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "clock._advance()",
        "self.clock._core",
        "self._driver._clock",
        "x = the_clock(clock).timeline._core",
        "from stepbridge.clock._events import ClockEvents",
        "from stepbridge import _core",
    ],
)
def test_the_check_of_private_names_can_fail(text: str) -> None:
    assert private_names(text) != []


def adapter(module: str) -> str | None:
    """Return the adapter that a module is in: "base", or the framework."""
    parts = module.split(".")
    return parts[2] if package(module) == "adapters" and len(parts) > 2 else None


#: The frameworks that are made of another one, whose adapter theirs may use by its public names.
MADE_OF = {"transformers": "torch", "lightning": "torch", "accelerate": "torch", "ignite": "torch"}


def crossing_imports(module: str, imports: set[str]) -> set[str]:
    """List what an adapter may not import: another adapter, or a module inside the base; the base, any adapter."""
    own = adapter(module)
    others = {other for other in imports if adapter(other) not in (None, own)}
    if own == "base":
        return others
    return others - {"stepbridge.adapters.base", f"stepbridge.adapters.{MADE_OF.get(str(own))}"}


@pytest.mark.parametrize("module", ADAPTERS)
def test_an_adapter_imports_the_base_and_no_other_adapter(module: str) -> None:
    assert crossing_imports(module, imported(module)) == set()


def test_the_check_of_adapters_imports_can_fail() -> None:
    crossing = {"stepbridge.adapters.keras.fits", "stepbridge.adapters.base._watch", "stepbridge.adapters.base"}
    assert crossing_imports("stepbridge.adapters.torch.loaders", crossing) == crossing - {"stepbridge.adapters.base"}
    assert crossing_imports("stepbridge.adapters.base._watch", crossing) == {"stepbridge.adapters.keras.fits"}


#: Longer runs of code than this stand in one adapter, or in the base.
SHARED_LINES = 6


def runs_of_code(text: str) -> set[tuple[str, ...]]:
    """List every run of so many statements that follow one another, without their docstrings, names and texts."""
    found: set[tuple[str, ...]] = set()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef):
            continue
        lines = [
            re.sub(r"'[^']*'|\"[^\"]*\"", "''", line)
            for statement in node.body
            if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
            for line in ast.unparse(statement).splitlines()
        ]
        found |= {tuple(lines[first : first + SHARED_LINES]) for first in range(len(lines) - SHARED_LINES + 1)}
    return found


def shared_runs(texts: dict[str, str]) -> list[tuple[str, ...]]:
    """List the runs of code that are in more than one adapter."""
    seen: dict[tuple[str, ...], str] = {}
    shared: list[tuple[str, ...]] = []
    for name, text in texts.items():
        shared += [run for run in runs_of_code(text) if seen.setdefault(run, name) != name]
    return shared


def text_of(framework: str) -> str:
    """Return all code of an adapter."""
    modules = [module for module in ADAPTERS if adapter(module) == framework]
    return "\n".join(MODULES[module].read_text(encoding="utf-8").replace("from __future__", "#") for module in modules)


def test_no_mechanism_is_in_two_adapters() -> None:
    frameworks = {name for name in map(adapter, ADAPTERS) if name is not None}
    with_optimizers_of_torch = {"torch", "transformers", "lightning", "accelerate", "ignite"}
    assert frameworks == {"base", "keras", "tensorflow", "jax", *with_optimizers_of_torch}
    assert shared_runs({name: text_of(name) for name in frameworks}) == []


def test_the_check_of_mechanisms_can_fail() -> None:
    copied = "def free_name(taken):\n" + "".join(f"    a{line} = taken[{line}]\n" for line in range(SHARED_LINES))
    assert shared_runs({"torch": copied, "keras": f"import x\n{copied}"}) != []
    assert shared_runs({"torch": copied}) == []


def test_modules_that_are_not_public_begin_with_an_underscore() -> None:
    for name in ("timeline", "ledger", "clock", "checkpoints", "remote", "logs", "fleet", "cli"):
        files = {path.name for path in (ROOT / "stepbridge" / name).glob("*.py")}
        assert {file for file in files if not file.startswith("_")} == set()
