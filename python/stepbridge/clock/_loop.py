"""The loops of a clock: it hands out epochs and batches, and counts each before the loop's body sees it."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, TypeVar

from stepbridge._errors import TimelineError
from stepbridge.clock._rest import ClockRest
from stepbridge.clock._resume import is_stateful, not_empty
from stepbridge.clock._zipped import ZippedBatches, is_zip_near
from stepbridge.timeline._arguments import count

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from stepbridge.clock._rest import Resume
    from stepbridge.ledger import Base
    from stepbridge.timeline import QuantityLike, Timeline, UnitLike

__all__ = ["ClockLoop"]

Item = TypeVar("Item")


class ClockLoop(ClockRest):
    """The half of `StepClock` that a loop of one's own takes its epochs and batches from."""

    def __init__(
        self,
        plan: Timeline,
        *,
        name: str,
        until: QuantityLike | None,
        padding: int,
        ledger: str | os.PathLike[str] | None,
        logged_as: tuple[UnitLike, Base] | None,
    ) -> None:
        super().__init__(plan, name=name, until=until, padding=padding, ledger=ledger, logged_as=logged_as)
        self._iterating = False
        #: Whether a state was loaded and no loader was asked for batches since.
        self._just_loaded = False
        #: Whether a batch may have been counted that the body of the loop never saw.
        self._perhaps_unseen = False
        #: The batches that a `zip` may hold, which may outlive the loop.
        self._zipped: weakref.ref[ZippedBatches] | None = None

    def epochs(self, n: int | None = None) -> Iterator[int]:
        """Runs epoch after epoch; yields each one's index, from 0. A resumed clock continues with the epoch it was in.

        Args:
            n: how many to run, where the plan has no end; where it has one, at most so many.

        Raises:
            TimelineError: neither the plan nor `n` nor `until` says how many.
            RuntimeError: the clock is in an `epochs()` already.

        Warns:
            StepbridgeWarning: an epoch had no batch: the loop goes over the loader itself, not over `batches(loader)`.
        """
        if n is not None:
            n = count("n", n, "ep")
        elif not self._bounded and self._until is None and not self._is_stream:
            raise TimelineError(
                f"{self.name}: the plan has no number of epochs: give epochs= to the clock, or epochs(n)"
            )
        return self._epochs(n)

    def _epochs(self, n: int | None) -> Iterator[int]:
        if self._iterating:
            raise RuntimeError(f"{self.name}: epochs() is running already; a clock counts one loop")
        self._iterating = True
        done = 0
        try:
            while n is None or done < n:
                if not self.begin_epoch():
                    return
                begun = self._position
                yield begun[0]
                if self._is_stream and self._position == begun:
                    return  # its loader has no more
                if self._in_epoch and begun[1] == 0 and self._position == begun:
                    self.warn_once(
                        "batches of an epoch",
                        "at least 1",
                        0,
                        "take them from clock.batches(loader), or count them with advance()",
                    )
                self._resumed = False
                done += 1
                self._tell_unseen()
        finally:
            self._iterating = False
            # A resumed epoch that the loop broke out of can be entered once more.
            self._entered = False
            self._tell_unseen()
            self.end_run()

    def batches(self, loader: Iterable[Item], *, resume: Resume | None = None) -> Iterator[Item]:
        """Yields the loader's batches and counts each one before the loop's body sees it.

        With accumulation and `boundary="flush"` over a loader of unknown length it reads one batch ahead, and nowhere
        else. Where `until` is reached it ends, and the epoch stays open: a resume continues inside it.

        Args:
            loader: any iterable; or what `rest` returned, which needs no `resume`.
            resume: in an epoch that was resumed in its middle, what the loader does: "continues" (it yields what is
                left; so does a loader with a `state_dict` of its own), "skip" (it begins again: as many batches as the
                samples that are done fill are read and left out) or "restart" (it begins again, and so does the epoch:
                what was done of it is trained again and counts as `repeated`; the epoch keeps its number).

        Raises:
            RuntimeError: outside `epochs()`.
            TimelineError: an epoch was resumed in its middle, and `resume` does not say what the loader does; or the
                samples that are done fill no whole number of batches to skip.

        Warns:
            StepbridgeWarning: the epoch has more or fewer batches than planned; `zip` may have taken a batch that the
                body of the loop never saw.
        """
        if not self._in_epoch:
            raise RuntimeError(f"{self.name}: batches() belongs inside `for epoch in clock.epochs():`")
        if not hasattr(loader, "__iter__") and not hasattr(loader, "__getitem__"):
            raise TypeError(
                f"loader must be something to go over, such as a DataLoader or a list, not {type(loader).__name__}"
            )
        skip = self._batches_to_skip(loader, resume)
        self._compare_start(loader, skip)
        fresh = self._just_loaded and self._position[1] == 0 and is_stateful(loader)
        items = iter(not_empty(loader) if fresh else loader)
        self._just_loaded, self._rest = False, None
        for missing in range(skip, 0, -1):
            if next(items, self) is self:
                raise TimelineError(f"{self.name}: the loader ended {missing} batches before the position to resume at")
        if self._looks_ahead and hasattr(loader, "end_of_dataloader"):
            # Accelerate's loaders read ahead themselves; asked for the next batch, they forget that this is the last.
            batches = self._batches_told(items, loader)
            return self._told_where_zipped(batches) if is_zip_near() else batches
        if self._looks_ahead and is_stateful(loader):
            self.warn_once(
                "the loader's state_dict in the body of the loop",
                "that of the batch at hand",
                "that of the next one, which is read ahead to know an epoch's last batch",
                "give the clock the epoch's length (samples and batch_size, or batches_per_epoch)",
            )
        batches = self._batches_ahead(items) if self._looks_ahead else self._batches(items)
        return self._told_where_zipped(batches) if is_zip_near() else batches

    def _told_where_zipped(self, batches: Iterator[Item]) -> Iterator[Item]:
        zipped = ZippedBatches(batches, self._note_unseen)
        self._zipped = weakref.ref(zipped)
        return zipped

    def _note_unseen(self) -> None:
        self._perhaps_unseen = True

    def _tell_unseen(self) -> None:
        """Says that a batch may have been counted that the body of the loop never saw."""
        zipped = None if self._zipped is None else self._zipped()
        if zipped is not None:
            zipped.end()
        if self._perhaps_unseen:
            self._perhaps_unseen = False
            self.warn_once(
                "the last batch of a zip",
                "one that the body of the loop saw",
                f"batch {self.batch}, which zip had taken when the loop was left, and the clock counted",
                "give zip the batches last, zip(other, clock.batches(loader)): then it takes none that nothing sees",
            )

    def _batches(self, items: Iterator[Item]) -> Iterator[Item]:
        advance, until, hooks = self._advance, self._until, self._hooks
        # The loader of a stream has no end: the plan says where it ends.
        ends = self._is_stream and self._bounded
        for item in items:
            if self._tracker is not None:
                self._tracker.settle()
            if not advance():
                self.note_longer()
            if hooks:
                self._run_hooks()
            yield item
            if (until is not None and self._reached(until._amount)) or (ends and self._at_end):
                return self._leave()
        return self._finish()

    def _batches_ahead(self, items: Iterator[Item]) -> Iterator[Item]:
        """Knows the last batch when it yields it: a short update closes there."""
        none = object()
        item: Any = next(items, none)
        while item is not none:
            following: Any = next(items, none)
            self.settle_updates()
            self._advance(following is none)
            self._run_hooks()
            yield item
            if self.until_reached:
                return self._leave()
            item = following
        return self._finish()

    def _batches_told(self, items: Iterator[Item], loader: Any) -> Iterator[Item]:  # noqa: ANN401 - it has a flag
        """Knows the last batch from the loader."""
        for item in items:
            self.settle_updates()
            self._advance(bool(loader.end_of_dataloader))
            self._run_hooks()
            yield item
            if self.until_reached:
                return self._leave()
        return self._finish()

    def _leave(self) -> None:
        """Leaves the loop where `until` is reached: an epoch that is not complete stays open."""
        if self._position[1] == 0:
            self._finish()
