"""Runs the workers of the conformance suite, and prints its matrix at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.matrix import printed
from conformance.running import Workers

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

# Each imports a framework, for a process of its own.
collect_ignore = ["drivers", "worker.py"]

#: What came of each cell: (scenario, column) to "passed" or "FAILED".
OUTCOMES = pytest.StashKey[dict[tuple[str, str], str]]()


@pytest.fixture(scope="session")
def workers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """Start what the tests of this session ask for; the others wait for their turn."""
    running = Workers(tmp_path_factory.mktemp("conformance"))
    asked = (cell(item) for item in request.session.items)
    running.start(dict.fromkeys(column for _, column in filter(None, asked)))
    yield running
    running.close()


def cell(item: pytest.Item) -> tuple[str, str] | None:
    """Give the cell of the matrix that a test is about."""
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    if not parameters.keys() >= {"scenario", "column"}:
        return None
    scenario = parameters["scenario"]
    return getattr(scenario, "name", scenario), parameters["column"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Take down what came of a cell; one failure is enough."""
    report = yield
    about = cell(item)
    if about is not None and report.when != "teardown":
        outcomes = item.config.stash.setdefault(OUTCOMES, {})
        if report.failed or about not in outcomes:
            outcomes[about] = "FAILED" if report.failed else "passed"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the matrix."""
    outcomes = config.stash.get(OUTCOMES, {})
    if outcomes:
        terminalreporter.section("conformance")
        for line in printed(outcomes):
            terminalreporter.line(line)
