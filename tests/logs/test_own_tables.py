"""Tables that stepbridge wrote are never read as logs, and no log is written over."""

from __future__ import annotations

import gzip
import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

import stepbridge as sb
from commands import run
from stepbridge.logs import OUTPUTS

if TYPE_CHECKING:
    from pathlib import Path

TABLE = "epoch,step,loss\n" + "".join(f"{step // 5},{step},0.5\n" for step in range(20))


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "metrics.csv").write_text(TABLE, encoding="utf-8")
    return folder


@pytest.mark.parametrize("ending", OUTPUTS)
@pytest.mark.parametrize("kind", ["reindexed", "superseded", "as_logged", "pivot", "renamed", "streamed"])
def test_a_table_in_the_folder_of_the_logs_is_not_read(kind: str, ending: str, logs: Path) -> None:
    output = logs / f"out{ending}"
    read = sb.read_logs(logs)
    for _ in range(3):
        if kind == "streamed":
            assert sb.reindex(logs, output).records == 20
        elif kind == "as_logged":
            read.write(output)
        else:
            table = read.reindex(keep_superseded=kind == "superseded", batch=True)
            (table.pivot() if kind == "pivot" else table).write(output)
        if kind == "renamed":
            shutil.copy(output, logs / "a" / f"progress{ending}")
        fresh = sb.read_logs(logs)
        assert (len(fresh), fresh.runs, fresh.problems) == (20, ["a"], ())
        assert not read.refresh_changed()
    # Compressed by hand, it is the same.
    (logs / f"out{ending}.gz").write_bytes(gzip.compress(output.read_bytes()))
    assert len(sb.read_logs(logs)) == 20
    with pytest.raises(sb.NoLogsError, match=r"(a table that stepbridge wrote|not a log of a known format)"):
        sb.read_logs(output)


@pytest.mark.parametrize("how", ["name", "link", "hard_link", "relative"])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_log_is_not_written_over(how: str, *, streamed: bool, logs: Path) -> None:
    log = logs / "a" / "metrics.csv"
    output = log
    if how == "link":
        output = logs.parent / "link.csv"
        output.symlink_to(log)
    elif how == "hard_link":
        output = logs.parent / "hard.csv"
        os.link(log, output)
    elif how == "relative":
        output = logs / "a" / ".." / "a" / "metrics.csv"
    with pytest.raises(ValueError, match=r"(is a link to|is one of the files that were read)"):
        sb.reindex(logs, output) if streamed else sb.read_logs(logs).reindex().write(output)
    assert log.read_text(encoding="utf-8") == TABLE


@pytest.mark.skipif(sys.platform == "win32", reason="links of Unix")
def test_neither_a_link_nor_its_target_is_replaced(logs: Path, tmp_path: Path) -> None:
    (tmp_path / "target.csv").write_text("mine", encoding="utf-8")
    (tmp_path / "out.csv").symlink_to("target.csv")
    done = run("reindex", "runs", "-o", "out.csv", "-q", cwd=tmp_path)
    assert done.returncode == 2
    assert "'out.csv' is a link to 'target.csv'" in done.stderr
    assert (tmp_path / "target.csv").read_text(encoding="utf-8") == "mine"
    assert (tmp_path / "out.csv").is_symlink()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in the file system")
def test_a_pipe_is_not_replaced(logs: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "out.csv")
    with pytest.raises(ValueError, match="is not a file; give another name"):
        sb.read_logs(logs).reindex().write(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").is_fifo()


def test_what_was_written_before_is_written_over(logs: Path) -> None:
    output = logs / "out.csv"
    output.touch()
    assert sb.reindex(logs, output).records == 20
    assert sb.reindex(logs, output).records == 20
