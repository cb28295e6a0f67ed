"""The page of the docs shows the matrix of the suite."""

from __future__ import annotations

import pytest

from conformance.cells import CANNOT, COLUMNS
from conformance.matrix import PAGE, page, printed, reasons
from conformance.scenarios import SCENARIOS


def test_the_page_is_the_suites() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text), "run python tests/conformance/matrix.py --write"


def test_a_page_without_a_matrix_is_told() -> None:
    with pytest.raises(ValueError, match="0 parts called 'matrix'"):
        page("nothing")


def test_the_printed_matrix_has_every_cell() -> None:
    lines = printed({("uniform", "plain"): "passed", ("uniform", "torch"): "FAILED"})
    rows = lines[1 : len(SCENARIOS) + 1]
    assert rows[0].split() == ["uniform", "passed", "FAILED", *["not", "run"] * (len(COLUMNS) - 2)]
    assert sum(row.count("no: ") for row in rows) == len(CANNOT)
    assert lines[-1] == f"no: {len(reasons())}  {reasons()[-1]}"
