"""The loops of a clock: it hands out epochs and batches, and counts each before the loop's body sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from stepbridge._errors import TimelineError
from stepbridge.clock._events import ClockEvents
from stepbridge.clock._loaders import RestOfEpoch, kind_of, rest_of_arrays
from stepbridge.clock._resume import is_stateful, not_empty
from stepbridge.clock._zipped import is_zip_near, told_where_zipped
from stepbridge.timeline import Exact, Quantity
from stepbridge.timeline._arguments import count

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from stepbridge.ledger import Base
    from stepbridge.timeline import QuantityLike, Timeline, UnitLike

__all__ = ["ClockLoop", "Resume"]

Item = TypeVar("Item")
Loader = TypeVar("Loader")

#: What a loader does in an epoch that is resumed in its middle.
Resume: TypeAlias = Literal["continues", "skip", "restart"]


class ClockLoop(ClockEvents):
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
            return told_where_zipped(batches, self._note_unseen) if is_zip_near() else batches
        if self._looks_ahead and is_stateful(loader):
            self.warn_once(
                "the loader's state_dict in the body of the loop",
                "that of the batch at hand",
                "that of the next one, which is read ahead to know an epoch's last batch",
                "give the clock the epoch's length (samples and batch_size, or batches_per_epoch)",
            )
        batches = self._batches_ahead(items) if self._looks_ahead else self._batches(items)
        return told_where_zipped(batches, self._note_unseen) if is_zip_near() else batches

    def rest(self, loader: Loader) -> Loader:
        """Returns a loader over exactly what is left of the epoch that a resumed clock is inside.

        It loads nothing of what is done, and is exact to the sample, also where batch size, accumulation or number of
        ranks are others than before. Between epochs, and at the start of one, it is the loader itself, so one loop
        serves every epoch:

            for epoch in clock.epochs():
                for batch in clock.batches(clock.rest(loader)):
                    ...

        Args:
            loader: a `DataLoader` of PyTorch whose order can be known, a `tf.data.Dataset`, or arrays of samples (and
                tuples, lists and dicts of them).

        Raises:
            TimelineError: what is left is unknown; the text says why, and what to do.

        >>> import numpy as np
        >>> from stepbridge import StepClock
        >>> clock = StepClock(samples=1000, batch_size=32, epochs=1, initial="10ba")
        >>> clock.rest(np.arange(1000))[:3]
        array([320, 321, 322])
        """
        if not self._in_epoch or self._is_whole or not self._position[1]:
            return loader
        kind = kind_of(loader)
        wanted = self._what_is_done()
        rest = rest_of_arrays(self.name, loader, wanted) if kind is None else kind.rest(loader, wanted)
        self._rest = rest
        return rest  # type: ignore[no-any-return]  # a loader of the same kind

    @property
    def goes_on_in_rest(self) -> bool:
        """Whether `rest` gave the loader of what is left of the resumed epoch, and no batch was taken from it yet."""
        return self._rest is not None and self.resumed_inside

    def _what_is_done(self) -> RestOfEpoch:
        """How much of the running epoch's data is done."""
        shape = self._epoch_shape
        size = None if shape is None else shape[1]
        done, unit = self._data_done(), self._data_unit
        samples = done if unit == "sp" else None
        if samples is None and size is not None and self.sample is not None:
            # Batches are planned and not samples, but each of them has a known size.
            samples = self._samples_of_epoch(self._position[1]) - self._longer * size
        planned = None if shape is None or shape[0] is None or unit != "sp" else shape[0] - self._longer
        if samples is None or size is None:
            batches = None if self._resized or unit == "sp" else done
        else:
            batches = None if samples % size else samples // size
        return RestOfEpoch(self, samples, batches, self._order, planned)

    def _compare_start(self, loader: Iterable[Any], skip: int) -> None:
        """Notes the order of an epoch that begins, and enters it where the loader says that it begins."""
        kind = None if loader is self._rest else kind_of(loader)
        if kind is None:
            return
        order = kind.order(loader, self._position[0])
        # An epoch that is entered at its start again has some batches, and none of its data.
        if not self._position[1] or (self._longer and not self._data_done()):
            self._order = order
        if self._is_stream:
            return
        if skip and None not in (order, self._order) and order != self._order:
            self.warn_once(
                "the order of the loader",
                "the one in which the epoch began",
                "another one",
                'resume="skip" leaves out the first samples of that, which are not those that are done: take '
                "clock.rest(loader), which says what order it needs",
            )
        begins = kind.begins_at(loader)
        if begins is None or not int(begins):
            return
        unit, size = self._data_unit, self._plan.segments[-1].batch_size
        begins = begins if begins.unit == unit else self._in_unit(begins, unit, size)
        if begins is None:
            return
        at = int(begins) + skip * (1 if unit == "ba" else size or 0)
        if at == self._data_done():
            return
        for check in self._entry_checks:
            check(Exact(at, unit))
        self.begin_epoch(self._position[0], tell=not self._entry_checks, **{"batch" if unit == "ba" else "sample": at})

    @staticmethod
    def _in_unit(amount: Exact, unit: Literal["sp", "ba"], size: int | None) -> Exact | None:
        """Batches as samples, or samples as batches; None where they are no whole number, or it is not known."""
        if size is None or (unit == "ba" and int(amount) % size):
            return None
        return Exact(int(amount) * size if unit == "sp" else int(amount) // size, unit)

    def _batches_to_skip(self, loader: object, resume: Resume | None) -> int:
        """Batches to leave out before the first one that is new."""
        if resume not in (None, "continues", "skip", "restart"):
            raise TimelineError(f'unknown resume={resume!r}: expected "continues", "skip" or "restart"')
        done = self.batch if self._is_stream else self._position[1]
        if not self._resumed or done == 0 or (loader is self._rest and resume in (None, "continues")):
            return 0
        if resume is None and is_stateful(loader):
            # A StatefulDataLoader: it was saved with the clock, and yields what is left.
            return 0
        if resume is None:
            raise TimelineError(
                f"{self.name}: the epoch is resumed after {done} batches: say what the loader does with "
                'batches(loader, resume="continues" | "skip" | "restart"), or give batches(clock.rest(loader))'
            )
        if self._is_stream:
            if resume == "restart":
                raise TimelineError(f"{self.name}: a stream has no epoch that could begin again: its loader continues")
            return self._whole_batches_of_stream() if resume == "skip" else 0
        if resume == "restart":
            self._resumed = False
            self._enter_at(0, tell=False)
            return 0
        return self._whole_batches() if resume == "skip" else 0

    def _whole_batches_of_stream(self) -> int:
        """The batches of a stream that the samples done fill, as a loader that begins again by the plan yields them.

        Raises:
            TimelineError: they fill no whole number.
        """
        if self.sample is None:
            return self.batch
        batches = self._plan.convert(Quantity(self.sample, "sp"), "batch")
        if isinstance(batches, Exact):
            return int(batches)
        sizes = {segment.batch_size for segment in self._plan.segments}
        of = f"batches of {sizes.pop()}" if len(sizes) == 1 else "the plan's batches"
        raise TimelineError(
            f'{self.name}: resume="skip" cannot leave out what is done: {self.sample} samples are not a whole '
            f'number of {of}: let the loader continue, and say resume="continues"'
        )

    def _whole_batches(self) -> int:
        """The batches that the samples done of the epoch fill, in the size of now.

        Raises:
            TimelineError: they fill no whole number, or that is not known.
        """
        wanted = self._what_is_done()
        if wanted.batches is not None:
            return wanted.batches
        shape = self._epoch_shape
        if wanted.samples is None or shape is None or shape[1] is None:
            why = "how many samples are done of the epoch, and how many batches they fill now, is not known"
            fix = "give the clock samples and batch_size"
        else:
            why = (
                f"{wanted.samples} samples of the epoch are done, which are not a whole number of batches of {shape[1]}"
            )
            fix = f"resume with a batch size that divides {wanted.samples}"
        raise TimelineError(
            f'{self.name}: resume="skip" cannot leave out what is done: {why}: take what is left from '
            f'clock.rest(loader), {fix}, or begin the epoch again with resume="restart"'
        )

    def _note_unseen(self) -> None:
        self._perhaps_unseen = True

    def _tell_unseen(self) -> None:
        """Says that a batch may have been counted that the body of the loop never saw."""
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
                self._warn_longer()
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
