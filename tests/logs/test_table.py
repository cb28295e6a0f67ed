"""Tables: what they show of themselves, what they leave out, one column a tag, and how other packages take them."""

from __future__ import annotations

import csv
import json
import random
import re
import subprocess
import sys
from itertools import product
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import stepbridge as sb
from commands import LOGS, run
from stepbridge.logs._export import require_all_rows

if TYPE_CHECKING:
    from pathlib import Path

#: Of its 34 records, a later session replaced 3.
RESUMED = LOGS / "mnist_cnn" / "tensorboard"


@pytest.fixture
def past_the_end(tmp_path: Path) -> sb.Table:
    """Two runs on a plan of 4 batches: 3 records of the first lie past its end, 1 of the second."""
    for name, steps in (("a", 7), ("b", 5)):
        (tmp_path / name).mkdir()
        lines = "".join(f"{step},0.5\n" for step in range(steps))
        (tmp_path / name / "log.csv").write_text(f"step,loss\n{lines}", encoding="utf-8")
    return sb.read_logs(tmp_path).reindex(sb.Timeline.plan(batches_per_epoch=2, epochs=2), unit="step", base=0)


# --- what is left out ----------------------------------------------------------------------------------------------


def test_lengths_agree_or_say_why_not() -> None:
    logs = sb.read_logs(RESUMED)
    assert (len(logs), repr(logs)) == (34, "Logs(34 records, 3 superseded, 1 run, 7 tags)")
    texts = sb.LeftOut("version_0", "not_a_number", 9)
    for table in (logs.table(), logs.reindex()):
        assert len(table) == table.num_rows == table.to_polars().height == 31
        assert table.left_out == (sb.LeftOut("version_0", "superseded", 3), texts)
        assert repr(table).startswith("Table(31 records, 3 superseded left out, 9 not a number: run, tag, step, ")
    for table in (logs.table(keep_superseded=True), logs.reindex(keep_superseded=True)):
        assert len(table) == table.to_polars().height == 34
        assert table.left_out == (texts,)
        assert repr(table).startswith("Table(34 records, 9 not a number: run, tag, step, ")


def test_records_without_a_place_are_counted_by_run(past_the_end: sb.Table) -> None:
    assert past_the_end.left_out == (sb.LeftOut("a", "no_place", 3), sb.LeftOut("b", "no_place", 1))
    assert repr(past_the_end).startswith("Table(12 records, 4 without a place: run, ")
    nowhere = past_the_end.to_polars().filter(pl.col("epoch").is_null() & pl.col("epoch_float").is_null())
    assert nowhere.group_by("run").len().sort("run").rows() == [("a", 3), ("b", 1)]


def test_the_streamed_way_and_the_command_line_count_what_they_leave_out(tmp_path: Path) -> None:
    result = sb.reindex(RESUMED, tmp_path / "out.parquet")
    assert (result.records, result.left_out) == (
        31,
        (sb.LeftOut(None, "superseded", 3), sb.LeftOut("version_0", "not_a_number", 9)),
    )
    assert run("reindex", RESUMED, "-o", tmp_path / "out.csv").stdout.endswith(
        ", 3 superseded left out, 9 not a number\n"
    )
    shown = json.loads(run("reindex", RESUMED, "-o", tmp_path / "out.csv", "--json").stdout)
    assert [tuple(entry.values()) for entry in shown["left_out"]] == [
        (None, "superseded", 3, None),
        ("version_0", "not_a_number", 9, None),
    ]
    assert "34 records (3 superseded) of 7 tags" in run("info", RESUMED).stdout


# --- what is shown -------------------------------------------------------------------------------------------------


def cells(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_the_head_of_a_table_is_its_first_rows(tmp_path: Path) -> None:
    table = sb.read_logs(LOGS).reindex(batch=True, keep_superseded=True)
    table.write(tmp_path / "whole.csv")
    assert table.columns == table.column_names == cells(tmp_path / "whole.csv")[0]
    for rows in (0, 1, 5, 200, 10**6):
        table.head(rows).write(tmp_path / "head.csv")
        assert cells(tmp_path / "head.csv") == cells(tmp_path / "whole.csv")[: rows + 1]
    assert len(table.head()) == 5
    with pytest.raises(OverflowError):
        table.head(-1)


def test_the_first_rows_are_shown_as_they_are_written(tmp_path: Path) -> None:
    table = sb.read_logs(LOGS).reindex()
    table.write(tmp_path / "out.csv")
    head, *rows = cells(tmp_path / "out.csv")
    _, names, *lines, rest = repr(table).splitlines()
    shown = [name for name in names.split() if name != "…"]
    assert shown == [name for name in head if name not in {"wall_time", "source"}]
    for line, row in zip(lines, rows, strict=False):
        written = dict(zip(head, row, strict=True))
        of_line = dict(zip(shown, line.split(), strict=True))
        assert (of_line["tag"], of_line["step"], of_line["iter"]) == (written["tag"], written["step"], written["iter"])
        assert float(of_line["value"]) == pytest.approx(float(written["value"]), rel=1e-5)
    assert rest == f"… {len(table) - 10:,} more"
    assert max(map(len, repr(table).splitlines()[1:])) <= 100


def test_a_notebook_gets_html_that_obeys_no_name(tmp_path: Path) -> None:
    tag = "<script>alert('\x1b[31m')</script>"
    (tmp_path / "log.jsonl").write_text(json.dumps({"step": 1, tag: 0.5}) + "\n", encoding="utf-8")
    logs = sb.read_logs(tmp_path)
    for shown in (logs.table()._repr_html_(), logs.table().pivot()._repr_html_(), logs._repr_html_()):
        assert shown.startswith("<table><caption>1 ")
        assert "<script" not in shown
        assert shown.isprintable()
    assert logs.table()._repr_html_().count("<tr>") == 2
    for shown in (repr(logs.table()), repr(logs.table().pivot())):
        assert all(line.isprintable() for line in shown.splitlines())


def test_logs_show_their_runs_in_a_notebook() -> None:
    shown = sb.read_logs(LOGS)._repr_html_()
    assert "<caption>337 records, 3 superseded, 3 runs, 14 tags</caption>" in shown
    assert "<td>roberta_lora/results</td><td>119</td><td>7</td><td>500 to 8500</td>" in shown


# --- one column a tag ----------------------------------------------------------------------------------------------

PLACE = ["run", "step", "epoch", "iter", "epoch_float", "epoch_logged"]


def pivoted(rows: list[dict[str, Any]], place: list[str]) -> list[dict[str, Any]]:
    """Do by hand what `pivot` does: look for the last row of the place, and take a new one if the tag is taken."""
    found: list[dict[str, Any]] = []
    for row in rows:
        where = {name: row[name] for name in place}
        same = [each for each in found if all(each[name] == where[name] for name in place)]
        nowhere = all(where[name] is None for name in place if name not in {"run", "session", "superseded"})
        if not same or row["tag"] in same[-1]["tags"] or nowhere:
            found.append({**where, "tags": {}})
            same = [found[-1]]
        same[-1]["tags"][row["tag"]] = row["value"]
    return found


@pytest.mark.parametrize("log", ["mnist_cnn/csv", "mnist_cnn/tensorboard", "roberta_lora"])
def test_a_pivot_holds_every_record_at_its_place(log: str) -> None:
    table = sb.read_logs(LOGS / log).reindex()
    agrees(table, PLACE)


def test_a_pivot_of_odd_records_holds_all_of_them(tmp_path: Path) -> None:
    """Steps that are missing, that go back and that come twice, tags by turns, two files of one run."""
    rng = random.Random(5)
    for name, run_name in product(("a.jsonl", "b.jsonl"), ("one", "two")):
        (tmp_path / run_name).mkdir(exist_ok=True)
        lines = []
        for _ in range(60):
            line: dict[str, float] = {tag: rng.random() for tag in "xyz" if rng.random() < 0.5}
            line |= {"step": rng.randrange(8)} if rng.random() < 0.9 else {}
            line |= {"epoch": rng.randrange(2)} if rng.random() < 0.5 else {}
            lines.append(json.dumps(line) + "\n")
        (tmp_path / run_name / name).write_text('{"step": 0, "x": 0.5}\n' + "".join(lines), encoding="utf-8")
    logs = sb.read_logs(tmp_path, format="jsonl")
    agrees(logs.table(keep_superseded=True), ["run", "step", "session", "superseded", "epoch_logged"])
    agrees(logs.reindex(sb.Timeline.plan(batches_per_epoch=3), unit="batch", base=0), PLACE)


def agrees(table: sb.Table, place: list[str]) -> None:
    """Check a whole table against the slow way."""
    frame = table.pivot().to_polars()
    records = table.to_polars()
    expected = pivoted(records.rows(named=True), place)
    tags = frame.columns[len(place) :]
    assert frame.columns[: len(place)] == place
    assert tags == [_renamed(tag, place) for tag in records["tag"].unique(maintain_order=True)]
    assert frame.height == len(expected)
    for row, wanted in zip(frame.rows(named=True), expected, strict=True):
        assert {name: row[name] for name in place} == {name: wanted[name] for name in place}
        named = {_renamed(tag, place): value for tag, value in wanted["tags"].items()}
        assert {tag: row[tag] for tag in tags if row[tag] is not None} == named


def _renamed(tag: str, place: list[str]) -> str:
    return f"{tag}_tag" if tag in place else tag


def test_tags_that_are_chosen() -> None:
    table = sb.read_logs(LOGS / "roberta_lora").reindex()
    assert table.pivot(["loss", "grad_norm"]).columns == [*PLACE, "loss", "grad_norm"]
    every = table.pivot().to_polars().filter(pl.col("loss").is_not_null())
    assert table.pivot(["loss"]).to_polars()["loss"].to_list() == every["loss"].to_list()
    with pytest.raises(ValueError, match='the table has no tag "lost"'):
        table.pivot(["loss", "lost"])
    with pytest.raises(ValueError, match="has one column a tag already"):
        table.pivot().pivot()


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl", ".arrow"])
def test_a_pivot_is_written_whatever_its_tags_are_called(ending: str, tmp_path: Path) -> None:
    tags = ['a "quoted", tag', "line\nend", "step", "step_tag", "plain"]
    lines = [json.dumps({"it": step, **dict.fromkeys(tags, step / 8)}) for step in range(3)]
    (tmp_path / "log.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    wide = sb.read_logs(tmp_path, step_column="it").table().pivot()
    assert wide.columns == ["run", "step", "epoch_logged", tags[0], tags[1], "step_tag", "step_tag_tag", "plain"]
    wide.write(tmp_path / f"out{ending}")
    readers: dict[str, Any] = {
        ".parquet": pl.read_parquet,
        ".csv": lambda path: pl.DataFrame(cells(path)[1:], cells(path)[0], orient="row").cast({"plain": pl.Float64}),
        ".jsonl": pl.read_ndjson,
        ".arrow": pl.read_ipc,
    }
    read = readers[ending](tmp_path / f"out{ending}")
    assert read.columns == wide.columns
    assert read["plain"].to_list() == [0.0, 0.125, 0.25]


# --- other packages ------------------------------------------------------------------------------------------------


def test_polars_gets_names_as_strings() -> None:
    table = sb.read_logs(LOGS).reindex()
    for frame in (table.to_polars(), sb.read_logs(LOGS).to_polars(), table.pivot().to_polars()):
        assert [frame.schema[name] for name in ("run", "tag") if name in frame.columns] == [pl.String] * (
            1 + ("tag" in frame.columns)
        )
    frame = table.to_polars()
    other = pl.DataFrame({"run": ["roberta_lora/results"], "tag": ["loss"], "colour": ["red"]})
    assert frame.join(other, on=["run", "tag"]).height == frame.filter(tag="loss").height == 17
    assert table.to_pandas()["tag"].dtype == "category"


def test_rows_that_a_package_left_behind_are_an_error() -> None:
    """polars 1.3 to 1.9 take the first chunk alone."""
    require_all_rows("polars", "1.10.0", 200_000, 200_000)
    with pytest.raises(RuntimeError, match=re.escape("polars 1.9.0 took 34,258 of 200,000 rows")) as refused:
        require_all_rows("polars", "1.9.0", 34_258, 200_000)
    assert "pip install --upgrade polars" in str(refused.value)


BROKEN = """
import sys
import stepbridge as sb
table = sb.read_logs(sys.argv[1]).reindex()
for method in sys.argv[2:]:
    try:
        getattr(table, method)()
    except ImportError as error:
        print(error)
"""


@pytest.mark.parametrize(
    ("module", "content", "why"),
    [
        ("polars", "raise ImportError('libfoo.so.1: cannot open shared object file')", "libfoo.so.1: cannot open"),
        ("polars", "import a_module_that_polars_needs", "No module named 'a_module_that_polars_needs'"),
        ("pyarrow", "raise ImportError('built for another numpy')", "built for another numpy"),
    ],
    ids=["a library is missing", "a package is missing", "built for another numpy"],
)
def test_a_package_that_cannot_be_imported_says_why(module: str, content: str, why: str, tmp_path: Path) -> None:
    (tmp_path / f"{module}.py").write_text(content, encoding="utf-8")
    methods = {"polars": ["to_polars"], "pyarrow": ["to_arrow", "to_pandas"]}[module]
    command = [sys.executable, "-c", BROKEN, str(LOGS / "roberta_lora"), *methods]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    for sentence in done.stdout.splitlines():
        assert sentence.startswith(f"this needs {module}, which is installed but cannot be imported: ")
        assert why in sentence
    assert len(done.stdout.splitlines()) == len(methods)
