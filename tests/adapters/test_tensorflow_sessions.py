"""GlobalStepHook in real sessions: the clock is where the global step is, and the samples are those that passed."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.tensorflow_worker import answer, results


@pytest.fixture(scope="module")
def saw() -> Any:
    answers = results("tensorflow_graph")
    return lambda name: answer(answers, name)


SIZES = [3, 3, 3, 3, 3, 3, 2]


def counted(epochs: int, *, begin: int = 0, size: int = 1) -> list[Any]:
    """After each run: [epoch, iter, step, sample] of the clock; global step and samples of the graph."""
    rows: list[Any] = []
    batch = sample = 0
    for epoch in range(epochs):
        for iteration, samples in enumerate(SIZES):
            batch, sample = batch + 1, sample + samples
            if batch > begin and (batch - begin) % size == 0:
                rows.append([[epoch, iteration, batch, sample], [batch, sample]])
    return rows


def test_the_session_stops_at_the_end_of_the_plan(saw: Any) -> None:
    found = saw("stops_at_the_end_of_the_plan")
    assert found["rows"] == counted(2)
    assert (found["position"], found["finished"]) == ([2, 0], True)


def test_the_data_end_the_session(saw: Any) -> None:
    found = saw("the_data_end")
    assert found["rows"] == counted(2)
    assert found["whole"]
    assert found["short"] == [False, 14, 2, 0]


def test_a_fetched_global_step_is_racy_and_the_clock_is_not(saw: Any) -> None:
    found = saw("a_fetched_global_step")
    right = list(range(1, 401))
    assert found["clock"] == found["global"] == right
    behind = {step - fetched for step, fetched in zip(right, found["fetched"], strict=True)}
    # Before the update, and at times after it: nothing says which.
    assert 1 in behind
    assert behind <= {0, 1}


def test_runs_that_do_not_train_leave_the_clock_alone(saw: Any) -> None:
    found = saw("runs_that_do_not_train")
    assert found["before"] == 0
    assert found["rows"] == counted(2)


def test_a_run_that_trains_several_steps(saw: Any) -> None:
    found = saw("several_updates_a_run")
    assert found["rows"] == counted(3, size=3)
    crossed = [(row[0][2] // 5) > ((row[0][2] - 3) // 5) for row in found["rows"]]
    assert found["fired"] == [[yes, yes] for yes in crossed]  # a trigger, and clock.every


def test_a_run_that_trains_past_the_end(saw: Any) -> None:
    found = saw("past_the_end")
    assert [row[0][2] for row in found["rows"]] == [row[1][0] for row in found["rows"]] == [3, 6, 9]
    (text,) = found["warned"]
    assert "goes on past the 7 batches expected" in text
    assert found["finished"]


@pytest.mark.parametrize(
    ("until", "stands"),
    [("5st", [5, 5, 15]), ("12sp", [4, 4, 12]), ("1ep", [7, 7, 20]), ("10ba", [10, 10, 29]), ("50%", [7, 7, 20])],
)
def test_the_session_stops_in_any_unit(saw: Any, until: str, stands: list[int]) -> None:
    assert saw("stops_in_any_unit")[until] == stands


def test_accumulation_by_hand(saw: Any) -> None:
    found = saw("accumulated")
    assert [row[0] for row in found["rows"]] == list(range(1, 7))
    assert [row[1] for row in found["rows"]] == [row[2] for row in found["rows"]] == [3, 6, 7, 10, 13, 14]
    kind, text = found["unknown"]
    assert kind == "TimelineError"
    assert "give the clock the lengths" in text


def test_a_restored_global_step_is_adopted(saw: Any) -> None:
    found = saw("resumed_at_a_boundary")
    assert found == {"rows": counted(3, begin=7), "position": [3, 0], "batches": 21}


def test_an_input_that_goes_on_inside_the_epoch(saw: Any) -> None:
    found = saw("resumed_inside")
    assert found == {"rows": counted(3, begin=10), "position": [3, 0], "batches": 21}


def test_an_input_that_begins_again_inside_the_epoch(saw: Any) -> None:
    found = saw("restarted_inside")
    # The epoch that was cut is on record, and two whole ones come: it again, and the last.
    sample = 29
    for number, (row, size) in enumerate(zip(found["rows"], SIZES * 2, strict=True)):
        sample += size
        epoch, iteration = divmod(number, len(SIZES))
        assert row == [[2 + epoch, iteration, 11 + number, sample], [11 + number, sample]]
    assert found["batches"] == 24


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("unexplained", "TimelineError", 'resume="continues" | "restart"'),
        ("past the end", "IndexError", "global step 10: 10st is past the end of the plan"),
        ("ahead", "TimelineError", "begins at global step 7, the clock is at step 12"),
        ("learning", "TimelineError", "give the clock samples and batch_size"),
        ("unknown word", "TimelineError", "unknown resume='skip'"),
        ("no clock", "TypeError", "not int"),
    ],
)
def test_a_resume_that_cannot_be(saw: Any, name: str, kind: str, text: str) -> None:
    found = saw("resumed_refusals")[name]
    assert found[0] == kind
    assert text in found[1]


def test_a_clock_with_a_state_of_its_own(saw: Any) -> None:
    found = saw("resumed_with_its_own_state")
    steps = [row[0][2] for row in found["rows"]], [row[0][2] for row in found["more"]]
    assert steps == ([8, 9, 10], [11, 12])


def test_a_run_that_is_over_stops_at_once(saw: Any) -> None:
    assert saw("finished_already") == {"rows": [], "step": 14, "finished": True}


def test_a_session_that_is_lost_takes_the_clock_back(saw: Any) -> None:
    found = saw("recovered")
    assert (
        [row[0][2] for row in found["rows"]]
        == [row[1][0] for row in found["rows"]]
        == [
            *range(1, 12),
            *range(10, 15),
        ]
    )
    (text,) = found["warned"]
    assert "made anew at global step 9; the clock goes back from step 11" in text
    assert found["finished"] == [True, 14]


def test_the_ledger_has_a_session_for_each_that_the_framework_made(saw: Any) -> None:
    """The second one begins at the checkpoint and supersedes what the first did past it."""
    went_back = {"session": 0, "batch": 9, "epochs": 1, "step": 9, "sample": 26}
    assert saw("recovered")["ledger"] == [
        ["session", 0, 0, None],
        ["epoch", 0, 7, None],
        ["stop", 0, 11, None],
        ["session", 1, 9, went_back],
        ["epoch", 1, 14, None],
        ["stop", 1, 14, None],
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("back", "went back to 1, the clock is at step 4"),
        ("below zero", "went back to -1"),
        ("negative", "the session's global step is -3: expected 0 or more"),
    ],
)
def test_a_global_step_that_decreases(saw: Any, name: str, text: str) -> None:
    found = saw("a_global_step_that_is_assigned")[name]
    assert found[0] == "TimelineError"
    assert text in found[1]


def test_no_global_step(saw: Any) -> None:
    found = saw("no_global_step")
    assert found["graph"][0] == found["eager"][0] == "RuntimeError"
    assert "tf.compat.v1.train.get_or_create_global_step()" in found["graph"][1]
    for instead in ("clock.batches(dataset)", "watch(clock, optimizer)", "follow(clock)"):
        assert instead in found["eager"][1]


def test_a_global_step_that_nobody_raises_is_told(saw: Any) -> None:
    (text,), step = saw("never_raised")
    assert "expected more than 0 after 4 runs of the session, seen 0" in text
    assert "global_step=" in text
    assert step == 0


def test_lengths_are_learned_where_the_author_says_that_an_epoch_ends(saw: Any) -> None:
    found = saw("lengths_that_are_learned")
    assert [[*row[0][:3], None] for row in counted(2)] == [row[0] for row in found["rows"]]
    assert [row[1] for row in counted(2)] == [row[1] for row in found["rows"]]
    assert found["position"] == [2, 0]


def test_what_was_trained_past_the_hooks_is_counted_at_the_end(saw: Any) -> None:
    assert saw("trained_past_the_hooks") == [1, 2]


def test_the_loss_scaling_of_tf1_does_not_raise_the_global_step(saw: Any) -> None:
    rows = saw("scaled")
    assert [row[0] for row in rows] == [row[2] for row in rows] == [1, 1, 2]
    assert [row[1] for row in rows] == pytest.approx([0.9, 0.9, 0.8])


def test_it_agrees_with_tensorflows_own_hooks(saw: Any) -> None:
    assert saw("beside_tensorflows_hooks") == {"latest": "14", "steps": [14, 14]}
