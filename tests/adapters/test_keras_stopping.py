"""ClockEarlyStopping: after how many batches the training really ended."""

from __future__ import annotations

import pytest

from adapters.keras_runs import BACKENDS, value

pytestmark = pytest.mark.parametrize("backend", BACKENDS)

# An epoch has 7 batches. The metric improves up to and with the batch of index 13 (the last of epoch 1), 9, 0 or never.
STOPS = {
    "2ep": [28, [3, 6]],
    "10st": [28, [3, 6]],  # 24 steps are due; the end of the epoch is the first moment to look
    "10st, looking inside": [20, [2, 5]],  # the best at batch 10 of the run, and 10 more
    "26sp, looking every 3": [27, [3, 5]],
    "from 4ep": [35, [4, 6]],
    "never": [63, None],
}


@pytest.mark.parametrize("case", STOPS)
def test_it_stops_where_patience_ends(case: str, backend: str) -> None:
    assert value(backend, "patience")[case] == STOPS[case]


def test_in_epochs_it_stops_where_keras_does(backend: str) -> None:
    found = value(backend, "patience")
    assert found["keras, 2 epochs"] == found["2ep"][0]


def test_patience_is_an_amount_of_data_across_a_change_of_the_batch_size(backend: str) -> None:
    # Like Keras's own, it begins anew with each fit: the best of the second is after its first batch, at sample 17.
    # Two epochs more are sample 43, in the first batch of epoch 3; 19 samples more are 36, in the third of epoch 2.
    stops = {"2ep": [16, [3, 0]], "19sp": [14, [2, 2]], "10ba": [18, [3, 2]]}
    assert value(backend, "patience_across_a_change") == stops


def test_the_best_weights_are_restored(backend: str) -> None:
    assert value(backend, "patience_restores_the_best_weights") == {"epochs": 3, "best": True}
