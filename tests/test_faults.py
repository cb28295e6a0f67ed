"""What goes wrong with files, in every format: it is reported, and costs nothing that is sound."""

from __future__ import annotations

import gzip
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

import stepbridge as sb
from small_logs import NAMES, small_log
from stepbridge.logs import FORMATS, Format, Logs, read_logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

each_format = pytest.mark.parametrize("form", FORMATS)
#: Those whose records are read one after the other, so that a file may be larger than memory.
STREAMED: tuple[Format, ...] = tuple(form for form in FORMATS if form not in {"trainer_state", "mlflow_db"})
#: Those whose records have a step of the run.
STEPS: tuple[Format, ...] = tuple(form for form in FORMATS if form not in {"keras_csv", "ultralytics"})
#: Ten steps, and values of which none begins as another one does.
ROWS = [(step, 3.5 * 1.5**step) for step in range(1, 11)]

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
    logs = read_logs(tmp_path)
    assert [file.format for file in logs.files] == [form]
    assert [value for value in values(logs) if value != 0.5] == rounded(form, ROWS)
    assert logs.problems == ()


# --- files that are not whole -------------------------------------------------------------------------------------------


@each_format
def test_an_empty_file_is_reported(form: Format, tmp_path: Path) -> None:
    (tmp_path / NAMES[form]).write_bytes(b"")
    with pytest.raises(ValueError, match="the file has no bytes"):
        read_logs(tmp_path, format=form)
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / NAMES[form]).write_bytes(small_log(form, ROWS))
    (problem,) = read_logs(tmp_path, format=form).problems
    assert (problem.file, problem.kind) == (NAMES[form], "empty")


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "mlflow_db"])
def test_a_file_that_was_cut_anywhere_is_torn_and_no_error(form: Format, tmp_path: Path) -> None:
    whole = small_log(form, ROWS)
    path = tmp_path / NAMES[form]
    path.write_bytes(whole)
    expected = values(read_logs(path, format=form))
    # What must be there before a value can be: a line of names, a magic number.
    names = whole.index(b"\n") + 1 if form.endswith("csv") or form == "sb3" else 16 if form == "wandb" else 2
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
        # All that is behind the last value, if it is more than the end of a line.
        if not logs.problems and form != "text":
            assert whole[:size].endswith((b"\n", b"}", b"},", whole[-1:])) or form in {"tfevents", "wandb"}, size


# --- files that change while they are read --------------------------------------------------------------------------------


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
    begun = time.monotonic()
    logs = read_logs(tmp_path, format=form, progress=shrink)
    assert shrink.changed
    assert time.monotonic() - begun < 20
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
    second.write_bytes(small_log(form, ROWS))
    os.truncate(second, 8 << 20)

    def vanish() -> None:
        second.unlink()
        os.truncate(first, 1 << 20)

    logs = read_logs(tmp_path, progress=Once(vanish))
    assert values(logs) == rounded("tfevents", ROWS)
    assert [(problem.file, problem.kind) for problem in logs.problems][-1] == (f"b/{NAMES[form]}", "unreadable")


# --- folders --------------------------------------------------------------------------------------------------------------


@contextmanager
def unprivileged() -> Iterator[Path]:
    """Give a folder of a user to whom things can be forbidden, and be that user."""
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as folder:
        if root:
            nobody = 65534
            os.chown(folder, nobody, nobody)
            os.seteuid(nobody)
        try:
            yield Path(folder)
        finally:
            if root:
                os.seteuid(0)


@unix
def test_a_folder_and_a_file_without_permission_are_reported() -> None:
    with unprivileged() as folder:
        (folder / NAMES["csv"]).write_bytes(small_log("csv", ROWS))
        closed, secret = folder / "closed", folder / NAMES["jsonl"]
        closed.mkdir()
        (closed / NAMES["csv"]).write_bytes(small_log("csv", ROWS))
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
        (folder / NAMES["csv"]).write_bytes(small_log("csv", ROWS))
    (one / "other").symlink_to(other)
    (other / "one").symlink_to(one)
    (one / "up").symlink_to(tmp_path)
    (one / "itself").symlink_to("itself")
    (one / "there").symlink_to("back")
    (one / "back").symlink_to("there")
    logs = read_logs(tmp_path)
    # Each file once, under its own name.
    assert [file.file for file in logs.files] == [f"{name}/{NAMES['csv']}" for name in ("one", "other")]
    found = {(problem.file, problem.kind) for problem in logs.problems}
    assert found == {
        ("one/up", "symlink_loop"),
        ("one/itself", "unreadable"),
        ("one/there", "unreadable"),
        ("one/back", "unreadable"),
    }


#: What a process needs before it has read anything, at most.
BASE = 150 << 20


def peak(code: str, *arguments: str, limit: int | None = None) -> tuple[list[str], int, float]:
    """Run code in a process of its own: what it prints, the most memory that it took at a time, and its seconds."""
    begun = time.monotonic()
    report = "\nimport resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"

    def bounded() -> None:
        if limit:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    command = [sys.executable, "-c", code + report, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=bounded, timeout=120)  # noqa: PLW1509
    assert done.returncode == 0, done.stderr
    *lines, size = done.stdout.splitlines()
    return lines, int(size) * (1 if sys.platform == "darwin" else 1024), time.monotonic() - begun


READ = """
import sys
from stepbridge import read_logs
try:
    logs = read_logs(sys.argv[1])
    print(len(logs), len(logs.files), *sorted({problem.kind for problem in logs.problems}))
except ValueError as error:
    print("ValueError", error)
"""


@unix
def test_a_hundred_thousand_small_files(tmp_path: Path) -> None:
    # A file store of MLflow's: 100 runs of 1,000 metrics.
    content = small_log("mlflow", ROWS[:2])
    for run in range(100):
        folder = tmp_path / "mlruns" / "0" / f"{run:032x}" / "metrics"
        folder.mkdir(parents=True)
        for metric in range(1000):
            with open(f"{folder}/m{metric}", "wb", buffering=0) as file:  # noqa: PTH123 - many
                file.write(content)
    (line,), memory, seconds = peak(READ, str(tmp_path))
    assert line == "200000 100000"
    assert seconds < 30
    assert memory < BASE + (300 << 20)


# --- names and numbers ----------------------------------------------------------------------------------------------------

#: Those that name their tags in the file, as they like.
TAGS: tuple[Format, ...] = tuple(form for form in FORMATS if form not in {"mlflow", "text"})


@unix
@pytest.mark.parametrize("form", TAGS)
def test_a_tag_of_a_megabyte(form: Format, tmp_path: Path) -> None:
    tag = "long/" * 200_000
    path = tmp_path / NAMES[form]
    path.write_bytes(small_log(form, ROWS, tag))
    logs = read_logs(path, format=form)
    assert [value for value in values(logs) if value != 0.5] == rounded(form, ROWS)
    assert tag in logs.tags
    assert sum(len(problem.reason) for problem in logs.problems) < 10_000
    _, memory, seconds = peak(READ, str(path))
    assert seconds < 20
    assert memory < BASE + 10 * path.stat().st_size


@each_format
def test_bytes_that_are_no_text_cost_their_record_at_most(form: Format, tmp_path: Path) -> None:
    tag = "loss" if form in {"mlflow", "text"} else "lossXY"
    whole = small_log(form, ROWS, tag)
    broken = whole.replace(b"lossXY", b"loss\xff\xfe") if tag == "lossXY" else whole.replace(b" 4", b"\xff\xfe 4", 1)
    path = tmp_path / NAMES[form]
    path.write_bytes(broken)
    if form == "tfevents":  # its checksums no longer hold
        with pytest.raises(ValueError, match="no log could be read|is not a log"):
            raise ValueError("is not a log") if kinds(read_logs(path)) else AssertionError
        return
    logs = read_logs(path, format=form)
    found = [value for value in values(logs) if value != 0.5]
    assert found == [value for value in rounded(form, ROWS) if value in found]
    assert len(found) == len(ROWS) or logs.problems
    for name in logs.tags:
        name.encode()


NUMBERS = [(1, math.nan), (2, math.inf), (3, -math.inf), (4, 1.5), (5, -0.0)]


@each_format
def test_nan_and_infinities_are_values(form: Format, tmp_path: Path) -> None:
    path = tmp_path / NAMES[form]
    path.write_bytes(small_log(form, NUMBERS))
    logs = read_logs(path, format=form)
    found = logs.to_arrow().column("value").to_pylist()
    assert [str(value) for value in found if value != 0.5] == [str(value) for _, value in NUMBERS]
    assert logs.problems == ()


ENDS = [2**63 - 1, -(2**63), 2**53 + 1, -1, 0]


@pytest.mark.parametrize("form", STEPS)
def test_steps_at_the_ends_of_64_bits_are_exact(form: Format, tmp_path: Path) -> None:
    path = tmp_path / NAMES[form]
    # In text a minus is a dash.
    steps = [step for step in ENDS if step >= 0 or form != "text"]
    path.write_bytes(small_log(form, [(step, 1.5) for step in steps]))
    logs = read_logs(path, format=form)
    found = logs.to_polars().filter(value=1.5)
    assert found["step"].to_list() == steps
    assert logs.problems == ()
    # No step of these makes what is computed from it overflow.
    logs.infer()
    for unit, base in [("step", 0), ("batch", 1), ("epoch", 1), ("step", 1)]:
        for timeline in (sb.Timeline.plan(batches=1), sb.Timeline.plan(batches=7, accumulate=3)):
            table = logs.reindex(timeline, unit=unit, base=base, batch=True)  # type: ignore[arg-type]
            assert table.num_rows == len(logs)


@pytest.mark.parametrize("form", [form for form in STEPS if form not in {"tfevents", "mlflow_db"}])
def test_a_step_beyond_64_bits_is_reported(form: Format, tmp_path: Path) -> None:
    path = tmp_path / NAMES[form]
    path.write_bytes(small_log(form, [(1, 1.5), (2**63, 2.5), (3, 3.5)]))
    logs = read_logs(path, format=form)
    assert [step for step in logs.to_polars()["step"].to_list() if step is not None][-1] == 3
    assert 2.5 not in logs.to_polars().drop_nulls("step")["value"].to_list()
    assert len(logs.problems) == 1


# --- bombs ----------------------------------------------------------------------------------------------------------------


def by_zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue())


@unix
@each_format
@pytest.mark.parametrize(("ending", "pack"), [(".gz", gzip.compress), (".zst", by_zstd)], ids=["gzip", "zstd"])
def test_a_bomb_takes_little_memory(form: Format, ending: str, pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    # Members and frames follow each other, so that gigabytes need not be packed here: a log, then nothing but zeros.
    path = tmp_path / (NAMES[form] + ending)
    zeros = pack(bytes(64 << 20))
    path.write_bytes(pack(small_log(form, ROWS)) + zeros * 64)
    (line,), memory, _ = peak(READ, str(path))
    print(form, ending, path.stat().st_size, memory >> 20, line)
    assert "too_large" in line
    assert memory < BASE + (700 << 20)
