"""Threads at once: the core works outside the interpreter's lock, and every answer is still the one of one thread."""

from __future__ import annotations

import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pytest

import stepbridge as sb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

THREADS = 8
ROUNDS = 20
ROWS = 80_000
GROWN = 50

Answer = TypeVar("Answer")


@pytest.fixture(autouse=True)
def _restless() -> Iterator[None]:
    """Let the interpreter change threads as often as it can, also between two lines of ours."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def at_once(work: Callable[[int], Answer]) -> list[Answer]:
    """Run `work(0)` to `work(THREADS - 1)` in threads that start together, and give their answers in order."""
    start = threading.Barrier(THREADS, timeout=240)

    def started(number: int) -> Answer:
        start.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(started, range(THREADS)))


def irregular(seed: int) -> sb.Timeline:
    """Make a timeline of many epochs of all lengths: looking one up takes an index that is made on first use."""
    lengths = random.Random(seed)
    return sb.Timeline.from_epochs([lengths.randrange(1, 60) for _ in range(2000)], batch_size=8, accumulate=3)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_one_timeline_is_asked_by_all(seed: int) -> None:
    alone, shared = irregular(seed), irregular(seed)
    batches = np.random.default_rng(seed).integers(0, alone.batches or 0, 100_000)
    epoch, iteration = alone.locate(batches, unit="batch")
    every = list(range(0, alone.steps or 0, 500))
    one_by_one = [(alone.locate(step), alone.convert(f"{step}st", "sample")) for step in every]

    def ask(number: int) -> None:
        # Half of them begin with the numbers, half with the array, so that both meet a timeline without its index.
        for part in (number, number + 1):
            if part % 2:
                found = shared.locate(batches, unit="batch")
                assert np.array_equal(found[0], epoch)
                assert np.array_equal(found[1], iteration)
                assert np.array_equal(shared.index(*found, unit="batch"), batches)
            else:
                assert [(shared.locate(step), shared.convert(f"{step}st", "sample")) for step in every] == one_by_one
        assert shared == alone
        assert shared.to_json() == alone.to_json()

    at_once(ask)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a log that is large enough to be read by several threads itself, and of a small one."""
    folder = tmp_path_factory.mktemp("threads") / "run"
    folder.mkdir()
    with (folder / "metrics.jsonl").open("w", encoding="utf-8") as file:
        for step in range(ROWS):
            file.write(f'{{"global_step": {step}, "epoch": {step // 500}, "loss": {1 / (step + 1)}}}\n')
    assert (folder / "metrics.jsonl").stat().st_size > 4 << 20
    return folder


def written(table: sb.Table | sb.Logs, path: Path) -> bytes:
    """Give the bytes of a table's file."""
    table.write(path)
    return path.read_bytes()


def test_one_log_is_read_by_all(run: Path, demo: Path, tmp_path: Path) -> None:
    alone = [written(sb.read_logs(path).reindex(), tmp_path / "alone.csv") for path in (run, demo)]
    assert len(alone[0]) > len(alone[1]) > 1000

    def read(number: int) -> list[bytes]:
        mine = tmp_path / f"{number}.csv"
        return [written(sb.read_logs(path).reindex(), mine) for path in (run, demo)]

    assert at_once(read) == [alone] * THREADS


def test_what_was_read_is_asked_by_all(run: Path, tmp_path: Path) -> None:
    logs = sb.read_logs(run)
    found, table = logs.infer(), written(logs.reindex(batch=True), tmp_path / "alone.jsonl")
    raw, overview = written(logs.table(), tmp_path / "alone.csv"), logs.overview
    shared = sb.read_logs(run)

    def ask(number: int) -> None:
        assert shared.infer() == found
        assert written(shared.reindex(batch=True), tmp_path / f"{number}.jsonl") == table
        assert written(shared, tmp_path / f"{number}.csv") == raw
        assert shared.overview == overview

    at_once(ask)


def test_logs_that_one_thread_refreshes(run: Path, tmp_path: Path) -> None:
    """The others see a whole state of the log, and what they still make of an older one is not kept as the newer."""
    log = tmp_path / "run" / "metrics.jsonl"
    log.parent.mkdir()
    log.write_bytes((run / "metrics.jsonl").read_bytes())
    logs = sb.read_logs(tmp_path)

    def grow() -> None:
        with log.open("a", encoding="utf-8") as file:
            file.write(f'{{"global_step": {ROWS}, "epoch": {ROWS // 500}, "loss": 0.5}}\n')

    done = threading.Event()

    def refresh() -> None:
        for added in range(2, GROWN + 1, 2):
            # Others make the table of the first while the second comes.
            for _ in range(2):
                grow()
                assert logs.refresh() == 1
            assert logs._records().num_rows == ROWS + added

    def work(number: int) -> set[int]:
        seen: set[int] = set()
        if number == 0:
            try:
                refresh()
            finally:
                done.set()
        while not done.is_set():
            seen.add(logs._records().num_rows)
        return seen

    seen: set[int] = set().union(*at_once(work))
    assert seen
    assert seen <= set(range(ROWS, ROWS + GROWN + 1))
    assert written(logs, tmp_path / "after.csv").count(b"\n") == 1 + ROWS + GROWN
