"""Where the n-th batch, step or sample is, and back: for a number, and for an array of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import numpy as np

from stepbridge._errors import TimelineError
from stepbridge.timeline._arguments import whole_number
from stepbridge.timeline._arrays import flat, flat_output, integers, is_number, outputs
from stepbridge.timeline._points import Location

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from stepbridge._core import Timeline as CoreTimeline
    from stepbridge.timeline._answers import Exact
    from stepbridge.timeline._arrays import Integers, Outputs
    from stepbridge.timeline._units import UnitLike

__all__ = ["Locator"]

Invalid: TypeAlias = Literal["raise", "mask"]


class Locator:
    """The half of `Timeline` that looks numbers up."""

    __slots__ = ("_core",)
    _core: CoreTimeline

    @overload
    def locate(
        self, n: int | Exact, unit: UnitLike = ..., base: int = ..., *, out: None = ..., invalid: Literal["raise"] = ...
    ) -> Location: ...

    @overload
    def locate(
        self, n: int | Exact, unit: UnitLike = ..., base: int = ..., *, out: None = ..., invalid: Invalid
    ) -> Location | None: ...

    @overload
    def locate(
        self,
        n: npt.NDArray[Any] | Sequence[int],
        unit: UnitLike = ...,
        base: int = ...,
        *,
        out: Outputs | None = ...,
        invalid: Invalid = ...,
    ) -> Outputs: ...

    def locate(
        self,
        n: int | Exact | Integers,
        unit: UnitLike = "step",
        base: int = 0,
        *,
        out: Outputs | None = None,
        invalid: Invalid = "raise",
    ) -> Location | Outputs | None:
        """Finds where the n-th batch, step or sample is; a step is where the batch is that closes it.

        Args:
            n: a number, or an array of integers of any shape, layout and integer type. For a large array the
                interpreter is released, and several cores work.
            unit: "batch", "step" or "sample".
            base: 0 or 1: how `n` counts, and how epoch and iter of the answer count.
            out: for an array, two integer arrays of its shape to write epoch and iter to; they may be narrower than
                int64 as long as the answers fit.
            invalid: "raise", or "mask": -1 in both outputs (None for one number) where `n` has no known location.

        Returns:
            A `Location` for a number; for an array two int64 arrays (or `out`): epoch and iter.

        Raises:
            IndexError: a number is below the base or past the end; for an array the message names the first.
            TypeError: floats, bools, or another kind that does not count.
            UnitMismatchError: an exact answer in another unit.
            TimelineError: the unit has no location, or an epoch's length or a batch's size is not known.

        >>> from stepbridge import Timeline
        >>> plan = Timeline.plan(batches_per_epoch=5, epochs=5, accumulate=2)
        >>> plan.locate(3)  # flush: 3 steps an epoch, the third closed by the fifth batch
        Location(epoch=1, iter=1)
        >>> plan.locate([0, 1, 2])
        (array([0, 0, 0]), array([1, 3, 4]))
        """
        base, invalid, unit = whole_number("base", base), _checked_invalid(invalid), _checked_unit(unit)
        if is_number(n):
            if out is not None:
                raise TypeError("out= takes the answer for an array; a single number is answered by a Location")
            try:
                number = whole_number("n", n, unit)
            except OverflowError:
                if invalid == "mask":
                    return None
                raise
            found = self._core.locate(number, unit, base, invalid)
            return None if found is None else Location(*found)
        values = integers("n", n)
        epoch, iteration = outputs(out, values.shape)
        self._core.locate_array(flat(values), unit, base, flat_output(epoch), flat_output(iteration), invalid)
        return epoch, iteration

    @overload
    def index(
        self, epoch: int, iter: int, unit: UnitLike = ..., base: int = ..., *, invalid: Literal["raise"] = ...
    ) -> int: ...

    @overload
    def index(
        self, epoch: int, iter: int, unit: UnitLike = ..., base: int = ..., *, invalid: Invalid
    ) -> int | None: ...

    @overload
    def index(
        self, epoch: Integers, iter: Integers | int, unit: UnitLike = ..., base: int = ..., *, invalid: Invalid = ...
    ) -> npt.NDArray[np.int64]: ...

    @overload
    def index(
        self, epoch: int, iter: Integers, unit: UnitLike = ..., base: int = ..., *, invalid: Invalid = ...
    ) -> npt.NDArray[np.int64]: ...

    def index(
        self,
        epoch: Integers | int,
        iter: Integers | int,
        unit: UnitLike = "step",
        base: int = 0,
        *,
        invalid: Invalid = "raise",
    ) -> int | npt.NDArray[np.int64] | None:
        """Finds the number of the batch at a location, of the step it contributes to, or of its first sample.

        It is the inverse of `locate`: `index(*locate(n)) == n` for batches and steps. Arguments are numbers, or arrays
        that broadcast against each other; `base` says how they and the answer count.

        Raises:
            IndexError: there is no such batch, or (unit "step") its accumulation window never closes.
            TimelineError: the unit has no location, or a length or size is not known.

        >>> from stepbridge import Timeline
        >>> Timeline.plan(samples=1000, batch_size=200, epochs=5).index(4, 4, unit="step")
        24
        """
        base, invalid, unit = whole_number("base", base), _checked_invalid(invalid), _checked_unit(unit)
        if is_number(epoch) and is_number(iter):
            at = whole_number("epoch", epoch, "ep"), whole_number("iter", iter, "ba")
            return self._core.index(*at, unit, base, invalid)
        epochs, iters = integers("epoch", epoch), integers("iter", iter)
        try:
            epochs, iters = np.broadcast_arrays(epochs, iters)
        except ValueError:
            raise TimelineError(
                f"epoch (shape {epochs.shape}) and iter (shape {iters.shape}) do not go together"
            ) from None
        out = np.empty(epochs.shape, np.int64)
        self._core.index_array(flat(epochs), flat(iters), unit, base, out.reshape(-1), invalid)
        return out


def _checked_unit(unit: UnitLike) -> UnitLike:
    if not isinstance(unit, str):
        raise TypeError(f'unit must be a str such as "step", not {type(unit).__name__} ({unit!r})')
    return unit


def _checked_invalid(invalid: Invalid) -> Invalid:
    if invalid not in ("raise", "mask"):
        raise TimelineError(f'unknown invalid={invalid!r}: expected "raise" or "mask"')
    return invalid
