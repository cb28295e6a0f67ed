"""A clock that moves to any point of its plan, forth and back, against a count of every single batch from the start.

With `until` in any unit, copies of a distributed sampler, skipped updates, and resumes.
"""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import stepbridge as sb


class Machine(RuleBasedStateMachine):
    """Events in any order; what the clock must show follows from the number of batches alone."""

    @initialize(
        length=st.integers(1, 6),
        accumulate=st.integers(1, 4),
        boundary=st.sampled_from(["flush", "carry", "drop", "spill"]),
        epochs=st.integers(1, 5),
        padding=st.integers(0, 2),
        until=st.none() | st.tuples(st.sampled_from(["ba", "st", "ep"]), st.integers(1, 30)),
    )
    def begin(
        self, length: int, accumulate: int, boundary: Any, epochs: int, padding: int, until: tuple[str, int] | None
    ) -> None:
        self.folder = tempfile.mkdtemp()
        self.length, self.accumulate, self.boundary, self.epochs = length, accumulate, boundary, epochs
        self.padding, self.until = padding, until
        self.batch = 0
        self.running = self.whole = False
        self.skipped: set[int] = set()
        self.clock = self.made()

    def made(self) -> sb.StepClock:
        until = None if self.until is None else f"{self.until[1]}{self.until[0]}"
        return sb.StepClock(self.plan, until=until, padding=self.padding, ledger=self.folder)

    @property
    def plan(self) -> sb.Timeline:
        return sb.Timeline.plan(
            batches_per_epoch=self.length, accumulate=self.accumulate, boundary=self.boundary, epochs=self.epochs
        )

    def counted(self, batches: int) -> tuple[int, int]:
        """The steps done after so many batches, and the batches in the open window."""
        step = pending = phase = 0
        for number in range(1, batches + 1):
            pending, phase = pending + 1, phase + 1
            ends = number % self.length == 0
            if phase == self.accumulate or (ends and self.boundary == "flush"):
                step, pending, phase = step + 1, 0, 0
            elif ends and self.boundary == "drop":
                pending = phase = 0
            elif ends and self.boundary == "spill":
                phase = 0
        return step, pending

    @property
    def reached(self) -> bool:
        if self.until is None:
            return False
        unit, amount = self.until
        return {"ba": self.batch, "st": self.counted(self.batch)[0], "ep": self.batch / self.length}[unit] >= amount

    @precondition(lambda self: not self.running)
    @rule()
    def begin_epoch(self) -> None:
        self.running = not self.reached and self.batch < self.length * self.epochs
        assert self.clock.begin_epoch() == self.running

    @precondition(lambda self: self.running and not self.whole and not (self.clock.resumed_inside and self.reached))
    @rule(batches=st.integers(1, 6))
    def advance(self, batches: int) -> None:
        if self.clock.resumed_inside:
            assert self.clock.begin_epoch()
        batches = min(batches, self.length - self.batch % self.length)
        self.clock.advance(batches)
        self.batch += batches
        self.whole = self.batch % self.length == 0

    @precondition(lambda self: self.whole)
    @rule()
    def end_epoch(self) -> None:
        self.clock.end_epoch()
        self.running = self.whole = False

    @rule(place=st.floats(0, 1))
    def move(self, place: float) -> None:
        self.batch = int(place * self.length * self.epochs)
        self.clock.move_to(f"{self.batch}ba")
        self.skipped = {step for step in self.skipped if step <= self.counted(self.batch)[0]}
        self.running, self.whole = self.batch % self.length > 0, False

    @precondition(lambda self: self.clock.step > 0 and self.clock.step not in self.skipped)
    @rule()
    def skip(self) -> None:
        self.clock.skip_update()
        self.skipped.add(self.clock.step)

    @rule()
    def resume(self) -> None:
        state = json.loads(json.dumps(self.clock.state_dict()))
        self.clock.end_run()
        self.clock = self.made()
        self.clock.load_state_dict(state, pending="carry")
        self.running, self.whole = self.batch % self.length > 0, False

    @invariant()
    def one_number_everywhere(self) -> None:
        if not hasattr(self, "clock"):
            return
        clock = self.clock
        step, pending = self.counted(self.batch)
        assert (clock.batch, clock.step, clock._pending) == (self.batch, step, pending)
        assert clock.applied == step - len(self.skipped)
        assert clock.position == divmod(self.batch, self.length)
        assert clock.padding == self.padding * (self.batch // self.length)
        assert clock.until_reached == self.reached
        assert clock.finished == (self.reached or self.batch == self.length * self.epochs)
        assert clock.timeline == self.plan

    def teardown(self) -> None:
        """What the ledger has is where the clock is."""
        if not hasattr(self, "clock"):
            return
        self.clock.end_run()
        if self.clock._ledger is not None and self.clock._ledger._session is not None:
            ledger = sb.read_ledger(self.folder)
            last = ledger.sessions[-1]
            assert ledger.problems == ()
            assert (last.batch, last.step, last.applied) == (self.batch, self.clock.step, self.clock.applied)
            assert last.timeline == self.clock.timeline


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    stateful_step_count=25, deadline=None, derandomize="STEPBRIDGE_RANDOM" not in os.environ
)
