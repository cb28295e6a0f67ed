"""What follows from a log that states epochs: on every real one, half of the records predicts the other half."""

from __future__ import annotations

import os
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stated
import stepbridge as sb

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet

REAL = stated.real()
# What half of a log cannot tell, and the reason that must be given: (run, half, whether the step and epoch that
# trainer_state.json holds besides its records are there) -> a part of the sentence.
UNKNOWN: dict[tuple[str, stated.Half, bool], str] = {
    # Rows each 50 steps and at the ends of two or three epochs leave some play; the rows after training end it.
    ("HCDescamps__cv-image-classification", "first", True): "from 1719 to 1724",
    # Two rows of the four: (49, 4) and (99, 9).
    ("JSavree__HisToGene/lightning_logs/version_0", "first", True): "from 10 to 11",
    # Epochs rounded to two digits next to an epoch that is not a whole number of steps.
    ("NijatZeynalov", "even", False): "15689 batches an epoch with 5 a step (drop) would fit, and so would 18827",
    ("NijatZeynalov", "odd", False): "12551 batches an epoch with 4 a step (drop) would fit, and so would 15689",
    ("NijatZeynalov", "first", False): "would fit, and so would",
    ("Fujump__qlora", "first", False): "1647 batches an epoch with 4 a step (carry) would fit, and so would 3706",
    # One digit after the point, since all epochs are whole.
    ("aigoncharov", "first", False): "from 400 to 402",
}

# What the whole log tells: batches an epoch, batches a step, the rule for the rest.
KNOWN: dict[str, tuple[int, int, stated.Rule]] = {
    "0Xero7__slm_training/lightning_logs/version_0": (14074, 1, "flush"),
    "0Xero7__slm_training/lightning_logs/version_5": (14074, 1, "flush"),
    "AIRI-Institute__genrisk": (4, 1, "flush"),
    "Driemann__ml-aos/lightning_logs/version_1": (151, 1, "flush"),
    "Driemann__ml-aos/lightning_logs/version_2": (109, 1, "flush"),
    "Driemann__ml-aos/lightning_logs/version_3": (151, 1, "flush"),
    "Driemann__ml-aos/lightning_logs/version_4": (151, 1, "flush"),
    "HCDescamps__cv-image-classification": (1719, 1, "flush"),
    "JSavree__HisToGene/lightning_logs/version_0": (10, 1, "flush"),
    "JSavree__HisToGene/lightning_logs/version_1": (20, 1, "flush"),
    "Fujump__qlora": (1647, 4, "carry"),
    "MattthiasSchedel__DAT55-Project4": (27, 1, "flush"),
    "NijatZeynalov": (50207, 16, "drop"),
    "P4P4N1CK": (131, 1, "flush"),
    "aigoncharov": (401, 1, "flush"),
    "armenkarakashian": (104, 1, "flush"),
    "ljh696__MetaMath": (128, 1, "flush"),
    "paulohenriquecrs": (2870, 1, "flush"),
}

# Runs that never leave epoch 0: how long it is, is unknown.
FIRST_EPOCH = (
    "0Xero7__slm_training/lightning_logs/version_8",
    "0Xero7__slm_training/lightning_logs/version_12",
    "Melissasssss__TurnGPT",
)


def inferred(path: Path) -> sb.Timeline | str:
    """Infer the one run below a path: its timeline, or why there is none."""
    (run,) = sb.read_logs(path).infer().values()
    return run.timeline if run.timeline is not None else run.evidence


def holds(timeline: sb.Timeline, log: stated.Log) -> list[str]:
    """List the rows whose stated epoch is not what the timeline says, by DESIGN's rule."""
    wrong = []
    for step, epoch in log.stated():
        if log.is_table:
            at = timeline.locate(step, invalid="mask")
            if at is not None and at.epoch != epoch:
                wrong.append(f"step {step}: epoch {epoch} stated, {at} found")
            continue
        position = completed(timeline, step)
        if not stated.agrees(epoch, position):
            wrong.append(f"step {step}: epoch {epoch} stated, {position} found")
    return wrong


def never_leaves_its_first_epoch(log: stated.Log) -> str:
    """Say why a log of one epoch has no timeline."""
    steps = max(step for step, _ in log.stated()) + 1
    unit = "step" if steps == 1 else "steps"
    return f"the log never leaves its first epoch, whose length therefore is not known: at least {steps} {unit}"


def completed(timeline: sb.Timeline, step: int) -> Fraction:
    """Give the position after the n-th step, in epochs."""
    if step == 0:
        return Fraction(0)
    epoch, iteration = timeline.locate(step - 1)
    return epoch + Fraction(iteration + 1, int(timeline.convert("1ep", "batch")))


def name_of(path: Path) -> str:
    return path.parent.relative_to(stated.DATA).as_posix()


def halves() -> list[ParameterSet]:
    """List the halves of every real log; those of trainer_state.json with and without its own step and epoch."""
    return [
        pytest.param(path, half, alone, id=f"{name_of(path)}, {half}{', records alone' if alone else ''}")
        for path in REAL
        for half in stated.HALVES
        for alone in ((False,) if path.suffix == ".csv" else (False, True))
    ]


def test_real_logs_are_where_they_should_be() -> None:
    if not REAL and "STEPBRIDGE_DATA" not in os.environ:
        pytest.skip(f"no real logs below {stated.DATA}: set STEPBRIDGE_DATA to test on them")
    assert {path.name for path in REAL} == set(stated.NAMES)


@pytest.mark.parametrize(("path", "half", "alone"), halves())
def test_half_of_a_real_log_predicts_the_other(path: Path, half: stated.Half, alone: bool, tmp_path: Path) -> None:
    known, asked = stated.read(path).halves(half)
    if alone:
        known = known.alone()
    found = inferred(known.write(tmp_path / "run"))
    reasons = [
        reason
        for (name, which, own), reason in UNKNOWN.items()
        if name in name_of(path) and which == half and own is not alone
    ]
    if any(name in name_of(path) for name in FIRST_EPOCH):
        reasons = [never_leaves_its_first_epoch(known)]
    if isinstance(found, str):
        assert reasons, f"{found}: UNKNOWN must say why this half is not enough"
        assert reasons[0] in found
        return
    assert not reasons, "this half is enough, although UNKNOWN lists it"
    assert holds(found, asked) == []
    assert holds(found, known) == []


@pytest.mark.parametrize("path", REAL, ids=name_of)
def test_a_whole_real_log_gives_its_timeline(path: Path) -> None:
    found = inferred(path)
    if any(name in name_of(path) for name in FIRST_EPOCH):
        assert found == never_leaves_its_first_epoch(stated.read(path))
        return
    expected = [plan for name, plan in KNOWN.items() if name in name_of(path)]
    batches, accumulate, rule = expected[0]
    assert found == sb.Timeline.plan(batches_per_epoch=batches, accumulate=accumulate, boundary=rule)


@pytest.mark.parametrize("path", REAL, ids=name_of)
def test_reindexing_a_real_log_agrees_with_all_that_it_states(path: Path) -> None:
    table = sb.read_logs(path).reindex()
    wrong = [problem for problem in table.problems if problem.kind in {"disagrees", "past_end", "no_timeline"}]
    if not any(name in name_of(path) for name in FIRST_EPOCH):
        assert wrong == []
        return
    # Its records are placed all the same, but for the share of an epoch whose length nobody knows.
    assert [problem.kind for problem in wrong] == ["no_timeline"]
    assert never_leaves_its_first_epoch(stated.read(path)) in wrong[0].reason
    placed = table.to_polars()
    assert placed.select("epoch", "epoch_float").unique().rows() == [(0, None)]
    assert (placed["iter"] == placed["step"]).all()


def test_one_altered_epoch_of_a_real_log_is_found(tmp_path: Path) -> None:
    path = next((path for path in REAL if "armenkarakashian" in path.as_posix()), None)
    if path is None:
        pytest.skip(f"no real logs below {stated.DATA}")
    log = stated.read(path)
    rows = [dict(row) for row in log.rows]
    rows[50]["epoch"] = stated.Printed("9.5")
    altered = stated.Log(log.name, tuple(rows), log.around).write(tmp_path / "run")
    found = inferred(altered)
    assert isinstance(found, str)
    step = rows[50]["step"]
    assert f"no length of an epoch fits: step {step} with epoch 9.5" in found
    (problem,) = sb.read_logs(altered).reindex(sb.Timeline.plan(batches_per_epoch=104)).problems
    assert problem.kind == "disagrees"
    assert f"3 records state another epoch than the timeline; the first is grad_norm at step {step}" in problem.reason


loops = st.builds(
    stated.Loop,
    batches=st.integers(1, 120),
    accumulate=st.integers(1, 8),
    rule=st.sampled_from(["flush", "carry", "drop"]),
    epochs=st.integers(1, 6),
)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("loops")


@given(loop=loops, every=st.integers(1, 9), digits=st.sampled_from([None, 2, 3, 4]), data=st.data())
def test_what_is_inferred_reproduces_what_a_loop_logged(
    scratch: Path, loop: stated.Loop, every: int, digits: int | None, data: st.DataObject
) -> None:
    log = loop.trainer_state(every=every, digits=digits)
    if not log.rows:
        return
    found = inferred(log.write(Path(tempfile.mkdtemp(dir=scratch)) / "run"))
    if isinstance(found, str):
        # Full digits of every update leave one answer, unless all of them happen to be short.
        full = digits is None and every == 1 and any(len(row["epoch"]) > 16 for row in log.rows)
        assert not full, found
        return
    assert holds(found, log) == []
    step = data.draw(st.integers(1, 10**6), label="a step beyond")
    if found.epochs is None:
        assert found.locate(step - 1).epoch >= 0


@given(
    loop=st.builds(
        stated.Loop,
        batches=st.integers(1, 200),
        accumulate=st.just(1),
        rule=st.just("flush"),
        epochs=st.integers(1, 20),
    ),
    every=st.integers(1, 50),
    ends=st.booleans(),
    test=st.booleans(),
)
def test_what_is_inferred_from_whole_epochs_reproduces_them(
    scratch: Path, loop: stated.Loop, every: int, ends: bool, test: bool
) -> None:
    log = loop.metrics(every=every, ends=ends, test=test)
    if not log.rows:
        return
    found = inferred(log.write(Path(tempfile.mkdtemp(dir=scratch)) / "run"))
    if isinstance(found, str):
        if any(epoch for _, epoch in log.stated()):
            assert "any number of steps" in found
        else:
            assert found == never_leaves_its_first_epoch(log)
        # A row after training and one at the end of each epoch leave one answer.
        assert not (ends and test)
        return
    assert holds(found, log) == []
    if found.epochs is None:
        assert found == sb.Timeline.plan(batches_per_epoch=loop.batches)


@pytest.mark.parametrize(
    ("loop", "every", "digits", "reason"),
    [
        pytest.param(stated.Loop(1647, 4, "flush", 20), 10, 2, "would fit, and so would", id="flush, 2 digits"),
        pytest.param(stated.Loop(1000, 1, "flush", 1), 100, 2, "any number of steps from", id="few records, 2 digits"),
        pytest.param(stated.Loop(90_000, 1, "flush", 1), 100, 2, "any number of steps from", id="a long epoch"),
    ],
)
def test_two_answers_are_none(tmp_path: Path, loop: stated.Loop, every: int, digits: int, reason: str) -> None:
    found = inferred(loop.trainer_state(every=every, digits=digits).write(tmp_path / "run"))
    assert isinstance(found, str)
    assert reason in found


def test_a_common_factor_is_not_invented(tmp_path: Path) -> None:
    log = stated.Loop(512, 4, "flush", 2).trainer_state(every=1, digits=None)
    (run,) = sb.read_logs(log.write(tmp_path / "run")).infer().values()
    assert run.timeline == sb.Timeline.plan(batches_per_epoch=128)
    assert "iter counts updates, for accumulation leaves no trace in this log" in run.evidence


def test_a_plan_is_lent_only_when_it_is_asked_for(tmp_path: Path) -> None:
    rows = {"sure": stated.Loop(100, 1, "flush", 4).metrics(every=10, ends=True, test=True)}
    log = stated.Loop(100, 1, "flush", 4).metrics(every=70, ends=False, test=False)
    rows["vague"] = stated.Log(log.name, log.rows[1:3], {})
    for name, log in rows.items():
        log.write(tmp_path / name)
    logs = sb.read_logs(tmp_path)
    assert logs.infer()["vague"].timeline is None
    assert [origin.origin for origin in logs.reindex().origins] == ["inferred", "none"]
    lent = logs.infer(share_timeline=True)["vague"]
    assert lent.timeline == sb.Timeline.plan(batches_per_epoch=100)
    assert lent.shared_by == "sure"
    assert lent.evidence.startswith("lent by run sure, as was asked for: it agrees with 2 statements of the run itself")
    table = logs.reindex(share_timeline=True)
    assert table.origins[1] == ("vague", "shared", "sure")
    assert table.problems == ()
    assert table.to_polars().filter(pl.col("run") == "vague").select("step", "epoch", "iter").rows() == [
        (139, 1, 39),
        (209, 2, 9),
    ]
    # Nor is one lent where two differ.
    stated.Loop(50, 1, "flush", 4).metrics(every=10, ends=True, test=True).write(tmp_path / "other")
    refused = sb.read_logs(tmp_path).infer(share_timeline=True)["vague"]
    assert refused.timeline is None
    assert "none was lent, since other and sure differ" in refused.evidence


def test_a_text_log_that_states_its_lengths(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    lines = [
        f"Epoch [{epoch}/5], Step [{step}/120], Loss: {epoch / step:.4f}" for epoch in range(1, 6) for step in (50, 100)
    ]
    path.write_text("\n".join(lines) + "\n")
    logs = sb.read_logs(path)
    (found,) = logs.infer().values()
    assert found.timeline == sb.Timeline.plan(batches_per_epoch=120)
    assert "the log itself says" in found.evidence
    table = logs.reindex()
    assert table.problems == ()
    loop = [(epoch, step - 1, epoch + step / 120) for epoch in range(5) for step in (50, 100)]
    assert table.to_polars().select("epoch", "iter", "epoch_float").rows() == [
        (epoch, iteration, pytest.approx(after)) for epoch, iteration, after in loop
    ]
    other = logs.reindex(sb.Timeline.plan(batches_per_epoch=80))
    assert {problem.kind for problem in other.problems} == {"disagrees"}
