"""Counted tokens: exact where a mark is, bounded between two marks, in clock, timeline, state and ledger."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepbridge as sb

if TYPE_CHECKING:
    from pathlib import Path

COUNTS = [100, 120, 80, 90, 110, 70]


def counted(**options: Any) -> sb.StepClock:
    clock = sb.StepClock(batches_per_epoch=3, epochs=2, **options)
    for epoch in clock.epochs():
        for tokens in clock.batches(COUNTS[3 * epoch : 3 * epoch + 3]):
            clock.add_tokens(tokens)
    return clock


def test_ledger_and_clock_have_the_marks_of_epochs(tmp_path: Path) -> None:
    clock = counted(ledger=tmp_path)
    timeline = sb.Timeline.from_ledger(tmp_path)
    assert timeline == clock.timeline
    assert hash(timeline) == hash(clock.timeline)
    assert timeline.tokens == sum(COUNTS)
    assert [timeline.convert(f"{n}ep", "token") for n in range(3)] == [sb.Exact(n, "tok") for n in (0, 300, 570)]
    assert timeline.convert("4ba", "token") == sb.Between(sb.Quantity(300, "tok"), sb.Quantity(570, "tok"))
    assert timeline.convert("400tok", "batch") == sb.Between(sb.Quantity(3, "ba"), sb.Quantity(6, "ba"))
    assert timeline.convert("300tok", "epoch") == sb.Exact(1, "ep")
    assert timeline.convert("571tok", "step") == sb.PastEnd(sb.Quantity(6, "st"))


def test_what_is_not_counted_yet_is_undetermined() -> None:
    clock = sb.StepClock(batches_per_epoch=3, epochs=2)
    assert isinstance(clock.convert("0ba", "token"), sb.Undetermined)
    for _ in clock.epochs(1):
        for tokens in clock.batches(COUNTS[:3]):
            clock.add_tokens(tokens)
    for asked in ("4ba", "301tok", "2ep"):
        assert isinstance(clock.convert(asked, "step" if "tok" in asked else "token"), sb.Undetermined)
    assert clock.timeline.tokens is None


@pytest.mark.parametrize(
    ("left", "right", "order"),
    [("300tok", "3ba", 0), ("400tok", "3ba", 1), ("400tok", "6ba", -1), ("1ep", "299tok", 1), ("400tok", "2ba", 1)],
)
def test_amounts_of_tokens_are_compared_where_marks_decide(left: str, right: str, order: int) -> None:
    timeline = counted().timeline
    assert timeline.compare(left, right) == order
    assert timeline.compare(right, left) == -order


def test_what_marks_do_not_decide_is_refused() -> None:
    timeline = counted().timeline
    with pytest.raises(sb.TimelineError, match="cannot be compared"):
        timeline.compare("400tok", "4ba")
    with pytest.raises(sb.TimelineError, match="between 3ba and 6ba"):
        timeline.change(at="400tok", accumulate=2)
    with pytest.raises(sb.TimelineError, match="token 3 "):
        timeline.locate(3, "token")


def test_a_token_is_located_where_its_batch_is_known() -> None:
    clock = sb.StepClock(batches_per_epoch=1, epochs=3)
    for _ in clock.epochs():
        for tokens in clock.batches([10]):
            clock.add_tokens(tokens)
    timeline = clock.timeline
    numbers = [-1, 0, 9, 10, 29, 30]
    one_by_one = [timeline.locate(number, "token", invalid="mask") for number in numbers]
    assert one_by_one == [None, sb.Location(0, 0), sb.Location(0, 0), sb.Location(1, 0), sb.Location(2, 0), None]
    epoch, iteration = timeline.locate(np.array(numbers), "token", invalid="mask")
    assert epoch.tolist() == [-1 if at is None else at.epoch for at in one_by_one]
    assert iteration.tolist() == [-1 if at is None else at.iter for at in one_by_one]
    assert timeline.index([0, 1, 2], 0, "token").tolist() == [0, 10, 20]


def test_a_change_marks_the_end_of_its_batch(tmp_path: Path) -> None:
    clock = sb.StepClock(samples=60, batch_size=10, epochs=1, ledger=tmp_path)
    for _ in clock.epochs():
        for n, _ in enumerate(clock.batches(range(4))):
            if n == 1:
                clock.change(batch_size=20)  # before the tokens of its batch are added
            clock.add_tokens(100)
            if n == 1:
                clock.add_tokens(5)
    assert clock.timeline == sb.Timeline.from_ledger(tmp_path)
    assert clock.convert("2ba", "token") == sb.Exact(205, "tok")
    assert clock.convert("1ba", "token") == sb.Between(sb.Quantity(0, "tok"), sb.Quantity(205, "tok"))


def test_time_marks_at_most_one_batch_a_minute(tmp_path: Path) -> None:
    clock = sb.StepClock(sb.Timeline.stream(batch_size=2, steps=6), ledger=tmp_path)
    clock._mark_every(0)
    for _ in clock.epochs():
        for n, tokens in enumerate(clock.batches(COUNTS)):
            clock.add_tokens(tokens)
            if n == 3:
                clock._mark_every(60)
    timeline = sb.Timeline.from_ledger(tmp_path)
    assert timeline == clock.timeline
    known = [timeline.convert(f"{n}ba", "token") for n in range(7)]
    assert known[:5] == [sb.Exact(sum(COUNTS[:n]), "tok") for n in range(5)]
    assert isinstance(known[5], sb.Between)
    assert known[6] == sb.Exact(sum(COUNTS), "tok")
    lines = [json.loads(line)["kind"] for line in (tmp_path / "stepclock.jsonl").read_text().splitlines()]
    assert lines.count("mark") == 4


def test_tokens_that_come_after_the_end_of_their_epoch_correct_its_mark(tmp_path: Path) -> None:
    clock = sb.StepClock(batches_per_epoch=2, epochs=2, ledger=tmp_path)
    for _ in range(2):
        clock.begin_epoch()
        clock.advance()
        clock.add_tokens(10)
        clock.advance()
        clock.end_epoch()
        clock.add_tokens(7)
    clock.end_run()
    assert clock.convert("1ep", "token") == sb.Exact(17, "tok")
    assert sb.Timeline.from_ledger(tmp_path) == clock.timeline


def test_state_and_a_resumed_ledger_keep_the_marks(tmp_path: Path) -> None:
    first = sb.StepClock(batches_per_epoch=3, epochs=2, ledger=tmp_path)
    saved: dict[str, Any] = {}
    for epoch in first.epochs():
        for n, tokens in enumerate(first.batches(COUNTS[3 * epoch : 3 * epoch + 3])):
            first.add_tokens(tokens)
            if (epoch, n) == (1, 0):
                saved = json.loads(json.dumps(first.state_dict()))
                break
    again = sb.StepClock(batches_per_epoch=3, epochs=2, ledger=tmp_path)
    again.load_state_dict(saved)
    assert (again.token, again.convert("4ba", "token")) == (390, sb.Exact(390, "tok"))
    for _ in again.epochs():
        for tokens in again.batches(COUNTS[4:], resume="continues"):
            again.add_tokens(tokens)
    timeline = sb.Timeline.from_ledger(tmp_path)
    assert timeline == again.timeline
    assert [timeline.convert(f"{n}ba", "token") for n in (3, 4, 6)] == [sb.Exact(n, "tok") for n in (300, 390, 570)]
    assert pickle.loads(pickle.dumps(timeline)) == timeline == sb.Timeline.from_json(timeline.to_json())


def test_a_state_with_fewer_tokens_than_its_marks_is_refused() -> None:
    state = counted().state_dict()
    with pytest.raises(sb.TimelineError, match="token=5 is less than the 570"):
        sb.StepClock(batches_per_epoch=3, epochs=2).load_state_dict({**state, "token": 5})


@pytest.mark.parametrize("early", [False, True], ids=["asked after the tokens", "asked before them"])
def test_triggers_in_tokens_miss_nothing(early: bool) -> None:
    clock = sb.StepClock(batches_per_epoch=3, epochs=2)
    every, at, hit = [], [], []
    trigger = clock.trigger("100tok")
    for epoch in clock.epochs():
        for tokens in clock.batches(COUNTS[3 * epoch : 3 * epoch + 3]):
            if not early:
                clock.add_tokens(tokens)
            every += [clock.batch] if clock.every("200tok") and clock.every("200tok") else []
            at += [clock.batch] if clock.at("390tok") else []
            hit += [clock.batch] if trigger else []
            if early:
                clock.add_tokens(tokens)
    late = int(early)
    assert every == [batch + late for batch in (2, 5)]
    assert at == [4 + late]
    assert hit == [batch + late for batch in (1, 2, 3, 5)]


def test_until_in_tokens_ends_the_run() -> None:
    clock = sb.StepClock(batches_per_epoch=3, until="350tok")
    for epoch in clock.epochs():
        for tokens in clock.batches(COUNTS[3 * epoch : 3 * epoch + 3]):
            clock.add_tokens(tokens)
    assert (clock.batch, clock.token) == (4, 390)


def test_a_move_needs_the_tokens_where_no_mark_says_them(tmp_path: Path) -> None:
    clock = counted(ledger=tmp_path)
    clock.move_to("3ba")
    assert clock.token == 300
    clock = counted()
    with pytest.raises(sb.TimelineError, match="between 300 and 570"):
        clock.move_to("4ba")
    with pytest.raises(sb.TimelineError, match="not tokens=600"):
        clock.move_to("4ba", tokens=600)
    clock.move_to("4ba", tokens=390)
    assert (clock.token, clock.convert("4ba", "token")) == (390, sb.Exact(390, "tok"))


@pytest.mark.parametrize(
    ("damage", "why"),
    [('"tokens":[[3,300],[2,400]]', "tokens go back"), ('"tokens":[[3,300],[6,200]]', "tokens go back")],
)
def test_marks_that_go_back_are_refused(damage: str, why: str) -> None:
    text = counted().timeline.to_json()
    with pytest.raises(sb.TimelineError, match=why):
        sb.Timeline.from_json(text[: text.index('"tokens"')] + damage + "}")
    with pytest.raises(sb.TimelineError, match="stated"):
        sb.Timeline.from_json(text.replace('"boundary"', '"tokens_per_sample":2,"boundary"'))


@given(st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=6), min_size=1, max_size=4), st.integers(0, 30))
def test_bounds_hold_the_tokens_of_every_batch(epochs: list[list[int]], change: int) -> None:
    clock = sb.StepClock()
    truth = [0]
    for epoch in clock.epochs(len(epochs)):
        for tokens in clock.batches(epochs[epoch]):
            if clock.batch == change:
                clock.change(accumulate=2, pending="carry")
            clock.add_tokens(tokens)
            truth.append(truth[-1] + tokens)
    timeline = clock.timeline
    for batch, done in enumerate(truth):
        answer = timeline.convert(f"{batch}ba", "token")
        if not truth[-1]:
            assert isinstance(answer, sb.Undetermined)
            continue
        low, high = (answer.lower, answer.upper) if isinstance(answer, sb.Between) else (answer, answer)
        assert low.value <= done <= high.value  # type: ignore[union-attr]
        back = timeline.convert(f"{done}tok", "batch")
        low, high = (back.lower, back.upper) if isinstance(back, sb.Between) else (back, back)
        # Batches without tokens are all where their number is reached.
        alike = [at for at, value in enumerate(truth) if value == done]
        assert low.value <= alike[-1]  # type: ignore[union-attr]
        assert high.value >= alike[0]  # type: ignore[union-attr]


def test_a_table_has_the_tokens_where_a_mark_says_them(tmp_path: Path) -> None:
    # The wheel is also tested without any other package.
    pytest.importorskip("polars")
    clock = sb.StepClock(batches_per_epoch=3, epochs=2, ledger=tmp_path, logged_as=("step", 1))
    with (tmp_path / "log.jsonl").open("w") as log:
        for epoch in clock.epochs():
            for tokens in clock.batches(COUNTS[3 * epoch : 3 * epoch + 3]):
                clock.add_tokens(tokens)
                log.write(json.dumps({"step": clock.step, "loss": 0.5}) + "\n")
    table = sb.read_logs(tmp_path).reindex(token=True).to_polars()
    assert table["token"].to_list() == [0, None, None, 300, None, None]
    plan = sb.Timeline.plan(samples=12, batch_size=2, epochs=1, tokens_per_sample=8)
    stated = sb.read_logs(tmp_path / "log.jsonl").reindex(plan, token=True).to_polars()
    assert stated["token"].to_list() == [16 * n for n in range(6)]


def test_a_change_in_an_overlong_epoch_keeps_the_later_ones() -> None:
    clock = sb.StepClock(batches_per_epoch=4, epochs=3, accumulate=4)
    clock.begin_epoch()
    with pytest.warns(sb.StepbridgeWarning, match="goes on past"):
        clock.advance(5)
    clock.change(accumulate=2, pending="carry")
    clock.end_epoch()
    assert clock.begin_epoch()
    clock.advance(4)
    assert clock.position == sb.Position(2, 0)
    assert clock.timeline.batches == 13


def test_a_ledger_knows_the_batches_of_an_overlong_epoch(tmp_path: Path) -> None:
    clock = sb.StepClock(batches_per_epoch=2, epochs=3, ledger=tmp_path)
    clock.begin_epoch()
    with pytest.warns(sb.StepbridgeWarning, match="goes on past"):
        clock.advance(5)
    clock.end_run()
    assert sb.Timeline.from_ledger(tmp_path).convert("5ba", "step") == sb.Exact(5, "st")


@pytest.mark.parametrize("pending", ["flush", "drop", "carry", "modulo", 0])
def test_a_decision_that_changes_nothing_makes_no_other_timeline(pending: Any) -> None:
    plan = sb.Timeline.plan(batches_per_epoch=8, epochs=2, accumulate=2, boundary="carry")
    same = plan.change(at="4ba", accumulate=4, pending=pending).change(at="4ba", accumulate=2)
    assert same == plan
    assert hash(same) == hash(plan)


def test_a_stream_of_two_sizes_skips_the_batches_of_its_plan() -> None:
    plan = sb.Timeline.stream(batch_size=[(0, 2), (8, 4)], steps=8)
    clock = sb.StepClock(plan)
    for _ in clock.epochs():
        for _ in clock.batches(range(5)):
            pass
    again = sb.StepClock(plan)
    again.load_state_dict(clock.state_dict())
    for _ in again.epochs():
        assert list(again.batches(range(8), resume="skip")) == [5, 6, 7]


def test_tokens_that_are_counted_before_the_first_epoch_are_in_clock_and_ledger(tmp_path: Path) -> None:
    clock = sb.StepClock(samples=2, batch_size=1, epochs=1, ledger=tmp_path)
    clock.add_tokens(7)
    clock.begin_epoch()
    clock.advance(2)
    clock.end_epoch()
    clock.end_run()
    (session,) = sb.read_ledger(tmp_path).sessions
    assert session.timeline == clock.timeline


def test_a_stream_of_smaller_batches_skips_past_the_end_of_its_plan() -> None:
    """20 steps of 16 samples are more than 20 of 8, so the samples that are done are past the end of the new plan."""
    first = sb.StepClock(sb.Timeline.stream(batch_size=16, steps=20), until="90%")
    for _ in first.epochs():
        for _ in first.batches(iter(int, 1)):
            pass
    assert first.sample == 18 * 16
    clock = sb.StepClock(sb.Timeline.stream(batch_size=8, steps=20))
    clock.load_state_dict(first.state_dict())
    for _ in clock.epochs():
        assert list(clock.batches(range(1000), resume="skip")) == [36, 37]
    assert (clock.step, clock.sample) == (20, 18 * 16 + 2 * 8)
