"""`stepbridge where`: the checkpoint of a Trainer (20 samples, batch 3, 3 batches a step) after step 4."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

import stepbridge as sb
from commands import ROOT, complaint, printed, run

if TYPE_CHECKING:
    from pathlib import Path

CHECKPOINT = ROOT / "tests" / "cli" / "checkpoint-4"


def facts(path: object, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed("where", path, "--json", *options))
    return found


def test_what_it_prints() -> None:
    assert printed("where", "checkpoint-4", cwd=CHECKPOINT.parent).splitlines() == [
        "checkpoint-4: a checkpoint of Hugging Face Trainer",
        (
            "  its counters: global_step 4, epoch 1.4285714285714286, max_steps 6, num_train_epochs 2, "
            "num_input_tokens_seen 0"
        ),
        "  the run has done: step 4, applied 4, batch 10, sample 29 (epoch 1, sample 9)",
        (
            "  its arguments: per_device_train_batch_size=3, gradient_accumulation_steps=3, world_size=1, "
            "dataloader_drop_last=False, split_batches=False"
        ),
        (
            "  a resume: The Trainer resumes at epoch 1, sample 9; the run has trained 29 samples (epoch 1, sample 9). "
            "That is the same point."
        ),
    ]
    assert printed("where", CHECKPOINT / "trainer_state.json")


@pytest.mark.parametrize(
    ("changes", "goes_on", "repeated", "left_out"),
    [
        ("per_device_train_batch_size=2", (1, 0), 9, 0),
        ("per_device_train_batch_size=1", (0, 12), 17, 0),
        ("per_device_train_batch_size=6", (2, 0), 0, 11),
        ("gradient_accumulation_steps=7", (4, 0), 0, 11),
        ("per_device_train_batch_size=1,gradient_accumulation_steps=9", (1, 9), 0, 0),
        ("world_size=2", (2, 0), 0, 11),
        # The 2 samples that are dropped come in no epoch.
        ("dataloader_drop_last=true", (2, 0), 0, 9),
    ],
)
def test_a_resume_with_other_arguments(changes: str, goes_on: tuple[int, int], repeated: int, left_out: int) -> None:
    """What the real Trainer does is in the tests of its adapter."""
    resume = facts(CHECKPOINT, "--resume-with", changes)["resume"]
    assert (resume["goes_on"]["epoch"], resume["goes_on"]["done"]) == goes_on
    assert (resume["repeated"], resume["left_out"]) == (repeated, left_out)
    assert resume["agrees"] == (repeated == left_out == 0)


def edited(folder: Path, **changes: Any) -> Path:
    """A copy of the checkpoint whose state is changed."""
    shutil.copytree(CHECKPOINT, folder / "checkpoint-4")
    file = folder / "checkpoint-4" / "trainer_state.json"
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | changes), encoding="utf-8")
    return file.parent


def test_a_checkpoint_without_a_clock(tmp_path: Path) -> None:
    path = edited(tmp_path, stateful_callbacks={})
    done = run("where", path)
    assert done.returncode == 1
    assert "global_step 4" in done.stdout
    assert "the checkpoint has no clock, so nobody knows which samples are trained" in done.stderr
    assert complaint(1, "where", path, "--resume-with", "world_size=2").count("has no clock") == 1


@pytest.mark.parametrize(
    ("options", "end"),
    [
        (("--resume-with", "rank=2"), "dataloader_drop_last, split_batches"),
        (("--resume-with", "world_size=0"), "expected a whole number of 1 or more"),
        (("--resume-with", "split_batches=2"), "expected true or false"),
    ],
)
def test_an_argument_that_decides_nothing(options: tuple[str, ...], end: str) -> None:
    assert complaint(1, "where", CHECKPOINT, *options).endswith(end)


def test_wrong_use(tmp_path: Path) -> None:
    assert "expected name=value" in complaint(2, "where", CHECKPOINT, "--resume-with", "world_size")
    assert "not a checkpoint that stepbridge knows" in complaint(1, "where", tmp_path)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"global_step": "4"}, "which has a whole global_step"),
        ({"stateful_callbacks": {"stepbridge": {"attributes": {"clock": {}}}}}, "was not written by ClockCallback"),
    ],
)
def test_damage(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    assert sentence in complaint(1, "where", edited(tmp_path, **changes))


def test_a_clock_of_a_newer_version(tmp_path: Path) -> None:
    callbacks = json.loads((CHECKPOINT / "trainer_state.json").read_text(encoding="utf-8"))["stateful_callbacks"]
    callbacks["stepbridge"]["attributes"]["clock"]["version"] = 2
    assert "newer stepbridge: upgrade" in complaint(1, "where", edited(tmp_path, stateful_callbacks=callbacks))


def test_a_file_that_is_not_json(tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").write_text("{", encoding="utf-8")
    assert "expected the JSON of a trainer state" in complaint(1, "where", tmp_path)


def test_half_the_ranks_at_size(tmp_path: Path) -> None:
    """After 1.5 epochs of 50,000 samples on 8 ranks, 4 ranks go on in epoch 0; the numbers are those of the source."""
    clock = sb.StepClock(samples=50_000, batch_size=64, epochs=3, accumulate=4, boundary="flush", initial="294st")
    state = json.loads((CHECKPOINT / "trainer_state.json").read_text(encoding="utf-8"))
    state |= {"global_step": 294, "epoch": 1.5, "max_steps": 588, "num_train_epochs": 3}
    attributes = state["stateful_callbacks"]["stepbridge"]["attributes"]
    attributes["clock"] = clock.state_dict()
    attributes["arguments"] |= {
        "per_device_train_batch_size": 8,
        "gradient_accumulation_steps": 4,
        "world_size": 8,
    }
    (tmp_path / "trainer_state.json").write_text(json.dumps(state), encoding="utf-8")
    assert printed("where", tmp_path).endswith("That is the same point.\n")
    assert (
        "The Trainer resumes at epoch 0, sample 37,632; the run has trained 75,088 samples (epoch 1, sample 25,088). "
        "37,456 samples will be trained again. Cause: world_size 8 -> 4."
    ) in printed("where", tmp_path, "--resume-with", "world_size=4")
