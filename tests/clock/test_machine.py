"""A clock, its timeline, state and ledger against a count of every single batch, through any sequence of events."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import stepbridge as sb


@dataclass
class Counted:
    """Counts batch by batch what a loop does, and knows nothing of timelines."""

    samples: int
    size: int
    accumulate: int
    boundary: str
    epochs: int
    epoch: int = 0
    running: bool = False
    done: int = 0
    "Samples of the running epoch's data."
    iter: int = 0
    batch: int = 0
    step: int = 0
    sample: int = 0
    pending: int = 0
    skipped: int = 0
    tokens: int = 0
    begin: int = 0
    "The first sample since the loop went elsewhere in the running epoch."
    seen: set[int] = field(default_factory=set)
    "The samples of the running epoch that were trained before that."
    again: int = 0
    "Samples that were trained once more, as far as the loop went elsewhere since."
    never: int = 0
    "Samples of epochs that are over that were never trained."
    entries: list[tuple[int, int]] = field(default_factory=list)
    "What each entry was going to repeat, and left out."
    lengths: list[int] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return self.running and self.done == self.samples

    @property
    def position(self) -> tuple[int, int]:
        return (self.epoch + 1, 0) if self.whole else (self.epoch, self.iter)

    def take(self) -> None:
        """Train one batch."""
        taken = min(self.size, self.samples - self.done)
        self.done += taken
        self.sample += taken
        self.batch += 1
        self.iter += 1
        self.pending += 1
        if self.pending == self.accumulate or (self.whole and self.boundary == "flush"):
            self.step += 1
            self.pending = 0
        elif self.whole and self.boundary == "drop":
            self.pending = 0

    @property
    def repeated(self) -> int:
        """What was trained again, and will be if the loop goes on as it is."""
        return self.again + len([sample for sample in self.seen if sample >= self.begin])

    @property
    def left_out(self) -> int:
        """What was left out, where the loop does not go back."""
        return self.never + len(set(range(self.begin)) - self.seen)

    def stop(self) -> None:
        """The loop goes elsewhere, or the epoch ends."""
        trained = set(range(self.begin, self.done))
        self.again += len(trained & self.seen)
        self.seen |= trained

    def end(self) -> None:
        """End the running epoch, whole or cut."""
        self.never = self.left_out
        self.stop()
        self.lengths.append(self.iter)
        self.epoch, self.running, self.done, self.iter, self.begin, self.seen = self.epoch + 1, False, 0, 0, 0, set()

    def enter(self, at: int) -> None:
        """Go on elsewhere in the running epoch."""
        done = self.done
        self.stop()
        if at != done:
            repeated = len([sample for sample in self.seen if sample >= at])
            self.entries.append((repeated, len(set(range(done, at)) - self.seen)))
        self.begin = self.done = at

    def leave(self) -> None:
        """Leave the running epoch, of whose data nothing more is trained."""
        before = self.left_out
        self.stop()
        self.begin = self.done = self.samples
        if self.left_out > before:
            self.entries.append((0, self.left_out - before))
        self.end()


class Machine(RuleBasedStateMachine):
    """Events in any order, each passed to a clock and counted by hand."""

    @initialize(
        samples=st.integers(1, 40),
        size=st.integers(1, 9),
        accumulate=st.integers(1, 4),
        boundary=st.sampled_from(["flush", "carry", "drop"]),
        epochs=st.integers(1, 5),
    )
    def begin(self, samples: int, size: int, accumulate: int, boundary: Any, epochs: int) -> None:
        self.folder = tempfile.mkdtemp()
        self.hand = Counted(samples, size, accumulate, boundary, epochs)
        self.given = (size, accumulate)
        self.clock = self.planned(ledger=self.folder)

    def planned(self, **options: Any) -> sb.StepClock:
        """Make a clock with the plan that is given."""
        hand = self.hand
        size, accumulate = self.given
        return sb.StepClock(
            samples=hand.samples,
            batch_size=size,
            accumulate=accumulate,
            boundary=hand.boundary,  # type: ignore[arg-type]
            epochs=hand.epochs,
            **options,
        )

    @precondition(lambda self: not self.hand.running and self.hand.epoch < self.hand.epochs)
    @rule()
    def begin_epoch(self) -> None:
        assert self.clock.begin_epoch()
        self.hand.running = True

    @precondition(lambda self: self.hand.running and not self.hand.whole)
    @rule(batches=st.integers(1, 12))
    def advance(self, batches: int) -> None:
        batches = min(batches, -(-(self.hand.samples - self.hand.done) // self.hand.size))
        if self.clock.resumed_inside:
            self.clock.begin_epoch()
        self.clock.advance(batches)
        for _ in range(batches):
            self.hand.take()

    @precondition(lambda self: self.hand.running)
    @rule()
    def end_epoch(self) -> None:
        self.clock.end_epoch(cut=not self.hand.whole)
        self.hand.end()

    @precondition(lambda self: self.hand.running)
    @rule(place=st.floats(0, 1, exclude_max=True))
    def enter(self, place: float) -> None:
        at = int(place * self.hand.samples)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sb.StepbridgeWarning)
            assert self.clock.begin_epoch(self.hand.epoch, sample=at)
        self.hand.enter(at)

    @precondition(lambda self: self.hand.running and self.hand.epoch + 1 < self.hand.epochs)
    @rule(further=st.integers(1, 3), place=st.floats(0, 1, exclude_max=True))
    def enter_later(self, further: int, place: float) -> None:
        hand = self.hand
        wanted, at = min(hand.epoch + further, hand.epochs - 1), int(place * hand.samples)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sb.StepbridgeWarning)
            assert self.clock.begin_epoch(wanted, sample=at)
        hand.leave()
        while hand.epoch < wanted:
            hand.leave()
        hand.running = True
        hand.enter(at)

    @rule(size=st.integers(1, 9))
    def change(self, size: int) -> None:
        if self.hand.whole or (self.hand.epoch == self.hand.epochs):
            return
        self.clock.change(batch_size=size)
        self.hand.size = size

    @precondition(lambda self: self.hand.step > self.hand.skipped)
    @rule()
    def skip(self) -> None:
        self.clock.skip_update()
        self.hand.skipped += 1

    @rule(tokens=st.integers(0, 1000))
    def count_tokens(self, tokens: int) -> None:
        self.clock.add_tokens(tokens)
        self.hand.tokens += tokens

    @rule(size=st.integers(1, 9), accumulate=st.integers(1, 4), drop=st.booleans())
    def resume(self, size: int, accumulate: int, drop: bool) -> None:
        """Go on in another process, perhaps by other sizes."""
        hand = self.hand
        if hand.whole:
            return
        state = json.loads(json.dumps(self.clock.state_dict()))
        self.clock.end_run()
        open_window = hand.pending > 0
        given = (size, accumulate if drop or not open_window else hand.accumulate)
        # A process that is given the plan of the one before goes on with what was changed in it.
        if given != self.given:
            hand.size, hand.accumulate = self.given = given
        pending: Any = None if not open_window else "drop" if drop else "carry"
        if pending == "drop":
            hand.pending = 0
        self.clock = self.planned(ledger=self.folder)
        self.clock.load_state_dict(state, pending=pending)
        if hand.running and hand.iter == 0:
            # An epoch without a batch is no part of a state: it begins again.
            hand.running = False
            assert not self.clock.in_epoch

    @invariant()
    def the_clock_counts_what_was_trained(self) -> None:
        if not hasattr(self, "hand"):
            return
        clock, hand = self.clock, self.hand
        assert (clock.batch, clock.step, clock.sample) == (hand.batch, hand.step, hand.sample)
        assert clock.position == hand.position
        assert (int(clock.repeated), int(clock.left_out)) == (hand.repeated, hand.left_out)
        assert (clock.applied, clock.token) == (hand.step - hand.skipped, hand.tokens)

    @invariant()
    def its_timeline_says_the_same(self) -> None:
        if not hasattr(self, "hand") or not self.hand.batch:
            return
        timeline, hand = self.clock.timeline, self.hand
        assert timeline.convert(f"{hand.batch}ba", "sample") == hand.sample
        starts = [timeline.index(epoch, 0, "batch") for epoch, length in enumerate(hand.lengths) if length]
        passed = [sum(hand.lengths[:epoch]) for epoch, length in enumerate(hand.lengths) if length]
        assert starts == passed
        assert sb.Timeline.from_json(timeline.to_json()) == timeline

    @invariant()
    def a_state_goes_on_from_the_same_point(self) -> None:
        if not hasattr(self, "hand"):
            return
        again = sb.StepClock()
        again.load_state_dict(self.clock.state_dict(), pending="carry")
        clock = self.clock
        assert again.position == clock.position
        assert (again.batch, again.step, again.sample) == (clock.batch, clock.step, clock.sample)
        assert (again.repeated, again.left_out, again.token) == (clock.repeated, clock.left_out, clock.token)
        assert again.timeline == clock.timeline

    def teardown(self) -> None:
        """What the ledger has is what was trained."""
        if not hasattr(self, "hand") or not self.hand.batch:
            return
        self.clock.end_run()
        ledger = sb.read_ledger(self.folder)
        last = ledger.sessions[-1]
        assert ledger.problems == ()
        assert (last.batch, last.step) == (self.hand.batch, self.hand.step)
        if not self.hand.running and self.clock._ledger is not None and self.clock._ledger._session is not None:
            # A process that trained nothing left no line.
            assert last.timeline == self.clock.timeline
        entries = [(entry.repeated, entry.left_out) for session in ledger.sessions for entry in session.entries]
        assert entries == self.hand.entries


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    stateful_step_count=25, deadline=None, derandomize="STEPBRIDGE_RANDOM" not in os.environ
)
