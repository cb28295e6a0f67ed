"""The order of the data after a resume of a real Trainer: what is warned of is what the data set then serves."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

import stepbridge as sb
from adapters.transformers_training import Data, Model, Run, Watcher, train
from stepbridge.adapters.transformers import ClockCallback, aligned_checkpoint
from stepbridge.checkpoints import read_checkpoint

VERSION = tuple(map(int, transformers.__version__.split(".")[:2]))

pytestmark = pytest.mark.skipif(VERSION < (5, 2), reason="the argument's batch size holds from 5.2 on")


class Texts(Data):
    """Samples of several lengths, as `group_by_length` wants them."""

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        if index >= self.samples:
            raise IndexError(index)
        return {"x": torch.tensor([float(index)]), "input_ids": torch.ones(1 + index % 5)}


def collated(samples: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    return {"x": torch.stack([sample["x"] for sample in samples])}


class Weighted(transformers.Trainer):  # type: ignore[misc]  # mypy does not read Transformers
    """A Trainer with a sampler of its author's."""

    def _get_train_sampler(self, *_: Any) -> Any:
        return torch.utils.data.SubsetRandomSampler(range(20))


#: What shuffles in another way than the Trainer's own sampler.
SHUFFLES: dict[str, dict[str, Any]] = {
    "group_by_length": {"train_sampling_strategy": "group_by_length"},
    "an unseeded sampler": {"accelerator_config": {"use_seedable_sampler": False}},
    "a sampler of the user's": {"kind": Weighted},
}


def run_of(folder: Path, shuffle: str, *, resume: Path | None = None, mismatch: Any = "warn", **options: Any) -> Run:
    """Trains 20 samples in batches of 3, 3 batches an update, 2 epochs, from a seed."""
    given = {**SHUFFLES[shuffle], **options}
    kind = given.pop("kind", transformers.Trainer)
    counting, model = ClockCallback(mismatch=mismatch), Model()
    watcher = Watcher(counting, model)
    arguments: dict[str, Any] = {
        "output_dir": str(folder),
        "per_device_train_batch_size": 3,
        "gradient_accumulation_steps": 3,
        "num_train_epochs": 2,
        "report_to": [],
        "use_cpu": True,
        "save_strategy": "steps",
        "save_steps": 1,
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "remove_unused_columns": False,
        **given,
    }
    trainer = kind(
        model,
        transformers.TrainingArguments(**arguments),
        train_dataset=Texts(),
        data_collator=collated,
        callbacks=[counting, watcher],
    )
    trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
    return Run(trainer, counting, model, watcher, [sample for batch in model.trained for sample in batch])


def resumed(folder: Path, shuffle: str, path: Path, **options: Any) -> tuple[Run, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", sb.StepbridgeWarning)
        run = run_of(folder, shuffle, resume=path, **options)
    return run, [str(one.message) for one in caught if one.category is sb.StepbridgeWarning]


@pytest.mark.parametrize("shuffle", SHUFFLES)
@pytest.mark.parametrize("step", [1, 4])
def test_an_order_that_is_drawn_anew(tmp_path: Path, shuffle: str, step: int) -> None:
    """Between two epochs any order is right; inside one it is another one, unless the generator is as it was."""
    whole = run_of(tmp_path / "whole", shuffle)
    path = tmp_path / "whole" / f"checkpoint-{step}"
    run, warned = resumed(tmp_path / "rest", shuffle, path)
    done = {1: 9, 4: 29}[step]
    # The data set is the judge: the rest of the epoch are the samples that it had not served.
    left = set(whole.trained[done // 20 * 20 : done // 20 * 20 + 20]) - set(whole.trained[done // 20 * 20 : done])
    right = set(run.trained[: len(left)]) == left
    assert run.counting.check is not None
    assert run.counting.check.agrees == right
    assert len(warned) == (not right)
    if step == 4:
        assert not right
        assert (
            "The rest of the epoch comes in another order, so which samples are trained again, and which never, is not "
            "known. Cause: the sampler draws the order of an epoch anew, and a checkpoint does not have it. Remedy: "
            "save at the end of an epoch, and resume from there."
        ) in warned[0]
        with pytest.raises(sb.TimelineError, match="comes in another order"):
            run_of(tmp_path / "no", shuffle, resume=path, mismatch="raise")
    assert run.counting.clock.sample == 40


@pytest.mark.parametrize("shuffle", SHUFFLES)
def test_the_end_of_an_epoch_goes_on_right(tmp_path: Path, shuffle: str) -> None:
    run_of(tmp_path / "whole", shuffle)
    run, warned = resumed(tmp_path / "rest", shuffle, tmp_path / "whole" / "checkpoint-3", mismatch="raise")
    assert (sorted(run.trained), warned) == (list(range(20)), [])


def test_where_does_not_know_what_will_be_drawn(tmp_path: Path) -> None:
    run_of(tmp_path, "group_by_length")
    assert "comes in another order" in str(read_checkpoint(tmp_path / "checkpoint-4").resume({}))
    assert read_checkpoint(tmp_path / "checkpoint-3").resume({}).agrees


def test_groups_of_another_size_are_another_order(tmp_path: Path) -> None:
    """`group_by_length` groups by the batch size, so an aligned checkpoint goes on in another order too."""
    run_of(tmp_path / "whole", "group_by_length")
    counting = ClockCallback()
    trainer = train(tmp_path / "other", counting, batch_size=1).trainer
    path = aligned_checkpoint(tmp_path / "whole" / "checkpoint-1", trainer, tmp_path / "aligned")
    run, warned = resumed(tmp_path / "rest", "group_by_length", Path(path), per_device_train_batch_size=1)
    assert any("comes in another order" in text for text in warned)
    assert run.counting.clock.sample == 40


def test_a_checkpoint_without_a_seed_is_not_compared_by_one(tmp_path: Path) -> None:
    train(tmp_path, save_strategy="steps", save_steps=4)
    with pytest.raises(sb.TimelineError, match="does not say that it follows from a seed"):
        read_checkpoint(tmp_path / "checkpoint-4").resume({"seed": "3"})


class Failing(Model):
    """Runs out of memory once, after so many batches."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after: int | None = after

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Returns the loss."""
        if self.training and self.after == len(self.trained):
            self.after = None
            raise RuntimeError("CUDA out of memory.")
        return super().forward(x)


def test_running_out_of_memory_after_a_resume(tmp_path: Path) -> None:
    """The Trainer takes the checkpoint's step again; the weights, and so the clock, go on."""
    options: dict[str, Any] = {"batch_size": 4, "accumulate": 1, "auto_find_batch_size": True}
    train(tmp_path / "whole", save_strategy="steps", save_steps=1, **options)
    model, counting = Failing(2), ClockCallback()
    with pytest.warns(sb.StepbridgeWarning) as caught:
        run = train(tmp_path / "rest", counting, model=model, resume=tmp_path / "whole" / "checkpoint-7", **options)
    said = [str(one.message) for one in caught if one.category is sb.StepbridgeWarning]
    assert any("Cause: auto_find_batch_size ran out of memory" in text for text in said)
    trained = sum(map(len, model.trained))
    clock = counting.clock
    assert (clock.batch, clock.sample) == (7 + len(model.trained), 28 + trained)
    assert float(model.weight.detach()) == pytest.approx(clock.applied)
    assert run.trainer.state.global_step < clock.step


def test_a_model_that_is_made_anew_is_another_run(tmp_path: Path) -> None:
    """With model_init each `train()`, so each trial of a search for hyperparameters, begins with new weights."""
    counting = ClockCallback()
    trainer = transformers.Trainer(
        model_init=Model,
        args=transformers.TrainingArguments(
            output_dir=str(tmp_path),
            per_device_train_batch_size=5,
            num_train_epochs=1,
            report_to=[],
            use_cpu=True,
            save_strategy="no",
            disable_tqdm=True,
            dataloader_pin_memory=False,
        ),
        train_dataset=Data(),
        callbacks=[counting],
    )
    trainer.train()
    with pytest.warns(sb.StepbridgeWarning, match="model_init makes one for each train"):
        trainer.train()
