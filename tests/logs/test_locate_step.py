"""What is known of one step: as re-indexing places it, as a clock knew it, and as the frameworks count it."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

import stepbridge as sb
from commands import LOGS, complaint, printed
from ledger_logs import NAME, STEPS, Logger, joined, train
from moments import later
from small_logs import small_log
from stepbridge import _core
from stepbridge.logs._options import read_request

if TYPE_CHECKING:
    from pathlib import Path


def only(found: sb.LocatedStep) -> sb.StepReading:
    (reading,) = found.readings
    return reading


@pytest.mark.parametrize(("unit", "base"), STEPS)
def test_it_is_where_the_clock_was(tmp_path: Path, unit: Any, base: Any) -> None:
    """A training that logs in any unit; what the loop knew when it logged is the truth."""
    clock = sb.StepClock(samples=1000, batch_size=300, epochs=3, ledger=tmp_path, logged_as=(unit, base))
    logger = Logger(tmp_path)
    train(clock, logger, 300, STEPS[unit, base])
    for batch, seen in enumerate(logger.seen):
        reading = only(sb.locate_step(tmp_path, seen.step))
        assert (reading.epoch, reading.iter, reading.batch) == (seen.epoch, seen.iter, batch)
        assert reading.sample == seen.epoch * 1000 + seen.iter * 300
        assert reading.done["sp"] == seen.epoch * 1000 + min(1000, seen.iter * 300 + 300)
        (value,) = reading.values
        assert (value.tag, value.value, value.step, value.superseded) == ("loss", 1.5, seen.step, False)
        assert (value.epoch, value.iter) == (seen.epoch, seen.iter)
        # After its last batch, the amount is complete.
        assert only(sb.locate_step(tmp_path, f"{batch + 1}ba")).values == reading.values


@pytest.mark.parametrize("run", ["roberta_lora", "mnist_cnn"])
def test_every_logged_step_of_real_logs_is_where_reindex_puts_it(run: str) -> None:
    logs = sb.read_logs(LOGS / run)
    table = logs.reindex(batch=True).to_polars().drop_nulls("step")
    for name, step in sorted(table.select("run", "step").unique().rows())[::25]:
        rows = table.filter((table["run"] == name) & (table["step"] == step))
        readings = sb.locate_step(LOGS / run, step, run=name).readings
        values = [value for reading in readings for value in reading.values]
        placed = [(value.tag, value.value, value.epoch, value.iter) for value in values if not value.superseded]
        assert sorted(placed) == sorted(rows.select("tag", "value", "epoch", "iter").rows())
        for reading in readings:
            places = {(reading.epoch, reading.iter, reading.batch)}
            assert places <= set(rows.select("epoch", "iter", "batch").rows())


def test_frameworks() -> None:
    """The last step of a real Trainer: its own counter, and those of others for the same batch."""
    state = json.loads((LOGS / "roberta_lora/results/checkpoint-8610/trainer_state.json").read_text(encoding="utf-8"))
    last = state["global_step"]
    reading = only(sb.locate_step(LOGS / "roberta_lora", last))
    assert reading.frameworks["huggingface"] == reading.frameworks["tensorflow"] == {"global_step": last}
    assert reading.frameworks["keras"] == {"epoch": 2, "batch": last // 3 - 1, "iterations": last}
    assert reading.frameworks["lightning"]["step"] == last - 1
    assert reading.done["ep"] == 3
    assert reading.info.source == "format"
    assert sb.locate_step(LOGS / "roberta_lora", "3ep").readings[0].values == reading.values
    # The log does not say how many samples a batch has.
    assert reading.sample is None
    assert isinstance(reading.done["sp"], sb.Undetermined)


@pytest.mark.parametrize("boundary", ["flush", "carry"])
def test_amounts_inside_windows(tmp_path: Path, boundary: Any) -> None:
    """Any batch of a plan by counting one by one, also those that close no step."""
    (tmp_path / "metrics.csv").write_text("step,loss\n" + "".join(f"{n},{n}.5\n" for n in range(1, 7)), "utf-8")
    plan = sb.Timeline.plan(samples=70, batch_size=10, epochs=2, accumulate=3, boundary=boundary)
    batch = step = pending = 0
    for epoch in range(2):
        for iteration in range(7):
            batch, pending = batch + 1, pending + 1
            closes = pending == 3 or (boundary == "flush" and iteration == 6)
            step, pending = (step + 1, 0) if closes else (step, pending)
            reading = only(sb.locate_step(tmp_path, f"{batch}ba", timeline=plan, unit="step", base=1))
            assert (reading.epoch, reading.iter, reading.batch) == (epoch, iteration, batch - 1)
            assert reading.sample == (batch - 1) * 10
            assert [value.value for value in reading.values] == ([step + 0.5] if closes else [])
            assert only(sb.locate_step(tmp_path, f"{batch * 10 - 4}sp", timeline=plan, unit="step", base=1)) == reading


def test_what_a_later_session_repeated(tmp_path: Path) -> None:
    first = sb.StepClock(samples=1000, batch_size=200, epochs=4, ledger=tmp_path)
    one, state = Logger(tmp_path / "a"), first.state_dict()
    for _ in first.epochs(3):
        for _ in first.batches(range(5)):
            one.log(first, first.step)
            if first.batch == 8:
                state = first.state_dict()
    one.writer.close()
    later()
    second = sb.StepClock(samples=1000, batch_size=100, epochs=4, ledger=tmp_path)
    second.load_state_dict(state)
    two = Logger(tmp_path / "b")
    train(second, two, 100)
    folder = joined(tmp_path, "a", "b")
    found = sb.locate_step(folder, 10)
    assert (found.sessions, found.origin.origin) == (2, "ledger")
    values = [value for reading in found.readings for value in reading.values]
    assert [(value.session, value.superseded) for value in values] == [(1, True), (2, False)]
    # Each record is where its own session was: the tenth step ended epoch 1, then it was its fifth batch.
    assert [(value.epoch, value.iter) for value in values] == [
        next((seen.epoch, seen.iter) for seen in logger.seen if seen.step == 10) for logger in (one, two)
    ]
    # A step that no record has is where the last session knows it.
    (folder / "events.out.tfevents.1.host").write_bytes(small_log("tfevents", [(1, 0.5)]))
    reading = only(sb.locate_step(folder, 10))
    assert (reading.epoch, reading.iter) == (values[1].epoch, values[1].iter)
    assert reading.values == ()
    assert reading.nearest == (1, None)


def test_only_the_folder_of_the_run_is_read(tmp_path: Path) -> None:
    for number in range(20):
        folder = tmp_path / f"run{number}" / "logs"
        folder.mkdir(parents=True)
        (folder / "metrics.csv").write_text("step,loss\n3,0.5\n", encoding="utf-8")
    clock = sb.StepClock(batches_per_epoch=3, epochs=2, ledger=tmp_path / "run7", logged_as=("step", 0))
    for _ in clock.epochs():
        for _ in clock.batches(range(3)):
            pass
    logs = _core.Logs.read_run(tmp_path, "run7/logs", read_request({}))
    assert [file for file, *_ in logs.files()] == ["run7/logs/metrics.csv"]
    # Its ledger is in the folder above.
    found = sb.locate_step(tmp_path, 3, run="run7/logs")
    assert (found.run, found.origin.ledger) == ("run7/logs", f"run7/{NAME}")
    assert (only(found).epoch, only(found).iter) == (1, 0)
    whole = sb.read_logs(tmp_path).reindex().to_polars()
    assert whole.filter(whole["run"] == "run7/logs").select("epoch", "iter").rows() == [(1, 0)]


def test_a_run_that_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(small_log("mlflow_db", [(3, 0.5)]))
    (run,) = sb.read_logs(tmp_path).runs
    assert [value.value for value in only(sb.locate_step(tmp_path, 3, run=run)).values] == [0.5]


def test_series_that_count_differently(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("step,loss,val\n2,0.5,\n2,,0.25\n9,0.1,\n", encoding="utf-8")
    plan = sb.Timeline.plan(batches_per_epoch=5, epochs=2)
    found = sb.locate_step(tmp_path, 2, timeline=plan, unit="step", base=0, series={"val": ("epoch", 1)})
    by_tag = {value.tag: (reading.epoch, reading.iter) for reading in found.readings for value in reading.values}
    assert by_tag == {"loss": (0, 2), "val": (1, None)}
    (epochs,) = (reading for reading in found.readings if reading.info.series == "val")
    assert epochs.done["ba"] == sb.Quantity(10, "ba")
    assert epochs.frameworks == {}


@pytest.mark.parametrize(
    ("step", "missing"),
    [
        (10, "past the end"),
        (-1, "there is no step -1"),
        ("11ba", "past the end"),
        ("0ba", "nothing has happened"),
        ("5000sp", "batch_size"),
        ("1ktok", "tokens"),
    ],
)
def test_what_is_not_there(tmp_path: Path, step: Any, missing: str) -> None:
    (tmp_path / "metrics.csv").write_text("step,loss\n2,0.5\n", encoding="utf-8")
    plan = sb.Timeline.plan(batches_per_epoch=5, epochs=2)
    reading = only(sb.locate_step(tmp_path, step, timeline=plan, unit="step", base=0))
    assert (reading.epoch, reading.iter, reading.batch, reading.sample, reading.values) == (None,) * 4 + ((),)
    assert reading.missing is not None
    assert missing in reading.missing


def test_a_run_without_a_timeline(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("step,loss\n2,0.5\n", encoding="utf-8")
    found = sb.locate_step(tmp_path, 2)
    assert found.origin.origin == "none"
    assert only(found).missing is not None
    assert [value.value for value in only(found).values] == [0.5]


def test_wrong_use(tmp_path: Path) -> None:
    for name in ("bert_base", "bert_large"):
        (tmp_path / name).mkdir()
        shutil.copy(LOGS / "mnist_cnn/csv/version_0/metrics.csv", tmp_path / name)
    with pytest.raises(ValueError, match=r"holds 2 runs \('bert_base', 'bert_large'\): name one with run="):
        sb.locate_step(tmp_path, 3)
    with pytest.raises(ValueError, match="holds no run 'bert_bas'; there are 'bert_base'"):
        sb.locate_step(tmp_path, 3, run="bert_bas")
    with pytest.raises(sb.TimelineError, match="3xy"):
        sb.locate_step(tmp_path, "3xy", run="bert_base")
    with pytest.raises(TypeError, match="step"):
        sb.locate_step(tmp_path, 3.5, run="bert_base")  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        sb.locate_step(tmp_path / "x", 3)
    assert "name one with --run" in complaint(2, "where", tmp_path, "3")
    assert "there is no file or folder" in complaint(2, "where", tmp_path / "x", "3")
    assert "--resume-with is for checkpoints" in complaint(2, "where", tmp_path, "3", "--resume-with", "world_size=2")


def test_what_the_command_prints() -> None:
    lines = printed("where", LOGS / "roberta_lora", "5_000").splitlines()
    assert lines[1:5] == [
        "  timeline: inferred from the epochs in the log",
        "  a step is the n-th update (declared by the format)",
        "    where: epoch 1, iter 2,129, batch 4,999 (indices from 0); not known: sample",
        "    after it: 5,000 batches, 5,000 steps, 1.742160279 epochs",
    ]
    assert "    huggingface: global_step 5000" in lines
    assert any(line.startswith("      loss ") for line in lines)
    facts = json.loads(printed("where", LOGS / "roberta_lora", "5000st", "--json"))
    assert (facts["run"], facts["asked"], facts["readings"][0]["iter"]) == ("results", "5000st", 2129)
    assert facts["readings"][0]["done"]["ba"] == {"answer": "exact", "value": 5000, "unit": "ba"}
