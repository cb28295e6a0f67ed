"""`stepbridge infer`: shows the epochs' lengths that follow from logs which state the epoch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from stepbridge.cli.command import Example, command
from stepbridge.cli.options import as_json
from stepbridge.cli.reading import ReadingOptions, read, reading_options, report
from stepbridge.cli.show import print_json, say

if TYPE_CHECKING:
    from stepbridge.logs import Inferred

EXAMPLES = (
    Example("how long the epochs of a run were", "stepbridge infer runs/bert"),
    Example("of every run, for a program", "stepbridge infer runs --json"),
)


@command(*EXAMPLES, short="Show the epochs' lengths that follow from logs.")
@reading_options
@as_json
def infer(path: str, reading: ReadingOptions, *, as_json: bool) -> None:
    """Show the timeline of each run below PATH, as far as its log states epochs, and what it rests on.

    Where its log states none, give `reindex` a plan.
    """
    logs = read(path, reading)
    found = logs.infer()
    if as_json:
        print_json({run: None if run not in found else as_fields(found[run]) for run in logs.runs})
        return
    for run in logs.runs:
        say(f"{run}: {as_text(found.get(run))}")
    report(logs.problems)


def as_text(inferred: Inferred | None) -> str:
    """Say the timeline and its evidence, or why there is none."""
    if inferred is None:
        return "unknown: its log states no epoch"
    if inferred.timeline is None:
        return f"unknown: {inferred.evidence}"
    return f"{inferred.timeline!r}\n  {inferred.evidence}"


def as_fields(inferred: Inferred) -> dict[str, object]:
    """Give the same for programs."""
    timeline = None if inferred.timeline is None else json.loads(inferred.timeline.to_json())
    return {
        "timeline": timeline,
        "evidence": inferred.evidence,
        "checked": inferred.checked,
        "unit": inferred.unit,
        "base": inferred.base,
    }
