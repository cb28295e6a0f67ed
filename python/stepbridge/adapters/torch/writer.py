"""TensorBoard's writer, with the clock's count where no step is given.

What PyTorch does (seen on 2.15): every `add_...` of `SummaryWriter` that belongs to a moment takes `global_step=None`,
and None is written as step 0, whenever it was. `purge_step` writes a mark from which TensorBoard hides what an earlier
process logged at that step or later.
"""

from __future__ import annotations

import inspect
from contextlib import suppress
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any

# TensorBoard brings TensorFlow along where it is installed, and Triton, which the first optimizer imports, aborts the
# process if it comes after TensorFlow (both register the same LLVM options; Triton with torch 2.15, TensorFlow 2.21).
with suppress(ImportError):
    import_module("triton")
try:
    from torch.utils import tensorboard
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "tensorboard":
        raise
    raise ImportError("stepbridge.adapters.torch.SummaryWriter needs TensorBoard: pip install tensorboard") from error

from stepbridge.adapters.base import LogStep

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from stepbridge.clock import StepClock
    from stepbridge.timeline import UnitLike

__all__ = ["SummaryWriter"]

#: What the ledger calls the writer.
_NAME = "stepbridge.adapters.torch.SummaryWriter"


class SummaryWriter(tensorboard.SummaryWriter):
    """A `torch.utils.tensorboard.SummaryWriter` whose `global_step` is the clock's count, unless you give another.

    The clock's ledger records how the step is logged, so that the log is mapped back to epochs with no flag. A run that
    goes on (the clock has counted batches when the writer is made) marks where, so that TensorBoard hides what was
    logged past the checkpoint.

    Where you give a step of your own, such as `epoch + 1`, the ledger notes by tag what it counts, as far as can be
    seen; so it is not taken for the clock's.

    Args:
        log_dir: as in PyTorch, like all that is not named here.
        clock: the loop's clock.
        unit: what a step in the log counts: "step", "batch", "sample", "token" (counts, so the first one is 1), or
            "epoch" (an index from 0: the epoch of the batch at hand).
        options: `comment`, `purge_step`, `max_queue`, `flush_secs`, `filename_suffix`.

    Raises:
        TypeError: not a clock.
        ValueError: a unit that a log's step cannot count; when something is added: the clock does not know its samples.

    >>> import tempfile
    >>> from stepbridge import StepClock
    >>> clock = StepClock(batches_per_epoch=4, epochs=2)
    >>> with tempfile.TemporaryDirectory() as folder, SummaryWriter(folder, clock=clock) as writer:
    ...     for epoch in clock.epochs():
    ...         for batch in clock.batches(range(4)):
    ...             writer.add_scalar("loss", 0.5)  # at steps 1 to 8
    """

    def __init__(
        self, log_dir: str | PathLike[str] | None = None, *, clock: StepClock, unit: UnitLike = "step", **options: Any
    ) -> None:
        self._log_step = LogStep(clock, unit)
        self.clock, self.unit = clock, self._log_step.unit
        if clock.batch and options.get("purge_step") is None:
            # An epoch that goes on has been logged at its number already, and stays.
            options["purge_step"] = self._log_step.now + 1
        super().__init__(log_dir, **options)
        self._log_step.record(_NAME)
        self._given = self._log_step.given(_NAME)


def _at_the_clock(method: Callable[..., None], given_at: int) -> Callable[..., None]:
    """The method, with the clock's step where none is given."""

    @wraps(method)
    def add(self: SummaryWriter, *arguments: Any, **named: Any) -> None:
        given = arguments[given_at] if given_at < len(arguments) else named.get("global_step")
        if given is None:
            # By name alone, wherever it stands.
            if given_at < len(arguments):
                arguments = (*arguments[:given_at], self._log_step.now, *arguments[given_at + 1 :])
            else:
                named["global_step"] = self._log_step.now
        else:
            tag = arguments[0] if arguments else named.get("tag", named.get("main_tag"))
            if isinstance(tag, str):
                self._given.see(tag, given)
        method(self, *arguments, **named)

    return add


for _name, _method in vars(tensorboard.SummaryWriter).items():
    if _name.startswith("add_"):
        _parameters = list(inspect.signature(_method).parameters)
        if "global_step" in _parameters:
            # `self` is not an argument of the caller's.
            setattr(SummaryWriter, _name, _at_the_clock(_method, _parameters.index("global_step") - 1))
