"""The accumulation window as the author of a loop keeps it, with no clock: it says when the optimizer steps."""

from __future__ import annotations

from typing import Literal

__all__ = ["Window"]


class Window:
    """Counts the batches whose gradients were added up."""

    def __init__(self, accumulate: int, boundary: Literal["flush", "carry", "drop", "spill"]) -> None:
        self.accumulate = accumulate
        self.boundary = boundary
        self.pending = 0
        #: Batches whose gradients are still there, from a window that was begun anew.
        self.spilled = 0

    def add(self, *, last: bool) -> Literal["step", "wait", "drop"]:
        """Takes in one batch and says what is to be done; `last`: it ends its epoch."""
        self.pending += 1
        if self.pending == self.accumulate or (last and self.boundary == "flush"):
            return "step"
        if last and self.boundary == "spill":
            self.spill()
        return "drop" if last and self.boundary == "drop" else "wait"

    def close(self) -> int:
        """Empties the window; returns how many batches have their gradients in it."""
        pending, self.pending, self.spilled = self.pending + self.spilled, 0, 0
        return pending

    def spill(self) -> None:
        """Begins the window anew; the gradients in it stay."""
        self.pending, self.spilled = 0, self.pending + self.spilled
