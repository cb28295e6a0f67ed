"""The timeline of a run: which batches, in which epochs, and when the optimizer steps. All arithmetic is in Rust."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import numpy as np

from stepbridge import _core
from stepbridge.answers import Answer, Location, from_core
from stepbridge.conventions import ConventionName, convention
from stepbridge.units import MAX_COUNT, QuantityLike, UnitLike, as_quantity, whole_number

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import numpy.typing as npt

    from stepbridge._core import Timeline as CoreTimeline

    #: Integers in an array of any shape, or a sequence of them.
    Integers: TypeAlias = npt.NDArray[np.integer[Any]] | Sequence[int]
    Outputs: TypeAlias = tuple[npt.NDArray[np.integer[Any]], npt.NDArray[np.integer[Any]]]

__all__ = ["Boundary", "Segment", "Timeline"]

Boundary: TypeAlias = Literal["flush", "carry", "drop"]
Pending: TypeAlias = Literal["flush", "drop", "carry", "modulo"] | int
Invalid: TypeAlias = Literal["raise", "mask"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of identical epochs, or a part of one epoch; None where a number is open-ended or not known."""

    epochs: int | None
    batches: int | None
    batch_size: int | None
    last_batch_size: int | None
    samples: int | None
    drop_last: bool
    accumulate: int
    boundary: Boundary
    joins: bool
    """It goes on inside the epoch of the segment before it."""
    cut: bool
    """Its last epoch was cut short: nothing was flushed or dropped there."""
    entry: Literal["continue", "flush", "drop", "phase"]
    """What became of the window that was open where it begins."""
    phase: int | None
    """With entry "phase": how many batches count as pending."""


class Timeline:
    """An immutable account of a run, planned or observed, from which every counter follows.

    Make one with `Timeline.plan`, `Timeline.from_epochs`, `Timeline.from_json` or `change`. Two are equal when they say
    the same, however they were made. Counts are integers up to 2**63 - 1; past it an OverflowError is raised.

    >>> plan = Timeline.plan(samples=1000, batch_size=200, epochs=5)
    >>> plan
    Timeline(5 epochs of 5 batches (1,000 samples in batches of 200) = 25 batches, 25 steps, 5,000 samples)
    >>> plan.locate(25, base=1)
    Location(epoch=5, iter=5)
    >>> plan.locate(24)
    Location(epoch=4, iter=4)
    >>> plan.convert("3ep", "step")
    Exact(15, 'st')
    """

    __slots__ = ("_core",)
    _core: CoreTimeline

    def __init__(self) -> None:
        raise TypeError(
            "a Timeline is made by Timeline.plan(...), Timeline.from_epochs(...) or Timeline.from_json(...)"
        )

    @classmethod
    def _of(cls, core: CoreTimeline) -> Timeline:
        timeline = object.__new__(cls)
        object.__setattr__(timeline, "_core", core)
        return timeline

    @classmethod
    def plan(
        cls,
        *,
        samples: int | None = None,
        batch_size: int | None = None,
        batches: int | None = None,
        epochs: int | None = None,
        drop_last: bool = False,
        accumulate: int = 1,
        boundary: Boundary = "flush",
    ) -> Timeline:
        """Plans a run of equal epochs.

        Args:
            samples: the data set's samples, at least 1.
            batch_size: samples a batch, over all ranks. Without `samples` every batch is full.
            batches: batches an epoch, where `samples` and `batch_size` do not say it.
            epochs: how many; None leaves the end open.
            drop_last: leave out a partial last batch.
            accumulate: batches a step (update).
            boundary: what becomes of an accumulation window that is open at the end of an epoch: "flush" (a short
                update closes it), "carry" (it goes on in the next epoch) or "drop" (it is thrown away).

        Raises:
            ValueError: a size is 0 or negative, sizes contradict each other, or no batch would be left.
            TypeError: a size is not an integer.
            OverflowError: a total passes 2**63 - 1.

        >>> Timeline.plan(samples=700, batch_size=300, epochs=1)
        Timeline(1 epoch of 3 batches (700 samples in batches of 300, the last 100) = 3 batches, 3 steps, 700 samples)
        >>> Timeline.plan(batches=7, epochs=2, accumulate=3, boundary="carry").steps
        4
        """
        return cls._of(
            _core.Timeline.plan(
                samples=_size("samples", samples),
                batches=_size("batches", batches),
                batch_size=_size("batch_size", batch_size),
                epochs=_size("epochs", epochs),
                drop_last=_flag("drop_last", drop_last),
                accumulate=_required("accumulate", accumulate),
                boundary=_text("boundary", boundary),
            )
        )

    @classmethod
    def from_epochs(
        cls,
        lengths: Integers,
        *,
        samples: Integers | None = None,
        batch_size: int | None = None,
        accumulate: int = 1,
        boundary: Boundary = "flush",
        cut: bool = False,
    ) -> Timeline:
        """Takes down a run as it was observed.

        Args:
            lengths: batches of each epoch, one-dimensional; 0 is legal.
            samples: what each epoch consumed, of the same length. Without `batch_size` sample counts are known at the
                ends of epochs only.
            batch_size: samples a batch. Without `samples` every batch was full.
            accumulate: batches a step.
            boundary: as in `plan`.
            cut: the last epoch was cut short, so that its open window is still pending.

        Raises:
            ValueError: a length is negative, or `samples` cannot make up the batches.
            TypeError: lengths that are not integers.
            OverflowError: a total passes 2**63 - 1.

        >>> Timeline.from_epochs([5, 2, 2]).locate(6)
        Location(epoch=1, iter=1)
        """
        return cls._of(
            _core.Timeline.from_epochs(
                _vector("lengths", lengths),
                samples=None if samples is None else _vector("samples", samples),
                batch_size=_size("batch_size", batch_size),
                accumulate=_required("accumulate", accumulate),
                boundary=_text("boundary", boundary),
                cut=_flag("cut", cut),
            )
        )

    @classmethod
    def from_json(cls, text: str) -> Timeline:
        """Reads what `to_json` wrote.

        Raises:
            ValueError: it is not a timeline's JSON, or a newer stepbridge wrote it.
        """
        return cls._of(_core.Timeline.from_json(text))

    @classmethod
    def from_ledger(cls, path: str | os.PathLike[str]) -> Timeline:
        """Reads the timeline of a run from its ledger: what was observed, then what is planned.

        A torn last line is passed over; `stepbridge.read_ledger` tells more than this.

        Args:
            path: the ledger, or the folder with its `stepclock.jsonl`.

        Raises:
            FileNotFoundError: there is none.
            PermissionError, OSError: it may not, or cannot be read.
            ValueError: it is no ledger, a newer stepbridge wrote it, or lines of its last session are lost.
        """
        from stepbridge.recorded import read_ledger  # noqa: PLC0415 - what is read there stands on the timeline

        ledger = read_ledger(path)
        if ledger.sessions[-1].damaged:
            lost = next(problem for problem in reversed(ledger.problems) if problem.kind != "truncated")
            raise ValueError(
                f"'{ledger.path}', byte {lost.offset}: {lost.reason}. "
                "read_ledger(path).timeline is what is still known, and ends there"
            )
        return ledger.timeline

    def to_json(self) -> str:
        """Returns the timeline as one line of JSON, which `from_json` turns into an equal timeline."""
        return self._core.to_json()

    @property
    def epochs(self) -> int | None:
        """Epochs in all; None where open-ended or unknown."""
        return self._core.epochs

    @property
    def batches(self) -> int | None:
        """Batches in all; None where open-ended or unknown."""
        return self._core.batches

    @property
    def steps(self) -> int | None:
        """Steps (updates) in all; None where open-ended or unknown. A window left open at the end is none."""
        return self._core.steps

    @property
    def samples(self) -> int | None:
        """Samples consumed in all; None where open-ended or unknown."""
        return self._core.samples

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments in canonical form: what is one stands as one."""
        return tuple(Segment(**fields) for fields in self._core.segments())

    @overload
    def locate(
        self, n: int, unit: UnitLike = ..., base: int = ..., *, out: None = ..., invalid: Literal["raise"] = ...
    ) -> Location: ...

    @overload
    def locate(
        self, n: int, unit: UnitLike = ..., base: int = ..., *, out: None = ..., invalid: Invalid
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
        n: int | Integers,
        unit: UnitLike = "step",
        base: int = 0,
        *,
        out: Outputs | None = None,
        invalid: Invalid = "raise",
    ) -> Location | Outputs | None:
        """Finds where the n-th batch, step or sample is; a step is where the batch that closes it is.

        Args:
            n: a number, or integers of any shape, layout and integer type. An array may be large: the interpreter is
                released, and several cores work on it.
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
            ValueError: the unit has no location, or an epoch's length or a batch's size is not known.

        >>> plan = Timeline.plan(batches=5, epochs=5, accumulate=2)
        >>> plan.locate(3)  # flush: 3 steps an epoch, the third closed by the fifth batch
        Location(epoch=1, iter=1)
        >>> plan.locate([0, 1, 2])
        (array([0, 0, 0]), array([1, 3, 4]))
        """
        base, invalid = whole_number("base", base), _invalid(invalid)
        if _is_number(n):
            if out is not None:
                raise TypeError("out= takes the answer for an array; a single number is answered by a Location")
            try:
                number = whole_number("n", n)
            except OverflowError:
                if invalid == "mask":
                    return None
                raise
            found = self._core.locate(number, unit, base, invalid)
            return None if found is None else Location(*found)
        values = _integers("n", n)
        epoch, iteration = _outputs(out, values.shape)
        flat = _flat_output(epoch), _flat_output(iteration)
        self._core.locate_array(_flat(values), unit, base, flat[0], flat[1], invalid)
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
        """Finds the number of the batch at a location, of the step that it contributes to, or of its first sample.

        It is the inverse of `locate`: `index(*locate(n)) == n` for batches and steps. Arguments are numbers, or arrays
        that broadcast against each other; `base` says how they and the answer count.

        Raises:
            IndexError: there is no such batch, or (unit "step") its accumulation window never closes.
            ValueError: the unit has no location, or a length or size is not known.

        >>> Timeline.plan(samples=1000, batch_size=200, epochs=5).index(4, 4, unit="step")
        24
        """
        base, invalid = whole_number("base", base), _invalid(invalid)
        if _is_number(epoch) and _is_number(iter):
            at = whole_number("epoch", epoch), whole_number("iter", iter)
            return self._core.index(*at, unit, base, invalid)
        epochs, iters = _integers("epoch", epoch), _integers("iter", iter)
        try:
            epochs, iters = np.broadcast_arrays(epochs, iters)
        except ValueError:
            raise ValueError(
                f"epoch (shape {epochs.shape}) and iter (shape {iters.shape}) do not go together"
            ) from None
        out = np.empty(epochs.shape, np.int64)
        self._core.index_array(_flat(epochs), _flat(iters), unit, base, out.reshape(-1), invalid)
        return out

    def convert(self, quantity: QuantityLike, unit: UnitLike) -> Answer:
        """Converts an amount from the start of the run into another unit.

        Returns:
            `Exact(value, unit)`; `Between(lower, upper)` where the target has no amount there: inside a batch, or, for
            steps, inside an accumulation window; `Beyond(end)` past the end; `Unknown(why)` where it depends on what
            nobody stated. Fractions of an epoch and of the duration are `fractions.Fraction`.

        Raises:
            ValueError: the text is not a quantity, or the unit is unknown.
            OverflowError: on an open-ended plan, a count would pass 2**63 - 1.

        >>> plan = Timeline.plan(batches=10, epochs=3, accumulate=4)
        >>> plan.convert("15ba", "epoch"), plan.convert("15ba", "step")
        (Exact(Fraction(3, 2), 'ep'), Between(lower=Quantity(4, 'st'), upper=Quantity(5, 'st')))
        """
        return from_core(self._core.convert(as_quantity("quantity", quantity)._amount, _text("unit", unit)))

    def compare(self, left: QuantityLike, right: QuantityLike) -> int:
        """Returns -1, 0 or 1 as `left` lies before, at or after `right` on this timeline, whatever their units.

        Raises:
            IndexError: both are past the end.
            ValueError: where one of them lies is not known.

        >>> Timeline.plan(batches=400, epochs=3).compare("1ep", "400ba")
        0
        """
        return self._core.compare(as_quantity("left", left)._amount, as_quantity("right", right)._amount)

    def translate(
        self, counters: Mapping[str, int], *, source: ConventionName, target: ConventionName
    ) -> dict[str, int | None]:
        """Translates a framework's counters, as they stand just after a batch completed, into another one's.

        Args:
            counters: names and values of `source`, enough to tell the batch: Keras `{"epoch": 4, "batch": 4}` or
                `{"iterations": 25}`. A count of steps stands for the batch that closed the last one.
            source: a name of `stepbridge.conventions.CONVENTIONS`: "pytorch" (from 0), "pytorch1" (from 1), "keras",
                "tensorflow", "lightning", "huggingface".
            target: the same.

        Returns:
            All counters of `target`; None for the index of a step where the batch contributes to none.

        Raises:
            IndexError: no batch stands there (a global step of 0: nothing has completed).
            ValueError: an unknown name, counters that disagree, or too few to tell the batch.

        >>> plan = Timeline.plan(samples=1000, batch_size=200, epochs=5)
        >>> plan.translate({"epoch": 4, "batch": 4}, source="keras", target="tensorflow")
        {'global_step': 25}
        """
        given, wanted = convention(source), convention(target)
        if not isinstance(counters, Mapping):
            raise TypeError(f"counters must be a mapping from names to numbers, not {type(counters).__name__}")
        values = [(given.counter(name).declared, whole_number(name, value)) for name, value in counters.items()]
        found = self._core.translate(values, [counter.declared for counter in wanted.counters])
        return {counter.name: value for counter, value in zip(wanted.counters, found, strict=True)}

    def change(
        self,
        *,
        at: QuantityLike,
        batch_size: int | None = None,
        accumulate: int | None = None,
        batches: int | None = None,
        samples: int | None = None,
        pending: Pending | None = None,
    ) -> Timeline:
        """Returns a timeline that is different from a point on; no sample is lost or counted twice.

        Args:
            at: the point, at the end of a whole batch: "12ba", "2ep", a Quantity.
            batch_size: samples a batch from there on; what is left of the running epoch is taken in such batches.
            accumulate: batches a step from there on.
            batches: new total of the running epoch and the later ones.
            samples: new size of the data set, for the running epoch and the later ones.
            pending: where `accumulate` changes inside an open window: "flush" it there, "drop" it, "carry" (the pending
                batches count on), "modulo" (it closes where the run's batch count is a multiple, as in Keras), or a
                number: it closes as if so many batches were pending.

        Raises:
            ValueError: `at` is inside a batch; a total is below what is done; a new size leaves the number of batches
                open; or `pending` is needed and missing.
            IndexError: `at` is past the end.

        >>> plan = Timeline.plan(samples=1000, batch_size=200, epochs=5)
        >>> plan.change(at="12ba", batch_size=100).epochs
        5
        """
        return Timeline._of(
            self._core.change(
                as_quantity("at", at)._amount,
                batch_size=_size("batch_size", batch_size),
                accumulate=_size("accumulate", accumulate),
                batches=_size("batches", batches),
                samples=_size("samples", samples),
                pending=_pending(pending),
            )
        )

    def __eq__(self, other: object) -> bool:
        return self._core.equals(other._core) if isinstance(other, Timeline) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.to_json())

    def __repr__(self) -> str:
        return f"Timeline({self._core.describe()})"

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Timeline.from_json, (self.to_json(),)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Timeline is immutable; change(...) makes a new one (tried to set {name!r})")


def _pending(pending: object) -> str | int | None:
    if pending is None or isinstance(pending, str):
        return pending
    number = whole_number("pending", pending)
    if number < 0:
        raise ValueError(f"pending cannot be negative: {number}")
    return number


def _invalid(value: Invalid) -> Invalid:
    if value not in ("raise", "mask"):
        raise ValueError(f'unknown invalid={value!r}: expected "raise" or "mask"')
    return value


def _is_number(value: object) -> bool:
    """A single number, where an array (of whatever library, of whatever size) is none."""
    return hasattr(value, "__index__") and not isinstance(value, np.ndarray) and getattr(value, "shape", ()) == ()


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__} ({value!r})")
    return value


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return value


def _required(name: str, value: object) -> int:
    number = whole_number(name, value)
    if number < 1:
        raise ValueError(f"{name} must be at least 1, not {number}")
    return number


def _size(name: str, value: object) -> int | None:
    return None if value is None else _required(name, value)


def _integers(name: str, values: object) -> npt.NDArray[np.integer[Any]]:
    """`values` as an integer array in the machine's byte order, without a copy where it is one."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise TypeError(f"{name} is a masked array: what is masked has no number; give n.compressed() or n.filled(-1)")
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


def _vector(name: str, values: object) -> npt.NDArray[np.integer[Any]]:
    array = _integers(name, values)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, not of shape {array.shape}")
    return array


def _flat(array: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.integer[Any]]:
    return array if array.ndim == 1 else array.reshape(-1)


def _outputs(out: object, shape: tuple[int, ...]) -> Outputs:
    if out is None:
        return np.empty(shape, np.int64), np.empty(shape, np.int64)
    if not (isinstance(out, tuple) and len(out) == 2 and all(isinstance(array, np.ndarray) for array in out)):
        raise TypeError("out= takes a tuple of two integer arrays: (epoch, iter)")
    for name, array in zip(("epoch", "iter"), out, strict=True):
        if array.shape != shape:
            raise ValueError(f"out= has shape {array.shape} for {name}, the input {shape}")
        if array.dtype.kind not in "iu" or not array.dtype.isnative or not array.flags.aligned:
            raise TypeError(f"out= has dtype {array.dtype} for {name}: expected an integer type, native and aligned")
    if np.may_share_memory(*out) and np.shares_memory(*out):
        raise ValueError("the two arrays of out= overlap: give two arrays of their own")
    return out[0], out[1]


def _flat_output(array: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.integer[Any]]:
    if array.ndim == 1:
        return array
    flat = array.reshape(-1)
    if array.size and not np.shares_memory(flat, array):
        raise ValueError("out= must be contiguous where it has more than one dimension")
    return flat
