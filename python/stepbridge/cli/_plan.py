"""`stepbridge plan`: shows what a plan comes to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from stepbridge.cli._command import Example, as_json, command
from stepbridge.cli._plan_options import plan_options, timeline_of
from stepbridge.cli._printing import print_json, print_table, say

if TYPE_CHECKING:
    from stepbridge.timeline import PlanArguments, Timeline

EXAMPLES = (
    Example("a plan by its samples", "stepbridge plan --samples 1000 --batch-size 200 --epochs 5"),
    Example("by its batches, 4 of them per step", "stepbridge plan --batches-per-epoch 1719 --accumulate 4 --epochs 3"),
    Example(
        "with another batch size after 12 batches",
        "stepbridge plan --samples 1000 --batch-size 200 --epochs 5 --change 12ba:batch-size=100",
    ),
    Example(
        "a language model: a stream, a ramp, tokens",
        'stepbridge plan --stream --ramp "0:768 250B:1536" --tokens-per-sample 4096 --tokens 300Btok',
    ),
    Example("for a program", "stepbridge plan --samples 1000 --batch-size 200 --epochs 5 --json"),
)


@command(*EXAMPLES, short="Show what a plan comes to.")
@plan_options
@as_json
def plan(plan: PlanArguments, *, as_json: bool) -> None:
    """Show a plan: its totals, its segments, and where its last step happens."""
    timeline = timeline_of(plan)
    if as_json:
        print_json(facts(timeline))
        return
    totals = facts(timeline)["totals"]
    print_table(list(totals), [list(totals.values())], right=range(len(totals)))
    say(*repr(timeline).splitlines())
    if line := last_line(timeline):
        say(line)


def facts(timeline: Timeline) -> dict[str, dict[str, object]]:
    """Returns what is known of a timeline; a total that is unknown or endless is None."""
    return {
        "totals": {
            "epochs": timeline.epochs,
            "batches": timeline.batches,
            "steps": timeline.steps,
            "samples": timeline.samples,
            **({} if timeline.tokens_per_sample is None else {"tokens": timeline.tokens}),
        },
        "timeline": json.loads(timeline.to_json()),
    }


def last_line(timeline: Timeline) -> str | None:
    """Returns where the last step happens, counted from 1 as training loops print it; None without a last step."""
    if not timeline.steps:
        return None
    place = timeline.locate(timeline.steps, unit="step", base=1, invalid="mask")
    if place is None:
        return None
    return f"Epoch {place.epoch}, Iter {place.iter}, Step {timeline.steps}"
