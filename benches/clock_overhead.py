"""Measures what the clock adds to each batch of a plain loop, next to what tqdm and a counter by hand add to it.

The loop's own time is taken in every repeat and subtracted from all.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from tqdm import tqdm

import stepbridge as sb
from claims import CLAIMS, Measured
from timing import once, overhead, pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

BATCHES = 1_000_000
REPEATS = 9


def measure() -> Iterator[Measured]:
    """Measure the bare iteration, then a loop that reads the clock in each batch."""
    alone, by_hand, read, tokens = CLAIMS["clock_overhead"]
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device, not a path
        bar = partial(overhead, partial(watched, nowhere), plain, BATCHES)
        counter = partial(overhead, counted, plain, BATCHES)
        for claim, loop, peer in ((alone, clocked, bar), (by_hand, clocked, counter), (read, reading, bar)):
            measured = pairs(partial(overhead, loop, plain, BATCHES), peer, REPEATS)
            yield Measured(claim, measured, "ns a batch", 1e9 / BATCHES)
    # The whole loops, since a batch without tokens is what one with them is compared with.
    measured = pairs(partial(looped, counting), partial(looped, reading), REPEATS)
    yield Measured(tokens, measured, "ns a batch", 1e9 / BATCHES)


def looped(loop: Callable[[Iterable[int]], None]) -> float:
    """Time a loop."""
    return once(partial(loop, range(BATCHES)))


def plain(batches: Iterable[int]) -> None:
    """Run the bare loop."""
    for _ in batches:
        pass


def watched(nowhere: object, batches: Iterable[int]) -> None:
    """Run the loop under tqdm, which draws as it does by default, but to nowhere."""
    for _ in tqdm(batches, file=nowhere):
        pass


def counted(batches: Iterable[int]) -> None:
    """Run the loop with the counter that people write: right as long as all epochs are equal and nothing is resumed."""
    step, n = 0, BATCHES
    for _ in batches:
        step += 1  # noqa: SIM113 - this is how people write it
        _epoch, _i = divmod(step, n)


def clocked(batches: Iterable[int]) -> None:
    """Run the loop under the clock."""
    clock = sb.StepClock(batches_per_epoch=BATCHES, epochs=1)
    for _ in clock.epochs():
        for _ in clock.batches(batches):
            pass


def reading(batches: Iterable[int]) -> None:
    """Run the loop under the clock and read in each batch what a training loop reads."""
    clock = sb.StepClock(batches_per_epoch=BATCHES, epochs=1)
    for _ in clock.epochs():
        for _ in clock.batches(batches):
            clock.step  # noqa: B018 - the reading is what is measured
            if clock.closes_step:
                pass
            if clock.every("500st"):
                pass


def counting(batches: Iterable[int]) -> None:
    """Run the same loop, and count the tokens of each batch."""
    clock = sb.StepClock(batches_per_epoch=BATCHES, epochs=1)
    for _ in clock.epochs():
        for _ in clock.batches(batches):
            clock.add_tokens(4096)
            clock.step  # noqa: B018 - the reading is what is measured
            if clock.closes_step:
                pass
            if clock.every("500st"):
                pass
