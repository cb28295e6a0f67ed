"""What does step 12,000 mean? One clock for every training loop, one index for every training log.

>>> import stepbridge as sb
>>> plan = sb.Timeline.plan(samples=1000, batch_size=200, epochs=5)
>>> plan.locate(25, base=1)
Location(epoch=5, iter=5)
"""

from stepbridge._core import __version__
from stepbridge.answers import Answer, Between, Beyond, Exact, Location, Position, Unknown
from stepbridge.clock import StepClock
from stepbridge.errors import StepbridgeWarning, UnitMismatchError
from stepbridge.logs import Inferred, Logs, Problem, Table, read_logs
from stepbridge.recorded import Ledger, read_ledger
from stepbridge.streamed import Written, reindex
from stepbridge.timeline import Segment, Timeline
from stepbridge.trigger import Trigger
from stepbridge.units import Quantity

__all__ = [
    "Answer",
    "Between",
    "Beyond",
    "Exact",
    "Inferred",
    "Ledger",
    "Location",
    "Logs",
    "Position",
    "Problem",
    "Quantity",
    "Segment",
    "StepClock",
    "StepbridgeWarning",
    "Table",
    "Timeline",
    "Trigger",
    "UnitMismatchError",
    "Unknown",
    "Written",
    "__version__",
    "read_ledger",
    "read_logs",
    "reindex",
]
