"""What does step 12,000 mean? One clock for every training loop, one index for every training log.

>>> import stepbridge as sb
>>> plan = sb.Timeline.plan(samples=1000, batch_size=200, epochs=5)
>>> plan.locate(25, base=1)
Location(epoch=5, iter=5)
"""

from stepbridge._core import __version__
from stepbridge._errors import (
    NoLogsError,
    PatternError,
    StepbridgeError,
    StepbridgeWarning,
    TimelineError,
    UnitMismatchError,
)
from stepbridge.clock import StepClock, Trigger, Updates
from stepbridge.ledger import Ledger, LedgerSession, LoggedStep, PlanChange, Supersession, read_ledger
from stepbridge.logs import Inferred, Logs, Problem, Table, read_logs
from stepbridge.streamed import Written, reindex
from stepbridge.timeline import (
    Answer,
    Between,
    Exact,
    Location,
    PastEnd,
    Position,
    Quantity,
    Segment,
    Timeline,
    Undetermined,
)

__all__ = [
    "Answer",
    "Between",
    "Exact",
    "Inferred",
    "Ledger",
    "LedgerSession",
    "Location",
    "LoggedStep",
    "Logs",
    "NoLogsError",
    "PastEnd",
    "PatternError",
    "PlanChange",
    "Position",
    "Problem",
    "Quantity",
    "Segment",
    "StepClock",
    "StepbridgeError",
    "StepbridgeWarning",
    "Supersession",
    "Table",
    "Timeline",
    "TimelineError",
    "Trigger",
    "Undetermined",
    "UnitMismatchError",
    "Updates",
    "Written",
    "__version__",
    "read_ledger",
    "read_logs",
    "reindex",
]
