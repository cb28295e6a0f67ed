"""Logs written to a file without holding them: the same as the table in memory, for every log there is."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import polars as pl
import polars.selectors as cs
import pytest
from polars.testing import assert_frame_equal
from tensorboard.summary.writer.record_writer import RecordWriter

import stepbridge as sb
from conftest import DATA
from small_logs import small_log
from stepbridge import _core
from stepbridge.logs._options import ReindexOptions, read_request, reindex_request
from stepbridge.logs._streaming import write_survey

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Unpack

FOLDERS = sorted(path.relative_to(DATA).as_posix() for path in DATA.glob("*/*") if path.is_dir())


def large(
    path: Path, output: Path, plan: sb.Timeline | None = None, **options: Unpack[ReindexOptions]
) -> sb.ReindexResult:
    """Write a small log as a large one is written, in two readings."""
    survey = _core.Survey.read(path, read_request({}), in_pieces=True)
    return write_survey(survey, output, reindex_request(plan, options))


def compared(path: Path, output: Path, **options: Any) -> pl.DataFrame:
    """Write a log both ways, and return the table that both are."""
    plan = sb.Timeline.plan(batches_per_epoch=97, batch_size=8, samples=97 * 8)
    expected = sb.read_logs(path).reindex(plan, **options)
    written = large(path, output, plan, **options)
    frame = pl.read_parquet(output)
    assert written.records == len(expected) == len(frame)
    whole = expected.to_polars()
    assert_frame_equal(frame.cast({cs.categorical(): pl.String}), whole.cast({cs.categorical(): pl.String}))
    read = {(problem.file, problem.offset, problem.reason) for problem in sb.read_logs(path).problems}
    placed = {(problem.file, problem.offset, problem.reason) for problem in expected.problems}
    assert {(problem.file, problem.offset, problem.reason) for problem in written.problems} == read | placed
    assert written.assumed == expected.assumed
    assert written.origins == expected.origins
    return frame


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_log_is_what_it_is_in_memory(folder: str, tmp_path: Path) -> None:
    try:
        sb.read_logs(DATA / folder)
    except ValueError as error:
        pytest.skip(str(error))
    compared(DATA / folder, tmp_path / "out.parquet", keep_superseded=True, batch=True)
    compared(DATA / folder, tmp_path / "out.parquet", unit="step", base=0)


@pytest.mark.parametrize("folder", FOLDERS)
def test_so_are_the_timelines_that_a_log_tells_itself(folder: str, tmp_path: Path) -> None:
    try:
        expected = sb.read_logs(DATA / folder).reindex(keep_superseded=True)
        written = large(DATA / folder, tmp_path / "out.parquet", keep_superseded=True)
    except ValueError as error:
        pytest.skip(str(error).splitlines()[0][:80])
    assert_frame_equal(
        pl.read_parquet(written.output).cast({cs.categorical(): pl.String}),
        expected.to_polars().cast({cs.categorical(): pl.String}),
    )
    assert written.origins == expected.origins


@pytest.mark.parametrize("first", [0, 1, 10])
def test_steps_that_begin_again_with_each_epoch(first: int, tmp_path: Path) -> None:
    """What shows that they do is among the few records that the first reading keeps."""
    lines = [
        f'{{"epoch": {epoch}, "iter": {step}, "loss": {1 / (step + 1)}, "lr": {step * 1e-9}}}\n'
        for epoch in range(4)
        for step in range(first, 20_000, max(first, 1))
    ]
    path = tmp_path / "log.jsonl"
    path.write_text("".join(lines))
    expected = sb.read_logs(path).reindex()
    written = large(path, tmp_path / "out.parquet")
    frame = pl.read_parquet(written.output)
    assert frame["iter"].to_list() == expected.to_polars()["iter"].to_list()
    assert frame["iter"].min() == (first or 1) - 1
    assert written.assumed == expected.assumed
    assert [(steps.unit, steps.base, steps.within) for steps in written.steps] == [("ba", min(first, 1), "epoch")]
    compared(path, tmp_path / "again.parquet")


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".arrow"])
def test_other_outputs(ending: str, tmp_path: Path) -> None:
    folder = DATA / FOLDERS[0]
    sb.read_logs(folder).reindex(sb.Timeline.plan(batches_per_epoch=10)).write(tmp_path / f"memory{ending}")
    large(folder, tmp_path / f"streamed{ending}", sb.Timeline.plan(batches_per_epoch=10))
    if ending == ".arrow":
        frames = [
            pl.read_ipc(tmp_path / f"{name}.arrow").cast({cs.categorical(): pl.String})
            for name in ("memory", "streamed")
        ]
        assert_frame_equal(*frames)
    else:
        assert (tmp_path / f"memory{ending}").read_bytes() == (tmp_path / f"streamed{ending}").read_bytes()


def test_no_run_has_a_timeline(tmp_path: Path) -> None:
    """Records without a place are written without an epoch, as `Logs.reindex` returns them; strict refuses both."""
    log = tmp_path / "metrics.csv"
    log.write_text("epoch,step,loss\n,0,1.0\n,1,0.5\n")
    for reindex in (sb.read_logs(log).reindex, partial(sb.reindex, log, tmp_path / "out.csv")):
        with pytest.raises(sb.TimelineError, match="no timeline"):
            reindex(strict=True)
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]
    result = sb.reindex(log, tmp_path / "out.csv")
    table = sb.read_logs(log).reindex()
    assert (result.records, result.left_out) == (len(table), table.left_out)
    assert [problem.kind for problem in result.problems] == ["no_timeline"] == [p.kind for p in table.problems]


def test_what_is_added_in_between_waits(tmp_path: Path) -> None:
    log = tmp_path / "metrics.csv"
    log.write_text("epoch,step,loss\n0,0,1.0\n0,1,0.5\n")
    survey = _core.Survey.read(log, read_request({}), in_pieces=True)
    with log.open("a") as file:
        file.write("1,2,0.25\n")
    written = write_survey(survey, tmp_path / "out.csv", reindex_request(sb.Timeline.plan(batches_per_epoch=2), {}))
    assert written.records == 2
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 3


def test_a_log_that_shrinks_in_between_is_an_error(tmp_path: Path) -> None:
    log = tmp_path / "metrics.csv"
    log.write_text("epoch,step,loss\n0,0,1.0\n0,1,0.5\n")
    survey = _core.Survey.read(log, read_request({}), in_pieces=True)
    log.write_text("epoch,step,loss\n0,0,1.0\n")
    with pytest.raises(OSError, match=r"metrics.csv.*was changed while it was read"):
        write_survey(survey, tmp_path / "out.csv", reindex_request(sb.Timeline.plan(batches_per_epoch=2), {}))
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]


# getrusage would count what this process holds while it starts the other one.
MEASURE = """
import sys
import stepbridge as sb
sb.reindex(sys.argv[1], sys.argv[2], sb.Timeline.plan(batches_per_epoch=1000), unit="batch", base=0)
with open("/proc/self/status") as status:
    print(next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how much memory a process held at most")
def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    event = _frames(50_000)
    peaks = []
    for copies in (40, 120):
        log = tmp_path / f"events.out.tfevents.{copies}"
        with log.open("wb") as file:
            for _ in range(copies):
                file.write(event)
        command = [sys.executable, "-c", MEASURE, str(log), str(tmp_path / "out.parquet")]
        # On a busy machine a thread that frees pages may run late: the least of three is what the reading needs.
        runs = [subprocess.run(command, check=True, capture_output=True, text=True) for _ in range(3)]
        peaks.append(min(int(done.stdout) for done in runs))
    assert peaks[1] < 256, peaks
    assert peaks[1] < peaks[0] + 48, peaks


def _frames(count: int) -> bytes:
    """Make an event file of `count` scalars, with the checksums that TensorBoard's own writer gives."""
    out = io.BytesIO()
    writer = RecordWriter(out)
    for step in range(count):
        entry = b"\x0a\x04loss\x15" + struct.pack("<f", step)
        summary = b"\x0a" + bytes([len(entry)]) + entry
        time = struct.pack("<d", step)
        writer.write(b"\x09" + time + b"\x10" + _varint(step) + b"\x2a" + bytes([len(summary)]) + summary)
    return out.getvalue()


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


@pytest.mark.parametrize(
    ("chain", "steps"),
    [
        ("PPO_*", ([100, 200, 300], [200, 300, 400])),
        ({"PPO_*": [300]}, ([100, 200, 300], [100, 200, 300])),
        ({"PPO_*": [300, 450]}, ([100, 200, 300], [100, 200], [50, 150])),
    ],
)
def test_chained_runs_are_what_they_are_in_memory(chain: Any, steps: tuple[list[int], ...], tmp_path: Path) -> None:
    for number, of_run in enumerate(steps, 1):
        folder = tmp_path / "logs" / f"PPO_{number}"
        folder.mkdir(parents=True)
        rows = [(step, step + number / 10) for step in of_run]
        (folder / "progress.csv").write_bytes(small_log("sb3", rows))
    plan = sb.Timeline.plan(batches_per_epoch=100)
    for options in ({}, {"keep_superseded": True}):
        convention: dict[str, Any] = {"unit": "batch", "base": 1, **options}
        expected = sb.read_logs(tmp_path / "logs", chain=chain).reindex(plan, **convention).to_polars()
        survey = _core.Survey.read(tmp_path / "logs", read_request({"chain": chain}), in_pieces=True)
        written = write_survey(
            survey, tmp_path / "out.parquet", reindex_request(plan, cast("sb.ReindexOptions", convention))
        )
        frame = pl.read_parquet(written.output)
        assert_frame_equal(
            frame.cast({cs.categorical(): pl.String}),
            expected.cast({cs.categorical(): pl.String}),
            check_row_order=True,
        )
        assert frame["run"].unique().to_list() == ["PPO_1"]
