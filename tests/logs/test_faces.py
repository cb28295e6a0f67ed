"""How logs and tables are shown and handed on, and the sentences for what they cannot do."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pytest

import stepbridge as sb
from commands import LOGS, printed

if TYPE_CHECKING:
    from pathlib import Path

TRAINER = LOGS / "roberta_lora"


def test_how_they_are_shown(tmp_path: Path) -> None:
    logs = sb.read_logs(TRAINER)
    assert repr(logs) == "Logs(119 records, 1 run, 7 tags)"
    columns = "run, tag, step, epoch, iter, epoch_float, epoch_logged, wall_time, value, source"
    assert repr(logs.reindex()).splitlines()[0] == f"Table(119 records: {columns})"
    (tmp_path / "metrics.csv").write_text("epoch,step,loss\n0,0,0.5\n0,1\n0,2,0.25\n", encoding="utf-8")
    assert repr(sb.read_logs(tmp_path)) == "Logs(2 records, 1 run, 1 tag, 1 problem)"


def test_logs_are_handed_on_as_tables_are() -> None:
    logs = sb.read_logs(TRAINER)
    frame = logs.to_polars()
    assert pl.DataFrame(logs).equals(frame)
    assert pa.table(logs).num_rows == len(logs.to_pandas()) == len(frame) == 119
    # A schema can be asked for alone.
    for each in (logs, logs.table(), logs.reindex()):
        assert pa.schema(each) == pa.table(each).schema


MISSING = """
import sys
sys.modules[sys.argv[1]] = None  # as if it were not installed
import stepbridge as sb
logs = sb.read_logs(sys.argv[3])
for source in (logs, logs.reindex()):
    try:
        getattr(source, sys.argv[2])()
    except ImportError as error:
        print(error)
"""


@pytest.mark.parametrize(
    ("module", "method", "extra"),
    [("polars", "to_polars", "polars"), ("pandas", "to_pandas", "pandas"), ("pyarrow", "to_arrow", "pandas")],
)
def test_a_package_that_is_missing_is_named_with_its_extra(module: str, method: str, extra: str) -> None:
    command = [sys.executable, "-c", MISSING, module, method, str(TRAINER)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    sentence = f"this needs {module}, which is not installed: pip install 'stepbridge[{extra}]'"
    assert done.stdout.splitlines() == [sentence] * 2


def test_what_is_not_a_timeline_is_named_with_its_run() -> None:
    logs = sb.read_logs(TRAINER)
    with pytest.raises(TypeError, match=r"run 'results' has a int where a Timeline is expected"):
        logs.reindex({"results": 2870})  # type: ignore[dict-item]  # that is what it says


def test_what_a_clock_is_told_wrongly(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give ledger= as well"):
        sb.StepClock(batches_per_epoch=5, logged_as=("step", 1))
    clock = sb.StepClock(batches_per_epoch=5, epochs=2)
    for _ in clock.epochs():
        with pytest.raises(ValueError, match=r"unknown resume='again': expected .continues., .skip. or .restart."):
            next(clock.batches(range(5), resume="again"))  # type: ignore[arg-type]  # that is what it says
        break


def test_the_command_line_says_what_is_not_known(tmp_path: Path) -> None:
    asked = ("convert", "10%", "batch", "--batches-per-epoch", 7, "--json")
    assert json.loads(printed(*asked))["answer"] == "undetermined"
    lines = "".join(json.dumps({"step": step, "epoch": step // 7, "loss": 0.5}) + "\n" for step in (6, 7))
    (tmp_path / "log.jsonl").write_text(lines, encoding="utf-8")
    assert printed("infer", tmp_path / "log.jsonl").startswith(".: unknown: ")
