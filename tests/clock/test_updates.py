"""Watched optimizers: what was applied of what was attempted."""

from __future__ import annotations

import json
import warnings

import pytest

import stepbridge as sb


def test_a_step_without_a_real_update_was_skipped_and_is_told_once() -> None:
    clock = sb.StepClock(batches_per_epoch=8, epochs=1, accumulate=2)
    sgd = clock.updates("sgd")
    overflows = {1, 3}  # indices of steps
    seen = []
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for _ in clock.epochs():
            for _ in clock.batches(range(8)):
                if clock.closes_step and clock.step - 1 not in overflows:
                    sgd.count()
                seen.append((clock.step, clock.applied))
    # A step counts as applied until the next batch shows that nothing came of it.
    assert seen == [(0, 0), (1, 1), (1, 1), (2, 2), (2, 1), (3, 2), (3, 2), (4, 3)]
    assert (clock.step, clock.applied, sgd.applied, clock.updates_of("sgd")) == (4, 2, 2, 2)
    (stated,) = warned
    assert "the updates: expected one after batch 4, which closes a step, seen none" in str(stated.message)


def test_a_state_saved_before_the_update_does_not_have_it() -> None:
    clock = sb.StepClock(batches_per_epoch=3, epochs=1)
    sgd = clock.updates("sgd")
    saved = []
    for _ in clock.epochs():
        for _ in clock.batches(range(3)):
            saved.append(clock.state_dict()["skipped"])
            sgd.count()
            saved.append(clock.state_dict()["skipped"])
    assert saved == [1, 0] * 3
    assert clock.applied == 3


def test_an_optimizer_that_nobody_watches_any_more_decides_nothing() -> None:
    first = sb.StepClock(batches_per_epoch=3, epochs=2)
    sgd = first.updates("sgd")
    for _ in first.epochs(1):
        for _ in first.batches(range(3)):
            sgd.count()
    second = sb.StepClock(batches_per_epoch=3, epochs=2)
    second.load_state_dict(first.state_dict())
    for _ in second.epochs():
        for _ in second.batches(range(3)):
            pass
    assert (second.applied, second.updates_of("sgd")) == (6, 3)


def test_who_knows_of_a_skip_says_it_at_once() -> None:
    clock = sb.StepClock(batches_per_epoch=3, epochs=1)
    sgd = clock.updates("sgd")
    applied = []
    for _ in clock.epochs():
        for batch in clock.batches(range(3)):
            if batch == 1:
                sgd.skip()
            else:
                sgd.count()
            applied.append(clock.applied)
    assert applied == [1, 1, 2]


def test_of_several_optimizers_one_is_enough() -> None:
    clock = sb.StepClock(batches_per_epoch=10, epochs=1)
    critic, generator = clock.updates("critic"), clock.updates("generator")
    for _ in clock.epochs():
        for batch in clock.batches(range(10)):
            critic.count()
            if batch == 7:
                generator.skip()
            elif batch % 5 == 4:
                generator.count()
    assert (clock.step, clock.applied) == (10, 10)
    assert (clock.updates_of("critic"), clock.updates_of("generator")) == (10, 2)
    with pytest.raises(ValueError, match=r"'discriminator' is watched: there are critic, generator"):
        clock.updates_of("discriminator")


def test_an_update_inside_an_open_window_is_told_once() -> None:
    clock = sb.StepClock(batches_per_epoch=4, epochs=1, accumulate=2, name="run 7")
    sgd = clock.updates("sgd")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for _ in clock.epochs():
            for _ in clock.batches(range(4)):
                sgd.count()
    (stated,) = warned
    assert "run 7: the updates of sgd: expected no update after batch 1" in str(stated.message)
    assert stated.category is sb.StepbridgeWarning
    assert (clock.step, clock.applied, sgd.applied) == (2, 2, 4)


def test_counts_are_saved() -> None:
    first = sb.StepClock(batches_per_epoch=4, epochs=2)
    sgd = first.updates("sgd")
    for _ in first.epochs(1):
        for batch in first.batches(range(4)):
            if batch == 3:
                sgd.skip()
            else:
                sgd.count()
    state = json.loads(json.dumps(first.state_dict()))
    second = sb.StepClock(batches_per_epoch=4, epochs=2)
    watched_before = second.updates("sgd")
    second.load_state_dict(state)
    assert (second.step, second.applied, watched_before.applied) == (4, 3, 3)
    for _ in second.epochs():
        for _ in second.batches(range(4)):
            watched_before.count()
    assert (second.step, second.applied, second.updates_of("sgd")) == (8, 7, 7)
