"""`stepbridge where` reads a checkpoint of Lightning (20 samples, batch 3, 3 batches a step) and runs nothing in it."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from commands import ROOT, complaint, printed, run
from stepbridge.checkpoints._inert_pickle import read_torch_file

if TYPE_CHECKING:
    from pathlib import Path

INSIDE, LAST = (ROOT / "tests" / "cli" / f"lightning-{batch}.ckpt" for batch in (10, 7))


def test_what_it_prints() -> None:
    assert printed("where", INSIDE.name, cwd=INSIDE.parent).splitlines() == [
        "lightning-10.ckpt: a checkpoint of Lightning",
        "  its counters: epoch 1, global_step 4, batches of the epoch 3",
        "  the run has done: step 4, applied 4, batch 10, sample 29 (epoch 1, sample 9)",
        "  its arguments: batch_size=3, world_size=1, accumulate_grad_batches=3, stateful=False",
        (
            "  a resume: Lightning resumes at epoch 1, sample 0; the run has trained 29 samples (epoch 1, sample 9). "
            "9 samples will be trained again. 8 samples will never be trained. Cause: the loader begins the epoch "
            "again, and Lightning counts on from batch 3. Remedy: give the Trainer a "
            "torchdata.stateful_dataloader.StatefulDataLoader, or save at the end of an epoch."
        ),
    ]


@pytest.mark.parametrize(
    ("path", "changes", "goes_on", "repeated", "left_out"),
    [
        (INSIDE, "batch_size=2", (1, 0), 9, 6),
        (INSIDE, "batch_size=6", (1, 0), 6, 11),
        (INSIDE, "batch_size=10", (1, 0), 9, 0),
        (INSIDE, "accumulate_grad_batches=1", (1, 0), 9, 8),
        (INSIDE, "world_size=2", (1, 0), 6, 11),
        (LAST, "batch_size=2", (1, 0), 0, 14),
        (LAST, "batch_size=6", (1, 0), 0, 0),
        (LAST, "accumulate_grad_batches=2", (1, 0), 0, 0),
    ],
)
def test_a_resume_with_other_arguments(
    path: Path, changes: str, goes_on: tuple[int, int], repeated: int, left_out: int
) -> None:
    """What the real Trainer does is in the tests of its adapter."""
    found: dict[str, Any] = json.loads(printed("where", path, "--json", "--resume-with", changes))
    resume = found["resume"]
    assert (resume["goes_on"]["epoch"], resume["goes_on"]["done"]) == goes_on
    assert (resume["repeated"], resume["left_out"]) == (repeated, left_out)
    assert resume["agrees"] == (repeated == left_out == 0)


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ("rank=2", "expected batch_size, world_size, accumulate_grad_batches, max_steps, stateful"),
        ("batch_size=0", "expected a whole number of 1 or more"),
        ("stateful=1", "expected true or false"),
    ],
)
def test_an_argument_that_decides_nothing(changes: str, end: str) -> None:
    assert complaint(1, "where", INSIDE, "--resume-with", changes).endswith(end)


def checkpoint_of(folder: Path, content: object) -> Path:
    """A file as torch.save writes it, without tensors."""
    path = folder / "made.ckpt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "archive/data.pkl", content if isinstance(content, bytes) else pickle.dumps(content, protocol=2)
        )
    return path


def changed(folder: Path, **parts: Any) -> Path:
    """The same in which parts of the clock's entry are others; its tensors are gone."""
    entry = read_torch_file(INSIDE)["callbacks"]["stepbridge"]
    content = {"pytorch-lightning_version": "2.6.6", "epoch": 1, "global_step": 4}
    return checkpoint_of(folder, {**content, "callbacks": {"stepbridge": {**entry, **parts}}})


def test_nothing_in_it_is_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "trapped"),)

    path = checkpoint_of(
        tmp_path, {"pytorch-lightning_version": "2.6.6", "epoch": 3, "global_step": 5, "trap": [Trap(), {"a": Trap()}]}
    )
    done = run("where", path)
    assert "its counters: epoch 3, global_step 5" in done.stdout
    assert "the checkpoint has no clock" in done.stderr
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"place": {"ready": 3}}, "was not written by ClockCallback"),
        ({"later": "1"}, "was not written by ClockCallback"),
        ({"shuffled": None}, "was not written by ClockCallback"),
        ({"arguments": {"batch_size": 0, "world_size": 1, "accumulate_grad_batches": 1}}, "was not written by"),
        ({"clock": []}, "expected the state of a clock, found list"),
    ],
)
def test_damage(tmp_path: Path, parts: dict[str, Any], sentence: str) -> None:
    assert sentence in complaint(1, "where", changed(tmp_path, **parts))


def test_an_epoch_that_was_limited(tmp_path: Path) -> None:
    path = changed(tmp_path, limited=True)
    assert "limit_train_batches" in complaint(1, "where", path, "--resume-with", "batch_size=2")


def test_a_shuffle_is_named(tmp_path: Path) -> None:
    assert "which samples is not known" in printed("where", changed(tmp_path, shuffled=True))


@pytest.mark.parametrize("content", [b"", b"\x80\x02}", b"\x80\x02cos\nsystem\n", b"\x80\x02r\xff\xff\xff\x7f."])
def test_a_pickle_that_is_damaged(tmp_path: Path, content: bytes) -> None:
    assert "data.pkl is damaged" in complaint(1, "where", checkpoint_of(tmp_path, content))


def test_a_file_that_is_not_a_checkpoint(tmp_path: Path) -> None:
    assert "not a checkpoint that stepbridge knows" in complaint(1, "where", checkpoint_of(tmp_path, [1, 2]))
    (tmp_path / "text").write_text("text", encoding="utf-8")
    assert "expected one of Hugging Face Trainer, Lightning" in complaint(1, "where", tmp_path / "text")
