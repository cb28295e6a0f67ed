"""Measures `Timeline.locate` on 20 million steps next to numpy and polars.

What both sides compute is compared before it is timed. numpy has one thread for all of this; polars and stepbridge
use all cores, except in the rows that say "one thread".
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

import stepbridge as sb
from claims import CLAIMS, Claim, Measured
from timing import once, pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

STEPS = 20_000_000
BATCHES = 1719
EPOCHS = 800_000
ACCUMULATE = 4
CHANGES = 1000
PASS = 10_000_000
REPEATS = 9
SLOW_REPEATS = 3


def measure() -> Iterator[Measured]:
    """Measure each row of the table, in its order."""
    copied, divided, alone, fresh, lazy, ordered, ordered_alone, shuffled, accumulated, ramped = CLAIMS["bulk_map"]
    steps = np.arange(STEPS, dtype=np.int64)
    epoch, iteration = np.empty_like(steps), np.empty_like(steps)
    plan = sb.Timeline.plan(batches_per_epoch=BATCHES, epochs=-(-STEPS // BATCHES))

    def ours() -> None:
        plan.locate(steps, out=(epoch, iteration))

    def copy() -> None:
        np.copyto(epoch, steps)
        np.copyto(iteration, steps)

    ours()
    agree((epoch, iteration), np.divmod(steps, BATCHES))
    yield compare(copied, ours, copy)
    yield compare(divided, ours, lambda: np.divmod(steps, BATCHES, out=(epoch, iteration)))
    with one_core():
        yield compare(alone, ours, lambda: np.divmod(steps, BATCHES, out=(epoch, iteration)))
    yield compare(fresh, lambda: plan.locate(steps), lambda: np.divmod(steps, BATCHES))

    # One select of both expressions, so that polars may work on the two at once.
    frame = pl.DataFrame({"step": steps})
    both = [(pl.col("step") // BATCHES).alias("epoch"), (pl.col("step") % BATCHES).alias("iter")]
    yield compare(lazy, lambda: plan.locate(steps), lambda: frame.select(both))

    yield from irregular(ordered, ordered_alone, shuffled, steps)

    updates = -(-BATCHES // ACCUMULATE)
    windows = sb.Timeline.plan(
        batches_per_epoch=BATCHES, epochs=-(-STEPS // updates), accumulate=ACCUMULATE, boundary="flush"
    )
    windows.locate(steps, out=(epoch, iteration))
    closing = np.minimum(steps % updates * ACCUMULATE + ACCUMULATE, BATCHES) - 1
    agree((epoch, iteration), (steps // updates, closing))
    yield compare(accumulated, lambda: windows.locate(steps, out=(epoch, iteration)), ours)
    yield ramp(ramped, steps)


def ramp(claim: Claim, steps: NDArray[np.int64]) -> Measured:
    """Measure a stream whose batches grow, against a binary search among the first batches of its epochs."""
    each = STEPS // CHANGES
    sizes = 16 + 2 * np.arange(CHANGES)
    samples = np.cumsum(np.repeat(sizes, each)) - np.repeat(sizes, each)
    changes = list(zip(samples[::each].tolist(), sizes.tolist(), strict=True))
    plan = sb.Timeline.stream(batch_size=changes, samples=PASS, steps=STEPS)
    starts = np.searchsorted(samples, np.arange(0, int(samples[-1]) + 1, PASS))
    epoch, iteration = np.empty_like(steps), np.empty_like(steps)

    def searched() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        found = np.searchsorted(starts, steps, side="right")
        found -= 1
        np.take(starts, found, out=epoch, mode="clip")
        np.subtract(steps, epoch, out=iteration)
        return found, iteration

    agree(plan.locate(steps), searched())
    return compare(claim, lambda: plan.locate(steps, out=(epoch, iteration)), searched)


def irregular(ordered: Claim, alone: Claim, shuffled: Claim, steps: NDArray[np.int64]) -> Iterator[Measured]:
    """Measure a history whose epochs all differ, against a binary search among the starts of its epochs."""
    random = np.random.default_rng(20)
    lengths = random.integers(1, 2 * STEPS // EPOCHS, EPOCHS, endpoint=True)
    starts = np.cumsum(lengths) - lengths
    seen = sb.Timeline.from_epochs(lengths)

    def rows(claim: Claim, order: NDArray[np.int64]) -> Measured:
        epoch, iteration = np.empty_like(order), np.empty_like(order)

        def search() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
            # searchsorted has no out=. What comes after it writes to arrays that exist, as ours does. Without that
            # mode, take would fill a copy of out= first.
            found = np.searchsorted(starts, order, side="right")
            np.subtract(found, 1, out=found)
            np.take(starts, found, out=iteration, mode="clip")
            return found, np.subtract(order, iteration, out=iteration)

        agree(seen.locate(order), search())
        return compare(claim, lambda: seen.locate(order, out=(epoch, iteration)), search, SLOW_REPEATS)

    yield rows(ordered, steps)
    with one_core():
        yield rows(alone, steps)
    yield rows(shuffled, random.permutation(steps))


@contextmanager
def one_core() -> Iterator[None]:
    """Let this process run on one core alone: stepbridge takes as many threads as there are cores to run on."""
    if not hasattr(os, "sched_setaffinity"):
        message = "this system cannot keep a process on one core, so the rows of one thread are not measured"
        raise RuntimeError(message)
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def agree(ours: Sequence[NDArray[np.integer[Any]]], peer: Sequence[NDArray[np.int64]]) -> None:
    """Stop where the two sides give different epochs or iters."""
    for mine, theirs in zip(ours, peer, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def compare(claim: Claim, ours: Callable[[], object], peer: Callable[[], object], repeats: int = REPEATS) -> Measured:
    """Time both sides in turn."""
    return Measured(claim, pairs(lambda: once(ours), lambda: once(peer), repeats), "ms", 1e3)
