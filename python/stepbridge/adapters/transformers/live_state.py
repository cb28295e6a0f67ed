"""The clock's entry in `TrainerState.stateful_callbacks`.

What the Trainer does (seen on 4.46 to 5.24): it writes `dataclasses.asdict(state)` as JSON into each checkpoint, and
hands the state out as it was loaded. A callback that is an `ExportableState` breaks a resume from a checkpoint without
it (a KeyError at the first save), and is replaced by a new object on request. An entry that is only data is neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, ItemsView

__all__ = ["LiveState"]


class LiveState(dict[str, Any]):
    """A dict whose content is made when it is saved, so that a batch does not pay for it.

    >>> from dataclasses import asdict, dataclass
    >>> count = 3
    >>> entry = LiveState(lambda: {"count": count})
    >>> count = 4
    >>> @dataclass
    ... class State:
    ...     callbacks: dict
    >>> asdict(State({"stepbridge": entry}))
    {'callbacks': {'stepbridge': {'count': 4}}}
    """

    def __init__(self, content: Any) -> None:
        # `asdict` makes a copy of the same class from pairs: that one holds what it is given.
        self.content: Callable[[], dict[str, Any]] | None = content if callable(content) else None
        super().__init__(() if self.content is not None else content)

    def now(self) -> dict[str, Any]:
        """Returns the content as it is now."""
        return dict(self) if self.content is None else self.content()

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]  # a view of what is made now
        """Returns the pairs as they are now."""
        return super().items() if self.content is None else self.content().items()

    def __deepcopy__(self, _memo: dict[int, Any]) -> dict[str, Any]:
        return self.now()

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (self.now(),)
