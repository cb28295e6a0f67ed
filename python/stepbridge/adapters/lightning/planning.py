"""What the Trainer is about to train, as a plan.

What Lightning does (seen on 2.4 to 2.6):

- an epoch's last window is flushed, also over a stream, as Lightning reads one batch ahead there. An epoch that is left
  (`on_train_batch_start` returns -1, `trainer.should_stop`) drops its open window;
- `limit_train_batches` and `overfit_batches` end an epoch early; `trainer.num_training_batches` says where;
- in manual optimization a window is what the author makes of it, and `accumulate_grad_batches` is refused: it is what
  the author of the clock gave, by default one batch;
- on several ranks it puts a `DistributedSampler` into the loader.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from torch.utils.data import DataLoader

from stepbridge.adapters.torch import loader_sizes
from stepbridge.checkpoints import LightningArguments
from stepbridge.timeline import Timeline

if TYPE_CHECKING:
    from stepbridge.timeline import Boundary, OnCut, Segment

__all__ = ["Planned", "planned"]


class Planned(NamedTuple):
    """A run of the Trainer, before it begins."""

    plan: Timeline
    padding: int
    """Copies that an epoch has."""
    batches: int | None
    """Batches of an epoch."""
    epochs: int | None
    """Where the Trainer ends."""
    stateful: bool
    """Whether its loaders are in the checkpoint, and go on by themselves."""
    shuffled: bool
    """Whether a loader that begins again does so in another order."""
    limited: bool
    """Whether Lightning ends an epoch before its data does."""
    reads_ahead: bool
    """Whether Lightning has read one batch more than it trained, as nothing else tells it the last one."""
    arguments: LightningArguments


def planned(trainer: Any, *, later: int, stated: Segment | None) -> Planned:
    """Returns what the Trainer is about to train.

    Args:
        trainer: it is set up, and has not begun.
        later: epochs that the clock counted before the Trainer's first one.
        stated: what the author of the clock gave of the sizes, which holds in place of the loader's.
    """
    loaders = _flat(trainer.train_dataloader)
    number = trainer.num_training_batches
    batches = None if number == float("inf") else int(number)
    sizes: dict[str, Any] = loader_sizes(loaders[0]) if len(loaders) == 1 else {}
    padding = sizes.pop("padding", 0)
    tokens = None if stated is None else stated.tokens_per_sample
    for name in ("samples", "batch_size"):
        size = getattr(stated, name, None)
        if size is not None:
            sizes[name] = size
    known = {**sizes}
    sizes, padding = _limited(sizes, batches, padding)
    accumulate = trainer.accumulate_grad_batches
    epochs = trainer.max_epochs
    ends = epochs is not None and epochs >= 0
    boundary: Boundary = "flush"
    on_cut: OnCut = "drop"
    if not trainer.lightning_module.automatic_optimization and stated is not None:
        accumulate, boundary, on_cut = stated.accumulate, stated.boundary, stated.on_cut
    plan = Timeline.plan(
        epochs=max(epochs + later, 1) if ends else None,
        accumulate=accumulate,
        boundary=boundary,
        on_cut=on_cut,
        tokens_per_sample=tokens,
        **sizes,
    )
    size = plan.segments[-1].batch_size
    ranks = trainer.world_size
    return Planned(
        plan,
        padding,
        batches,
        epochs if ends else None,
        bool(loaders) and all(hasattr(one, "state_dict") and hasattr(one, "load_state_dict") for one in loaders),
        any(_shuffles(one) for one in loaders),
        batches is not None and sizes != known,
        any(not _has_length(one) for one in loaders),
        LightningArguments(
            size // ranks if size is not None and size % ranks == 0 else _size_of_a_stream(loaders), ranks, accumulate
        ),
    )


def _shuffles(loader: Any) -> bool:
    """Whether a sampler draws the order of an epoch; one of batches has it inside."""
    outer, batches = getattr(loader, "sampler", None), getattr(loader, "batch_sampler", None)
    return hasattr(outer, "generator") or hasattr(getattr(batches, "sampler", None), "generator")


def _has_length(loader: Any) -> bool:
    try:
        return len(loader) is not None
    except (TypeError, NotImplementedError):
        return False


def _size_of_a_stream(loaders: list[Any]) -> int | None:
    """The samples of a full batch, where the last one may be partial and so the plan has no size."""
    size = getattr(loaders[0], "batch_size", None) if len(loaders) == 1 else None
    return size if type(size) is int and size > 0 else None


def _limited(sizes: dict[str, Any], batches: int | None, padding: int) -> tuple[dict[str, Any], int]:
    """The sizes of an epoch that Lightning ends after so many batches."""
    if batches is None:
        sizes.pop("batches_per_epoch", None)
        return sizes, padding
    samples, size = sizes.get("samples"), sizes.get("batch_size")
    if samples is None or size is None:
        sizes = {"batch_size": size} if size is not None else {}
        return {**sizes, "batches_per_epoch": batches}, padding
    whole = samples // size if sizes.get("drop_last") else -(-samples // size)
    if batches < whole:
        return {"samples": batches * size, "batch_size": size}, 0
    return sizes, padding


def _flat(loaders: Any) -> list[Any]:
    """The loaders of a structure of them."""
    if isinstance(loaders, dict):
        return [one for part in loaders.values() for one in _flat(part)]
    if isinstance(loaders, (list, tuple)):
        return [one for part in loaders for one in _flat(part)]
    inner = getattr(loaders, "flattened", None)
    if isinstance(inner, list) and not isinstance(loaders, DataLoader):
        return inner
    return [] if loaders is None else [loaders]
