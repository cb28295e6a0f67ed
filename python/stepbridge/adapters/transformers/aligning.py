"""A checkpoint from which a Trainer with other arguments goes on at the true sample."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepbridge._errors import TimelineError
from stepbridge.adapters.transformers.planning import VERSION, planned
from stepbridge.checkpoints import point_of, read_checkpoint, updates_of_epoch

if TYPE_CHECKING:
    import os

    from transformers import Trainer

__all__ = ["aligned_checkpoint"]

_FILE = "trainer_state.json"


def aligned_checkpoint(
    path: str | os.PathLike[str], trainer: Trainer, folder: str | os.PathLike[str] | None = None
) -> str:
    """Copies a checkpoint so that this Trainer goes on at the sample that the run has reached.

    The Trainer takes `global_step` for windows of its own size. In the copy it is the number of those that lie before
    the true sample. The clock in it is unchanged, so the steps done are still counted right. A rate that the Trainer's
    own scheduler follows, and `max_steps` where you gave it, count in the new steps.

    Args:
        path: the checkpoint, saved with a ClockCallback.
        trainer: the Trainer that is to go on, with its new arguments.
        folder: where to write the copy; default: next to the checkpoint, as `aligned-...`.

    Returns:
        The folder, for `trainer.train(resume_from_checkpoint=...)`.

    Raises:
        TimelineError: no whole number of windows fits; the checkpoint has no clock; the folder is there already.
    """
    source = Path(path)
    checkpoint = read_checkpoint(source)
    if checkpoint.clock is None:
        raise TimelineError(f"{source}: {checkpoint.missing}")
    args: Any = trainer.args
    stated = checkpoint.clock.plan.segments[-1]._replace(batch_size=None)
    run = planned(trainer.get_train_dataloader(), args, 1, later=0, stated=stated)
    if run.batches is None or run.batch_size is None or run.samples is None:
        raise TimelineError(f"{source}: the samples of an epoch are not known, so no step of it can be told")
    clock = checkpoint.clock
    reached = point_of(clock, later=checkpoint.later)
    accumulate = args.gradient_accumulation_steps
    window, done = run.batch_size * accumulate, int(reached.done)
    if reached.done.unit != "sp" or done % window:
        raise TimelineError(
            f"{source}: the run has done {done:,} samples of epoch {reached.epoch} (an index from 0), which are no "
            f"whole number of windows of {window:,} samples ({accumulate} batches of {run.batch_size:,}): choose a "
            "batch size, accumulation and number of ranks that divide them, or resume from the end of an epoch"
        )
    copy = source.with_name(f"aligned-{source.name}") if folder is None else Path(folder)
    if copy.exists():
        raise TimelineError(f"{copy} is there already: give another folder, or remove it")
    shutil.copytree(source, copy)
    file = copy / _FILE
    state = json.loads(file.read_text(encoding="utf-8"))
    state["global_step"] = reached.epoch * updates_of_epoch(run.batches, accumulate, VERSION) + done // window
    state["epoch"] = reached.epoch + done / run.batch_size / run.batches
    # Up to 5.1 it holds in place of the argument.
    state["train_batch_size"] = args.train_batch_size
    file.write_text(json.dumps(state, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return str(copy)
