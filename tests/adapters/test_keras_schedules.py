"""Rates as they were really applied, batch by batch, by a compiled train step on each backend."""

from __future__ import annotations

import math

import pytest

from adapters.keras_runs import BACKENDS, value

pytestmark = pytest.mark.parametrize("backend", BACKENDS)


def by_hand() -> list[float]:
    """Up to 0.1 in the first epoch, held through the second, then from 0.05 to 0 along a cosine.

    13 samples are 6 batches of 2 and one of 1.
    """
    rates = [0.1 * 2 * at / 13 for at in range(7)]
    rates += [0.1] * 7
    rates += [0.05 * (1 + math.cos(math.pi * (13 * epoch + 2 * at) / 26)) / 2 for epoch in range(2) for at in range(7)]
    return rates


def test_phases_in_any_unit(backend: str) -> None:
    assert value(backend, "schedule") == pytest.approx(by_hand(), abs=2e-5)


def test_over_windows_time_is_counted_in_batches(backend: str) -> None:
    # Three updates at 0.1 end at batch 9, and what follows jumps at the first window that closes in epoch 2.
    expected = [(0.1 if batch < 14 else 0.01) if batch % 3 == 2 else 0.0 for batch in range(28)]
    assert value(backend, "schedule_by_a_clock_over_windows") == pytest.approx(expected, abs=2e-5)


def test_a_phase_in_data_keeps_its_pace_across_a_change_of_the_batch_size(backend: str) -> None:
    found = value(backend, "schedule_across_a_change")
    # Epoch 0 takes batches of 2, the others of 4: what is done before each of them, in epochs of 13 samples.
    done = [2 * batch / 13 for batch in range(7)] + [
        1 + epoch + 4 * batch / 13 for epoch in range(3) for batch in range(4)
    ]
    assert found["4ep"] == pytest.approx([0.1 * (1 - epochs / 4) for epochs in done], abs=2e-5)
    # 39 samples are three epochs, after 15 batches.
    cosine = [0.1 * (1 + math.cos(math.pi * min(epochs / 3, 1))) / 2 for epochs in done]
    assert found["39sp"] == pytest.approx(cosine, abs=2e-5)


def test_it_is_serialised_with_the_model(backend: str) -> None:
    assert value(backend, "schedule_is_serialised") == {"equal": True, "kind": "ClockSchedule"}


def test_a_schedule_in_epochs_is_driven_by_epochs(backend: str) -> None:
    found = value(backend, "driven_schedule")
    assert found["even"] == pytest.approx([0.1 * 0.5 ** (batch // 7) for batch in range(28)], abs=2e-5)
    # 7 batches of 2 in the first epoch, then 4 of 4.
    halved = [0] * 7 + [1] * 4 + [2] * 4 + [3]
    assert found["uneven"] == found["again"] == pytest.approx([0.1 * 0.5**times for times in halved], abs=2e-5)
    assert found["kept"] == [7, [7, 11, 15, 19]]
