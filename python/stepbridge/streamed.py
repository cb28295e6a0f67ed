"""Logs of any size to a file with epoch and iter: read twice, and never held in memory as a whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, NamedTuple

from stepbridge import _core
from stepbridge.logs import Assumed, Format, Origin, Problem, Steps, asked, told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stepbridge.conventions import ConventionName
    from stepbridge.timeline import Timeline, UnitLike

__all__ = ["Written", "reindex", "write_survey"]


class Written(NamedTuple):
    """What `reindex` wrote, and what it found on the way."""

    output: str
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
    _core.check_output(output)
    said: _core.Said = {"format": format, "step": step, "epoch": epoch, "wall_time": wall_time, "pattern": pattern}
    survey = _core.Survey.read(path, said, progress and (lambda done, total: progress(done, 2 * total)))
    return write_survey(survey, output, asking, progress and (lambda done, total: progress(total + done, 2 * total)))


def write_survey(
    survey: _core.Survey,
    output: str | os.PathLike[str],
    asking: _core.Asked,
    watch: Callable[[int, int], object] | None = None,
) -> Written:
    """Reads logs a second time, and writes every record with its place."""
    records, found = survey.write(output, asking, watch)
    logs = survey.logs()
    problems, assumed, origins, steps = told(found)
    read = tuple(Problem(*row) for row in logs.problems())
    return Written(os.fspath(output), records, logs.runs(), (*read, *problems), assumed, origins, steps)
