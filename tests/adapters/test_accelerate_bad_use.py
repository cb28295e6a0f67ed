"""Wrong use of Accelerate's adapter: one sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from adapters.accelerate_training import Loop
from adapters.bad_use import check_all, missing
from stepbridge.adapters.accelerate import watch

if TYPE_CHECKING:
    from pathlib import Path


def of_two_loops(_folder: Path) -> None:
    loop, other = Loop.made(epochs=1), Loop.made(epochs=1)
    other.clock = loop.clock
    for _ in loop.clock.epochs():
        other.run()


def twice(_folder: Path) -> None:
    loop = Loop.made()
    watch(loop.clock, loop.optimizer)


def saved(folder: Path, **given: Any) -> Path:
    Loop.made(epochs=1, **given).run().accelerator.save_state(str(folder))
    return folder


def of_another_run(folder: Path) -> None:
    path = saved(folder, data=torch.arange(30.0).reshape(30, 1))
    again = Loop.made(epochs=2)
    again.accelerator.load_state(str(path))
    # Training goes on.
    assert again.run().trained


def of_a_newer_version(folder: Path) -> None:
    file = saved(folder) / "custom_checkpoint_0.pkl"
    state = torch.load(file, weights_only=True)
    state["stepbridge"]["version"] = 99
    torch.save(state, file)
    Loop.made(epochs=1).accelerator.load_state(str(folder))


USES: Any = {
    "a clock of two trainers": (of_two_loops, "a clock counts one loop"),
    "twice in one trainer": (twice, "is watched already, as 'optimizer': each update would count twice"),
    "a checkpoint of another run": (of_another_run, "another plan: samples=30 there, 20 here.* Training goes on"),
    "a state of a newer version": (of_a_newer_version, "saved by a newer stepbridge: upgrade"),
    "a missing framework": (missing("accelerate"), r"needs Accelerate: pip install 'stepbridge\[accelerate\]'"),
}


def test_each_is_named_in_one_sentence(tmp_path: Path) -> None:
    check_all(USES, tmp_path)
