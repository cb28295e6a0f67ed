"""The clock of a loop in JAX agrees with the weight that its updates move, whatever wraps the optimizer."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import optax
import pytest

import stepbridge as sb
from adapters.jax_training import Loop
from stepbridge.adapters.jax import step_unit, watch

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.filterwarnings("ignore::Warning", "error::stepbridge.StepbridgeWarning")


def warned(call: Callable[[], object]) -> str:
    """Everything that stepbridge warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", sb.StepbridgeWarning)
        call()
    return "\n".join(str(one.message) for one in caught if one.category is sb.StepbridgeWarning)


def windows(k: int = 3, inner: Any = None, **options: Any) -> Any:
    return optax.MultiSteps(optax.sgd(1.0) if inner is None else inner, k, **options)


def finite(inner: Any) -> Any:
    return optax.apply_if_finite(inner, max_consecutive_errors=3)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 10])
def test_windows(k: int) -> None:
    loop = Loop.made(windows(k), k).run()
    assert loop.updates == loop.closed == list(range(k, 15, k))
    clock = loop.clock
    assert (clock.step, clock.applied, clock.batch, clock.sample) == (14 // k, 14 // k, 14, 40)
    assert int(loop.state.gradient_step) == clock.applied
    assert int(loop.state.mini_step) == clock.pending == 14 % k


@pytest.mark.parametrize("optimizer", [optax.adam(1.0), optax.chain(optax.clip(1.0), optax.adam(1.0))])
def test_an_optimizer_that_counts(optimizer: Any) -> None:
    loop = Loop.made(optimizer).run()
    assert (loop.clock.step, loop.clock.applied) == (14, 14)
    assert loop.updates == list(range(1, 15))


def test_an_optimizer_that_counts_nothing() -> None:
    with pytest.raises(TypeError, match="nothing in this state that counts updates"):
        Loop.made(optax.sgd(1.0))


@pytest.mark.parametrize(
    ("optimizer", "k", "bad"),
    [
        (finite(optax.adam(1.0)), 1, (3, 9)),
        (optax.chain(optax.scale(1.0), finite(optax.adam(1.0))), 1, (3, 9)),
        (optax.chain(finite(optax.adam(1.0)), optax.scale_by_schedule(lambda _: 1.0)), 1, (3, 9)),
        (optax.chain(finite(optax.sgd(1.0)), optax.scale_by_schedule(lambda _: 1.0)), 1, (3, 9)),
        # What MultiSteps has accumulated is not a number from there on: both of the last windows.
        (windows(2, finite(optax.adam(1.0))), 2, (12,)),
    ],
    ids=["adam", "chain", "schedule outside", "sgd", "inside windows"],
)
def test_updates_that_apply_if_finite_leaves_out(optimizer: Any, k: int, bad: tuple[int, ...]) -> None:
    """Two updates are left out, and the clock says so."""
    loop = Loop.made(optimizer, k).run(bad=bad)
    assert loop.closed == list(range(k, 15, k))
    assert (loop.clock.step, loop.clock.applied) == (14 // k, 14 // k - 2)
    assert len(loop.updates) == loop.clock.applied


def test_updates_that_are_let_through_after_too_many_errors() -> None:
    counting = Loop.made(finite(optax.adam(1.0))).run(bad=(3, 4, 5, 6, 7))
    assert (counting.clock.step, counting.clock.applied) == (14, 11)
    silent = Loop.made(windows(1, finite(optax.sgd(1.0))))
    with pytest.warns(sb.StepbridgeWarning, match="they count as left out"):
        silent.run(bad=(3, 4))


@pytest.mark.parametrize("bad", [(2,), (3,), (7,), (8,), (2, 3), (1, 13), (6, 12)])
@pytest.mark.parametrize("how", ["refused", "outside"])
def test_batches_that_are_left_out_of_a_window(how: str, bad: tuple[int, ...]) -> None:
    """Their window closes later, and the clock's goes on with it."""
    if how == "refused":
        optimizer = windows(3, should_skip_update_fn=optax.skip_not_finite)
    else:
        optimizer = finite(windows(3).gradient_transformation())
    loop = Loop.made(optimizer, 3).run(bad=bad)
    good = [batch for batch in range(1, 15) if batch not in bad]
    assert loop.updates == good[2::3]
    assert loop.clock.applied == len(loop.updates)
    assert loop.clock.pending == len(good) % 3


def test_a_window_of_the_epochs_end_is_named() -> None:
    said = warned(lambda: Loop.made(windows(3), 3, boundary="flush").run())
    assert "boundary='carry' with optax.MultiSteps" in said


def test_another_accumulation_is_named() -> None:
    assert "one more after batch 2" in warned(lambda: Loop.made(windows(3), 2).run())
    assert "no update after batch 2, where an accumulation window is open" in warned(
        lambda: Loop.made(windows(2), 3).run()
    )


def test_a_schedule_of_accumulation() -> None:
    """`every_k_schedule` by the update: 1, 1, then 3 each."""
    loop = Loop.made(windows(lambda step: jnp.where(step < 2, 1, 3)), 1, epochs=1)  # type: ignore[arg-type]
    for _ in loop.clock.epochs():
        for _batch in loop.clock.batches(range(7)):
            if loop.clock.at("2ba"):
                loop.clock.change(accumulate=3)
            loop.weight, loop.state = loop.step(loop.weight, loop.state, jnp.asarray(-1.0))  # type: ignore[attr-defined]
    assert loop.clock.applied == int(loop.state.gradient_step) == 3


def test_it_counts_in_the_same_batch_after_sync() -> None:
    loop = Loop.made(windows(3), 3, epochs=1)
    assert loop.watched is not None
    seen = []
    for _ in loop.clock.epochs():
        for _batch in loop.clock.batches(range(7)):
            loop.weight, loop.state = loop.step(loop.weight, loop.state, jnp.asarray(-1.0))  # type: ignore[attr-defined]
            loop.watched.sync()
            seen.append(loop.watched.applied)
    assert seen == [0, 0, 1, 1, 1, 2, 2]


@pytest.mark.parametrize("k", [1, 3])
def test_a_resume(k: int) -> None:
    """Everything is in the checkpoint, also the gradients of an open window."""
    first = Loop.made(windows(k), k)
    for _ in first.clock.epochs():
        for _batch in first.clock.batches(range(7)):
            first.weight, first.state = first.step(first.weight, first.state, jnp.asarray(-1.0))  # type: ignore[attr-defined]
            if first.clock.at("10ba"):
                break
        if first.clock.batch == 10:
            break
    saved = first.clock.state_dict()
    again = Loop.made(windows(k), k, watched=False)
    again.clock.load_state_dict(saved, pending="carry")
    again.weight, again.state = first.weight, first.state
    watch(again.clock, lambda: again.state)
    for _ in again.clock.epochs():
        for _batch in again.clock.batches(range(4), resume="continues"):
            again.weight, again.state = again.step(again.weight, again.state, jnp.asarray(-1.0))  # type: ignore[attr-defined]
    assert (again.clock.batch, again.clock.step, again.clock.applied) == (14, 14 // k, 14 // k)
    assert int(again.state.gradient_step) == again.clock.applied


def test_a_state_that_was_not_restored_is_named() -> None:
    loop = Loop.made(windows(3), 3).run(epochs=1)
    again = Loop.made(windows(3), 3, watched=False)
    again.clock.load_state_dict(loop.clock.state_dict(), pending="carry")
    watch(again.clock, lambda: again.state)
    assert "restore the optimizer with the clock" in warned(again.run)


def test_a_state_that_was_given_away_is_named() -> None:
    loop = Loop.made(windows(3), 3, watched=False)
    old = loop.state
    watch(loop.clock, lambda: old)
    # Older versions of JAX keep the counters on the CPU: then they do not move.
    with pytest.raises((RuntimeError, sb.StepbridgeWarning), match=r"must return the state of now|seen 0 more"):
        loop.run()


def test_counting_inside_a_traced_function_is_refused() -> None:
    loop = Loop.made(windows(3), 3, watched=False)
    clock = loop.clock

    @jax.jit
    def train(state: Any) -> Any:
        watch(clock, lambda: state)
        return state

    with pytest.raises(RuntimeError, match="while jax traced a function"):
        train(loop.state)


def test_a_state_that_is_watched_twice() -> None:
    loop = Loop.made(windows(3), 3, watched=False)

    def state() -> Any:
        return loop.state

    watch(loop.clock, state)
    with pytest.raises(sb.TimelineError, match="watched already, as 'optimizer'"):
        watch(loop.clock, state)


def test_a_clock_that_two_loops_use() -> None:
    loop = Loop.made(windows(3), 3)
    for _ in loop.clock.epochs(1):
        with pytest.raises(RuntimeError, match="a clock counts one loop"):
            loop.run()
        break


def test_a_checkpoint_of_another_run_and_one_of_a_newer_version() -> None:
    state = sb.StepClock(samples=30, batch_size=3, epochs=2, accumulate=3, boundary="carry", initial="9ba").state_dict()
    again = Loop.made(windows(3), 3)
    with pytest.raises(sb.TimelineError, match=r"another plan: samples=30 there, 20 here"):
        again.clock.load_state_dict(state, pending="carry")
    with pytest.raises(sb.TimelineError, match="newer stepbridge: upgrade"):
        again.clock.load_state_dict({**state, "version": 99})
    # What was refused leaves the clock as it is.
    assert again.run().clock.batch == 14


def test_wrong_use() -> None:
    loop = Loop.made(windows(3), 3)
    with pytest.raises(TypeError, match="a function that returns the state of now"):
        watch(loop.clock, loop.state)
    with pytest.raises(TypeError, match="StepClock"):
        watch(loop.state, lambda: loop.state)
    with pytest.raises(sb.TimelineError, match="a name of its own"):
        watch(loop.clock, lambda: loop.state, "optimizer")
    with pytest.raises(TypeError, match="step_unit takes"):
        step_unit(loop.state)
    several = windows(2).init(jnp.zeros(())), windows(3).init(jnp.zeros(()))
    several[1].gradient_step.block_until_ready()
    unequal = (several[0], several[1]._replace(gradient_step=jnp.asarray(4)))
    with pytest.raises(sb.TimelineError, match="several gradient_step, which are 0, 4"):
        watch(sb.StepClock(), lambda: unequal)


@pytest.mark.parametrize("module", ["jax", "optax"])
def test_without_a_framework_it_says_what_to_install(module: str) -> None:
    script = f"import sys; sys.modules['{module}'] = None\nimport stepbridge.adapters.jax"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "pip install 'stepbridge[jax]'" in done.stderr
