"""What goes wrong with a store is one sentence, or a problem of one file; no secret is in either."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections import Counter
from typing import TYPE_CHECKING

import pytest

import stepbridge as sb
from commands import run
from object_server import SECRET, Answer, ObjectServer, in_front
from stepbridge.remote import listing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def lines(steps: range, loss: float = 0.5) -> bytes:
    return "".join(json.dumps({"step": step, "loss": loss}) + "\n" for step in steps).encode()


def read_through(
    rule: Callable[[str, str, str], Answer | None], objects: ObjectServer, address: str
) -> tuple[sb.Logs, list[tuple[str, str, str]]]:
    with in_front(objects, rule) as front:
        return sb.read_logs(address, storage_options=front.server.options), front.requests


@pytest.mark.parametrize("records", [100, 200_000], ids=["small", "in ranges"])
def test_a_connection_that_breaks_once_is_tried_again(records: int, objects: ObjectServer, bucket: str) -> None:
    objects.put(f"{bucket}/a/log.jsonl", lines(range(1, records + 1)))
    seen: Counter[tuple[str, str]] = Counter()

    def rule(method: str, path: str, part: str) -> Answer | None:
        seen[path, part] += 1
        return Answer(cut=1000) if method == "GET" and "log.jsonl" in path and seen[path, part] == 1 else None

    logs, _ = read_through(rule, objects, f"s3://{bucket}")
    assert (len(logs), logs.problems) == (records, ())


def test_a_connection_that_breaks_each_time_is_a_problem_of_that_file(objects: ObjectServer, bucket: str) -> None:
    objects.put(f"{bucket}/a/log.jsonl", lines(range(1, 101)))
    objects.put(f"{bucket}/b/log.jsonl", lines(range(1, 101)))
    logs, _ = read_through(lambda _, path, __: Answer(cut=1000) if "/a/" in path else None, objects, f"s3://{bucket}")
    assert logs.runs == ["b"]
    (problem,) = logs.problems
    assert (problem.file, problem.kind) == ("a/log.jsonl", "unreadable")
    assert problem.reason == "it could not be fetched: the connection broke, in each of 4 attempts"
    assert "1 problem" in repr(logs)


def test_a_connection_that_always_breaks_is_an_error(objects: ObjectServer, bucket: str) -> None:
    objects.put(f"{bucket}/a/log.jsonl", lines(range(1, 101)))
    with pytest.raises(ConnectionError, match=rf"^'s3://{bucket}/a/log.jsonl' cannot be read: .*the connection broke"):
        read_through(lambda _, path, __: Answer(cut=100) if "/a/" in path else None, objects, f"s3://{bucket}")


@pytest.mark.parametrize("records", [100, 200_000], ids=["small", "in ranges"])
def test_an_object_that_is_replaced_while_it_is_read(records: int, objects: ObjectServer, bucket: str) -> None:
    objects.put(f"{bucket}/a/log.jsonl", lines(range(1, records + 1)))
    seen: Counter[str] = Counter()
    # A large file is looked at first; then its ranges are read.
    moment = 1 if records == 100 else 3
    newer = lines(range(1, records + 51), loss=0.75)

    def rule(method: str, path: str, _: str) -> Answer | None:
        seen[path] += method == "GET"
        if method == "GET" and "log.jsonl" in path and seen[path] == moment:
            return Answer(first=lambda: objects.put(f"{bucket}/a/log.jsonl", newer))
        return None

    logs, _ = read_through(rule, objects, f"s3://{bucket}")
    assert (len(logs), logs.problems) == (records + 50, ())
    assert set(logs.to_polars()["value"]) == {0.75}


def test_an_object_that_is_replaced_again_and_again_is_a_problem(objects: ObjectServer, bucket: str) -> None:
    objects.put(f"{bucket}/b/log.jsonl", lines(range(1, 101)))
    objects.put(f"{bucket}/a/log.jsonl", lines(range(1, 101)))
    versions = iter(range(2, 1000))

    def rule(method: str, path: str, _: str) -> Answer | None:
        if method != "GET" or "/a/" not in path:
            return None
        return Answer(first=lambda: objects.put(f"{bucket}/a/log.jsonl", lines(range(1, next(versions)))))

    logs, _ = read_through(rule, objects, f"s3://{bucket}")
    assert logs.runs == ["b"]
    assert [problem[::4][:2] for problem in logs.problems] == [
        ("a/log.jsonl", "it could not be fetched: it was replaced again and again while it was read")
    ]


def test_an_object_that_is_removed_while_it_is_read(objects: ObjectServer, bucket: str) -> None:
    for name in "ab":
        objects.put(f"{bucket}/{name}/log.jsonl", lines(range(1, 101)))

    def rule(method: str, path: str, _: str) -> Answer | None:
        if method == "GET" and "/a/" in path:
            return Answer(first=lambda: objects.delete(f"{bucket}/a/log.jsonl"))
        return None

    logs, _ = read_through(rule, objects, f"s3://{bucket}")
    assert logs.runs == ["b"]
    assert [problem.reason for problem in logs.problems] == ["it was removed while it was read"]


def test_an_object_that_may_not_be_read(objects: ObjectServer, bucket: str) -> None:
    for name in "ab":
        objects.put(f"{bucket}/{name}/log.jsonl", lines(range(1, 101)))
    rule = lambda _, path, __: Answer(status=403) if "/a/" in path else None  # noqa: E731
    logs, _ = read_through(rule, objects, f"s3://{bucket}")
    assert logs.runs == ["b"]
    assert [problem.reason for problem in logs.problems] == ["the store does not let it be read (no permission)"]


def refused(_method: str, _path: str, _part: str) -> Answer:
    return Answer(status=403)


def failing(_method: str, _path: str, _part: str) -> Answer:
    return Answer(status=500)


def test_errors_of_a_store(objects: ObjectServer, bucket: str) -> None:
    options = objects.options
    with pytest.raises(FileNotFoundError, match=r"^there is no bucket 's3://no-such-bucket'; check its name"):
        sb.read_logs("s3://no-such-bucket/runs", storage_options=options)
    with pytest.raises(FileNotFoundError, match=rf"^there is no file or folder 's3://{bucket}/runs'; give a log"):
        sb.read_logs(f"s3://{bucket}/runs", storage_options=options)
    with (
        in_front(objects, refused) as front,
        pytest.raises(PermissionError, match=rf"^'s3://{bucket}' may not be read"),
    ):
        sb.read_logs(f"s3://{bucket}", storage_options=front.server.options)
    with (
        in_front(objects, failing) as front,
        pytest.raises(ConnectionError, match=r"could not be listed: .*status 500"),
    ):
        sb.read_logs(f"s3://{bucket}", storage_options=front.server.options)
    gone = {**options, "endpoint": "http://127.0.0.1:9"}
    with pytest.raises(ConnectionError, match="could not be listed: the connection was refused"):
        sb.read_logs(f"s3://{bucket}", storage_options=gone)
    with pytest.raises(ValueError, match="holds a key that 's3://"):
        sb.read_logs(f"s3://{bucket}", storage_options={"regoin": "x"})
    with pytest.raises(ValueError, match="names no bucket"):
        sb.read_logs("s3:///runs", storage_options=options)


def test_errors_name_the_address_and_not_the_copy(objects: ObjectServer, bucket: str, tmp_path: Path) -> None:
    objects.put(f"{bucket}/runs/readme.txt", b"no log")
    with pytest.raises(sb.NoLogsError, match=rf"^there is no log below 's3://{bucket}/runs'"):
        sb.read_logs(f"s3://{bucket}/runs", storage_options=objects.options)
    with pytest.raises(sb.NoLogsError, match=rf"^'s3://{bucket}/runs/readme.txt' is not a log"):
        sb.read_logs(f"s3://{bucket}/runs/readme.txt", storage_options=objects.options)
    objects.put(f"{bucket}/runs/stepbridge.toml", b"[runs.x]\nbatches_per_epoch = 'x'\n")
    objects.put(f"{bucket}/runs/log.jsonl", lines(range(3)))
    with pytest.raises(ValueError, match=rf"^'s3://{bucket}/runs/stepbridge.toml', "):
        sb.read_logs(f"s3://{bucket}/runs", storage_options=objects.options).reindex()
    with pytest.raises(ValueError, match=rf"^'s3://{bucket}/runs/stepbridge.toml', "):
        sb.reindex(f"s3://{bucket}/runs", tmp_path / "x.csv", storage_options=objects.options)


def test_logs_that_do_not_fit(objects: ObjectServer, bucket: str) -> None:
    objects.put(f"{bucket}/a/log.jsonl", lines(range(10_000)))
    objects.put(f"{bucket}/a/model.bin", os.urandom(1_000_000))
    size = len(lines(range(10_000)))
    read = sb.read_logs(f"s3://{bucket}", storage_options=objects.options, cache_limit=size)
    assert len(read) == 10_000
    with pytest.raises(OSError, match=rf"have {size:,} bytes, and copies of 1,000 may be .*give a larger cache_limit="):
        sb.read_logs(f"s3://{bucket}", storage_options=objects.options, cache_limit=1000)
    done = run("info", f"s3://{bucket}", "--cache-limit", "1kB", env={**os.environ, **objects.environment})
    assert (done.returncode, done.stdout) == (1, "")
    assert "give a larger --cache-limit" in done.stderr


def test_a_library_that_is_not_installed() -> None:
    code = "import sys; sys.modules[{library!r}] = None; import stepbridge as sb; sb.read_logs({address!r})"
    for library, address, remedy in (
        ("obstore", "s3://b/runs", "pip install 'stepbridge[cloud]'"),
        ("fsspec", "memory://runs", "pip install fsspec"),
    ):
        statement = code.format(library=library, address=address)
        done = subprocess.run([sys.executable, "-c", statement], capture_output=True, text=True, check=False)
        last = done.stderr.splitlines()[-1]
        assert last == f"ImportError: '{address}' is read by {library}, which is not installed: {remedy}"
    program = "import sys; sys.modules['obstore'] = None; from stepbridge.cli import main; sys.exit(main())"
    for arguments in (("info", "s3://b/runs"), ("where", "s3://b/runs", "3")):
        typed = [sys.executable, "-c", program, *arguments]
        done = subprocess.run(typed, capture_output=True, text=True, check=False)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
        assert done.stderr.rstrip().endswith("pip install 'stepbridge[cloud]'")


def test_a_scheme_that_nothing_reads() -> None:
    with pytest.raises(
        ValueError, match=r"^nothing reads addresses that begin with 'gopher://': expected one of .*file"
    ):
        sb.read_logs("gopher://host/runs")


def test_no_secret_is_shown(objects: ObjectServer, bucket: str, tmp_path: Path) -> None:
    """Neither in errors and their tracebacks, nor in problems, nor in what a command prints."""
    for name in "ab":
        objects.put(f"{bucket}/{name}/log.jsonl", lines(range(1, 101)))
    token = "FwoGZXIvYXdzEBYaDB-this-is-the-token"
    shown = []
    rules: list[Callable[[str, str, str], Answer | None]] = [
        refused,
        failing,
        lambda _, path, __: Answer(cut=10) if "log.jsonl" in path else None,
        lambda _, path, __: Answer(status=403) if "/a/" in path else None,
    ]
    for rule in rules:
        with in_front(objects, rule) as front:
            options = {**front.server.options, "token": token}
            environment = {**os.environ, **front.server.environment, "AWS_SESSION_TOKEN": token}
            for act in (sb.read_logs, listing):
                try:
                    result = act(f"s3://{bucket}", storage_options=options)
                    shown.append(repr(getattr(result, "problems", result)))
                except OSError:  # noqa: PERF203 - each act fails in its own way
                    shown.append(traceback.format_exc())
            done = run("info", "--debug", f"s3://{bucket}", env=environment)
            shown += [done.stdout, done.stderr]
    done = run("info", f"s3://{bucket}", "--storage-options", f"secret_access_key:{SECRET}")
    shown += [done.stdout, done.stderr]
    for options in ({"secret_access_key": SECRET, "no": 1}, {"secret_access_key": SECRET, "region": object()}):
        with pytest.raises(ValueError, match=r"storage_options|options of the store") as caught:
            sb.read_logs(f"s3://{bucket}", storage_options=options)
        shown.append("".join(traceback.format_exception(caught.value)))
    assert len(shown) > 15
    for text in shown:
        assert SECRET not in text
        assert token not in text
        assert "Signature=" not in text


def test_a_ledger_that_may_be_there_is_not_passed_over(objects: ObjectServer, bucket: str) -> None:
    objects.put(f"{bucket}/x/a/log.jsonl", lines(range(1, 11)))
    root, address = f"s3://{bucket}/x", f"s3://{bucket}/x/a"

    def read(status: int, address: str, root: str | None = None) -> sb.Logs:
        def rule(method: str, path: str, _: str) -> Answer | None:
            return Answer(status=status) if (method == "HEAD" and "stepclock" in path) or "delimiter" in path else None

        with in_front(objects, rule) as front:
            return sb.read_logs(address, root=root, storage_options=front.server.options)

    logs = read(403, address, root=root)
    assert (logs.runs, [problem.file for problem in logs.problems]) == (["a"], ["stepclock.jsonl"])
    assert logs.problems[0].reason.endswith("; the logs were read without it, if it is there")
    logs = read(403, f"{address}/log.jsonl")
    assert (len(logs), [problem.file for problem in logs.problems]) == (10, ["stepclock.jsonl"])
    with pytest.raises(ConnectionError, match=r"stepclock\.jsonl' cannot be read: .*status 500"):
        read(500, address, root=root)
    with pytest.raises(ConnectionError, match=r"stepclock\.jsonl' cannot be read: .*status 500"):
        read(500, f"{address}/log.jsonl")
