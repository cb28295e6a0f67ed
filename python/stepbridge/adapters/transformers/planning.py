"""What the Trainer is about to train, as a plan.

What the Trainer does, by version:

- an epoch's last window is flushed from 4.47 on; before, from 4.28 on, it goes on in the next epoch, unless the epoch
  is no longer than a window. Over a stream of unknown length it starts anew in the next epoch, and its gradients spill
  into the first full window there (seen on 4.46 to 5.24);
- `control.should_epoch_stop` leaves an epoch, also inside a window, whose gradients spill in the same way;
- up to 5.1 the checkpoint's batch size wins over the argument, so that only the loader says what is trained;
- before 4.52 the short update at an epoch's end does not count among the updates of an epoch;
- Accelerate puts a sampler whose order follows from a seed in the place of the one that shuffles. What it does not
  replace draws from a generator, or from PyTorch's global one: `group_by_length`, a sampler of the user's, any with
  `use_seedable_sampler=False`.
"""

from __future__ import annotations

import hashlib
import re
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import transformers

from stepbridge.adapters.torch import loader_sizes
from stepbridge.checkpoints import TrainerArguments, TrainerOrder, samples_of_epoch
from stepbridge.timeline import Timeline

if TYPE_CHECKING:
    from stepbridge.timeline import Boundary, OnCut, Segment

__all__ = ["VERSION", "Planned", "order_of", "planned"]

#: That of Transformers: its first two numbers.
VERSION = tuple(map(int, re.findall(r"\d+", transformers.__version__)[:2]))


class Planned(NamedTuple):
    """A run of the Trainer, before it begins."""

    plan: Timeline
    padding: int
    """Copies that an epoch has."""
    batches: int | None
    """Batches of an epoch."""
    batch_size: int | None
    """The samples of a batch over all ranks."""
    samples: int | None
    """The samples that an epoch trains."""
    epochs: int | None
    """Where the Trainer ends."""
    arguments: TrainerArguments

    def has_smaller_batches_than(self, before: Planned | None) -> bool:
        """Whether its batches are smaller than those of a run before."""
        if before is None or before.batch_size is None or self.batch_size is None:
            return False
        return self.batch_size < before.batch_size


def planned(loader: Any, args: Any, epochs: int, *, later: int, stated: Segment | None) -> Planned:
    """Returns what the Trainer is about to train.

    Args:
        loader: its training loader, as it was prepared.
        args: its arguments.
        epochs: `state.num_train_epochs`.
        later: epochs that the clock counted before the Trainer's first one.
        stated: what the author of the clock said of the sizes, which holds in place of the loader's.
    """
    sizes = loader_sizes(loader)
    batches = len(loader) if _has_length(loader) else None
    if batches is None:
        sizes.pop("batches_per_epoch", None)
    elif sizes.get("samples") is None:
        sizes["batches_per_epoch"] = batches
    padding = sizes.pop("padding", 0)
    tokens = None
    if stated is not None:
        tokens = stated.tokens_per_sample
        given = {"samples": stated.samples, "batch_size": stated.batch_size}
        sizes.update({name: value for name, value in given.items() if value is not None})
        if sizes.get("samples") is not None and sizes.get("batch_size") is not None:
            sizes.pop("batches_per_epoch", None)
    accumulate = args.gradient_accumulation_steps
    boundary, on_cut = _window(batches, accumulate)
    ends = epochs < sys.maxsize
    plan = Timeline.plan(
        epochs=epochs + later if ends else None,
        accumulate=accumulate,
        boundary=boundary,
        on_cut=on_cut,
        tokens_per_sample=tokens,
        **sizes,
    )
    segment = plan.segments[-1]
    return Planned(
        plan,
        padding,
        batches,
        segment.batch_size,
        samples_of_epoch(segment),
        epochs if ends else None,
        _arguments(args, segment.batch_size),
    )


def order_of(loader: Any, args: Any) -> TrainerOrder:
    """Returns what the order of the epoch follows from that is about to begin."""
    batches = getattr(loader, "batch_sampler", None)
    # On several ranks Accelerate shares out the batches of one inside.
    sampler = getattr(getattr(batches, "batch_sampler", batches), "sampler", None)
    seed = getattr(sampler, "initial_seed", None)
    if type(seed) is int:
        return TrainerOrder(seed)
    if sampler is None or not hasattr(sampler, "generator"):
        return TrainerOrder()
    if args.world_size > 1:
        # What is saved is of rank 0, and the generators of the others may differ from its own.
        return TrainerOrder(drawn="")
    generator = sampler.generator
    state = torch.get_rng_state() if generator is None else generator.get_state()
    size = getattr(sampler, "batch_size", None)
    groups = "" if size is None else f" in groups of {size}"
    mark = hashlib.sha256(state.numpy().tobytes()).hexdigest()[:16]
    return TrainerOrder(drawn=f"{type(sampler).__name__}{groups}, {mark}")


def _window(batches: int | None, accumulate: int) -> tuple[Boundary, OnCut]:
    """What happens to a window that is open at the end of an epoch, and where an epoch is left."""
    if VERSION < (4, 47):
        return ("flush" if batches is not None and batches <= accumulate else "carry"), "carry"
    return ("spill" if batches is None else "flush"), "spill"


def _arguments(args: Any, batch_size: int | None) -> TrainerArguments:
    """The arguments that decide where the Trainer goes on; the batch size is the one that the loader really has."""
    config = args.accelerator_config
    split = bool(getattr(config, "split_batches", False))
    size: int = args.train_batch_size
    ranks: int = args.world_size
    if batch_size is not None and (split or batch_size % ranks == 0):
        size = batch_size if split else batch_size // ranks
    return TrainerArguments(
        per_device_train_batch_size=size,
        gradient_accumulation_steps=args.gradient_accumulation_steps,
        world_size=ranks,
        dataloader_drop_last=bool(args.dataloader_drop_last),
        split_batches=split,
    )


def _has_length(loader: Any) -> bool:
    try:
        return len(loader) is not None
    except (TypeError, NotImplementedError, AttributeError):
        return False
