"""The ledger: what a clock writes down of a run as it happens, and how you read it back."""

from stepbridge.ledger._reading import (
    Base,
    EpochEntry,
    Ledger,
    LedgerSession,
    LoggedStep,
    PlanChange,
    SeriesStep,
    Supersession,
    read_ledger,
)

__all__ = [
    "Base",
    "EpochEntry",
    "Ledger",
    "LedgerSession",
    "LoggedStep",
    "PlanChange",
    "SeriesStep",
    "Supersession",
    "read_ledger",
]
