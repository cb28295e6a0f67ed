"""Checkpoints of frameworks: where the run is, where the framework goes on after a resume, and whether these agree.

`read_checkpoint` reads one on disk without running code that it holds. `ResumeCheck` compares two points of a run; the
adapters use it before the first batch after a resume.
"""

from __future__ import annotations

from stepbridge.checkpoints._accelerate_folder import ACCELERATE_ARGUMENTS, ACCELERATE_KEY
from stepbridge.checkpoints._accelerate_rule import AccelerateArguments, skip_check, stateful_check
from stepbridge.checkpoints._checkpoint import Checkpoint, CheckpointKind, clock_from
from stepbridge.checkpoints._ignite_rule import IgniteArguments, IgnitePlace, LoaderStart, ignite_check
from stepbridge.checkpoints._kinds import KINDS, kind_of, read_checkpoint
from stepbridge.checkpoints._lightning_rule import LightningArguments, LightningPlace, goes_on_at, lightning_check
from stepbridge.checkpoints._resume_check import (
    ArgumentChange,
    ResumeCheck,
    ResumePoint,
    point_of,
    samples_of_epoch,
)
from stepbridge.checkpoints._trainer_rule import (
    TrainerArguments,
    TrainerOrder,
    TrainerRun,
    goes_on_after,
    trainer_check,
    updates_of_epoch,
)
from stepbridge.checkpoints._trainer_state import STATE_KEY, attributes_of

__all__ = [
    "ACCELERATE_ARGUMENTS",
    "ACCELERATE_KEY",
    "KINDS",
    "STATE_KEY",
    "AccelerateArguments",
    "ArgumentChange",
    "Checkpoint",
    "CheckpointKind",
    "IgniteArguments",
    "IgnitePlace",
    "LightningArguments",
    "LightningPlace",
    "LoaderStart",
    "ResumeCheck",
    "ResumePoint",
    "TrainerArguments",
    "TrainerOrder",
    "TrainerRun",
    "attributes_of",
    "clock_from",
    "goes_on_after",
    "goes_on_at",
    "ignite_check",
    "kind_of",
    "lightning_check",
    "point_of",
    "read_checkpoint",
    "samples_of_epoch",
    "skip_check",
    "stateful_check",
    "trainer_check",
    "updates_of_epoch",
]
