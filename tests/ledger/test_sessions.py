"""A loop that continues, a resume and a rewind: which session each is on record as."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import stepbridge as sb
from ledger_files import NAME, kinds, lines, loop

if TYPE_CHECKING:
    from pathlib import Path


def test_a_loop_that_goes_on_is_one_session(tmp_path: Path) -> None:
    clock = sb.StepClock(batches_per_epoch=5, epochs=4, ledger=tmp_path)
    loop(clock, epochs=2)
    loop(clock)
    assert kinds(tmp_path) == ["session", "logged_as", "epoch", "epoch", "stop", "epoch", "epoch", "stop"]
    assert sb.Timeline.from_ledger(tmp_path) == clock.timeline


def test_a_resume_is_a_session(tmp_path: Path) -> None:
    first = sb.StepClock(batches_per_epoch=5, epochs=4, ledger=tmp_path)
    loop(first, epochs=2)
    second = sb.StepClock(batches_per_epoch=5, epochs=4, ledger=tmp_path)
    second.load_state_dict(first.state_dict())
    loop(second)
    ledger = sb.read_ledger(tmp_path)
    assert [(session.number, session.start_batch, session.batch) for session in ledger.sessions] == [
        (0, 0, 10),
        (1, 10, 20),
    ]
    assert [session.supersedes for session in ledger.sessions] == [None, None]
    assert ledger.timeline == second.timeline


@pytest.mark.parametrize("same_clock", [True, False])
def test_a_rewind_supersedes_and_stays_on_record(tmp_path: Path, same_clock: bool) -> None:
    first = sb.StepClock(samples=1000, batch_size=200, epochs=4, ledger=tmp_path)
    loop(first, epochs=1)
    state = first.state_dict()
    loop(first, epochs=2)
    before = (tmp_path / NAME).read_bytes()
    second = first if same_clock else sb.StepClock(samples=1000, batch_size=100, epochs=4, ledger=tmp_path)
    second.load_state_dict(state)
    loop(second, 5 if same_clock else 10)
    assert (tmp_path / NAME).read_bytes().startswith(before)
    old, new = sb.read_ledger(tmp_path).sessions
    assert new.supersedes is not None
    assert (new.supersedes.session, new.supersedes.batch, new.supersedes.step) == (0, 5, 5)
    assert (old.batch, old.timeline.batches) == (15, 20)
    assert new.timeline == second.timeline


def test_stops_in_mid_epoch_and_goes_on_there(tmp_path: Path) -> None:
    first = sb.StepClock(samples=1000, batch_size=200, epochs=2, until="3ba", ledger=tmp_path)
    loop(first)
    stop = lines(tmp_path)[-1]
    assert (stop["kind"], stop["batch"], stop["epochs"], stop["segments"][0]["batches"]) == ("stop", 3, 0, 3)
    second = sb.StepClock(samples=1000, batch_size=100, epochs=2, ledger=tmp_path)
    second.load_state_dict(first.state_dict())
    for epoch in second.epochs():
        for _ in second.batches(range(10 if epoch else 4), resume="continues"):
            pass
    ledger = sb.read_ledger(tmp_path)
    assert ledger.problems == ()
    assert ledger.sessions[1].start_batch == 3
    assert ledger.timeline == second.timeline


def test_a_clock_that_begins_before_the_end_on_record_supersedes(tmp_path: Path) -> None:
    loop(sb.StepClock(batches_per_epoch=5, epochs=2, ledger=tmp_path))
    loop(sb.StepClock(batches_per_epoch=7, epochs=2, ledger=tmp_path), 7)
    _, again = sb.read_ledger(tmp_path).sessions
    assert again.supersedes is not None
    assert again.supersedes.batch == 0
    assert again.timeline.batches == 14
