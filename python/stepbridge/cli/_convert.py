"""`stepbridge convert`: says what a quantity is in another unit."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import click

from stepbridge.cli._command import Example, as_json, command
from stepbridge.cli._completion import quantities, units
from stepbridge.cli._plan_options import plan_options, timeline_of
from stepbridge.cli._printing import in_flags, print_json, say

if TYPE_CHECKING:
    from stepbridge.timeline import Answer, PlanArguments

EXAMPLES = (
    Example("how many steps 3 epochs are", "stepbridge convert 3ep step --samples 1000 --batch-size 200"),
    Example("where a tenth of the run ends", "stepbridge convert 10% batch --batches-per-epoch 1719 --epochs 5"),
    Example(
        "how many steps 300 billion tokens are",
        "stepbridge convert 300Btok step --stream --batch-size 512 --tokens-per-sample 4096",
    ),
    Example(
        "for a program, with 4 batches per step",
        "stepbridge convert 500st epoch --batches-per-epoch 391 --accumulate 4 --json",
    ),
)


@command(*EXAMPLES, short="Say what a quantity is in another unit.")
@click.argument("quantity", shell_complete=quantities)
@click.argument("unit", shell_complete=units)
@plan_options
@as_json
def convert(quantity: str, unit: str, plan: PlanArguments, *, as_json: bool) -> None:
    """Convert QUANTITY ("3ep", "500st") to UNIT on a plan.

    If there is no exact answer, it says between which two the quantity lies, that it is past the end of the plan, or
    why it is not known.

    The units are sample (sp), token (tok), batch (ba), step (st), epoch (ep) and duration (dur): "10%" is a tenth of
    the planned run.
    """
    timeline = timeline_of(plan)
    try:
        answer = timeline.convert(quantity, unit)  # type: ignore[arg-type]  # the library checks the unit
    except (ValueError, OverflowError) as error:
        raise click.UsageError(in_flags(error)) from error
    if as_json:
        print_json(as_fields(answer))
    else:
        say(in_flags(answer))


def as_fields(answer: Answer) -> dict[str, object]:
    """Returns the answer for programs: its kind, and its parts; fractions as text, since JSON has none."""
    from stepbridge.timeline import Between, Exact, PastEnd, Undetermined  # noqa: PLC0415 - see _command.py

    match answer:
        case Exact(value, unit):
            return {"answer": "exact", "value": str(value) if isinstance(value, Fraction) else value, "unit": unit}
        case Between(lower, upper):
            return {"answer": "between", "lower": str(lower), "upper": None if upper is None else str(upper)}
        case PastEnd(end):
            return {"answer": "past_end", "end": str(end)}
        case Undetermined(why):
            return {"answer": "undetermined", "why": why}
