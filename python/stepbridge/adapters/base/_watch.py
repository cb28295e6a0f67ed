"""Which optimizers a clock watches, and what they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet, finalize, ref

from stepbridge._errors import TimelineError
from stepbridge.adapters.base._clocks import the_clock

if TYPE_CHECKING:
    from typing_extensions import Self

    from stepbridge.clock import StepClock, Updates

__all__ = ["Watch", "watches"]

#: Which clock watches what. Weak on both sides: a clock or an optimizer that is done with is not kept.
_WATCHES: WeakKeyDictionary[StepClock, WeakSet[Watch]] = WeakKeyDictionary()


def watches(clock: StepClock) -> list[Watch]:
    """Returns the watches that are in force on this clock."""
    return [watched for watched in _WATCHES.get(clock, ()) if watched.optimizer is not None]


class Watch:
    """An optimizer that is watched: its real updates are counted on the clock.

    An adapter derives from it, and calls `count` or `skip` of `updates` where its framework shows what happened.

    Args:
        clock: the loop's clock.
        optimizer: the framework's object. It is held weakly: when it goes, no more updates of it are expected.
        name: what it is called; "optimizer" by default, then "optimizer2", "optimizer3".

    Raises:
        TypeError: not a clock.
        TimelineError: the clock watches this optimizer already, or another one by this name.

    >>> from stepbridge import StepClock
    >>> class Optimizer:
    ...     pass
    >>> first, second = Optimizer(), Optimizer()
    >>> clock = StepClock(batches_per_epoch=2, epochs=1)
    >>> with Watch(clock, first) as one, Watch(clock, second) as two:
    ...     one.name, two.name
    ('optimizer', 'optimizer2')
    """

    def __init__(self, clock: StepClock, optimizer: Any, name: str | None = None) -> None:
        living = {watched.name: watched for watched in watches(the_clock(clock))}
        for watched in living.values():
            if watched.optimizer is optimizer:
                raise TimelineError(
                    f"{clock.name}: this {type(optimizer).__name__} is watched already, as {watched.name!r}: "
                    "each update would count twice"
                )
        if name in living:
            raise TimelineError(
                f"{clock.name}: another optimizer is watched as {name!r}: give this one a name of its own"
            )
        self.clock = clock
        self.name: str = _free_name(living) if name is None else name
        # What the framework calls holds the watch; held in return, the optimizer would live on.
        self._optimizer = ref(optimizer)
        self.updates = self._counting(clock.updates(self.name))
        # Without it no step is expected to bring an update of this optimizer.
        self._ends = finalize(optimizer, self.updates.end)
        self._ends.atexit = False
        _WATCHES.setdefault(clock, WeakSet()).add(self)

    def _counting(self, updates: Updates) -> Updates:
        """Returns what counts its updates; an adapter that reads a counter returns `PolledUpdates`."""
        return updates

    @property
    def optimizer(self) -> Any:
        """The optimizer; None once it is gone."""
        return self._optimizer()

    @property
    def applied(self) -> int:
        """Real updates of this optimizer so far: a count."""
        return self.updates.applied

    def remove(self) -> None:
        """Ends the watch; the counts stay. A second call does nothing."""
        self._ends()
        _WATCHES.get(self.clock, WeakSet()).discard(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.remove()


def _free_name(taken: dict[str, Watch]) -> str:
    number, name = 1, "optimizer"
    while name in taken:
        number += 1
        name = f"optimizer{number}"
    return name
