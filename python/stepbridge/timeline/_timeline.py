"""The timeline of a run: its epochs, their batches, and when the optimizer steps. All arithmetic is in Rust."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stepbridge import _core, _display
from stepbridge._errors import TimelineError
from stepbridge._ledger_rows import read_rows
from stepbridge.conventions import ConventionName, convention
from stepbridge.timeline._answers import Answer, answer_from_core
from stepbridge.timeline._arguments import flag, optional_positive, positive, text, whole_number
from stepbridge.timeline._arrays import vector
from stepbridge.timeline._locator import Locator
from stepbridge.timeline._plan import change_arguments
from stepbridge.timeline._quantity import Quantity, QuantityLike, as_quantity
from stepbridge.timeline._ramp import BatchSize, batch_sizes
from stepbridge.timeline._segment import Boundary, OnCut, Pending, Segment

if TYPE_CHECKING:
    import os

    from stepbridge._core import Timeline as CoreTimeline
    from stepbridge.timeline._arrays import Integers
    from stepbridge.timeline._units import UnitLike

__all__ = ["Timeline"]


class Timeline(Locator):
    """A run, planned or observed, from which every counter follows. It never changes.

    Make one with `Timeline.plan`, `Timeline.stream`, `Timeline.from_epochs`, `Timeline.from_json` or `change`. Two
    timelines are equal if they describe the same run, however they were made. Counts are integers up to 2**63 - 1; a
    larger one is an OverflowError.

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

    __slots__ = ()
    #: What a pickle names; it stays readable when modules move.
    __module__ = "stepbridge.timeline"

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
        batch_size: BatchSize | None = None,
        batches_per_epoch: int | None = None,
        epochs: int | None = None,
        drop_last: bool = False,
        accumulate: int = 1,
        boundary: Boundary = "flush",
        on_cut: OnCut = "carry",
        tokens_per_sample: int | None = None,
    ) -> Timeline:
        """Plans a run of equal epochs.

        Args:
            samples: samples of the data set, at least 1.
            batch_size: samples in a batch, over all ranks. Without `samples` every batch is full. Pairs, such as
                `[(0, 16), ("12_000_000sp", 32)]`, are a ramp: each size holds from the first batch that begins at or
                after its amount of samples, tokens, batches or epochs. Megatron's "0:768 250B:1536" is read too;
                `batch_size_ramp` gives those of its `--rampup-batch-size`.
            batches_per_epoch: batches in an epoch, if `samples` and `batch_size` do not say it.
            epochs: how many; None leaves the end open.
            drop_last: whether the loader leaves out a partial last batch.
            accumulate: batches in a step (an update).
            boundary: what happens to an accumulation window that is open at the end of an epoch: "flush" (a short
                update closes it), "carry" (it continues in the next epoch), "drop" (it is thrown away) or "spill"
                (the count starts anew, and the gradients that are left join the next window).
            on_cut: what happens to it if the loop leaves an epoch before its data ends: "carry", "drop" or "spill".
            tokens_per_sample: tokens in each sample, so that tokens are a unit like the others.

        Raises:
            TimelineError: a size is 0 or negative, sizes contradict each other, or no batch would be left.
            TypeError: a size is not an integer.
            OverflowError: a total passes 2**63 - 1.

        >>> Timeline.plan(samples=700, batch_size=300, epochs=1)
        Timeline(1 epoch of 3 batches (700 samples in batches of 300, the last 100) = 3 batches, 3 steps, 700 samples)
        >>> Timeline.plan(batches_per_epoch=7, epochs=2, accumulate=3, boundary="carry").steps
        4
        """
        sizes = batch_sizes(batch_size, tokens=tokens_per_sample is not None)
        rest: dict[str, Any] = {
            "samples": optional_positive("samples", samples, "sp"),
            "batches": optional_positive("batches_per_epoch", batches_per_epoch, "ba"),
            "epochs": optional_positive("epochs", epochs, "ep"),
            "drop_last": flag("drop_last", drop_last),
            "accumulate": positive("accumulate", accumulate, "ba"),
            "boundary": text("boundary", boundary),
            "on_cut": text("on_cut", on_cut),
            "tokens_per_sample": optional_positive("tokens_per_sample", tokens_per_sample, "tok"),
        }
        if isinstance(sizes, list):
            return cls._of(_core.Timeline.plan_ramp(sizes, **rest))
        return cls._of(_core.Timeline.plan(batch_size=sizes, **rest))

    @classmethod
    def stream(
        cls,
        *,
        batch_size: BatchSize,
        samples: int | None = None,
        tokens_per_sample: int | None = None,
        steps: int | None = None,
        tokens: QuantityLike | int | None = None,
        accumulate: int = 1,
    ) -> Timeline:
        """Plans a stream: data without an end of epoch for the loader, as language models are trained on.

        Batches run on. With `samples` an epoch is that many samples; it may end inside a batch, which is located in the
        epoch of its first sample. Windows of accumulation run on, too.

        Args:
            batch_size: samples in a batch, over all ranks; or a ramp, as in `plan`.
            samples: samples of one pass over the data. Without it, epochs are not known, and all else is exact.
            tokens_per_sample: tokens in each sample.
            steps: after how many steps it ends. Without `steps` and `tokens` it has no end.
            tokens: after how many tokens it ends: 300_000_000_000, "300Btok". The batch that
                reaches them is the last one, also after a change of the batch size.
            accumulate: batches in a step.

        Raises:
            TimelineError: both ends are given, tokens are and `tokens_per_sample` is not, or the batch size goes back.
            TypeError: a size is not an integer.
            OverflowError: a total passes 2**63 - 1.

        >>> plan = Timeline.stream(batch_size=16, samples=60, steps=1000)
        >>> plan.locate(4), plan.convert("1000st", "epoch")
        (Location(epoch=1, iter=0), Exact(Fraction(800, 3), 'ep'))
        """
        if steps is not None and tokens is not None:
            raise TimelineError("a stream ends after steps or after tokens: give one of them")
        each = optional_positive("tokens_per_sample", tokens_per_sample, "tok")
        sizes = batch_sizes(batch_size, tokens=each is not None)
        if sizes is None:
            raise TypeError("a stream needs batch_size")
        end = None
        if steps is not None:
            end = Quantity(positive("steps", steps, "st"), "st")
        elif tokens is not None:
            end = (
                as_quantity("tokens", tokens)
                if isinstance(tokens, str)
                else Quantity(positive("tokens", tokens, "tok"), "tok")
            )
            if end.unit != "tok":
                raise TimelineError(f"tokens={str(end)!r} is not an amount of tokens: give a number, or '300Btok'")
        return cls._of(
            _core.Timeline.stream(
                sizes if isinstance(sizes, list) else [((0, 1, "sp"), sizes)],
                samples=optional_positive("samples", samples, "sp"),
                tokens_per_sample=each,
                accumulate=positive("accumulate", accumulate, "ba"),
                end=None if end is None else end._amount,
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
        on_cut: OnCut = "carry",
        cut: bool = False,
        tokens_per_sample: int | None = None,
    ) -> Timeline:
        """Makes the timeline of a run that was observed.

        Args:
            lengths: batches of each epoch, one-dimensional; an epoch may have 0.
            samples: samples of each epoch, one number for each length. Without `batch_size` sample counts are known at
                the ends of epochs only.
            batch_size: samples in a batch. Without `samples` every batch was full.
            accumulate: batches in a step.
            boundary: as in `plan`.
            on_cut: as in `plan`.
            cut: whether the last epoch was cut short, so that `on_cut` says what happens to its open window.
            tokens_per_sample: as in `plan`.

        Raises:
            TimelineError: a length is negative, or `samples` cannot make up the batches.
            TypeError: lengths that are not integers.
            OverflowError: a total passes 2**63 - 1.

        >>> Timeline.from_epochs([5, 2, 2]).locate(6)
        Location(epoch=1, iter=1)
        """
        return cls._of(
            _core.Timeline.from_epochs(
                vector("lengths", lengths),
                samples=None if samples is None else vector("samples", samples),
                batch_size=optional_positive("batch_size", batch_size, "sp"),
                accumulate=positive("accumulate", accumulate, "ba"),
                boundary=text("boundary", boundary),
                on_cut=text("on_cut", on_cut),
                cut=flag("cut", cut),
                tokens_per_sample=optional_positive("tokens_per_sample", tokens_per_sample, "tok"),
            )
        )

    @classmethod
    def from_json(cls, text: str) -> Timeline:
        """Reads what `to_json` wrote.

        Raises:
            TimelineError: it is not a timeline's JSON, or a newer stepbridge wrote it.
        """
        if not isinstance(text, str):
            raise TypeError(f"text must be a str that to_json wrote, not {type(text).__name__} ({text!r})")
        return cls._of(_core.Timeline.from_json(text))

    @classmethod
    def from_ledger(cls, path: str | os.PathLike[str]) -> Timeline:
        """Reads the timeline of a run from its ledger: what was observed, then what is planned.

        An incomplete last line is ignored; `stepbridge.read_ledger` reports it, and more.

        Args:
            path: the ledger, or the folder with its `stepclock.jsonl`.

        Raises:
            FileNotFoundError: there is none.
            PermissionError, OSError: the system does not let it be read.
            TimelineError: it is not a ledger, a newer stepbridge wrote it, or lines of its last session are lost.
        """
        file, sessions, problems = read_rows(path)
        last = sessions[-1]
        if last["damaged"]:
            offset, reason = next(
                (offset, reason) for _, offset, _, kind, reason, _ in reversed(problems) if kind != "truncated"
            )
            raise TimelineError(
                f"'{file}', byte {offset}: {reason}. read_ledger(path).timeline is what is still known, and ends there"
            )
        return cls._of(last["timeline"])

    def to_json(self) -> str:
        """Returns the timeline as one line of JSON, which `from_json` turns into an equal timeline."""
        return self._core.to_json()

    @property
    def epochs(self) -> int | None:
        """Epochs of the whole run; None if it has no end, or the number is not known."""
        return self._core.epochs

    @property
    def batches(self) -> int | None:
        """Batches of the whole run; None if it has no end, or the number is not known."""
        return self._core.batches

    @property
    def steps(self) -> int | None:
        """Steps (updates) of the whole run; None if not known. A window that is open at the end is not a step."""
        return self._core.steps

    @property
    def samples(self) -> int | None:
        """Samples of the whole run, every epoch counted; None if it has no end, or the number is not known."""
        return self._core.samples

    @property
    def tokens(self) -> int | None:
        """Tokens of the whole run; None if it has no end, or `tokens_per_sample` is not stated."""
        return self._core.tokens

    @property
    def tokens_per_sample(self) -> int | None:
        """Tokens in each sample, if the plan states it."""
        return self._core.tokens_per_sample

    @property
    def is_stream(self) -> bool:
        """Whether it is a stream: batches run on, and epochs are amounts of samples."""
        return self._core.is_stream

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments in canonical form: as few as describe the run."""
        return tuple(Segment(**fields) for fields in self._core.segments())

    def convert(self, quantity: QuantityLike, unit: UnitLike) -> Answer:
        """Converts an amount from the start of the run into another unit.

        Returns:
            `Exact(value, unit)`; `Between(lower, upper)` where the target has no amount there: inside a batch, for
            batches, and inside an accumulation window, for steps. Samples, tokens, epochs and the duration are amounts
            of data, which are exact in one another inside a batch as well. `PastEnd(end)` past the end;
            `Undetermined(why)` where it depends on something that is not stated. Fractions of an epoch and of the
            duration are `fractions.Fraction`.

        Raises:
            TimelineError: the text is not a quantity, or the unit is unknown.
            OverflowError: on an open-ended plan, a count would pass 2**63 - 1.

        >>> plan = Timeline.plan(batches_per_epoch=10, epochs=3, accumulate=4)
        >>> plan.convert("15ba", "epoch"), plan.convert("15ba", "step")
        (Exact(Fraction(3, 2), 'ep'), Between(lower=Quantity(4, 'st'), upper=Quantity(5, 'st')))
        """
        return answer_from_core(self._core.convert(as_quantity("quantity", quantity)._amount, text("unit", unit)))

    def compare(self, left: QuantityLike, right: QuantityLike) -> int:
        """Returns -1, 0 or 1 as `left` lies before, at or after `right` on this timeline, whatever their units.

        Raises:
            IndexError: both are past the end.
            TimelineError: where one of them lies is not known.

        >>> Timeline.plan(batches_per_epoch=400, epochs=3).compare("1ep", "400ba")
        0
        """
        return self._core.compare(as_quantity("left", left)._amount, as_quantity("right", right)._amount)

    def translate(
        self, counters: Mapping[str, int], *, source: ConventionName, target: ConventionName
    ) -> dict[str, int | None]:
        """Translates a framework's counters, read just after a batch completed, into another framework's.

        Args:
            counters: names and values of `source`, enough to identify the batch: Keras `{"epoch": 4, "batch": 4}` or
                `{"iterations": 25}`. A count of steps identifies the batch that closed the last step.
            source: a name of `stepbridge.conventions.CONVENTIONS`: "pytorch" (from 0), "pytorch_one_based" (from 1),
                "keras", "tensorflow", "lightning", "huggingface", "accelerate", "ignite", "optax", "flax" and more.
            target: another of these names.

        Returns:
            All counters of `target`; None for the index of a step if the batch contributes to none.

        Raises:
            IndexError: there is no such batch (a global step of 0: nothing has completed).
            TimelineError: an unknown name, counters that disagree, or too few of them to identify the batch.

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
        batches_per_epoch: int | None = None,
        samples: int | None = None,
        pending: Pending | None = None,
    ) -> Timeline:
        """Returns a timeline that differs from a point on; no sample is lost or counted twice.

        Args:
            at: the point, at the end of a batch: "12ba", "2ep", a Quantity.
            batch_size: samples in a batch from there on; the rest of the running epoch comes in such batches.
            accumulate: batches in a step from there on.
            batches_per_epoch: the new total of the running epoch and the later ones.
            samples: the new size of the data set, for the running epoch and the later ones.
            pending: what happens to a window that is open where `accumulate` changes: "flush" it there, "drop" it,
                "carry" it (the pending batches still count), "modulo" (it closes where the run's batch count is a
                multiple, as in Keras), or a number: it closes as if so many batches were pending.

        Raises:
            TimelineError: `at` is inside a batch; a total is less than what is done; the new sizes do not give the
                number of batches; or `pending` is missing and a window is open.
            IndexError: `at` is past the end.

        >>> plan = Timeline.plan(samples=1000, batch_size=200, epochs=5)
        >>> plan.change(at="12ba", batch_size=100).epochs
        5
        """
        changes = change_arguments(
            batch_size=batch_size,
            accumulate=accumulate,
            batches_per_epoch=batches_per_epoch,
            samples=samples,
            pending=pending,
        )
        return Timeline._of(self._core.change(as_quantity("at", at)._amount, **changes))

    def __eq__(self, other: object) -> bool:
        return self._core.equals(other._core) if isinstance(other, Timeline) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.to_json())

    def __repr__(self) -> str:
        return f"Timeline({self._core.describe()})"

    def _repr_html_(self) -> str:
        """Returns a row for each segment, for a notebook."""
        names = ("epochs", "batches", "batch_size", "samples", "accumulate", "boundary")
        rows = [[getattr(segment, name) for name in names] for segment in self.segments[: _display.MOST_ROWS]]
        more = len(self.segments) - _display.MOST_ROWS
        caption = f"Timeline: {self._core.describe()}"
        return _display.as_html(caption, names, rows, f"… {more:,} more segments" if more > 0 else "")

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Timeline.from_json, (self.to_json(),)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Timeline is immutable; change(...) makes a new one (tried to set {name!r})")
