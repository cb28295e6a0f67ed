"""What a run's own configuration says: in its log, and in the files that its framework leaves next to it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import polars as pl
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.summary.writer.record_writer import RecordWriter

import stepbridge as sb
from commands import run as run_command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Ten rows, each at the end of an epoch of 25 updates, which leave lengths of 25 to 27.
ROWS = "epoch,step,train_loss\n" + "".join(f"{epoch},{25 * epoch + 24},{1 / (epoch + 1)}\n" for epoch in range(10))

#: 1600 samples, 2 ranks of 8, 4 batches a step: 100 batches and 25 updates an epoch.
HPARAMS = """\
num_train_samples: 1600
per_device_train_batch_size: 8
world_size: 2
accumulate_grad_batches: 4
max_epochs: 10
model:
  hidden_size: 64
  layers: [1,
    2]
"""


@pytest.fixture
def lightning(tmp_path: Path) -> Callable[[str], Path]:
    def run(hparams: str) -> Path:
        folder = tmp_path / "version_0"
        folder.mkdir()
        (folder / "metrics.csv").write_text(ROWS)
        (folder / "hparams.yaml").write_text(hparams)
        return folder

    return run


OLD_CONFIG = "data = dict(samples_per_gpu=4)\ntotal_epochs = 7\n"


def settings(logs: sb.Logs) -> dict[str, tuple[str, int, bool]]:
    return {found.key: (found.item, found.value, found.sure) for found in logs.config}


def test_the_length_of_an_epoch_follows_from_all_of_its_numbers(lightning: Callable[[str], Path]) -> None:
    folder = lightning(HPARAMS)
    logs = sb.read_logs(folder)
    assert settings(logs) == {
        "num_train_samples": ("samples", 1600, True),
        "per_device_train_batch_size": ("batch_size_per_rank", 8, True),
        "world_size": ("ranks", 2, True),
        "accumulate_grad_batches": ("accumulate", 4, True),
        "max_epochs": ("epochs", 10, True),
    }
    table = logs.reindex(sample=True)
    (origin,) = table.origins
    assert origin.origin == "config"
    assert origin.ledger == (
        "num_train_samples / per_device_train_batch_size / world_size / accumulate_grad_batches of hparams.yaml"
    )
    rows = table.to_polars()
    # Update 24 is the last of epoch 0: its last batch is the 100th, which begins with sample 1584.
    assert rows.row(0, named=True)["epoch"] == 0
    assert rows.row(0, named=True)["iter"] == 99
    assert rows["epoch_float"].to_list() == [float(epoch) for epoch in range(1, 11)]
    assert rows["sample"].to_list() == [1600 * epoch + 1584 for epoch in range(10)]
    # One file is read with what is next to it.
    alone = sb.read_logs(folder / "metrics.csv")
    assert alone.reindex().origins[0].origin == "config"
    assert "max_epochs 10 (hparams.yaml)" in " ".join(run_command("info", str(folder)).stdout.split())
    assert json.loads(run_command("info", "--json", str(folder)).stdout)["config"][0]["item"] == "samples"


@pytest.mark.parametrize(
    ("hparams", "doubt"),
    [
        ("train_samples: 800\nbatch_size: 32\n", "batch_size may be that of one rank"),
        ("train_samples: 800\nper_device_train_batch_size: 32\nworld_size: 1\n", "accumulate is not stated"),
        ("num_samples: 800\nbatch_size: 32\nworld_size: 1\naccumulate_grad_batches: 1\n", "num_samples may count more"),
        ("steps_per_epoch: 25\n", "steps_per_epoch may count batches"),
    ],
)
def test_what_may_mean_two_things_is_likely_at_best(lightning: Callable[[str], Path], hparams: str, doubt: str) -> None:
    logs = sb.read_logs(lightning(hparams))
    (found,) = logs.infer().values()
    assert found.timeline is None
    assert found.likely is not None
    assert found.likely.locate(24, unit="step") == sb.Location(0, 24)
    assert doubt in (found.likely_reason or "")
    assert logs.reindex().origins[0].origin == "none"
    assert logs.reindex(likely=True).origins[0].origin == "likely"


@pytest.mark.parametrize(
    "hparams",
    [
        # None of the lengths that the log leaves.
        HPARAMS.replace("1600", "3200"),
        # Two values of one number.
        HPARAMS + "data:\n  num_train_samples: 1664\n",
        # The limit of a run is no length of an epoch.
        "max_steps: 250\nmax_epochs: 10\n",
        "max_epochs: 10\n",
        # Not a plan: the largest integer, a fraction, text.
        f"num_train_samples: {2**63 - 1}\nbatch_size: 0.5\nworld_size: 'two'\n",
    ],
)
def test_what_does_not_fit_settles_nothing(lightning: Callable[[str], Path], hparams: str) -> None:
    (found,) = sb.read_logs(lightning(hparams)).infer().values()
    assert found.timeline is None
    assert found.config is None
    # What the log itself makes likely stays.
    assert found.likely is None or found.likely.locate(24, unit="step") == sb.Location(0, 24)


def test_the_log_counts_more(lightning: Callable[[str], Path]) -> None:
    folder = lightning(HPARAMS.replace("1600", "3200"))
    # Training ended: the row after it has the total as its step, so that 25 is the only length.
    (folder / "metrics.csv").write_text(ROWS + "10,250,0.5\n")
    table = sb.read_logs(folder).reindex()
    assert table.origins[0].origin == "inferred"
    assert table.to_polars()["epoch"].to_list() == [*range(10), 10]
    (problem,) = [each for each in table.problems if "contradicts" in each.reason]
    assert "hparams.yaml" in problem.reason
    assert "25 steps an epoch" in problem.reason


def test_a_changed_configuration_is_read_again(lightning: Callable[[str], Path]) -> None:
    folder = lightning("max_epochs: 10\n")
    logs = sb.read_logs(folder)
    assert logs.reindex().origins[0].origin == "none"
    (folder / "hparams.yaml").write_text(HPARAMS)
    assert logs.refresh() == 0
    assert logs.reindex().origins[0].origin == "config"
    (folder / "hparams.yaml").unlink()
    logs.refresh()
    assert logs.config == ()


def test_streamed_and_in_memory_agree(lightning: Callable[[str], Path], tmp_path: Path) -> None:
    folder = lightning(HPARAMS)
    result = sb.reindex(folder, tmp_path / "out.csv")
    assert result.origins[0].origin == "config"


def test_ultralytics_mmengine_detectron2_and_wandb_files(tmp_path: Path) -> None:
    files = {
        "yolo/results.csv": "epoch,train/box_loss,metrics/mAP50(B)\n1,0.5,0.25\n",
        "yolo/args.yaml": "task: detect\nbatch: 16\nepochs: 100\nnbs: 64\nwarmup_epochs: 3.0\ndata: coco8.yaml\n",
        "mm/20240101/vis_data/scalars.json": '{"loss": 0.5, "epoch": 1, "iter": 50, "step": 50, "data_time": 1.0}\n',
        "mm/20240101/vis_data/config.py": "train_cfg = dict(max_epochs=12)\n"
        "train_dataloader = dict(\n    batch_size=2)\nval_dataloader = dict(batch_size=1)\n",
        "d2/metrics.json": '{"iteration": 19, "total_loss": 0.5, "lr": 0.1, "time": 0.5}\n',
        "d2/config.yaml": "DATASETS:\n  TRAIN:\n  - a\nSOLVER:\n  IMS_PER_BATCH: 16\n  MAX_ITER: 1000\n"
        "TEST:\n  IMS_PER_BATCH: 1\n",
        "wandb/run-1/wandb-history.jsonl": '{"_step": 0, "_timestamp": 1.5, "loss": 0.5}\n',
        "wandb/run-1/files/config.yaml": "wandb_version: 1\n_wandb:\n  value:\n    t: 3\n"
        "per_device_train_batch_size:\n  desc: null\n  value: 8\nlearning_rate:\n  value: 0.1\n",
        "old/20200101.log.json": json.dumps(
            {"env_info": "x", "config": "data = dict(samples_per_gpu=4)\ntotal_epochs = 7\n"}
        )
        + '\n{"mode": "train", "epoch": 1, "iter": 50, "loss": 0.5}\n',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    logs = sb.read_logs(tmp_path)
    assert {(found.run, found.key, found.item, found.value) for found in logs.config} == {
        ("yolo", "batch", "batch_size", 16),
        ("yolo", "epochs", "epochs", 100),
        ("mm/20240101/vis_data", "train_cfg.max_epochs", "epochs", 12),
        ("mm/20240101/vis_data", "train_dataloader.batch_size", "batch_size_per_rank", 2),
        ("d2", "SOLVER.IMS_PER_BATCH", "samples_per_step", 16),
        ("d2", "SOLVER.MAX_ITER", "step_limit", 1000),
        ("wandb/run-1", "per_device_train_batch_size.value", "batch_size_per_rank", 8),
        ("old", "data.samples_per_gpu", "batch_size_per_rank", 4),
        ("old", "total_epochs", "epochs", 7),
    }
    assert not logs.unread
    assert not logs.problems


def test_trackio_and_mlflow(tmp_path: Path) -> None:
    numbers = {"per_device_train_batch_size": 8, "optimizer": {"lr": 0.1}, "num_train_epochs": 3}
    with closing(sqlite3.connect(tmp_path / "project.db")) as store:
        store.executescript(
            """CREATE TABLE metrics (id INTEGER PRIMARY KEY, timestamp TEXT, run_name TEXT, step INTEGER, metrics TEXT);
               CREATE TABLE configs (id INTEGER PRIMARY KEY, run_name TEXT, config TEXT, created_at TEXT);"""
        )
        for run in ("a", "b"):
            store.execute("INSERT INTO metrics VALUES (NULL, '2025-08-01T12:00:00', ?, 0, '{\"loss\": 0.5}')", (run,))
        store.execute("INSERT INTO configs VALUES (NULL, 'b', ?, '')", (json.dumps(numbers),))
        store.commit()
    folder = tmp_path / "mlruns" / "0" / ("0" * 32)
    for name, text in {"metrics/loss": "1664364007310 0.5 0\n", "params/batch_size": "64", "params/note": "7"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    logs = sb.read_logs(tmp_path)
    assert {(found.run, found.key, found.value, found.sure) for found in logs.config} == {
        ("b", "per_device_train_batch_size", 8, True),
        ("b", "num_train_epochs", 3, True),
        (f"mlruns/0/{'0' * 32}", "batch_size", 64, False),
    }
    # The runs keep what is theirs when they are read again.
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "metrics.csv").write_text(ROWS)
    logs.refresh()
    assert {found.run for found in logs.config} == {"b", f"mlruns/0/{'0' * 32}"}


TEXT = "".join(
    f"2024/01/01 00:0{i}:00 - mmengine - INFO - Epoch(train) [1][{i * 100:4}/1252]  lr: 1.0000e-03  eta: 0:30:00  "
    f"time: 0.2000  data_time: 0.0100  memory: 10  loss: {1 / (i * 100):.4f}\n"
    for i in range(1, 4)
)


def scalars(shift: int = 0, factor: float = 1.0) -> str:
    rows = (
        {"lr": 0.001, "data_time": 0.01, "loss": factor / (i * 100), "epoch": 1, "iter": i * 100, "time": 0.2}
        for i in range(1, 4)
    )
    return "".join(json.dumps({**row, "step": row["iter"] + shift}) + "\n" for row in rows)


@pytest.mark.parametrize(
    ("values", "folder", "is_twin"),
    [
        (scalars(), "run/vis_data", True),
        (scalars(factor=1.1), "run/vis_data", False),
        (scalars(shift=1), "run/vis_data", False),
        (scalars(), "other/vis_data", False),
    ],
)
def test_a_length_that_the_text_log_states_is_that_of_its_twin(
    tmp_path: Path, values: str, folder: str, *, is_twin: bool
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "train.log").write_text(TEXT)
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "scalars.json").write_text(values)
    logs = sb.read_logs(tmp_path)
    found = logs.infer()[folder]
    (source,) = [each for each in logs.reindex().origins if each.run == folder]
    if is_twin:
        assert found.timeline == sb.Timeline.plan(batches_per_epoch=1252)
        assert (source.origin, source.ledger) == ("shared", found.shared_by)
        rows = logs.reindex().to_polars().filter(run=folder, tag="loss")
        assert rows["epoch_float"].to_list() == [100 / 1252, 200 / 1252, 300 / 1252]
    else:
        assert found.timeline is None
        assert source.origin == "none"


@pytest.mark.parametrize(("planned", "found"), [(8, 1), (9, 0), (10, 0), (20, 0)])
def test_more_epochs_than_are_planned_contradict_the_configuration(
    planned: int, found: int, lightning: Callable[[str], Path]
) -> None:
    folder = lightning(f"max_epochs: {planned}\n")
    # Ten epochs; rows after the last one may have the number of the next. A row in the second epoch settles the length.
    (folder / "metrics.csv").write_text(ROWS.replace("0,24,1.0\n", "0,24,1.0\n1,25,1.0\n"))
    reasons = [problem.reason for problem in sb.read_logs(folder).reindex().problems]
    assert (
        sum("(8 epochs) contradicts the epochs of the log, which go up to 9" in reason for reason in reasons) == found
    )


HF_HEADER = """\
[INFO|trainer.py:2414] 2024-01-01 10:00:00,123 >> ***** Running training *****
[INFO|trainer.py:2415] 2024-01-01 10:00:00,123 >>   Num examples = 1,600
[INFO|trainer.py:2416] 2024-01-01 10:00:00,123 >>   Num Epochs = 4
[INFO|trainer.py:2417] 2024-01-01 10:00:00,123 >>   Instantaneous batch size per device = 16
[INFO|trainer.py:2420] 2024-01-01 10:00:00 >>   Total train batch size (w. parallel, distributed & accumulation) = 64
[INFO|trainer.py:2421] 2024-01-01 10:00:00,123 >>   Gradient Accumulation steps = 2
[INFO|trainer.py:2422] 2024-01-01 10:00:00,123 >>   Total optimization steps = 1,200
"""


def test_what_a_text_log_prints_before_its_first_step(tmp_path: Path) -> None:
    lines = "".join(
        f"{{'loss': 0.5, 'epoch': {step / 300:.2f}, 'global_step/max_steps': '{step}/1200'}}\n" for step in (100, 200)
    )
    (tmp_path / "swift.log").write_text(HF_HEADER + lines + HF_HEADER + lines.replace("0.5,", "0.25,"))
    logs = sb.read_logs(tmp_path)
    assert settings(logs) == {
        "Num Epochs": ("epochs", 4, True),
        "Instantaneous batch size per device": ("batch_size_per_rank", 16, True),
        "Total train batch size": ("samples_per_step", 64, True),
        "Gradient Accumulation steps": ("accumulate", 2, True),
        "Total optimization steps": ("steps", 1200, True),
    }
    # The rounded epochs leave several lengths, of which 1200 / 4 is one.
    assert logs.reindex().origins[0].origin == "config"
    (tmp_path / "swift.log").unlink()
    arguments = {"global_batch_size": 256, "micro_batch_size": 4, "data_parallel_size": 8, "train_iters": 500000}
    dump = "".join(f"  {name} {'.' * (48 - len(name))} {value}\n" for name, value in arguments.items())
    line = " iteration {0}/ 500000 | consumed samples: {1} | lm loss: 5.5E+00 |\n"
    (tmp_path / "m.log").write_text(
        f"------ arguments ------\n  train_samples ................. None\n{dump}------ end of arguments ------\n"
        + "".join(line.format(step, 256 * step) for step in (10, 20, 30))
    )
    assert settings(sb.read_logs(tmp_path)) == {
        "global_batch_size": ("samples_per_step", 256, True),
        "micro_batch_size": ("batch_size_per_rank", 4, True),
        "data_parallel_size": ("ranks", 8, True),
        "train_iters": ("step_limit", 500000, True),
    }


def write_events(folder: Path, *summaries: tuple[int, Summary]) -> str:
    """Write an event file in a folder, and return its name."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"events.out.tfevents.{1_700_000_000 + len(list(folder.iterdir()))}.host"
    with (folder / name).open("wb") as file:
        writer = RecordWriter(file)
        writer.write(Event(wall_time=1.7e9, file_version="brain.Event:2").SerializeToString())
        for number, (step, summary) in enumerate(summaries):
            writer.write(Event(wall_time=1.7e9 + number, step=step, summary=summary).SerializeToString())
    return name


@pytest.mark.parametrize(
    ("noted", "logged"), [(".", "."), ("run", "run"), ("1700000000.123", "."), ("run", "run/train")], ids=repr
)
def test_the_hyperparameters_of_tensorboard(noted: str, logged: str, tmp_path: Path) -> None:
    """In the file itself, in a folder of its own as torch's `add_hparams` makes it, or above those of Keras."""
    hparams = {
        "num_train_samples": 1600,
        "batch_size": 32.0,
        "max_epochs": "8",
        "lr": 1e-3,
        "optimizer": "sgd",
        "amsgrad": True,
        "val_batch_size": 4,
    }
    name = write_events(tmp_path / noted, (0, hparams_pb(hparams)))
    values = [Summary.Value(tag="loss", simple_value=0.5), Summary.Value(tag="epoch", simple_value=0.0)]
    rows: list[tuple[int, Summary]] = []
    for epoch in range(10):
        values[1].simple_value = epoch
        rows.extend((step, Summary(value=values)) for step in (50 * epoch, 50 * epoch + 49))
    write_events(tmp_path / logged, *rows)
    run = str(PurePosixPath(logged))
    logs = sb.read_logs(tmp_path)
    found = [entry for entry in logs.config if entry.run == run]
    assert {(entry.key, entry.item, entry.value, entry.sure) for entry in found} == {
        ("num_train_samples", "samples", 1600, True),
        ("batch_size", "batch_size", 32, False),
        ("max_epochs", "epochs", 8, True),
    }
    file = str(PurePosixPath(noted, name))
    assert {entry.file for entry in found} == {file}
    table = logs.reindex()
    reasons = [problem.reason for problem in table.problems]
    assert any(f"max_epochs of {file} (8 epochs) contradicts the epochs of the log" in reason for reason in reasons)
    assert table.to_polars().filter(pl.col("tag").cast(pl.String) == "loss")["epoch"].to_list() == [
        epoch for epoch in range(10) for _ in range(2)
    ]
    # A later reading says it once, too.
    (tmp_path / "other.jsonl").write_text('{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.25}\n')
    logs.refresh()
    assert [entry for entry in logs.config if entry.run == run] == found


def test_final_results_hold_the_number_of_samples(tmp_path: Path) -> None:
    history = [{"epoch": round(step / 25, 2), "loss": 0.5, "step": step} for step in (10, 20)]
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": history}))
    results = {"epoch": 3.0, "eval_samples": 100, "train_loss": 0.5, "train_runtime": 9.5, "train_samples": 1600}
    (tmp_path / "all_results.json").write_text(json.dumps(results))
    assert settings(sb.read_logs(tmp_path)) == {"train_samples": ("samples", 1600, True)}


@pytest.mark.parametrize(("planned", "found"), [(3, 1), (4, 1), (5, 0), (100, 0)])
def test_more_epochs_than_are_planned_show_in_a_log_of_epochs_alone(planned: int, found: int, tmp_path: Path) -> None:
    (tmp_path / "args.yaml").write_text(f"task: detect\nepochs: {planned}\nbatch: 16\n")
    rows = "".join(f"{epoch},{1 / epoch}\n" for epoch in range(1, 6))
    (tmp_path / "results.csv").write_text("epoch,train/box_loss\n" + rows)
    reasons = [problem.reason for problem in sb.read_logs(tmp_path).reindex().problems]
    expected = (
        f"run .: epochs of args.yaml ({planned} epochs) contradicts the epochs of the log, which go up to 5: those of"
    )
    assert sum(reason.startswith(expected) for reason in reasons) == found
