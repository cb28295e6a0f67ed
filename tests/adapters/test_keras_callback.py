"""ClockCallback against what really passed through the model, what changed a weight, and Keras's own counter.

The scenarios run in keras_worker.py, in one process for each backend. Expected numbers are counted here batch by batch.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from adapters.keras_runs import BACKENDS, KERAS_3_10, result, results, value
from stepbridge.conventions import PHANTOM

pytestmark = pytest.mark.parametrize("backend", BACKENDS)


class Case(NamedTuple):
    """What a scenario holds: the lengths of its epochs, the sizes of its batches."""

    lengths: list[int]
    size: int = 2
    last: int = 2
    accumulate: int = 1
    samples: bool = True
    """Whether the clock can know them."""
    fused: bool = False
    phantoms: tuple[int, ...] = ()
    """Epochs in which the data ends inside."""
    planned: int | None = None
    warned: tuple[str, ...] = ()


CASES = {
    "uniform": Case([6] * 3),
    "partial_last_batch": Case([7] * 3, last=1),
    "one_batch_an_epoch": Case([1] * 3, size=5, last=5),
    "two_batches_an_epoch": Case([2] * 3, size=3),
    "accumulated": Case([7] * 3, last=1, accumulate=3),
    "stated_plan": Case([7] * 3, last=1, accumulate=3, planned=4),
    "stated_sizes_are_wrong": Case([7] * 2, last=1, warned=("wrong: samples a batch: expected 4, seen 2",)),
    "stated_batches_are_wrong": Case([7] * 2, last=1, warned=("batches an epoch: expected 9, seen 7",)),
    "fused": Case([7] * 3, last=1, fused=True),
    "fused_and_accumulated": Case([7] * 3, last=1, accumulate=2, samples=False, fused=True),
    "unknown_length": Case([7] * 3, samples=False, phantoms=(0, 1, 2)),
    "unknown_length_eager": Case([7] * 2, samples=False),
    "unknown_length_fused": Case([7] * 3, samples=False, fused=True),
    # `steps_per_epoch` is 7, and Keras trains on 9.
    "fused_past_steps_per_epoch": Case([9] * 2, samples=False, fused=True),
    "steps_per_epoch_of_a_generator": Case([7] * 2),
    "generator_runs_out": Case([7, 5], phantoms=(1,), warned=("epoch 1 .* ended after 5 batches, expected 7",)),
    "fused_generator_runs_out": Case(
        [9, 2], samples=False, fused=True, warned=("epoch 1 .* ended after 2 batches, expected 9",)
    ),
    "weighted_and_validated": Case([7] * 3, last=1),
    "sample_weights_and_split": Case([5] * 2, size=3, last=3),
    "evaluated_and_predicted_inside": Case([7] * 2, last=1),
    "initial_epoch_of_the_same_run": Case([7] * 5, last=1),
    "stopped_by_early_stopping": Case([7] * 2, last=1, planned=9),
    "until_a_step": Case([7, 3], last=1, planned=9),
    "until_a_step_fused": Case([7, 3], last=1, samples=False, fused=True, planned=9),
    "windows_below_a_loss_scale": Case([7] * 3, last=1, accumulate=3),
}


def counted(case: Case) -> list[list[int]]:
    """Batch, step, sample, epoch and iter after each batch, counted one by one."""
    rows = []
    batch = step = sample = pending = 0
    full = max(case.lengths)
    for epoch, length in enumerate(case.lengths):
        for iteration in range(length):
            batch += 1
            sample += case.last if iteration == full - 1 else case.size
            pending += 1
            if pending == case.accumulate:
                step, pending = step + 1, 0
            rows.append([batch, step, sample, epoch, iteration])
    return rows


def refused(backend: str, scenario: str) -> bool:
    """Whether Keras itself does not do that: several batches an execution on PyTorch."""
    if backend != "torch" or "fus" not in scenario:
        return False
    assert "`steps_per_execution` must be 1 with the PyTorch backend" in results(backend)[scenario]["error"]
    return True


@pytest.mark.parametrize("scenario", CASES)
def test_every_batch_is_where_the_model_saw_it(scenario: str, backend: str) -> None:
    if refused(backend, scenario):
        return
    case, found = CASES[scenario], value(backend, scenario)
    expected = counted(case)
    for row in found["rows"]:
        batches, samples = row["tally"]
        batch, step, sample, epoch, iteration = expected[batches - 1]
        assert (batches, samples) == (batch, sample), "the test's own idea of the data"
        assert row["clock"] == [batch, step, sample if case.samples else None, epoch, iteration]
    assert found["end"]["batches"] == found["end"]["batch"] == len(expected)


@pytest.mark.parametrize("scenario", CASES)
def test_steps_are_the_updates_that_changed_a_weight(scenario: str, backend: str) -> None:
    if refused(backend, scenario):
        return
    case, found = CASES[scenario], value(backend, scenario)
    steps = [row["clock"][1] for row in found["rows"]]
    if case.fused:
        # A weight may have changed several times in an execution; it did where the step moved.
        before = [0, *steps]
        moved = [row["tally"][0] for row, last in zip(found["rows"], before, strict=False) if row["clock"][1] > last]
        assert moved == found["changed"]
    else:
        assert steps == [row["updates"] for row in found["rows"]]


@pytest.mark.parametrize("scenario", CASES)
def test_the_optimizers_counter_is_predicted(scenario: str, backend: str) -> None:
    if refused(backend, scenario):
        return
    case, found = CASES[scenario], value(backend, scenario)
    gained = PHANTOM.gains if backend == "tensorflow" else 0
    for row in found["rows"]:
        before = sum(gained for epoch in case.phantoms if epoch < row["clock"][3])
        assert row["iterations"] == row["applied"] + before == row["clock"][1] + before
    assert found["end"]["iterations"] == found["end"]["step"] + gained * len(case.phantoms)


@pytest.mark.parametrize("scenario", CASES)
def test_only_what_is_no_known_divergence_is_told(scenario: str, backend: str) -> None:
    if refused(backend, scenario):
        return
    case, warned = CASES[scenario], result(backend, scenario)["warned"]
    assert len(warned) == len(case.warned)
    for text, pattern in zip(warned, case.warned, strict=True):
        assert re.search(pattern, text)


@pytest.mark.parametrize("scenario", CASES)
def test_the_plan_is_the_fits(scenario: str, backend: str) -> None:
    if refused(backend, scenario):
        return
    case, end = CASES[scenario], value(backend, scenario)["end"]
    assert end["planned"] == (case.planned or len(case.lengths))
    assert end["position"] == [len(case.lengths), 0]


def test_windows_move_with_a_phantom(backend: str) -> None:
    found = result(backend, "unknown_length_accumulated")
    rows, end = found["value"]["rows"], found["value"]["end"]
    assert [row["clock"][0] for row in rows] == [row["tally"][0] for row in rows] == list(range(1, 22))
    if backend == "tensorflow":
        # Three phantoms, the last of which takes the place of the batch that would have closed the eighth window.
        assert found["value"]["changed"] == [3, 6, 8, 11, 14, 16, 19]
        assert end["iterations"] == (21 + 3 * PHANTOM.gains) // 3 == 8
    else:
        assert found["value"]["changed"] == [3, 6, 9, 12, 15, 18, 21]
        assert end["iterations"] == 7
    assert [row["clock"][1] for row in rows] == [row["updates"] for row in rows]
    assert (end["step"], end["applied"]) == (7, 7)
    assert found["warned"] == []


def test_where_nobody_knows_the_clock_stands_and_says_so(backend: str) -> None:
    if refused(backend, "unknown_length_fused_without_a_counter"):
        return
    found = result(backend, "unknown_length_fused_without_a_counter")
    assert found["value"] == {"batch": 0, "future": "Undetermined"}
    assert len(found["warned"]) == 1
    assert "give fit() steps_per_epoch, or compile() steps_per_execution=1" in found["warned"][0]


def test_sizes_that_an_evaluation_hides_are_unknown_from_then_on(backend: str) -> None:
    found = result(backend, "evaluated_inside_with_unstated_sizes")
    samples = [row["clock"][2] for row in found["value"]["rows"]]
    assert samples[7:] == [None] * 7
    assert samples[:6] == [2, 4, 6, 8, 10, 12]
    assert len(found["warned"]) == 1
    assert "give samples= and batch_size= to ClockCallback" in found["warned"][0]


def test_two_fits_with_another_batch_size(backend: str) -> None:
    found = value(backend, "two_fits")
    assert found["epochs"] == [0, 1, 0, 1, 2]
    samples = [2, 4, 6, 8, 10, 12, 13]
    samples += [13 + done for done in samples]
    samples += [26 + 13 * epoch + done for epoch in range(3) for done in (4, 8, 12, 13)]
    places = [(epoch, at) for epoch, length in enumerate([7, 7, 4, 4, 4]) for at in range(length)]
    for n, row in enumerate(found["rows"]):
        assert row["clock"] == [n + 1, (n + 1) // 3, samples[n], *places[n]]
        assert row["tally"] == [n + 1, samples[n]]
        assert row["updates"] == row["iterations"] == (n + 1) // 3


def test_two_fits_with_another_number_of_batches_an_execution(backend: str) -> None:
    if refused(backend, "two_fits_with_other_fusion"):
        return
    found = value(backend, "two_fits_with_other_fusion")
    # Keras 3.10 gives the number of an execution's first batch, newer ones that of its last.
    numbers = [0, 2, 4, 6, 0, 4, 0, 4] if KERAS_3_10 else [1, 3, 5, 7, 3, 7, 3, 7]
    assert [row["keras"] for row in found["rows"]] == numbers
    assert [row["clock"][0] for row in found["rows"]] == [2, 4, 6, 7, 11, 14, 18, 21]
    assert [row["tally"][0] for row in found["rows"]] == [2, 4, 6, 7, 11, 14, 18, 21]


def test_another_accumulation_closes_windows_by_keras_counter(backend: str) -> None:
    found = value(backend, "two_fits_with_other_accumulation")
    # 7 batches of 2, then twice 5 of 3.
    assert found["changed"] == [3, 6, 8, 12, 16]
    assert [row["clock"][2] for row in found["rows"]] == [row["tally"][1] for row in found["rows"]]
    steps = [0] + [row["clock"][1] for row in found["rows"]]
    closed = [row["clock"][0] for row, before in zip(found["rows"], steps, strict=False) if row["clock"][1] > before]
    assert closed == found["changed"]
    # Keras divides its count of batches by the new number, so that its counter goes back.
    warned = [row["iterations"] for row in found["rows"]]
    assert warned == [n // 3 for n in range(1, 8)] + [n // 4 for n in range(8, 18)]


def test_a_checkpoint_without_a_clock_is_adopted_where_keras_agrees(backend: str) -> None:
    found = value(backend, "initial_epoch_of_a_checkpoint_without_a_clock")
    assert found["epochs"] == [2, 3]
    for row in found["rows"]:
        batches = row["tally"][0]
        assert row["clock"][:2] == [batches, batches]
        assert row["clock"][3:] == list(divmod(batches - 1, 7))


def test_an_initial_epoch_that_does_not_fit_is_told(backend: str) -> None:
    found = result(backend, "initial_epoch_that_does_not_fit")
    assert found["value"]["end"]["batch"] == 14
    assert len(found["warned"]) == 1
    assert "expected 21, seen 14" in found["warned"][0]


def test_a_model_that_was_trained_before_counts_from_0(backend: str) -> None:
    found = value(backend, "trained_before_without_a_clock")
    for n, row in enumerate(found["rows"]):
        assert (row["clock"][0], row["iterations"], row["tally"][0]) == (n + 1, n + 15, n + 15)
    assert result(backend, "trained_before_without_a_clock")["warned"] == []


def test_a_window_that_was_open_before_the_clock_came(backend: str) -> None:
    found = value(backend, "trained_before_in_windows")
    closed = [n for n in range(8, 22) if n % 3 == 0]
    assert found["changed"] == closed
    for n, row in enumerate(found["rows"], start=8):
        assert row["clock"][:2] == [n - 7, sum(batch <= n for batch in closed)]
    assert result(backend, "trained_before_in_windows")["warned"] == []


def test_replicas_are_one_batch(backend: str) -> None:
    if backend != "tensorflow":
        # tf.distribute is TensorFlow's.
        assert "mirrored" not in results(backend)
        return
    assert value(backend, "mirrored") == [8, 8, 28, 8]
    assert result(backend, "mirrored")["warned"] == []


def test_a_stop_inside_an_epoch_cuts_it(backend: str) -> None:
    found = value(backend, "stopped_inside_an_epoch")
    first, again = found["first"]["end"], found["again"]["end"]
    assert (first["batch"], first["batches"], first["step"], first["updates"]) == (10, 10, 5, 5)
    assert (first["position"], first["samples"], first["sample"]) == ([2, 0], 19, 19)
    assert (again["batch"], again["batches"], again["step"], again["iterations"]) == (17, 17, 8, 8)
    assert again["position"] == [3, 0]
    assert again["sample"] == again["samples"] == 13 + 6 + 13


def test_an_interrupt_leaves_the_clock_usable(backend: str) -> None:
    found = value(backend, "interrupted")
    first, again = found["first"]["end"], found["again"]["end"]
    assert (first["batch"], first["batches"], first["position"]) == (10, 10, [1, 3])
    assert (again["batch"], again["batches"], again["iterations"]) == (24, 24, 24)
    assert again["position"] == [4, 0]
    assert again["sample"] == again["samples"] == 13 + 6 + 13 + 13


def test_until_ends_the_training_and_is_not_passed(backend: str) -> None:
    again = value(backend, "until_a_step")["again"]
    assert again == "clock: until='10st' is reached after 10 batches, but fit() goes on: do not call it again"


def test_a_loop_of_train_on_batch_needs_no_callback(backend: str) -> None:
    rows = value(backend, "train_on_batch_loop")["rows"]
    assert rows == [[n, n // 3, n, n // 3] for n in range(1, 15)]


@pytest.mark.parametrize("scenario", ["updates_left_out", "updates_left_out_fused"])
def test_updates_that_a_loss_scale_leaves_out_are_marked(scenario: str, backend: str) -> None:
    if refused(backend, scenario):
        return
    found = value(backend, scenario)
    for row in found["rows"]:
        assert row["clock"][:2] == [row["tally"][0]] * 2
        assert row["applied"] == row["iterations"]
        if scenario == "updates_left_out":
            assert row["applied"] == row["updates"]
    assert 0 < found["end"]["applied"] < found["end"]["step"] == 21
    assert result(backend, scenario)["warned"] == []


def test_a_window_stays_open_over_a_batch_that_a_loss_scale_leaves_out(backend: str) -> None:
    found = result(backend, "updates_left_out_of_windows")
    rows, end = found["value"]["rows"], found["value"]["end"]
    assert [row["clock"][0] for row in rows] == [row["tally"][0] for row in rows] == list(range(1, 22))
    assert [row["clock"][1] for row in rows] == [row["updates"] for row in rows] == [row["iterations"] for row in rows]
    assert end["applied"] == end["iterations"] < 21 // 3
    assert found["warned"] == []


def test_a_loss_scale_that_a_policy_brings_in(backend: str) -> None:
    found = value(backend, "loss_scale_by_policy")
    assert found["optimizer"] == "LossScaleOptimizer"
    assert (found["step"], found["applied"]) == (14, found["iterations"])


def test_what_is_refused_says_why(backend: str) -> None:
    stated = value(backend, "refused")
    begins = {
        "a clock and options": "TimelineError: give a clock, or the options of one",
        "no clock": "TypeError: expected a stepbridge.StepClock, not str",
        "no phase": "TimelineError: phases is empty",
        "a shape": "TimelineError: unknown shape 'round'",
        "ends that go back": "TimelineError: the phase that ends at 1ep (7ba) ends before",
        "an end beyond": "TimelineError: 9ep in batches is past the end (28ba)",
        "unknown lengths": "TimelineError: 1ep in batches is undetermined",
        "no plan": "TimelineError: where 1ep is depends on the run",
        "a flush": "TimelineError: Keras carries accumulated gradients",
        "no schedule": "TypeError: drive takes a keras LearningRateSchedule, not function",
        "patience without a unit": "TypeError: patience needs a unit",
        "steps by duration": "TimelineError: a log's step is whole",
    }
    assert stated.keys() == begins.keys()
    for name, begin in begins.items():
        assert stated[name].startswith(begin)


def test_only_the_hooks_that_are_needed_are_called(backend: str) -> None:
    assert value(backend, "overridden") == [
        "on_epoch_begin",
        "on_epoch_end",
        "on_train_batch_end",
        "on_train_begin",
        "on_train_end",
    ]
