"""Logs of any size to a file with epoch and iter: read twice, and never held in memory as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stepbridge import _core
from stepbridge.logs import Assumed, Format, Origin, Problem, Steps, given_timelines, logged_step, steps_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from stepbridge.conventions import ConventionName
    from stepbridge.timeline import Timeline
    from stepbridge.units import UnitLike

__all__ = ["Written", "reindex", "survey_logs", "write_survey"]


@dataclass(frozen=True, slots=True)
class Written:
    """What `reindex` wrote, and what it found on the way."""

    output: Path
    """The file."""
    records: int
    """How many records it holds."""
    runs: list[str]
    """Names of the runs, as `Logs.runs` gives them."""
    problems: tuple[Problem, ...]
    """What could not be read, could not be located, or contradicts the timeline."""
    assumed: tuple[Assumed, ...]
    """What was taken for granted of the steps."""
    origins: tuple[Origin, ...]
    """Where the timeline of each run comes from."""
    steps: tuple[Steps, ...]
    """What the steps of each run's files are, and from where that is known."""


def reindex(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    timeline: Timeline | Mapping[str, Timeline] | None = None,
    *,
    unit: UnitLike | None = None,
    base: Literal[0, 1] | None = None,
    convention: ConventionName | None = None,
    batch: bool = False,
    sample: bool = False,
    superseded: bool = False,
    lend: bool = False,
    format: Format | None = None,  # noqa: A002 - what people call it
    step: str | None = None,
    epoch: str | None = None,
    wall_time: str | None = None,
    pattern: str | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Written:
    """Writes what `read_logs(path).reindex(timeline)` gives to a file, with a memory that does not grow with the logs.

    The logs are read twice: for what tells the timelines and the sessions, and for the records. What is added to them
    in between is left out. The file is written whole or not at all.

    Args:
        path: a folder or a file.
        output: the file to write: .parquet, .csv, .jsonl or .arrow, as its name ends.
        timeline: as `Logs.reindex` takes it.
        unit: the same.
        base: the same.
        convention: the same.
        batch: the same.
        sample: the same.
        superseded: the same.
        lend: the same.
        format: as `read_logs` takes it.
        step: the same.
        epoch: the same.
        wall_time: the same.
        pattern: the same.
        progress: called a few times a second with the bytes that were read and those that there are, both readings
            together.

    Raises:
        FileNotFoundError: there is no such path.
        OSError: the logs cannot be read, or the file cannot be written; what was there before still is.
        ValueError: there is no log, no run has a timeline, no record can be located in that unit, or the output's name
            has another ending.
    """
    half = None if progress is None else lambda done, total: progress(done, 2 * total)
    survey = survey_logs(path, format=format, step=step, epoch=epoch, wall_time=wall_time, pattern=pattern, watch=half)
    return write_survey(
        survey,
        output,
        timeline,
        unit=unit,
        base=base,
        convention=convention,
        batch=batch,
        sample=sample,
        superseded=superseded,
        lend=lend,
        watch=None if progress is None else lambda done, total: progress(total + done, 2 * total),
    )


def survey_logs(path: str | os.PathLike[str], **options: Any) -> _core.Survey:  # noqa: ANN401 - those of `reindex`
    """Reads the logs a first time."""
    return _core.Survey.read(Path(path), **options)


def write_survey(
    survey: _core.Survey,
    output: str | os.PathLike[str],
    timeline: Timeline | Mapping[str, Timeline] | None,
    *,
    unit: UnitLike | None,
    base: Literal[0, 1] | None,
    convention: ConventionName | None,
    batch: bool,
    sample: bool,
    superseded: bool,
    lend: bool,
    watch: Callable[[int, int], object] | None,
) -> Written:
    """Reads them again, and writes every record with its place."""
    unit, base = logged_step(unit, base, convention)
    records, problems, assumed, origins, steps = survey.write(
        Path(output),
        given_timelines(timeline),
        unit=unit,
        base=base,
        batch=batch,
        sample=sample,
        superseded=superseded,
        lend=lend,
        watch=watch,
    )
    logs = survey.logs()
    return Written(
        Path(output),
        records,
        logs.runs(),
        tuple(Problem(*row) for row in (*logs.problems(), *problems)),
        tuple(Assumed(run, unit, base, reason) for run, (unit, base), reason in assumed),
        tuple(Origin(*row) for row in origins),
        steps_of(steps),
    )
