"""Checks of array arguments: what an array of integers is, and where the answers are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from stepbridge._errors import TimelineError
from stepbridge.timeline._arguments import MAX_COUNT

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    #: Integers in an array of any shape, or a sequence of them.
    Integers: TypeAlias = npt.NDArray[np.integer[Any]] | Sequence[int]
    #: One array for the epoch, one for the iter.
    Outputs: TypeAlias = tuple[npt.NDArray[np.integer[Any]], npt.NDArray[np.integer[Any]]]

__all__ = ["Integers", "Outputs", "flat", "flat_output", "integers", "is_number", "outputs", "vector"]


def is_number(value: object) -> bool:
    """Whether `value` is a single integer, and not an array of any library, whatever its size."""
    return hasattr(value, "__index__") and not isinstance(value, np.ndarray) and getattr(value, "shape", ()) == ()


def integers(name: str, values: object) -> npt.NDArray[np.integer[Any]]:
    """Returns `values` as an integer array in the machine's byte order. An array that is one already is not copied.

    Raises:
        TypeError: they are floats, bools or masked.
        OverflowError: one of them does not fit an int64.
    """
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise TypeError(
            f"{name} is a masked array, and masked elements have no number: give {name}.compressed() or "
            f"{name}.filled(-1)"
        )
    array = np.asarray(values)
    if array.size == 0 and not isinstance(values, np.ndarray):
        array = array.astype(np.int64)  # numpy makes an empty list a float array
    if array.dtype.kind == "O" and any(type(value) is int and abs(value) > MAX_COUNT for value in array.flat):
        raise OverflowError(f"{name} holds a number past 2**63 - 1, the largest count that stepbridge holds")
    if array.dtype.kind not in "iu":
        kind = (
            f"an array of {array.dtype}"
            if isinstance(values, np.ndarray)
            else f"{type(values).__name__} ({array.dtype})"
        )
        hint = ""
        if array.dtype.kind == "f":
            hint = "; a float cannot count exactly: convert it with .astype(np.int64) where it is whole"
        raise TypeError(f"{name} must be an integer or integers, not {kind}{hint}")
    if array.dtype.isnative and array.flags.aligned:
        return array
    return array.astype(array.dtype.newbyteorder("="))


def vector(name: str, values: object) -> npt.NDArray[np.integer[Any]]:
    """Returns `values` as a one-dimensional integer array; see `integers`.

    Raises:
        TimelineError: they have another number of dimensions.
    """
    array = integers(name, values)
    if array.ndim != 1:
        raise TimelineError(f"{name} must be one-dimensional, not of shape {array.shape}")
    return array


def flat(array: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.integer[Any]]:
    """Returns the elements in one dimension."""
    return array if array.ndim == 1 else array.reshape(-1)


def outputs(out: object, shape: tuple[int, ...]) -> Outputs:
    """Returns the arrays for epoch and iter: new ones, or those of `out=`.

    Raises:
        TypeError: `out` is not a tuple of two native, aligned integer arrays.
        TimelineError: they have another shape than the input, or overlap.
    """
    if out is None:
        return np.empty(shape, np.int64), np.empty(shape, np.int64)
    if not (isinstance(out, tuple) and len(out) == 2 and all(isinstance(array, np.ndarray) for array in out)):
        raise TypeError("out= takes a tuple of two integer arrays: (epoch, iter)")
    for name, array in zip(("epoch", "iter"), out, strict=True):
        if array.shape != shape:
            raise TimelineError(f"out= has shape {array.shape} for {name}, the input {shape}")
        if array.dtype.kind not in "iu" or not array.dtype.isnative or not array.flags.aligned:
            raise TypeError(f"out= has dtype {array.dtype} for {name}: expected an integer type, native and aligned")
    if np.may_share_memory(*out) and np.shares_memory(*out):
        raise TimelineError("the two arrays of out= overlap: give two arrays that share no memory")
    return out[0], out[1]


def flat_output(array: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.integer[Any]]:
    """Returns the elements of an output in one dimension, in the same memory.

    Raises:
        TimelineError: the array is not contiguous.
    """
    if array.ndim == 1:
        return array
    view = array.reshape(-1)
    if array.size and not np.shares_memory(view, array):
        raise TimelineError("out= must be contiguous where it has more than one dimension")
    return view
