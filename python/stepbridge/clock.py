"""The live clock of a training loop. Rust counts; this is the loop's side of it."""

from __future__ import annotations

import warnings
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeVar

from stepbridge import _core
from stepbridge.answers import Answer, Location, Position
from stepbridge.errors import StepbridgeWarning
from stepbridge.ledger import LedgerWriter
from stepbridge.resume import STATE_VERSION, check_state, goes_on, is_stateful, not_empty, stand_at
from stepbridge.timeline import Boundary, Pending, Timeline, _pending, _size
from stepbridge.trigger import Trigger
from stepbridge.units import QuantityLike, UnitLike, as_quantity, count, whole_number
from stepbridge.updates import Updates, Watched

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Literal

    from stepbridge.conventions import ConventionName

    Resume = Literal["continues", "skip", "restart"]

__all__ = ["StepClock", "Trigger"]

Item = TypeVar("Item")


class StepClock(_core.Clock):
    """The live position of a training loop, in samples, batches, steps and epochs at once.

    In the body of the loop the batch at hand counts as done: what is read there is right to log and to save. `batch`,
    `step`, `applied`, `sample` and `token` are counts; `epoch`, `iter` and `location` are where the batch at hand is
    (indices from 0). `every("500st")` and `at("90%")` ask whether the last advance crossed such a point.

    Args:
        plan: a `Timeline` to follow. Else `samples` to `boundary` are those of `Timeline.plan`; with none of them the
            clock learns the lengths.
        name: what warnings and the ledger call it.
        until: where training stops, in any unit ("20_000st"), though more be planned.
        initial: where the run stands already, in any unit: for a checkpoint that has no clock in it.
        padding: copies that a distributed sampler adds to each epoch; `sample` leaves them out, `padding` counts them.
        ledger: a folder (or a file's name) for the record of what really happened, `stepclock.jsonl`.
        logged_as: unit and base of the step that the loop gives its loggers, for the ledger: ("step", 1) where it is
            `clock.step`. Without it the ledger says that this is assumed.

    Raises:
        ValueError, TypeError: as `Timeline.plan`; a plan beside its own parts; an `initial` that is inside a batch.
        IndexError: `initial` is past the end of the plan.

    >>> clock = StepClock(samples=1000, batch_size=200, epochs=5)
    >>> for epoch in clock.epochs():
    ...     for batch in clock.batches(range(5)):
    ...         pass
    >>> print(f"Epoch {clock.epoch + 1}, Iter {clock.iter + 1}, Step {clock.step}")
    Epoch 5, Iter 5, Step 25
    """

    def __init__(
        self,
        plan: Timeline | None = None,
        *,
        samples: int | None = None,
        batch_size: int | None = None,
        batches: int | None = None,
        epochs: int | None = None,
        drop_last: bool = False,
        accumulate: int = 1,
        boundary: Boundary = "flush",
        name: str = "clock",
        until: QuantityLike | None = None,
        initial: QuantityLike | None = None,
        padding: int = 0,
        ledger: str | os.PathLike[str] | None = None,
        logged_as: tuple[UnitLike, Literal[0, 1]] | None = None,
    ) -> None:
        parts = (samples, batch_size, batches, epochs)
        if plan is not None and (any(part is not None for part in parts) or drop_last or accumulate != 1):
            raise ValueError("give a plan, or the parts of one (samples, batch_size, ...), not both")
        if plan is None:
            plan = Timeline.plan(
                samples=samples,
                batch_size=batch_size,
                batches=batches,
                epochs=epochs,
                drop_last=drop_last,
                accumulate=accumulate,
                boundary=boundary,
            )
        self.name = name
        self._until = None if until is None else as_quantity("until", until)
        self._iterating = False
        self._padding_each = count("padding", padding)
        self._padding = 0
        self._told: set[str] = set()
        self._watched: Watched | None = None
        #: What push adapters hang in: called after each advance.
        self._on_advance: list[Callable[[], object]] = []
        self._skips: list[list[int]] = []
        self._ledger: LedgerWriter | None = None
        if ledger is not None:
            self._ledger = LedgerWriter(ledger, logged_as=logged_as)
        elif logged_as is not None:
            raise ValueError("logged_as= is what the ledger takes down: give ledger= as well")
        self._adopt(plan, 0, 0)
        if initial is not None:
            self._adopt(plan, *stand_at(plan, as_quantity("initial", initial)))

    def _adopt(self, plan: Timeline, batch: int, epochs: int, timeline: Timeline | None = None) -> None:
        """Stands on a timeline (without one: the plan) after so many batches and complete epochs."""
        self._plan = plan
        self._stand((timeline or plan)._core, batch, epochs)
        self._bounded = (timeline or plan).epochs is not None
        self._resumed_inside = self._in_epoch
        self._fresh = False

    def epochs(self, n: int | None = None) -> Iterator[int]:
        """Runs epoch after epoch; yields each one's index, from 0. A resumed clock goes on with the epoch it was in.

        Args:
            n: how many to run, where the plan has no end; where it has one, at most so many.

        Raises:
            ValueError: neither the plan nor `n` nor `until` says how many.
            RuntimeError: the clock is in an `epochs()` already.

        Warns:
            StepbridgeWarning: an epoch had no batch: the loop goes over the loader itself, not over `batches(loader)`.
        """
        if n is not None:
            n = count("n", n)
        elif not self._bounded and self._until is None:
            raise ValueError(f"{self.name}: the plan has no number of epochs: give epochs= to the clock, or epochs(n)")
        return self._epochs(n)

    def _epochs(self, n: int | None) -> Iterator[int]:
        if self._iterating:
            raise RuntimeError(f"{self.name}: epochs() is running already; a clock counts one loop")
        self._iterating = True
        done = 0
        try:
            while n is None or done < n:
                if not self._begin():
                    return
                begun = self._position
                yield begun[0]
                if self._in_epoch and begun[1] == 0 and self._position == begun:
                    self._disagrees(
                        "batches of an epoch",
                        "at least 1",
                        0,
                        "take them from clock.batches(loader), or count them with advance()",
                    )
                self._resumed_inside = False
                done += 1
        finally:
            self._iterating = False
            if self._ledger is not None:
                self._ledger.stop(self)

    def _begin(self) -> bool:
        """Begins the next epoch, where one is to come; a resumed clock is inside the epoch that it goes on with."""
        if self._until is not None and self._reached(self._until._amount):
            return False
        if self._ledger is not None:
            self._ledger.open_session(self)
        if self._resumed_inside:
            return True
        self._finish(cut=True)
        return self._begin_epoch()

    def batches(self, loader: Iterable[Item], *, resume: Resume | None = None) -> Iterator[Item]:
        """Yields the loader's batches and counts each one before the loop's body sees it.

        A flush with accumulation over a loader of unknown length reads one batch ahead; nothing else does. Where
        `until` is reached it ends, and the epoch stays open: a resume goes on inside it.

        Args:
            loader: any iterable.
            resume: in an epoch that was resumed in its middle, what the loader does: "continues" (it yields what is
                left; a loader with a `state_dict` of its own is taken to), "skip" (it begins again, and what is done is
                read and left out) or "restart" (it begins again, and so does the epoch: the part done stays on record
                as an epoch that was cut).

        Raises:
            RuntimeError: outside `epochs()`.
            ValueError: an epoch was resumed in its middle, and nobody says what the loader does.

        Warns:
            StepbridgeWarning: the epoch has more or fewer batches than planned.
        """
        if not self._in_epoch:
            raise RuntimeError(f"{self.name}: batches() belongs inside `for epoch in clock.epochs():`")
        skip = self._resume_inside(loader, resume)
        items = iter(not_empty(loader) if self._fresh and self._position[1] == 0 and is_stateful(loader) else loader)
        self._fresh = False
        for missing in range(skip, 0, -1):
            if next(items, self) is self:
                raise ValueError(f"{self.name}: the loader ended {missing} batches before the position to resume at")
        if not self._looks_ahead:
            return self._batches(items)
        if is_stateful(loader):
            self._disagrees(
                "the loader's state_dict in the body of the loop",
                "that of the batch at hand",
                "that of the next one, which is read ahead to know an epoch's last batch",
                "give the clock the epoch's length (samples and batch_size, or batches)",
            )
        return self._looking_ahead(items)

    def _resume_inside(self, loader: object, resume: Resume | None) -> int:
        """Batches to leave out before the first one that is new."""
        if resume not in (None, "continues", "skip", "restart"):
            raise ValueError(f'unknown resume={resume!r}: expected "continues", "skip" or "restart"')
        done = self._position[1]
        if not self._resumed_inside or done == 0:
            return 0
        if resume is None and is_stateful(loader):
            # A StatefulDataLoader: it was saved beside the clock, and yields what is left.
            return 0
        if resume is None:
            raise ValueError(
                f"{self.name}: the epoch is resumed after {done} batches: say what the loader does with "
                'batches(loader, resume="continues" | "skip" | "restart")'
            )
        if resume == "restart":
            self._restart()
        return done if resume == "skip" else 0

    def _restart(self) -> None:
        """Begins the resumed epoch again: the part done stays on record as cut, and is no epoch of the plan."""
        self._resumed_inside = False
        self._restart_epoch()
        if self._ledger is not None:
            self._ledger.epoch(self, cut=True, skipped=self._skips)
            self._ledger.change(self)
            self._skips = []
        self._begin_epoch()

    def _batches(self, items: Iterator[Item]) -> Iterator[Item]:
        advance, until, hooks = self._advance, self._until, self._on_advance
        for item in items:
            if self._watched:
                self._watched.settle()
            if not advance():
                self._warn_longer()
            if hooks:
                self._advanced()
            yield item
            if until is not None and self._reached(until._amount):
                return self._leave()
        return self._finish()

    def _looking_ahead(self, items: Iterator[Item]) -> Iterator[Item]:
        """Knows the last batch when it yields it: a short update closes there."""
        none = object()
        item: Any = next(items, none)
        while item is not none:
            following: Any = next(items, none)
            if self._watched:
                self._watched.settle()
            self._advance(following is none)
            self._advanced()
            yield item
            if self._until is not None and self._reached(self._until._amount):
                return self._leave()
            item = following
        return self._finish()

    def advance(self, batches: int = 1) -> None:
        """Counts batches that the loop did not take from `batches()`, as one event.

        Triggers see what they cross together. Where the epoch's length is not planned, `end_epoch` says when it ends.

        Raises:
            RuntimeError: outside `epochs()`.
            ValueError: fewer than 1.

        Warns:
            StepbridgeWarning: the epoch has more batches than planned.

        >>> clock = StepClock(samples=1000, batch_size=200, epochs=2)
        >>> for epoch in clock.epochs():
        ...     for fused in (2, 2, 1):  # a compiled step that trains several batches at once
        ...         clock.advance(fused)
        >>> clock.step, clock.location
        (10, Location(epoch=1, iter=4))
        """
        if not self._in_epoch:
            raise RuntimeError(f"{self.name}: advance() belongs inside `for epoch in clock.epochs():`")
        batches = whole_number("batches", batches)
        if batches < 1:
            raise ValueError(f"{self.name}: batches must be at least 1, not {batches}")
        if self._watched:
            self._watched.settle()
        if not self._advance_many(batches):
            self._warn_longer()
        self._advanced()

    def end_epoch(self) -> None:
        """Ends the epoch of a loop that counts with `advance`: the data have no more.

        Warns:
            StepbridgeWarning: the epoch has fewer batches than planned.
        """
        self._finish()

    def _advanced(self) -> None:
        for hook in self._on_advance:
            hook()

    def _leave(self) -> None:
        """Leaves the loop where `until` is reached: an epoch that is not whole stays open."""
        if self._position[1] == 0:
            self._finish()

    def _finish(self, *, cut: bool = False) -> None:
        """Ends the epoch at hand, if there is one."""
        if not self._in_epoch:
            return
        if self._watched:
            self._watched.settle()
        epoch, seen = self._position
        cut = cut and not self._is_whole
        planned = self._end_epoch(cut)
        if not cut and planned is None:
            self._padding = whole_number("padding", self._padding + self._padding_each)
        if self._ledger is not None:
            self._ledger.epoch(self, cut=cut, skipped=self._skips)
            self._skips = []
        if planned is not None and not cut:
            self._warn(f"epoch {epoch} (an index from 0) ended after {seen} batches, expected {planned}")

    def _warn_longer(self) -> None:
        epoch, iteration = self.location
        self._warn(
            f"epoch {epoch} (an index from 0) goes on past the {iteration} batches expected; "
            "its length is counted as it comes"
        )

    def _warn(self, text: str) -> None:
        warnings.warn(f"{self.name}: {text}", StepbridgeWarning, stacklevel=3)

    def _disagrees(self, counter: str, expected: object, seen: object, hint: str = "") -> None:
        """Says once that a framework's counter is not what the clock expects."""
        if counter not in self._told:
            self._told.add(counter)
            self._warn(f"{counter}: expected {expected}, seen {seen}{f': {hint}' if hint else ''}")

    @property
    def location(self) -> Location:
        """Where the batch at hand is: epoch and iter, indices from 0; after the last batch still there.

        Raises:
            RuntimeError: no batch was counted yet.
        """
        return Location(self.epoch, self.iter)

    @property
    def position(self) -> Position:
        """The same instant as a state: epochs complete, and batches of the next one. After an epoch's last: iter 0."""
        return Position(*self._position)

    @property
    def timeline(self) -> Timeline:
        """What was observed, then what is planned."""
        return Timeline._of(self._timeline())

    def convert(self, quantity: QuantityLike, unit: UnitLike) -> Answer:
        """Converts an amount into another unit: the past as observed, the future as planned. See `Timeline.convert`."""
        return self.timeline.convert(quantity, unit)

    def amount(self, unit: UnitLike) -> int | Fraction:
        """Returns how much of `unit` is done, the batch at hand included; whole, except for epochs and the duration.

        Raises:
            ValueError: it is not known: samples without a batch size, a part of an epoch of unknown length.

        >>> clock = StepClock(samples=1000, batch_size=200, epochs=4)
        >>> for epoch in clock.epochs(1):
        ...     for batch in clock.batches(range(5)):
        ...         print(clock.amount("epoch"), clock.amount("sample"), clock.amount("duration"))
        1/5 200 1/20
        2/5 400 1/10
        3/5 600 3/20
        4/5 800 1/5
        1 1000 1/4
        """
        num, den = self._amount(unit)
        return num if den == 1 else Fraction(num, den)

    def counters(self, convention: ConventionName) -> dict[str, int | None]:
        """Returns what a framework's own counters show now, just after the batch at hand.

        Raises:
            RuntimeError: no batch was counted yet.
            ValueError: an unknown convention.

        >>> clock = StepClock(samples=1000, batch_size=200, epochs=5)
        >>> for epoch in clock.epochs():
        ...     for batch in clock.batches(range(5)):
        ...         pass
        >>> clock.counters("keras")
        {'epoch': 4, 'batch': 4, 'iterations': 25}
        """
        epoch, iteration = self.location
        return self.timeline.translate({"epoch": epoch, "iter": iteration}, source="pytorch", target=convention)

    def trigger(self, quantity: QuantityLike) -> Trigger:
        """Returns an object that is true once where multiples of `quantity` were crossed since it was asked."""
        return Trigger(self, quantity)

    @property
    def finished(self) -> bool:
        """Whether `until` is reached, or the last planned epoch is complete."""
        if self._until is not None and self._reached(self._until._amount):
            return True
        return self._bounded and self._at_end

    @property
    def padding(self) -> int:
        """Copies that the sampler added in the epochs complete so far; `sample` does not count them."""
        return self._padding

    def change(
        self,
        *,
        batch_size: int | None = None,
        accumulate: int | None = None,
        batches: int | None = None,
        samples: int | None = None,
        pending: Pending | None = None,
    ) -> None:
        """Plans something different from the batch at hand on; see `Timeline.change`.

        Raises:
            ValueError: as `Timeline.change`.

        >>> clock = StepClock(samples=1000, batch_size=200, epochs=2)
        >>> for epoch in clock.epochs():
        ...     if epoch == 1:
        ...         clock.change(batch_size=100)
        ...     for batch in clock.batches(range(5 if epoch == 0 else 10)):
        ...         pass
        >>> clock.step, clock.sample
        (15, 2000)
        """
        self._change(
            batch_size=_size("batch_size", batch_size),
            accumulate=_size("accumulate", accumulate),
            batches=_size("batches", batches),
            samples=_size("samples", samples),
            pending=_pending(pending),
        )
        if self._ledger is not None:
            self._ledger.change(self)

    def _replan(self, plan: Timeline, *, pending: Pending | None = None) -> None:
        """Has the run go on by another plan of equal epochs, which are those of the whole run."""
        if self.batch or self._in_epoch or self._position[0] or pending is not None:
            self._go_on(plan._core, pending)
            self._plan, self._bounded = plan, plan.epochs is not None
        else:
            self._adopt(plan, 0, 0)
        if self._ledger is not None:
            self._ledger.change(self)

    def skip_update(self, steps: int = 1) -> None:
        """Takes down that the last attempted steps were not applied (a mixed-precision scaler left them out).

        Raises:
            ValueError: more were skipped than attempted.
        """
        steps = count("steps", steps)
        self._skip(steps)
        if self._ledger is not None and steps:
            first = self.step - steps + 1
            if self._skips and sum(self._skips[-1]) == first:
                self._skips[-1][1] += steps
            else:
                self._skips.append([first, steps])

    def updates(self, name: str) -> Updates:
        """Returns the updates of a watched optimizer, which is registered where it was not yet.

        From then on a step in which no watched optimizer was updated counts as skipped. Adapters call it; a loop of
        one's own may as well, and then `count()` after each real update, and `skip()` after one that was left out.

        >>> clock = StepClock(batches=3, epochs=1)
        >>> sgd = clock.updates("sgd")
        >>> for epoch in clock.epochs():
        ...     for batch in clock.batches(range(3)):
        ...         if batch == 1:  # an overflow, which the scaler leaves out
        ...             sgd.skip()
        ...         else:
        ...             sgd.count()
        >>> clock.step, clock.applied, clock.applied_by("sgd")
        (3, 2, 2)
        """
        if self._watched is None:
            self._watched = Watched(self)
        return self._watched.add(name)

    def applied_by(self, name: str) -> int:
        """Returns how many updates of one watched optimizer were applied.

        Raises:
            ValueError: no optimizer of that name is watched.
        """
        optimizers = {} if self._watched is None else self._watched.optimizers
        if name not in optimizers:
            watched = ", ".join(optimizers) or "none"
            raise ValueError(f"{self.name}: no optimizer called {name!r} is watched: there are {watched}")
        return optimizers[name].applied

    def _logged_as(self, unit: UnitLike, base: Literal[0, 1], by: str) -> None:
        """Takes down in the ledger how a writer is given the step."""
        if self._ledger is not None:
            self._ledger.logged_as(unit, base, stated=True, by=by)

    def count_tokens(self, tokens: int) -> None:
        """Adds the tokens of the batch at hand to `token`.

        Raises:
            ValueError: the number is negative.
            OverflowError: the sum passes 2**63 - 1.
        """
        self._count_tokens(count("tokens", tokens))

    def state_dict(self) -> dict[str, Any]:
        """Returns the clock's state: ints, strings and dicts only, so that any checkpoint format holds it."""
        # An update that has not come by now is not in what is saved, whatever becomes of it in this process.
        missing = self._watched is not None and self._watched.missing
        return {
            "version": STATE_VERSION,
            "timeline": self.timeline.to_json(),
            "plan": self._plan.to_json(),
            "batch": self.batch,
            "epochs": self._position[0],
            "skipped": self.step - self.applied + missing,
            "token": self.token,
            "padding": self._padding,
            "optimizers": {} if self._watched is None else self._watched.state(),
        }

    def load_state_dict(
        self, state: Mapping[str, Any], *, changed: bool = False, pending: Pending | None = None
    ) -> None:
        """Goes on from where `state` was saved: what was observed, then what was planned.

        A clock made with a plan of its own compares it with the checkpoint's. Another batch size, accumulation or
        number of epochs is taken over from here on, at the exact sample reached; nothing is recomputed from steps.
        Other samples, batches an epoch, `drop_last` or boundary are another run's, and refused unless `changed`.

        Args:
            state: what `state_dict` returned.
            changed: the same run goes on with another data set, so that those may differ.
            pending: where `accumulate` differs and a window is open: what becomes of it, as in `Timeline.change`. The
                gradients of such a window are lost in a restart unless the loop saved them: then it is "drop".

        Raises:
            ValueError: the state is incomplete, was saved by a newer stepbridge, or is that of another plan.
            RuntimeError: inside `epochs()`.
        """
        if self._iterating:
            raise RuntimeError(f"{self.name}: load_state_dict belongs before epochs()")
        check_state(self.name, state)
        timeline, saved = Timeline.from_json(state["timeline"]), Timeline.from_json(state["plan"])
        own = self._plan
        differs = goes_on(self.name, own, saved, changed=changed)
        # Until all of it is known to fit, the clock stays where it is.
        fresh = StepClock(saved, name=self.name)
        fresh._adopt(saved, state["batch"], state["epochs"], timeline)
        if differs:
            fresh._go_on(own._core, pending)
        fresh._skip(state["skipped"])
        fresh._count_tokens(state["token"])
        self._adopt(own if differs else saved, state["batch"], fresh._position[0], fresh.timeline)
        self._skip(state["skipped"])
        self._count_tokens(state["token"])
        self._padding = state["padding"]
        self._fresh = True
        if self._ledger is not None:
            self._ledger.forget()
        if state["optimizers"]:
            self._watched = self._watched or Watched(self)
            self._watched.load(state["optimizers"])

    def __repr__(self) -> str:
        epoch, iteration = self._position
        return (
            f"{type(self).__name__}({self.name}: epoch {epoch}, iter {iteration}, step {self.step}, batch {self.batch})"
        )
