"""The simulation against runs that were counted by hand: an oracle is worth no more than its own proof."""

from __future__ import annotations

from fractions import Fraction

import pytest

from simulation import (
    Boundary,
    Change,
    Exactly,
    History,
    NotKnown,
    Past,
    Pending,
    Plan,
    Run,
    Scanner,
    Within,
    replay,
    simulate,
)

TEXTBOOK = Plan(samples=1000, batch_size=200, epochs=5)


def lengths(run: Run) -> list[int]:
    scanner = Scanner(run)
    return [scanner.batches_of(epoch) for epoch in range(scanner.epochs)]


def sizes(run: Run) -> list[int | None]:
    return [batch.samples for batch in run.batches]


def steps(run: Run) -> list[int | None]:
    return [batch.step for batch in run.batches]


def closing(run: Run) -> list[int]:
    return [number for number, batch in enumerate(run.batches) if batch.closes]


def test_textbook() -> None:
    run = simulate(TEXTBOOK)
    assert (len(run.batches), run.steps, run.samples) == (25, 25, 5000)
    assert Scanner(run).locate("step", 24) == (4, 4)
    assert Scanner(run).locate("sample", 4999) == (4, 4)
    assert Scanner(run).index("sample", 4, 4) == 4800


def test_partial_last_batch() -> None:
    assert sizes(simulate(Plan(samples=7, batch_size=3, epochs=2))) == [3, 3, 1, 3, 3, 1]


def test_drop_last() -> None:
    assert sizes(simulate(Plan(samples=7, batch_size=3, epochs=2, drop_last=True))) == [3, 3, 3, 3]


@pytest.mark.parametrize(
    ("boundary", "expected"),
    [
        ("flush", [0, 0, 0, 1, 1, 1, 2, 3, 3, 3, 4, 4, 4, 5]),
        ("carry", [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, None, None]),
        ("drop", [0, 0, 0, 1, 1, 1, None, 2, 2, 2, 3, 3, 3, None]),
    ],
)
def test_three_a_step_over_seven_batches(boundary: Boundary, expected: list[int | None]) -> None:
    run = simulate(Plan(batches=7, epochs=2, accumulate=3, boundary=boundary))
    assert steps(run) == expected


def test_a_cut_epoch_leaves_its_window_open() -> None:
    run = replay(History(lengths=(4, 2), accumulate=3, cut=True))
    assert steps(run) == [0, 0, 0, 1, None, None]
    assert run.open_at == [False, True, True, False, False, True, True]


def test_an_epoch_of_no_batches_neither_flushes_nor_drops() -> None:
    run = replay(History(lengths=(2, 0, 2), accumulate=3, boundary="carry"))
    assert steps(run) == [0, 0, 0, None]


def test_batch_size_changes_in_mid_epoch() -> None:
    run = simulate(TEXTBOOK, [Change(at=12, batch_size=100)])
    assert lengths(run) == [5, 5, 8, 10, 10]
    assert sizes(run)[10:18] == [200, 200, 100, 100, 100, 100, 100, 100]
    assert run.samples == 5000


def test_full_batches_of_a_new_size_hold_the_same_samples() -> None:
    plan = Plan(batches=5, batch_size=4, epochs=2)
    run = simulate(plan, [Change(at=2, batch_size=3)])
    assert sizes(run) == [4, 4, 3, 3, 3, 3, *[3] * 6, 2]
    run = simulate(plan, [Change(at=2, batch_size=3), Change(at=3, batches=4)])
    assert sizes(run) == [4, 4, 3, 3, *[3] * 4]
    run = simulate(plan, [Change(at=2, batch_size=3, batches=5)])
    assert sizes(run) == [4, 4, 3, 3, 3, *[3] * 5]


def test_batches_change_in_mid_epoch() -> None:
    plan = Plan(batches=5, epochs=4)
    assert lengths(simulate(plan, [Change(at=7, batches=3)])) == [5, 3, 3, 3]
    assert lengths(simulate(plan, [Change(at=7, batches=2)])) == [5, 2, 2, 2]
    assert lengths(simulate(plan, [Change(at=5, batches=2)])) == [5, 2, 2, 2]


@pytest.mark.parametrize(
    ("pending", "expected"),
    [
        ("flush", [0, 0, 0, 1, 2, 2, 3, 3, 4, 4]),
        ("drop", [0, 0, 0, None, 1, 1, 2, 2, 3, 3]),
        ("carry", [0, 0, 0, 1, 1, 2, 2, 3, 3, None]),
        ("modulo", [0, 0, 0, 1, 1, 1, 2, 2, 3, 3]),
    ],
)
def test_accumulate_changes_inside_a_window(pending: Pending, expected: list[int | None]) -> None:
    plan = Plan(batches=5, epochs=2, accumulate=3, boundary="carry")
    assert steps(simulate(plan, [Change(at=4, accumulate=2, pending=pending)])) == expected


def test_a_carry_into_a_smaller_window_closes_at_the_next_batch() -> None:
    plan = Plan(batches=6, accumulate=5)
    assert steps(simulate(plan, [Change(at=4, accumulate=2, pending="carry")])) == [0, 0, 0, 0, 0, 1]


def test_a_change_at_the_end_of_an_epoch_comes_after_its_flush() -> None:
    plan = Plan(batches=2, epochs=2, accumulate=4)
    run = simulate(plan, [Change(at=2, accumulate=1, pending="drop")])
    assert steps(run) == [0, 0, 1, 2]


@pytest.mark.parametrize(
    ("value", "unit", "target", "expected"),
    [
        ("3", "epoch", "step", Exactly(Fraction(15))),
        ("12", "batch", "epoch", Exactly(Fraction(12, 5))),
        ("5/2", "epoch", "batch", Within(Fraction(12), Fraction(13))),
        ("300", "sample", "batch", Within(Fraction(1), Fraction(2))),
        ("300", "sample", "epoch", Exactly(Fraction(3, 10))),
        ("1/3", "epoch", "sample", Within(Fraction(333), Fraction(334))),
        ("1/5", "duration", "sample", Exactly(Fraction(1000))),
        ("26", "batch", "step", Past()),
        ("51/10", "epoch", "step", Past()),
        ("0", "step", "sample", Exactly(Fraction(0))),
    ],
)
def test_conversions_of_the_textbook(value: str, unit: str, target: str, expected: object) -> None:
    assert Scanner(simulate(TEXTBOOK)).convert(Fraction(value), unit, target) == expected


@pytest.mark.parametrize(
    ("boundary", "after_six", "after_seven", "after_fourteen"),
    [
        ("flush", Exactly(Fraction(2)), Exactly(Fraction(3)), Exactly(Fraction(6))),
        ("drop", Exactly(Fraction(2)), Exactly(Fraction(2)), Exactly(Fraction(4))),
        ("carry", Exactly(Fraction(2)), Within(Fraction(2), Fraction(3)), Within(Fraction(4), None)),
    ],
)
def test_steps_are_exact_where_no_window_is_open(
    boundary: Boundary, after_six: object, after_seven: object, after_fourteen: object
) -> None:
    scanner = Scanner(simulate(Plan(batches=7, epochs=2, accumulate=3, boundary=boundary)))
    answers = [scanner.convert(Fraction(n), "batch", "step") for n in (6, 7, 14)]
    assert answers == [after_six, after_seven, after_fourteen]


def test_positions_at_epochs_of_no_batches_are_in_the_latest() -> None:
    scanner = Scanner(replay(History(lengths=(5, 0, 0, 3))))
    assert scanner.epoch_of(5) == 3
    assert Scanner(replay(History(lengths=(0, 5)))).epoch_of(0) == 1
    assert Scanner(replay(History(lengths=(5, 0)))).epoch_of(5) == 2
    assert Scanner(replay(History(lengths=()))).epoch_of(0) == 0


def test_samples_are_not_known_without_a_batch_size() -> None:
    scanner = Scanner(simulate(Plan(batches=5, epochs=2)))
    assert scanner.convert(Fraction(3), "batch", "sample") == NotKnown()
    assert scanner.convert(Fraction(3), "sample", "batch") == NotKnown()


def test_a_history_knows_what_each_epoch_consumed() -> None:
    run = replay(History(lengths=(3, 2), samples=(7, 6), batch_size=3))
    assert sizes(run) == [3, 3, 1, 3, 3]
    assert Scanner(run).locate("sample", 6) == (0, 2)
