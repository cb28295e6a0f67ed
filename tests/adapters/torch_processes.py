"""How torch's tests start processes: forked from a server that has torch loaded and runs no thread of its own.

A process that is forked from the tests' own can hang: torch's threads, which hold locks, are not forked with it.
"""

from __future__ import annotations

import multiprocessing
from typing import Any

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["torch._dynamo", "torch.distributed", "torch.nn.parallel", "stepbridge.adapters.torch"])


def workers(number: int) -> dict[str, Any]:
    """What makes a DataLoader have this many workers."""
    # A loader without workers refuses a context.
    return {"num_workers": number, "multiprocessing_context": CONTEXT if number else None}
