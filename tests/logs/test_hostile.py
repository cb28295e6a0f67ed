"""What SECURITY.md promises of files that are made to do harm: the process ends by itself, soon, in bounded memory.

Each file is small, or a hole on the disk, and would cost minutes or gigabytes if it were taken at its word.
"""

from __future__ import annotations

import gzip
import json
import sqlite3
import struct
import subprocess
import sys
import zlib
from contextlib import closing
from io import BytesIO
from random import Random
from typing import TYPE_CHECKING

import pytest
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c
from tensorboard.summary.writer.record_writer import RecordWriter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="peaks of memory are asked of Unix")

MB = 1 << 20
#: `info` holds what it read: of a bomb, rows of 64 MB of text, and each thread some of it once more.
LIMITS = {"info": 768, "reindex": 256}

#: A minute of the processor, however busy the machine is.
PEAK = """
import resource, subprocess, sys
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
done = subprocess.run([sys.executable, "-m", "stepbridge", *sys.argv[1:]], stdout=subprocess.DEVNULL, timeout=240)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(done.returncode, peak // (1 << 20) if sys.platform == "darwin" else peak // 1024)
"""


def ended(*arguments: object) -> tuple[int, int, str]:
    """Run a command; give its exit code, the most memory that it held, in MB, and what it stated on stderr."""
    # A small process in between: the system never reports less for a child than its parent held.
    command = [
        sys.executable,
        "-S",
        "-c",
        f"import os; os.execv({sys.executable!r}, {[sys.executable, '-c', PEAK]!r} + ",
    ]
    command[-1] += f"{list(map(str, arguments))!r})"
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=240)
    code, peak = map(int, done.stdout.split())
    return code, peak, done.stderr


def frames(*payloads: bytes) -> bytes:
    file = BytesIO()
    writer = RecordWriter(file)
    for payload in payloads:
        writer.write(payload)
    return file.getvalue()


VERSION = frames(b"\x09" + struct.pack("<d", 1.0) + b"\x1a\x0dbrain.Event:2")


def zeros(path: Path) -> None:
    """An event file that is a hole."""
    with path.open("wb") as file:
        file.write(VERSION)
        file.truncate(256 * MB)


def forged_lengths(path: Path) -> None:
    """Headers whose checksums hold, each of which promises far more than follows it."""
    length = struct.pack("<Q", 40 * MB)
    header = length + struct.pack("<I", masked_crc32c(length))
    path.write_bytes(VERSION + (header + b"payload!") * 100_000 + bytes(48 * MB))


def bomb(path: Path) -> None:
    """2 GB of one row, in 4 MB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    rows = b"1,0.5\n" * 170_000
    with path.open("wb") as file:
        file.write(packer.compress(b"step,loss\n"))
        for _ in range(64):
            file.write(packer.compress(rows))
        file.write(packer.flush(zlib.Z_FULL_FLUSH))
        block = packer.compress(bytes(MB)) + packer.flush(zlib.Z_FULL_FLUSH)
        file.write(block)
        again = packer.compress(bytes(MB)) + packer.flush(zlib.Z_FULL_FLUSH)
        file.write(again * 2000)


def many_members(path: Path) -> None:
    """A bomb of a thousand members."""
    path.write_bytes(gzip.compress(b"step,loss\n0,1\n1,2\n") + gzip.compress(b"2,3\n" * 500_000, 9) * 200)


def long_line(path: Path) -> None:
    """A table with a cell of 128 MB."""
    path.write_bytes(b"step,loss\n0,1\n1," + b"9" * (128 * MB) + b"\n2,3\n")


def wide_table(path: Path) -> None:
    """A table of 300,000 columns."""
    names = ",".join(f"loss{column}" for column in range(300_000))
    path.write_text(f"step,{names}\n" + ("1" + ",0.5" * 300_000 + "\n") * 2, encoding="utf-8")


def deep_lines(path: Path) -> None:
    """Lines whose objects nest a million deep."""
    sound = '{"step": 1, "loss": 0.5}\n'
    path.write_text(sound * 60 + '{"a":' * 1_000_000 + "1" + "}" * 1_000_000 + "\n" + sound, encoding="utf-8")


def deep_state(path: Path) -> None:
    """A JSON document that nests ten million deep."""
    path.write_bytes(b'{"log_history": ' + b"[" * 10_000_000)


def huge_numbers(path: Path) -> None:
    """Numbers of a million digits."""
    lines = [json.dumps({"step": step, "loss": 0.5}) + "\n" for step in range(60)]
    path.write_text("".join(lines) + '{"step": ' + "9" * MB + ', "loss": 1e' + "9" * MB + "}\n", encoding="utf-8")


def endless_view(path: Path) -> None:
    """A database that has programs without an end instead of its tables."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 'r' UNION ALL SELECT i || 'x' FROM n)"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            f"""CREATE TABLE metrics (key, value, timestamp, run_uuid);
            INSERT INTO metrics VALUES ('a', 1.5, 1000, 'r');
            CREATE TABLE runs (run_uuid, experiment_id, name AS (hex(zeroblob(400000000))));
            INSERT INTO runs VALUES ('r', 0);
            CREATE VIEW tags AS {endless} SELECT i AS run_uuid, i AS value, 'mlflow.runName' AS key FROM n;
            CREATE VIEW experiments AS {endless} SELECT 0 AS experiment_id, i AS name FROM n;"""
        )


def long_ledger(path: Path) -> None:
    """A ledger of one line that does not end, next to a log."""
    (path.parent / "metrics.csv").write_text("epoch,step,loss\n0,0,1\n0,1,2\n", encoding="utf-8")
    path.write_bytes(b'{"stepclock":1,"kind":"session","name":"' + b"x" * (32 * MB))


def huge_epochs(path: Path) -> None:
    """A ledger whose numbers are as large as they can be, next to a log."""
    (path.parent / "metrics.csv").write_text("epoch,step,loss\n0,0,1\n0,1,2\n", encoding="utf-8")
    most = 2**63 - 1
    segment = {"epochs": most, "batches": 1, "boundary": "flush"}
    session = {
        "stepclock": 1,
        "kind": "session",
        "session": 0,
        "time": 1.0,
        "batch": most,
        "epochs": most,
        "step": most,
    }
    path.write_text(json.dumps({**session, "segments": [segment] * 1000}) + "\n", encoding="utf-8")


def bad_ledger(path: Path) -> None:
    """A ledger of four million lines that are none, in 8 KB, next to a log."""
    (path.parent / "metrics.csv").write_text("epoch,step,loss\n0,0,1\n0,1,2\n", encoding="utf-8")
    path.write_bytes(gzip.compress(b'{"stepclock":1\n' + b"x\n" * (4 * MB), 9))


def many_sessions(path: Path) -> None:
    """A ledger of 200,000 sessions, next to a log."""
    (path.parent / "metrics.csv").write_text("epoch,step,loss\n0,0,1\n0,1,2\n", encoding="utf-8")
    counts = '"time":1.0,"batch":0,"epochs":0,"step":0,"segments":[{"batches":5}]}\n'
    lines = (f'{{"stepclock":1,"kind":"session","session":{session},{counts}' for session in range(200_000))
    path.write_text("".join(lines), encoding="utf-8")


def ragged_rows(path: Path) -> None:
    """A table of which every other row is too short."""
    path.write_bytes(gzip.compress(b"step,loss\n" + b"1,1\n1\n" * 1_800_000, 9))


def ragged_lines(path: Path) -> None:
    """Objects with something else between them."""
    path.write_bytes(gzip.compress(b'{"step": 1, "loss": 1}\n' * 60 + b'{"step": 1, "loss": 1}\nx\n' * 600_000, 9))


def bad_frames(path: Path) -> None:
    """An event file of records without a payload, every other of which is damaged."""
    empty = frames(b"")
    path.write_bytes(VERSION + (empty + empty[:-1] + b"x") * 500_000)


def bad_entries(path: Path) -> None:
    """A state of entries that are none."""
    path.write_bytes(b'{"log_history": [' + b"1," * 4_000_000 + b'{"step": 1, "loss": 1}]}')


def random_steps(path: Path) -> None:
    """Steps in no order, of many series."""
    random = Random(1)
    columns = [f"loss{column}" for column in range(20)]
    rows = (f"{random.randrange(10**6)}" + ",0.5" * len(columns) + "\n" for _ in range(300_000))
    path.write_text(f"step,{','.join(columns)}\n" + "".join(rows), encoding="utf-8")


FILES: dict[str, Callable[[Path], None]] = {
    "events.out.tfevents.1.zeros": zeros,
    "events.out.tfevents.1.forged": forged_lengths,
    "bomb.csv.gz": bomb,
    "members.csv.gz": many_members,
    "line.csv": long_line,
    "wide.csv": wide_table,
    "deep.jsonl": deep_lines,
    "trainer_state.json": deep_state,
    "numbers.jsonl": huge_numbers,
    "mlflow.db": endless_view,
    "stepclock.jsonl": long_ledger,
    "epochs/stepclock.jsonl": huge_epochs,
    "bad/stepclock.jsonl.gz": bad_ledger,
    "sessions/stepclock.jsonl": many_sessions,
    "rows.csv.gz": ragged_rows,
    "lines.jsonl.gz": ragged_lines,
    "events.out.tfevents.1.frames": bad_frames,
    "entries/trainer_state.json": bad_entries,
    "random.csv": random_steps,
}


@pytest.mark.parametrize("command", list(LIMITS))
@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_ends_soon_in_bounded_memory(name: str, command: str, tmp_path: Path) -> None:
    path = tmp_path / "logs" / name
    path.parent.mkdir(parents=True)
    FILES[name](path)
    output = ("-o", tmp_path / "out.parquet", "--batches-per-epoch", 10) if command == "reindex" else ()
    code, peak, stated = ended(command, tmp_path / "logs", *output)
    # The one record of this database has neither a step nor an epoch, so that no table can place anything.
    assert code in ({2} if (name, command) == ("mlflow.db", "reindex") else {0, 1})
    assert "Traceback" not in stated
    assert "panicked" not in stated
    assert peak < LIMITS[command], f"{peak} MB"
    assert len(stated) < 100_000
