"""Measures the way from a W&B offline file to a whole table, next to the reader of wandb 0.25.

wandb 0.25 needs an older protobuf than TensorFlow, so it lives in an environment of its own, which uv makes and keeps.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

import stepbridge as sb
from claims import CLAIMS, Measured
from timing import once, pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = Path(__file__).parent.parent / "build" / "bench" / "wandb" / "run-20240101_000000-bench" / "run-bench.wandb"
PEER = "wandb==0.25.1"
RECORDS = 500_000
VALUES = 4
REPEATS = 3


def measure() -> Iterator[Measured]:
    """Measure against wandb's DataStore."""
    (claim,) = CLAIMS["read_wandb"]
    if not FILE.exists():
        FILE.parent.mkdir(parents=True, exist_ok=True)
        # Under another name first: what is there is whole.
        part = FILE.with_suffix(".part")
        part.unlink(missing_ok=True)
        peer("write", str(part), str(RECORDS))
        part.rename(FILE)
    check(table().num_rows, "stepbridge")
    yield Measured(claim, pairs(lambda: once(table), scan, REPEATS), "ms", 1e3)


def table() -> pa.Table:
    """Read the file and hold all columns in memory."""
    return pa.table(sb.read_logs(FILE.parent))


def scan() -> float:
    """Read the file with wandb; give the seconds that it says it took."""
    seconds, count = peer("read", str(FILE)).split()
    check(int(count), "wandb")
    return float(seconds)


def peer(*arguments: str) -> str:
    """Run wandb's program in its own environment."""
    script = Path(__file__).with_name("wandb_file.py")
    version = "{}.{}".format(*sys.version_info[:2])
    environment = ["uv", "run", "--quiet", "--no-project", "--isolated", "--python", version, "--with", PEER]
    return subprocess.run(
        [*environment, "python", script, *arguments], check=True, capture_output=True, text=True
    ).stdout


def check(count: int, who: str) -> None:
    """Stop unless every value was read."""
    if count != RECORDS * VALUES:
        message = f"{RECORDS * VALUES} values were written, {who} read {count}"
        raise RuntimeError(message)
