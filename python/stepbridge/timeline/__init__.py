"""Timelines: the batches, epochs and steps of a run; amounts in any unit, and what they convert to."""

from stepbridge.timeline._answers import Answer, Between, Exact, PastEnd, Undetermined
from stepbridge.timeline._arguments import whole_number
from stepbridge.timeline._plan import ChangeArguments, PlanArguments
from stepbridge.timeline._points import Location, Position
from stepbridge.timeline._quantity import Quantity, QuantityLike, as_quantity
from stepbridge.timeline._ramp import BatchSize, batch_size_ramp
from stepbridge.timeline._segment import Boundary, OnCut, Pending, Segment
from stepbridge.timeline._timeline import Timeline
from stepbridge.timeline._units import Unit, UnitLike, unit_symbol

__all__ = [
    "Answer",
    "BatchSize",
    "Between",
    "Boundary",
    "ChangeArguments",
    "Exact",
    "Location",
    "OnCut",
    "PastEnd",
    "Pending",
    "PlanArguments",
    "Position",
    "Quantity",
    "QuantityLike",
    "Segment",
    "Timeline",
    "Undetermined",
    "Unit",
    "UnitLike",
    "as_quantity",
    "batch_size_ramp",
    "unit_symbol",
    "whole_number",
]
