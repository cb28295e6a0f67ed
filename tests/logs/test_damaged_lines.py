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


def table(names: str, row: Callable[[int], str]) -> Callable[[int], list[bytes]]:
    return lambda rows: [names.encode() + b"\n", *(row(index).encode() + b"\n" for index in range(rows))]


#: The writers of tables: the name of the file, and its lines.
TABLES: dict[str, tuple[str, Callable[[int], list[bytes]]]] = {
    "lightning_csv": ("metrics.csv", table("epoch,step,loss,acc", lambda i: f"{i // 10},{i},{1 / (i + 1)},{i / 100}")),
    "keras_csv": ("history.csv", table("epoch,accuracy,loss", lambda i: f"{i},{i / 100},{1 / (i + 1)}")),
    "sb3": ("progress.csv", table("reward,time/total_timesteps", lambda i: f"{1 / (i + 1)},{2048 * (i + 1)}")),
    "monitor": ("0.monitor.csv", table('#{"t_start": 15.0}\nr,l,t', lambda i: f"{i}.0,{10 + i},{i}.5")),
    "ultralytics": ("results.csv", table("epoch,train/loss,x/lr0", lambda i: f"{i + 1},{1 / (i + 1)},0.01")),
    "dvclive": ("loss.tsv", table("step\tloss", lambda i: f"{i}\t{1 / (i + 1)}")),
    "csv": ("log.csv", table("step;val loss;lr", lambda i: f"{i + 1};{1 / (i + 1)};0.1")),
}

DAMAGE_OF_A_ROW: dict[str, Callable[[bytes], bytes]] = {
    "torn": lambda row: row[:1] + b"\n",
    "run_on": lambda row: row[:-2],
    "no_end": lambda row: row[:-1],
    "longer": lambda row: row[:-1] + b",7;7\t7\n",
    "quote": lambda row: b'"' + row,
    "text": lambda _: b"WARNING: nan in gradients, skipped\n",
    "zeros": lambda _: b"\0" * 20 + b"\n",
    "bytes": lambda _: b"\xff\xfe\xff\n",
    "blank": lambda row: b"\n" + row,
}


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("where", ["second", "middle", "last"])
@pytest.mark.parametrize("damage", DAMAGE_OF_A_ROW)
@pytest.mark.parametrize("writer", TABLES)
def test_one_damaged_row(writer: str, damage: str, where: str, end: bytes, tmp_path: Path) -> None:
    size = 60
    name, lines_of = TABLES[writer]
    lines = lines_of(size)
    index = {"second": 2, "middle": size // 2, "last": size}[where]
    lines[index] = DAMAGE_OF_A_ROW[damage](lines[index])
    for run in ("a", "b"):
        (tmp_path / run).mkdir()
    (tmp_path / "a" / name).write_bytes(b"\xef\xbb\xbf" + b"".join(lines).replace(b"\n", end))
    (tmp_path / "b" / "log.jsonl").write_bytes(b"".join(line(step) for step in range(1, 4)))
    logs = sb.read_logs(tmp_path)
    (file,) = [file for file in logs.files if file.file.startswith("a/")]
    assert file.format == writer
    assert file.records_ok >= size - 2
    if damage == "blank":
        assert logs.problems == ()
    else:
        assert {problem.file for problem in logs.problems} == {f"a/{name}"}


DAMAGE_OF_NAMES: dict[str, Callable[[bytes], bytes]] = {
    "torn": lambda names: names[:4] + b"\n",
    "no_end": lambda names: names[:-1],
    "gone": lambda _: b"",
    "text": lambda _: b"WARNING: nan in gradients, skipped\n",
    "zeros": lambda _: b"\0" * 20 + b"\n",
    "bytes": lambda names: b"\xff" + names,
}


@pytest.mark.parametrize("damage", DAMAGE_OF_NAMES)
@pytest.mark.parametrize("writer", TABLES)
def test_a_damaged_line_of_names_is_never_silent(writer: str, damage: str, tmp_path: Path) -> None:
    name, lines_of = TABLES[writer]
    names, *rows = lines_of(60)
    before, separator, last = names[:-1].rpartition(b"\n")
    damaged = before + separator + DAMAGE_OF_NAMES[damage](last + b"\n")
    for run in ("a", "b"):
        (tmp_path / run).mkdir()
    (tmp_path / "a" / name).write_bytes(damaged + b"".join(rows))
    (tmp_path / "b" / "log.jsonl").write_bytes(b"".join(line(step) for step in range(1, 4)))
    logs = sb.read_logs(tmp_path)
    named = {problem.file for problem in logs.problems} | {unread.file for unread in logs.unread}
    # A name of other bytes is a name all the same.
    assert f"a/{name}" in named or (damage == "bytes" and "a" in logs.runs)


def test_lines_before_the_names_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("WARNING: nan, skipped\n# started\nstep,loss\n1,0.5\n2,0.25\n")
    logs = sb.read_logs(tmp_path)
    assert logs.to_polars().select("step", "value").rows() == [(1, 0.5), (2, 0.25)]
    assert [(problem.kind, problem.offset) for problem in logs.problems] == [("corrupt", 0)]


@pytest.mark.parametrize("names", ['"step,loss\n', 'ste"p,loss\n', 'step,"loss\n'])
def test_a_quote_in_the_names_costs_no_row(names: str, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(names + "".join(f"{step},0.5\n" for step in range(100)))
    logs = sb.read_logs(tmp_path)
    assert len(logs) == 100
    assert [problem.kind for problem in logs.problems] == ["corrupt"]


def test_two_quotes_far_from_each_other_cost_two_rows(tmp_path: Path) -> None:
    rows = [f"{step},{step}.5\n" for step in range(1000)]
    for step in (50, 900):
        rows[step] = f'{step},"{step}.5\n'
    (tmp_path / "log.csv").write_text("step,loss\n" + "".join(rows))
    logs = sb.read_logs(tmp_path)
    steps = logs.to_polars()["step"].to_list()
    assert steps == [step for step in range(1000) if step not in (50, 900)] or steps == [
        step for step in range(1000) if step != 50
    ]
    assert logs.problems


@pytest.mark.parametrize("epochs", [range(10), range(1, 11)])
def test_no_epoch_is_guessed_after_a_first_line_that_is_damaged(epochs: range, tmp_path: Path) -> None:
    whole = [json.dumps({"epoch": epoch, "loss": 0.5}) + "\n" for epoch in epochs]
    (tmp_path / "log.jsonl").write_text(whole[0][:9] + "\n" + "".join(whole[1:]))
    table = sb.read_logs(tmp_path).reindex().to_polars()
    assert table["epoch"].to_list() == [None] * 9
    (tmp_path / "log.jsonl").unlink()
    rows = [f"{epoch},0.5\n" for epoch in epochs]
    (tmp_path / "log.csv").write_text("epoch,val_loss\nWARNING: nan\n" + "".join(rows[1:]))
    table = sb.read_logs(tmp_path).reindex().to_polars()
    assert table["epoch"].to_list() == [None] * 9


def test_a_line_that_is_torn_after_a_comma_costs_itself_alone(tmp_path: Path) -> None:
    lines = [line(step).decode() for step in range(1, 100)]
    torn = lines[49][: lines[49].index(", ") + 2]
    (tmp_path / "log.jsonl").write_text("".join(lines[:49]) + torn + "".join(lines[50:]))
    logs = sb.read_logs(tmp_path)
    assert len(logs) == 2 * 98
    assert [problem.kind for problem in logs.problems] == ["corrupt"]


def test_a_log_in_utf_16_is_listed(tmp_path: Path) -> None:
    (tmp_path / "train.log").write_text("".join(f"step {step} loss: 0.5\n" for step in range(9)), "utf-16")
    (tmp_path / "log.jsonl").write_bytes(b"".join(line(step) for step in range(1, 4)))
    (unread,) = sb.read_logs(tmp_path).unread
    assert (unread.file, unread.resembles) == ("train.log", "text")
    assert "UTF-8" in unread.remedy


def test_training_by_step_and_validation_by_epoch_in_one_table(tmp_path: Path) -> None:
    """The step goes back and forth: two counters, each of which rises."""
    rows = []
    for epoch in range(1, 6):
        rows += [f"{10 * epoch - 10 + batch},0.5,\n" for batch in range(1, 11)] + [f"{epoch},,0.25\n"]
    (tmp_path / "log.csv").write_text("step,loss,val_loss\n" + "".join(rows))
    logs = sb.read_logs(tmp_path)
    table = logs.reindex(sb.Timeline.plan(batches_per_epoch=10), unit="step", base=1).to_polars()
    assert (len(table), logs.problems) == (55, ())
    of_validation = table.filter(table["tag"] == "val_loss")
    assert of_validation["epoch"].to_list() == [0, 1, 2, 3, 4]
