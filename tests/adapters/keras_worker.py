"""Runs the Keras scenarios on the backend that KERAS_BACKEND names, and writes down as JSON what was counted.

A backend is chosen when Keras is imported, so each has a process of its own: `python -m adapters.keras_worker FOLDER`,
and after it the names of scenarios, where not all are to run.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
import warnings
from typing import Any

import keras

import stepbridge as sb
from adapters import keras_checkpoints, keras_fits, keras_units
from adapters.keras_counting import BACKEND, FOLDER, SCENARIOS

#: Importing them registers what they hold.
MODULES = (keras_checkpoints, keras_fits, keras_units)


def main() -> None:
    results: dict[str, dict[str, Any]] = {}
    for name in sys.argv[2:] or SCENARIOS:
        run = SCENARIOS[name]
        keras.backend.clear_session()
        begun = time.monotonic()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                results[name] = {"value": run()}
            except Exception:  # noqa: BLE001  # the test that reads it shows it
                results[name] = {"error": traceback.format_exc()}
        warned = [str(warning.message) for warning in caught if issubclass(warning.category, sb.StepbridgeWarning)]
        results[name]["warned"] = warned
        results[name]["seconds"] = round(time.monotonic() - begun, 2)
    (FOLDER / f"{BACKEND}.json").write_text(json.dumps(results), encoding="utf-8")


if __name__ == "__main__":
    main()
