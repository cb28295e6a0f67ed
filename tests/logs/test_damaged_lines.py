"""One damaged line costs its own record and nothing else, wherever in the file it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import stepbridge as sb

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def line(step: int, counter: str = "step") -> bytes:
    return json.dumps({counter: step, "loss": 1 / step, "lr": 0.001}).encode() + b"\n"


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "torn": lambda of: of[:14] + b"\n",
    # A process was killed while it wrote; the next one went on in the same line.
    "run_on": lambda of: of[:-9],
    "text": lambda _: b"WARNING: nan in gradients\n",
    "bytes": lambda _: b"\x00\xff\x00 \n",
    "end_only": lambda of: of[14:],
}


@pytest.mark.parametrize("size", [4, 300, 5000])
@pytest.mark.parametrize("where", ["first", "second", "middle", "last"])
@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("counter", ["step", "global_step", "n"])
def test_one_damaged_line(counter: str, damage: str, where: str, size: int, tmp_path: Path) -> None:
    if damage == "run_on" and where == "last":
        pytest.skip("nothing comes after it")
    index = {"first": 0, "second": 1, "middle": size // 2, "last": size - 1}[where]
    lines = [line(step, counter) for step in range(1, size + 1)]
    lines[index] = DAMAGE[damage](lines[index])
    for run in ("a", "b"):
        (tmp_path / run).mkdir()
    (tmp_path / "a" / "log.jsonl").write_bytes(b"".join(lines))
    (tmp_path / "b" / "log.jsonl").write_bytes(b"".join(line(step, counter) for step in range(1, 4)))
    logs = sb.read_logs(tmp_path, step_column="n") if counter == "n" else sb.read_logs(tmp_path)
    assert logs.runs == ["a", "b"]
    assert logs.overview[0].records == 2 * (size - 1)
    assert logs.overview[0].steps == (2 if where == "first" else 1, size - 1 if where == "last" else size)
    assert [(problem.file, problem.kind) for problem in logs.problems] == [("a/log.jsonl", "corrupt")]


@pytest.mark.parametrize("size", [1, 3, 300])
def test_a_log_that_is_being_written(size: int, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(b"".join(line(step) for step in range(1, size + 1)) + line(size + 1)[:12])
    logs = sb.read_logs(tmp_path)
    assert len(logs) == 2 * size
    assert [problem.kind for problem in logs.problems] == ["truncated"]


TALK = b"INFO request 17 took 3 ms\nINFO done\n"


def test_text_with_a_few_objects_is_no_log(tmp_path: Path) -> None:
    served = [json.dumps({"request": request, "ms": 3, "bytes": 1024}).encode() + b"\n" for request in range(1, 100)]
    (tmp_path / "server.log").write_bytes(b"".join(TALK + line for line in served))
    with pytest.raises(sb.NoLogsError):
        sb.read_logs(tmp_path)


def test_objects_of_a_training_in_text_are_lines_of_a_text_log(tmp_path: Path) -> None:
    (tmp_path / "train.log").write_bytes(b"".join(TALK + line(step) for step in range(1, 100)))
    logs = sb.read_logs(tmp_path)
    assert logs.problems == ()
    ((form, records_ok, plain_lines),) = [(file.format, file.records_ok, file.plain_lines) for file in logs.files]
    assert (form, records_ok, plain_lines) == ("text", 99, 198)
    table = logs.to_polars()
    assert table.filter(table["tag"] == "loss").select("step", "value").rows() == [
        (step, 1 / step) for step in range(1, 100)
    ]
