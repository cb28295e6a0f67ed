"""Plays the legs of a scenario on their ranks: a leg of one worker here, one of several in real processes (gloo)."""

from __future__ import annotations

import os
from itertools import groupby
from typing import TYPE_CHECKING, Any

from torch import distributed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conformance.scenarios import Leg, Scenario

    #: Plays legs after what was kept of the ones before (None: they are the first); returns what is to be kept.
    Play = Callable[[Scenario, Path, list[Leg], dict[str, Any] | None], dict[str, Any]]

__all__ = ["gathered", "over_ranks"]


def over_ranks(play: Play, scenario: Scenario, folder: Path) -> list[dict[str, Any]]:
    """Plays a scenario; returns its events, which all ranks agree on."""
    kept: dict[str, Any] | None = None
    for workers, group in groupby(scenario.legs, scenario.workers_of):
        legs = list(group)
        if workers == 1:
            kept = play(scenario, folder, legs, kept)
            continue
        from adapters.torch_ranks import on_ranks  # noqa: PLC0415 - it starts processes

        kept, *others = on_ranks(_on_rank, folder, play, scenario, legs, kept, ranks=workers)
        assert all(other["events"] == kept["events"] for other in others), "the ranks' clocks differ"
    assert kept is not None
    events: list[dict[str, Any]] = kept["events"]
    return events


def _on_rank(
    _rank: int, folder: Path, play: Play, scenario: Scenario, legs: list[Leg], kept: dict[str, Any] | None
) -> dict[str, Any]:
    # Lightning starts processes of its own without them, and Accelerate asks for them, although the ranks have met.
    os.environ.update(
        NODE_RANK="0", MASTER_ADDR="127.0.0.1", MASTER_PORT="29500", LOCAL_WORLD_SIZE=os.environ["WORLD_SIZE"]
    )
    return play(scenario, folder, legs, kept)


def gathered(thing: Any) -> list[Any]:
    """Returns everybody's `thing`, in the order of ranks."""
    if not distributed.is_initialized():
        return [thing]
    things: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(things, thing)
    return things
