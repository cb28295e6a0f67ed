"""A training run played batch by batch: slow, obvious, and written from the design alone.

It is the oracle of the property-based tests, so it shares nothing with the library: it takes one batch after
the other, keeps the open accumulation window as a list, and answers every question by scanning what it wrote
down. Numbers are Python integers and fractions; nothing wraps and nothing rounds.

Three words of the design that the code below turns on:

* A window is open after a batch that closed no step, until a later batch (or the end of its epoch) closes it.
* An epoch that ran to its end flushes or drops its open window, carries it on, or spills it: its gradients stay and the
  count starts anew. One that was cut short has a rule of its own, and one of no batches does nothing.
* A step is located at the batch that closes its window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Boundary = Literal["flush", "carry", "drop", "spill"]
OnCut = Literal["carry", "drop", "spill"]
Pending = Literal["flush", "carry", "drop", "modulo"] | int


@dataclass
class Batch:
    """What one batch was: where, which samples, and the step that it went into."""

    epoch: int
    iter: int
    first_sample: int | None  # None where the run does not know its samples
    samples: int | None
    step: int | None = None  # None: it contributed to none (dropped, or the run ended inside its window)
    closes: bool = False


@dataclass(frozen=True)
class Plan:
    """The arguments of `Timeline.plan`. Without `samples` every batch is full."""

    samples: int | None = None
    batches: int | None = None
    batch_size: int | None = None
    epochs: int = 1
    drop_last: bool = False
    accumulate: int = 1
    boundary: Boundary = "flush"
    on_cut: OnCut = "carry"


@dataclass(frozen=True)
class History:
    """The arguments of `Timeline.from_epochs`: how long each epoch was, and what it consumed."""

    lengths: tuple[int, ...]
    samples: tuple[int, ...] | None = None
    batch_size: int | None = None
    accumulate: int = 1
    boundary: Boundary = "flush"
    cut: bool = False  # the last epoch was cut short
    on_cut: OnCut = "carry"


@dataclass(frozen=True)
class Change:
    """A change of the plan when `at` batches are done: None leaves a setting as it is."""

    at: int
    batch_size: int | None = None
    accumulate: int | None = None
    batches: int | None = None
    samples: int | None = None
    pending: Pending | None = None


@dataclass
class Run:
    """The run as it went: its batches, and the state after each of them."""

    accumulate: int
    boundary: Boundary
    on_cut: OnCut = "carry"
    batches: list[Batch] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)  # batches done when an epoch began
    window: list[Batch] = field(default_factory=list)
    counted: int = 0  # of the window; where a framework goes by a counter of its own, not its length
    spilled: int = 0  # of the window: those that an epoch left over, and that count no more
    steps: int = 0
    samples: int | None = 0
    # After n batches (and whatever the end of an epoch or a change made of them): steps done, window open.
    steps_at: list[int] = field(default_factory=lambda: [0])
    open_at: list[bool] = field(default_factory=lambda: [False])

    def begin_epoch(self) -> None:
        """Open the next epoch."""
        self.starts.append(len(self.batches))

    def take(self, size: int | None) -> None:
        """Train on one batch."""
        batch = Batch(len(self.starts) - 1, len(self.batches) - self.starts[-1], self.samples, size)
        self.batches.append(batch)
        self.window.append(batch)
        self.counted += 1
        self.samples = None if self.samples is None or size is None else self.samples + size
        self.steps_at.append(self.steps)
        self.open_at.append(True)
        if self.counted >= self.accumulate:
            self.close_step()

    def close_step(self) -> None:
        """Update the weights with what the window holds; its last batch is where it happens."""
        if self.window:
            for batch in self.window:
                batch.step = self.steps
            self.window[-1].closes = True
            self.steps += 1
            self.drop_window()

    def drop_window(self) -> None:
        """Forget what the window holds."""
        self.window, self.counted, self.spilled = [], 0, 0
        self.note_state()

    def note_state(self) -> None:
        """Write down the state after the batches so far."""
        self.steps_at[-1] = self.steps
        self.open_at[-1] = bool(self.window)

    def end_epoch(self, *, cut: bool = False) -> None:
        """End the running epoch: at its end, or cut short."""
        if len(self.batches) == self.starts[-1]:
            return
        rule = self.on_cut if cut else self.boundary
        if rule == "flush":
            self.close_step()
        elif rule == "drop":
            self.drop_window()
        elif rule == "spill":
            self.counted, self.spilled = 0, len(self.window)

    def set_accumulate(self, change: Change) -> None:
        """Change the window's length where asked to, and do with an open one as asked."""
        if change.accumulate is None:
            return
        if change.accumulate == self.accumulate and change.pending in (None, "carry"):
            return  # nothing changes: an open window goes on as it counts, by whatever counter
        self.counted = len(self.window) - self.spilled
        if change.pending == "flush":
            self.close_step()
        elif change.pending == "drop":
            self.drop_window()
        elif change.pending == "modulo":  # as Keras: closed where the count of all batches is a multiple
            self.counted = len(self.batches) % change.accumulate
        elif isinstance(change.pending, int):  # as if so many were pending
            self.counted = change.pending
        self.accumulate = change.accumulate


@dataclass
class Loader:
    """What the next batch of an epoch is, under the settings of the moment.

    An epoch has either so many samples or so many batches, whatever is in them.
    """

    samples: int | None
    batches: int | None
    batch_size: int | None
    drop_last: bool
    samples_here: int | None = None  # of the running epoch, where it differs from the later ones
    batches_taken: int = 0
    samples_taken: int = 0

    def begin_epoch(self) -> None:
        """Start over."""
        self.samples_here, self.batches_taken, self.samples_taken = None, 0, 0

    def samples_left(self) -> int | None:
        """Count what is left of the running epoch, if that is given in samples."""
        total = self.samples if self.samples_here is None else self.samples_here
        return None if total is None else total - self.samples_taken

    def has_next(self) -> bool:
        """Say whether the epoch goes on."""
        left = self.samples_left()
        if left is None:
            assert self.batches is not None
            return self.batches_taken < self.batches
        assert self.batch_size is not None
        return left >= self.batch_size if self.drop_last else left > 0

    def take(self) -> int | None:
        """Give the size of the batch that comes next."""
        left = self.samples_left()
        size = self.batch_size if left is None or self.batch_size is None else min(self.batch_size, left)
        self.batches_taken += 1
        self.samples_taken += size or 0
        return size

    def set(self, change: Change) -> None:
        """Take over what a change names; full batches of a new size hold the samples that the old ones held."""
        old = self.batch_size
        if change.batch_size is not None:
            self.batch_size = change.batch_size
            if self.batches is not None and old is not None and change.batches is None:
                self.samples_here = self.samples_taken + (self.batches - self.batches_taken) * old
                self.samples, self.batches = self.batches * old, None
        if change.batches is not None:
            self.batches, self.samples, self.samples_here = change.batches, None, None
        if change.samples is not None:
            self.samples, self.samples_here = change.samples, None


def simulate(plan: Plan, changes: Sequence[Change] = ()) -> Run:
    """Play a plan, with changes in the order of their places.

    A change at the end of an epoch is one at the start of the next: by then the epoch has ended by its rule.
    """
    run = Run(plan.accumulate, plan.boundary, plan.on_cut)
    loader = Loader(plan.samples, plan.batches, plan.batch_size, plan.drop_last)
    todo = list(changes)
    for _ in range(plan.epochs):
        run.begin_epoch()
        loader.begin_epoch()
        while loader.has_next():
            if todo and todo[0].at == len(run.batches):
                loader.set(todo[0])
                run.set_accumulate(todo.pop(0))
                continue  # the change may have ended the epoch
            run.take(loader.take())
        run.end_epoch()
    for change in todo:
        run.set_accumulate(change)
    return run


def replay(history: History, changes: Sequence[Change] = ()) -> Run:
    """Play an observed history; of the changes, those of `accumulate` make sense on it."""
    run = Run(history.accumulate, history.boundary, history.on_cut)
    todo = list(changes)
    for epoch, length in enumerate(history.lengths):
        run.begin_epoch()
        left = None if history.samples is None else history.samples[epoch]
        for _ in range(length):
            while todo and todo[0].at == len(run.batches):
                run.set_accumulate(todo.pop(0))
            if left is None:
                run.take(history.batch_size)
            else:
                assert history.batch_size is not None
                size = min(history.batch_size, left)
                run.take(size)
                left -= size
        run.end_epoch(cut=history.cut and epoch == len(history.lengths) - 1)
    for change in todo:
        run.set_accumulate(change)
    return run


@dataclass(frozen=True)
class Exactly:
    """The one number that the place has in the unit asked for."""

    value: Fraction


@dataclass(frozen=True)
class Within:
    """The place lies strictly between these two; None: nothing in that unit comes after it."""

    lower: Fraction
    upper: Fraction | None


@dataclass(frozen=True)
class Past:
    """The place is past the end of the run."""


@dataclass(frozen=True)
class NotKnown:
    """The run does not know it."""


@dataclass(frozen=True)
class Place:
    """A place on the batch axis: after `batches` whole ones, and a share of the data of the one that follows."""

    batches: int
    share: Fraction = Fraction(0)

    @property
    def inside(self) -> bool:
        return self.share > 0


class Scanner:
    """Answers questions about a run by walking through it."""

    def __init__(self, run: Run) -> None:
        self.run, self.total, self.epochs = run, len(run.batches), len(run.starts)

    def batches_of(self, epoch: int) -> int:
        """Count the batches of an epoch."""
        return sum(batch.epoch == epoch for batch in self.run.batches)

    def samples_after(self, batches: int) -> int | None:
        """Count the samples in the first so many batches."""
        done = 0
        for batch in self.run.batches[:batches]:
            if batch.samples is None:
                return None
            done += batch.samples
        return done

    def locate(self, unit: str, index: int) -> tuple[int, int] | None:
        """Find the batch with that index, or that closes that step, or that holds that sample."""
        for number, batch in enumerate(self.run.batches):
            if unit == "batch":
                found = number == index
            elif unit == "step":
                found = batch.closes and batch.step == index
            else:
                assert batch.first_sample is not None
                assert batch.samples is not None
                found = batch.first_sample <= index < batch.first_sample + batch.samples
            if found:
                return batch.epoch, batch.iter
        return None

    def index(self, unit: str, epoch: int, iteration: int) -> int | None:
        """Give the number of the batch there, of the step that it goes into, or of its first sample."""
        for number, batch in enumerate(self.run.batches):
            if (batch.epoch, batch.iter) == (epoch, iteration):
                return {"batch": number, "step": batch.step, "sample": batch.first_sample}[unit]
        return None

    def data_of(self, batches: Sequence[Batch]) -> list[int]:
        """Give what each batch counts in a fraction: its samples, or 1 where a size among them is not known."""
        sizes = [batch.samples for batch in batches]
        return [1] * len(sizes) if None in sizes else [size for size in sizes if size is not None]

    def epoch_of(self, batches: int) -> Fraction:
        """Give the position in epochs; at epochs of no batches it is in the latest."""
        latest = max((e for e, start in enumerate(self.run.starts) if start <= batches), default=0)
        length = self.batches_of(latest) if self.epochs else 0
        if batches == self.total and (length == 0 or batches > self.run.starts[latest]):
            return Fraction(self.epochs)
        begin = self.run.starts[latest]
        data = self.data_of(self.run.batches[begin : begin + length])
        return latest + Fraction(sum(data[: batches - begin]), sum(data))

    def run_share(self, batches: int) -> Fraction:
        """Give the share of the run that so many batches are."""
        data = self.data_of(self.run.batches)
        return Fraction(sum(data[:batches]), sum(data))

    def place(self, value: Fraction, unit: str) -> Place | Past | NotKnown:
        """Find the place of a quantity; None of a partly run epoch of no batches is asked for."""
        if unit == "epoch":
            return self._place_of_epoch(value)
        if unit == "duration":
            return self._into(self.run.batches, value) if value <= 1 else Past()
        if unit == "batch":
            return Place(int(value)) if value <= self.total else Past()
        if unit == "step":
            return self._place_of_step(int(value))
        return self._place_of_sample(int(value))

    def _into(self, batches: Sequence[Batch], share: Fraction, begin: int = 0) -> Place:
        """Find the place at a share of the data of some batches, the first of which is number `begin`."""
        data = self.data_of(batches)
        wanted, done = share * sum(data), 0
        for number, amount in enumerate(data):
            if done + amount > wanted:
                return Place(begin + number, (wanted - done) / amount)
            done += amount
        return Place(begin + len(data))

    def _place_of_epoch(self, value: Fraction) -> Place | Past:
        epoch = int(value)
        if value > self.epochs:
            return Past()
        if epoch == self.epochs:
            return Place(self.total)
        begin = self.run.starts[epoch]
        return self._into(self.run.batches[begin : begin + self.batches_of(epoch)], value - epoch, begin)

    def _place_of_step(self, steps: int) -> Place | Past:
        if steps == 0:
            return Place(0)
        for number, batch in enumerate(self.run.batches):
            if batch.closes and batch.step == steps - 1:
                return Place(number + 1)
        return Past()

    def _place_of_sample(self, samples: int) -> Place | Past | NotKnown:
        before = 0
        for batches in range(self.total + 1):
            done = self.samples_after(batches)
            if done is None:
                return NotKnown()
            if done == samples:
                return Place(batches)
            if done > samples:
                return Place(batches - 1, Fraction(samples - before, done - before))
            before = done
        return Past()

    def convert(self, value: Fraction, unit: str, target: str) -> Exactly | Within | Past | NotKnown:
        """Convert a quantity: to the place it has on the batch axis, then to the other unit there."""
        place = self.place(value, unit)
        return self.read(place, target) if isinstance(place, Place) else place

    def read(self, place: Place, unit: str) -> Exactly | Within | Past | NotKnown:
        """Give a place in a unit."""
        n = place.batches
        if unit == "step":
            done = self.run.steps_at[n]
            if not place.inside and not self.run.open_at[n]:
                return Exactly(Fraction(done))
            return Within(Fraction(done), Fraction(done + 1) if done < self.run.steps else None)
        lower = self._at(n, unit)
        if lower is None:
            return NotKnown()
        if not place.inside:
            return Exactly(lower)
        upper = self._at(n + 1, unit)
        assert upper is not None
        if unit == "batch":
            return Within(lower, upper)
        # Data grows evenly inside a batch; samples come whole.
        value = lower + place.share * (upper - lower)
        if unit != "sample" or value.denominator == 1:
            return Exactly(value)
        return Within(Fraction(math.floor(value)), Fraction(math.ceil(value)))

    def _at(self, batches: int, unit: str) -> Fraction | None:
        if unit == "epoch":
            return self.epoch_of(batches)
        if unit == "duration":
            return self.run_share(batches) if self.total else None
        count = batches if unit == "batch" else self.samples_after(batches)
        return None if count is None else Fraction(count)
