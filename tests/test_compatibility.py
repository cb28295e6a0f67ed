"""What docs/compatibility.md promises: what an old version wrote stays readable, and no public name goes unnoticed.

The files in `golden` were written by 0.1.0 and never change. One is added where a format's version is raised.
"""

from __future__ import annotations

import ast
import csv
import importlib
import json
import pickle
import re
import sys
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest

import stepbridge as sb
from commands import LOGS, NAMES, ROOT, printed
from stepbridge.conventions import CONVENTIONS
from stepbridge.logs import FORMATS, OUTPUTS

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

GOLDEN = ROOT / "tests" / "golden"
PAGE = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")


def test_a_timeline_of_version_1_is_read() -> None:
    text = (GOLDEN / "timeline-1.json").read_text(encoding="utf-8")
    timeline = sb.Timeline.from_json(text)
    assert [(part.batches, part.batch_size) for part in timeline.segments] == [(5, 200), (2, 200), (12, 50), (20, 50)]
    assert (timeline.epochs, timeline.batches, timeline.steps, timeline.samples) == (4, 59, 30, 4000)
    assert timeline.to_json() == text.strip(), "0.1 can no longer read what this version writes: raise the version"


def test_a_pickled_timeline_of_version_1_is_read() -> None:
    timeline = pickle.loads((GOLDEN / "timeline-1.pickle").read_bytes())
    assert timeline == sb.Timeline.from_json((GOLDEN / "timeline-1.json").read_text(encoding="utf-8"))
    assert b"stepbridge.timeline\x94" in pickle.dumps(timeline, 4), "a pickle names the public module alone"


def state() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((GOLDEN / "state-1.json").read_text(encoding="utf-8"))
    return loaded


def test_a_checkpoint_of_version_1_is_read() -> None:
    clock = sb.StepClock(samples=1000, batch_size=200, epochs=4, accumulate=2)
    clock.load_state_dict(state())
    assert (clock.position, clock.batch, clock.step, clock.sample) == ((1, 2), 7, 4, 1400)
    assert (clock.applied, clock.token, clock.updates_of("optimizer")) == (3, 7168, 3)
    assert clock.timeline.convert("7ba", "token") == sb.Exact(7168, "tok")
    saved = clock.state_dict()
    # 0.1 does not know the marks of counted tokens, and does not need them.
    assert saved.pop("marks")
    assert saved == state(), "0.1 can no longer read what this version writes: raise the version"


def test_a_ledger_of_version_1_is_read() -> None:
    ledger = sb.read_ledger(GOLDEN / "ledger-1")
    assert ledger.problems == ()
    first, second = ledger.sessions
    assert (first.batch, first.step, first.applied, first.sample, first.token) == (10, 5, 4, 1800, 10240)
    assert (second.batch, second.step, second.applied, second.sample, second.token) == (39, 20, 19, 3000, 7168)
    assert (first.skipped, [change.batch for change in first.changes]) == (((2, 1),), [8])
    assert second.supersedes is not None
    assert (second.supersedes.session, second.supersedes.batch) == (0, 7)
    assert (ledger.logged_as.unit, ledger.logged_as.base, ledger.logged_as.stated) == ("st", 1, True)
    golden = sb.Timeline.from_json((GOLDEN / "timeline-1.json").read_text(encoding="utf-8"))
    assert ledger.timeline.segments == golden.segments
    assert ledger.timeline.convert("39ba", "token") == sb.Exact(second.token, "tok")


def of_version_2(kind: str, folder: Path) -> None:
    """Read what a later version would have written."""
    if kind == "timeline":
        text = (GOLDEN / "timeline-1.json").read_text(encoding="utf-8")
        sb.Timeline.from_json(text.replace('"version":1', '"version":3'))
    elif kind == "checkpoint":
        sb.StepClock().load_state_dict({**state(), "version": 2})
    else:
        text = without_checksums().replace('"stepclock":1', '"stepclock":3')
        (folder / "stepclock.jsonl").write_text(text, encoding="utf-8")
        sb.read_ledger(folder)


def without_checksums(instead: str = "") -> str:
    """Give the old ledger as if somebody had written it by hand."""
    text = (GOLDEN / "ledger-1" / "stepclock.jsonl").read_text(encoding="utf-8")
    return re.sub(',"crc":"[0-9a-f]{8}"', instead, text)


@pytest.mark.parametrize("kind", ["timeline", "checkpoint", "ledger"])
def test_what_a_newer_version_wrote_is_refused_with_a_way_out(kind: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"newer stepbridge.*upgrade"):
        of_version_2(kind, tmp_path)


def test_what_a_ledger_gained_within_a_version_is_passed_over(tmp_path: Path) -> None:
    """A field that this version does not know, as a later one of the same number would write it."""
    (tmp_path / "stepclock.jsonl").write_text(without_checksums(',"weather":{"sun":1}'), encoding="utf-8")
    ours, theirs = sb.read_ledger(tmp_path), sb.read_ledger(GOLDEN / "ledger-1")
    assert (ours.sessions, ours.problems) == (theirs.sessions, ())


# --- names ---------------------------------------------------------------------------------------------------------


def exported(package: Path) -> list[str]:
    """List what a package exports, without a framework."""
    tree = ast.parse((package / "__init__.py").read_text(encoding="utf-8"))
    (names,) = (
        ast.literal_eval(line.value)
        for line in tree.body
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "__all__"
    )
    module = package.relative_to(ROOT / "python").as_posix().replace("/", ".")
    return [f"{module}.{name}" for name in names]


def public(tmp_path: Path) -> list[str]:
    """List all that docs/compatibility.md calls public, as far as it has names."""
    package = ROOT / "python" / "stepbridge"
    names = exported(package)
    for adapter in sorted((package / "adapters").glob("*/__init__.py")):
        names += exported(adapter.parent)
    for module in ("stepbridge.clock", "stepbridge.ledger", "stepbridge.timeline"):
        of_module = importlib.import_module(module)
        names += [f"{module}.{name}" for name in of_module.__all__]
        names += [f"{module}.{name}.{member}" for name, member in members(of_module) if name not in sb.__all__]
    for module in ("stepbridge.conventions", "stepbridge.logs"):
        names += [f"{module}.{name}" for name in importlib.import_module(module).__all__]
    names += [f"stepbridge.{name}.{member}" for name, member in members(sb)]
    for command in ((), *((name,) for name in NAMES)):
        page = printed(*command, "--help")
        words = re.findall(r"^  (?:-\w, )?(--[a-z-]+)", page, re.MULTILINE)
        names += [" ".join(("stepbridge", *command, word)) for word in words]
    codes = re.findall(r"^\| (\d+) \|", (ROOT / "docs" / "cli.md").read_text(encoding="utf-8"), re.MULTILINE)
    names += [f"exit code {code}" for code in codes]
    names += [f"format {name}" for name in FORMATS]
    names += [f"output {name}" for name in OUTPUTS]
    names += [f"convention {name}" for name in CONVENTIONS]
    names += [f"column {name}" for name in columns(tmp_path)]
    problems = ROOT / "rust" / "records" / "src" / "problem.rs"
    kinds = re.findall(r'=> "([a-z_]+)"', problems.read_text(encoding="utf-8"))
    names += [f"problem {name}" for name in kinds]
    return names


def members(module: ModuleType) -> list[tuple[str, str]]:
    """List each class that a module exports with each of its members that have a public name."""
    found = []
    for name in [name for name in module.__all__ if isinstance(getattr(module, name), type)]:
        kinds = [kind for kind in getattr(module, name).__mro__ if kind.__module__.startswith("stepbridge")]
        # The keys of a TypedDict are keyword arguments.
        keys = getattr(getattr(module, name), "__optional_keys__", ())
        found += [(name, member) for member in {*keys, *chain(*map(vars, kinds))} if not member.startswith("_")]
    return found


def columns(folder: Path) -> list[str]:
    """List the columns of a table, those on request among them."""
    plan = ("--samples", 55_000, "--batch-size", 32, "--convention", "lightning")
    asked = ("--keep-superseded", "--batch", "--sample")
    printed("reindex", LOGS / "mnist_cnn" / "tensorboard", "-o", folder / "out.csv", *plan, *asked)
    with (folder / "out.csv").open(newline="", encoding="utf-8") as file:
        return next(csv.reader(file))


def test_public_names_change_on_purpose_only(tmp_path: Path) -> None:
    """What is new is added to the list; what goes away is a breaking change, and CHANGELOG.md says so."""
    listed = (GOLDEN / "public.txt").read_text(encoding="utf-8").splitlines()
    now = sorted(set(public(tmp_path)))
    assert {"gone": sorted({*listed} - {*now}), "new": sorted({*now} - {*listed})} == {"gone": [], "new": []}


def returned(kind: type) -> set[str]:
    """List the names in the annotations of what the public members of a class give."""
    annotations = list(vars(kind).get("__annotations__", {}).values())
    for name, member in vars(kind).items():
        function = getattr(member, "fget", None) or getattr(member, "__func__", member)
        if not name.startswith("_") and hasattr(function, "__annotations__"):
            annotations.append(function.__annotations__.get("return", ""))
    return {word for text in annotations for word in re.findall(r"\w+", str(text))}


def test_what_a_public_call_returns_is_exported() -> None:
    public_kinds = [getattr(sb, name) for name in sb.__all__ if isinstance(getattr(sb, name), type)]
    words = set().union(*map(returned, public_kinds))
    modules = [vars(module) for name, module in sys.modules.items() if name.startswith("stepbridge.")]
    ours = {kind.__name__ for kind in chain(*map(dict.values, modules)) if is_ours(kind)}
    assert "Timeline" in words & ours
    assert (words & ours) - set(sb.__all__) == set()


def is_ours(kind: object) -> bool:
    """Tell whether something is a class that the package defines in Python."""
    module = getattr(kind, "__module__", None) or ""
    return isinstance(kind, type) and module.startswith("stepbridge.") and module != "stepbridge._core"


def test_the_page_names_every_column() -> None:
    listed = (GOLDEN / "public.txt").read_text(encoding="utf-8").splitlines()
    for name in [line.removeprefix("column ") for line in listed if line.startswith("column ")]:
        assert f"`{name}`" in PAGE


def test_the_page_and_the_package_agree_on_cpython() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (lowest,) = re.findall(r'requires-python = ">=([\d.]+)"', project)
    assert f"CPython {lowest} and newer" in PAGE
