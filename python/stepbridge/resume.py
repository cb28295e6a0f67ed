"""Going on from a checkpoint: where a run stands, and whether the checkpoint is of the same run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from stepbridge.answers import Beyond, Exact, Unknown
from stepbridge.units import whole_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stepbridge.timeline import Timeline
    from stepbridge.units import Quantity

__all__ = ["STATE_VERSION", "check_state", "goes_on", "is_stateful", "not_empty", "stand_at"]

Item = TypeVar("Item")

#: The version of `StepClock.state_dict`; raised whenever an older stepbridge could misread a newer one's.
STATE_VERSION = 1

_TEXTS = ("timeline", "plan")
_COUNTS = ("batch", "epochs", "skipped", "token", "padding")
_KEYS = (*_TEXTS, *_COUNTS, "optimizers")

#: What a run may change when it goes on. Whatever else differs makes it another run.
_KNOBS = ("batch_size", "accumulate", "epochs")
_IDENTITY = ("samples", "batches", "drop_last", "boundary")


def check_state(name: str, state: Mapping[str, Any]) -> None:
    """Refuses a state that this version cannot read.

    A checkpoint is a file, and may be damaged or forged: nothing of it is taken over before all of it was looked at.

    Raises:
        ValueError: it is incomplete, holds what no state holds, or a newer stepbridge saved it.
    """
    version = state.get("version")
    if version != STATE_VERSION:
        newer = isinstance(version, int) and version > STATE_VERSION
        hint = "it was saved by a newer stepbridge: upgrade" if newer else f"expected version {STATE_VERSION}"
        raise ValueError(f"{name}: cannot load a state of version {version!r}: {hint}")
    missing = [key for key in _KEYS if key not in state]
    if missing:
        raise ValueError(f"{name}: the state lacks {', '.join(missing)}: it was not made by state_dict()")
    counts = {key: state[key] for key in _COUNTS}
    optimizers = state["optimizers"]
    if isinstance(optimizers, Mapping):
        counts.update({f"optimizers[{key!r}]": count for key, count in optimizers.items()})
    try:
        wrong = [f"{key}={count!r}" for key, count in counts.items() if whole_number(key, count) < 0]
    except (TypeError, OverflowError) as error:
        raise ValueError(f"{name}: the state's {error}: it was not made by state_dict()") from error
    wrong += [f"{key} of type {type(state[key]).__name__}" for key in _TEXTS if not isinstance(state[key], str)]
    if not isinstance(optimizers, Mapping):
        wrong.append(f"optimizers of type {type(optimizers).__name__}")
    if wrong:
        raise ValueError(f"{name}: the state holds {', '.join(wrong)}: it was not made by state_dict()")


def goes_on(name: str, own: Timeline, saved: Timeline, *, changed: bool) -> bool:
    """Tells whether a run goes on by its clock's own plan, which differs from the checkpoint's, or by the checkpoint's.

    Raises:
        ValueError: the checkpoint's plan is another run's, and nobody said that it was changed.
    """
    if own == saved or (len(own.segments) == 1 and _learns(own)):
        return False
    if len(own.segments) != 1 or len(saved.segments) != 1:
        if not changed:
            raise ValueError(
                f"{name}: the checkpoint was planned as {saved!r}, this clock as {own!r}: "
                "if the same run goes on by the new plan, load_state_dict(state, changed=True)"
            )
        return True
    ours, theirs = own.segments[0], saved.segments[0]
    # Batches that follow from samples and batch size differ with them.
    derived = ours.samples is not None and ours.batch_size is not None
    resized = None not in (ours.batch_size, theirs.batch_size) and ours.batch_size != theirs.batch_size
    compared = [field for field in _IDENTITY if field != "batches" or not (derived or resized)]
    differences = [
        f"{field}={getattr(theirs, field)!r} there, {getattr(ours, field)!r} here"
        for field in compared
        if None not in (getattr(ours, field), getattr(theirs, field)) and getattr(ours, field) != getattr(theirs, field)
    ]
    if differences and not changed:
        raise ValueError(
            f"{name}: the checkpoint is of another plan: {'; '.join(differences)}. If the same run goes on with other "
            "data, load_state_dict(state, changed=True); else it is another run's checkpoint"
        )
    return True


def _learns(plan: Timeline) -> bool:
    """A plan that says nothing of its own."""
    segment = plan.segments[0]
    said = (segment.samples, segment.batch_size, segment.batches, segment.epochs)
    return all(value is None for value in said) and segment.accumulate == 1


def stand_at(plan: Timeline, initial: Quantity) -> tuple[int, int]:
    """Finds batches and complete epochs at an amount.

    Raises:
        ValueError: it lies inside a batch or an open window, or where it lies is not known.
        IndexError: it is past the end of the plan.
    """
    answer = plan.convert(initial, "batch")
    if isinstance(answer, Exact):
        epochs = plan.convert(f"{int(answer)}ba", "epoch")
        if isinstance(epochs, Exact):
            return int(answer), epochs.value.numerator // epochs.value.denominator
        answer = epochs
    said = f"initial={str(initial)!r}"
    match answer:
        case Unknown(why):
            hint = "give the clock samples and batch_size, or batches, as they were in the run so far"
            raise ValueError(f"{said}: {why}: {hint}")
        case Beyond(end):
            raise IndexError(f"{said} is beyond the end of the plan, which is at {end}")
        case _:
            raise ValueError(f"{said} is {answer}: give a point at the end of a batch")


def is_stateful(loader: object) -> bool:
    """Whether a loader is saved beside the clock and goes on by itself, such as torchdata's StatefulDataLoader."""
    return hasattr(loader, "state_dict") and hasattr(loader, "load_state_dict")


def not_empty(loader: Iterable[Item]) -> Iterator[Item]:
    """Yields the loader's items; one that was saved in an epoch's last batch first yields the nothing left of it."""
    empty = True
    for item in loader:
        empty = False
        yield item
    if empty:
        yield from loader
