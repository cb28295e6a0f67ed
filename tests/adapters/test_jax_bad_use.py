"""Wrong use of JAX's adapter: one sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import optax

import stepbridge as sb
from adapters.bad_use import check_all, missing
from adapters.jax_training import Loop
from stepbridge.adapters.jax import watch

if TYPE_CHECKING:
    from pathlib import Path


def made() -> Loop:
    return Loop.made(optax.MultiSteps(optax.sgd(1.0), 3), 3)


def of_two_loops(_folder: Path) -> None:
    loop = made()
    for _ in loop.clock.epochs():
        loop.run()


def twice(_folder: Path) -> None:
    loop = made()

    def state() -> Any:
        return loop.state

    watch(loop.clock, state)
    watch(loop.clock, state)


def of_another_run(_folder: Path) -> None:
    other = sb.StepClock(samples=30, batch_size=3, epochs=2, accumulate=3, boundary="carry", initial="9ba")
    made().clock.load_state_dict(other.state_dict(), pending="carry")


def of_a_newer_version(_folder: Path) -> None:
    loop = made()
    loop.clock.load_state_dict({**loop.clock.state_dict(), "version": 99})


USES: Any = {
    "a clock of two trainers": (of_two_loops, "a clock counts one loop"),
    "twice in one trainer": (twice, "is watched already, as 'optimizer2': each update would count twice"),
    "a checkpoint of another run": (of_another_run, r"another plan: samples=30 there, 20 here.*changed=True"),
    "a state of a newer version": (of_a_newer_version, "saved by a newer stepbridge: upgrade"),
    "a missing framework": (missing("jax"), r"needs JAX: pip install 'stepbridge\[jax\]'"),
}


def test_each_is_named_in_one_sentence(tmp_path: Path) -> None:
    check_all(USES, tmp_path)
