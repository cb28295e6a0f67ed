"""The checks of the suite can fail: a clock that is off by one anywhere, in a single event, is found out."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

import stepbridge as sb
from conformance import checks
from conformance.cells import Column
from conformance.drivers import plain
from conformance.judging import Record
from conformance.running import answers
from conformance.scenarios import SCENARIOS
from stepbridge.conventions import CONVENTIONS

if TYPE_CHECKING:
    from pathlib import Path

SCENARIO = next(scenario for scenario in SCENARIOS if scenario.name == "accumulation, flush")


@pytest.fixture
def record(tmp_path: Path) -> Record:
    found = Record.of(SCENARIO, "plain", {"events": plain.run(SCENARIO, tmp_path)})
    for check in (checks.scenario, checks.counts, checks.conventions, checks.own_counters, checks.conversions):
        check(found)
    return deepcopy(found)


@pytest.mark.parametrize("event", [0, 5, -1])
@pytest.mark.parametrize("answer", ["batch", "step", "applied", "sample", "padding"])
def test_a_count_that_is_off_by_one(record: Record, answer: str, event: int) -> None:
    record.events[event]["clock"][answer] += 1
    with pytest.raises(AssertionError):
        checks.counts(record)


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("answer", ["location", "position"])
def test_a_place_that_is_off_by_one(record: Record, answer: str, part: int) -> None:
    record.events[3]["clock"][answer][part] += 1
    with pytest.raises(AssertionError):
        checks.counts(record)


@pytest.mark.parametrize(
    ("convention", "counter"), [(name, counter.name) for name, one in CONVENTIONS.items() for counter in one.counters]
)
def test_a_counter_that_is_off_by_one(record: Record, convention: str, counter: str) -> None:
    record.events[7]["counters"][convention][counter] += 1
    with pytest.raises(AssertionError):
        checks.conventions(record)


def test_an_own_counter_that_nobody_predicts(record: Record) -> None:
    record.events[-1]["seen"]["own"]["pytorch_one_based"]["step"] += 1
    with pytest.raises(AssertionError):
        checks.own_counters(record)


@pytest.mark.parametrize("other", [{"samples": 17}, {"accumulate": 2}, {"boundary": "carry"}])
def test_a_timeline_of_another_run(record: Record, other: dict[str, Any]) -> None:
    plan: dict[str, Any] = {"samples": 14, "batch_size": 4, "epochs": 3, "accumulate": 3, "boundary": "flush"}
    record.events[-1]["timeline"] = sb.Timeline.plan(**{**plan, **other}).to_json()
    with pytest.raises((AssertionError, IndexError)):
        checks.conversions(record)


def test_a_driver_that_does_something_else(record: Record) -> None:
    del record.events[-1]
    with pytest.raises(AssertionError):
        checks.scenario(record)


def test_a_missing_framework_fails(tmp_path: Path) -> None:
    column = Column("None", "plain", "a_framework_that_is_not_there", "pytorch_one_based")
    with pytest.raises(AssertionError, match="a_framework_that_is_not_there is not installed"):
        answers("none", column, tmp_path)
