"""What the caller says of single runs: a plan, the meaning of steps, the meaning of series, by the run's name.

They are stated in Python (`plans=`) or in a file, `stepbridge.toml`:

    [runs."bs512*"]
    batches_per_epoch = 98
    convention = "lightning"

    [runs."bs64_*"]
    samples = 50_000
    batch_size = 64
    unit = "step"
    base = 0
    series = { "val/*" = ["epoch", 1] }
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from stepbridge.logs._step_arguments import logged_step, series_rules
from stepbridge.timeline import Timeline
from stepbridge.timeline._units import unit_symbol

if TYPE_CHECKING:
    import os

    from stepbridge import _core

__all__ = ["FILE", "Plans", "RunRule", "plan_file_at", "run_rules"]

#: The name of the file; one in the folder that is read is used without being asked for.
FILE = "stepbridge.toml"

#: Plans by the names of runs, as patterns with `*` and `?`; or the path of a file that holds them.
Plans: TypeAlias = "Mapping[str, Timeline | Mapping[str, Any]] | str | os.PathLike[str]"

#: What a run may be told besides the arguments of `Timeline.plan`.
_MEANING = ("unit", "base", "convention", "series")


class RunRule(NamedTuple):
    """What is stated about the runs whose names fit a pattern, as the core takes it."""

    runs: str
    timeline: _core.Timeline | None
    unit: str | None
    base: int | None
    series: list[tuple[str, str, int]]


def plan_file_at(path: str | os.PathLike[str]) -> Path | None:
    """Returns the `stepbridge.toml` of a folder, or next to a file; None if there is none."""
    given = Path(path)
    try:
        found = (given if given.is_dir() else given.parent) / FILE
        return found if found.is_file() else None
    except PermissionError:
        return None  # reading says that the folder may not be entered


def run_rules(plans: Plans | None) -> list[RunRule]:
    """Returns the rules in their order; of several that fit a run, the first one counts.

    Raises:
        FileNotFoundError: there is no such file.
        TypeError: a rule is neither a `Timeline` nor a dictionary.
        ValueError: a rule says something that cannot be; the message names the rule and the file.
    """
    if plans is None:
        return []
    if isinstance(plans, Mapping):
        return [_rule(runs, given, f"plans={{{runs!r}: ...}}") for runs, given in plans.items()]
    file = Path(plans)
    content = _toml(file)
    unknown = content.keys() - {"runs"}
    runs = content.get("runs", {})
    if unknown or not isinstance(runs, dict):
        what = f"'{min(unknown)}' is not known" if unknown else "'runs' is not a table"
        raise ValueError(f"'{file}': {what}; it holds a table [runs.\"PATTERN\"] for each rule")
    return [_rule(name, given, f"'{file}', [runs.\"{name}\"]") for name, given in runs.items()]


def _rule(runs: str, given: object, where: str) -> RunRule:
    if isinstance(given, Timeline):
        return RunRule(runs, given._core, None, None, [])
    if not isinstance(given, Mapping):
        raise TypeError(f"{where}: a Timeline or its arguments are expected, not {given!r}")
    meaning = {name: given.get(name) for name in _MEANING}
    plan = {name: value for name, value in given.items() if name not in _MEANING}
    try:
        unit, base = logged_step(meaning["unit"], meaning["base"], meaning["convention"])
        if unit is not None:
            unit_symbol(unit)
        if base not in (None, 0, 1):
            raise ValueError(f"base must be 0 or 1, not {base}")
        series = series_rules(meaning["series"])
        timeline = Timeline.plan(**plan)._core if plan else None
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{where}: {error}") from error
    return RunRule(runs, timeline, None if unit is None else str(unit), base, series)


def _toml(file: Path) -> dict[str, Any]:
    try:
        # Python 3.11 and newer have it; the older one needs the package that it came from.
        toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    except ImportError as error:
        raise ImportError(f"'{file}' needs tomli on Python 3.10: pip install tomli", name="tomli") from error
    try:
        content: dict[str, Any] = toml.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"'{file}' is not valid TOML: {error}") from error
    return content
