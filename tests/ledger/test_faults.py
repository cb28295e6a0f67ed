"""Every fault that a disk can have, and other processes: training goes on, and says so once."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import stepbridge as sb
from ledger_files import NAME, kinds, loop, one_warning
from unprivileged import unprivileged


def test_a_full_device(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / NAME).symlink_to("/dev/full")
    clock = sb.StepClock(batches_per_epoch=5, epochs=3, ledger=tmp_path)
    with one_warning(r"clock: the ledger '.*stepclock.jsonl' is not written.*No space left.*make room"):
        loop(clock)
    assert clock.step == 15


def test_a_disk_that_fills_up_on_the_way(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a file system")
    try:
        clock = sb.StepClock(batches_per_epoch=5, epochs=100, ledger=disk)
        with one_warning("No space left"):
            loop(clock)
        assert clock.step == 500
        ledger = sb.read_ledger(disk)
        assert [problem.kind for problem in ledger.problems] in ([], ["truncated"])
        assert 10 < ledger.sessions[0].epochs < 100
        assert ledger.timeline.batches == 500
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("made_before", [False, True])
def test_a_folder_that_may_not_be_written(made_before: bool) -> None:
    with unprivileged() as folder:
        if made_before:
            (folder / NAME).touch()
            (folder / NAME).chmod(0o444)
        folder.chmod(0o555)
        try:
            clock = sb.StepClock(batches_per_epoch=5, epochs=3, ledger=folder)
            with one_warning(r"Permission denied.*give ledger= a folder that can be written"):
                loop(clock)
            assert clock.step == 15
        finally:
            folder.chmod(0o700)


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with one_warning("Not a directory|File exists|exists"):
        loop(sb.StepClock(batches_per_epoch=5, epochs=3, ledger=tmp_path / "run" / "more"))


def test_a_folder_that_vanishes(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    clock = sb.StepClock(batches_per_epoch=5, epochs=4, ledger=folder)
    with one_warning("it was removed while the clock ran"):
        for epoch in clock.epochs():
            if epoch == 2:
                shutil.rmtree(folder)
            for _ in clock.batches(range(5)):
                pass
    assert clock.step == 20
    assert not folder.exists()


def test_a_file_that_is_replaced(tmp_path: Path) -> None:
    clock = sb.StepClock(batches_per_epoch=5, epochs=4, ledger=tmp_path)
    with one_warning("another file took its place"):
        for epoch in clock.epochs():
            if epoch == 2:
                (tmp_path / "other").write_text("mine")
                (tmp_path / "other").replace(tmp_path / NAME)
            for _ in clock.batches(range(5)):
                pass
    assert (tmp_path / NAME).read_text() == "mine"


@pytest.mark.parametrize("content", ["my notes\n", '{"stepclock":9,"kind":"session"}\n'])
def test_a_file_that_is_none_of_ours_is_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_text(content)
    with one_warning("is not a stepbridge ledger|newer stepbridge"):
        loop(sb.StepClock(batches_per_epoch=5, epochs=2, ledger=path))
    assert path.read_text() == content


def test_two_clocks_in_one_process(tmp_path: Path) -> None:
    first, second = (
        sb.StepClock(batches_per_epoch=5, epochs=2, name=name, ledger=tmp_path) for name in ("first", "second")
    )
    for epoch in first.epochs():
        if epoch == 1:
            with one_warning("second: the ledger .* another clock or process is writing it"):
                loop(second)
        for _ in first.batches(range(5)):
            pass
    (session,) = sb.read_ledger(tmp_path).sessions
    assert session.name == "first"
    assert sb.Timeline.from_ledger(tmp_path) == first.timeline
    # The first one has let go of it.
    loop(sb.StepClock(batches_per_epoch=5, epochs=2, ledger=tmp_path))
    assert len(sb.read_ledger(tmp_path).sessions) == 2


OTHER_PROCESS = """
import sys, stepbridge as sb
clock = sb.StepClock(batches_per_epoch=5, epochs=1, name="other", ledger=sys.argv[1])
for _ in clock.epochs():
    print("runs", flush=True)
    sys.stdin.readline()
    for _ in clock.batches(range(5)): pass
"""


def test_two_processes(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OTHER_PROCESS, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "runs\n"
        with one_warning("another clock or process is writing it.*a ledger of its own"):
            loop(sb.StepClock(batches_per_epoch=5, epochs=3, ledger=tmp_path))
        other.stdin.write("\n")
        other.stdin.close()
    assert other.returncode == 0
    (session,) = sb.read_ledger(tmp_path).sessions
    assert (session.name, session.batch) == ("other", 5)


def test_a_process_that_is_killed_leaves_what_it_wrote(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OTHER_PROCESS, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "runs\n"
        other.kill()
    assert kinds(tmp_path) == ["session", "logged_as"]
    loop(sb.StepClock(batches_per_epoch=5, epochs=1, ledger=tmp_path))
    assert len(sb.read_ledger(tmp_path).sessions) == 2


FORKS = """
import os, sys, stepbridge as sb
clock = sb.StepClock(batches_per_epoch=5, epochs=3, ledger=sys.argv[1])
for epoch in clock.epochs():
    child = os.fork()
    if child == 0:
        for _ in clock.batches(range(5)): pass
        clock.end_run()
        del clock
        sys.exit(0)
    os.waitpid(child, 0)
    for _ in clock.batches(range(5)): pass
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_worker_writes_nothing(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", FORKS, str(tmp_path)], check=True, capture_output=True)
    assert kinds(tmp_path) == ["session", "logged_as", "epoch", "epoch", "epoch", "stop"]


def test_a_pickled_writer_has_no_file(tmp_path: Path) -> None:
    clock = sb.StepClock(batches_per_epoch=5, epochs=1, ledger=tmp_path)
    for _ in clock.epochs():
        copy = pickle.loads(pickle.dumps(clock._ledger))
        assert copy._file is None
        copy.record_epoch(clock, 0, cut=False)
        for _ in clock.batches(range(5)):
            pass
    assert kinds(tmp_path) == ["session", "logged_as", "epoch", "stop"]


@pytest.mark.parametrize(("rank", "writes"), [("0", True), ("1", False), ("none", True)])
def test_only_rank_0_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rank: str, writes: bool) -> None:
    monkeypatch.setenv("RANK", rank)
    loop(sb.StepClock(batches_per_epoch=5, epochs=1, ledger=tmp_path))
    assert (tmp_path / NAME).exists() == writes
