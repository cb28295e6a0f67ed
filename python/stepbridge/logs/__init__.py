"""Training logs: what was read below a path, and its records with epoch and iter as a table."""

from stepbridge._problem import Problem
from stepbridge.logs._located_step import LocatedStep, StepReading, StepValue, locate_step
from stepbridge.logs._logs import Logs, read_logs
from stepbridge.logs._options import FORMATS, OUTPUTS, Format, ReadOptions, ReindexOptions
from stepbridge.logs._records import (
    ChainedRun,
    ConfigSetting,
    LeftOut,
    LogFile,
    RepeatedSeries,
    RunOverview,
    RunSessions,
    StepAssumption,
    StepInfo,
    TimelineInference,
    TimelineSource,
    UnreadFile,
)
from stepbridge.logs._rewriting import Axis, RewriteResult, rewrite
from stepbridge.logs._streaming import ReindexResult, reindex
from stepbridge.logs._table import Table

__all__ = [
    "FORMATS",
    "OUTPUTS",
    "Axis",
    "ChainedRun",
    "ConfigSetting",
    "Format",
    "LeftOut",
    "LocatedStep",
    "LogFile",
    "Logs",
    "Problem",
    "ReadOptions",
    "ReindexOptions",
    "ReindexResult",
    "RepeatedSeries",
    "RewriteResult",
    "RunOverview",
    "RunSessions",
    "StepAssumption",
    "StepInfo",
    "StepReading",
    "StepValue",
    "Table",
    "TimelineInference",
    "TimelineSource",
    "UnreadFile",
    "locate_step",
    "read_logs",
    "reindex",
    "rewrite",
]
