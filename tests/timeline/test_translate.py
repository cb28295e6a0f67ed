"""Translation between frameworks against one hand-written loop that keeps the counters of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepbridge as sb

if TYPE_CHECKING:
    from stepbridge.conventions import ConventionName

TEXTBOOK = sb.Timeline.plan(samples=1000, batch_size=200, epochs=5)

TARGETS: tuple[ConventionName, ...] = ("keras", "tensorflow", "pytorch", "pytorch_one_based")
Counters = dict[str, int | None]


@dataclass
class Moment:
    """What each framework counts at the moment after a batch completed."""

    keras: Counters
    tensorflow: Counters
    pytorch: Counters
    pytorch_one_based: Counters
    closed: bool  # this batch closed a step


def train(epochs: int, batches: int, accumulate: int, boundary: str) -> list[Moment]:
    """Run the loop, each framework's counters kept as that framework keeps them."""
    moments: list[Moment] = []
    updates, window = 0, 0
    waiting: list[Moment] = []  # batches whose update is still to come
    for epoch in range(epochs):
        for batch in range(batches):
            moment = Moment(
                keras={"epoch": epoch, "batch": batch},
                tensorflow={},
                pytorch={"epoch": epoch, "iter": batch, "batch": len(moments), "step": None},
                pytorch_one_based={"epoch": epoch + 1, "iter": batch + 1, "batch": len(moments) + 1},
                closed=False,
            )
            moments.append(moment)
            waiting.append(moment)
            window += 1
            last = batch == batches - 1
            if window == accumulate or (last and boundary == "flush"):
                for waited in waiting:
                    waited.pytorch["step"] = updates
                updates, window, waiting = updates + 1, 0, []
                moment.closed = True
            elif last and boundary == "drop":
                window, waiting = 0, []
            moment.keras["iterations"] = updates
            moment.tensorflow["global_step"] = updates
            moment.pytorch_one_based["step"] = updates
    return moments


shapes = st.tuples(st.integers(1, 4), st.integers(1, 7), st.integers(1, 5), st.sampled_from(["flush", "carry", "drop"]))


def make(shape: tuple[int, int, int, Any]) -> sb.Timeline:
    epochs, batches, accumulate, boundary = shape
    return sb.Timeline.plan(epochs=epochs, batches_per_epoch=batches, accumulate=accumulate, boundary=boundary)


def only(counters: Counters, *names: str) -> dict[str, int]:
    """Take some of the counters; all that are known where none is named."""
    return {name: value for name, value in counters.items() if value is not None and name in (names or counters)}


@given(shapes)
def test_from_where_the_batch_was(shape: tuple[int, int, int, Any]) -> None:
    plan = make(shape)
    for moment in train(*shape):
        sources: list[tuple[ConventionName, dict[str, int]]] = [
            ("keras", only(moment.keras, "epoch", "batch")),
            ("keras", only(moment.keras)),
            ("pytorch", only(moment.pytorch, "epoch", "iter")),
            ("pytorch", only(moment.pytorch, "batch")),
            ("pytorch", only(moment.pytorch)),
            ("pytorch_one_based", only(moment.pytorch_one_based, "epoch", "iter")),
            ("pytorch_one_based", only(moment.pytorch_one_based, "batch")),
            ("pytorch_one_based", only(moment.pytorch_one_based)),
        ]
        for source, counters in sources:
            for target in TARGETS:
                found = plan.translate(counters, source=source, target=target)
                assert found == getattr(moment, target), (source, target)


@given(shapes)
def test_from_a_count_of_updates(shape: tuple[int, int, int, Any]) -> None:
    plan = make(shape)
    for moment in train(*shape):
        if not moment.closed:
            continue
        sources: list[tuple[ConventionName, dict[str, int]]] = [
            ("tensorflow", only(moment.tensorflow)),
            ("keras", only(moment.keras, "iterations")),
            ("pytorch", only(moment.pytorch, "step")),
            ("pytorch_one_based", only(moment.pytorch_one_based, "step")),
        ]
        for source, counters in sources:
            for target in TARGETS:
                found = plan.translate(counters, source=source, target=target)
                assert found == getattr(moment, target), (source, target)


@pytest.mark.parametrize(
    ("plan", "counters", "source", "target", "expected"),
    [
        pytest.param(TEXTBOOK, {"epoch": 4, "batch": 4}, "keras", "tensorflow", {"global_step": 25}, id="textbook"),
        pytest.param(
            TEXTBOOK,
            {"epoch": 5, "iter": 5},
            "pytorch_one_based",
            "tensorflow",
            {"global_step": 25},
            id="textbook from 1",
        ),
        pytest.param(
            TEXTBOOK,
            {"global_step": 25},
            "tensorflow",
            "pytorch_one_based",
            {"epoch": 5, "iter": 5, "batch": 25, "step": 25},
            id="back to 1",
        ),
        pytest.param(
            TEXTBOOK,
            {"global_step": 25},
            "tensorflow",
            "pytorch",
            {"epoch": 4, "iter": 4, "batch": 24, "step": 24},
            id="back to 0",
        ),
        pytest.param(
            TEXTBOOK,
            {"global_step": 1},
            "tensorflow",
            "keras",
            {"epoch": 0, "batch": 0, "iterations": 1},
            id="the first update",
        ),
        pytest.param(
            sb.Timeline.plan(batches_per_epoch=7, epochs=2, accumulate=3),
            {"epoch": 0, "batch": 1},
            "keras",
            "tensorflow",
            {"global_step": 0},
            id="inside the first window",
        ),
        pytest.param(
            sb.Timeline.plan(batches_per_epoch=7, epochs=2, accumulate=3),
            {"epoch": 0, "batch": 2},
            "keras",
            "tensorflow",
            {"global_step": 1},
            id="the batch that closes it",
        ),
        pytest.param(
            sb.Timeline.plan(batches_per_epoch=5),
            {"global_step": 12},
            "tensorflow",
            "keras",
            {"epoch": 2, "batch": 1, "iterations": 12},
            id="open-ended",
        ),
    ],
)
def test_translate(plan: sb.Timeline, counters: Any, source: Any, target: Any, expected: Counters) -> None:
    before = dict(counters)
    assert plan.translate(counters, source=source, target=target) == expected
    assert counters == before


@pytest.mark.parametrize(
    ("counters", "source", "target", "error", "word"),
    [
        pytest.param({"global_step": 0}, "tensorflow", "keras", IndexError, "0", id="before any update"),
        pytest.param({"iterations": 0}, "keras", "pytorch", IndexError, "0", id="the same, in keras"),
        pytest.param({"step": 0}, "pytorch_one_based", "keras", IndexError, "0", id="the same, from 1"),
        pytest.param({"global_step": 26}, "tensorflow", "keras", IndexError, "26", id="past the end"),
        pytest.param({"epoch": 5, "batch": 0}, "keras", "tensorflow", IndexError, "5", id="an epoch past the end"),
        pytest.param({"epoch": 0, "batch": 5}, "keras", "tensorflow", IndexError, "5", id="a batch past its epoch"),
        pytest.param({"epoch": 0, "iter": 1}, "pytorch_one_based", "keras", IndexError, "0", id="no epoch 0 from 1"),
        pytest.param({"epoch": 4}, "keras", "tensorflow", ValueError, "batch", id="an epoch alone"),
        pytest.param({}, "keras", "tensorflow", ValueError, "counters", id="nothing"),
        pytest.param({"epoch": 4, "iter": 4}, "keras", "tensorflow", ValueError, "iter", id="another's counter"),
        pytest.param(
            {"epoch": 4, "batch": 4, "iterations": 24}, "keras", "tensorflow", ValueError, "24", id="a contradiction"
        ),
        pytest.param({"epoch": 4, "batch": 4}, "jax", "tensorflow", ValueError, "jax", id="an unknown source"),
        pytest.param({"epoch": 4, "batch": 4}, "keras", "jax", ValueError, "jax", id="an unknown target"),
        pytest.param({"epoch": 4, "batch": 4.0}, "keras", "tensorflow", TypeError, "batch", id="a float"),
        pytest.param({"epoch": True, "batch": 4}, "keras", "tensorflow", TypeError, "epoch", id="a bool"),
        pytest.param([4, 4], "keras", "tensorflow", TypeError, "counters", id="no mapping"),
    ],
)
def test_what_translate_refuses(counters: Any, source: Any, target: Any, error: type[Exception], word: str) -> None:
    with pytest.raises(error, match=word):
        TEXTBOOK.translate(counters, source=source, target=target)
