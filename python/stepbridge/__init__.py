"""What does step 12,000 mean? One clock for every training loop, one index for every training log.

>>> import stepbridge as sb
>>> plan = sb.Timeline.plan(samples=1000, batch_size=200, epochs=5)
>>> plan.locate(25, base=1)
Location(epoch=5, iter=5)
"""

from typing import TYPE_CHECKING

from stepbridge._core import __version__

if TYPE_CHECKING:
    from stepbridge._errors import (
        NoLogsError,
        PatternError,
        StepbridgeError,
        StepbridgeWarning,
        TimelineError,
        UnitMismatchError,
    )
    from stepbridge.clock import StepClock, Trigger, Updates
    from stepbridge.fleet import (
        TABLE_SCHEMA,
        FoundRuns,
        IndexResult,
        ListedFile,
        RunGroup,
        TableSchema,
        find_runs,
        index,
    )
    from stepbridge.ledger import (
        EpochEntry,
        Ledger,
        LedgerSession,
        LoggedStep,
        PlanChange,
        SeriesStep,
        Supersession,
        read_ledger,
    )
    from stepbridge.logs import (
        ChainedRun,
        ConfigSetting,
        LeftOut,
        LocatedStep,
        LogFile,
        Logs,
        Problem,
        ReadOptions,
        ReindexOptions,
        ReindexResult,
        RepeatedSeries,
        RewriteResult,
        RunOverview,
        RunSessions,
        StepAssumption,
        StepInfo,
        StepReading,
        StepValue,
        Table,
        TimelineInference,
        TimelineSource,
        UnreadFile,
        locate_step,
        read_logs,
        reindex,
        rewrite,
    )
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
else:
    import importlib

    # Whoever uses none of the names waits for none of these modules: `stepbridge --help` has no use for numpy.
    _MODULES = ("_errors", "timeline", "conventions", "ledger", "clock", "logs", "fleet")

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
    "TABLE_SCHEMA",
    "Answer",
    "Between",
    "ChainedRun",
    "ConfigSetting",
    "EpochEntry",
    "Exact",
    "FoundRuns",
    "IndexResult",
    "Ledger",
    "LedgerSession",
    "LeftOut",
    "ListedFile",
    "LocatedStep",
    "Location",
    "LogFile",
    "LoggedStep",
    "Logs",
    "NoLogsError",
    "PastEnd",
    "PatternError",
    "PlanChange",
    "Position",
    "Problem",
    "Quantity",
    "ReadOptions",
    "ReindexOptions",
    "ReindexResult",
    "RepeatedSeries",
    "RewriteResult",
    "RunGroup",
    "RunOverview",
    "RunSessions",
    "Segment",
    "SeriesStep",
    "StepAssumption",
    "StepClock",
    "StepInfo",
    "StepReading",
    "StepValue",
    "StepbridgeError",
    "StepbridgeWarning",
    "Supersession",
    "Table",
    "TableSchema",
    "Timeline",
    "TimelineError",
    "TimelineInference",
    "TimelineSource",
    "Trigger",
    "Undetermined",
    "UnitMismatchError",
    "UnreadFile",
    "Updates",
    "__version__",
    "find_runs",
    "index",
    "locate_step",
    "read_ledger",
    "read_logs",
    "reindex",
    "rewrite",
]
