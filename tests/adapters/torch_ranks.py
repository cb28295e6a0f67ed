"""Runs work on several ranks: real processes, gloo on CPU."""

from __future__ import annotations

import os
import warnings
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
from torch import distributed

from adapters.torch_processes import CONTEXT
from stepbridge import StepbridgeWarning

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def on_ranks(work: Callable[..., Any], folder: Path, *arguments: Any, ranks: int = 2) -> list[Any]:
    """Returns what `work(rank, folder, *arguments)` returns, for each rank; what one raises is raised here."""
    with ProcessPoolExecutor(ranks, mp_context=CONTEXT) as pool:
        running = [pool.submit(_on_rank, work, rank, ranks, folder, arguments) for rank in range(ranks)]
        return [done.result(timeout=240) for done in running]


def _on_rank(work: Callable[..., Any], rank: int, ranks: int, folder: Path, arguments: tuple[Any, ...]) -> Any:
    # As torchrun sets them.
    os.environ.update(RANK=str(rank), WORLD_SIZE=str(ranks), LOCAL_RANK=str(rank), GLOO_SOCKET_IFNAME="lo")
    torch.set_num_threads(1)
    warnings.filterwarnings("error", category=StepbridgeWarning)
    meeting = f"file://{folder}/meeting"
    # The group ends with its process: torch 2.4's destroy_process_group can wait for a thread that waits for the GIL.
    distributed.init_process_group("gloo", meeting, timedelta(seconds=240), ranks, rank)
    return work(rank, folder, *arguments)


def gathered(thing: Any) -> list[Any]:
    """Returns everybody's `thing`, in the order of ranks."""
    things = [None] * distributed.get_world_size()
    distributed.all_gather_object(things, thing)
    return things
