"""The clock in Keras's checkpoints: real crashes, restored in a new model with a new clock, and going on exactly."""

from __future__ import annotations

import pytest

from adapters.keras_runs import BACKENDS, result, value

pytestmark = pytest.mark.parametrize("backend", BACKENDS)


@pytest.mark.parametrize(
    "scenario", ["restored_at_a_boundary", "restored_at_a_boundary_in_the_other_order", "restored_with_a_stated_plan"]
)
def test_a_run_restored_at_a_boundary_is_the_run_that_never_crashed(scenario: str, backend: str) -> None:
    found = value(backend, scenario)
    assert found["first"]["end"]["batch"] == 17
    assert found["again"]["epochs"] == [2, 3]
    samples = [13 * epoch + done for epoch in range(4) for done in (2, 4, 6, 8, 10, 12, 13)]
    for n, row in enumerate(found["again"]["rows"], start=14):
        # The tally and the optimizer's counter came out of the checkpoint too.
        assert row["tally"] == [n + 1, samples[n]]
        assert row["clock"] == [n + 1, (n + 1) // 2, samples[n], *divmod(n, 7)]
        assert row["iterations"] == (n + 1) // 2
    assert found["again"]["end"]["position"] == [4, 0]
    assert found["again"]["end"]["planned"] == 4
    assert result(backend, scenario)["warned"] == []


@pytest.mark.parametrize("scenario", ["restored_inside_an_epoch", "restored_inside_an_epoch_in_the_other_order"])
def test_a_backup_inside_an_epoch_begins_it_again(scenario: str, backend: str) -> None:
    found = value(backend, scenario)
    # The last backup was after 16 batches, 2 of which were of epoch 2: Keras trains all 7 of it again.
    assert found["again"]["epochs"] == [2, 3]
    rows = found["again"]["rows"]
    assert [row["tally"][0] for row in rows] == list(range(17, 31))
    assert [row["clock"][0] for row in rows] == list(range(17, 31))
    assert [row["clock"][1] for row in rows] == [row["iterations"] for row in rows] == [n // 2 for n in range(17, 31)]
    # The part done is an epoch that was cut, so the clock's epoch is one ahead of Keras's.
    assert [row["clock"][3:] for row in rows] == [[epoch, at] for epoch in (3, 4) for at in range(7)]
    assert [row["clock"][2] for row in rows] == [row["tally"][1] for row in rows]
    assert found["again"]["end"]["planned"] == 5
    assert result(backend, scenario)["warned"] == []


def test_data_of_unknown_length_is_restored_in_either_order(backend: str) -> None:
    for end in value(backend, "restored_unknown_length"):
        assert (end["batch"], end["batches"], end["position"]) == (21, 21, [3, 0])
    assert result(backend, "restored_unknown_length")["warned"] == []


def test_model_checkpoint_holds_the_clock(backend: str) -> None:
    found = value(backend, "saved_by_model_checkpoint")
    assert found["loaded"] == [10, 5, [1, 3], 10]
    assert [row["clock"][0] for row in found["rows"]] == [row["tally"][0] for row in found["rows"]]
    assert [row["clock"][1] for row in found["rows"]] == [row["iterations"] for row in found["rows"]]
    assert [row["clock"][3:] for row in found["rows"]] == [[epoch, at] for epoch in (2, 3) for at in range(7)]


def test_a_whole_model_holds_the_clock(backend: str) -> None:
    found = value(backend, "saved_as_a_whole_model")
    assert [row["clock"] for row in found["rows"]] == [
        [n, n, 26 + sample, 2, n - 15] for n, sample in zip(range(15, 22), (2, 4, 6, 8, 10, 12, 13), strict=True)
    ]
    assert [row["tally"][0] for row in found["rows"]] == list(range(15, 22))


def test_a_checkpoint_without_a_clock_loads(backend: str) -> None:
    found = value(backend, "a_checkpoint_without_a_clock_loads")
    assert found["batch"] == 0
    assert found["weights"] == found["other"] != found["fresh"]


def test_a_checkpoint_with_a_clock_loads_where_there_is_none(backend: str) -> None:
    assert value(backend, "a_checkpoint_with_a_clock_loads_without_one") == {"equal": True}


def test_weights_loaded_inside_an_epoch_take_the_clock_back_with_the_next(backend: str) -> None:
    found = value(backend, "weights_loaded_inside_an_epoch")
    # After batch 10 the model is as it was after 7; the epoch's other 4 batches are trained on, and lost to the record.
    assert [row["clock"][0] for row in found["rows"][-7:]] == list(range(8, 15))
    assert [row["clock"][3:] for row in found["rows"][-7:]] == [[1, at] for at in range(7)]
    assert found["end"]["position"] == [2, 0]
    assert result(backend, "weights_loaded_inside_an_epoch")["warned"] == []


def test_the_ledger_tells_the_run_that_was_restored(backend: str) -> None:
    found = value(backend, "restored_beside_a_ledger")
    # Batch 15 to 17 of the first process are superseded, and the second goes on where the backup was.
    assert found["epoch"] == [[7, 7, 7, 7], 52, 2, 0]
    # Here 2 batches of epoch 2 are in the backup, and stay: 56 samples passed through the model.
    assert found["4"] == [[7, 7, 2, 7, 7], 56, 2, 0]


def test_a_fit_over_the_rest_goes_on_in_its_epoch(backend: str) -> None:
    assert value(backend, "the_rest_of_an_epoch") == [
        [2, 0, 200, 20],
        [3, 0, 300, 30],
        [2, 0, 200, 17],
        [3, 0, 300, 22],
    ]
    assert result(backend, "the_rest_of_an_epoch")["warned"] == []
