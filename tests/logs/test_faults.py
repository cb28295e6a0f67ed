"""What goes wrong with files, in every format: it is reported, and costs nothing that is sound."""

from __future__ import annotations

import gzip
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

import stepbridge as sb
from small_logs import FORMS, NAMES, OBJECTS, small_log
from stepbridge.logs import Format, Logs, read_logs
from unprivileged import unprivileged

if TYPE_CHECKING:
    from collections.abc import Callable

each_format = pytest.mark.parametrize("form", FORMS)
#: Those whose records are read one after the other, so that a file may be larger than memory.
STREAMED: tuple[Format, ...] = tuple(form for form in FORMS if form not in {"trainer_state", "mlflow_db", "trackio"})
#: Those whose records have a step of the run.
STEPS: tuple[Format, ...] = tuple(form for form in FORMS if form not in {"keras_csv", "ultralytics", "stylegan"})
#: Ten steps, and values none of which begins like another.
ROWS = [(step, 3.5 * 1.5**step) for step in range(1, 11)]

#: Enough that the beginning of a file shows what it is.
MANY = [(step, step + 0.125) for step in range(2000)]

unix = pytest.mark.skipif(sys.platform == "win32", reason="links, permissions and limits of Unix")


def values(logs: Logs) -> list[float]:
    found: list[float] = logs.to_polars()["value"].to_list()
    return found


def kinds(logs: Logs) -> list[str]:
    return [problem.kind for problem in logs.problems]


def rounded(form: Format, rows: list[tuple[int, float]]) -> list[float]:
    """Give the values as they are stored: event files have 32 bits for one."""
    numbers = [value for _, value in rows]
    return pa.array(numbers, pa.float64()).cast(pa.float32()).to_pylist() if form == "tfevents" else numbers


@each_format
def test_small_logs_are_what_they_are_meant_to_be(form: Format, tmp_path: Path) -> None:
    (tmp_path / NAMES[form]).write_bytes(small_log(form, ROWS))
    logs = read_logs(tmp_path, format=form)
    assert [value for value in values(logs) if value != 0.5] == rounded(form, ROWS)
    assert logs.problems == ()


# --- files that are not whole --------------------------------------------------------------------------------------


@each_format
def test_an_empty_file_is_reported(form: Format, tmp_path: Path) -> None:
    (tmp_path / NAMES[form]).write_bytes(b"")
    with pytest.raises(ValueError, match="the file has no bytes"):
        read_logs(tmp_path, format=form)
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / NAMES[form]).write_bytes(small_log(form, ROWS))
    (problem,) = read_logs(tmp_path, format=form).problems
    assert (problem.file, problem.kind) == (NAMES[form], "empty")


@pytest.mark.parametrize("form", [form for form in FORMS if form not in {"mlflow_db", "trackio"}])
def test_a_file_that_was_cut_anywhere_is_torn_and_no_error(form: Format, tmp_path: Path) -> None:
    whole = small_log(form, ROWS)
    path = tmp_path / NAMES[form]
    path.write_bytes(whole)
    expected = values(read_logs(path, format=form))
    # What must be there before a value can be: a line of names, a magic number.
    names = (
        whole.index(b"\n") + 1 if form.endswith("csv") or form in {"sb3", "dvclive"} else 16 if form == "wandb" else 2
    )
    for size in range(max(names, 30 if form in {"trainer_state", "text"} else 0), len(whole)):
        path.write_bytes(whole[:size])
        try:
            logs = read_logs(path, format=form)
        except ValueError as error:
            assert size < len(whole) / 5, (size, error)  # noqa: PT017 - only with nothing in it yet
            continue
        found = values(logs)
        assert found == expected[: len(found)], size
        assert set(kinds(logs)) <= {"truncated"}, (size, logs.problems)
        for problem in logs.problems:
            assert problem.offset is not None
            assert problem.length is not None
            assert problem.offset + problem.length == size
        # All that follows the last value, if it is more than the end of a line.
        if not logs.problems and form != "text":
            assert whole[:size].endswith((b"\n", b"}", b"},", whole[-1:])) or form in {"tfevents", "wandb"}, size


# --- files that change while they are read -------------------------------------------------------------------------


class Once:
    """Does something to a file as soon as the first bytes are read."""

    def __init__(self, change: Callable[[], object]) -> None:
        self.change, self.changed = change, False

    def __call__(self, done: int, _total: int) -> None:
        """Take a report of progress."""
        if done and not self.changed:
            self.changed = True
            self.change()


#: Long enough for a report of progress to come in between; without data, so that it takes no room on the disk.
ENDLESS = 8 << 30


@unix
@pytest.mark.parametrize("form", STREAMED)
def test_a_file_that_shrinks_while_it_is_read_ends_there(form: Format, tmp_path: Path) -> None:
    path = tmp_path / NAMES[form]
    whole = small_log(form, ROWS)
    path.write_bytes(whole)
    os.truncate(path, ENDLESS)
    shrink = Once(lambda: os.truncate(path, len(whole)))
    begun = time.process_time()
    logs = read_logs(tmp_path, format=form, progress=shrink)
    assert shrink.changed
    assert time.process_time() - begun < 20
    assert [value for value in values(logs) if value != 0.5] == rounded(form, ROWS)
    for problem in logs.problems:
        assert problem.offset is None or problem.offset >= len(whole) - 1


@unix
@each_format
def test_a_file_that_vanishes_before_its_turn_is_reported(form: Format, tmp_path: Path) -> None:
    # Large files are read in the order of their names.
    (tmp_path / "a").mkdir()
    first = tmp_path / "a" / NAMES["tfevents"]
    first.write_bytes(small_log("tfevents", ROWS))
    os.truncate(first, ENDLESS)
    (tmp_path / "b").mkdir()
    second = tmp_path / "b" / NAMES[form]
    second.write_bytes(small_log(form, MANY))
    os.truncate(second, 8 << 20)

    def vanish() -> None:
        second.unlink()
        os.truncate(first, 1 << 20)

    logs = read_logs(tmp_path, progress=Once(vanish))
    assert values(logs) == rounded("tfevents", ROWS)
    assert (f"b/{NAMES[form]}", "unreadable") in [(problem.file, problem.kind) for problem in logs.problems]


# --- folders -------------------------------------------------------------------------------------------------------


def test_a_folder_and_a_file_without_permission_are_reported() -> None:
    with unprivileged() as folder:
        (folder / NAMES["text"]).write_bytes(small_log("text", ROWS))
        closed, secret = folder / "closed", folder / NAMES["jsonl"]
        closed.mkdir()
        (closed / NAMES["text"]).write_bytes(small_log("text", ROWS))
        secret.write_bytes(small_log("jsonl", ROWS))
        closed.chmod(0)
        secret.chmod(0)
        try:
            logs = read_logs(folder)
            assert len(logs) == len(ROWS)
            found = [(problem.file, problem.kind) for problem in logs.problems]
            assert found == [("closed", "unreadable"), (secret.name, "unreadable")]
            for path in (closed, secret):
                with pytest.raises(PermissionError, match="cannot be read"):
                    read_logs(path)
        finally:
            closed.chmod(0o700)


@unix
def test_links_in_circles_are_reported_and_not_followed(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        (folder / NAMES["text"]).write_bytes(small_log("text", ROWS))
    (one / "other").symlink_to(other)
    (other / "one").symlink_to(one)
    (one / "up").symlink_to(tmp_path)
    (one / "itself").symlink_to("itself")
    (one / "there").symlink_to("back")
    (one / "back").symlink_to("there")
    logs = read_logs(tmp_path)
    # Each file once, under its own name.
    assert [file.file for file in logs.files] == [f"{name}/{NAMES['text']}" for name in ("one", "other")]
    found = {(problem.file, problem.kind) for problem in logs.problems}
    assert found == {
        ("one/up", "symlink_loop"),
        ("one/itself", "unreadable"),
        ("one/there", "unreadable"),
        ("one/back", "unreadable"),
    }


#: What a process needs before it has read anything, at most.
BASE = 100 << 20

has_peak = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc says how much memory was taken")


def peak(path: Path, form: Format | None = None) -> tuple[str, int, float]:
    """Read logs in a process of its own: what it says of them, its most memory at a time, its seconds of CPU time."""
    command = [sys.executable, "-c", READ, str(path), *([form] if form else [])]
    # What is freed goes back at once. Else it waits for the next reading, and how much of it depends on the time.
    env = os.environ | {"MIMALLOC_PURGE_DELAY": "0"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    stated, size, seconds = done.stdout.splitlines()
    return stated, int(size) << 10, float(seconds)


# The resource module's number would count what the process was forked from.
READ = """
import sys, time
from stepbridge import read_logs
try:
    logs = read_logs(sys.argv[1], format=(sys.argv[2:] or [None])[0])
    print(len(logs), len(logs.files), *sorted({problem.kind for problem in logs.problems}))
except ValueError as error:
    print("ValueError", error)
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
print(time.process_time())
"""


@has_peak
def test_a_hundred_thousand_small_files(tmp_path: Path) -> None:
    # A file store of MLflow's: 100 runs of 1,000 metrics.
    content = small_log("mlflow", ROWS[:2])
    for run in range(100):
        folder = tmp_path / "mlruns" / "0" / f"{run:032x}" / "metrics"
        folder.mkdir(parents=True)
        (folder / "m0").write_bytes(content)
        # Names are cheaper to make than files, and no less work to read.
        for metric in range(1, 1000):
            os.link(f"{folder}/m0", f"{folder}/m{metric}")
    stated, memory, seconds = peak(tmp_path)
    assert stated == "200000 100000"
    assert seconds < 30
    assert memory < BASE + (400 << 20)


# --- names and numbers ---------------------------------------------------------------------------------------------

#: Those that name their tags in the file, as they like.
TAGS: tuple[Format, ...] = tuple(form for form in FORMS if form not in {"mlflow", "text"})


@unix
def test_more_folders_than_files_may_be_open(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="limits of Unix")
    for number in range(400):
        folder = tmp_path / f"run{number:03}"
        folder.mkdir()
        (folder / NAMES["jsonl"]).write_bytes(small_log("jsonl", ROWS))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = len(list(Path("/dev/fd").iterdir()))
    # Each thread has a file open; there are as many threads as processors.
    resource.setrlimit(resource.RLIMIT_NOFILE, (held + 32 + (os.cpu_count() or 1), hard))
    try:
        logs = read_logs(tmp_path, format="jsonl")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(logs.runs) == 400
    assert logs.problems == ()


@has_peak
@pytest.mark.parametrize("form", TAGS)
def test_a_tag_of_a_megabyte(form: Format, tmp_path: Path) -> None:
    tag = "long/" * 200_000
    path = tmp_path / NAMES[form]
    path.write_bytes(small_log(form, ROWS, tag))
    logs = read_logs(path, format=form)
    assert [value for value in values(logs) if value != 0.5] == rounded(form, ROWS)
    assert any(name.endswith(tag) for name in logs.tags)
    assert sum(len(problem.reason) for problem in logs.problems) < 10_000
    _, memory, seconds = peak(path, form)
    assert seconds < 20
    assert memory < BASE + 4 * path.stat().st_size + (32 << 20)


@each_format
def test_bytes_that_are_no_text_cost_their_line_at_most(form: Format, tmp_path: Path) -> None:
    path, rows, tag = tmp_path / NAMES[form], ROWS, "lo\udcff\udcfess"
    # JSON is text, or it is none; and MLflow's metrics are called as their files.
    strict = form in OBJECTS or form == "mlflow"
    content = small_log(form, ROWS, tag)
    if strict:
        wrong = small_log(form, [(11, 0.125)], tag) if form in OBJECTS else b"\xff\xfe\n"
        content = small_log(form, ROWS) + wrong + small_log(form, [(12, 0.25)])
        rows = [*ROWS, (12, 0.25)]
    path.write_bytes(content)
    logs = read_logs(path, format=form)
    assert [value for value in values(logs) if value != 0.5] == rounded(form, rows)
    assert kinds(logs) == (["corrupt"] if strict else [])
    if not strict and form != "text":
        # In event files names of other bytes are kept apart.
        assert any(name in {"lo\ufffd\ufffdss", r"lo\xff\xfess"} for name in logs.tags), logs.tags


NUMBERS = [(1, math.nan), (2, math.inf), (3, -math.inf), (4, 1.5), (5, -0.0)]


@each_format
def test_nan_and_infinities_are_values(form: Format, tmp_path: Path) -> None:
    path = tmp_path / NAMES[form]
    # SQLite keeps no sign of a zero.
    numbers = NUMBERS[: -1 if form == "mlflow_db" else None]
    path.write_bytes(small_log(form, numbers))
    logs = read_logs(path, format=form)
    found = logs.to_arrow().column("value").to_pylist()
    assert [str(value) for value in found if value != 0.5] == [str(value) for _, value in numbers]
    assert logs.problems == ()


ENDS = [2**63 - 1, -(2**63), 2**53 + 1, -1, 0]


@pytest.mark.parametrize("form", STEPS)
def test_steps_at_the_ends_of_64_bits_are_exact(form: Format, tmp_path: Path) -> None:
    path = tmp_path / NAMES[form]
    # In text a minus is a dash.
    steps = [step for step in ENDS if step >= 0 or form != "text"]
    path.write_bytes(small_log(form, [(step, 1.5) for step in steps]))
    logs = read_logs(path, format=form)
    # Steps that go back are those of another process, in most formats.
    found = logs.table(keep_superseded=True).to_polars().filter(value=1.5)
    assert found["step"].to_list() == steps
    assert logs.problems == ()
    # No step of these makes what is computed from it overflow.
    logs.infer()
    for unit, base in [("step", 0), ("batch", 1), ("epoch", 1), ("step", 1)]:
        for timeline in (sb.Timeline.plan(batches_per_epoch=1), sb.Timeline.plan(batches_per_epoch=7, accumulate=3)):
            table = logs.reindex(timeline, unit=unit, base=base, batch=True, keep_superseded=True)  # type: ignore[arg-type]
            assert table.num_rows == len(logs)


@pytest.mark.parametrize("form", [form for form in STEPS if form not in {"tfevents", "mlflow_db", "trackio"}])
def test_a_step_beyond_64_bits_is_reported(form: Format, tmp_path: Path) -> None:
    path = tmp_path / NAMES[form]
    path.write_bytes(small_log(form, [(1, 1.5), (2**63, 2.5), (3, 3.5)]))
    logs = read_logs(path, format=form)
    assert [step for step in logs.to_polars()["step"].to_list() if step is not None][-1] == 3
    assert 2.5 not in logs.to_polars().drop_nulls("step")["value"].to_list()
    assert {problem.kind for problem in logs.problems} <= {"corrupt", "not_a_number"}
    assert logs.problems


# --- bombs ---------------------------------------------------------------------------------------------------------


def by_zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue())


#: Each format packed by gzip, and some of each sort by zstd.
BOMBS: list[tuple[Format, str]] = [(form, ".gz") for form in FORMS]
BOMBS += [("tfevents", ".zst"), ("trainer_state", ".zst"), ("jsonl", ".zst"), ("lightning_csv", ".zst")]


@has_peak
@pytest.mark.parametrize(("form", "ending"), BOMBS)
def test_a_bomb_takes_little_memory(form: Format, ending: str, tmp_path: Path) -> None:
    pack = gzip.compress if ending == ".gz" else by_zstd
    # Members and frames follow each other, so that gigabytes need not be packed here: a log, then nothing but zeros.
    path = tmp_path / (NAMES[form] + ending)
    path.write_bytes(pack(small_log(form, MANY)) + pack(bytes(32 << 20)) * 40)
    stated, memory, _ = peak(path, form)
    assert "too_large" in stated
    # What is unpacked is held once, and a document twice.
    assert memory < BASE + 4 * (64 << 20)


@has_peak
def test_a_bomb_of_records_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv.gz"
    rows = gzip.compress(b"1,0,0.5\n" * (1 << 22))
    path.write_bytes(gzip.compress(b"step,epoch,loss\n") + rows * 64)
    stated, memory, _ = peak(path)
    assert stated.endswith("too_large")
    assert memory < 1 << 30
