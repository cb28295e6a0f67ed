"""What is read from a bucket is what is read from a folder with the same files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import stepbridge as sb
from commands import run
from conftest import DATA
from object_server import in_front
from stepbridge.remote import RemoteFile, listing

if TYPE_CHECKING:
    from object_server import ObjectServer

DEMO = Path(__file__).parents[2] / "demo" / "logs"


def lines(steps: range, loss: float = 0.5) -> bytes:
    return "".join(json.dumps({"step": step, "loss": loss}) + "\n" for step in steps).encode()


def known(logs: sb.Logs) -> list[object]:
    """All that is known of logs."""
    table = logs.reindex()
    return [
        *(logs.runs, logs.tags, logs.problems, logs.files, logs.unread, logs.repeated_series, logs.chains, logs.config),
        *(logs.overview, logs.sessions, logs.steps, logs.infer()),
        *(table.to_polars().rows(), table.problems, table.origins, table.left_out, table.assumed),
    ]


def test_the_logs_of_the_demo(objects: ObjectServer, bucket: str) -> None:
    objects.upload(DEMO, f"{bucket}/logs")
    logs = sb.read_logs(f"s3://{bucket}/logs", storage_options=objects.options)
    assert known(logs) == known(sb.read_logs(DEMO))
    assert len(logs) == 337


@pytest.mark.parametrize(
    "kind", ["tfevents", "text", "wandb", "mlflow", "lightning", "mmengine", "trainer_state", "ultralytics"]
)
def test_real_logs(kind: str, objects: ObjectServer, bucket: str) -> None:
    if not (DATA / kind).is_dir():
        pytest.skip(f"no real logs at {DATA / kind}")
    folder = min((path for path in (DATA / kind).iterdir() if path.is_dir()), key=size_of)
    objects.upload(folder, bucket)
    try:
        local = sb.read_logs(folder)
    except sb.NoLogsError:
        pytest.skip("it holds none")
    assert known(sb.read_logs(f"s3://{bucket}", storage_options=objects.options)) == known(local)


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_large_files_are_fetched_in_ranges_and_others_in_part(
    objects: ObjectServer, bucket: str, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "log.jsonl").write_bytes(lines(range(400_000)))
    (tmp_path / "run" / "model.bin").write_bytes(os.urandom(9_000_000))
    (tmp_path / "run" / "notes.log").write_bytes(b"nothing that looks like training\n" * 300_000)
    objects.upload(tmp_path, bucket)
    with in_front(objects, lambda *_: None) as front:
        logs = sb.read_logs(f"s3://{bucket}", storage_options=front.server.options)
        asked = [(path, part) for method, path, part in front.requests if method == "GET"]
    assert known(logs) == known(sb.read_logs(tmp_path))
    assert len(logs) == 400_000
    assert sum("model.bin" in path for path, _ in asked) <= 2
    assert sum("log.jsonl" in path for path, _ in asked) >= 3
    assert all(part for path, part in asked if "/run/" in path)


def test_one_file_has_its_ledger_its_plan_and_its_configuration(
    objects: ObjectServer, bucket: str, tmp_path: Path
) -> None:
    (tmp_path / "log.jsonl").write_bytes(lines(range(1, 11)))
    (tmp_path / "other.jsonl").write_bytes(lines(range(1, 11)))
    (tmp_path / "stepbridge.toml").write_text('[runs."*"]\nbatches_per_epoch = 5\nunit = "step"\nbase = 1\n')
    objects.upload(tmp_path, f"{bucket}/a")
    logs = sb.read_logs(f"s3://{bucket}/a/log.jsonl", storage_options=objects.options)
    assert known(logs) == known(sb.read_logs(tmp_path / "log.jsonl"))
    assert [file.file for file in logs.files] == ["log.jsonl"]
    assert logs.reindex().to_polars()["epoch"].max() == 1


def test_several_addresses_and_a_root(objects: ObjectServer, bucket: str, tmp_path: Path) -> None:
    clock = sb.StepClock(samples=10, batch_size=2, epochs=2, ledger=tmp_path)
    for _ in clock.epochs():
        for _ in clock.batches(range(5)):
            pass
    for run_ in ("a", "b", "c"):
        (tmp_path / run_).mkdir()
        (tmp_path / run_ / "log.jsonl").write_bytes(lines(range(1, 11)))
    objects.upload(tmp_path, f"{bucket}/x")
    base = f"s3://{bucket}/x"
    options = objects.options
    logs = sb.read_logs([f"{base}/a", f"{base}/b/log.jsonl"], storage_options=options)
    assert known(logs) == known(sb.read_logs([tmp_path / "a", tmp_path / "b/log.jsonl"]))
    assert logs.runs == ["a", "b"]
    logs = sb.read_logs(f"{base}/a", root=base, storage_options=options)
    assert known(logs) == known(sb.read_logs(tmp_path / "a", root=tmp_path))
    assert list(logs.ledgers) == ["a"]
    logs = sb.read_logs(f"{base}/a", root=f"s3://{bucket}", storage_options=options)
    assert logs.runs == ["x/a"]
    with pytest.raises(ValueError, match=r"root='s3://[^']*/b' does not hold"):
        sb.read_logs(f"{base}/a", root=f"{base}/b", storage_options=options)
    with pytest.raises(ValueError, match="cannot be read together"):
        sb.read_logs([f"{base}/a", str(tmp_path)], storage_options=options)


def test_what_writes(objects: ObjectServer, bucket: str, tmp_path: Path) -> None:
    objects.upload(DEMO / "roberta_lora", bucket)
    address, options = f"s3://{bucket}", objects.options
    done = sb.reindex(address, tmp_path / "remote.csv", storage_options=options)
    assert done[1:] == sb.reindex(DEMO / "roberta_lora", tmp_path / "local.csv")[1:]
    assert (tmp_path / "remote.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()
    written = sb.rewrite(address, tmp_path / "remote", axis="epoch", storage_options=options)
    assert written[1:] == sb.rewrite(DEMO / "roberta_lora", tmp_path / "local", axis="epoch")[1:]
    found = sb.locate_step(address, 5000, storage_options=options)
    assert found == sb.locate_step(DEMO / "roberta_lora", 5000)
    run_ = sb.locate_step(address, 5000, run=found.run, storage_options=options)
    assert run_ == found


@pytest.mark.parametrize(
    "command",
    [
        ("info", "--json"),
        ("info",),
        ("infer",),
        ("where", "5000", "--json"),
        ("plot", "--tags", "loss"),
        ("reindex", "-o", "out.csv"),
        ("rewrite", "-o", "events", "--axis", "epoch"),
    ],
    ids=lambda command: command[0],
)
def test_every_command_that_reads_logs(
    command: tuple[str, ...], objects: ObjectServer, bucket: str, tmp_path: Path
) -> None:
    objects.upload(DEMO / "roberta_lora", bucket)
    environment = {**os.environ, **objects.environment}
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    remote = run(command[0], f"s3://{bucket}", *command[1:], cwd=tmp_path / "there", env=environment)
    local = run(command[0], DEMO / "roberta_lora", *command[1:], cwd=tmp_path / "here")
    assert (remote.returncode, remote.stderr) == (0, local.stderr) == (local.returncode, remote.stderr)
    assert remote.stdout == local.stdout
    assert {path.name for path in (tmp_path / "there").iterdir()} == {
        path.name for path in (tmp_path / "here").iterdir()
    }


def test_a_listing_reads_nothing(objects: ObjectServer, bucket: str) -> None:
    objects.put(f"{bucket}/runs/a/log.jsonl", lines(range(3)))
    objects.put(f"{bucket}/runs/b.csv", b"step,loss\n1,2\n")
    objects.put(f"{bucket}/runs_of_others/c.csv", b"step,loss\n1,2\n")
    found = listing(f"s3://{bucket}/runs", storage_options=objects.options)
    assert [file[:2] for file in found] == [("a/log.jsonl", len(lines(range(3)))), ("b.csv", 14)]
    assert all(file.e_tag for file in found)
    (alone,) = listing(f"s3://{bucket}/runs/b.csv", storage_options=objects.options)
    assert alone == RemoteFile("b.csv", 14, found[1].e_tag)


def test_names_that_no_disk_has_are_problems(objects: ObjectServer, bucket: str) -> None:
    objects.put(f"{bucket}/a", lines(range(1, 4)))
    objects.put(f"{bucket}/a/log.jsonl", lines(range(1, 4)))
    objects.put(f"{bucket}/marked/", b"")
    objects.put(f"{bucket}/marked/log.jsonl", lines(range(1, 4)))
    objects.put(f"{bucket}/{'x' * 300}/log.jsonl", lines(range(1, 4)))
    objects.put(f"{bucket}/.git/log.jsonl", lines(range(1, 4)))
    logs = sb.read_logs(f"s3://{bucket}", storage_options=objects.options)
    assert logs.runs == ["a", "marked"]
    assert [(problem.file[:3], problem.kind) for problem in logs.problems] == [
        ("a", "unreadable"),
        ("xxx", "unreadable"),
    ]


def test_more_files_than_a_page_of_a_listing(objects: ObjectServer, bucket: str) -> None:
    for number in range(1100):
        objects.put(f"{bucket}/{number:04}/log.jsonl", lines(range(1, 3)))
    logs = sb.read_logs(f"s3://{bucket}", storage_options=objects.options)
    assert (len(logs.runs), len(logs)) == (1100, 2200)


def test_progress_is_given(objects: ObjectServer, bucket: str) -> None:
    objects.put(f"{bucket}/log.jsonl", lines(range(1, 4000)))
    shown: list[tuple[int, int]] = []
    sb.read_logs(f"s3://{bucket}", storage_options=objects.options, progress=lambda *step: shown.append(step))
    assert (len(lines(range(1, 4000))),) * 2 in shown
