"""A saved clock: what its state must hold, and whether it is of the same run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stepbridge._errors import TimelineError
from stepbridge.clock._skipped import SkippedSteps
from stepbridge.clock._trained import TrainedParts
from stepbridge.timeline import whole_number

if TYPE_CHECKING:
    from stepbridge.timeline import Timeline

__all__ = ["STATE_VERSION", "check_state", "uses_own_plan"]

#: The version of `StepClock.state_dict`; raised whenever an older stepbridge could misread a newer one's.
STATE_VERSION = 1

_TEXTS = ("timeline", "plan")
_COUNTS = ("batch", "epochs", "skipped", "token", "padding")
#: What is there only where it says something, and of which type.
_FURTHER_COUNTS = ("repeated", "left_out")
_FURTHER_TEXTS = ("order", "later", "marks")
_KEYS = (*_TEXTS, *_COUNTS, "optimizers")

#: What makes a run the same run, as a segment has it, and as the arguments of a plan are called. A run may change
#: everything else when it resumes: batch size, accumulation, epochs.
_IDENTITY = {
    "samples": "samples",
    "batches": "batches_per_epoch",
    "drop_last": "drop_last",
    "boundary": "boundary",
    "on_cut": "on_cut",
    "tokens_per_sample": "tokens_per_sample",
}


def check_state(name: str, state: Mapping[str, Any]) -> None:
    """Refuses a state that this version cannot read.

    A checkpoint is a file, and may be damaged or forged: the clock takes nothing of it before all of it is checked.

    Raises:
        TimelineError: it is incomplete, holds what no state holds, or a newer stepbridge saved it.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"{name}: state must be what state_dict() returned, a dict, not {type(state).__name__}")
    version = state.get("version")
    if version != STATE_VERSION:
        newer = isinstance(version, int) and version > STATE_VERSION
        hint = "it was saved by a newer stepbridge: upgrade" if newer else f"expected version {STATE_VERSION}"
        raise TimelineError(f"{name}: cannot load a state of version {version!r}: {hint}")
    missing = [key for key in _KEYS if key not in state]
    if missing:
        raise TimelineError(f"{name}: the state lacks {', '.join(missing)}: it was not made by state_dict()")
    counts = {key: state[key] for key in _COUNTS} | {key: state.get(key, 0) for key in _FURTHER_COUNTS}
    optimizers = state["optimizers"]
    if isinstance(optimizers, Mapping):
        counts.update({f"optimizers[{key!r}]": count for key, count in optimizers.items()})
    try:
        wrong = [f"{key}={count!r}" for key, count in counts.items() if whole_number(key, count) < 0]
        whole_number("longer", state.get("longer", 0))
        TrainedParts.of_state(state.get("trained", []))
        SkippedSteps.of_state(state.get("skips", []), whole_number("skipped", state["skipped"]))
    except (TypeError, OverflowError, TimelineError) as error:
        raise TimelineError(f"{name}: the state's {error}: it was not made by state_dict()") from error
    wrong += [f"{key} of type {type(state[key]).__name__}" for key in _TEXTS if not isinstance(state[key], str)]
    wrong += [
        f"{key} of type {type(state[key]).__name__}"
        for key in _FURTHER_TEXTS
        if not isinstance(state.get(key, ""), str)
    ]
    if not isinstance(optimizers, Mapping):
        wrong.append(f"optimizers of type {type(optimizers).__name__}")
    if wrong:
        raise TimelineError(f"{name}: the state holds {', '.join(wrong)}: it was not made by state_dict()")


def uses_own_plan(name: str, own: Timeline, saved: Timeline, *, changed: bool) -> bool:
    """Whether a resumed run follows its clock's own plan from here on, and not the checkpoint's.

    It does if the clock was made with a plan that differs from the checkpoint's.

    Args:
        name: the clock's name.
        own: the plan that the clock was made with.
        saved: the checkpoint's plan.
        changed: whether the caller says that it is the same run with other data.

    Raises:
        TimelineError: the checkpoint's plan is another run's, and the caller does not say that it was changed.
    """
    if own == saved or (len(own.segments) == 1 and _is_empty(own)):
        return False
    if len(own.segments) != 1 or len(saved.segments) != 1:
        if not changed:
            raise TimelineError(
                f"{name}: the checkpoint was planned as {saved!r}, this clock as {own!r}: "
                "if the same run continues by the new plan, load_state_dict(state, changed=True)"
            )
        return True
    ours, theirs = own.segments[0], saved.segments[0]
    # Batches that follow from samples and batch size differ with them.
    derived = ours.samples is not None and ours.batch_size is not None
    resized = None not in (ours.batch_size, theirs.batch_size) and ours.batch_size != theirs.batch_size
    # So do those of a stream, which ends where it is stated.
    follows = derived or resized or ours.stream is not None
    compared = [field for field in _IDENTITY if field != "batches" or not follows]
    differences = [
        f"{_IDENTITY[field]}={getattr(theirs, field)!r} there, {getattr(ours, field)!r} here"
        for field in compared
        if None not in (getattr(ours, field), getattr(theirs, field)) and getattr(ours, field) != getattr(theirs, field)
    ]
    if differences and not changed:
        raise TimelineError(
            f"{name}: the checkpoint is of another plan: {'; '.join(differences)}. If the same run continues with "
            "other data, load_state_dict(state, changed=True); else it is another run's checkpoint"
        )
    return True


def _is_empty(plan: Timeline) -> bool:
    """Whether a plan states nothing: the clock learns the lengths."""
    segment = plan.segments[0]
    stated = (segment.samples, segment.batch_size, segment.batches, segment.epochs)
    return all(value is None for value in stated) and segment.accumulate == 1
