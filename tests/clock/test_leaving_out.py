"""An epoch whose rest a framework never trains."""

from __future__ import annotations

import stepbridge as sb


def test_what_is_left_counts() -> None:
    clock = sb.StepClock(samples=20, batch_size=3, epochs=2)
    clock.begin_epoch()
    clock.advance(4)
    clock.end_epoch(leaves_out=True)
    assert (clock.left_out, clock.repeated) == (sb.Exact(8, "sp"), sb.Exact(0, "sp"))
    assert clock.position == sb.Position(epoch=1, iter=0)


def test_an_epoch_that_is_whole_leaves_out_nothing() -> None:
    clock = sb.StepClock(samples=20, batch_size=3, epochs=2)
    clock.begin_epoch()
    clock.advance(7)
    clock.end_epoch(leaves_out=True)
    assert clock.left_out == sb.Exact(0, "sp")


def test_less_is_repeated_where_the_loop_does_not_get_as_far_again() -> None:
    clock = sb.StepClock(samples=20, batch_size=3, epochs=2)
    clock.begin_epoch()
    clock.advance(3)
    clock.begin_epoch(0)
    state = clock.state_dict()
    resumed = sb.StepClock(samples=20, batch_size=3, epochs=2)
    resumed.load_state_dict(state)
    resumed.begin_epoch(0, sample=0, tell=False)
    resumed.advance(2)
    resumed.end_epoch(leaves_out=True)
    # 9 samples were done, then the first 6 again.
    assert (resumed.repeated, resumed.left_out) == (sb.Exact(6, "sp"), sb.Exact(11, "sp"))
    assert resumed.sample == 15
