"""The live clock of a training loop. Rust counts; this is the loop's side of it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, TypeVar

from stepbridge import _core
from stepbridge.answers import Answer, Location, Position
from stepbridge.errors import StepbridgeWarning
from stepbridge.timeline import Boundary, Timeline
from stepbridge.units import QuantityLike, UnitLike, as_quantity, whole_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Literal

    from stepbridge.conventions import ConventionName

    Resume = Literal["continues", "skip", "restart"]

__all__ = ["StepClock", "Trigger"]

Item = TypeVar("Item")

#: The version of `state_dict`; raised whenever an older stepbridge could misread a newer one's.
STATE_VERSION = 1


class StepClock(_core.Clock):
    """The live position of a training loop, in samples, batches, steps and epochs at once.

    In the body of the loop the batch at hand counts as done: what is read there is right to log and to save. `batch`,
    `step`, `applied`, `sample` and `token` are counts; `epoch`, `iter` and `location` are where the batch at hand is
    (indices from 0). `every("500st")` and `at("90%")` ask whether the last advance crossed such a point.

    Args:
        plan: a `Timeline` to follow. Else the other arguments are those of `Timeline.plan`; with none of them the clock
            learns the lengths.

    Raises:
        ValueError, TypeError: as `Timeline.plan`; a plan beside its own parts.

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
        self._bounded = plan.epochs is not None
        self._resumed_inside = False
        self._iterating = False
        self._stand(plan._core, 0, 0)

    def epochs(self, n: int | None = None) -> Iterator[int]:
        """Runs epoch after epoch; yields each one's index, from 0. A resumed clock goes on with the epoch it was in.

        Args:
            n: how many to run, where the plan has no end; where it has one, at most so many.

        Raises:
            ValueError: neither the plan nor `n` says how many.
            RuntimeError: the clock is in an `epochs()` already.
        """
        if n is not None:
            n = whole_number("n", n)
        elif not self._bounded:
            raise ValueError(f"{self.name}: the plan has no number of epochs: give epochs= to the clock, or epochs(n)")
        return self._epochs(n)

    def _epochs(self, n: int | None) -> Iterator[int]:
        if self._iterating:
            raise RuntimeError(f"{self.name}: epochs() is running already; a clock counts one loop")
        self._iterating = True
        done = 0
        try:
            while n is None or done < n:
                # A resumed clock is inside the epoch that it goes on with.
                if not self._resumed_inside and not self._begin_epoch():
                    return
                yield self._position[0]
                self._resumed_inside = False
                done += 1
        finally:
            self._iterating = False

    def batches(self, loader: Iterable[Item], *, resume: Resume | None = None) -> Iterator[Item]:
        """Yields the loader's batches and counts each one before the loop's body sees it.

        A flush with accumulation over a loader of unknown length reads one batch ahead; nothing else does.

        Args:
            loader: any iterable.
            resume: in an epoch that was resumed in its middle, what the loader does: "continues" (it yields what is
                left), "skip" (it begins again, and what is done is read and left out) or "restart" (it begins again,
                and so does the epoch: the part done stays on record as an epoch that was cut).

        Raises:
            RuntimeError: outside `epochs()`.
            ValueError: an epoch was resumed in its middle, and nobody says what the loader does.

        Warns:
            StepbridgeWarning: the epoch has more or fewer batches than planned.
        """
        if not self._in_epoch:
            raise RuntimeError(f"{self.name}: batches() belongs inside `for epoch in clock.epochs():`")
        skip = self._resume_inside(resume)
        items = iter(loader)
        for missing in range(skip, 0, -1):
            if next(items, self) is self:
                raise ValueError(f"{self.name}: the loader ended {missing} batches before the position to resume at")
        return self._looking_ahead(items) if self._looks_ahead else self._batches(items)

    def _resume_inside(self, resume: Resume | None) -> int:
        """Batches to leave out before the first one that is new."""
        if resume not in (None, "continues", "skip", "restart"):
            raise ValueError(f'unknown resume={resume!r}: expected "continues", "skip" or "restart"')
        done = self._position[1]
        if not self._resumed_inside or done == 0:
            return 0
        if resume is None:
            raise ValueError(
                f"{self.name}: the epoch is resumed after {done} batches: say what the loader does with "
                'batches(loader, resume="continues" | "skip" | "restart")'
            )
        if resume == "restart":
            self._end_epoch(cut=True)
            self._begin_epoch()
        return done if resume == "skip" else 0

    def _batches(self, items: Iterator[Item]) -> Iterator[Item]:
        advance = self._advance
        for item in items:
            if not advance():
                self._warn_longer()
            yield item
        self._close_epoch()

    def _looking_ahead(self, items: Iterator[Item]) -> Iterator[Item]:
        """Knows the last batch when it yields it: a short update closes there."""
        none = object()
        item: Any = next(items, none)
        while item is not none:
            following: Any = next(items, none)
            self._advance(following is none)
            yield item
            item = following
        self._close_epoch()

    def _close_epoch(self) -> None:
        if not self._in_epoch:
            return
        epoch, seen = self._position
        planned = self._end_epoch(cut=False)
        if planned is not None:
            warnings.warn(
                f"{self.name}: epoch {epoch} (an index from 0) ended after {seen} batches, expected {planned}",
                StepbridgeWarning,
                stacklevel=3,
            )

    def _warn_longer(self) -> None:
        epoch, iteration = self.location
        warnings.warn(
            f"{self.name}: epoch {epoch} (an index from 0) goes on past the {iteration} batches expected; "
            "its length is counted as it comes",
            StepbridgeWarning,
            stacklevel=3,
        )

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
        """Returns an object that remembers since when, and is true once for each multiple of `quantity` crossed."""
        return Trigger(self, quantity)

    def skip_update(self, steps: int = 1) -> None:
        """Takes down that attempted steps were not applied (a mixed-precision scaler left them out).

        Raises:
            ValueError: more were skipped than attempted.
        """
        self._skip(whole_number("steps", steps))

    def count_tokens(self, tokens: int) -> None:
        """Adds the tokens of the batch at hand to `token`.

        Raises:
            OverflowError: the sum passes 2**63 - 1, or the number is negative.
        """
        self._count_tokens(whole_number("tokens", tokens))

    def state_dict(self) -> dict[str, Any]:
        """Returns the clock's state: ints and strings only, so that any checkpoint format holds it."""
        return {
            "version": STATE_VERSION,
            "timeline": self.timeline.to_json(),
            "batch": self.batch,
            "epochs": self._position[0],
            "skipped": self.step - self.applied,
            "token": self.token,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from where `state` was saved, with its timeline: what was observed, then what was planned.

        Raises:
            ValueError: the state is incomplete, or was saved by a newer stepbridge.
            RuntimeError: inside `epochs()`.
        """
        if self._iterating:
            raise RuntimeError(f"{self.name}: load_state_dict belongs before epochs()")
        version = state.get("version")
        if version != STATE_VERSION:
            newer = isinstance(version, int) and version > STATE_VERSION
            hint = "it was saved by a newer stepbridge: upgrade" if newer else f"expected version {STATE_VERSION}"
            raise ValueError(f"{self.name}: cannot load a state of version {version!r}: {hint}")
        missing = [key for key in ("timeline", "batch", "epochs", "skipped", "token") if key not in state]
        if missing:
            raise ValueError(f"{self.name}: the state lacks {', '.join(missing)}: it was not made by state_dict()")
        timeline = Timeline.from_json(state["timeline"])
        self._stand(timeline._core, state["batch"], state["epochs"])
        self._skip(state["skipped"])
        self._count_tokens(state["token"])
        self._bounded = timeline.epochs is not None
        self._resumed_inside = self._in_epoch

    def __repr__(self) -> str:
        epoch, iteration = self._position
        return (
            f"{type(self).__name__}({self.name}: epoch {epoch}, iter {iteration}, step {self.step}, batch {self.batch})"
        )


class Trigger:
    """True once for each multiple of an amount that the clock crossed since it was last true; its state can be saved.

    >>> clock = StepClock(batches=5, epochs=1)
    >>> trigger = clock.trigger("2st")
    >>> [bool(trigger) for epoch in clock.epochs() for batch in clock.batches(range(5))]
    [False, True, False, True, False]
    """

    def __init__(self, clock: StepClock, quantity: QuantityLike) -> None:
        self._clock = clock
        self._quantity = as_quantity("quantity", quantity)
        self._seen = self._multiples()

    def _multiples(self) -> int:
        return self._clock._multiples(self._quantity._amount)

    def __bool__(self) -> bool:
        now = self._multiples()
        fired, self._seen = now > self._seen, now
        return fired

    def state_dict(self) -> dict[str, Any]:
        """Returns the multiples seen so far, to be saved beside the clock."""
        return {"quantity": str(self._quantity), "seen": self._seen}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a saved state.

        Raises:
            ValueError: it belongs to another amount.
        """
        if state["quantity"] != str(self._quantity):
            raise ValueError(f"this trigger is for {self._quantity}, the state for {state['quantity']}")
        self._seen = state["seen"]
