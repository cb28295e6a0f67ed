"""Every scenario on every adapter: the clock's answers next to what was counted without it, at every event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance import checks
from conformance.cells import CANNOT, COLUMNS
from conformance.judging import Record
from conformance.scenarios import SCENARIOS
from stepbridge.conventions import DIVERGENCES

if TYPE_CHECKING:
    from conformance.running import Workers
    from conformance.scenarios import Scenario
    from stepbridge.conventions import Divergence

PLAYED = [(scenario, column) for column in COLUMNS for scenario in SCENARIOS if (scenario.name, column) not in CANNOT]
CELLS = [pytest.param(scenario, column, id=f"{column}-{scenario.name}") for scenario, column in PLAYED]
in_every_cell = pytest.mark.parametrize(("scenario", "column"), CELLS)


@pytest.fixture
def record(workers: Workers, scenario: Scenario, column: str) -> Record:
    return Record.of(scenario, column, workers.answer(column, scenario.name))


@in_every_cell
def test_what_happened_is_the_scenario(record: Record) -> None:
    checks.scenario(record)


@in_every_cell
def test_the_clock_counts_what_happened(record: Record) -> None:
    checks.counts(record)


@in_every_cell
def test_the_clock_speaks_in_every_convention(record: Record) -> None:
    checks.conventions(record)


@in_every_cell
def test_the_frameworks_own_counters_are_predicted(record: Record) -> None:
    checks.own_counters(record)


@in_every_cell
def test_conversions_go_both_ways(record: Record) -> None:
    checks.conversions(record)


@in_every_cell
def test_a_loop_that_does_what_its_clock_expects_hears_nothing(
    workers: Workers, scenario: Scenario, column: str
) -> None:
    assert workers.answer(column, scenario.name)["warned"] == []


@pytest.mark.parametrize("divergence", DIVERGENCES, ids=lambda one: f"{one.convention}-{one.counter}-{one.event}")
def test_a_known_divergence_is_seen(workers: Workers, divergence: Divergence) -> None:
    """Else it would be an excuse."""
    happened = [
        event["seen"]["happened"].get(divergence.event, 0)
        for scenario, column in PLAYED
        if divergence.on in (None, COLUMNS[column].backend)
        for event in Record.of(scenario, column, workers.answer(column, scenario.name)).events
        if divergence.counter in event["seen"]["own"].get(divergence.convention, {})
    ]
    assert max(happened) > 0


def test_a_cell_that_cannot_be_is_one_of_the_matrix_and_says_why() -> None:
    cells = {(scenario.name, column) for scenario in SCENARIOS for column in COLUMNS}
    assert CANNOT.keys() <= cells
    assert all(len(reason.split()) > 3 for reason in CANNOT.values())
