"""Logs next to a ledger: event files of TensorBoard's own writer, mapped with no flag, against what the loop knew."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import stepbridge as sb
from commands import printed, run
from ledger_logs import NAME, STEPS, Logger, Seen, joined, places, train
from moments import later

if TYPE_CHECKING:
    from pathlib import Path

# --- mapped with no flag -------------------------------------------------------------------------------------------


def test_what_nobody_said_is_assumed_and_shown(tmp_path: Path) -> None:
    logger = Logger(tmp_path)
    train(sb.StepClock(samples=1000, batch_size=300, epochs=5, accumulate=2, ledger=tmp_path), logger, 300)
    logs = sb.read_logs(tmp_path)
    assert logs.problems == ()
    table = logs.reindex()
    assert places(table) == logger.seen
    assert table.problems == ()
    (assumed,) = table.assumed
    assert (assumed.run, assumed.unit, assumed.base) == (".", "st", 1)
    assert assumed.reason.startswith("the ledger stepclock.jsonl only assumes how its loggers are given the step")
    assert table.origins == ((".", "ledger", NAME),)


@pytest.mark.parametrize(("unit", "base"), STEPS)
def test_what_is_stated_is_exact(tmp_path: Path, unit: Any, base: Any) -> None:
    logger = Logger(tmp_path / "runs" / "one" / "tensorboard")
    ledger = tmp_path / "runs" / "one"
    clock = sb.StepClock(samples=1000, batch_size=300, epochs=5, accumulate=2, ledger=ledger, logged_as=(unit, base))
    train(clock, logger, 300, STEPS[unit, base])
    # The ledger is in the folder above the event file's.
    logs = sb.read_logs(tmp_path)
    table = logs.reindex()
    assert (places(table), table.problems, table.assumed) == (logger.seen, (), ())
    assert table.origins == (("runs/one/tensorboard", "ledger", "runs/one/stepclock.jsonl"),)
    assert logs.ledgers["runs/one/tensorboard"].timeline == clock.timeline
    assert logs.ledgers["runs/one/tensorboard"].path.as_posix() == "runs/one/stepclock.jsonl"


@pytest.mark.parametrize("base", [0, 1])
def test_epochs_that_are_logged(tmp_path: Path, base: Any) -> None:
    logger = Logger(tmp_path)
    clock = sb.StepClock(batches_per_epoch=4, epochs=3, ledger=tmp_path, logged_as=("epoch", base))
    for epoch in clock.epochs():
        for _ in clock.batches(range(4)):
            pass
        logger.scalar(epoch + base)
    logger.writer.close()
    table = sb.read_logs(tmp_path).reindex()
    assert table.to_polars().select("epoch", "iter", "epoch_float").rows() == [
        (0, None, 1.0),
        (1, None, 2.0),
        (2, None, 3.0),
    ]
    assert (table.problems, table.assumed) == ((), ())


def test_a_loop_of_uneven_epochs(tmp_path: Path) -> None:
    logger = Logger(tmp_path)
    clock = sb.StepClock(ledger=tmp_path, logged_as=("step", 1))
    for epoch in clock.epochs(4):
        for _ in clock.batches(iter(range((3, 0, 7, 2)[epoch]))):
            logger.log(clock, clock.step)
    logger.writer.close()
    assert places(sb.read_logs(tmp_path).reindex()) == logger.seen


def test_a_rewind_with_another_batch_size(tmp_path: Path) -> None:
    first = sb.StepClock(samples=1000, batch_size=200, epochs=4, ledger=tmp_path, logged_as=("step", 1))
    one, state = Logger(tmp_path / "a"), first.state_dict()
    for _ in first.epochs():
        for _ in first.batches(range(5)):
            one.log(first, first.step)
            if first.batch == 8:
                state = first.state_dict()
        if first.epoch == 2:
            break
    one.writer.close()
    later()
    second = sb.StepClock(samples=1000, batch_size=100, epochs=4, ledger=tmp_path, logged_as=("step", 1))
    second.load_state_dict(state)
    two = Logger(tmp_path / "b")
    train(second, two, 100)
    logs = sb.read_logs(tmp_path)
    table = logs.reindex()
    assert (table.problems, table.assumed) == ((), ())
    frame = table.to_polars()
    for run_name, logger in (("a", one), ("b", two)):
        mine = frame.filter(pl.col("run") == run_name).select("step", "epoch", "iter")
        assert [Seen(*row) for row in mine.rows()] == logger.seen
    # One file of both sessions is mapped part by part.
    logs = sb.read_logs(joined(tmp_path, "a", "b"))
    assert places(logs.reindex(keep_superseded=True)) == one.seen + two.seen
    # What the second session did again is left out, from the batch on at which it began.
    assert places(logs.reindex()) == [seen for seen in one.seen if seen.step <= 8] + two.seen
    assert logs.sessions == ((".", 2, len(one.seen) - 8),)


def test_a_single_file_has_the_ledger_beside_it(tmp_path: Path) -> None:
    logger = Logger(tmp_path)
    train(sb.StepClock(samples=1000, batch_size=300, epochs=2, ledger=tmp_path), logger, 300)
    (events,) = (path for path in tmp_path.iterdir() if path.name != NAME)
    assert places(sb.read_logs(events).reindex()) == logger.seen


def test_torchs_summary_writer(tmp_path: Path) -> None:
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    clock = sb.StepClock(samples=1000, batch_size=300, epochs=5, accumulate=2, ledger=tmp_path)
    seen = []
    with tensorboard.SummaryWriter(str(tmp_path)) as writer:
        for _ in clock.epochs():
            for _ in clock.batches(range(4)):
                if clock.closes_step:
                    writer.add_scalar("loss", 1.5, clock.step)
                    seen.append(Seen(clock.step, *clock.location))
    assert places(sb.read_logs(tmp_path).reindex()) == seen


# --- who wins ------------------------------------------------------------------------------------------------------


def test_what_the_caller_says_wins(tmp_path: Path) -> None:
    logger = Logger(tmp_path)
    clock = sb.StepClock(batches_per_epoch=5, epochs=2, ledger=tmp_path, logged_as=("step", 1))
    for _ in clock.epochs():
        for _ in clock.batches(range(5)):
            logger.scalar(clock.batch)
    logger.writer.close()
    logs = sb.read_logs(tmp_path)
    assert places(logs.reindex(base=0))[0] == Seen(1, 0, 1)
    assert places(logs.reindex(unit="batch", base=0))[0] == Seen(1, 0, 1)
    assert places(logs.reindex(convention="lightning"))[0] == Seen(1, 0, 1)
    plan = sb.Timeline.plan(batches_per_epoch=2, epochs=9)
    table = logs.reindex(plan)
    assert places(table)[:3] == [Seen(1, 0, 0), Seen(2, 0, 1), Seen(3, 1, 0)]
    assert table.origins == ((".", "given", None),)
    assert logs.reindex({"other": plan}).origins == ((".", "none", None),)


def test_the_nearest_ledger_is_the_runs(tmp_path: Path) -> None:
    for name, batches in (("a", 5), ("b", 3)):
        train_plain(tmp_path / "runs" / name, batches)
    loose = Logger(tmp_path / "runs" / "c")
    loose.scalar(1)
    loose.writer.close()
    logs = sb.read_logs(tmp_path)
    assert sorted(logs.ledgers) == ["runs/a", "runs/b"]
    table = logs.reindex()
    assert [origin.origin for origin in table.origins] == ["ledger", "ledger", "none"]
    assert [problem.kind for problem in table.problems] == ["no_timeline"]
    frame = table.to_polars().filter(pl.col("step") == 4)
    assert frame.select("run", "epoch", "iter").rows() == [("runs/a", 0, 3), ("runs/b", 1, 0)]


def train_plain(folder: Path, batches: int) -> None:
    logger = Logger(folder)
    clock = sb.StepClock(batches_per_epoch=batches, epochs=3, ledger=folder)
    for _ in clock.epochs():
        for _ in clock.batches(range(batches)):
            logger.scalar(clock.step)
    logger.writer.close()


def test_a_lightning_log_keeps_its_own_steps(tmp_path: Path, demo: Path) -> None:
    shutil.copytree(demo / "mnist_cnn" / "csv" / "version_0", tmp_path, dirs_exist_ok=True)
    steps = sb.read_logs(tmp_path).infer()["."].timeline
    assert steps is not None
    length = steps.segments[0].batches
    assert length is not None
    clock = sb.StepClock(batches_per_epoch=length, epochs=50, ledger=tmp_path)
    for _ in clock.epochs(1):
        for _ in clock.batches(range(length)):
            pass
    table = sb.read_logs(tmp_path).reindex()
    assert (table.problems, table.assumed, table.origins[0].origin) == ((), (), "ledger")


# --- a log that says otherwise -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("step", "what"), [(0, "1 record has step 0"), (26, "1 record lies past the end")])
def test_an_assumption_that_is_refuted_places_nothing(tmp_path: Path, step: int, what: str) -> None:
    logger = Logger(tmp_path)
    clock = sb.StepClock(batches_per_epoch=5, epochs=5, ledger=tmp_path)
    for _ in clock.epochs():
        for _ in clock.batches(range(5)):
            logger.scalar(clock.step)
    logger.scalar(step)
    logger.writer.close()
    logs = sb.read_logs(tmp_path)
    table = logs.reindex()
    (problem,) = table.problems
    assert problem.kind == "refuted"
    says = "loggers are given the step, counted from 1; the timeline has 25 steps"
    assert problem.reason.startswith(f"the log refutes what the ledger assumes ({says}): {what}")
    assert all(part in problem.reason for part in (f"loss at step {step}", "unit= and base=", "logged_as="))
    assert table.to_polars()["epoch_float"].null_count() == len(table) == 26
    assert table.assumed == ()
    stated = logs.reindex(unit="step", base=1)
    assert stated.to_polars()["epoch"].null_count() == 1
    assert "refuted" not in {problem.kind for problem in stated.problems}


@pytest.mark.parametrize("step", [0, 26])
def test_a_statement_that_is_refuted_stands_for_the_others(tmp_path: Path, step: int) -> None:
    logger = Logger(tmp_path)
    clock = sb.StepClock(batches_per_epoch=5, epochs=5, ledger=tmp_path, logged_as=("step", 1))
    for _ in clock.epochs():
        for _ in clock.batches(range(5)):
            logger.log(clock, clock.step)
    logger.scalar(step)
    logger.writer.close()
    table = sb.read_logs(tmp_path).reindex()
    (problem,) = table.problems
    assert problem.kind == "refuted"
    assert problem.reason.startswith(
        "the log refutes what the ledger states (loggers are given the step, counted from 1"
    )
    assert "StepClock(logged_as=...)" in problem.reason
    assert places(table)[:-1] == logger.seen
    assert table.to_polars()["epoch"].null_count() == 1


# --- damaged ledgers -----------------------------------------------------------------------------------------------


def test_a_damaged_ledger_is_reported_and_places_nothing_wrong(tmp_path: Path) -> None:
    logger = Logger(tmp_path)
    train(sb.StepClock(samples=1000, batch_size=300, epochs=5, ledger=tmp_path, logged_as=("step", 1)), logger, 300)
    path = tmp_path / NAME
    lines = path.read_bytes().splitlines(keepends=True)
    for lost in range(len(lines)):
        path.write_bytes(b"".join(b"damaged\n" if at == lost else line for at, line in enumerate(lines)))
        logs = sb.read_logs(tmp_path)
        assert [problem.kind for problem in logs.problems][:1] == ["corrupt"] or lost == 0
        assert all(problem.file == NAME for problem in logs.problems)
        table = logs.reindex()
        for row, seen in zip(table.to_polars().select("step", "epoch", "iter").rows(), logger.seen, strict=True):
            assert row[1] is None or Seen(*row) == seen, lost


def test_a_torn_ledger_still_maps(tmp_path: Path) -> None:
    logger = Logger(tmp_path)
    train(sb.StepClock(samples=1000, batch_size=300, epochs=5, ledger=tmp_path), logger, 300)
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes()[:-30])
    logs = sb.read_logs(tmp_path)
    assert [(problem.file, problem.kind) for problem in logs.problems] == [(NAME, "truncated")]
    assert places(logs.reindex()) == logger.seen


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"", "empty"), (b"what is this\n", "not_a_log"), (b'{"stepclock":3,"kind":"session"}\n', "newer")],
)
def test_a_ledger_that_cannot_be_used(tmp_path: Path, content: bytes, kind: str) -> None:
    train_plain(tmp_path, 5)
    (tmp_path / NAME).write_bytes(content)
    logs = sb.read_logs(tmp_path)
    assert [problem.kind for problem in logs.problems] == [kind]
    assert logs.ledgers == {}
    assert [problem.kind for problem in logs.reindex().problems] == ["no_timeline"]


def test_a_ledger_alone_is_no_log(tmp_path: Path) -> None:
    clock = sb.StepClock(batches_per_epoch=5, epochs=1, ledger=tmp_path)
    for _ in clock.epochs():
        clock.advance(5)
    for path in (tmp_path, tmp_path / NAME):
        with pytest.raises(ValueError, match=r"there is no log at .*, only the ledger 'stepclock.jsonl'"):
            sb.read_logs(path)


# --- the command line ----------------------------------------------------------------------------------------------


def test_the_command_line_says_where_the_timeline_comes_from(tmp_path: Path) -> None:
    logs, output = tmp_path / "logs", tmp_path / "table.csv"
    train_plain(logs / "a", 5)
    done = run("reindex", logs / "a", "-o", output)
    assert done.returncode == 0
    assert done.stdout == f"{output}: 15 records of 1 run, by the ledger stepclock.jsonl\n"
    assert done.stderr.startswith(
        "run .: its steps are read as with --unit st --base 1, since the ledger stepclock.jsonl only"
    )
    facts = json.loads(run("reindex", logs / "a", "-o", output, "--json").stdout)
    assert facts["timelines"] == [{"run": ".", "origin": "ledger", "ledger": "stepclock.jsonl"}]
    # The lines are broken where the terminal ends.
    assert " ".join(printed("info", logs / "a").split()).endswith(
        "run .: its timeline is that of its ledger stepclock.jsonl "
        "(1 session; its loggers are given st from 1, assumed): Timeline(3 epochs of 5 batches = 15 batches, 15 steps)"
    )
    facts = json.loads(printed("info", logs / "a", "--json"))
    assert facts["ledgers"]["."]["sessions"] == 1
    given = run("reindex", logs / "a", "-o", output, "--batches-per-epoch", 5)
    assert given.stdout == f"{output}: 15 records of 1 run, by the given plan\n"
    loose = Logger(logs / "b")
    loose.scalar(1)
    loose.writer.close()
    both = run("reindex", logs, "-o", output)
    assert (
        both.stdout
        == f"{output}: 16 records of 2 runs, by the ledger a/stepclock.jsonl (1 run), without a timeline (1 run), "
        "1 without a place\n"
    )


@pytest.mark.parametrize("base", [0, 1])
def test_a_tag_with_a_step_of_its_own(base: Any, tmp_path: Path) -> None:
    """The writer saw that one tag is logged by epoch and another by something that the clock does not count."""
    logger = Logger(tmp_path)
    clock = sb.StepClock(batches_per_epoch=4, epochs=3, ledger=tmp_path, logged_as=("step", 1))
    clock.record_series_step("val/loss", "epoch", base, by="a writer")
    clock.record_series_step("memory", None, 0, by="a writer")
    for epoch in clock.epochs():
        for _ in clock.batches(range(4)):
            logger.scalar(clock.step, "train/loss")
        logger.scalar(epoch + base, "val/loss")
        logger.scalar(100 * epoch, "memory")
    logger.writer.close()
    table = sb.read_logs(tmp_path).reindex()
    frame = table.to_polars()
    by_tag = {tag: frame.filter(pl.col("tag") == tag)["epoch"].to_list() for tag in ("val/loss", "memory")}
    assert by_tag == {"val/loss": [0, 1, 2], "memory": [None, None, None]}
    assert [(found.reason, found.records) for found in table.left_out] == [("no_place", 3)]
    (problem,) = table.problems
    assert problem.kind == "undecided"
    assert "memory" in problem.reason
    # What the caller says comes first.
    table = sb.read_logs(tmp_path).reindex(series={"memory": ("epoch", 0)})
    assert not [problem for problem in table.problems if problem.kind == "undecided"]
