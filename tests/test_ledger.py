"""The ledger: what the writer takes down, every fault that a disk can have, and what is read back."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stepbridge as sb
from stepbridge.ledger._writer import LedgerWriter
from strategies import plans

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulation import Plan

NAME = "stepclock.jsonl"


def loop(clock: sb.StepClock, length: int = 5, epochs: int | None = None) -> None:
    for _ in clock.epochs(epochs):
        for _ in clock.batches(range(length), resume="continues"):
            pass


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / NAME).read_text(encoding="utf-8").splitlines()]


def kinds(folder: Path) -> list[str]:
    return [line["kind"] for line in lines(folder)]


# --- what is taken down --------------------------------------------------------------------------------------------


def test_a_run_is_a_few_lines(tmp_path: Path) -> None:
    clock = sb.StepClock(samples=1000, batch_size=200, epochs=3, ledger=tmp_path)
    assert not (tmp_path / NAME).exists()
    for epoch in clock.epochs():
        for _ in clock.batches(range(5)):
            if clock.batch == 3:
                clock.skip_update()
        if epoch == 0:
            clock.change(accumulate=2)
    assert kinds(tmp_path) == ["session", "logged_as", "epoch", "change", "epoch", "epoch", "stop"]
    session, _, epoch_line, *_ = lines(tmp_path)
    assert (session["stepclock"], session["session"], session["batch"], session["supersedes"]) == (1, 0, 0, None)
    assert (epoch_line["epoch"], epoch_line["batch"], epoch_line["step"], epoch_line["applied"]) == (0, 5, 5, 4)
    assert (epoch_line["sample"], epoch_line["end"], epoch_line["skipped"]) == (1000, "exhausted", [[3, 1]])
    ledger = sb.read_ledger(tmp_path)
    assert ledger.timeline == clock.timeline == sb.Timeline.from_ledger(tmp_path)
    assert (ledger.problems, ledger.skipped) == ((), ((3, 1),))
    (change,) = ledger.changes
    assert (change.batch, change.position, change.step, change.planned[0].accumulate) == (5, (1, 0), 5, 2)
    (only,) = ledger.sessions
    assert (only.batch, only.epochs, only.step, only.sample, only.applied) == (15, 3, clock.step, 3000, clock.applied)
    assert only.stopped


def test_nothing_is_written_for_a_batch(tmp_path: Path) -> None:
    clock = sb.StepClock(batches_per_epoch=1000, epochs=2, ledger=tmp_path)
    sizes = set()
    for _ in clock.epochs():
        for _ in clock.batches(range(1000)):
            sizes.add((tmp_path / NAME).stat().st_size)
    assert len(sizes) == 2


def test_a_file_may_have_a_name_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "new" / "gan.jsonl"
    loop(sb.StepClock(batches_per_epoch=5, epochs=1, ledger=path))
    assert sb.read_ledger(path).timeline.batches == 5
    loop(sb.StepClock(batches_per_epoch=5, epochs=1, ledger=tmp_path / "other"))
    assert (tmp_path / "other" / NAME).exists()


@pytest.mark.parametrize(
    ("logged_as", "said"),
    [
        (None, ("st", 1, False)),
        (("step", 1), ("st", 1, True)),
        (("batch", 0), ("ba", 0, True)),
        (("ep", 0), ("ep", 0, True)),
    ],
)
def test_how_steps_are_logged(tmp_path: Path, logged_as: Any, said: tuple[str, int, bool]) -> None:
    loop(sb.StepClock(batches_per_epoch=5, epochs=1, ledger=tmp_path, logged_as=logged_as))
    found = sb.read_ledger(tmp_path).logged_as
    assert (found.unit, found.base, found.stated) == said
    assert "StepClock" in found.by


def test_a_writer_says_how_it_logs_whenever_it_is_made(tmp_path: Path) -> None:
    clock = sb.StepClock(batches_per_epoch=5, epochs=3, ledger=tmp_path)
    clock.record_logged_step("batch", 0, by="one writer")
    loop(clock, epochs=1)
    clock.record_logged_step("batch", 0, by="the same again")
    loop(clock, epochs=1)
    assert kinds(tmp_path).count("logged_as") == 1
    assert sb.read_ledger(tmp_path).logged_as.by == "one writer"
    clock.record_logged_step("step", 1, by="another writer")
    loop(clock, epochs=1)
    assert not sb.read_ledger(tmp_path).logged_as.stated


@pytest.mark.parametrize(
    ("unit", "base", "error"), [("furlong", 0, "furlong"), ("dur", 0, "loggers"), ("step", 2, "0 or 1")]
)
def test_a_step_that_nobody_logs(tmp_path: Path, unit: Any, base: Any, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        LedgerWriter(tmp_path, logged_as=(unit, base))


# --- sessions ------------------------------------------------------------------------------------------------------


def test_a_loop_that_goes_on_is_one_session(tmp_path: Path) -> None:
    clock = sb.StepClock(batches_per_epoch=5, epochs=4, ledger=tmp_path)
    loop(clock, epochs=2)
    loop(clock)
    assert kinds(tmp_path) == ["session", "logged_as", "epoch", "epoch", "stop", "epoch", "epoch", "stop"]
    assert sb.Timeline.from_ledger(tmp_path) == clock.timeline


def test_a_resume_is_a_session(tmp_path: Path) -> None:
    first = sb.StepClock(batches_per_epoch=5, epochs=4, ledger=tmp_path)
    loop(first, epochs=2)
    second = sb.StepClock(batches_per_epoch=5, epochs=4, ledger=tmp_path)
    second.load_state_dict(first.state_dict())
    loop(second)
    ledger = sb.read_ledger(tmp_path)
    assert [(session.number, session.start_batch, session.batch) for session in ledger.sessions] == [
        (0, 0, 10),
        (1, 10, 20),
    ]
    assert [session.supersedes for session in ledger.sessions] == [None, None]
    assert ledger.timeline == second.timeline


@pytest.mark.parametrize("same_clock", [True, False])
def test_a_rewind_supersedes_and_stays_on_record(tmp_path: Path, same_clock: bool) -> None:
    first = sb.StepClock(samples=1000, batch_size=200, epochs=4, ledger=tmp_path)
    loop(first, epochs=1)
    state = first.state_dict()
    loop(first, epochs=2)
    before = (tmp_path / NAME).read_bytes()
    second = first if same_clock else sb.StepClock(samples=1000, batch_size=100, epochs=4, ledger=tmp_path)
    second.load_state_dict(state)
    loop(second, 5 if same_clock else 10)
    assert (tmp_path / NAME).read_bytes().startswith(before)
    old, new = sb.read_ledger(tmp_path).sessions
    assert new.supersedes is not None
    assert (new.supersedes.session, new.supersedes.batch, new.supersedes.step) == (0, 5, 5)
    assert (old.batch, old.timeline.batches) == (15, 20)
    assert new.timeline == second.timeline


def test_stops_in_mid_epoch_and_goes_on_there(tmp_path: Path) -> None:
    first = sb.StepClock(samples=1000, batch_size=200, epochs=2, until="3ba", ledger=tmp_path)
    loop(first)
    stop = lines(tmp_path)[-1]
    assert (stop["kind"], stop["batch"], stop["epochs"], stop["segments"][0]["batches"]) == ("stop", 3, 0, 3)
    second = sb.StepClock(samples=1000, batch_size=100, epochs=2, ledger=tmp_path)
    second.load_state_dict(first.state_dict())
    for epoch in second.epochs():
        for _ in second.batches(range(10 if epoch else 4), resume="continues"):
            pass
    ledger = sb.read_ledger(tmp_path)
    assert ledger.problems == ()
    assert ledger.sessions[1].start_batch == 3
    assert ledger.timeline == second.timeline


def test_a_clock_that_begins_before_the_end_on_record_supersedes(tmp_path: Path) -> None:
    loop(sb.StepClock(batches_per_epoch=5, epochs=2, ledger=tmp_path))
    loop(sb.StepClock(batches_per_epoch=7, epochs=2, ledger=tmp_path), 7)
    _, again = sb.read_ledger(tmp_path).sessions
    assert again.supersedes is not None
    assert again.supersedes.batch == 0
    assert again.timeline.batches == 14


@given(data=st.data(), spec=plans())
@settings(max_examples=150, deadline=None)
def test_any_run_is_read_back(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, spec: Plan) -> None:
    folder = tmp_path_factory.mktemp("run")
    clock = made(spec, folder)
    states = [clock.state_dict()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sb.StepbridgeWarning)
        for session in range(data.draw(st.integers(1, 3), label="sessions")):
            if session:
                clock = sb.StepClock(ledger=folder)
                clock.load_state_dict(data.draw(st.sampled_from(states), label="state"))
            train(data, clock, folder, states)
    ledger = sb.read_ledger(folder)
    assert ledger.problems == ()
    assert [session.number for session in ledger.sessions] == list(range(len(ledger.sessions)))


def made(spec: Plan, folder: Path | None) -> sb.StepClock:
    return sb.StepClock(
        samples=spec.samples,
        batches_per_epoch=spec.batches,
        batch_size=spec.batch_size,
        epochs=spec.epochs,
        drop_last=spec.drop_last,
        accumulate=spec.accumulate,
        boundary=spec.boundary,
        ledger=folder,
    )


def train(data: st.DataObject, clock: sb.StepClock, folder: Path, states: list[dict[str, Any]]) -> None:
    """Train for a few epochs of any length, with whatever may happen in a loop."""
    acts = st.sampled_from([*["nothing"] * 6, "change", "skip", "save", "break"])
    for _ in clock.epochs(3):
        if clock._position[1] == 0:
            assert sb.Timeline.from_ledger(folder) == clock.timeline
        for _ in clock.batches(range(data.draw(st.integers(0, 7), label="batches")), resume="continues"):
            act = data.draw(acts)
            if act == "save":
                states.append(clock.state_dict())
            elif act == "skip" and clock.closes_step and clock.applied == clock.step:
                clock.skip_update()
            elif act == "change":
                change(data, clock)
            elif act == "break":
                break
    if not clock._in_epoch:
        assert sb.Timeline.from_ledger(folder) == clock.timeline


def change(data: st.DataObject, clock: sb.StepClock) -> None:
    kind = data.draw(st.sampled_from(["accumulate", "batch_size", "batches_per_epoch"]))
    pending: Any = data.draw(st.sampled_from(["carry", "flush", "drop"]))
    try:
        clock.change(**{kind: data.draw(st.integers(1, 9))}, pending=pending if kind == "accumulate" else None)
    except ValueError:
        return  # a size that cannot be, here


# --- damage --------------------------------------------------------------------------------------------------------


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A ledger with two sessions, a change in mid-epoch, and an epoch that was cut."""
    folder = tmp_path / "run"
    first = sb.StepClock(samples=100, batch_size=20, epochs=4, ledger=folder)
    for epoch in first.epochs():
        for _ in first.batches(range(5)):
            if first.batch == 7:
                first.change(accumulate=2)
            if first.batch == 13:
                break
        if epoch == 2:
            break
    state = first.state_dict()
    first._ledger = None
    second = sb.StepClock(samples=100, batch_size=10, epochs=4, ledger=folder)
    second.load_state_dict(state, pending="carry")
    for _ in second.epochs():
        for _ in second.batches(range(4 if second.position.iter else 10), resume="continues"):
            pass
    return folder / NAME


def test_cut_at_every_byte(written: Path, tmp_path: Path) -> None:
    content = written.read_bytes()
    path = tmp_path / "cut.jsonl"
    ends = [at + 1 for at, byte in enumerate(content) if byte == ord("\n")]
    for cut in range(1, len(content)):
        path.write_bytes(content[:cut])
        whole = sum(end - 1 <= cut for end in ends)
        if whole == 0:
            with pytest.raises(ValueError, match="no session can be read"):
                sb.read_ledger(path)
            continue
        torn = cut > ends[whole - 1]
        ledger = sb.read_ledger(path)
        assert [problem.kind for problem in ledger.problems] == ["truncated"] * torn
        path.write_bytes(content[: ends[whole - 1]])
        assert sb.read_ledger(path).sessions == ledger.sessions


def test_the_next_process_begins_a_line_of_its_own(written: Path) -> None:
    content = written.read_bytes()
    last = content.rindex(b"\n", 0, -1) + 1
    for cut in (*range(last, len(content), 37), len(content) - 2, len(content) - 1):
        written.write_bytes(content[:cut])
        clock = sb.StepClock(samples=100, batch_size=10, epochs=3, ledger=written.parent)
        loop(clock, 10)
        after = written.read_bytes()
        assert after.startswith(content[:cut])
        ledger = sb.read_ledger(written)
        assert ledger.timeline == clock.timeline
        torn = last < cut < len(content) - 1
        assert len(ledger.problems) == torn
        assert len(ledger.sessions) == 3


def test_a_lost_line_ends_what_is_known(written: Path) -> None:
    content = written.read_bytes().splitlines(keepends=True)
    last_epoch = max(at for at, line in enumerate(content) if b'"kind":"epoch"' in line)
    content[last_epoch] = content[last_epoch].replace(b'"batch":', b'"batch":1', 1)
    written.write_bytes(b"".join(content))
    with pytest.raises(
        ValueError, match=r"byte \d+: the line is damaged \(it does not match its checksum\).*read_ledger"
    ):
        sb.Timeline.from_ledger(written)
    ledger = sb.read_ledger(written)
    (problem,) = ledger.problems
    assert (problem.kind, problem.record) == ("corrupt", last_epoch)
    assert problem.offset == sum(map(len, content[:last_epoch]))
    assert ledger.sessions[-1].damaged
    assert ledger.timeline.batches is None
    assert ledger.timeline.locate(12, "batch")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "it is empty"),
        (b"step,loss\n1,2\n", "is no ledger"),
        (b'{"stepclock":2,"kind":"session"}\n', "newer stepbridge .version 2"),
        (b'{"stepclock":1,"kind":"session"}\n', "no session can be read from the ledger .*: the line is damaged"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, content: bytes, error: str) -> None:
    (tmp_path / NAME).write_bytes(content)
    for read in (sb.read_ledger, sb.Timeline.from_ledger):
        with pytest.raises(ValueError, match=error):
            read(tmp_path)


def test_no_ledger(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no ledger .*StepClock\(ledger=\.\.\.\)"):
        sb.read_ledger(tmp_path)


# --- faults: training goes on, and it says so once -----------------------------------------------------------------


@contextmanager
def one_warning(match: str) -> Iterator[None]:
    """Expect one warning of ours, and no other."""
    with pytest.warns(sb.StepbridgeWarning, match=match) as caught:
        yield
    assert len(caught) == 1
    assert "Training goes on" in str(caught[0].message)


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


@contextmanager
def as_nobody() -> Iterator[None]:
    """Nothing is forbidden to root: be somebody else for a while."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="a folder's mode forbids nothing here")
@pytest.mark.parametrize("made_before", [False, True])
def test_a_folder_that_may_not_be_written(tmp_path: Path, made_before: bool) -> None:
    if made_before:
        (tmp_path / NAME).touch()
        (tmp_path / NAME).chmod(0o444)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o555)
    try:
        clock = sb.StepClock(batches_per_epoch=5, epochs=3, ledger=tmp_path)
        with as_nobody(), one_warning(r"Permission denied.*give ledger= a folder that can be written"):
            loop(clock)
        assert clock.step == 15
    finally:
        for folder in (tmp_path, *tmp_path.parents[:2]):
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
    with one_warning("is no ledger|newer stepbridge"):
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


def test_a_long_run_is_written_in_constant_memory(tmp_path: Path) -> None:
    clock = sb.StepClock(batches_per_epoch=2, epochs=2000, ledger=tmp_path)
    loop(clock, 2)
    assert sb.Timeline.from_ledger(tmp_path) == clock.timeline
    assert len(sb.Timeline.from_ledger(tmp_path).segments) == 1


def test_the_documented_file_is_the_one_that_is_written(tmp_path: Path) -> None:
    page = (Path(__file__).parent.parent / "docs" / "ledger.md").read_text(encoding="utf-8")
    block = page.split("```jsonl\n")[1].split("```")[0]
    shown = [json.loads(line) for line in block.splitlines()]
    clock = sb.StepClock(samples=1000, batch_size=200, epochs=3, ledger=tmp_path, logged_as=("step", 1))
    for epoch in clock.epochs():
        for _ in clock.batches(range(5)):
            if clock.batch == 3:
                clock.skip_update()
        if epoch == 0:
            clock.change(accumulate=2)
    written = lines(tmp_path)
    changing = ("time", "crc", "library")
    assert [{**line, **dict.fromkeys(changing)} for line in shown] == [
        {**line, **dict.fromkeys(changing)} for line in written
    ]
    fields = {field for line in written for field in line}
    assert all(f"`{field}`" in page for field in fields)
