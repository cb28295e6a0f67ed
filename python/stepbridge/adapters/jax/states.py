"""Reads the counters of an optimizer's state.

What optax and flax do (seen on optax 0.2.3 and 0.2.8, flax 0.10 and 0.12):

- `MultiStepsState.gradient_step` counts the windows that were closed, `mini_step` the batches of the open one. A batch
  that `should_skip_update_fn` refuses moves neither, so its window closes a batch later;
- `apply_if_finite` leaves out an update whose gradients are not finite, and nothing that it wraps moves:
  `total_notfinite` counts these. After `max_consecutive_errors` of them it gives up and lets them through;
- `TrainState.step` and `nnx.Optimizer.step` count calls: updates, but batches where `MultiSteps` accumulates, and also
  the calls whose update `apply_if_finite` left out;
- all of them are numbers on the device: reading one waits for the step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import jax
from optax import ApplyIfFiniteState, MultiStepsState

from stepbridge._errors import TimelineError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Counters", "read_counters", "step_unit"]

_COUNTING = (MultiStepsState, ApplyIfFiniteState)


class Counters(NamedTuple):
    """What the state of an optimizer counts."""

    applied: int
    """Updates that changed the weights."""
    closed: int | None
    """Windows that `MultiSteps` closed; None where it does not accumulate."""
    pending: int | None
    """Batches of the window that it has open."""
    left_out: int
    """Updates that `apply_if_finite` left out."""
    calls: int | None
    """The `step` of a flax state; None where there is none."""
    refuses: bool = False
    """Whether `should_skip_update_fn` of `MultiSteps` refused the last batch, as far as the state says it."""
    in_doubt: bool = False
    """Whether `apply_if_finite` may have let an update through that counts as left out here."""


def step_unit(state: Any) -> Literal["step", "batch"]:
    """Returns what the `step` of a flax state counts: updates, or batches where `optax.MultiSteps` accumulates.

    So `StepClock(ledger="runs/a", logged_as=(step_unit(state), 1))` says what a loop logs that logs `state.step`.

    Args:
        state: a `TrainState` or an `nnx.Optimizer`.

    Raises:
        TypeError: it has no `step`.
    """
    if not hasattr(state, "step") or not hasattr(state, "opt_state"):
        raise TypeError(f"step_unit takes a TrainState or an nnx.Optimizer, not {type(state).__name__}")
    return "batch" if _innermost(state.opt_state, MultiStepsState) else "step"


def read_counters(state: Any) -> Counters:
    """Returns the counters of a state of optax, a `TrainState` or an `nnx.Optimizer`.

    Raises:
        TypeError: nothing in it counts updates.
        RuntimeError: it is traced, or was given away to a jitted function.
    """
    calls = _number(state.step) if hasattr(state, "step") and hasattr(state, "opt_state") else None
    state = getattr(state, "opt_state", state)
    windows = _innermost(state, MultiStepsState)
    checks = _innermost(state, ApplyIfFiniteState)
    left_out = _one([_number(check.total_notfinite) for check in checks], "total_notfinite") or 0
    # Nothing inside of apply_if_finite moves where it leaves an update out.
    counted = _one(_counts(check.inner_state for check in checks), "count", largest=True)
    in_doubt = counted is None and any(_number(check.notfinite_count) > 1 for check in checks)
    if windows:
        closed = _one([_number(window.gradient_step) for window in windows], "gradient_step")
        pending = _one([_number(window.mini_step) for window in windows], "mini_step")
        inside = [check for window in windows for check in _innermost(window.inner_opt_state, ApplyIfFiniteState)]
        applied = closed or 0
        if inside:
            applied = applied - left_out if counted is None else counted
        refuses = any(_refuses(window.skip_state) for window in windows)
        return Counters(applied, closed, pending, left_out, calls, refuses, in_doubt and bool(inside))
    if checks and counted is not None:
        return Counters(counted, None, None, left_out, calls)
    outside = calls if calls is not None else _one(_counts([state]), "count", largest=True)
    if outside is None:
        raise TypeError(
            "watch finds nothing in this state that counts updates: give it a flax TrainState or nnx.Optimizer, or the "
            "state of an optimizer that counts, such as optax.adam or optax.MultiSteps"
        )
    return Counters(outside - left_out, None, None, left_out, calls, in_doubt=in_doubt)


def _refuses(skip_state: Any) -> bool:
    """Whether a batch was refused; a function of one's own may keep it under another name, or not at all."""
    if isinstance(skip_state, dict) and "should_skip" in skip_state:
        return bool(_number(skip_state["should_skip"]))
    return bool(jax.tree_util.tree_leaves(skip_state))


def _innermost(state: Any, kind: type[Any]) -> list[Any]:
    """The states of a kind, wherever they are in a state."""
    found = []
    for part in jax.tree_util.tree_leaves(state, is_leaf=lambda node: isinstance(node, _COUNTING)):
        if isinstance(part, kind):
            found.append(part)
        elif isinstance(part, MultiStepsState):
            found += _innermost(part.inner_opt_state, kind)
        elif isinstance(part, ApplyIfFiniteState):
            found += _innermost(part.inner_state, kind)
    return found


def _counts(states: Iterable[Any]) -> list[int]:
    """The numbers that are called `count` in states, as optax calls them."""
    found = []
    for state in states:
        for path, leaf in jax.tree_util.tree_flatten_with_path(state)[0]:
            # Flax wraps each number into a variable, whose own key comes last.
            if any(getattr(key, "name", None) == "count" for key in path[-2:]):
                found.append(_number(leaf))
    return found


def _one(numbers: list[int], counter: str, *, largest: bool = False) -> int | None:
    """The number that all of several optimizers have; None where there is no number.

    Raises:
        TimelineError: they differ, and the largest is not meant.
    """
    if not numbers:
        return None
    if len(set(numbers)) > 1 and not largest:
        raise TimelineError(
            f"the state has several {counter}, which are {', '.join(map(str, numbers))}: watch each optimizer with a "
            "function that returns its part of the state"
        )
    return max(numbers)


def _number(counter: Any) -> int:
    """A counter as a number of Python; waits for the device.

    Raises:
        RuntimeError: it is traced, or its memory was given away.
    """
    (leaf,) = jax.tree_util.tree_leaves(counter) or (counter,)
    if isinstance(leaf, jax.core.Tracer):
        raise RuntimeError(  # noqa: TRY004 - the value is right, the moment is not
            "a clock counted a batch while jax traced a function, where Python runs once and not for each batch: keep "
            "`for batch in clock.batches(loader)` outside, and call the jitted function in its body"
        )
    if getattr(leaf, "is_deleted", lambda: False)():
        raise RuntimeError(
            "watch read a state that was given away to a jitted function (donate_argnums): the function that watch "
            "takes must return the state of now, as in `state = train_step(state, batch)` and `lambda: state`"
        )
    # A state that pmap replicated has one number a device.
    return int(leaf) if getattr(leaf, "ndim", 0) == 0 else int(leaf.reshape(-1)[0])
