"""What the ledger holds of a run, and that any run is read back as it was."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stepbridge as sb
from ledger_files import NAME, kinds, lines, loop
from stepbridge.ledger._writer import LedgerWriter
from strategies import plans

if TYPE_CHECKING:
    from simulation import Plan


def test_a_run_is_a_few_lines(tmp_path: Path) -> None:
    clock = sb.StepClock(samples=1000, batch_size=200, epochs=3, ledger=tmp_path)
    assert not (tmp_path / NAME).exists()
    for epoch in clock.epochs():
        for _ in clock.batches(range(5)):
            if clock.batch == 3:
                clock.skip_update()
        if epoch == 0:
            clock.change(accumulate=2)
    assert kinds(tmp_path) == ["session", "logged_as", "epoch", "change", "epoch", "epoch", "stop"]
    session, _, epoch_line, *_ = lines(tmp_path)
    assert (session["stepclock"], session["session"], session["batch"], session["supersedes"]) == (1, 0, 0, None)
    assert (epoch_line["epoch"], epoch_line["batch"], epoch_line["step"], epoch_line["applied"]) == (0, 5, 5, 4)
    assert (epoch_line["sample"], epoch_line["end"], epoch_line["skipped"]) == (1000, "exhausted", [[3, 1]])
    ledger = sb.read_ledger(tmp_path)
    assert ledger.timeline == clock.timeline == sb.Timeline.from_ledger(tmp_path)
    assert (ledger.problems, ledger.skipped) == ((), ((3, 1),))
    (change,) = ledger.changes
    assert (change.batch, change.position, change.step, change.planned[0].accumulate) == (5, (1, 0), 5, 2)
    (only,) = ledger.sessions
    assert (only.batch, only.epochs, only.step, only.sample, only.applied) == (15, 3, clock.step, 3000, clock.applied)
    assert only.stopped


def test_nothing_is_written_for_a_batch(tmp_path: Path) -> None:
    clock = sb.StepClock(batches_per_epoch=1000, epochs=2, ledger=tmp_path)
    sizes = set()
    for _ in clock.epochs():
        for _ in clock.batches(range(1000)):
            sizes.add((tmp_path / NAME).stat().st_size)
    assert len(sizes) == 2


def test_a_file_may_have_a_name_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "new" / "gan.jsonl"
    loop(sb.StepClock(batches_per_epoch=5, epochs=1, ledger=path))
    assert sb.read_ledger(path).timeline.batches == 5
    loop(sb.StepClock(batches_per_epoch=5, epochs=1, ledger=tmp_path / "other"))
    assert (tmp_path / "other" / NAME).exists()


@pytest.mark.parametrize(
    ("logged_as", "stated"),
    [
        (None, ("st", 1, False)),
        (("step", 1), ("st", 1, True)),
        (("batch", 0), ("ba", 0, True)),
        (("ep", 0), ("ep", 0, True)),
    ],
)
def test_how_steps_are_logged(tmp_path: Path, logged_as: Any, stated: tuple[str, int, bool]) -> None:
    loop(sb.StepClock(batches_per_epoch=5, epochs=1, ledger=tmp_path, logged_as=logged_as))
    found = sb.read_ledger(tmp_path).logged_as
    assert (found.unit, found.base, found.stated) == stated
    assert "StepClock" in found.by


def test_a_writer_says_how_it_logs_whenever_it_is_made(tmp_path: Path) -> None:
    clock = sb.StepClock(batches_per_epoch=5, epochs=3, ledger=tmp_path)
    clock.record_logged_step("batch", 0, by="one writer")
    loop(clock, epochs=1)
    clock.record_logged_step("batch", 0, by="the same again")
    loop(clock, epochs=1)
    assert kinds(tmp_path).count("logged_as") == 1
    assert sb.read_ledger(tmp_path).logged_as.by == "one writer"
    clock.record_logged_step("step", 1, by="another writer")
    loop(clock, epochs=1)
    assert not sb.read_ledger(tmp_path).logged_as.stated


@pytest.mark.parametrize(
    ("unit", "base", "error"), [("furlong", 0, "furlong"), ("dur", 0, "loggers"), ("step", 2, "0 or 1")]
)
def test_a_step_that_nobody_logs(tmp_path: Path, unit: Any, base: Any, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        LedgerWriter(tmp_path, logged_as=(unit, base))


@given(data=st.data(), spec=plans())
@settings(max_examples=150, deadline=None)
def test_any_run_is_read_back(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, spec: Plan) -> None:
    folder = tmp_path_factory.mktemp("run")
    clock = made(spec, folder)
    states = [clock.state_dict()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sb.StepbridgeWarning)
        for session in range(data.draw(st.integers(1, 3), label="sessions")):
            if session:
                clock = sb.StepClock(ledger=folder)
                clock.load_state_dict(data.draw(st.sampled_from(states), label="state"), pending="carry")
            train(data, clock, folder, states)
    ledger = sb.read_ledger(folder)
    assert ledger.problems == ()
    assert [session.number for session in ledger.sessions] == list(range(len(ledger.sessions)))


def made(spec: Plan, folder: Path | None) -> sb.StepClock:
    return sb.StepClock(
        samples=spec.samples,
        batches_per_epoch=spec.batches,
        batch_size=spec.batch_size,
        epochs=spec.epochs,
        drop_last=spec.drop_last,
        accumulate=spec.accumulate,
        boundary=spec.boundary,
        ledger=folder,
    )


def train(data: st.DataObject, clock: sb.StepClock, folder: Path, states: list[dict[str, Any]]) -> None:
    """Train for a few epochs of any length, with whatever may happen in a loop."""
    acts = st.sampled_from([*["nothing"] * 6, "change", "skip", "save", "break"])
    for _ in clock.epochs(3):
        if clock._position[1] == 0:
            assert sb.Timeline.from_ledger(folder) == clock.timeline
        for _ in clock.batches(range(data.draw(st.integers(0, 7), label="batches")), resume="continues"):
            act = data.draw(acts)
            if act == "save":
                states.append(clock.state_dict())
            elif act == "skip" and clock.closes_step and clock.applied == clock.step:
                clock.skip_update()
            elif act == "change":
                change(data, clock)
            elif act == "break":
                break
    if not clock._in_epoch:
        assert sb.Timeline.from_ledger(folder) == clock.timeline


def change(data: st.DataObject, clock: sb.StepClock) -> None:
    kind = data.draw(st.sampled_from(["accumulate", "batch_size", "batches_per_epoch"]))
    pending: Any = data.draw(st.sampled_from(["carry", "flush", "drop"]))
    try:
        clock.change(**{kind: data.draw(st.integers(1, 9))}, pending=pending if kind == "accumulate" else None)
    except ValueError:
        return  # a size that cannot be, here


def test_a_long_run_is_written_in_constant_memory(tmp_path: Path) -> None:
    clock = sb.StepClock(batches_per_epoch=2, epochs=2000, ledger=tmp_path)
    loop(clock, 2)
    assert sb.Timeline.from_ledger(tmp_path) == clock.timeline
    assert len(sb.Timeline.from_ledger(tmp_path).segments) == 1


def test_the_documented_file_is_the_one_that_is_written(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text(encoding="utf-8")
    block = page.split("```jsonl\n")[1].split("```")[0]
    shown = [json.loads(line) for line in block.splitlines()]
    clock = sb.StepClock(samples=1000, batch_size=200, epochs=3, ledger=tmp_path, logged_as=("step", 1))
    for epoch in clock.epochs():
        for _ in clock.batches(range(5)):
            if clock.batch == 3:
                clock.skip_update()
        if epoch == 0:
            clock.change(accumulate=2)
    written = lines(tmp_path)
    changing = ("time", "crc", "library")
    assert [{**line, **dict.fromkeys(changing)} for line in shown] == [
        {**line, **dict.fromkeys(changing)} for line in written
    ]
    fields = {field for line in written for field in line}
    assert all(f"`{field}`" in page for field in fields)


def test_updates_that_are_skipped_late_are_listed_once(tmp_path: Path) -> None:
    """After the first step of epoch 1, the last three that are not known to be skipped are 4, 2 and 1."""
    clock = sb.StepClock(batches_per_epoch=3, epochs=2, ledger=tmp_path)
    for epoch in clock.epochs():
        for batch in clock.batches(range(3)):
            if (epoch, batch) == (0, 2):
                clock.skip_update()
            if (epoch, batch) == (1, 0):
                clock.skip_update(3)
    (path,) = tmp_path.glob("*.jsonl")
    steps = [first + at for first, count in sb.read_ledger(path).skipped for at in range(count)]
    assert sorted(steps) == [1, 2, 3, 4]
    assert (clock.step, clock.applied) == (6, 2)
