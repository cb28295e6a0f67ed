"""Plays the scenarios of a column in a process of its own: `python -m conformance.worker COLUMN FOLDER [SCENARIO...]`.

The last line that it prints is JSON: for each scenario its events and what stepbridge warned of, or a traceback.
"""

from __future__ import annotations

import json
import sys
import traceback
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

from conformance.cells import CANNOT, COLUMNS
from conformance.scenarios import SCENARIOS

__all__ = ["main"]


def main(column: str, folder: Path, names: list[str]) -> None:
    """Plays all scenarios that the column can express, or the named ones."""
    run = import_module(f"conformance.drivers.{COLUMNS[column].driver}").run
    answers: dict[str, Any] = {}
    for number, scenario in enumerate(SCENARIOS):
        if (scenario.name, column) in CANNOT or (names and scenario.name not in names):
            continue
        place = folder / str(number)
        place.mkdir(parents=True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                answers[scenario.name] = {"events": run(scenario, place)}
            except Exception:  # noqa: BLE001 - the tests of this cell fail with it
                answers[scenario.name] = {"traceback": traceback.format_exc()}
        answers[scenario.name]["warned"] = [
            str(one.message) for one in caught if one.category.__name__ == "StepbridgeWarning"
        ]
    print(json.dumps(answers))  # noqa: T201 - this is how the worker answers


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
