"""What a resumed loader does: it leaves out samples, begins again, or is the rest of the epoch; in any other size."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import stepbridge as sb

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def loader(size: int, samples: int = 1000) -> Iterator[list[int]]:
    for first in range(0, samples, size):
        yield list(range(first, min(first + size, samples)))


def stopped(batches: int, **plan: Any) -> dict[str, Any]:
    clock = sb.StepClock(**plan, until=f"{batches}ba")
    for _ in clock.epochs():
        for _ in clock.batches(loader(plan["batch_size"])):
            pass
    return clock.state_dict()


def resumed(state: dict[str, Any], size: int, **options: Any) -> sb.StepClock:
    clock = sb.StepClock(samples=1000, batch_size=size, epochs=3, **options)
    clock.load_state_dict(state, pending="drop")
    return clock


@pytest.mark.parametrize("size", [32, 64, 10, 1, 320, 160])
def test_skip_leaves_out_samples_in_any_size_that_fits(size: int) -> None:
    clock = resumed(stopped(10, samples=1000, batch_size=32, epochs=3), size)
    seen: list[int] = []
    for _ in clock.epochs(1):
        for batch in clock.batches(loader(size), resume="skip"):
            seen += batch
    assert seen == list(range(320, 1000))
    assert (clock.sample, clock.position) == (1000, (1, 0))


@pytest.mark.parametrize("size", [50, 300, 321])
def test_skip_that_ends_inside_a_batch_is_refused_with_what_to_do(size: int) -> None:
    clock = resumed(stopped(10, samples=1000, batch_size=32, epochs=3), size)
    for _ in clock.epochs(1):
        with pytest.raises(ValueError, match=rf"320 samples .* whole number of batches of {size}: .*clock\.rest\("):
            clock.batches(loader(size), resume="skip")
        break
    assert clock.sample == 320


def test_skip_of_batches_of_another_length_and_no_known_size_is_refused() -> None:
    first = sb.StepClock(batches_per_epoch=10, epochs=2, until="4ba")
    for _ in first.epochs():
        for _ in first.batches(range(10)):
            pass
    clock = sb.StepClock(batches_per_epoch=20, epochs=2)
    clock.load_state_dict(first.state_dict(), changed=True)
    for _ in clock.epochs(1):
        with pytest.raises(ValueError, match=r"is not known: .* give the clock samples and batch_size"):
            clock.batches(range(20), resume="skip")
        break
    same = sb.StepClock(batches_per_epoch=10, epochs=2)
    same.load_state_dict(first.state_dict())
    for _ in same.epochs(1):
        assert list(same.batches(range(10), resume="skip")) == [4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize("size", [200, 100, 300, 7, 1000])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_restart_is_the_loops_epoch_and_all_that_was_trained(size: int, accumulate: int, tmp_path: Path) -> None:
    state = stopped(7, samples=1000, batch_size=200, epochs=3)
    clock = resumed(state, size, accumulate=accumulate, ledger=tmp_path)
    seen = []
    for epoch in clock.epochs():
        trained = 0
        for batch in clock.batches(loader(size), resume="restart"):
            trained += len(batch)
            assert clock.location.epoch == epoch
        seen.append((epoch, trained))
    assert seen == [(1, 1000), (2, 1000)]
    assert clock.sample == 1400 + 2000
    assert (int(clock.repeated), int(clock.left_out)) == (400, 0)
    assert (clock.position, clock.finished) == ((3, 0), True)
    assert clock.timeline.samples == 3400
    assert sb.Timeline.from_ledger(tmp_path) == clock.timeline


def test_a_restart_that_is_stopped_goes_on_at_its_sample() -> None:
    clock = resumed(stopped(7, samples=1000, batch_size=200, epochs=3), 100, until="10ba")
    for _ in clock.epochs():
        for _ in clock.batches(loader(100), resume="restart"):
            pass
    assert (clock.batch, clock.sample) == (10, 1700)
    again = resumed(clock.state_dict(), 50)
    seen: list[int] = []
    for epoch in again.epochs():
        for batch in again.batches(loader(50), resume="skip"):
            if epoch == 1:
                seen += batch
    assert seen == list(range(300, 1000))
    assert (again.sample, int(again.repeated)) == (1000 + 1400 + 1000, 400)


def test_a_resume_in_an_epoch_that_ran_past_its_plan_keeps_the_later_ones() -> None:
    plan: dict[str, Any] = {"samples": 1000, "batch_size": 300, "epochs": 3, "accumulate": 2}

    def trained(clock: sb.StepClock, epochs: list[int], save_at: int = 0) -> dict[str, Any]:
        state: dict[str, Any] = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sb.StepbridgeWarning)
            for batches in epochs:
                clock.begin_epoch()
                for _ in range(batches):
                    clock.advance()
                    if clock.batch == save_at:
                        state = clock.state_dict()
                clock.end_epoch()
        return state

    whole = sb.StepClock(**plan)
    state = trained(whole, [5, 4, 4], save_at=5)
    again = sb.StepClock(**plan)
    again.load_state_dict(state, pending="carry")
    trained(again, [0, 4, 4])
    assert (again.sample, again.step, again.position) == (whole.sample, whole.step, whole.position)
    assert (again.sample, again.step) == (3300, 7)
    assert again.convert("3ep", "sample") == whole.convert("3ep", "sample")
    smaller = sb.StepClock(**{**plan, "batch_size": 100})
    smaller.load_state_dict(state, pending="carry")
    trained(smaller, [0, 10, 10])
    assert (smaller.sample, smaller.position) == (3300, (3, 0))


@pytest.mark.parametrize("accumulate", [4, 2])
def test_an_open_window_asks_what_becomes_of_its_gradients(accumulate: int) -> None:
    state = stopped(3, samples=1000, batch_size=100, epochs=3, accumulate=4)
    clock = sb.StepClock(samples=1000, batch_size=100, epochs=3, accumulate=accumulate)
    with pytest.raises(ValueError, match=r'3 batches are done: .*pending="drop".*"carry"'):
        clock.load_state_dict(state)
    assert clock.batch == 0
    closes: dict[str, int] = {}
    for pending in ("drop", "carry"):
        again = sb.StepClock(samples=1000, batch_size=100, epochs=3, accumulate=4)
        again.load_state_dict(state, pending=pending)
        for _ in again.epochs(1):
            for _ in again.batches(loader(100), resume="skip"):
                if again.closes_step:
                    closes.setdefault(pending, again.batch)
    assert closes == {"drop": 7, "carry": 4}


def test_the_rest_of_arrays_is_what_is_left_of_their_samples() -> None:
    clock = resumed(stopped(10, samples=1000, batch_size=32, epochs=3), 100)
    x, y = np.arange(1000), np.arange(2000).reshape(1000, 2)
    for epoch in clock.epochs(2):
        rest_x, named = clock.rest((x, {"y": y}))
        assert len(rest_x) == len(named["y"]) == (680 if epoch == 0 else 1000)
        assert rest_x[0] == (320 if epoch == 0 else 0)
        for _ in clock.batches(range(-(-len(rest_x) // 100)), resume="continues"):
            pass
    assert clock.sample == 2000


@pytest.mark.parametrize("what", [range(10), [1, 2, 3], iter("abc")])
def test_a_loader_whose_rest_nobody_knows_says_so(what: Any) -> None:
    clock = resumed(stopped(10, samples=1000, batch_size=32, epochs=3), 32)
    for _ in clock.epochs():
        with pytest.raises(ValueError, match=r"the rest of a .* is not known: .*resume="):
            clock.rest(what)
        break


def zipped(clock: sb.StepClock, others: Any) -> None:
    """Train an epoch whose batches are zipped with something."""
    for _ in clock.epochs(1):
        for _ in zip(clock.batches(range(5)), others):  # noqa: B905 - that is what people write
            pass


def test_a_zip_that_outlives_its_loop_is_told() -> None:
    clock = sb.StepClock(batches_per_epoch=5, epochs=1)

    def trained() -> None:
        for _ in clock.epochs():
            both = zip(clock.batches(range(5)), "abc")  # noqa: B905 - that is what people write
            assert len(list(both)) == 3

    with pytest.warns(sb.StepbridgeWarning, match="batch 4, which zip had taken"):
        trained()
    assert clock.batch == 4


def test_a_zip_that_took_a_batch_too_many_is_told() -> None:
    clock = sb.StepClock(batches_per_epoch=5, epochs=2)
    with pytest.warns(sb.StepbridgeWarning, match=r"batch 4, which zip had taken.*zip\(other, clock\.batches"):
        zipped(clock, "abc")


def test_a_zip_that_took_none_too_many_says_nothing() -> None:
    clock = sb.StepClock(batches_per_epoch=5, epochs=4)
    zipped(clock, "abcde")
    zipped(clock, range(9))
    for _ in clock.epochs(1):
        for _ in zip("abcde", clock.batches(range(5)), strict=False):
            pass
    for _ in clock.epochs(1):
        for number, _ in enumerate(clock.batches(range(5))):
            if number == 4:
                break
    assert clock.batch == 20


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")
def test_a_ledger_that_is_a_pipe_does_not_stop_the_training(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "stepclock.jsonl")
    clock = sb.StepClock(batches_per_epoch=5, epochs=1, ledger=tmp_path)
    with pytest.warns(sb.StepbridgeWarning, match="it is a pipe, not a file"):
        clock.begin_epoch()
    clock.advance(5)
    clock.end_epoch()
    clock.end_run()
    assert clock.batch == 5


@pytest.mark.parametrize("arrays", [np.arange(30), np.arange(1001), (np.arange(1000), np.arange(999))])
def test_arrays_of_other_data_have_no_rest(arrays: Any) -> None:
    clock = resumed(stopped(10, samples=1000, batch_size=32, epochs=3), 64)
    clock.begin_epoch()
    with pytest.raises(ValueError, match=r"the loader has \d+ samples, but the epoch is planned with 1000"):
        clock.rest(arrays)
