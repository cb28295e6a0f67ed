"""The ledger: what a clock writes down of a run as it happens, and how you read it back."""

from stepbridge.ledger._reading import (
    Base,
    Ledger,
    LedgerSession,
    LoggedStep,
    PlanChange,
    Supersession,
    read_ledger,
)

__all__ = [
    "Base",
    "Ledger",
    "LedgerSession",
    "LoggedStep",
    "PlanChange",
    "Supersession",
    "read_ledger",
]
