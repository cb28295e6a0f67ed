"""Everything that is known of one step of a run. Rust finds it; the counters of frameworks follow from the timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from stepbridge import _core
from stepbridge._text import names_near
from stepbridge.logs._options import (
    ReadAndReindexOptions,
    ReindexOptions,
    refuse_unknown,
    reindex_request,
)
from stepbridge.logs._records import StepInfo, TimelineSource, step_infos
from stepbridge.logs._source import open_source, read_source
from stepbridge.timeline import Answer, Quantity, Timeline, Unit, as_quantity, whole_number

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from typing_extensions import Unpack

    from stepbridge.conventions import ConventionName
    from stepbridge.logs._options import Timelines
    from stepbridge.logs._source import LogSource
    from stepbridge.timeline import QuantityLike

__all__ = ["LocatedStep", "StepReading", "StepValue", "locate_step"]

#: The conventions whose counters are shown.
FRAMEWORKS: tuple[ConventionName, ...] = (
    "pytorch",
    "pytorch_one_based",
    "keras",
    "tensorflow",
    "lightning",
    "huggingface",
)
#: The units of `StepReading.done`, smallest first.
UNITS: tuple[Unit, ...] = ("sp", "tok", "ba", "st", "ep", "dur")


class StepValue(NamedTuple):
    """A value that was logged at a step."""

    tag: str
    value: float
    step: int | None
    """The step as it was logged."""
    epoch_logged: float | None
    """The epoch as it was logged."""
    wall_time: float | None
    """Seconds since 1970."""
    session: int
    """The session of the run that wrote it, from 1."""
    superseded: bool
    """Whether a later session repeated it."""
    source: str
    """The file, relative to the path that was read."""
    epoch: int | None
    """The epoch, an index from 0."""
    iter: int | None
    """The batch in its epoch, an index from 0."""


class StepReading(NamedTuple):
    """What a step is to some series of a run: where it is, how that is known, and what was logged there."""

    info: StepInfo
    """What the steps of these series count, and how that is known."""
    timeline: Timeline | None
    """The timeline on which the step was found."""
    epoch: int | None
    """The epoch; this and the next five are indices from 0, None where not known."""
    iter: int | None
    """The batch in its epoch."""
    batch: int | None
    """The batch in the run."""
    sample: int | None
    """The first sample of that batch."""
    token: int | None
    """The first token of that batch."""
    epoch_float: float | None
    """How many epochs are complete after the step."""
    done: Mapping[Unit, Answer]
    """What is complete after the step, by the unit; empty if the batch is not known."""
    frameworks: Mapping[ConventionName, Mapping[str, int | None]]
    """What the counters of frameworks show just after its batch; empty if the batch is not known."""
    missing: str | None
    """Why the place is not known, as one clause; None if it is."""
    values: tuple[StepValue, ...]
    """The values that were logged there, in the order of the files."""
    nearest: tuple[int | None, int | None]
    """The nearest logged steps below and above; None where there is none, or an amount was asked for."""


class LocatedStep(NamedTuple):
    """What is known of a step."""

    run: str
    asked: int | Quantity
    """The number in the log, or the amount."""
    attempt: int
    """Which attempt of the run it is, from 1."""
    sessions: int
    """How many sessions the run has."""
    origin: TimelineSource
    """Where the timeline of the run comes from."""
    readings: tuple[StepReading, ...]
    """One for each thing that the step means in this run: mostly one. Series may count differently, and sessions may
    have other timelines."""


def locate_step(
    path: str | os.PathLike[str],
    step: int | QuantityLike,
    *,
    run: str | None = None,
    timeline: Timelines = None,
    progress: Callable[[int, int], object] | None = None,
    **options: Unpack[ReadAndReindexOptions],
) -> LocatedStep:
    """Says what is known of one step of a run: where it is, in every unit and framework, and what was logged there.

    The step is placed as `Logs.reindex` places a record with that step. What is not known is None, and
    `StepReading.missing` says why.

    Args:
        path: the run's folder or file; or a folder with more runs, of which `run` names one; or the address of one.
        step: the number of the step in the log, 12_000; or an amount from the start of the run, "12_000ba", "3ep",
            "1_000_000sp", "50%", which means the batch that completes it.
        run: the name of the run below `path`, as `Logs.runs` has it. The folders of other runs are not read, unless
            `share_timeline` or `chain` needs them.
        timeline: as `Logs.reindex` takes it.
        progress: as `read_logs` takes it.
        **options: those of `stepbridge.ReadOptions` and of `stepbridge.ReindexOptions`.

    Raises:
        FileNotFoundError: there is no such path.
        NoLogsError: there is no log.
        TimelineError: the text is not an amount.
        ValueError: there are several runs and `run` does not name one of them; or the run logs no step.

    >>> found = locate_step("demo/logs/roberta_lora", 5000)
    >>> reading = found.readings[0]
    >>> reading.epoch, reading.iter, reading.frameworks["huggingface"]
    (1, 2129, {'global_step': 5000})
    """
    refuse_unknown("locate_step", options, ReadAndReindexOptions.__optional_keys__)
    asked = as_quantity("step", step) if isinstance(step, (str, Quantity)) else whole_number("step", step)
    alone = None if options.get("share_timeline") else run
    # What is chained shows when all runs are read.
    source = open_source(path, None, options, progress, run=None if options.get("chain") else alone)
    logs = _read_part(source, alone, progress) if source.is_part else None
    if logs is None:
        # What a run's own folder does not show may be in that of all runs.
        source = open_source(path, None, options, progress) if source.is_part else source
        logs = _read(source, alone, progress)
    options.setdefault("plans", source.plan_file)
    with source.naming():
        request = reindex_request(timeline, cast("ReindexOptions", options))
    name = _run_named(source.name, logs.runs(), run)
    query = asked._amount if isinstance(asked, Quantity) else asked
    sessions, origin, rows = logs.locate_step(name, query, request)
    if not rows:
        raise ValueError(f"run {name!r} has no series with a step: ask for an amount, such as '3ep'")
    attempt = name.rpartition("#")[2] if "#" in name else "1"
    readings = tuple(_reading(row) for row in rows)
    number = int(attempt) if attempt.isdecimal() else 1
    return LocatedStep(name, asked, number, sessions, TimelineSource(*origin), readings)


def _read(source: LogSource, run: str | None, progress: Callable[[int, int], object] | None) -> _core.Logs:
    """Reads one run of a source, or all of it."""
    if run is None:
        return read_source(source, progress)
    with source.naming():
        return _core.Logs.read_run(str(source.paths), run, source.request, progress)


def _read_part(source: LogSource, run: str | None, progress: Callable[[int, int], object] | None) -> _core.Logs | None:
    """Reads one run of a source that holds no more; None if it is not there."""
    try:
        logs = _read(source, run, progress)
    except (OSError, ValueError):
        return None
    return logs if run in logs.runs() else None


def _run_named(path: str, runs: list[str], run: str | None) -> str:
    """Returns the run that the caller means.

    Raises:
        ValueError: there is no such run, or there are several.
    """
    if run is None and len(runs) == 1:
        return runs[0]
    if run in runs:
        return run
    few = 5
    if run is None:
        names = ", ".join(map(repr, runs[:few])) + (", ..." if len(runs) > few else "")
        raise ValueError(f"'{path}' holds {len(runs):,} runs ({names}): name one with run=")
    raise ValueError(f"'{path}' holds no run {run!r}; there are {names_near(run, runs, cutoff=0.3)}")


def _reading(row: _core.Row) -> StepReading:
    """Names the fields of what the core found, and adds the other units and the frameworks."""
    info, core, place, missing, values, nearest = row
    timeline = None if core is None else Timeline._of(core)
    epoch, iteration, epoch_float, batch, sample, token, amount = place or (None,) * 7
    done: dict[Unit, Answer] = {}
    if timeline is not None and amount is not None:
        complete = Quantity._of(amount)
        done = {unit: timeline.convert(complete, unit) for unit in UNITS}
    frameworks: dict[ConventionName, Mapping[str, int | None]] = {}
    if timeline is not None and epoch is not None and iteration is not None and batch is not None:
        counters = {"epoch": epoch, "iter": iteration}
        frameworks = {name: timeline.translate(counters, source="pytorch", target=name) for name in FRAMEWORKS}
    return StepReading(
        step_infos([info])[0],
        timeline,
        epoch,
        iteration,
        batch,
        sample,
        token,
        epoch_float,
        done,
        frameworks,
        missing,
        tuple(StepValue(*value) for value in values),
        nearest,
    )
