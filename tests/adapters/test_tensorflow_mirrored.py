"""MirroredStrategy on two logical devices: `batch_size` is that of all replicas, and samples those that they saw."""

from __future__ import annotations

from typing import Any

import pytest

import stepbridge as sb
from adapters.tensorflow_worker import answer, results


@pytest.fixture(scope="module")
def saw() -> Any:
    answers = results("tensorflow_mirrored")
    return lambda name: answer(answers, name)


@pytest.mark.parametrize(
    ("name", "sizes", "accumulate"),
    [
        ("whole_batches", [4, 4], 1),
        ("a_replica_without_samples", [4, 4, 1], 1),
        ("accumulated", [4] * 6 + [2], 3),
    ],
)
def test_the_clock_counts_what_the_replicas_saw(saw: Any, name: str, sizes: list[int], accumulate: int) -> None:
    rows = saw(name)["rows"]
    assert len(rows) == 2 * len(sizes)
    batch = step = sample = pending = 0
    for row, size in zip(rows, sizes * 2, strict=True):
        batch, sample, pending = batch + 1, sample + size, pending + 1
        if pending == accumulate or batch % len(sizes) == 0:
            step, pending = step + 1, 0
        assert row["clock"] == [batch, step, sample]
        assert (sum(row["replicas"]), row["samples"]) == (size, sample)
        assert (row["iterations"], row["changes"]) == (step, step)
        assert row["inside"] == [batch, batch]
        assert row["outside"] == [step, step]
    assert saw(name)["applied"] == step


def test_a_replica_may_get_nothing(saw: Any) -> None:
    assert [row["replicas"] for row in saw("a_replica_without_samples")["rows"][:3]] == [[2, 2], [2, 2], [1, 0]]


def test_a_variable_made_in_the_scope_is_mirrored(saw: Any) -> None:
    found = saw("whole_batches")
    assert found["kind"] == "MirroredVariable"
    assert not found["same"]


def test_loss_scaling_on_replicas(saw: Any) -> None:
    found = saw("scaled_on_the_first")
    assert found == {"rows": [[1, 1, 1, 1, 1], [2, 1, 1, 1, 1], [3, 2, 2, 2, 2]], "finite": True}


def test_keras_looks_at_the_first_replica_alone(saw: Any) -> None:
    """An inf on the second one is applied: `iterations` rises, and so does the clock; the weight is lost."""
    found = saw("scaled_on_the_second")
    assert [row[:4] for row in found["rows"]] == [[1, 1, 1, 1], [2, 2, 2, 2], [3, 3, 3, 3]]
    assert not found["finite"]


def test_what_a_distributed_dataset_says_of_its_length(saw: Any) -> None:
    found = saw("cardinalities")
    assert found["dataset"] == [2, 2]
    assert found["function"] == [4, 2]  # twice what the loop gets: so clock_for takes the global dataset alone
    kind, text = found["refused"]
    assert kind == "TypeError"
    assert "before it is distributed" in text


def test_a_checkpoint_under_a_strategy(saw: Any) -> None:
    whole, restored, end = saw("saved")
    assert restored == [3, 3, 3]
    assert end == whole


def test_summaries_take_the_mirrored_step(saw: Any) -> None:
    found = saw("summaries")
    assert found["steps"] == [1, 2, 3, 4]
    table = sb.read_logs(found["root"]).to_polars()
    assert table["step"].to_list() == [1, 2, 3, 4]
