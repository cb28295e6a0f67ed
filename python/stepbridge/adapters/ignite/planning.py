"""What an engine is about to train, as a plan, and how large each batch of its loader is.

What Ignite does (seen on 0.5.1 and 0.5.5):

- an epoch is `epoch_length` batches: those of the loader, unless the author of the run, or a checkpoint, says another
  number. Where the data have no length, the end of the first epoch sets it;
- the loader's iterator goes on over the end of an epoch, and begins anew where the data end. So with another
  `epoch_length`, or after a resume inside an epoch, the last batch of the data, which may be partial, is in the middle
  of an epoch;
- the supervised trainers update where the iteration is a multiple of `gradient_accumulation_steps`, over the ends of
  epochs. The number is not to be read from the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import ignite.distributed as idist
from ignite.engine import DeterministicEngine

from stepbridge.adapters.torch import loader_sizes
from stepbridge.checkpoints import IgniteArguments, IgnitePlace
from stepbridge.timeline import Timeline

if TYPE_CHECKING:
    from stepbridge.checkpoints import LoaderStart
    from stepbridge.timeline import Boundary, OnCut, Segment

__all__ = ["DataPass", "Planned", "place_of", "planned", "start_of"]


class Planned(NamedTuple):
    """A run of an engine, before it begins."""

    plan: Timeline
    of_data: Timeline
    """The same, where an epoch is a pass over the data; it differs with another `epoch_length`."""
    padding: int
    """Copies that an epoch has."""
    epochs: int | None
    """Where the engine ends."""
    data: DataPass | None
    """The sizes of the loader's batches; None where they are unknown, or samples are not counted."""
    stateful: bool
    """Whether the loader goes on by itself after a resume."""
    shuffled: bool
    """Whether a loader that begins again does so in another order."""
    uneven: bool
    """Whether samples cannot be counted: an epoch is not a pass over the data, whose last batch is partial."""
    arguments: IgniteArguments


def planned(
    engine: Any, *, later: int, stated: Segment | None, boundary: Boundary | None, on_cut: OnCut | None
) -> Planned:
    """Returns what the engine is about to train.

    Args:
        engine: its run begins.
        later: epochs that the clock counted before the engine's first one.
        stated: what the author of the clock gave of the sizes, which holds in place of the loader's.
        boundary: what the engine does with a window that is open at an epoch's end.
        on_cut: what it does with one where an epoch is left.
    """
    state = engine.state
    loader, length = state.dataloader, state.epoch_length
    sizes: dict[str, Any] = {} if loader is None else loader_sizes(loader)
    padding = sizes.pop("padding", 0)
    for name in ("samples", "batch_size"):
        size = getattr(stated, name, None)
        if size is not None:
            sizes[name] = size
            sizes.pop("batches_per_epoch", None)
    data = DataPass.of(sizes)
    own = sizes.get("batches_per_epoch") if data is None else data.batches
    uneven = False
    of_data = dict(sizes)
    if length is None:
        sizes.pop("batches_per_epoch", None)
    elif own != length:
        # An epoch is not a pass over the data.
        uneven = data is not None and not data.is_even
        size = sizes.get("batch_size")
        sizes = {"batches_per_epoch": length}
        if size is not None and not uneven:
            sizes["batch_size"] = size
        padding = 0
    rest: dict[str, Any] = {
        "epochs": None if state.max_epochs is None else max(state.max_epochs + later, 1),
        "accumulate": 1 if stated is None else stated.accumulate,
        "boundary": boundary or ("carry" if stated is None or stated.boundary == "flush" else stated.boundary),
        "on_cut": on_cut or ("carry" if stated is None else stated.on_cut),
        "tokens_per_sample": None if stated is None else stated.tokens_per_sample,
    }
    size, ranks = None if data is None else data.size, idist.get_world_size()
    return Planned(
        Timeline.plan(**sizes, **rest),
        Timeline.plan(**of_data, **rest),
        padding,
        state.max_epochs,
        None if uneven else data,
        hasattr(loader, "state_dict") and hasattr(loader, "load_state_dict"),
        _shuffles(loader),
        uneven,
        IgniteArguments(size // ranks if size is not None and size % ranks == 0 else None, ranks, own),
    )


def _shuffles(loader: Any) -> bool:
    """Whether a sampler draws the order of the data; one of batches has it inside."""
    samplers = (getattr(loader, "sampler", None), getattr(getattr(loader, "batch_sampler", None), "sampler", None))
    return any(hasattr(sampler, "generator") for sampler in samplers)


class DataPass:
    """The batches of a loader, from its beginning to its end, which is not the end of an epoch everywhere."""

    def __init__(self, samples: int, size: int, *, drop_last: bool) -> None:
        self.samples = samples // size * size if drop_last else samples
        self.size = size
        self.done = 0
        """The samples of the pass that were taken."""

    @classmethod
    def of(cls, sizes: dict[str, Any]) -> DataPass | None:
        """Returns the pass that a loader's sizes describe; None where they do not."""
        samples, size = sizes.get("samples"), sizes.get("batch_size")
        if samples is None or size is None:
            return None
        return cls(samples, size, drop_last=sizes.get("drop_last", False))

    @property
    def batches(self) -> int:
        """How many batches it has."""
        return -(-self.samples // self.size)

    @property
    def is_even(self) -> bool:
        """Whether all batches have the same size."""
        return self.samples % self.size == 0

    def begin(self, done: int = 0) -> None:
        """The loader begins, or goes on after so many samples."""
        self.done = done % self.samples

    def take(self) -> int:
        """Takes a batch; returns its samples."""
        taken = min(self.size, self.samples - self.done)
        self.done = (self.done + taken) % self.samples
        return taken


def place_of(engine: Any, run: Planned) -> IgnitePlace:
    """Returns where the engine goes on, by its own counters."""
    iteration, length = engine.state.iteration, engine.state.epoch_length
    # The next epoch is `state.epoch + 1`, which counts from 1; its batches go by the iteration.
    batch = iteration if length is None else iteration % length
    return IgnitePlace(engine.state.epoch, batch, length, start_of(engine, run), run.arguments.batches)


def start_of(engine: Any, run: Planned) -> LoaderStart:
    """Returns what the loader does in an epoch that is resumed in its middle."""
    if run.stateful:
        return "continues"
    return "skips" if isinstance(engine, DeterministicEngine) else "begins"
