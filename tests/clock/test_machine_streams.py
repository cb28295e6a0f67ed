"""A clock on a stream against a count of every single batch, through any sequence of events.

Batches run on, epochs are amounts of samples. The stream changes its batch size and accumulation on the way, resumes in
other processes, moves back to where it was, and ends after steps, after tokens, at `until` or never.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import stepbridge as sb


@dataclass
class Counted:
    """Lists every batch, and counts by walking through the list."""

    size: int
    accumulate: int
    epoch_samples: int | None
    each: int | None
    "Tokens in a sample."
    end: tuple[str, int] | None
    batch: int = 0
    sizes: list[int] = field(default_factory=list)
    windows: list[int] = field(default_factory=list)
    "By batch: how long its window is planned to be."
    decided: dict[int, str] = field(default_factory=dict)
    "What a change did to the window that was open after so many batches."

    def sample_at(self, batch: int) -> int:
        return sum(self.sizes[:batch])

    def window_at(self, batch: int) -> tuple[int, int]:
        """The steps done after so many batches, and the batches in the open window."""
        step = pending = 0
        for number in range(batch):
            pending += 1
            if pending >= self.windows[number]:
                step, pending = step + 1, 0
            step, pending = self.decide(number + 1, step, pending)
        return step, pending

    def decide(self, after: int, step: int, pending: int) -> tuple[int, int]:
        how = self.decided.get(after)
        if how == "flush":
            return step + (pending > 0), 0
        return (step, 0) if how == "drop" else (step, pending)

    @property
    def sample(self) -> int:
        return self.sample_at(self.batch)

    @property
    def step(self) -> int:
        return self.window_at(self.batch)[0]

    @property
    def pending(self) -> int:
        return self.window_at(self.batch)[1]

    @property
    def over(self) -> bool:
        """Whether the plan ends here."""
        if self.end is None:
            return False
        unit, amount = self.end
        return self.step >= amount if unit == "steps" else self.sample * (self.each or 1) >= amount

    def take(self) -> None:
        """Train one batch."""
        if self.batch == len(self.sizes):
            self.sizes.append(self.size)
            self.windows.append(self.accumulate)
        self.batch += 1

    def location(self) -> tuple[int, int]:
        """Where the last batch is: the epoch of its first sample, and how many batches of it came before."""
        assert self.epoch_samples is not None
        epochs = [self.sample_at(number) // self.epoch_samples for number in range(self.batch)]
        return epochs[-1], epochs[:-1].count(epochs[-1])

    def done(self, unit: str) -> Fraction:
        amounts = {"sp": self.sample, "ba": self.batch, "st": self.step, "tok": self.sample * (self.each or 0)}
        return Fraction(self.sample, self.epoch_samples or 1) if unit == "ep" else Fraction(amounts[unit])


class Machine(RuleBasedStateMachine):
    """Events in any order, each passed to a clock and counted by hand."""

    @initialize(
        size=st.integers(1, 9),
        accumulate=st.integers(1, 4),
        samples=st.none() | st.integers(1, 40),
        each=st.none() | st.integers(1, 3),
        end=st.none() | st.tuples(st.sampled_from(["steps", "tokens"]), st.integers(1, 60)),
        until=st.none() | st.tuples(st.sampled_from(["sp", "ba", "st", "tok", "ep"]), st.integers(1, 60)),
    )
    def begin(
        self,
        size: int,
        accumulate: int,
        samples: int | None,
        each: int | None,
        end: tuple[str, int] | None,
        until: tuple[str, int] | None,
    ) -> None:
        if end is not None and end[0] == "tokens" and each is None:
            end = None
        if until is not None and ((until[0] == "tok" and each is None) or (until[0] == "ep" and samples is None)):
            until = None
        self.folder = tempfile.mkdtemp()
        self.hand = Counted(size, accumulate, samples, each, end)
        self.until = until
        options: dict[str, Any] = {} if end is None else {end[0]: end[1]}
        self.plan = sb.Timeline.stream(
            batch_size=size, accumulate=accumulate, samples=samples, tokens_per_sample=each, **options
        )
        self.clock = self.made(self.plan)

    def made(self, plan: sb.Timeline | None) -> sb.StepClock:
        until = None if self.until is None else f"{self.until[1]}{self.until[0]}"
        return sb.StepClock(plan, until=until, ledger=self.folder)

    @property
    def reached(self) -> bool:
        return self.until is not None and self.hand.done(self.until[0]) >= self.until[1]

    @property
    def at_front(self) -> bool:
        return self.hand.batch == len(self.hand.sizes)

    @rule(batches=st.integers(1, 12))
    def advance(self, batches: int) -> None:
        hand, units = self.hand, self.units
        before = [hand.done(unit) for unit in units]
        goes_on = not hand.over and not self.reached
        assert self.clock.begin_epoch() == goes_on
        if not goes_on:
            return
        count = 0
        while count < batches and not hand.over:
            hand.take()
            count += 1
        self.clock.advance(count)
        for unit, was in zip(units, before, strict=True):
            now = hand.done(unit)
            assert self.clock.every(f"7{unit}") == (now // 7 > was // 7)
            assert self.clock.at(f"5{unit}") == (now >= 5 > was)

    @precondition(lambda self: self.at_front and not self.hand.over)
    @rule(size=st.integers(1, 9))
    def change_size(self, size: int) -> None:
        self.clock.change(batch_size=size)
        self.hand.size = size

    @precondition(lambda self: self.at_front and not self.hand.over)
    @rule(accumulate=st.integers(1, 4), pending=st.sampled_from(["flush", "drop", "carry"]))
    def change_accumulation(self, accumulate: int, pending: Any) -> None:
        hand = self.hand
        if accumulate == hand.accumulate:
            return
        is_open = hand.pending > 0
        if is_open and pending == "flush" and hand.end is not None and hand.end[0] == "steps":
            return  # the step that it makes may be the last one
        self.clock.change(accumulate=accumulate, pending=pending if is_open else None)
        hand.accumulate = accumulate
        if is_open:
            hand.decided[hand.batch] = pending

    @rule(with_plan=st.booleans())
    def resume(self, with_plan: bool) -> None:
        state = json.loads(json.dumps(self.clock.state_dict()))
        self.clock.end_run()
        self.clock = self.made(self.plan if with_plan else None)
        self.clock.load_state_dict(state, pending="carry")

    @rule(back=st.floats(0, 1))
    def move_back(self, back: float) -> None:
        """Go back to a batch, as a run that restores an older checkpoint does."""
        batch = int(back * self.hand.batch)
        self.clock.move_to(f"{batch}ba")
        self.hand.batch = batch

    @property
    def units(self) -> list[Any]:
        hand = self.hand
        return ["sp", "ba", "st", *(["tok"] if hand.each else []), *(["ep"] if hand.epoch_samples else [])]

    @invariant()
    def one_number_everywhere(self) -> None:
        if not hasattr(self, "hand"):
            return
        hand = self.hand
        again = sb.StepClock()
        again.load_state_dict(self.clock.state_dict(), pending="carry")
        for clock in (self.clock, again):
            assert (clock.batch, clock.step, clock.sample) == (hand.batch, hand.step, hand.sample)
            for unit in self.units:
                assert clock.elapsed(unit) == hand.done(unit)
            if hand.epoch_samples and hand.batch:
                assert clock.location == hand.location()
        assert self.clock.until_reached == self.reached
        assert self.clock.finished == (self.reached or hand.over)
        timeline = self.clock.timeline
        assert again.timeline == timeline == sb.Timeline.from_json(timeline.to_json())
        for batch in range(len(hand.sizes) + 1):
            assert timeline.convert(f"{batch}ba", "sample") == hand.sample_at(batch)

    def teardown(self) -> None:
        """What the ledger has is what was trained."""
        if not hasattr(self, "hand") or not self.hand.batch:
            return
        self.clock.end_run()
        ledger = sb.read_ledger(self.folder)
        assert ledger.problems == ()
        if self.clock._ledger is not None and self.clock._ledger._session is not None:
            last = ledger.sessions[-1]
            assert (last.batch, last.step) == (self.hand.batch, self.hand.step)
            assert last.timeline == self.clock.timeline


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    stateful_step_count=25, deadline=None, derandomize="STEPBRIDGE_RANDOM" not in os.environ
)
