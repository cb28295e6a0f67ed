"""Compressed logs: the same log plain, by gzip and by zstd gives the same table, whoever compressed it."""

from __future__ import annotations

import gzip
import shutil
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from conftest import facts
from stepbridge.logs import read_logs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Fact

LOGS = [
    fact
    for kind, name in [
        ("tfevents", "tfevents"),
        ("lightning", "metrics.csv"),
        ("trainer_state", "trainer_state.json"),
        ("wandb", ".wandb"),
    ]
    for fact in facts(kind, name)
    if "NOT an event file" not in fact.known
]


def by_zstd(data: bytes) -> bytes:
    """Compress as the zstd library does, in the stream format."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue())


PACKERS: list[tuple[str, Callable[[bytes], bytes]]] = [(".gz", gzip.compress), (".zst", by_zstd)]
packers = pytest.mark.parametrize(("ending", "pack"), PACKERS, ids=["gzip", "zstd"])


@packers
@pytest.mark.skipif(not LOGS, reason="no real logs: set STEPBRIDGE_DATA to the folder that holds MANIFEST.tsv")
def test_real_logs_give_the_same_table(tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]) -> None:
    for fact in LOGS[::3]:
        same(fact, tmp_path, ending, pack)


def same(fact: Fact, folder: Path, ending: str, pack: Callable[[bytes], bytes]) -> None:
    packed = folder / (fact.path.name + ending)
    packed.write_bytes(pack(fact.path.read_bytes()))
    one, other = read_logs(fact.path), read_logs(packed)
    columns = ["run", "tag", "step", "epoch_logged", "wall_time", "value"]
    assert one.to_polars().select(columns).equals(other.to_polars().select(columns)), fact.path
    assert [problem.offset for problem in one.problems] == [problem.offset for problem in other.problems]
    assert (other.files[0].format, other.files[0].size) == (one.files[0].format, packed.stat().st_size)


CSV = "step,epoch,loss\n" + "".join(f"{step},{step // 100},{step * 0.37}\n" for step in range(20_000))


@packers
def test_the_content_decides_and_not_the_ending(tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]) -> None:
    (tmp_path / "metrics.csv").write_bytes(pack(CSV.encode()))
    assert len(read_logs(tmp_path / "metrics.csv")) == 20_000
    (tmp_path / "metrics.csv").rename(tmp_path / f"metrics.csv{ending}")
    assert len(read_logs(tmp_path)) == 20_000
    # Unpacked by a browser that left the ending.
    (tmp_path / f"metrics.csv{ending}").write_text(CSV, encoding="utf-8")
    assert len(read_logs(tmp_path)) == 20_000


@packers
def test_several_in_a_row_are_one(tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]) -> None:
    text = CSV.encode()
    path = tmp_path / f"metrics.csv{ending}"
    path.write_bytes(pack(text[:1000]) + pack(text[1000:5000]) + pack(text[5000:]))
    logs = read_logs(path)
    assert (len(logs), logs.problems) == (20_000, ())


@packers
def test_a_torn_file_gives_what_is_there(tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / f"metrics.csv{ending}"
    packed = pack(CSV.encode())
    path.write_bytes(packed[: len(packed) * 3 // 4])
    logs = read_logs(path)
    torn = logs.problems[0]
    assert (torn.kind, torn.offset) == ("truncated", len(packed) * 3 // 4)
    assert "of the compressed file" in torn.reason
    steps = logs.to_polars()["step"].to_list()
    assert steps == list(range(len(steps)))
    assert len(steps) > 3000


@packers
def test_a_damaged_file_gives_what_stands_before(tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / f"metrics.csv{ending}"
    packed = bytearray(pack(CSV.encode()))
    packed[-3] ^= 0xFF
    path.write_bytes(packed)
    logs = read_logs(path)
    assert logs.problems[0].kind == "corrupt"
    assert len(logs) > 3000
    path.write_bytes(packed[:4] + b"nothing that could be unpacked")
    with pytest.raises(ValueError, match="of the compressed file"):
        read_logs(path)


@packers
def test_a_bomb_is_left(tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / f"metrics.csv{ending}"
    rows = 12_000_000
    path.write_bytes(pack(b"step,epoch,loss\n" + b"1,0,0.5\n" * rows))
    assert max(64 << 20, path.stat().st_size * 200) < 8 * rows
    logs = read_logs(path)
    assert logs.problems[0].kind == "too_large"
    assert 0 < len(logs) < rows


@packers
def test_what_is_no_log_is_none_when_it_is_compressed(
    tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]
) -> None:
    (tmp_path / f"notes.txt{ending}").write_bytes(pack(b"nothing of interest " * 100_000))
    (tmp_path / "metrics.csv").write_text("step,epoch,loss\n0,0,1\n", encoding="utf-8")
    logs = read_logs(tmp_path)
    assert (len(logs), logs.problems) == (1, ())


@packers
def test_a_large_file_goes_through_a_temporary_one(tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]) -> None:
    text = "step,epoch,loss\n" + "".join(f"{step},0,{step * 0.123456789}\n" for step in range(3_000_000))
    assert len(text) > 64 << 20
    path = tmp_path / f"metrics.csv{ending}"
    if ending == ".gz":
        with gzip.open(path, "wb", compresslevel=1) as file:
            file.write(text.encode())
    else:
        path.write_bytes(pack(text.encode()))
    logs = read_logs(path)
    assert (len(logs), logs.problems) == (3_000_000, ())
    shutil.rmtree(tmp_path)
