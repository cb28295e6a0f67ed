"""A clock whose epochs have any length: overlong, short and empty ones, every rule for windows, tokens and restarts.

`test_machine` knows samples and resumes; here an epoch is a number of batches that a loop may or may not keep to.
"""

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

    length: int
    accumulate: int
    boundary: str
    on_cut: str
    epochs: int
    epoch: int = 0
    running: bool = False
    iter: int = 0
    batch: int = 0
    step: int = 0
    pending: int = 0
    "Batches in the open window."
    phase: int = 0
    "How many of them count towards its end."
    tokens: int = 0
    copies: int = 0
    "Those that the sampler adds to each epoch."
    ended: int = 0
    "Copies in the epochs that are over."
    lengths: list[int] = field(default_factory=list)
    steps_at: dict[int, int] = field(default_factory=lambda: {0: 0})

    @property
    def whole(self) -> bool:
        return self.running and 0 < self.iter == self.length

    @property
    def overlong(self) -> bool:
        return self.iter > self.length

    @property
    def position(self) -> tuple[int, int]:
        return (self.epoch + 1, 0) if self.whole else (self.epoch, self.iter)

    @property
    def padding(self) -> int:
        return self.ended + (self.copies if self.whole else 0)

    def close(self, how: str) -> None:
        """End the open window."""
        if how == "spill":
            self.phase = 0
        elif how != "carry":
            self.step += how == "flush" and self.pending > 0
            self.pending = self.phase = 0
        self.steps_at[self.batch] = self.step

    def take(self) -> None:
        """Train one batch."""
        self.batch, self.iter = self.batch + 1, self.iter + 1
        self.pending, self.phase = self.pending + 1, self.phase + 1
        if self.phase == self.accumulate:
            self.close("flush")
        self.steps_at[self.batch] = self.step
        if self.whole and self.phase:
            self.close(self.boundary)

    def end(self, *, cut: bool) -> None:
        """End the running epoch: the loop leaves it, or its data ends."""
        if self.iter and not self.whole:
            # A short update needs to know the last batch before it is trained.
            left = cut or (self.boundary == "flush" and self.pending)
            self.close(self.on_cut if left else self.boundary if self.boundary != "flush" else "carry")
        if self.whole or (not cut and self.overlong):
            self.ended += self.copies
        self.lengths.append(self.iter)
        self.epoch, self.running, self.iter = self.epoch + 1, False, 0


class Machine(RuleBasedStateMachine):
    """Events in any order, each passed to a clock and counted by hand."""

    @initialize(
        length=st.integers(1, 7),
        accumulate=st.integers(1, 4),
        boundary=st.sampled_from(["flush", "carry", "drop", "spill"]),
        on_cut=st.sampled_from(["carry", "drop", "spill"]),
        epochs=st.integers(1, 5),
        copies=st.integers(0, 2),
        until=st.none() | st.tuples(st.sampled_from(["ba", "st", "ep"]), st.integers(1, 30)),
    )
    def begin(
        self,
        length: int,
        accumulate: int,
        boundary: Any,
        on_cut: Any,
        epochs: int,
        copies: int,
        until: tuple[str, int] | None,
    ) -> None:
        self.folder = tempfile.mkdtemp()
        self.hand = Counted(length, accumulate, boundary, on_cut, epochs, copies=copies)
        self.until = until
        self.options: dict[str, Any] = {
            "padding": copies,
            "until": None if until is None else f"{until[1]}{until[0]}",
            "ledger": self.folder,
        }
        self.clock = sb.StepClock(
            batches_per_epoch=length,
            accumulate=accumulate,
            boundary=boundary,
            on_cut=on_cut,
            epochs=epochs,
            **self.options,
        )
        self.clock._mark_every(0)

    @precondition(lambda self: not self.hand.running and self.hand.epoch < self.hand.epochs)
    @rule()
    def begin_epoch(self) -> None:
        assert self.clock.begin_epoch() is not self.reached
        self.hand.running = not self.reached

    @property
    def reached(self) -> bool:
        if self.until is None:
            return False
        unit, amount = self.until
        return {"ba": self.hand.batch, "st": self.hand.step, "ep": self.hand.position[0]}[unit] >= amount

    @precondition(lambda self: self.hand.running and not (self.clock.resumed_inside and self.reached))
    @rule(batches=st.integers(1, 12))
    def advance(self, batches: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sb.StepbridgeWarning)
            if self.clock.resumed_inside:
                self.clock.begin_epoch()
            self.clock.advance(batches)
        for _ in range(batches):
            self.hand.take()

    @precondition(lambda self: self.hand.running)
    @rule(cut=st.booleans())
    def end_epoch(self, cut: bool) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sb.StepbridgeWarning)
            self.clock.end_epoch(cut=cut)
        self.hand.end(cut=cut)

    @precondition(lambda self: self.hand.running and self.hand.iter and not self.hand.whole and not self.hand.overlong)
    @rule()
    def restart_epoch(self) -> None:
        self.clock.restart_epoch()
        self.hand.end(cut=True)
        self.hand.running, self.hand.epochs = True, self.hand.epochs + 1

    @precondition(lambda self: self.hand.running or self.hand.epoch < self.hand.epochs)
    @rule(accumulate=st.integers(1, 4), pending=st.sampled_from(["flush", "drop", "carry"]))
    def change_accumulation(self, accumulate: int, pending: Any) -> None:
        hand = self.hand
        if accumulate == hand.accumulate or (hand.phase < hand.pending and pending == "carry"):
            return
        self.clock.change(accumulate=accumulate, pending=pending if hand.pending else None)
        hand.accumulate = accumulate
        if hand.pending and pending != "carry":
            hand.close(pending)
        hand.phase = min(hand.phase, accumulate - 1)

    @precondition(lambda self: self.hand.running and not self.hand.whole)
    @rule(more=st.integers(1, 5))
    def change_length(self, more: int) -> None:
        self.clock.change(batches_per_epoch=self.hand.iter + more)
        self.hand.length = self.hand.iter + more

    @rule(tokens=st.integers(0, 50))
    def count_tokens(self, tokens: int) -> None:
        self.clock.add_tokens(tokens)
        self.hand.tokens += tokens

    @rule()
    def resume(self) -> None:
        """Go on in another process that has no plan of its own."""
        hand = self.hand
        state = json.loads(json.dumps(self.clock.state_dict()))
        self.clock.end_run()
        self.clock = sb.StepClock(**self.options)
        self.clock._mark_every(0)
        self.clock.load_state_dict(state, pending="carry")
        if hand.running and hand.iter == 0:
            # An epoch without a batch is no part of a state: it begins again.
            hand.running = False
        elif hand.whole:
            # What is saved after an epoch's last batch goes on with the next one.
            hand.end(cut=False)

    @invariant()
    def one_number_everywhere(self) -> None:
        if not hasattr(self, "hand"):
            return
        clock, hand = self.clock, self.hand
        again = sb.StepClock()
        again.load_state_dict(clock.state_dict(), pending="carry")
        for one in (clock, again):
            assert (one.batch, one.step, one.token) == (hand.batch, hand.step, hand.tokens)
            assert one.position == hand.position
            assert one.reached(f"{hand.step}st")
            assert not one.reached(f"{hand.step + 1}st")
        assert (clock.padding, again.padding) == (hand.padding, hand.padding)
        assert clock.until_reached == self.reached
        timeline = clock.timeline
        assert again.timeline == timeline == sb.Timeline.from_json(timeline.to_json())
        assert hash(again.timeline) == hash(timeline)
        for batch, step in hand.steps_at.items():
            answer = timeline.convert(f"{batch}ba", "step")
            assert (answer.lower if isinstance(answer, sb.Between) else answer).value == step  # type: ignore[union-attr]
        if hand.tokens:
            assert timeline.convert(f"{hand.batch}ba", "token") == sb.Exact(hand.tokens, "tok")
        for epoch, length in enumerate(hand.lengths):
            if length:
                assert timeline.index(epoch, 0, "batch") == sum(hand.lengths[:epoch])

    def teardown(self) -> None:
        """What the ledger has is what was trained."""
        if not hasattr(self, "hand") or not self.hand.batch:
            return
        self.clock.end_run()
        ledger = sb.read_ledger(self.folder)
        last, hand = ledger.sessions[-1], self.hand
        assert ledger.problems == ()
        assert self.clock._ledger is not None
        # A process that trained nothing left no line.
        if self.clock._ledger._session is not None:
            assert (last.batch, last.step) == (hand.batch, hand.step)
            for batch in hand.steps_at:
                for unit in ("step", "token"):
                    assert last.timeline.convert(f"{batch}ba", unit) == self.clock.convert(f"{batch}ba", unit)
            if not hand.running:
                assert last.timeline == self.clock.timeline


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    stateful_step_count=25, deadline=None, derandomize="STEPBRIDGE_RANDOM" not in os.environ
)
