"""What does step 12,000 mean? One clock for every training loop, one index for every training log.

>>> import stepbridge as sb
>>> plan = sb.Timeline.plan(samples=1000, batch_size=200, epochs=5)
>>> plan.locate(25, base=1)
Location(epoch=5, iter=5)
"""

from typing import TYPE_CHECKING

from stepbridge._core import __version__

if TYPE_CHECKING:
    from stepbridge.answers import Answer, Between, Beyond, Exact, Location, Position, Unknown
    from stepbridge.clock import StepClock
    from stepbridge.errors import (
        NoLogsError,
        PatternError,
        StepbridgeError,
        StepbridgeWarning,
        TimelineError,
        UnitMismatchError,
    )
    from stepbridge.logs import (
        LeftOut,
        LogFile,
        Logs,
        Problem,
        ReadOptions,
        ReindexOptions,
        ReindexResult,
        RunOverview,
        RunSessions,
        StepAssumption,
        StepInfo,
        Table,
        TimelineInference,
        TimelineSource,
        read_logs,
        reindex,
    )
    from stepbridge.recorded import Change, Ledger, LoggedAs, Session, Supersedes, read_ledger
    from stepbridge.timeline import Segment, Timeline
    from stepbridge.trigger import Trigger
    from stepbridge.units import Quantity
    from stepbridge.updates import Updates
else:
    import importlib

    # Whoever uses none of the names waits for none of these modules: `stepbridge --help` has no use for numpy.
    _MODULES = (
        "errors",
        "units",
        "answers",
        "timeline",
        "conventions",
        "recorded",
        "trigger",
        "updates",
        "clock",
        "logs",
    )

    def __getattr__(name: str) -> object:
        """Loads a public name, or a module that holds some, when it is first used."""
        if name in _MODULES:
            return importlib.import_module(f"stepbridge.{name}")
        if name in __all__:
            for module in _MODULES:
                home = importlib.import_module(f"stepbridge.{module}")
                if name in home.__all__:
                    globals()[name] = getattr(home, name)
                    return globals()[name]
        raise AttributeError(f"module 'stepbridge' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = [
    "Answer",
    "Between",
    "Beyond",
    "Change",
    "Exact",
    "Ledger",
    "LeftOut",
    "Location",
    "LogFile",
    "LoggedAs",
    "Logs",
    "NoLogsError",
    "PatternError",
    "Position",
    "Problem",
    "Quantity",
    "ReadOptions",
    "ReindexOptions",
    "ReindexResult",
    "RunOverview",
    "RunSessions",
    "Segment",
    "Session",
    "StepAssumption",
    "StepClock",
    "StepInfo",
    "StepbridgeError",
    "StepbridgeWarning",
    "Supersedes",
    "Table",
    "Timeline",
    "TimelineError",
    "TimelineInference",
    "TimelineSource",
    "Trigger",
    "UnitMismatchError",
    "Unknown",
    "Updates",
    "__version__",
    "read_ledger",
    "read_logs",
    "reindex",
]
