"""`stepbridge infer`: shows the lengths of epochs that follow from logs which state the epoch."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from stepbridge.cli._command import Example, as_json, command
from stepbridge.cli._printing import print_json, say
from stepbridge.cli._reading import Reading, read, reading_options, report
from stepbridge.cli._runs_table import wrapped
from stepbridge.cli._step_options import as_meaning, misused, step_options

if TYPE_CHECKING:
    from stepbridge.logs import TimelineInference
    from stepbridge.logs._paths import LogPaths

EXAMPLES = (
    Example("how long the epochs of a run were", "stepbridge infer runs/bert"),
    Example("of every run, for a program", "stepbridge infer runs --json"),
)


@command(*EXAMPLES, short="Show the epochs' lengths that follow from logs.")
@reading_options
@step_options
@as_json
def infer(path: LogPaths, reading: Reading, *, as_json: bool, **options: Any) -> None:  # noqa: ANN401 - the library checks them
    """Show the timeline of each run below PATH, as far as its log states epochs, and the evidence for it.

    If its log states none, give `reindex` a plan.
    """
    logs = read(path, reading)
    with misused():
        found = logs.infer(**as_meaning(options))
    if as_json:
        print_json({run: None if run not in found else as_fields(found[run]) for run in logs.runs})
        return
    width = shutil.get_terminal_size().columns
    for run in logs.runs:
        first, *rest = as_lines(found.get(run))
        for paragraph in (f"{run}: {first}", *rest):
            say(*wrapped(paragraph, width))
    report(logs.problems)


def as_lines(inference: TimelineInference | None) -> list[str]:
    """Returns the timeline and its evidence, or why there is none, line by line."""
    if inference is None:
        return ["unknown: its log states no epoch"]
    if inference.timeline is None and inference.likely is not None:
        return [
            f"unknown: {inference.evidence}",
            *f"  likely, and taken with reindex --likely: {inference.likely!r}".splitlines(),
            f"  {inference.likely_reason}",
        ]
    if inference.timeline is None:
        return [f"unknown: {inference.evidence}"]
    return [*repr(inference.timeline).splitlines(), f"  {inference.evidence}"]


def as_fields(inference: TimelineInference) -> dict[str, object]:
    """Returns the same for programs."""
    timeline = None if inference.timeline is None else json.loads(inference.timeline.to_json())
    return {
        "timeline": timeline,
        "evidence": inference.evidence,
        "checked": inference.checked,
        "unit": inference.unit,
        "base": inference.base,
        "config": inference.config,
        "likely": None if inference.likely is None else json.loads(inference.likely.to_json()),
        "likely_reason": inference.likely_reason,
    }
