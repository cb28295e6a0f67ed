"""Logs of Trackio, RLlib, LLaMA-Factory, StyleGAN, DVCLive and Stable-Baselines3's monitor, against second readers."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from stepbridge import Timeline
from stepbridge.logs import Logs, read_logs

if TYPE_CHECKING:
    from pathlib import Path


def rows(logs: Logs, tag: str) -> list[tuple[int | None, float]]:
    """Give the step and the value of each record of a tag."""
    frame = logs.to_polars()
    frame = frame.filter(frame["tag"] == tag)
    return list(zip(frame["step"].to_list(), frame["value"].to_list(), strict=True))


def test_trackio_is_what_its_database_says(tmp_path: Path) -> None:
    path = tmp_path / "project.db"
    logged: list[tuple[str, int, dict[str, Any]]] = [
        ("a", 0, {"train/loss": 2.5, "train/global_step": 10}),
        ("b", 0, {"loss": 1.0, "nested": {"x": 3}}),
    ]
    logged += [("a", 1, {"train/loss": 1.25, "train/global_step": 20}), ("b", 1, {"loss": float("inf")})]
    with closing(sqlite3.connect(path)) as database:
        database.execute(
            "CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL,"
            " run_name TEXT NOT NULL, step INTEGER NOT NULL, metrics TEXT NOT NULL)"
        )
        for run, step, metrics in logged:
            text = json.dumps({k: "Infinity" if v == float("inf") else v for k, v in metrics.items()})
            row = ("2025-08-01T12:00:00+00:00", run, step, text)
            database.execute("INSERT INTO metrics (timestamp, run_name, step, metrics) VALUES (?, ?, ?, ?)", row)
        database.commit()
        second = [(run, json.loads(text)) for run, text in database.execute("SELECT run_name, metrics FROM metrics")]
    logs = read_logs(path)
    assert logs.files[0].format == "trackio"
    assert logs.runs == ["a", "b"]
    # The updates that Hugging Face logs in the same row are its step; the calls are where it logs none.
    assert rows(logs, "train/loss") == [(m["train/global_step"], m["train/loss"]) for run, m in second if run == "a"]
    assert rows(logs, "loss") == [(0, 1.0), (1, float("inf"))]
    assert rows(logs, "nested.x") == [(0, 3.0)]
    assert logs.problems == ()


def test_a_monitor_counts_the_steps_of_its_episodes(tmp_path: Path) -> None:
    path = tmp_path / "0.monitor.csv"
    lengths = [11, 12, 7, 200, 1]
    lines = [f"{length}.5,{length},{index}.25" for index, length in enumerate(lengths)]
    path.write_text('#{"t_start": 1589500000.0, "env_id": "CartPole-v1"}\nr,l,t\n' + "\n".join(lines) + "\n")
    logs = read_logs(path)
    assert logs.files[0].format == "monitor"
    with path.open(newline="") as file:
        next(file)
        second = list(csv.DictReader(file))
    expected = list(zip(accumulate(int(row["l"]) for row in second), (float(row["r"]) for row in second), strict=True))
    assert rows(logs, "r") == expected
    assert logs.to_polars()["wall_time"].to_list()[-1] == 1589500000.0 + float(second[-1]["t"])


def test_rllib_has_the_same_in_both_of_its_files(tmp_path: Path) -> None:
    results = [
        {"episode_reward_mean": 20.5 + i, "timesteps_total": 4000 * i, "training_iteration": i, "info": {"loss": 1 / i}}
        for i in range(1, 6)
    ]
    (tmp_path / "result.json").write_text("".join(json.dumps(result) + "\n" for result in results))
    lines = [f"{r['episode_reward_mean']},{r['timesteps_total']},{r['training_iteration']}" for r in results]
    names = "episode_reward_mean,timesteps_total,training_iteration"
    (tmp_path / "progress.csv").write_text("\n".join([names, *lines]) + "\n")
    expected = [(r["timesteps_total"], r["episode_reward_mean"]) for r in results]
    both = read_logs(tmp_path)
    assert [file.format for file in both.files] == ["rllib"]
    assert [(problem.file, problem.kind) for problem in both.problems] == [("progress.csv", "repeated")]
    assert rows(both, "episode_reward_mean") == expected
    for name in ("result.json", "progress.csv"):
        logs = read_logs(tmp_path / name)
        assert rows(logs, "episode_reward_mean") == expected
        assert logs.problems == ()


def test_a_table_that_says_otherwise_than_its_twin_is_read(tmp_path: Path) -> None:
    result = {"reward": 20.5, "timesteps_total": 4000, "training_iteration": 1}
    (tmp_path / "result.json").write_text(json.dumps(result) + "\n")
    (tmp_path / "progress.csv").write_text("reward,timesteps_total,training_iteration\n20.25,4000,1\n")
    logs = read_logs(tmp_path)
    assert sorted(rows(logs, "reward")) == [(4000, 20.25), (4000, 20.5)]
    assert logs.problems == ()


def test_llama_factory_is_placed_by_its_updates(tmp_path: Path) -> None:
    path = tmp_path / "trainer_log.jsonl"
    entries = [
        {"current_steps": step, "total_steps": 100, "loss": 2 / step, "epoch": step / 25, "elapsed_time": "0:00:10"}
        for step in range(5, 101, 5)
    ]
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    logs = read_logs(path)
    assert logs.files[0].format == "llama_factory"
    table = logs.reindex(Timeline.plan(batches_per_epoch=25)).to_polars()
    table = table.filter(table["tag"] == "loss")
    # The n-th update is the one with index n - 1.
    assert table["epoch"].to_list() == [(step - 1) // 25 for step in range(5, 101, 5)]
    assert table["epoch_float"].to_list() == [entry["epoch"] for entry in entries]


def test_stylegan_counts_images(tmp_path: Path) -> None:
    path = tmp_path / "stats.jsonl"

    def entry(loss: float, kimg: float) -> str:
        stats = {"Loss/G/loss": (64, loss, 0.5), "Progress/kimg": (1, kimg, 0.0)}
        named = {name: dict(zip(("num", "mean", "std"), three, strict=True)) for name, three in stats.items()}
        return json.dumps(named) + "\n"

    path.write_text(entry(2.5, 4.0) + entry(2.25, 8.064000129699707))
    logs = read_logs(path)
    assert logs.files[0].format == "stylegan"
    assert rows(logs, "Loss/G/loss") == [(4000, 2.5), (8064, 2.25)]
    assert rows(logs, "Loss/G/loss/std") == [(4000, 0.5), (8064, 0.5)]


def test_dvclive_has_a_run_of_all_its_files(tmp_path: Path) -> None:
    for name in ("train/loss", "lr"):
        path = tmp_path / "dvclive" / "plots" / "metrics" / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"step\t{path.stem}\n0\t0.5\n1\t0.25\n")
    logs = read_logs(tmp_path)
    assert {file.format for file in logs.files} == {"dvclive"}
    assert logs.runs == ["dvclive"]
    assert sorted(logs.tags) == ["lr", "train/loss"]
    assert rows(logs, "train/loss") == [(0, 0.5), (1, 0.25)]


def test_an_object_an_epoch_is_placed_as_a_row_an_epoch(tmp_path: Path) -> None:
    objects, table = tmp_path / "log.txt", tmp_path / "same.csv"
    objects.write_text(
        '{"epoch": 0, "train_loss": 0.9}\n{"epoch": 1, "train_loss": 0.7}\n{"epoch": 2, "train_loss": 0.5}\n'
    )
    table.write_text("epoch,train_loss\n0,0.9\n1,0.7\n2,0.5\n")
    placed = [
        read_logs(path).reindex().to_polars().select("epoch", "epoch_float", "value") for path in (objects, table)
    ]
    assert placed[0].equals(placed[1])
    assert placed[0]["epoch"].to_list() == [0, 1, 2]
    assert placed[0]["epoch_float"].to_list() == [1.0, 2.0, 3.0]
