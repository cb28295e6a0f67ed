"""A restart by another batch size, and a checkpoint from an epoch that went past its plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import stepbridge as sb

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("size", [100, 200, 250, 300])
def test_a_restart_with_another_batch_size_trains_the_epoch_again_by_its_number(size: int, tmp_path: Path) -> None:
    """1400 samples were trained; then epoch 1 again, and epoch 2."""
    first = sb.StepClock(samples=1000, batch_size=200, epochs=3, until="7ba")
    for _ in first.epochs():
        for _ in first.batches(range(5)):
            pass
    clock = sb.StepClock(samples=1000, batch_size=size, epochs=3, ledger=tmp_path)
    clock.load_state_dict(first.state_dict())
    seen = []
    for epoch in clock.epochs():
        batches = clock.batches(range(-(-1000 // size)), resume="restart")
        seen += [(epoch, clock.epoch, clock.sample) for _ in batches]
    assert all(loop == counted for loop, counted, _ in seen)
    assert clock.sample == 1400 + 2000
    assert clock.step == clock.batch == 7 + 2 * -(-1000 // size)
    assert (clock.position.epoch, clock.timeline.epochs, clock.finished) == (3, 3, True)
    assert clock.timeline == sb.Timeline.from_ledger(tmp_path)
    again = sb.StepClock(samples=1000, batch_size=size, epochs=3)
    again.load_state_dict(clock.state_dict())
    assert (again.sample, again.step, again.timeline) == (clock.sample, clock.step, clock.timeline)


@pytest.mark.parametrize("extra", [1, 3])
def test_a_checkpoint_from_an_epoch_that_went_past_its_plan_keeps_the_plan_of_the_later_ones(extra: int) -> None:
    def run(*, reload: bool) -> sb.StepClock:
        plan: dict[str, Any] = {"samples": 1000, "batch_size": 300, "epochs": 3, "accumulate": 2}
        clock = sb.StepClock(**plan)
        state = clock.state_dict()
        for epoch in clock.epochs():
            for _ in clock.batches(range(4 + (extra if epoch == 0 else 0))):
                if clock.batch == 4 + extra:
                    state = clock.state_dict()
            if reload and epoch == 0:
                break
        if reload:
            clock = sb.StepClock(**plan)
            clock.load_state_dict(state, pending="carry")
            for epoch in clock.epochs():
                for _ in clock.batches(() if epoch == 0 else range(4), resume="continues"):
                    pass
        return clock

    with pytest.warns(sb.StepbridgeWarning):
        whole = run(reload=False)
    with pytest.warns(sb.StepbridgeWarning):
        resumed = run(reload=True)
    assert resumed.sample == whole.sample == 1000 + 300 * extra + 2000
    assert (resumed.step, resumed.position, resumed.timeline) == (whole.step, whole.position, whole.timeline)
