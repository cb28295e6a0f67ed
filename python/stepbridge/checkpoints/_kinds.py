"""The kinds of checkpoints that `stepbridge where` reads: one line each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stepbridge._errors import TimelineError
from stepbridge.checkpoints._accelerate_folder import AccelerateFolder
from stepbridge.checkpoints._ignite_file import IgniteFile
from stepbridge.checkpoints._lightning_file import LightningFile
from stepbridge.checkpoints._trainer_state import TrainerState

if TYPE_CHECKING:
    import os

    from stepbridge.checkpoints._checkpoint import Checkpoint, CheckpointKind

__all__ = ["KINDS", "kind_of", "read_checkpoint"]

KINDS: tuple[CheckpointKind, ...] = (TrainerState(), LightningFile(), AccelerateFolder(), IgniteFile())


def kind_of(path: Path) -> CheckpointKind | None:
    """Returns the kind of a checkpoint; None where none is known."""
    return next((kind for kind in KINDS if kind.matches(path)), None)


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Reads a checkpoint without running code that it holds.

    Raises:
        TimelineError: it is damaged, or of no kind that is known.
        OSError: it cannot be read.
    """
    where = Path(path)
    kind = kind_of(where)
    if kind is None:
        titles = ", ".join(kind.title for kind in KINDS)
        raise TimelineError(f"{where}: not a checkpoint that stepbridge knows: expected one of {titles}")
    return kind.read(where)
