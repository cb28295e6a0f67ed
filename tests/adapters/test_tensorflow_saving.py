"""tf.train.Checkpoint and tf.summary: a clock that goes on exactly, and event files that say where each step was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import stepbridge as sb
from adapters.tensorflow_worker import answer, results


@pytest.fixture(scope="module")
def saw() -> Any:
    answers = results("tensorflow_saving")
    return lambda name: answer(answers, name)


@pytest.mark.parametrize(
    ("name", "position"),
    [("at_a_boundary", [1, 0]), ("skipping", [1, 3]), ("skipped_by_the_dataset", [1, 3])],
)
def test_a_resumed_run_ends_as_one_that_never_stopped(saw: Any, name: str, position: list[int]) -> None:
    """The same samples, the same weight, the same iterations, the same clock."""
    assert saw(name)["position"] == position
    assert saw(name)["end"] == saw("whole")
    assert saw("whole")[0] == list(range(20)) * 3


def test_an_iterator_saved_beside_the_clock_goes_on(saw: Any) -> None:
    stopped, resumed = saw("with_the_iterator")
    assert stopped == resumed == saw("whole")


def test_a_resume_inside_an_epoch_must_be_explained(saw: Any) -> None:
    kind, text = saw("unexplained")
    assert kind == "TimelineError"
    assert "after 3 batches" in text


def test_another_batch_size_goes_on_from_the_exact_sample(saw: Any) -> None:
    found = saw("another_batch_size")
    assert found["passed"] == list(range(20)) * 3
    # 7 and 3 batches of three, then 11 samples in three batches of up to five, then 4 batches.
    assert found["counts"] == [7 + 3 + 3 + 4, 7 + 3 + 3 + 4, 60, 3, 0]


def test_a_checkpoint_of_another_plan_is_refused_before_a_variable_is_touched(saw: Any) -> None:
    found = saw("another_plan")
    kind, text = found["refused"]
    assert kind == "TimelineError"
    assert "samples=20 there, 30 here" in text
    assert found["untouched"] == [0.0, 0, 0]
    assert found["changed"] == [True, 10, 17]


def test_a_restore_inside_the_loop_is_refused(saw: Any) -> None:
    (kind, text), weight = saw("inside_the_loop")
    assert kind == "RuntimeError"
    assert "before epochs()" in text
    assert weight == 0.0


def test_a_clock_that_is_attached_after_the_restore(saw: Any) -> None:
    assert saw("attached_later") == [0, 10, [1, 3]]


def test_a_checkpoint_without_a_clock_is_adopted_from_its_iterations(saw: Any) -> None:
    found = saw("without_a_clock")
    kind, text = found["unmatched"]
    assert kind == "AssertionError"
    assert "ClockCheckpoint(StepClock(clock: epoch 0" in text
    assert found["before"] == 0
    assert found["end"] == [21, 60, 21]
    assert found["warned"] == []


def test_what_is_no_clock(saw: Any) -> None:
    (broken, mistaken, number) = saw("not_a_clock")
    assert broken[0] == mistaken[0] == "TimelineError"
    assert "no state of a clock" in broken[1]
    assert number[0] == "TypeError"


def test_a_trigger_remembers_over_a_restore(saw: Any) -> None:
    assert saw("triggers") == [4, 8, 12, 16, 20]


def test_a_manager_counts_with_the_variable(saw: Any) -> None:
    found = saw("managed")
    assert found["saved"] == [[step, f"ckpt-{step}"] for step in (1, 4, 7, 10, 13)]
    assert found["kept"] == ["ckpt-10", "ckpt-13"]
    assert found["restored"] == ["ckpt-13", 13, 13, 13]


def test_an_asynchronous_checkpoint_holds_the_clock_of_its_moment(saw: Any) -> None:
    assert saw("asynchronous") == [[step, step] for step in range(1, 22)]


def test_applied_updates_go_on(saw: Any) -> None:
    """Watched before the restore or after it: 6 steps, 2 of them left out by loss scaling."""
    for before, after, warned in saw("watched_and_scaled"):
        assert before == [3, 2, 2]
        assert after == [6, 4, 4, 4]
        assert warned == []


def test_summaries_have_the_clocks_step(saw: Any) -> None:
    found = saw("summaries")
    expected = [[step, value] for step, value, _, _ in found["rows"]]
    assert len(expected) == 12  # 4 steps of up to two batches in each of 3 epochs
    assert found["written"]["inside"] == found["written"]["outside"] == expected
    assert found["written"]["frozen"] == [[1, value] for _, value in expected]


def test_summaries_are_mapped_by_the_ledger_alone(saw: Any) -> None:
    found = saw("summaries")
    lines = [json.loads(line) for line in (Path(found["root"]) / "stepclock.jsonl").read_text().splitlines()]
    logged = [line for line in lines if line["kind"] == "logged_as"]
    assert [(line["unit"], line["base"], line["stated"], line["by"]) for line in logged] == [
        ("st", 1, True, "tf.summary")
    ]
    logs = sb.read_logs(found["root"])
    for table in (logs.reindex(), logs.reindex(sb.Timeline.from_json(found["plan"]), unit="step", base=1)):
        records = [row for row in table.to_polars().to_dicts() if row["tag"] == "outside"]
        assert [[row["step"], row["value"], row["epoch"], row["iter"]] for row in records] == found["rows"]


def test_summaries_by_sample(saw: Any) -> None:
    steps = sb.read_logs(saw("summaries_by_sample")).to_polars()["step"].to_list()
    assert steps == [3, 6, 9, 12, 15, 18, 20, 23, 26, 29, 32, 35, 38, 40]
