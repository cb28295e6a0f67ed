"""Times two things in turn, A B A B, and compares them pair by pair.

A machine that slows down for a second slows both halves of a pair, so the median of the pairs' ratios stays where
it is; the ratio of two medians would move.
"""

from __future__ import annotations

import gc
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Loop = Callable[[Iterable[int]], None]

Seconds = float


@dataclass(frozen=True, slots=True)
class Pairs:
    """What the repeats gave: seconds of ours and of the peer, in the order they were taken."""

    ours: tuple[Seconds, ...]
    peer: tuple[Seconds, ...]

    @property
    def our_median(self) -> Seconds:
        """Give the median of our times."""
        return statistics.median(self.ours)

    @property
    def peer_median(self) -> Seconds:
        """Give the median of the peer's times."""
        return statistics.median(self.peer)

    @property
    def speed(self) -> float:
        """Give our speed as a multiple of the peer's: the median over the pairs."""
        return statistics.median(peer / ours for ours, peer in zip(self.ours, self.peer, strict=True))

    @property
    def cost(self) -> float:
        """Give our time as a multiple of the peer's: the median over the pairs."""
        return statistics.median(ours / peer for ours, peer in zip(self.ours, self.peer, strict=True))

    @property
    def more(self) -> Seconds:
        """Give how much longer ours took: the median over the pairs."""
        return statistics.median(ours - peer for ours, peer in zip(self.ours, self.peer, strict=True))


def once(work: Callable[[], object]) -> Seconds:
    """Run the work once, the garbage collector held back, and return the seconds it took."""
    gc.collect()
    gc.disable()
    try:
        begin = time.perf_counter()
        result = work()
        seconds = time.perf_counter() - begin
    finally:
        gc.enable()
    del result
    return seconds


def overhead(loop: Loop, bare: Loop, batches: int) -> Seconds:
    """Run both loops over so many batches and return the seconds that the first takes more."""
    items = range(batches)
    seconds = once(lambda: bare(items))
    return once(lambda: loop(items)) - seconds


def pairs(ours: Callable[[], Seconds], peer: Callable[[], Seconds], repeats: int) -> Pairs:
    """Take both times `repeats` times, in turn and after one untimed round; who goes first alternates."""
    ours(), peer()
    first: list[Seconds] = []
    second: list[Seconds] = []
    for turn in range(repeats):
        if turn % 2:
            theirs, mine = peer(), ours()
        else:
            mine, theirs = ours(), peer()
        first.append(mine)
        second.append(theirs)
    return Pairs(tuple(first), tuple(second))


def against(measured: Pairs, peer: Callable[[], Seconds], repeats: int) -> Pairs:
    """Take the time of another peer, after one untimed round, and compare it with the median of ours that is known."""
    peer()
    times = tuple(peer() for _ in range(repeats))
    return Pairs((measured.our_median,) * repeats, times)
