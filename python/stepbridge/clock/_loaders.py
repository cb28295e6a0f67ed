"""What the clock knows of loaders: which kinds there are, and what each of them can say of its order.

An adapter registers the kinds of its framework. The clock imports no framework: where a loader belongs to one that is
loaded already, it has the adapter imported.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from stepbridge._errors import TimelineError

if TYPE_CHECKING:
    from stepbridge.clock._readings import ClockReadings
    from stepbridge.timeline import Exact

__all__ = ["LoaderKind", "RestOfEpoch", "kind_of", "register_loader_kind", "rest_of_arrays"]


class RestOfEpoch(NamedTuple):
    """What a loader is asked for the rest of an epoch."""

    clock: ClockReadings
    """The clock, inside the epoch."""
    samples: int | None
    """Samples of the epoch's data that are done, over all ranks; None where the clock does not know them."""
    batches: int | None
    """Whole batches, in the size of now, that they fill; None where they fill no whole number."""
    order: str | None
    """What `order` returned when the epoch began; None if it was not asked for."""
    planned: int | None = None
    """Samples of the epoch's data as planned, over all ranks; None where the clock does not know them."""

    def check_data(self, samples: int | None, *, dropped: int = 0) -> None:
        """Checks that a loader has the data that the epoch is planned with.

        Args:
            samples: how many samples the loader has, over all ranks; None: it does not say so.
            dropped: how many of them a loader that drops the last ones may leave out at most.

        Raises:
            TimelineError: it has more or fewer.
        """
        if samples is None or self.planned is None or 0 <= samples - self.planned <= dropped:
            return
        raise TimelineError(
            f"{self.clock.name}: the loader has {samples} samples, but the epoch is planned with {self.planned}: what "
            "is left of other data is not known: give rest() the data that the clock was made for"
        )


class LoaderKind(Protocol):
    """A kind of loader, as the adapter of its framework knows it."""

    def handles(self, loader: object) -> bool:
        """Whether a loader is of this kind."""
        ...

    def order(self, loader: Any, epoch: int) -> str | None:
        """Prepares a loader for an epoch that begins; returns what says in which order it is about to yield it.

        The text goes into the clock's state, and two that differ are two orders. None: nothing is known of it.
        """
        ...

    def begins_at(self, loader: Any) -> Exact | None:
        """Returns what a loader leaves out at its start, in samples over all ranks, or in batches.

        None: it does not say so, as most loaders do not.
        """
        ...

    def rest(self, loader: Any, wanted: RestOfEpoch) -> Any:
        """Returns a loader over what is left of the epoch, which loads nothing of what is done.

        Raises:
            TimelineError: the order in which the epoch began is unknown, or the like; with what to do about it.
        """
        ...


_KINDS: list[LoaderKind] = []


def register_loader_kind(kind: LoaderKind) -> None:
    """Lets every clock know a kind of loader: for `StepClock.rest`, and for the order of an epoch in a saved state."""
    _KINDS.append(kind)


def kind_of(loader: object) -> LoaderKind | None:
    """Returns the kind of a loader; None for one that no adapter knows."""
    framework = type(loader).__module__.partition(".")[0]
    adapter = {"torch": "torch", "torchdata": "torch", "tensorflow": "tensorflow"}.get(framework)
    if adapter is not None and f"stepbridge.adapters.{adapter}" not in sys.modules:
        import_module(f"stepbridge.adapters.{adapter}")
    return next((kind for kind in _KINDS if kind.handles(loader)), None)


def rest_of_arrays(name: str, arrays: Any, wanted: RestOfEpoch) -> Any:
    """Returns arrays of samples, or tuples, lists and dicts of them, from the first sample on that is not done.

    Raises:
        TimelineError: they are not arrays, or the clock does not know how many samples are done.
    """
    if wanted.samples is None:
        raise TimelineError(f"{name}: how many samples of the epoch are done is not known: give samples and batch_size")
    if isinstance(arrays, dict):
        return {key: rest_of_arrays(name, array, wanted) for key, array in arrays.items()}
    if isinstance(arrays, (tuple, list)) and arrays and all(map(_is_array, arrays)):
        return type(arrays)(rest_of_arrays(name, array, wanted) for array in arrays)
    if not _is_array(arrays):
        raise TimelineError(
            f"{name}: the rest of a {type(arrays).__name__} is not known: rest() takes a DataLoader of PyTorch, a "
            "tf.data.Dataset or arrays of samples; for another loader batches(loader, resume=...) says what it does"
        )
    wanted.check_data(len(arrays))
    return arrays[wanted.samples :]


def _is_array(thing: object) -> bool:
    return isinstance(thing, (tuple, dict)) or (hasattr(thing, "shape") and hasattr(thing, "__getitem__"))
