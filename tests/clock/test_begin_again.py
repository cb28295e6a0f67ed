"""An earlier epoch that a framework begins again: a further one, whose data count as repeated."""

from __future__ import annotations

import pytest

import stepbridge as sb


def clock_at(batches: int) -> sb.StepClock:
    """20 samples in batches of 3, 3 batches a step, 2 epochs; so many batches are done."""
    clock = sb.StepClock(samples=20, batch_size=3, epochs=2, accumulate=3)
    clock.begin_epoch()
    for _ in range(min(batches, 7)):
        clock.advance()
    if batches > 7:
        clock.end_epoch()
        clock.begin_epoch()
        clock.advance(batches - 7)
    return clock


@pytest.mark.parametrize(
    ("done", "epoch", "sample", "repeated", "epochs"),
    [(10, 0, 12, 17, 4), (10, 1, 0, 9, 3), (7, 0, 18, 2, 3), (10, 0, 0, 29, 4)],
)
def test_it_is_trained_to_the_end(done: int, epoch: int, sample: int, repeated: int, epochs: int) -> None:
    clock = clock_at(done)
    trained = clock.sample
    assert trained is not None
    clock.restart_epoch(epoch, sample=sample, tell=False)
    assert (int(clock.repeated), int(clock.left_out), clock.timeline.epochs) == (repeated, 0, epochs)
    assert int(clock.epoch_done) == sample
    while True:
        clock.advance()
        if clock.position.iter == 0:
            clock.end_epoch()
            if not clock.begin_epoch():
                break
    assert clock.sample == trained + 40 - 20 * epoch - sample
    assert clock.position.epoch == epochs


def test_it_warns_unless_the_caller_did() -> None:
    with pytest.warns(sb.StepbridgeWarning, match="17sp is trained again"):
        clock_at(10).restart_epoch(0, sample=12)


def test_a_state_saved_in_it_goes_on(tmp_path: object) -> None:
    clock = clock_at(10)
    clock.restart_epoch(0, sample=12, tell=False)
    clock.advance()
    again = sb.StepClock()
    again.load_state_dict(clock.state_dict(), pending="drop")
    assert int(again.epoch_done) == int(clock.epoch_done) == 15
    assert (again.sample, int(again.repeated)) == (clock.sample, 17)


@pytest.mark.parametrize(("epoch", "sample"), [(2, 0), (-1, 0), (0, 21)])
def test_what_has_not_begun(epoch: int, sample: int) -> None:
    clock = clock_at(10)
    with pytest.raises(sb.TimelineError, match="cannot"):
        clock.restart_epoch(epoch, sample=sample)
    assert (clock.batch, clock.position) == (10, (1, 3))


def test_the_done_part_of_an_epoch() -> None:
    assert [int(clock_at(batches).epoch_done) for batches in (1, 6, 7, 8)] == [3, 18, 0, 3]


def test_an_epoch_begun_again_has_the_data_of_now() -> None:
    clock = clock_at(7)
    clock.end_epoch()
    clock.replan(sb.Timeline.plan(samples=30, batch_size=3, epochs=2, accumulate=3), pending="drop")
    # It had 20 when it was trained.
    clock.restart_epoch(0, sample=27, tell=False)
    assert (int(clock.repeated), int(clock.epoch_done)) == (0, 27)
    clock.advance()
    assert (clock.sample, clock.position) == (23, (2, 0))
    clock.end_epoch()
    assert clock.begin_epoch()
    clock.advance(10)
    assert (clock.sample, clock.begin_epoch()) == (53, False)
