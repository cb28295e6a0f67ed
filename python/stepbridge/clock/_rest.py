"""What is left of an epoch that is resumed in its middle, and where a resumed loader begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from stepbridge._errors import TimelineError
from stepbridge.clock._events import ClockEvents
from stepbridge.clock._loaders import RestOfEpoch, kind_of, rest_of_arrays
from stepbridge.clock._resume import is_stateful
from stepbridge.timeline import Exact, PastEnd, Quantity

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ClockRest", "Resume"]

Loader = TypeVar("Loader")

#: What a loader does in an epoch that is resumed in its middle.
Resume: TypeAlias = Literal["continues", "skip", "restart"]


class ClockRest(ClockEvents):
    """The part of `StepClock` that knows what a resumed loader has left."""

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
        end, size = self._plan.samples, self._plan.segments[-1].batch_size
        if isinstance(batches, PastEnd) and end is not None and size is not None and not (self.sample - end) % size:
            # With other sizes the plan may end before the point that the run has reached; its loader does not.
            return (self._plan.batches or 0) + (self.sample - end) // size
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
