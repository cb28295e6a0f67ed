"""Addresses that fsspec reads, addresses as text, and paths of this machine that look like them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import stepbridge as sb
from stepbridge.logs._source import is_address
from stepbridge.remote import listing, parse_address

if TYPE_CHECKING:
    from pathlib import Path

fsspec = pytest.importorskip("fsspec")

LOG = b"".join(b'{"step": %d, "loss": 0.5}\n' % step for step in range(1, 11))


def test_the_memory_of_a_process() -> None:
    system = fsspec.filesystem("memory")
    system.pipe("/here/a/log.jsonl", LOG)
    system.pipe("/here/b/metrics.csv", b"epoch,step,loss\n0,1,2.0\n0,2,1.0\n1,3,0.5\n")
    logs = sb.read_logs("memory://here")
    assert (logs.runs, len(logs)) == (["a", "b"], 13)
    assert [file.file for file in logs.files] == ["a/log.jsonl", "b/metrics.csv"]
    assert logs.refresh() == 0
    system.pipe("/here/a/log.jsonl", LOG * 2)
    system.rm("/here/b", recursive=True)
    assert (logs.refresh(), logs.runs) == (7, ["a", "a#2"])
    assert [file[:2] for file in listing("memory://here")] == [("a/log.jsonl", 2 * len(LOG))]
    assert sb.read_logs("memory://here/a/log.jsonl").runs == [".", ".#2"]
    with pytest.raises(FileNotFoundError, match=r"^there is no file or folder 'memory://nothing'"):
        sb.read_logs("memory://nothing")


def test_a_table_of_what_fsspec_reads(tmp_path: Path, demo: Path) -> None:
    pytest.importorskip("pyarrow")
    system = fsspec.filesystem("memory")
    for name in "ab":
        system.pipe(f"/fleet/{name}/log.jsonl", LOG)
    table = tmp_path / "table"
    assert sb.index("memory://fleet", table).replaced == ["a", "b"]
    assert sb.index("memory://fleet", table).replaced == []
    system.pipe("/fleet/a/log.jsonl", LOG * 2)
    system.rm("/fleet/b", recursive=True)
    assert sb.index("memory://fleet", table)[1:5] == (2, 20, ["a", "a#2"], ["b"])
    found = sb.find_runs(f"file://{demo}")
    assert [group.name for group in found] == [group.name for group in sb.find_runs(demo)]
    assert [len(group.read()) for group in found] == [len(group.read()) for group in sb.find_runs(demo)]
    remote = sb.index(f"file://{demo}", tmp_path / "remote")
    assert remote[1:] == sb.index(demo, tmp_path / "local")[1:]


def test_a_folder_of_this_machine(tmp_path: Path, demo: Path) -> None:
    logs = sb.read_logs(f"file://{demo}")
    local = sb.read_logs(demo)
    assert (logs.runs, logs.files, logs.problems) == (local.runs, local.files, local.problems)
    (tmp_path / "model.bin").write_bytes(bytes(3_000_000))
    with pytest.raises(sb.NoLogsError, match=f"^there is no log below 'file://{tmp_path}'"):
        sb.read_logs(f"file://{tmp_path}")
    # Larger than what is fetched in one request.
    (tmp_path / "log.jsonl").write_bytes(b"".join(b'{"step": %d, "loss": 0.5}\n' % step for step in range(300_000)))
    assert len(sb.read_logs(f"file://{tmp_path}")) == 300_000


def test_an_fsspec_file_that_is_replaced_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local = type(fsspec.filesystem("file"))
    log, other = tmp_path / "runs" / "log.jsonl", tmp_path / "new"
    log.parent.mkdir()
    log.write_bytes(b"".join(b'{"step": %06d, "loss": 0.5}\n' % step for step in range(300_000)))
    newer = log.read_bytes().replace(b"0.5", b"0.7")
    plain = local.cat_file
    calls: list[str] = []

    def cat_file(self: object, path: str, **options: object) -> bytes:
        calls.append(path)
        if len(calls) == 3:
            # At once, as a store does it: in between there is no file that is half of one.
            other.write_bytes(newer)
            other.replace(log)
        return bytes(plain(self, path, **options))

    monkeypatch.setattr(local, "cat_file", cat_file)
    logs = sb.read_logs(f"file://{log.parent}")
    assert logs.problems == ()
    assert set(logs.to_polars()["value"]) == {0.7}


def test_options_of_a_path_are_refused(demo: Path) -> None:
    with pytest.raises(ValueError, match="storage_options= is for addresses"):
        sb.read_logs(demo, storage_options={"region": "x"})


@pytest.mark.parametrize("name", ["s3:", "s3:b", "gs:runs", "a:b:c"])
def test_a_local_path_with_a_colon(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).write_bytes(LOG)
    monkeypatch.chdir(tmp_path)
    assert len(sb.read_logs(name)) == len(sb.read_logs(tmp_path / name)) == 10
    assert not is_address(name)


def test_an_address_is_shown_without_its_password() -> None:
    address = parse_address("FTP://me:pass:word@host:21/runs//a/")
    assert str(address) == "ftp://me@host:21/runs/a"
    assert address.url == "ftp://me:pass:word@host:21/runs/a"
    assert (
        str(parse_address("abfss://box@account.dfs.core.windows.net/x")) == "abfss://box@account.dfs.core.windows.net/x"
    )
    assert str(parse_address("file:///runs")) == "file:///runs"
    for text in ("https://host/x?sig=secret", "https://me:secret@host/../x"):
        with pytest.raises(ValueError, match=r"\?|written|write it out") as caught:
            parse_address(text)
        assert "secret" not in str(caught.value)


def test_a_password_is_in_no_error() -> None:
    with pytest.raises(OSError, match=r"ftp://me@127\.0\.0\.1:9/runs") as caught:
        sb.read_logs("ftp://me:password@127.0.0.1:9/runs")
    assert "password" not in str(caught.value)


def test_nothing_of_it_is_loaded_for_local_paths(demo: Path) -> None:
    code = (
        "import sys, stepbridge as sb; sb.read_logs(sys.argv[1]).reindex(); "
        "print({'obstore', 'fsspec', 'stepbridge.remote'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, demo], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
