"""`stepbridge info`: what fits a terminal, what is listed as not read, and what is named once."""

from __future__ import annotations

import json
import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from commands import LOGS, printed, run
from stepbridge import read_logs

if TYPE_CHECKING:
    from pathlib import Path

WIDE = {**os.environ, "COLUMNS": "160"}
NARROW = {**os.environ, "COLUMNS": "80"}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def table(step: str = "step") -> str:
    return f"{step},loss\n" + "".join(f"{n},{1 / (n + 1)}\n" for n in range(5))


LINES = "".join(f"cycle {n} of 5 -- loss {1 / (n + 1):.3f} --\n" for n in range(5))
#: Files that look like logs, what they look like, and a word of the remedy.
LOOKALIKES = {
    "a.csv": (table("n"), "table", "step_column="),
    "b.jsonl": ('{"n": 1, "loss": 2}\n{"n": 2, "loss": 1}\n', "json_lines", "step_column="),
    "history.json": ('{"loss": [0.5, 0.25], "acc": [0.1, 0.2]}', "json", "each line"),
    "odd.log": (LINES, "text", "pattern="),
    "late.log": ("building\n" * 10_000 + LINES, "text", "pattern="),
}
#: Files next to logs that are none, and do not look like one.
OTHERS = {
    "people.csv": "name,age\na,1\nb,2\n",
    "config.json": '{"lr": 0.1, "epochs": 3, "betas": [0.9, 0.99]}',
    "install.log": "step 1 of 3: done\nchecking for errors\n0 errors found\nstep 2 of 3: done\n",
    "README.md": LINES,
    "train.py": LINES,
}


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A run that is read, files that look like logs, and files that do not."""
    return write(tmp_path, {"run/log.csv": table(), **{n: f[0] for n, f in LOOKALIKES.items()}, **OTHERS})


def test_files_that_look_like_logs_are_listed_with_the_remedy(mixed: Path) -> None:
    unread = {found.file: found for found in read_logs(mixed).unread}
    assert {name: found.resembles for name, found in unread.items()} == {n: f[1] for n, f in LOOKALIKES.items()}
    for name, (_, _, word) in LOOKALIKES.items():
        assert word in unread[name].remedy
    assert unread["odd.log"].example in LINES.splitlines()
    assert "5 files not read" in repr(read_logs(mixed))


def test_info_prints_them_and_counts_them(mixed: Path) -> None:
    done = run("info", mixed, env=WIDE)
    text = " ".join(done.stdout.split())
    assert "5 files not read, though they look like a log" in text
    assert "not read: late.log and 1 more: none of its lines has a shape that is known; give a --pattern" in text
    assert "not read: a.csv: no column is called step or epoch; name the one that holds it with --step-column" in text
    shown = json.loads(printed("info", mixed, "--json"))
    assert len(shown["unread"]) == 5


def test_the_remedy_works(mixed: Path) -> None:
    assert "a.csv" in [file.file for file in read_logs(mixed, step_column="n").files]
    pattern = "cycle {step} of 5 -- loss {loss} --"
    assert "odd.log" in [file.file for file in read_logs(mixed, pattern=pattern).files]


@pytest.mark.parametrize("command", ["info", "infer"])
def test_a_folder_without_logs_names_what_looks_like_one(command: str, tmp_path: Path) -> None:
    write(tmp_path, {"odd.log": LINES})
    done = run(command, tmp_path)
    assert done.returncode == 1
    assert "odd.log looks like one: none of its lines has a shape that is known; give a --pattern" in done.stderr


def test_refresh_notices_that_a_file_can_be_read_now(tmp_path: Path) -> None:
    write(tmp_path, {"run/log.csv": table(), "b.csv": table("n")})
    logs = read_logs(tmp_path)
    assert [found.file for found in logs.unread] == ["b.csv"]
    write(tmp_path, {"b.csv": table() + "5,0.1\n"})
    logs.refresh()
    assert (logs.unread, logs.runs) == ((), [".", "run"])


# --- the table fits ------------------------------------------------------------------------------------------------


def long_names(folder: Path) -> Path:
    deep = "experiments/2024-05-01_a-very-long-name-of-a-sweep-with-many-settings/lr=0.0003,batch=512,warmup=1000"
    return write(folder, {f"{deep}/seed-{seed}/{'x' * 70}_{seed}/log.csv": table() for seed in range(3)})


@pytest.mark.parametrize("columns", [60, 80, 100])
def test_every_line_of_infer_fits(columns: int, mixed: Path, tmp_path: Path) -> None:
    long_names(tmp_path)
    shutil.copytree(LOGS, tmp_path / "demo")
    done = run("infer", tmp_path, env={**os.environ, "COLUMNS": str(columns)})
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= columns
    # Nothing but the middle of long words is left out.
    whole = run("infer", tmp_path, env=WIDE).stdout.split()
    assert [word for word in " ".join(lines).split() if "…" not in word and word not in whole] == []


@pytest.mark.parametrize("columns", [80, 100])
def test_every_line_fits(columns: int, mixed: Path, tmp_path: Path) -> None:
    long_names(tmp_path)
    shutil.copytree(LOGS, tmp_path / "demo")
    done = run("info", tmp_path, env={**os.environ, "COLUMNS": str(columns)})
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= columns
    # The beginning and the end of a long name say which run it is.
    for seed in range(3):
        assert re.search(rf"^  x+…x+_{seed} ", done.stdout, re.MULTILINE)
        assert f"seed-{seed}/" in done.stdout


def test_runs_are_grouped_by_folder(tmp_path: Path) -> None:
    write(tmp_path, {f"{sweep}/{n}/log.csv": table() for sweep in ("first", "second") for n in range(3)})
    lines = printed("info", tmp_path).splitlines()
    heads = [index for index, line in enumerate(lines) if line.startswith(("first/ ", "second/ "))]
    assert heads == [1, 5]
    assert "first/ (csv: a step is the index of the update (assumed))" in lines
    assert [line.split()[:2] for line in lines[2:5]] == [["0", "5"], ["1", "5"], ["2", "5"]]


def test_columns_that_say_nothing_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, {"log.csv": table()})
    assert printed("info", tmp_path).splitlines()[0].split() == ["run", "records", "tags", "steps", "epochs"]
    assert printed("info", LOGS).splitlines()[0].split()[-1] == "sessions"


# --- named once ----------------------------------------------------------------------------------------------------


def state(steps: int) -> str:
    history = [{"step": step, "epoch": step / 10, "loss": 1 / step} for step in range(1, steps + 1)]
    return json.dumps({"log_history": history, "global_step": steps, "epoch": steps / 10})


def test_checkpoints_of_one_run_are_one_line(tmp_path: Path) -> None:
    write(tmp_path, {f"run/checkpoint-{n}/trainer_state.json": state(n) for n in range(10, 110, 10)})
    done = run("info", tmp_path, env=WIDE)
    (sentence,) = done.stderr.splitlines()
    assert re.match(r"run/checkpoint-10/trainer_state\.json and 8 more: it repeats the beginning of ", sentence)
    assert "0 problems; 9 files left out as a repetition of another" in done.stdout


def test_numbers_that_are_read_twice_are_named_once(tmp_path: Path) -> None:
    rows = [(n, 1 / (n + 3), n / 7) for n in range(6)]
    write(
        tmp_path,
        {
            "run/log.csv": "step,loss,acc\n" + "".join(f"{n},{loss:.5g},{acc:.5g}\n" for n, loss, acc in rows),
            "run/log.jsonl": "".join(json.dumps({"step": n, "loss": x, "acc": y}) + "\n" for n, x, y in rows),
            "other/log.csv": table(),
        },
    )
    (found,) = read_logs(tmp_path).repeated_series
    assert (found.run, found.tags) == ("run", 2)
    assert {found.file, found.other} == {"run/log.csv", "run/log.jsonl"}
    text = " ".join(run("info", tmp_path, env=WIDE).stdout.split())
    assert text.count("holds the same numbers as") == 1


def test_problems_of_one_kind_in_one_file_are_bounded(tmp_path: Path) -> None:
    lines = [json.dumps({"step": n, "loss": 0.5}) for n in range(2000)]
    write(tmp_path, {"log.jsonl": "\n".join([*lines, *[f'{{"step": 1, "lo\n{lines[0]}' for _ in range(50)], ""])})
    sentences = run("info", tmp_path).stderr.splitlines()
    assert len(sentences) == 4
    assert "47 more problems of this kind" in sentences[-1]


# --- real logs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ultralytics", "trainer_state", "lightning", "text", "tfevents", "mmengine"])
def test_what_infer_says_of_real_logs_fits(kind: str, data: Path) -> None:
    done = run("infer", data / kind, env=NARROW)
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize("kind", ["ultralytics", "trainer_state", "lightning", "text", "tfevents", "mmengine"])
def test_real_logs_fit_and_hide_nothing(kind: str, data: Path) -> None:
    done = run("info", data / kind, env=NARROW)
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    shown = json.loads(run("info", data / kind, "--json").stdout)
    known = {file["file"] for file in shown["files"]} | {problem["file"] for problem in shown["problems"]}
    known |= {file["file"] for file in shown["unread"]} | {file["file"] for file in shown["ledgers"].values()}
    for path in (data / kind).rglob("*.log"):
        assert path.relative_to(data / kind).as_posix() in known, "a log that is out of sight"


def test_a_real_table_next_to_an_event_file_is_named(data: Path) -> None:
    logs = read_logs(data / "ultralytics")
    assert [found.tags for found in logs.repeated_series if "Abonia1" in found.run] == [7]
