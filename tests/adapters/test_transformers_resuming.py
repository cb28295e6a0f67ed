"""Every resume of a real Trainer: what is warned of is what the data set then serves."""

from __future__ import annotations

import re
import shutil
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import transformers

import stepbridge as sb
from adapters import transformers_training
from adapters.transformers_training import Data, Stream, make_trainer, train
from stepbridge.adapters.transformers import ClockCallback, aligned_checkpoint
from stepbridge.checkpoints import read_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from stepbridge.adapters.base import ResumeCheck

VERSION = tuple(map(int, transformers.__version__.split(".")[:2]))

pytestmark = pytest.mark.skipif(VERSION < (5, 2), reason="the argument's batch size holds from 5.2 on")

ORDER = [*range(20), *range(20)]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of each step: 4 is epoch 1, sample 9; 3 is the end of epoch 0."""
    folder = tmp_path_factory.mktemp("saved")
    train(folder, save_strategy="steps", save_steps=1)
    return folder


def resumed(saved: Path, folder: Path, step: int, counting: ClockCallback, **options: Any) -> tuple[Any, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", sb.StepbridgeWarning)
        run = train(folder, counting, resume=saved / f"checkpoint-{step}", **options)
    ours = [one for one in caught if one.category is sb.StepbridgeWarning]
    # Each points at the line that calls the Trainer.
    assert all(one.filename == transformers_training.__file__ for one in ours)
    return run, [str(one.message) for one in ours]


#: The checkpoint, what is different, where the Trainer goes on: (epoch, sample) as measured; None: at the end.
ROWS: dict[str, tuple[int, dict[str, Any], tuple[int, int] | None]] = {
    "step 4, same arguments": (4, {}, (1, 9)),
    "step 3 (epoch's end), same arguments": (3, {}, (1, 0)),
    "step 4, batch 2": (4, {"batch_size": 2}, (1, 0)),
    "step 4, batch 1": (4, {"batch_size": 1}, (0, 12)),
    "step 4, batch 6": (4, {"batch_size": 6}, None),
    "step 3 (epoch's end), batch 6": (3, {"batch_size": 6}, (1, 18)),
    "step 3 (epoch's end), k 3 -> 1": (3, {"accumulate": 1}, (0, 9)),
    "step 4, k 3 -> 7": (4, {"accumulate": 7}, None),
    "step 4, batch 1 k 9": (4, {"batch_size": 1, "accumulate": 9}, (1, 9)),
    "step 4, batch 9 k 1": (4, {"batch_size": 9, "accumulate": 1}, (1, 9)),
    "step 4, ignore_data_skip": (4, {"ignore_data_skip": True}, (1, 0)),
    "step 3 (epoch's end), ignore_data_skip": (3, {"ignore_data_skip": True}, (1, 0)),
}
# Of one rank on two: test_transformers_ranks.py. A stream: below.


@pytest.mark.parametrize("row", ROWS)
def test_the_warning_is_what_happens(saved: Path, tmp_path: Path, row: str) -> None:
    step, changes, where = ROWS[row]
    run, warned = resumed(saved, tmp_path, step, ClockCallback(), **changes)
    done = {3: 20, 4: 29}[step]
    start = 40 if where is None else where[0] * 20 + where[1]
    # The data set is the judge.
    assert run.trained[:5] == ORDER[start : start + 5]
    # The Trainer ends after its steps, also where it began an epoch again.
    missing = 40 - start - len(run.trained)
    assert missing == (2 if row == "step 4, ignore_data_skip" else 0)
    clock, check = run.counting.clock, run.counting.check
    assert check.agrees == (start == done)
    assert (int(check.repeated), int(check.left_out)) == (max(done - start, 0), max(start - done, 0) + missing)
    assert len(warned) == (start != done)
    # It counts on right.
    assert clock.sample == done + len(run.trained)
    assert clock.batch == {3: 7, 4: 10}[step] + len(run.model.trained)
    assert clock.step == run.trainer.state.global_step
    assert int(clock.repeated) == max(done - start, 0)
    if where is not None:
        assert int(clock.left_out) == max(start - done, 0)


@pytest.mark.parametrize("row", [name for name, row in ROWS.items() if row[1]])
def test_it_can_be_refused(saved: Path, tmp_path: Path, row: str) -> None:
    step, changes, where = ROWS[row]
    done = {3: (1, 0), 4: (1, 9)}[step]
    counting = ClockCallback(mismatch="raise")
    trainer, model, _ = make_trainer(tmp_path, counting, **changes)
    path = str(saved / f"checkpoint-{step}")
    if where == done:
        trainer.train(resume_from_checkpoint=path)
        return
    with pytest.raises(sb.TimelineError, match="The Trainer resumes at"):
        trainer.train(resume_from_checkpoint=path)
    assert model.trained == []


@pytest.mark.parametrize("row", ROWS)
def test_where_says_the_same(saved: Path, tmp_path: Path, row: str) -> None:
    """`stepbridge where CHECKPOINT --resume-with ...`, without a Trainer."""
    step, changes, _ = ROWS[row]
    run, _ = resumed(saved, tmp_path, step, ClockCallback(), **changes)
    assert str(of_checkpoint(saved / f"checkpoint-{step}", changes)) == str(run.counting.check)


def of_checkpoint(path: Path, changes: dict[str, Any]) -> ResumeCheck:
    """What `stepbridge where` says of a resume with other arguments."""
    names = {"batch_size": "per_device_train_batch_size", "accumulate": "gradient_accumulation_steps"}
    return read_checkpoint(path).resume({names.get(name, name): str(value) for name, value in changes.items()})


def test_ignore_data_skip_over_several_epochs(tmp_path: Path) -> None:
    """The Trainer ends after its steps, so the samples that it leaves out are those of the last epoch."""
    train(tmp_path / "whole", save_strategy="steps", save_steps=1, num_train_epochs=3)
    path, changes = tmp_path / "whole", {"ignore_data_skip": True}
    run, warned = resumed(path, tmp_path / "rest", 4, ClockCallback(), num_train_epochs=3, **changes)
    assert run.trained == [*range(20), *range(18)]
    assert len(warned) == 1
    assert "9 samples will be trained again. 2 samples will never be trained." in warned[0]
    assert "begins the epoch again and ends at max_steps=9 all the same" in warned[0]
    assert str(of_checkpoint(path / "checkpoint-4", changes)) == str(run.counting.check)


def test_a_checkpoint_of_an_earlier_version_loads(saved: Path, tmp_path: Path) -> None:
    """It says nothing of the order of the data, or of the seed."""
    older = copied(saved, tmp_path / "older", r',\s*"(?:seed|order)": (?:null|\d+|"[^"]*")', "")
    run, warned = resumed(older, tmp_path / "rest", 4, ClockCallback(mismatch="raise"))
    assert (run.trained, warned, run.counting.clock.sample) == (ORDER[29:], [], 40)


def test_the_sentence(saved: Path, tmp_path: Path) -> None:
    _, warned = resumed(saved, tmp_path, 4, ClockCallback(), batch_size=1)
    assert warned == [
        (
            "clock: The Trainer resumes at epoch 0, sample 12; the run has trained 29 samples (epoch 1, sample 9). "
            "17 samples will be trained again. Cause: per_device_train_batch_size 3 -> 1. Remedy: resume with "
            "per_device_train_batch_size=3 or resume from aligned_checkpoint(path, trainer)."
        )
    ]


def test_the_save_steps_of_the_checkpoint_hold(saved: Path, tmp_path: Path) -> None:
    """The Trainer takes them from its state, not from the arguments of now; the clock counts the same."""
    run, warned = resumed(saved, tmp_path, 4, ClockCallback(), save_strategy="steps", save_steps=2)
    assert (run.trainer.args.save_steps, run.trainer.state.save_steps) == (2, 1)
    # After steps 5 and 6, where 2 would have been at 6 alone.
    assert (run.watcher.saves, warned) == ([13, 14], [])


def test_a_shuffled_run_goes_on_exactly(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole", shuffle=True, save_strategy="steps", save_steps=1)
    run, warned = resumed(tmp_path / "whole", tmp_path / "rest", 4, ClockCallback(), shuffle=True)
    assert warned == []
    assert run.trained == whole.trained[29:]
    assert run.counting.clock.sample == 40


def test_a_stream_at_step_9(tmp_path: Path) -> None:
    """Step 9 is epoch 1, batch 2."""
    options: dict[str, Any] = {"data": Stream(), "accumulate": 1, "max_steps": 12}
    train(tmp_path / "first", save_strategy="steps", save_steps=3, **options)
    # Inside its first pass the Trainer leaves out what is done.
    run, warned = resumed(tmp_path / "first", tmp_path / "a", 6, ClockCallback(), **options)
    assert (run.trained[0], warned) == (18, [])
    # Later it begins the pass again: 2 batches.
    run, warned = resumed(tmp_path / "first", tmp_path / "b", 9, ClockCallback(), **options)
    assert run.trained[0] == 0
    assert len(warned) == 1
    assert "2 batches will be trained again" in warned[0]
    assert run.counting.clock.batch == 9 + len(run.model.trained) == 12
    assert int(run.counting.clock.repeated) == 2
    for step, at_that in ((6, "That is the same point."), (9, "2 batches will be trained again.")):
        assert at_that in str(of_checkpoint(tmp_path / "first" / f"checkpoint-{step}", {}))
    assert str(of_checkpoint(tmp_path / "first" / "checkpoint-9", {})) in warned[0]


def test_a_stream_in_batches_of_another_size(tmp_path: Path) -> None:
    """The Trainer leaves out as many batches, of the new size."""
    options: dict[str, Any] = {"data": Stream(), "accumulate": 1, "max_steps": 14}
    train(tmp_path / "first", save_strategy="steps", save_steps=1, **options)
    run, warned = resumed(tmp_path / "first", tmp_path / "a", 3, ClockCallback(), batch_size=4, **options)
    # The run had come to sample 9.
    assert run.trained[0] == 12
    assert warned == [
        (
            "clock: The Trainer resumes at epoch 0, batch 3; the run has trained 3 batches (epoch 0, batch 3). A batch "
            "now has 4 samples, where one of the run had 3, so which samples are trained again, and which never, is "
            "not known. Cause: per_device_train_batch_size 3 -> 4. Remedy: resume with per_device_train_batch_size=3."
        )
    ]


@pytest.mark.parametrize("name", ["seed", "data_seed"])
def test_another_seed_is_another_order(tmp_path: Path, name: str) -> None:
    first: dict[str, Any] = {name: 1}
    whole = train(tmp_path / "whole", shuffle=True, save_strategy="steps", save_steps=1, **first)
    run, warned = resumed(tmp_path / "whole", tmp_path / "rest", 4, ClockCallback(), shuffle=True, **{name: 2})
    # Some of the epoch's samples come twice, others never.
    assert len(set(whole.trained[20:29]) & set(run.trained)) > 0
    assert len(warned) == 1
    assert (
        "The rest of the epoch comes in another order, so which samples are trained again, and which never, is not "
        f"known. Cause: {name} 1 -> 2. Remedy: resume with {name}=1."
    ) in warned[0]
    check = run.counting.check
    assert (check.agrees, check.repeated, check.left_out) == (False, None, None)
    assert str(of_checkpoint(tmp_path / "whole" / "checkpoint-4", {name: 2})) == str(check)
    # Between two epochs any order will do.
    _, warned = resumed(tmp_path / "whole", tmp_path / "next", 3, ClockCallback(), shuffle=True, **{name: 2})
    assert warned == []


def test_data_that_grew(saved: Path, tmp_path: Path) -> None:
    """The Trainer goes on inside an epoch that was whole, past the samples that it had."""
    run, warned = resumed(saved, tmp_path, 3, ClockCallback(), data=Data(30))
    assert run.trained == [27, 28, 29, *range(30)]
    assert ["samples=20 there, 30 here" in warned[0], "epoch 0, sample 27" in warned[1], len(warned)] == [True, True, 2]
    clock = run.counting.clock
    assert (clock.sample, clock.batch, clock.step) == (20 + 33, 7 + 11, run.trainer.state.global_step)


def test_a_resume_of_a_resume_that_went_back(saved: Path, tmp_path: Path) -> None:
    """The clock's epochs are two ahead of the Trainer's from there on, and stay so."""
    counting = ClockCallback()
    with pytest.warns(sb.StepbridgeWarning, match="17 samples will be trained again"):
        train(
            tmp_path / "a",
            counting,
            resume=saved / "checkpoint-4",
            batch_size=1,
            save_strategy="steps",
            save_steps=5,
        )
    steps = sorted(int(path.name.split("-")[1]) for path in (tmp_path / "a").glob("checkpoint-*"))
    first = next(step for step in steps if step > 5)
    run, warned = resumed(tmp_path / "a", tmp_path / "b", first, ClockCallback(), batch_size=1)
    assert warned == []
    assert run.counting.clock.sample == counting.clock.sample
    assert run.counting.clock.position == counting.clock.position


@pytest.mark.parametrize(
    ("step", "changes"),
    [
        (4, {"batch_size": 1, "accumulate": 3}),
        (4, {"batch_size": 1, "accumulate": 1}),
        (3, {"batch_size": 6}),
        (3, {"accumulate": 7}),
        (4, {"batch_size": 3, "accumulate": 1}),
    ],
)
def test_an_aligned_checkpoint(saved: Path, tmp_path: Path, step: int, changes: dict[str, Any]) -> None:
    counting = ClockCallback(mismatch="raise")
    trainer, model, _ = make_trainer(tmp_path / "out", counting, **changes)
    path = aligned_checkpoint(saved / f"checkpoint-{step}", trainer, tmp_path / "aligned")
    trainer.train(resume_from_checkpoint=path)
    done = {3: 20, 4: 29}[step]
    assert [sample for batch in model.trained for sample in batch] == ORDER[done:]
    clock = counting.clock
    assert (clock.sample, int(clock.repeated), int(clock.left_out)) == (40, 0, 0)


def test_where_no_window_fits_it_is_refused(saved: Path, tmp_path: Path) -> None:
    trainer, _, _ = make_trainer(tmp_path, ClockCallback(), batch_size=2)
    with pytest.raises(sb.TimelineError, match=r"9 samples of epoch 1 .* no whole number of windows of 6 samples"):
        aligned_checkpoint(saved / "checkpoint-4", trainer, tmp_path / "aligned")
    assert not (tmp_path / "aligned").exists()


def test_a_folder_that_is_there(saved: Path, tmp_path: Path) -> None:
    trainer, _, _ = make_trainer(tmp_path, ClockCallback())
    with pytest.raises(sb.TimelineError, match="is there already"):
        aligned_checkpoint(saved / "checkpoint-4", trainer, tmp_path)


def copied(saved: Path, folder: Path, pattern: str, text: str) -> Path:
    """A checkpoint whose trainer_state.json is changed in one place."""
    shutil.copytree(saved / "checkpoint-4", folder / "checkpoint-4")
    file = folder / "checkpoint-4" / "trainer_state.json"
    content, changed = re.subn(pattern, text, file.read_text(encoding="utf-8"))
    assert changed
    file.write_text(content, encoding="utf-8")
    return folder


def test_a_state_of_a_newer_version(saved: Path, tmp_path: Path) -> None:
    newer = copied(saved, tmp_path / "newer", r'("token": 0,\s*"version": )1', r"\g<1>2")
    trainer, _, _ = make_trainer(tmp_path, ClockCallback())
    with pytest.raises(sb.TimelineError, match="newer stepbridge: upgrade"):
        trainer.train(resume_from_checkpoint=str(newer / "checkpoint-4"))


def test_a_damaged_entry(saved: Path, tmp_path: Path) -> None:
    broken = copied(saved, tmp_path / "broken", r'"clock": \{', '"clock": 5, "other": {')
    trainer, _, _ = make_trainer(tmp_path, ClockCallback())
    with pytest.raises(sb.TimelineError, match="damaged"):
        trainer.train(resume_from_checkpoint=str(broken / "checkpoint-4"))


def test_a_checkpoint_of_another_run(saved: Path, tmp_path: Path) -> None:
    run, warned = resumed(saved, tmp_path / "a", 4, ClockCallback(), data=Data(30))
    assert "samples=20 there, 30 here" in warned[0]
    assert run.counting.clock.batch == 10 + len(run.model.trained)
    trainer, model, _ = make_trainer(tmp_path / "b", ClockCallback(mismatch="raise"), data=Data(30))
    with pytest.raises(sb.TimelineError, match="another plan"):
        trainer.train(resume_from_checkpoint=str(saved / "checkpoint-4"))
    assert model.trained == []
