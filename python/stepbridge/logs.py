"""Training logs: what was read below a path, its runs' timelines, and its records with epoch and iter as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, NoReturn

from stepbridge import _core
from stepbridge._formats import FORMATS, Format
from stepbridge.conventions import ConventionName
from stepbridge.conventions import convention as _convention
from stepbridge.ledger._reading import ledger_from_rows
from stepbridge.problems import Problem
from stepbridge.timeline import Timeline

if TYPE_CHECKING:
    import os

    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from stepbridge.ledger import Ledger
    from stepbridge.timeline import UnitLike

__all__ = [
    "FORMATS",
    "OUTPUTS",
    "Assumed",
    "Format",
    "Inferred",
    "LogFile",
    "Logs",
    "Origin",
    "Overview",
    "Problem",
    "Sessions",
    "Steps",
    "Table",
    "read_logs",
]

#: Endings of the names of files that a table can be written to.
OUTPUTS: tuple[str, ...] = tuple(_core.OUTPUTS)


class LogFile(NamedTuple):
    """A file that was read."""

    file: str
    """The file, relative to the path that was read."""
    run: str
    """The run that it belongs to: its folder."""
    format: Format
    """The format, as found from its content, or as it was given."""
    size: int
    """Its size in bytes."""
    sound: int
    """How many sound events, rows or entries it holds."""
    others: int
    """How many values it holds that are no numbers: images, histograms, texts."""
    shape: str | None
    """The shape of the lines of a text log, by its name ("pattern": the caller's); None for other formats."""
    prose: int
    """How many lines of a text log have no shape, and hold no record."""


@dataclass(frozen=True, slots=True)
class Inferred:
    """What the log of one run says of its timeline."""

    timeline: Timeline | None
    """The timeline; None where none fits, or several do."""
    evidence: str
    """What it was found from and what cannot be seen in it, or why there is none."""
    checked: int
    """How many pairs of step and stated epoch it agrees with: all that there are."""
    unit: str | None
    """What the run's steps count, as far as its epochs show."""
    base: int | None
    """0 where a step is an index, 1 where it is the n-th; the same."""
    sessions: tuple[tuple[int, Timeline], ...] = ()
    """Where sizes changed on a resume and no one timeline says it: that of each session, by its number."""
    lent_by: str | None = None
    """The run whose timeline it is, where it was asked for (`lend=True`)."""


class Overview(NamedTuple):
    """What a run holds, at a glance."""

    run: str
    records: int
    """How many records, superseded ones among them."""
    tags: int
    """How many series of values."""
    steps: tuple[int, int] | None
    """The lowest and the highest step, as they are logged; None where none is."""
    epochs: tuple[float, float] | None
    """The lowest and the highest epoch that the log states; None where it states none."""


class Steps(NamedTuple):
    """What the steps of a run's files of one format are, and from where that is known."""

    run: str
    format: Format
    unit: str
    """What they count; of records that hold no step, "ep"."""
    base: int
    """0 where they are indices, 1 where they are the n-th."""
    source: Literal["caller", "format", "ledger", "epochs", "ledger_assumed", "nothing"]
    """Who says it: the caller, the format, the ledger, the epochs that the log states; what the ledger takes for
    granted; nothing, so that the unit is a guess."""
    reason: str
    """The same as one clause."""
    within: Literal["run", "epoch"] = "run"
    """Over what they are counted: the whole run, or the epoch beside them, with which they begin again."""


class Sessions(NamedTuple):
    """The sessions of a run: processes, of which each later one goes on where an earlier one stopped, or before."""

    run: str
    sessions: int
    superseded: int
    """How many records a later session took the place of; tables leave them out unless they are asked for."""


class Assumed(NamedTuple):
    """What a run's steps were taken to be, as neither its format nor the caller says it."""

    run: str
    unit: str
    base: int
    reason: str
    within: Literal["run", "epoch"] = "run"
    """Over what they are counted: the whole run, or the epoch beside them, with which they begin again."""


class Origin(NamedTuple):
    """Where the timeline of a run comes from."""

    run: str
    origin: Literal["given", "ledger", "inferred", "lent", "none"]
    """The caller, the run's ledger, the epochs that its own log states, another run; or there is none."""
    ledger: str | None
    """The ledger's file, relative to the path that was read; of a timeline that was lent the run that it is from."""


class Table:
    """Records in columns: run, tag, step, epoch_logged, wall_time, value, source, and epoch, iter and epoch_float.

    It is made by `Logs.reindex`. Polars, pandas, pyarrow and DuckDB take it as it is, through Arrow's PyCapsule
    interface, and share its memory.
    """

    __slots__ = ("_core", "assumed", "origins", "problems", "steps")

    def __init__(
        self,
        core: _core.Table,
        problems: tuple[Problem, ...] = (),
        assumed: tuple[Assumed, ...] = (),
        origins: tuple[Origin, ...] = (),
        steps: tuple[Steps, ...] = (),
    ) -> None:
        self._core = core
        self.problems = problems
        """What could not be located, or contradicts the timeline: one entry a file."""
        self.assumed = assumed
        """What was taken for granted of the steps."""
        self.origins = origins
        """Where the timeline of each run comes from."""
        self.steps = steps
        """What the steps of each run were taken to be, and from where."""

    def __len__(self) -> int:
        return len(self._core)

    def __repr__(self) -> str:
        return f"Table({len(self):,} records: {', '.join(self.column_names)})"

    @property
    def num_rows(self) -> int:
        """How many records there are."""
        return len(self._core)

    @property
    def column_names(self) -> list[str]:
        """The columns' names, in order."""
        return self._core.column_names()

    def __arrow_c_schema__(self) -> object:
        """Hands out the columns' names and types to what speaks Arrow."""
        return self._core.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Hands out the columns to what speaks Arrow."""
        return self._core.__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> pa.Table:
        """Returns the table as a `pyarrow.Table`.

        Raises:
            ImportError: pyarrow is not installed.
        """
        try:
            import pyarrow as pa  # noqa: PLC0415 - optional, and slow to import
        except ImportError as error:
            _missing("pyarrow", "pandas", error)
        return pa.table(self)

    def to_polars(self) -> pl.DataFrame:
        """Returns the table as a `polars.DataFrame`.

        Raises:
            ImportError: polars is not installed.
        """
        try:
            import polars as pl  # noqa: PLC0415 - optional, and slow to import
        except ImportError as error:
            _missing("polars", "polars", error)
        return pl.DataFrame(self)

    def to_pandas(self) -> pd.DataFrame:
        """Returns the table as a `pandas.DataFrame`; run, tag and source are categories, and nulls are NaN.

        Raises:
            ImportError: pandas or pyarrow is not installed.
        """
        try:
            import pandas as pd  # noqa: F401, PLC0415 - optional, and slow to import
        except ImportError as error:
            _missing("pandas", "pandas", error)
        frame: pd.DataFrame = self.to_arrow().to_pandas()
        return frame

    def write(self, path: str | os.PathLike[str], *, progress: Callable[[int, int], object] | None = None) -> None:
        """Writes the table to a file, whole or not at all: .parquet, .csv, .jsonl or .arrow, as its name ends.

        JSON has no NaN and no infinities: in .jsonl they are null. `progress` is called a few times a second with the
        rows that were written and the rows that there are.

        Raises:
            ValueError: the name has another ending.
            OSError: the system does not let it be written; what was there before still is.
        """
        self._core.write(path, progress)


class Logs:
    """What was read below a path: records of runs and tags, and a list of what could not be read.

    It is made by `read_logs`.
    """

    __slots__ = ("_core", "_table")

    def __init__(self, core: _core.Logs) -> None:
        self._core = core
        # The records as a table, beside what they were made of: another thread may read the logs anew meanwhile.
        self._table: tuple[_core.Logs, Table] | None = None

    def __len__(self) -> int:
        return len(self._core)

    def __repr__(self) -> str:
        counts = [(len(self), "record"), (len(self.runs), "run"), (len(self.tags), "tag")]
        if problems := len(self.problems):
            counts.append((problems, "problem"))
        said = (f"{count:,} {one}" if count == 1 else f"{count:,} {one}s" for count, one in counts)
        return f"Logs({', '.join(said)})"

    def refresh(self, *, progress: Callable[[int, int], object] | None = None) -> int:
        """Reads what was added to the logs since they were read: new files, and the new ends of known ones.

        Files that were replaced, or that no one appends to, are read as a whole where they changed. Tables that were
        made before stay as they are.

        Returns:
            How many records there are more; negative where a log went away.

        Raises:
            FileNotFoundError: the path is gone.
            ValueError: there is no log below it any more.
        """
        before = self._core
        again = before.again(progress)
        if again is None:
            return 0
        self._core, self._table = again, None
        return len(again) - len(before)

    @property
    def runs(self) -> list[str]:
        """Names of the runs: folders relative to the path that was read, "." for that path itself."""
        return self._core.runs()

    @property
    def tags(self) -> list[str]:
        """Names of the series of values, over all runs."""
        return self._core.tags()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What could not be read, file by file; everything around it was."""
        return tuple(Problem(*row) for row in self._core.problems())

    @property
    def files(self) -> tuple[LogFile, ...]:
        """The files that were read."""
        return tuple(LogFile(*row) for row in self._core.files())

    @property
    def ledgers(self) -> dict[str, Ledger]:
        """The ledger of each run that has one: in its folder, or in the nearest folder above it, by the run's name.

        The `path` of such a ledger is relative to the path that was read.
        """
        found = {}
        for file, runs, rows, problems in self._core.ledgers():
            if rows:
                ledger = ledger_from_rows(file, rows, problems)
                found.update(dict.fromkeys(runs, ledger))
        return {run: found[run] for run in self.runs if run in found}

    @property
    def overview(self) -> tuple[Overview, ...]:
        """What each run holds, at a glance."""
        return tuple(Overview(*row) for row in self._core.overview())

    @property
    def sessions(self) -> tuple[Sessions, ...]:
        """The sessions of each run, and how many records a later one took the place of."""
        return tuple(Sessions(*row) for row in self._core.sessions())

    @property
    def steps(self) -> tuple[Steps, ...]:
        """What the steps of each run are, and from where that is known."""
        return steps_of(self._core.steps())

    def infer(self, *, lend: bool = False) -> dict[str, Inferred]:
        """Finds the timeline of each run whose log states epochs beside steps, or the lengths of its epochs.

        Args:
            lend: whether a run that cannot know its own takes that of the others. It does where all that are known
                are the same, and nothing that it states itself contradicts it; only the caller knows that they share
                a plan.

        Returns:
            The timeline and its evidence by the run's name, or why there is none; nothing for runs without records.
        """
        found = {}
        for run, (core, sessions, evidence, checked, step, lent_by) in self._core.infer(lend=lend).items():
            unit, base = step or (None, None)
            timeline = None if core is None else Timeline._of(core)
            own = tuple((session, Timeline._of(each)) for session, each in sessions)
            found[run] = Inferred(timeline, evidence, checked, unit, base, own, lent_by)
        return found

    def reindex(
        self,
        timeline: Timeline | Mapping[str, Timeline] | None = None,
        *,
        unit: UnitLike | None = None,
        base: Literal[0, 1] | None = None,
        convention: ConventionName | None = None,
        batch: bool = False,
        sample: bool = False,
        superseded: bool = False,
        lend: bool = False,
    ) -> Table:
        """Gives every record its epoch, its iter and the position after its step.

        Args:
            timeline: one for all runs, one a run by its name, or None: that of the run's ledger (`stepclock.jsonl`),
                and without a ledger what the run's own log says. With a ledger each record is on the timeline of the
                session in force at its wall time.
            unit: what the logged steps count, where it is not what the format or the ledger declares ("step", "batch",
                "epoch", ...).
            base: 0 where they are indices, 1 where they are the n-th; the same.
            convention: the framework whose logged step it is, in place of `unit` and `base`.
            batch: whether the index of each record's batch in the run is added.
            sample: whether the index of that batch's first sample is added.
            superseded: whether records stay of which a later session of the run took the place; the columns `session`
                and `superseded` then tell them from the others.
            lend: whether a run that cannot know its timeline takes that of the others; see `infer`.

        Returns:
            The records, in the order of the files. Epoch and iter are indices from 0, null where a record has none;
            `problems` of the table counts those and names what contradicts the timeline, or ("refuted") what the ledger
            says of the steps. What had to be assumed of them is in `assumed`, and where the timelines come from in
            `origins`.

        Raises:
            ValueError: no record can be located in that unit, or `convention` stands beside `unit` or `base`.
        """
        asking = asked(
            timeline,
            unit=unit,
            base=base,
            convention=convention,
            batch=batch,
            sample=sample,
            superseded=superseded,
            lend=lend,
        )
        core, found = self._core.reindex(asking)
        return Table(core, *told(found))

    def table(self, *, superseded: bool = False) -> Table:
        """Returns the records as they were logged.

        Args:
            superseded: whether records stay of which a later session of the run took the place; the columns `session`
                and `superseded` then tell them from the others.
        """
        return Table(self._core.table(superseded=superseded))

    def __arrow_c_schema__(self) -> object:
        """Hands out the columns' names and types to what speaks Arrow."""
        return self._records().__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Hands out the records as they were logged to what speaks Arrow."""
        return self._records().__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> pa.Table:
        """Returns the records as they were logged; see `Table.to_arrow`."""
        return self._records().to_arrow()

    def to_polars(self) -> pl.DataFrame:
        """Returns the records as they were logged; see `Table.to_polars`."""
        return self._records().to_polars()

    def to_pandas(self) -> pd.DataFrame:
        """Returns the records as they were logged; see `Table.to_pandas`."""
        return self._records().to_pandas()

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes the records as they were logged; see `Table.write`."""
        self._records().write(path)

    def _records(self) -> Table:
        core, made = self._core, self._table
        if made is None or made[0] is not core:
            made = self._table = core, Table(core.table(superseded=False))
        return made[1]


def read_logs(
    path: str | os.PathLike[str],
    *,
    format: Format | None = None,  # noqa: A002 - what people call it
    step: str | None = None,
    epoch: str | None = None,
    wall_time: str | None = None,
    pattern: str | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Logs:
    """Reads every known log below a folder, or one file; docs/formats.md lists the formats.

    The format is found from each file's content. What cannot be read is listed in `problems`; the rest is kept.

    Args:
        path: a folder or a file. Files compressed with gzip or zstd are read as they are.
        format: the format of every file, where it is not to be found from its content.
        step: the column, or the key, that holds the step in tables and JSON lines of no known writer.
        epoch: the one that holds the epoch; the same.
        wall_time: the one that holds the time in seconds since 1970; the same.
        pattern: the shape of the lines in text logs, `"Epoch {epoch}, Iter {iter}, Step {step}: loss {loss}"`; several
            are parted by line ends. The epoch, the iter (the batch inside the epoch) and the step (over the run)
            count from 1, as people print them, or from 0 as `{epoch:0}`; `{epoch:elapsed}` is how many epochs are
            done, with a fraction. `{iters}` is how many batches an epoch has, `{epochs}` and `{steps}` are totals,
            `{samples}` is how many samples the run has seen, `{wall_time}` seconds since 1970, `{_}` any text. Each
            other field is a tag. A line may have more before and behind, any run of blanks is like another, and `{{`
            is a brace.
        progress: called a few times a second with the bytes that were read and the bytes that there are.

    Raises:
        FileNotFoundError: there is no such path.
        PermissionError: it may not be read.
        ValueError: it holds no log, or none that can be read; or the pattern is wrong, and at which column.

    >>> logs = read_logs("demo/logs/roberta_lora")
    >>> logs.runs
    ['results']
    >>> logs.reindex().column_names[:6]
    ['run', 'tag', 'step', 'epoch', 'iter', 'epoch_float']
    """
    said: _core.Said = {"format": format, "step": step, "epoch": epoch, "wall_time": wall_time, "pattern": pattern}
    return Logs(_core.Logs.read(path, said, progress))


def asked(
    timeline: Timeline | Mapping[str, Timeline] | None,
    *,
    unit: UnitLike | None = None,
    base: Literal[0, 1] | None = None,
    convention: ConventionName | None = None,
    batch: bool = False,
    sample: bool = False,
    superseded: bool = False,
    lend: bool = False,
) -> _core.Asked:
    """Puts together what `reindex` is asked for, as Rust takes it."""
    if convention is not None:
        if unit is not None or base is not None:
            raise ValueError(f"convention={convention!r} says unit and base: give it alone, or give those two")
        unit, base = _logged_step(convention)
    return {
        "timelines": _given(timeline),
        "unit": unit,
        "base": base,
        "batch": batch,
        "sample": sample,
        "superseded": superseded,
        "lend": lend,
    }


def told(
    found: _core.Found,
) -> tuple[tuple[Problem, ...], tuple[Assumed, ...], tuple[Origin, ...], tuple[Steps, ...]]:
    """Gives what Rust found on the way its names."""
    problems, assumed, origins, steps = found
    return (
        tuple(Problem(*row) for row in problems),
        tuple(Assumed(run, unit, base, reason, within) for run, (unit, base, within), reason in assumed),
        tuple(Origin(*row) for row in origins),
        steps_of(steps),
    )


def _given(timeline: Timeline | Mapping[str, Timeline] | None) -> _core.Timeline | dict[str, _core.Timeline] | None:
    """Unwraps the timelines that were given."""
    if timeline is None:
        return None
    if isinstance(timeline, Timeline):
        return timeline._core
    if isinstance(timeline, Mapping):
        cores = {}
        for run, each in timeline.items():
            if not isinstance(each, Timeline):
                raise TypeError(f"run {run!r} has a {type(each).__name__} where a Timeline is expected")
            cores[run] = each._core
        return cores
    raise TypeError(f"a Timeline, timelines by run or None is expected, not {type(timeline).__name__}")


def steps_of(rows: list[_core.StepsRow]) -> tuple[Steps, ...]:
    """Gives what is known of the steps its names."""
    return tuple(
        Steps(run, kind, unit, base, source, why, within) for run, kind, (unit, base, within), source, why in rows
    )


def _logged_step(name: ConventionName) -> tuple[UnitLike, Literal[0, 1]]:
    """Returns what a framework's logged step counts, and from where."""
    for counter in _convention(name).counters:
        if counter.role == "step":
            # A count that is read after the update is the number of that update.
            return "step", counter.base if counter.kind == "index" else 1
    raise ValueError(f"{name} declares no step: give unit= and base=")


def _missing(module: str, extra: str, error: ImportError) -> NoReturn:
    raise ImportError(f"this needs {module}, which is not installed: pip install 'stepbridge[{extra}]'") from error
