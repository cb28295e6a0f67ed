"""Wrong use of Ignite's adapter: one sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from adapters.bad_use import check_all, missing
from adapters.ignite_training import Loop
from stepbridge.adapters.ignite import attach

if TYPE_CHECKING:
    from pathlib import Path


def of_two_engines(_folder: Path) -> None:
    loop = Loop.made()
    attach(Loop.made().engine, loop.clock)


def twice(_folder: Path) -> None:
    loop = Loop.made()
    attach(loop.engine, loop.clock)


def of_another_run(_folder: Path) -> None:
    other = torch.utils.data.TensorDataset(torch.arange(21.0).reshape(21, 1), torch.zeros(21, 1))
    again = Loop.made().load(Loop.made(data=other).saved_at(7))
    again.run(None)
    # Training goes on.
    assert again.model.trained


def of_a_newer_version(_folder: Path) -> None:
    state = Loop.made().saved_at(7)
    state["clock"]["clock"]["version"] = 99
    Loop.made().load(state).run(None)


USES: Any = {
    "a clock of two trainers": (of_two_engines, "attached to another engine already, .*: give each engine a clock"),
    "twice in one trainer": (twice, r"attached to this engine already, .*remove\(\) the first attachment"),
    "a checkpoint of another run": (of_another_run, "another plan: samples=21 there, 20 here.* Training goes on"),
    "a state of a newer version": (of_a_newer_version, "saved by a newer stepbridge: upgrade"),
    "a missing framework": (missing("ignite"), r"needs PyTorch Ignite: pip install 'stepbridge\[ignite\]'"),
}


def test_each_is_named_in_one_sentence(tmp_path: Path) -> None:
    check_all(USES, tmp_path)
