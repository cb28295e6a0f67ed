"""The frameworks' counters as data: complete, consistent, and right about the cases that are known by heart."""

from __future__ import annotations

from collections import Counter as Tally
from typing import get_args

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
    assert ("epoch" in roles) == ("iter" in roles), "an epoch alone names no batch"
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
        ("huggingface", {"global_step": 25}),
    ],
)
def test_the_textbook_in_every_convention(name: ConventionName, after_the_last_batch: dict[str, int]) -> None:
    for other in CONVENTIONS:
        counters = TEXTBOOK.translate(after_the_last_batch, source=name, target=other)  # type: ignore[arg-type]
        assert set(counters) == {counter.name for counter in convention(other).counters}
        known = {counter: value for counter, value in counters.items() if value is not None}
        back = TEXTBOOK.translate(known, source=other, target=name)  # type: ignore[arg-type]
        assert back == after_the_last_batch


@pytest.mark.parametrize(("name", "boundary"), [("keras", "carry"), ("lightning", "flush"), ("huggingface", "flush")])
def test_what_becomes_of_a_window_at_the_end_of_an_epoch(name: str, boundary: str) -> None:
    assert convention(name).boundary == boundary


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"(?s)jax.*keras"):
        convention("jax")
    with pytest.raises(ValueError, match=r"(?s)iter.*batch"):
        convention("keras").counter("iter")
