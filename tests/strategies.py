"""Random runs, each twice: as a timeline, and as the simulation that knows the truth about it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from hypothesis import strategies as st

import stepbridge as sb
from simulation import Boundary, Change, History, Plan, Run, Scanner, replay, simulate

BOUNDARIES: tuple[Boundary, ...] = ("flush", "carry", "drop", "spill")
PENDING: tuple[Any, ...] = ("flush", "carry", "drop")
UNITS: dict[str, Any] = {"sample": "sp", "batch": "ba", "step": "st", "epoch": "ep", "duration": "dur"}


@dataclass(frozen=True)
class Case:
    """A plan or a history, and the changes made to it, in order."""

    spec: Plan | History
    changes: tuple[Change, ...] = ()

    @cached_property
    def run(self) -> Run:
        return self.after(len(self.changes))

    @cached_property
    def scanner(self) -> Scanner:
        return Scanner(self.run)

    @cached_property
    def timeline(self) -> sb.Timeline:
        timeline = make(self.spec)
        for change in self.changes:
            timeline = apply(timeline, change)
        return timeline

    def after(self, changes: int) -> Run:
        """Simulate with the first so many changes only."""
        if isinstance(self.spec, Plan):
            return simulate(self.spec, self.changes[:changes])
        return replay(self.spec, self.changes[:changes])

    @property
    def knows_samples(self) -> bool:
        return self.run.samples is not None

    def end_in(self, unit: str) -> Fraction:
        """Say how much of a unit the run has."""
        run = self.run
        return Fraction(
            {
                "sample": run.samples or 0,
                "batch": len(run.batches),
                "step": run.steps,
                "epoch": len(run.starts),
                "duration": 1,
            }[unit]
        )


def make(spec: Plan | History, *, open_ended: bool = False) -> sb.Timeline:
    """Make the timeline that a specification describes; of a plan perhaps without its end."""
    rest: dict[str, Any] = {
        "batch_size": spec.batch_size,
        "accumulate": spec.accumulate,
        "boundary": spec.boundary,
        "on_cut": spec.on_cut,
    }
    if isinstance(spec, History):
        return sb.Timeline.from_epochs(list(spec.lengths), samples=spec.samples, cut=spec.cut, **rest)
    epochs = None if open_ended else spec.epochs
    return sb.Timeline.plan(
        samples=spec.samples, batches_per_epoch=spec.batches, epochs=epochs, drop_last=spec.drop_last, **rest
    )


def apply(timeline: sb.Timeline, change: Change) -> sb.Timeline:
    """Make a change to a timeline."""
    return timeline.change(
        at=f"{change.at}ba",
        batch_size=change.batch_size,
        accumulate=change.accumulate,
        batches_per_epoch=change.batches,
        samples=change.samples,
        pending=change.pending,
    )


accumulates = st.integers(1, 5)
boundaries = st.sampled_from(BOUNDARIES)


@st.composite
def plans(draw: st.DrawFn, *, sized: bool = False) -> Plan:
    """Draw a plan of a few epochs of a few batches; where `sized`, of a known batch size."""
    rest: dict[str, Any] = {
        "epochs": draw(st.integers(1, 4)),
        "accumulate": draw(accumulates),
        "boundary": draw(boundaries),
    }
    if draw(st.booleans()):
        batch_size = draw(st.integers(1, 4) if sized else st.none() | st.integers(1, 4))
        return Plan(batches=draw(st.integers(1, 8)), batch_size=batch_size, **rest)
    drop_last = draw(st.booleans())
    batch_size = draw(st.integers(1, 8))
    samples = draw(st.integers(batch_size if drop_last else 1, 30))
    return Plan(samples=samples, batch_size=batch_size, drop_last=drop_last, **rest)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Draw a history of epochs of any length, none included."""
    lengths = tuple(draw(st.lists(st.integers(0, 6), max_size=6)))
    batch_size = draw(st.none() | st.integers(1, 4))
    samples = None
    if batch_size is not None and draw(st.booleans()):
        missing = [draw(st.integers(0, batch_size - 1)) if length else 0 for length in lengths]
        samples = tuple(batch_size * length - lack for length, lack in zip(lengths, missing, strict=True))
    return History(
        lengths=lengths,
        samples=samples,
        batch_size=batch_size,
        accumulate=draw(accumulates),
        boundary=draw(boundaries),
        cut=draw(st.booleans()),
        on_cut=draw(st.sampled_from(["carry", "drop", "spill"])),
    )


@st.composite
def changes_of(draw: st.DrawFn, case: Case, first: int) -> Change:
    """Draw the next change of a run, at a batch not before `first`."""
    run, spec = case.run, case.spec
    last = case.changes[-1].at if case.changes else -1
    at = draw(st.integers(first, len(run.batches)))
    if at == len(run.batches) and run.open_at[at]:
        at = first  # what becomes of a window at the very end is a table's matter
    settings: dict[str, Any] = {}
    kinds = ["accumulate"]
    if isinstance(spec, Plan):
        kinds += ["batch_size"] * (spec.batch_size is not None)
        kinds += ["batches"] if spec.samples is None else ["samples"]
    for kind in draw(st.sets(st.sampled_from(kinds), min_size=1, max_size=2)):
        settings[kind] = draw(accumulates)
    if "accumulate" in settings and run.open_at[at]:
        numbers = range(settings["accumulate"]) if spec.boundary == "carry" else ()
        settings["pending"] = draw(st.sampled_from([*PENDING, *["modulo"] * (spec.boundary == "carry"), *numbers]))
    elif "accumulate" in settings and spec.boundary == "carry" and last < at < len(run.batches):
        settings["pending"] = draw(st.none() | st.sampled_from(range(settings["accumulate"])))
    if isinstance(spec, Plan):
        epoch = max(e for e, start in enumerate(run.starts) if start <= at)
        mine = [batch for batch in run.batches[run.starts[epoch] : at] if batch.epoch == epoch]
        if "batches" in settings:
            settings["batches"] = draw(st.integers(max(1, len(mine)), len(mine) + 6))
        if "samples" in settings:
            # Never less than a batch: a plan's epochs have batches, also where the last one is dropped.
            done = sum(batch.samples or 0 for batch in mine)
            settings["samples"] = draw(st.integers(max(8, done), max(8, done) + 20))
        if "batch_size" in settings:
            largest = 8 if settings.get("samples") or not spec.drop_last else spec.samples or 8
            settings["batch_size"] = draw(st.integers(1, min(8, largest)))
    return Change(at=at, **settings)


@st.composite
def cases(draw: st.DrawFn, most_changes: int = 3) -> Case:
    """Draw a plan or a history, and changes of it one after the other."""
    case = Case(draw(plans() | histories()))
    for _ in range(draw(st.integers(0, most_changes))):
        first = case.changes[-1].at if case.changes else 0
        case = Case(case.spec, (*case.changes, draw(changes_of(case, first))))
    return case
