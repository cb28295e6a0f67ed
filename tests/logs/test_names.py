"""Names of folders and files, which strangers chose: any bytes, and none may pass for something else."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

import stepbridge as sb
from commands import run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="names of Linux, which are bytes")

TABLE = "epoch,step,loss\n0,1\n0,0,1\n1,5,1\n"


def test_names_that_differ_in_bytes_are_two_runs(tmp_path: Path) -> None:
    for name in (b"caf\xe9", b"caf\xe8", b"caf\xc3\xa9"):
        folder = tmp_path / os.fsdecode(name)
        folder.mkdir()
        (folder / "metrics.csv").write_text(TABLE, encoding="utf-8")
    logs = sb.read_logs(tmp_path)
    assert sorted(logs.runs) == ["caf\\xe8", "caf\\xe9", "café"]
    assert {record for _, record, *_ in logs.overview} == {2}
    assert logs.refresh() == 0


@pytest.mark.parametrize("end", ["\n", "\r", "\x85", "\u2028", "\x1b[2K"])
@pytest.mark.parametrize("command", ["info", "infer", "reindex"])
def test_a_name_cannot_print_a_line_of_its_own(command: str, end: str, tmp_path: Path) -> None:
    forged = "bert: Timeline(epochs of 999 batches)"
    folder = tmp_path / "logs" / f"x{end}{forged}"
    folder.mkdir(parents=True)
    (folder / "metrics.csv").write_text(TABLE, encoding="utf-8")
    output = ("-o", "out.csv", "--batches-per-epoch", "5") if command == "reindex" else ()
    done = run(command, "logs", "-q", *output, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for line in (done.stdout + done.stderr).splitlines():
        assert not line.strip().startswith(forged)
    assert end not in done.stdout.replace("\n", "") if end != "\n" else True
