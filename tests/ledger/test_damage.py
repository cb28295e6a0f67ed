"""A ledger that is cut, damaged or something else: what is read of it, and what is stated."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import stepbridge as sb
from ledger_files import NAME, loop

if TYPE_CHECKING:
    from pathlib import Path


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
        (b"step,loss\n1,2\n", "is not a stepbridge ledger"),
        (b'{"stepclock":3,"kind":"session"}\n', "newer stepbridge .version 3"),
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


def test_whole_lines_that_are_missing_are_reported(written: Path, tmp_path: Path) -> None:
    lines = written.read_bytes().splitlines(keepends=True)
    path = tmp_path / "missing.jsonl"
    assert not sb.read_ledger(written).problems
    for first in range(1, len(lines) - 1):
        for count in (1, 2):
            left = [*lines[:first], *lines[first + count :]]
            if first + count >= len(lines):
                continue  # nothing after them could say that they are missing
            path.write_bytes(b"".join(left))
            ledger = sb.read_ledger(path)
            assert any("missing" in problem.reason or "lost" in problem.reason for problem in ledger.problems), first
    path.write_bytes(b"".join(lines[1:]))
    assert sb.read_ledger(path).problems


def test_a_ledger_of_the_first_version_has_no_numbers_and_is_read(written: Path, tmp_path: Path) -> None:
    """Lines without their number in the session, as they were written before, tell nothing of missing ones."""
    path = tmp_path / "old.jsonl"
    text = written.read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        for key in ("n", "after", "crc"):
            line.pop(key, None)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert not sb.read_ledger(path).problems
    assert sb.read_ledger(path).timeline == sb.read_ledger(written).timeline
