"""The frameworks' counters as data: complete, consistent, and right about the cases that are known by heart."""

from __future__ import annotations

from collections import Counter as Tally
from typing import Any, get_args

import pytest

import stepbridge as sb
from stepbridge.conventions import CONVENTIONS, ConventionName, convention

TEXTBOOK = sb.Timeline.plan(samples=1000, batch_size=200, epochs=5)


def test_every_name_is_declared_once() -> None:
    assert set(CONVENTIONS) == set(get_args(ConventionName))
    assert all(name == declared.name for name, declared in CONVENTIONS.items())


@pytest.mark.parametrize("name", CONVENTIONS)
def test_a_convention_is_sound(name: ConventionName) -> None:
    declared = convention(name)
    assert declared.counters
    assert max(Tally(counter.name for counter in declared.counters).values()) == 1
    assert declared.source
    roles = {counter.role for counter in declared.counters}
    assert "epoch" not in roles or roles & {"iter", "batch"}, "an epoch alone names no batch"
    assert (declared.boundary is None) == (declared.on_cut is None), "what happens to a window is known, or it is not"
    for counter in declared.counters:
        assert declared.counter(counter.name) is counter
        assert counter.kind == "index" or counter.base == 0, "a count has no base"


@pytest.mark.parametrize(
    ("name", "after_the_last_batch"),
    [
        ("pytorch", {"epoch": 4, "iter": 4, "batch": 24, "step": 24}),
        ("pytorch_one_based", {"epoch": 5, "iter": 5, "batch": 25, "step": 25}),
        ("keras", {"epoch": 4, "batch": 4, "iterations": 25}),
        ("tensorflow", {"global_step": 25}),
        ("lightning", {"epoch": 4, "batch_idx": 4, "step": 24, "global_step": 25}),
        ("lightning_manual", {"epoch": 4, "batch_idx": 4, "step": 24}),
        ("huggingface", {"global_step": 25}),
        ("huggingface_before_4_47", {"global_step": 25}),
        ("huggingface_before_4_28", {"global_step": 25}),
        ("accelerate", {"completed_steps": 25}),
        ("ignite", {"epoch": 5, "iteration": 25}),
        ("optax", {"gradient_step": 25}),
        ("flax", {"step": 25}),
    ],
)
def test_the_textbook_in_every_convention(name: ConventionName, after_the_last_batch: dict[str, int]) -> None:
    for other in CONVENTIONS:
        counters = TEXTBOOK.translate(after_the_last_batch, source=name, target=other)  # type: ignore[arg-type]
        assert set(counters) == {counter.name for counter in convention(other).counters}
        known = {counter: value for counter, value in counters.items() if value is not None}
        back = TEXTBOOK.translate(known, source=other, target=name)  # type: ignore[arg-type]
        assert back == after_the_last_batch


@pytest.mark.parametrize(
    ("name", "boundary", "on_cut", "closing"),
    [
        # 20 samples in batches of 3, three a step, two epochs: the batches after which the frameworks updated.
        ("huggingface_before_4_28", "spill", "spill", [3, 6, 10, 13]),
        ("huggingface_before_4_47", "carry", "carry", [3, 6, 9, 12]),
        ("huggingface", "flush", "spill", [3, 6, 7, 10, 13, 14]),
        ("lightning", "flush", "drop", [3, 6, 7, 10, 13, 14]),
        ("accelerate", "flush", "carry", [3, 6, 7, 10, 13, 14]),
        ("ignite", "carry", "carry", [3, 6, 9, 12]),
        ("optax", "carry", "carry", [3, 6, 9, 12]),
        ("keras", "carry", "carry", [3, 6, 9, 12]),
    ],
)
def test_what_becomes_of_a_window_at_the_end_of_an_epoch(
    name: str, boundary: Any, on_cut: Any, closing: list[int]
) -> None:
    declared = convention(name)
    assert (declared.boundary, declared.on_cut) == (boundary, on_cut)
    plan = sb.Timeline.plan(samples=20, batch_size=3, epochs=2, accumulate=3, boundary=boundary, on_cut=on_cut)
    assert [plan.index(*plan.locate(step), unit="batch") + 1 for step in range(plan.steps or 0)] == closing


@pytest.mark.parametrize(
    ("name", "closing"),
    # Left after batch 4 of 7, one batch into a window; then the next epoch.
    [("huggingface", [3, 7, 10, 11]), ("lightning", [3, 7, 10, 11]), ("accelerate", [3, 6, 9, 11])],
)
def test_what_becomes_of_a_window_in_an_epoch_that_is_left(name: str, closing: list[int]) -> None:
    declared = convention(name)
    clock = sb.StepClock(
        samples=20,
        batch_size=3,
        epochs=2,
        accumulate=3,
        boundary=declared.boundary or "flush",
        on_cut=declared.on_cut or "carry",
    )
    seen = []
    for epoch in clock.epochs():
        for _ in clock.batches(range(7)):
            if clock.closes_step:
                seen.append(clock.batch)
            if epoch == 0 and clock.batch == 4:
                break
    assert seen == closing
    timeline = clock.timeline
    assert [timeline.index(*timeline.locate(step), unit="batch") + 1 for step in range(clock.step)] == closing
    assert sb.Timeline.from_json(timeline.to_json()) == timeline


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"(?s)jax.*keras"):
        convention("jax")
    with pytest.raises(ValueError, match=r"(?s)iter.*batch"):
        convention("keras").counter("iter")
