"""What is known of a step, in lines for people and in fields for programs."""

from __future__ import annotations

import json
import math
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from stepbridge._text import printable, shortened
from stepbridge.cli._runs_table import step_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepbridge.logs import LocatedStep, StepReading, StepValue, TimelineSource
    from stepbridge.timeline import Answer

#: How many values a person reads at a glance.
MOST_VALUES = 20
#: A longer name of a series loses its middle.
LONGEST_TAG = 60
NAMES = {"sp": "samples", "tok": "tokens", "ba": "batches", "st": "steps", "ep": "epochs", "dur": "of the run"}
UNKNOWN = {"dur": "part of the run"}
ORIGINS = {
    "given": "the one that you give",
    "ledger": "that of the ledger {}",
    "inferred": "inferred from the epochs in the log",
    "config": "that of its configuration ({})",
    "shared": "that of run {}",
    "likely": "the likely one of several: {}",
    "none": "not known",
}


def as_lines(path: str, found: LocatedStep) -> Iterator[str]:
    """Yields what is known, for people."""
    asked = f"step {found.asked:,}" if isinstance(found.asked, int) else str(found.asked)
    attempt = f", attempt {found.attempt}" if found.attempt > 1 else ""
    yield f"{path}, {asked} (run {found.run}, {found.sessions:,} session{'s' * (found.sessions > 1)}{attempt})"
    yield f"  timeline: {origin_text(found.origin)}"
    before: tuple[object, ...] | None = None
    for reading in found.readings:
        # What a format declares needs no second sentence.
        reason = "" if reading.info.source in ("format", "caller") else f": {reading.info.reason}"
        yield f"  {step_text(reading.info)}{reason}"
        place = (reading.epoch, reading.iter, reading.epoch_float, reading.missing, reading.timeline)
        if place != before:
            yield from place_lines(reading)
        before = place
        yield from value_lines(reading, several=found.sessions > 1)


def origin_text(origin: TimelineSource) -> str:
    """Returns where the timeline comes from."""
    return ORIGINS[origin.origin].format(origin.ledger)


def place_lines(reading: StepReading) -> Iterator[str]:
    """Yields where the step is."""
    if reading.missing is not None:
        yield f"    where: not known, since {reading.missing}"
        return
    counts = {name: getattr(reading, name) for name in ("epoch", "iter", "batch", "sample", "token")}
    known = [f"{name} {value:,}" for name, value in counts.items() if value is not None]
    if known:
        unknown = [name for name, value in counts.items() if value is None and name != "token"]
        rest = f"; not known: {', '.join(unknown)}" if unknown else ""
        yield f"    where: {', '.join(known)} (indices from 0){rest}"
    if reading.done:
        answers = [answer_text(unit, answer) for unit, answer in reading.done.items() if is_known(answer)]
        yield f"    after it: {', '.join(answers)}"
        for unit, answer in reading.done.items():
            if not is_known(answer):
                yield f"    {answer_text(unit, answer)}"
    elif reading.epoch_float is not None:
        yield f"    after it: {reading.epoch_float:.10g} epochs"
    for name, counters in reading.frameworks.items():
        shown = ", ".join(f"{counter} {'-' if value is None else value}" for counter, value in counters.items())
        yield f"    {name}: {shown}"


def is_known(answer: Answer) -> bool:
    """Returns whether there is an answer."""
    from stepbridge.timeline import Undetermined  # noqa: PLC0415 - see _command.py

    return not isinstance(answer, Undetermined)


def answer_text(unit: str, answer: Answer) -> str:
    """Returns an amount in words: "384,000 samples"."""
    from stepbridge.timeline import Exact, Undetermined  # noqa: PLC0415 - see _command.py

    if isinstance(answer, Exact):
        if unit == "dur":
            return f"{float(answer.value):.4%} of the run"
        number = f"{answer.value:,}" if isinstance(answer.value, int) else f"{float(answer.value):.10g}"
        return f"{number} {NAMES[unit]}"
    if isinstance(answer, Undetermined):
        return f"{UNKNOWN.get(unit, NAMES[unit])}: {answer.why}"
    return f"{NAMES[unit]} {answer}"


def value_lines(reading: StepReading, *, several: bool) -> Iterator[str]:
    """Yields what was logged there; with `several` sessions, the one that wrote each value too."""
    if not reading.values:
        below, above = reading.nearest
        near = [f"{step:,}" for step in (below, above) if step is not None]
        nearest = f"; the nearest logged steps are {' and '.join(near)}" if near else ""
        yield f"    logged there: nothing{nearest}"
        return
    yield "    logged there:"
    shown = [(shortened(printable(value.tag), LONGEST_TAG), value) for value in reading.values[:MOST_VALUES]]
    width = max(len(tag) for tag, _ in shown)
    for tag, value in shown:
        yield f"      {tag:<{width}}  {value_text(value, several=several)}"
    if (more := len(reading.values) - MOST_VALUES) > 0:
        yield f"      and {more:,} more; --json has all"


def value_text(value: StepValue, *, several: bool) -> str:
    """Returns a value, and who wrote it when."""
    parts = [f"{value.value:.6g}"]
    if several:
        parts.append(f"session {value.session}")
    if value.superseded:
        parts.append("superseded by a later session")
    if value.epoch_logged is not None:
        parts.append(f"epoch {value.epoch_logged:.6g} logged")
    parts.append("no time" if value.wall_time is None else time_text(value.wall_time))
    return ", ".join((*parts, value.source))


def time_text(seconds: float) -> str:
    """Returns a time for people; one that no calendar has stays a number."""
    try:
        return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return f"time {seconds:g}"


def as_fields(found: LocatedStep) -> dict[str, Any]:
    """Returns all of it for programs; null where something is not known."""
    return {
        "run": found.run,
        "asked": found.asked if isinstance(found.asked, int) else str(found.asked),
        "attempt": found.attempt,
        "sessions": found.sessions,
        "origin": found.origin._asdict(),
        "readings": [reading_fields(reading) for reading in found.readings],
    }


def reading_fields(reading: StepReading) -> dict[str, Any]:
    """Returns a reading for programs; JSON has no NaN, so that such a value is null."""
    from stepbridge.cli._convert import as_fields as answer_fields  # noqa: PLC0415 - see _command.py

    return {
        **reading._asdict(),
        "info": reading.info._asdict(),
        "timeline": None if reading.timeline is None else json.loads(reading.timeline.to_json()),
        "done": {unit: answer_fields(answer) for unit, answer in reading.done.items()},
        "values": [finite(value) for value in reading.values],
    }


def finite(value: StepValue) -> dict[str, Any]:
    """Returns a value whose infinities and NaN are null."""
    return {
        name: None if isinstance(field, float) and not math.isfinite(field) else field
        for name, field in value._asdict().items()
    }
