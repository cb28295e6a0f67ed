"""What the demo says of its real logs is true: read here with the standard library alone, counted here again."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

ROOT = Path(__file__).parent.parent
LOGS = ROOT / "demo" / "logs"

# Where the repositories say them: 55,000 images in batches of 32, and 8,610 steps in 3 epochs.
MNIST = -(-55_000 // 32)
ROBERTA = 8610 // 3


@pytest.fixture(scope="module")
def output() -> str:
    done = subprocess.run(
        [sys.executable, ROOT / "demo" / "demo.py"], capture_output=True, text=True, check=False, timeout=240
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture(scope="module")
def table(output: str) -> pl.DataFrame:
    return pl.read_parquet(ROOT / "build" / "demo.parquet").with_columns(pl.col("run", "tag").cast(pl.String))


def test_it_says_where_the_logs_come_from(output: str) -> None:
    assert "HCDescamps/cv-image-classification (MIT)" in output
    assert "paulohenriquecrs/RoBERTa_SEQ_CLS_LoRA_Portuguese (MIT)" in output


def test_it_shows_a_short_table(output: str) -> None:
    lines = output.splitlines()
    head = next(index for index, line in enumerate(lines) if line.startswith("run "))
    assert lines[head].split() == ["run", "tag", "step", "epoch", "iter", "value"]
    shown = lines[head + 1 : lines.index("", head)]
    assert 10 <= len(shown) <= 20
    assert {line.split()[0] for line in shown} == {
        "mnist_cnn/csv/version_0",
        "mnist_cnn/tensorboard/version_0",
        "roberta_lora/results",
    }


def test_it_ends_with_the_page_that_it_wrote(output: str) -> None:
    assert output.splitlines()[-1].endswith("build/demo.html, for a browser")
    assert "charleyli/mmsegmentation-main, Apache-2.0" in output
    page = (ROOT / "build" / "demo.html").read_text(encoding="utf-8")
    for run in ("0822_bs32 (batch 32)", "0823_bs128 (batch 128)", "0829_bs128 (batch 128)"):
        assert run in page


def test_lightning_csv(table: pl.DataFrame) -> None:
    """The step is the index of the update: plain division, checked against the epoch that each row states."""
    rows = table.filter(pl.col("run").str.starts_with("mnist_cnn/csv"))
    total = 5 * MNIST
    expected = []
    with (LOGS / "mnist_cnn/csv/version_0/metrics.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            step, stated = int(row.pop("step")), int(row.pop("epoch"))
            assert step // MNIST == stated
            expected += [(tag, step, *divmod(step, MNIST), float(cell)) for tag, cell in row.items() if cell]
    assert max(step for _, step, *_ in expected) == total
    assert sorted(rows.select("tag", "step", "epoch", "iter", "value").rows()) == sorted(expected)


def test_trainer_state(table: pl.DataFrame) -> None:
    """The step is the n-th update, so the batch is the one before; the stated epoch is what is done after it."""
    rows = table.filter(pl.col("run").str.starts_with("roberta"))
    history = json.loads(
        (LOGS / "roberta_lora/results/checkpoint-8610/trainer_state.json").read_text(encoding="utf-8")
    )["log_history"]
    expected = []
    for entry in history:
        step, stated = entry.pop("step"), entry.pop("epoch")
        assert step / ROBERTA == pytest.approx(stated, abs=1e-12)
        expected += [(tag, step, *divmod(step - 1, ROBERTA), float(value)) for tag, value in entry.items()]
    assert sorted(rows.select("tag", "step", "epoch", "iter", "value").rows()) == sorted(expected)


def test_tensorboard(table: pl.DataFrame) -> None:
    """Lightning wrote the epoch as a scalar of its own next to each metric: the place must be in that epoch."""
    rows = table.filter(pl.col("run").str.starts_with("mnist_cnn/tensorboard"))
    stated = rows.filter(pl.col("tag") == "epoch").select("step", stated="value").unique()
    assert len(stated) > 5
    placed = rows.join(stated, on="step")
    assert (placed["epoch"] == placed["stated"]).all()
    assert (placed["epoch"] * MNIST + placed["iter"] == placed["step"]).all()
