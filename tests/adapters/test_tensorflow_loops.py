"""Custom loops of TF2: the clock next to samples that passed, weights that changed and `optimizer.iterations`."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import stepbridge as sb
from adapters.tensorflow_worker import answer, results


@pytest.fixture(scope="module")
def saw() -> Any:
    answers = results("tensorflow_eager")
    return lambda name: answer(answers, name)


def counted(sizes: list[int], epochs: int, *, known: bool = True) -> list[Any]:
    """Batch by batch: [epoch, iter, step, batch, sample] of the clock; updates, changes and samples of the model."""
    rows: list[Any] = []
    batch = sample = 0
    for epoch in range(epochs):
        for iteration, size in enumerate(sizes):
            batch += 1
            sample += size
            rows.append([[epoch, iteration, batch, batch, sample if known else None], [batch, batch, sample]])
    return rows


@pytest.mark.parametrize(
    ("name", "sizes", "epochs"),
    [("uniform", [200] * 5, 5), ("partial", [4, 4, 2], 3), ("dropped", [4, 4], 3)],
)
def test_every_counter_agrees_in_every_batch(saw: Any, name: str, sizes: list[int], epochs: int) -> None:
    assert saw(name) == counted(sizes, epochs)


def test_the_textbook_run_ends_where_it_should(saw: Any) -> None:
    (epoch, iteration, step, _, sample), (iterations, changes, samples) = saw("uniform")[-1]
    assert f"Epoch {epoch + 1}, Iter {iteration + 1}, Step {step}" == "Epoch 5, Iter 5, Step 25"
    assert (iterations, changes, sample, samples) == (25, 25, 5000, 5000)


def test_an_unknown_cardinality_is_learned(saw: Any) -> None:
    found = saw("unknown")
    assert found["rows"] == counted([4, 4, 2], 3, known=False)
    assert found["epochs"] == 6
    assert found["position"] == [3, 0]


def test_a_flush_over_an_unknown_length_closes_on_the_last_batch(saw: Any) -> None:
    rows = saw("unknown_accumulating")
    assert [[row[0][2], *row[1][:2]] for row in rows] == [[step] * 3 for step in steps("flush")]


def steps(boundary: str, length: int = 7, epochs: int = 2, accumulate: int = 3) -> list[int]:
    """Steps after each batch, counted by hand."""
    counts, pending, step = [], 0, 0
    for _ in range(epochs):
        for iteration in range(length):
            pending += 1
            last = iteration == length - 1
            if pending == accumulate or (last and boundary == "flush"):
                step, pending = step + 1, 0
            elif last and boundary == "drop":
                pending = 0
            counts.append(step)
    return counts


@pytest.mark.parametrize("boundary", ["flush", "carry", "drop"])
def test_gradients_added_up_by_hand(saw: Any, boundary: str) -> None:
    rows = saw("accumulated")[boundary]
    assert [[row[0][2], *row[1][:2]] for row in rows] == [[step] * 3 for step in steps(boundary)]
    assert [row[0][4] for row in rows] == [row[1][2] for row in rows]


def test_the_optimizers_own_accumulation_carries(saw: Any) -> None:
    found = saw("keras_accumulates")
    assert found["rows"] == [[step] * 3 for step in steps("carry")]
    assert found["applied"] == [4, 4]


def test_an_endless_dataset(saw: Any) -> None:
    found = saw("endless")
    kind, text = found["refused"]
    assert kind == "TimelineError"
    assert "endless" in text
    assert "batches_per_epoch=" in text
    assert found["rows"] == counted([4, 4, 4], 2)
    assert (found["until"], found["end"]) == (5, True)


def test_what_a_dataset_says_is_what_one_pass_gives(saw: Any) -> None:
    """Every size that is stated is true; what cannot be known is None."""
    for name, case in saw("datasets").items():
        batches, batch_size, last, samples = case["stated"]
        seen = case["seen"]
        assert batches in (None, len(seen)), name
        if batch_size is not None:
            assert [batch_size] * (len(seen) - 1) == seen[:-1], name
            assert (last or batch_size) == seen[-1], name
        if samples is not None and last != batch_size:
            assert samples == sum(seen), name


@pytest.mark.parametrize(
    ("name", "stated"),
    [
        ("batch", [3, 4, 2, 10]),
        ("drop_remainder", [2, 4, 4, 10]),
        ("parallel", [3, 4, 2, 10]),
        ("padded", [3, 4, 2, 10]),
        ("parallel map", [3, 4, 2, 10]),
        ("features", [3, 4, 2, 10]),
        ("shuffled", [3, None, None, None]),
        ("shuffled, full", [2, 4, 4, None]),
        ("taken", [2, None, None, None]),
        ("repeated", [6, None, None, None]),
        ("repeated before", [5, 4, 4, 20]),
        ("filtered", [None, None, None, None]),
        ("filtered, full", [None, 4, None, None]),
        ("generator", [None, None, None, None]),
        ("not batched", [10, None, None, None]),
    ],
)
def test_what_a_dataset_says(saw: Any, name: str, stated: list[int | None]) -> None:
    assert saw("datasets")[name]["stated"] == stated


def test_datasets_that_make_no_clock(saw: Any) -> None:
    found = saw("refused_datasets")
    for name, kind, text in (
        ("empty", "TimelineError", "empty"),
        ("a list", "TypeError", "tf.data.Dataset, not list"),
        ("a graph", "RuntimeError", "StepClock(samples=..., batch_size=..., epochs=...)"),
        ("contradiction", "TimelineError", "not 3"),
    ):
        assert found[name][0] == kind
        assert text in found[name][1]
    assert "batches of 4" in found["sizes given"]


@pytest.mark.parametrize("name", ["scaled_eagerly", "scaled_in_a_function"])
def test_an_update_left_out_by_loss_scaling_is_marked(saw: Any, name: str) -> None:
    """[step, applied, applied by it, weights changed, iterations] after each batch."""
    finite = [True, False, True, False, True, False, False, True]
    updates = [sum(finite[: batch + 1]) for batch in range(8)]
    assert saw(name)["rows"] == [[batch + 1, count, count, count, count] for batch, count in enumerate(updates)]
    # In the ledger: the first one's number, from 1, and how many.
    assert saw(name)["skipped"] == [[[2, 1], [4, 1]], [[6, 2]]]


def test_without_sync_the_mark_comes_with_the_next_batch(saw: Any) -> None:
    found = saw("scaled_without_sync")
    # In the body the step at hand counts as applied until its update is known to have been left out.
    assert found["inside"] == [1, 2, 2, 3]
    assert found["after"] == [4, 2, 2]


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("once", []),
        ("adopted", []),
        ("forgotten", ["optimizer.iterations: expected one more after batch 3, seen 0 more (2)"]),
        ("twice", ["optimizer.iterations: expected one more after batch 3, seen 2 more (4)"]),
        ("set back", ["optimizer.iterations: expected 4 or more, seen 0"]),
        ("every batch", ["expected no update after batch 1, where an accumulation window is open"]),
        ("ahead", ['expected 0 before batch 1, seen 500: StepClock(initial="500st") begins there']),
        ("not restored", ["expected 4 before batch 5, seen 0: restore the optimizer with the clock"]),
    ],
)
def test_a_counter_that_disagrees_is_told_once(saw: Any, name: str, texts: list[str]) -> None:
    warned = saw("disagreements")[name]["warned"]
    assert len(warned) == len(texts)
    for line, text in zip(warned, texts, strict=True):
        assert line.startswith("clock: ")
        assert text in line


def test_what_is_applied_is_what_the_weights_show(saw: Any) -> None:
    found = saw("disagreements")
    for name in ("once", "forgotten", "twice", "every batch"):
        assert found[name]["counts"][2] == found[name]["seen"][1], name
    assert found["forgotten"]["counts"] == [8, 7, 7]


def test_two_optimizers_have_counts_of_their_own(saw: Any) -> None:
    found = saw("two_optimizers")
    assert found["counts"] == [11, 6, 11, 12]
    assert found["seen"] == found["handles"] == [11, 6]
    assert found["again"][0] == found["taken"][0] == "TimelineError"
    assert "'generator'" in found["again"][1]
    assert found["third"] == "optimizer2"
    (text,) = found["warned"]
    assert "expected one after batch 5" in text


def test_a_watch_that_ends_leaves_no_marks(saw: Any) -> None:
    found = saw("watch_ends")
    # Removed in the body of batch 3, after its update; nobody says that a later one was left out.
    assert found["counts"] == [8, 8, 3]
    assert found["hooks"] == 1


def test_an_optimizer_of_tf1_in_a_loop_of_tf2(saw: Any) -> None:
    found = saw("v1_optimizer")
    assert found["counts"] == [8, 7, 7]
    assert found["weight"] == pytest.approx(1 - 8 * 0.01)
    (text,) = found["warned"]
    assert "global_step: expected one more after batch 6, seen 0 more (5)" in text
    assert "global_step=" in found["the optimizer itself"][1]
    for name in ("the optimizer itself", "a float", "no clock"):
        assert found[name][0] == "TypeError"


def test_a_python_integer_freezes_and_the_variable_does_not(saw: Any) -> None:
    rows = saw("frozen")
    assert [naive for naive, _, _ in rows] == [1] * 6
    assert [followed for _, followed, _ in rows] == [right for _, _, right in rows]
    assert [row[2] for row in rows] == [
        [batch, batch, sample, epoch]
        for batch, sample, epoch in ((1, 4, 0), (2, 8, 0), (3, 10, 0), (4, 14, 1), (5, 18, 1), (6, 20, 1))
    ]


def test_the_variable_follows(saw: Any) -> None:
    found = saw("followers")
    assert (found["before"], found["loaded"], found["same"]) == (0, 2, True)
    assert all(variable == step for variable, step in found["rows"])
    assert found["rows"][-1] == [6, 6]
    assert (found["dtype"], found["trainable"]) == ("int64", False)
    assert found["a graph"][0] == "RuntimeError"
    for name in ("tokens", "samples"):
        assert found[name][0] == "TimelineError"
    assert found["no clock"][0] == "TypeError"


@pytest.mark.parametrize("by", ["clock_for", "follow", "watch"])
def test_a_loop_that_is_traced_is_refused(saw: Any, by: str) -> None:
    kind, text = saw("traced_loop")[by]
    assert kind == "RuntimeError"
    assert "while a tf.function was traced" in text


def test_a_missing_tensorflow_names_the_extra() -> None:
    code = "import sys; sys.modules['tensorflow'] = None; import stepbridge.adapters.tensorflow"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ImportError: stepbridge.adapters.tensorflow needs TensorFlow: pip install 'stepbridge[tensorflow]'" in (
        done.stderr
    )


def test_tensorflow_is_loaded_by_its_adapter_alone() -> None:
    code = "import sys, stepbridge, stepbridge.adapters; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_counters_of_other_frameworks() -> None:
    """At each event of an accumulating run, TensorFlow's global step and what Keras and PyTorch call the same batch."""
    clock = sb.StepClock(batches_per_epoch=7, epochs=2, accumulate=3)
    for _ in clock.epochs():
        for _ in clock.batches(range(7)):
            assert clock.counters("tensorflow") == {"global_step": clock.step}
