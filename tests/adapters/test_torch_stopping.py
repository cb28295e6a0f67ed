"""ClockEarlyStopping of PyTorch: it stops where that of Keras does."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch

import stepbridge as sb
from stepbridge.adapters.torch import ClockEarlyStopping


def batches_until(losses: dict[int, float], *, inside: str | None = None, **options: Any) -> tuple[int, Any]:
    """Trains epochs of 7 batches of 3 samples; returns after how many batches it stopped, and where.

    The loss is the one of the last batch in `losses` up to here, as Keras's tests have it.
    """
    clock = sb.StepClock(samples=21, batch_size=3, epochs=9)
    stopping = ClockEarlyStopping(clock=clock, **options)
    loss = 9.0
    for _ in clock.epochs():
        for _batch in clock.batches(range(7)):
            loss = losses.get(clock.batch, loss)
            if inside is not None and clock.every(inside) and stopping.step(loss):
                return clock.batch, stopping.stopped_at
        if stopping.step(loss):
            return clock.batch, stopping.stopped_at
    return clock.batch, stopping.stopped_at


#: It improves in each batch up to the one that is named.
def falling(best: int) -> dict[int, float]:
    return {batch: 8.0 - 0.1 * batch for batch in range(1, best + 1)}


@pytest.mark.parametrize(
    ("options", "best", "stops"),
    [
        ({"patience": "2ep"}, 14, (28, (3, 6))),
        ({"patience": "10st"}, 14, (28, (3, 6))),
        ({"patience": "10st", "inside": "1ba"}, 10, (20, (2, 5))),
        ({"patience": "26sp", "inside": "3ba"}, 18, (27, (3, 5))),
        ({"patience": "1ep", "start_from": "4ep"}, 1, (35, (4, 6))),
        ({"patience": "9ep"}, 1, (63, None)),
        ({"patience": "50%"}, 7, (42, (5, 6))),
    ],
)
def test_it_stops_where_patience_ends(options: dict[str, Any], best: int, stops: tuple[int, Any]) -> None:
    assert batches_until(falling(best), **options) == stops


@pytest.mark.parametrize(
    ("options", "losses", "stopped"),
    [
        ({}, [5, 4, 4, 3], [False, False, True, False]),
        ({"mode": "max"}, [4, 5, 5, 6], [False, False, True, False]),
        ({"min_delta": 0.5}, [5, 4.6, 4.4], [False, True, False]),
        ({"min_delta": -0.5}, [5, 4.6, 4.4], [False, True, False]),
        ({"baseline": 3.0, "patience": "3ep"}, [5, 4, 4], [False, False, True]),
        ({}, [math.nan, 5, math.nan], [True, False, True]),
        ({}, [torch.tensor(5.0), torch.tensor(6.0)], [False, True]),
    ],
)
def test_what_an_improvement_is(options: dict[str, Any], losses: list[Any], stopped: list[bool]) -> None:
    clock = sb.StepClock(batches_per_epoch=2, epochs=9)
    stopping = ClockEarlyStopping(**{"patience": "1ep", **options}, clock=clock)
    answers = []
    for epoch in clock.epochs(len(losses)):
        list(clock.batches(range(2)))
        answers.append(stopping.step(losses[epoch]))
    assert answers == stopped


def test_a_resume() -> None:
    def made() -> tuple[sb.StepClock, ClockEarlyStopping]:
        clock = sb.StepClock(samples=20, batch_size=3, epochs=9)
        return clock, ClockEarlyStopping("2.5ep", clock=clock)

    clock, stopping = made()
    for epoch in clock.epochs(2):
        list(clock.batches(range(7)))
        assert not stopping.step(float(epoch))
    state = json.loads(json.dumps({"clock": clock.state_dict(), "stopping": stopping.state_dict()}))
    clock, stopping = made()
    clock.load_state_dict(state["clock"])
    stopping.load_state_dict(state["stopping"])
    answers = []
    for _ in clock.epochs(3):
        for _batch in clock.batches(range(7)):
            answers.append(stopping.step(1.0))
            if answers[-1]:
                break
        if answers[-1]:
            break
    # The best was at the end of epoch 0; 2.5 epochs later 10 of the 20 samples of epoch 3 are done.
    assert clock.location == (3, 3)
    assert stopping.best == 0.0


def test_wrong_use() -> None:
    clock = sb.StepClock(epochs=3)
    with pytest.raises(TypeError, match="StepClock"):
        ClockEarlyStopping("1ep", clock=None)  # type: ignore[arg-type]
    with pytest.raises(sb.TimelineError, match='"min" or "max"'):
        ClockEarlyStopping("1ep", clock=clock, mode="auto")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="unit"):
        ClockEarlyStopping("3", clock=clock)
    with pytest.raises(sb.TimelineError, match="the state is of one in 'st'"):
        ClockEarlyStopping("1ep", clock=clock).load_state_dict({"best": 1.0, "best_at": "3", "unit": "st"})


@pytest.mark.parametrize(("patience", "stops"), [("1ep", (5, (1, 0))), ("15sp", (6, (1, 1))), ("3ba", (5, (1, 0)))])
def test_patience_is_an_amount_of_data_across_a_change_of_the_batch_size(patience: str, stops: Any) -> None:
    """12 samples: 4 batches of 3 in epoch 0, then batches of 6. The best is after batch 2, at sample 6."""
    clock = sb.StepClock(samples=12, batch_size=3, epochs=9)
    stopping = ClockEarlyStopping(clock=clock, patience=patience)
    for epoch in clock.epochs():
        if epoch == 1:
            clock.change(batch_size=6)
        for _ in clock.batches(range(2 if epoch else 4)):
            if stopping.step(1.0 if clock.batch >= 2 else 2.0):
                assert (clock.batch, stopping.stopped_at) == stops
                return
    pytest.fail("it never stopped")
