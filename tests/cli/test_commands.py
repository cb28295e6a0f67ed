"""The command line, run as a process: what it prints, where, and with which exit code."""

from __future__ import annotations

import csv
import json
import shutil
from typing import TYPE_CHECKING

import pytest

from commands import LOGS, complaint, printed, run

if TYPE_CHECKING:
    from pathlib import Path

LIGHTNING = LOGS / "mnist_cnn" / "csv"
EVENTS = LOGS / "mnist_cnn" / "tensorboard"
TRAINER = LOGS / "roberta_lora"
TEXTBOOK = ("--samples", "1000", "--batch-size", "200", "--epochs", "5")


def test_plan_ends_with_the_textbook_line() -> None:
    assert printed("plan", *TEXTBOOK).splitlines()[-1] == "Epoch 5, Iter 5, Step 25"


def test_plan_as_json() -> None:
    facts = json.loads(printed("plan", *TEXTBOOK, "--accumulate", 2, "--json"))
    assert facts["totals"] == {"epochs": 5, "batches": 25, "steps": 15, "samples": 5000}
    assert facts["timeline"]


def test_an_open_ended_plan_has_no_last_line() -> None:
    facts = json.loads(printed("plan", "--batches-per-epoch", 7, "--json"))
    assert facts["totals"] == {"epochs": None, "batches": None, "steps": None, "samples": None}
    assert "Step" not in printed("plan", "--batches-per-epoch", 7).splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "answer", "fields"),
    [
        pytest.param(("3ep", "step"), "15st", {"answer": "exact", "value": 15, "unit": "st"}, id="exact"),
        pytest.param(("7st", "epoch"), "1.4ep", {"answer": "exact", "value": "7/5", "unit": "ep"}, id="exact fraction"),
        pytest.param(
            ("1/3ep", "batch"),
            "between 1ba and 2ba",
            {"answer": "between", "lower": "1ba", "upper": "2ba"},
            id="between",
        ),
        pytest.param(("26st", "epoch"), "past the end (5ep)", {"answer": "past_end", "end": "5ep"}, id="past the end"),
    ],
)
def test_convert(arguments: tuple[str, str], answer: str, fields: dict[str, object]) -> None:
    assert printed("convert", *arguments, *TEXTBOOK) == answer + "\n"
    assert json.loads(printed("convert", *arguments, *TEXTBOOK, "--json")) == fields


def test_convert_of_what_is_not_known() -> None:
    assert printed("convert", "10%", "batch", "--batches-per-epoch", 7).startswith("undetermined: ")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        pytest.param(("plan",), ("--batches-per-epoch", "--samples", "--batch-size"), id="no length"),
        pytest.param(("plan", "--samples", "7"), ("--batches-per-epoch", "--batch-size"), id="samples alone"),
        pytest.param(("plan", "--batches-per-epoch", "-1"), ("-1",), id="negative length"),
        pytest.param(("plan", "--batches-per-epoch", str(2**63), "--epochs", "2"), (str(2**63),), id="too large"),
        pytest.param(("plan", "--batches-per-epoch", "many"), ("--batches-per-epoch", "many"), id="no number"),
        pytest.param(("plan", "--boundary", "ask"), ("flush", "carry", "drop"), id="unknown boundary"),
        pytest.param(("convert", "3furlongs", "step", *TEXTBOOK), ("furlongs",), id="unknown quantity"),
        pytest.param(("convert", "3ep", "furlong", *TEXTBOOK), ("furlong",), id="unknown unit"),
        pytest.param(("convert", "3ep"), ("UNIT",), id="missing argument"),
        pytest.param(("plan", "--no-such-option"), ("--no-such-option",), id="unknown option"),
        pytest.param(("no-such-command",), ("no-such-command",), id="unknown command"),
    ],
)
def test_wrong_use(arguments: tuple[str, ...], parts: tuple[str, ...]) -> None:
    sentence = complaint(2, *arguments)
    assert sentence.startswith("stepbridge")
    assert all(part in sentence for part in parts)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_info_names_each_file_and_tag() -> None:
    text = printed("info", LOGS)
    assert all(name in text for name in ("lightning_csv", "tfevents", "trainer_state", "train_loss", "eval_loss"))
    facts = json.loads(printed("info", LOGS, "--json"))
    assert facts["runs"] == ["mnist_cnn/csv/version_0", "mnist_cnn/tensorboard/version_0", "roberta_lora/results"]
    assert len(facts["files"]) == 5
    assert facts["problems"] == []


def test_what_the_caller_says_of_a_log_overrides_what_is_found(tmp_path: Path) -> None:
    (tmp_path / "mine.dat").write_text('{"it": 3, "loss": 0.5}\n{"it": 4, "loss": 0.25}\n', encoding="utf-8")
    assert "no log" in complaint(1, "info", tmp_path)
    stated = ("--format", "jsonl", "--step-column", "it")
    (file,) = json.loads(printed("info", tmp_path, *stated, "--json"))["files"]
    assert (file["format"], file["records_ok"]) == ("jsonl", 2)
    (tmp_path / "mine.dat").write_text("it 3 of 9 -> 0.5\nit 4 of 9 -> 0.25\n", encoding="utf-8")
    shape = ("--pattern", "it {step} of 9 -> {loss}", "--batches-per-epoch", 2, "--unit", "st", "--base", 0)
    done = run("reindex", tmp_path, *shape, "-o", tmp_path / "out.csv")
    assert done.returncode == 0, done.stderr
    found = [(row["step"], row["epoch"], row["iter"], row["value"]) for row in rows(tmp_path / "out.csv")]
    assert found == [("3", "1", "1", "0.5"), ("4", "2", "0", "0.25")]


def test_infer_gives_the_length_and_what_it_rests_on() -> None:
    assert "2870" in printed("infer", TRAINER)
    (inferred,) = json.loads(printed("infer", TRAINER, "--json")).values()
    assert inferred["timeline"]["segments"][0]["batches"] == 2870
    assert (inferred["unit"], inferred["base"]) == ("st", 1)


def test_infer_of_a_run_without_epochs(tmp_path: Path) -> None:
    without_epochs(tmp_path)
    assert "unknown" in printed("infer", tmp_path)


def without_epochs(folder: Path) -> None:
    """Put a run into the folder whose log states no epoch."""
    (folder / "metrics.csv").write_text("epoch,step,loss\n,49,0.5\n,99,0.25\n", encoding="utf-8")


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl", "arrow", "CSV"])
def test_reindex_writes_what_the_ending_says(ending: str, tmp_path: Path) -> None:
    output = tmp_path / f"out.{ending}"
    assert (
        printed("reindex", TRAINER, "-o", output)
        == f"{output}: 119 records of 1 run, by the epochs in the log itself\n"
    )
    magic = {"parquet": b"PAR1", "arrow": b"ARROW1", "jsonl": b'{"run":'}.get(ending, b"run,tag,")
    assert output.read_bytes().startswith(magic)
    assert [path.name for path in tmp_path.iterdir()] == [output.name]


def test_reindex_infers(tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    facts = json.loads(printed("reindex", LIGHTNING, "-o", output, "--json"))
    assert (facts["records"], facts["runs"], facts["problems"]) == (len(rows(output)), ["version_0"], [])
    assert all(divmod(int(row["step"]), 1719) == (int(row["epoch"]), int(row["iter"])) for row in rows(output))


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(("--batches-per-epoch", "1719"), id="batches"),
        pytest.param(("--samples", "55000", "--batch-size", "32"), id="samples"),
        pytest.param(("--samples", "55031", "--batch-size", "32", "--drop-last"), id="drop last"),
    ],
)
def test_reindex_by_a_plan_with_unit_and_base(plan: tuple[str, ...], tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    printed("reindex", EVENTS, "-o", output, *plan, "--unit", "step", "--base", "0")
    assert all(divmod(int(row["step"]), 1719) == (int(row["epoch"]), int(row["iter"])) for row in rows(output))


def test_reindex_by_a_convention(tmp_path: Path) -> None:
    plan = ("--batches-per-epoch", 1719)
    printed("reindex", EVENTS, "-o", tmp_path / "a.csv", *plan, "--convention", "lightning")
    printed("reindex", EVENTS, "-o", tmp_path / "b.csv", *plan, "--unit", "step", "--base", "0")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_reindex_with_accumulation(tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    run("reindex", TRAINER, "-o", output, "--batches-per-epoch", 2 * 2870, "--accumulate", 2, "--boundary", "carry")
    assert all(int(row["iter"]) % 2 == 1 for row in rows(output))


def test_reindex_says_what_it_assumed_of_the_steps(tmp_path: Path) -> None:
    done = run("reindex", EVENTS, "-o", tmp_path / "out.csv")
    assert done.returncode == 0
    (sentence,) = done.stderr.splitlines()
    assert "--unit st --base 0" in sentence


def test_reindex_reports_what_lies_past_the_end(tmp_path: Path) -> None:
    done = run("reindex", LIGHTNING, "-o", tmp_path / "out.csv", "--batches-per-epoch", 1719, "--epochs", 5)
    assert done.returncode == 0
    (sentence,) = done.stderr.splitlines()
    assert "past the end" in sentence
    assert [row["epoch"] for row in rows(tmp_path / "out.csv") if row["step"] == "8595"] == [""] * 3


def test_reindex_asks_for_a_plan_and_names_the_run(tmp_path: Path) -> None:
    without_epochs(tmp_path)
    sentence = complaint(2, "reindex", tmp_path, "-o", tmp_path / "out.csv")
    assert all(part in sentence for part in ("run .", "--batches-per-epoch", "--samples", "--batch-size"))
    assert not (tmp_path / "out.csv").exists()


def test_reindex_places_the_runs_that_it_can_and_names_the_other(tmp_path: Path) -> None:
    shutil.copytree(TRAINER, tmp_path / "known")
    (tmp_path / "other").mkdir()
    without_epochs(tmp_path / "other")
    done = run("reindex", tmp_path, "-o", tmp_path / "out.csv")
    assert done.returncode == 0
    (sentence,) = done.stderr.splitlines()
    assert "run other" in sentence
    assert "--batches-per-epoch" in sentence
    placed = {row["run"]: row["epoch"] != "" for row in rows(tmp_path / "out.csv")}
    assert placed == {"known/results": True, "other": False}


def test_a_torn_event_file_keeps_its_sound_records(tmp_path: Path) -> None:
    whole = min(EVENTS.rglob("*tfevents*"))
    (tmp_path / whole.name).write_bytes(whole.read_bytes()[:-7])
    plan = ("--batches-per-epoch", 1719, "--convention", "lightning")
    done = run("reindex", tmp_path, "-o", tmp_path / "out.csv", *plan)
    assert done.returncode == 0
    (sentence,) = done.stderr.splitlines()
    assert whole.name in sentence
    assert len(rows(tmp_path / "out.csv")) > 0


def test_a_missing_column_is_named_and_the_rest_kept(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("epoch,loss\n0,0.5\n", encoding="utf-8")
    done = run("info", tmp_path)
    assert done.returncode == 0
    assert "1 record of 1 tag in 1 file, 1 problem" in done.stdout
    (sentence,) = done.stderr.splitlines()
    assert "metrics.csv" in sentence
    assert "'step'" in sentence


@pytest.mark.parametrize("ending", [".txt", "", ".parquet.gz"])
def test_an_unknown_ending_names_the_four(ending: str, tmp_path: Path) -> None:
    sentence = complaint(2, "reindex", TRAINER, "-o", tmp_path / f"out{ending}")
    assert all(known in sentence for known in (".parquet", ".csv", ".jsonl", ".arrow"))


@pytest.mark.parametrize("command", ["info", "infer", "reindex"])
@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        pytest.param("no such path", None, 2, id="no such path"),
        pytest.param("empty folder", {}, 1, id="empty folder"),
        pytest.param("no logs", {"notes.txt": "hello"}, 1, id="no logs"),
        pytest.param("cut", {"trainer_state.json": '{"log_history": [{"ep'}, 1, id="JSON cut in the middle"),
    ],
)
def test_nothing_readable(command: str, name: str, content: dict[str, str] | None, code: int, tmp_path: Path) -> None:
    path = tmp_path / name
    if content is not None:
        path.mkdir()
        for file, text in content.items():
            (path / file).write_text(text, encoding="utf-8")
    output = ("-o", tmp_path / "out.csv") if command == "reindex" else ()
    sentence = complaint(code, command, path, *output)
    assert sentence.startswith(f"stepbridge {command}: ")
    assert name in sentence
    assert not (tmp_path / "out.csv").exists()


def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    output = tmp_path / "no such folder" / "out.csv"
    assert str(output) in complaint(1, "reindex", TRAINER, "-o", output)
    assert not output.parent.exists()


def test_options_that_contradict_each_other(tmp_path: Path) -> None:
    both = ("--convention", "keras", "--base", "0")
    assert "convention" in complaint(2, "reindex", TRAINER, "-o", tmp_path / "out.csv", *both)
