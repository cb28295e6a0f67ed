"""`stepbridge where` of a folder of Accelerate: what it says of a resume is what the loop then trains."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import torch
from accelerate import DataLoaderConfiguration, skip_first_batches

import stepbridge as sb
from adapters.accelerate_training import Loop
from stepbridge.adapters.accelerate import clock_for
from stepbridge.checkpoints import read_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::Warning", "error::stepbridge.StepbridgeWarning")

STATEFUL = {"dataloader_config": DataLoaderConfiguration(use_stateful_dataloader=True)}


def saved(folder: Path, at: int = 10, **given: Any) -> tuple[Loop, Path]:
    """A loop whose state was saved after a batch; 10 is sample 9 of epoch 1."""
    loop = Loop.made(**given)
    for _ in loop.clock.epochs():
        for batch in loop.clock.batches(loop.loader):
            loop.batch(batch)
            if loop.clock.batch == at:
                loop.accelerator.save_state(str(folder))
    return loop, folder


def resume_of(path: Path, **changes: Any) -> Any:
    """What the command says of a resume."""
    return read_checkpoint(path).resume({name: str(value) for name, value in changes.items()})


def where(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What the command prints, in a process that has neither PyTorch nor Accelerate."""
    script = (
        "import sys; sys.modules['torch'] = sys.modules['accelerate'] = None\n"
        "import runpy; sys.argv[0] = 'stepbridge'; runpy.run_module('stepbridge', run_name='__main__')"
    )
    command = [sys.executable, "-c", script, "where", str(path), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_what_it_prints(tmp_path: Path) -> None:
    _, path = saved(tmp_path)
    done = where(path)
    assert done.stdout.splitlines() == [
        f"{path}: a checkpoint of Accelerate",
        "  its counters: accelerator.step 3",
        "  the run has done: step 4, applied 4, batch 10, sample 29 (epoch 1, sample 9)",
        (
            "  its arguments: batch_size=3, world_size=1, gradient_accumulation_steps=3, split_batches=False, "
            "dispatches=False, stateful=False"
        ),
        (
            f"  a resume: {path}: where a resume goes on is for the loop to say, as Accelerate holds no place in the "
            'data. A loop with clock.batches(loader, resume="skip") resumes at epoch 1, sample 9; the run has trained '
            "29 samples (epoch 1, sample 9). That is the same point."
        ),
    ]
    assert done.stderr == ""
    found = json.loads(where(path, "--json", "--resume-with", "skip_first_batches=2").stdout)["resume"]
    assert (found["goes_on"], found["repeated"], found["left_out"]) == ({"epoch": 1, "done": 6}, 3, 0)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6, 9, 20])
@pytest.mark.parametrize("at", [7, 10, 13])
def test_a_loop_that_skips_what_is_done(tmp_path: Path, at: int, size: int) -> None:
    """It goes on exactly, or is refused where the samples that are done fill no whole number of batches."""
    _, path = saved(tmp_path, at)
    again = Loop.made(batch_size=size)
    again.accelerator.load_state(str(path))
    if {7: 0, 10: 9, 13: 18}[at] % size:
        with pytest.raises(sb.TimelineError, match=r'resume="skip" is refused there'):
            resume_of(path, batch_size=size)
        with pytest.raises(sb.TimelineError, match=r'resume="skip" cannot leave out what is done'):
            again.run(resume="skip")
        return
    assert resume_of(path, batch_size=size).agrees
    again.run(resume="skip")
    assert [sample for batch in again.trained for sample in batch] == list(range({7: 0, 10: 9, 13: 18}[at], 20))


@pytest.mark.parametrize(("size", "number"), [(3, 2), (3, 3), (3, 5), (2, 3), (1, 3), (6, 3), (1, 9)])
def test_a_skip_of_so_many_batches(tmp_path: Path, size: int, number: int) -> None:
    _, path = saved(tmp_path)
    check = resume_of(path, batch_size=size, skip_first_batches=number)
    again = Loop.made(batch_size=size)
    again.accelerator.load_state(str(path))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", sb.StepbridgeWarning)
        for _ in again.clock.epochs():
            left = skip_first_batches(again.loader, number)
            for batch in again.clock.batches(left, resume="continues"):
                again.batch(batch)
    trained = [sample for batch in again.trained for sample in batch]
    begins = min(size * number, 20)
    assert trained == list(range(begins, 20))
    assert (int(check.repeated), int(check.left_out)) == (max(9 - begins, 0), max(begins - 9, 0))
    if trained:
        assert [str(one.message) for one in caught] == ([] if check.agrees else [f"clock: {check}"])


@pytest.mark.parametrize("size", [3, 2, 6, 10])
def test_a_loader_with_a_state(tmp_path: Path, size: int) -> None:
    _, path = saved(tmp_path, **STATEFUL)
    check = resume_of(path, batch_size=size)
    again = Loop.made(batch_size=size, **STATEFUL)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", sb.StepbridgeWarning)
        again.accelerator.load_state(str(path))
    assert [str(one.message) for one in caught] == ([] if check.agrees else [f"clock: {check}"])
    begins = min(size * 3, 20)
    assert [int(value) for batch in again.loader for value in batch[:, 0]][: 20 - begins] == list(range(begins, 20))
    assert (int(check.repeated), int(check.left_out)) == (max(9 - begins, 0), max(begins - 9, 0))
    # Prepared without a state, the loop says it.
    assert "A loop with clock.batches" in str(resume_of(path, stateful="false", batch_size=1))
    assert where(path).stdout.endswith("That is the same point.\n")


def test_an_order_that_is_drawn_anew(tmp_path: Path) -> None:
    def made(*, seedable: bool) -> Loop:
        torch.manual_seed(0)
        loop = Loop.made(dataloader_config=DataLoaderConfiguration(use_seedable_sampler=seedable), accumulate=1)
        data: Any = torch.arange(20.0).reshape(20, 1)
        shuffled = torch.utils.data.DataLoader(data, batch_size=3, shuffle=True)
        loop.loader = loop.accelerator.prepare(shuffled)
        return loop

    for seedable, sentence in (
        (True, "The loader begins in the order of epoch 0, unless loader.set_epoch(1) comes before"),
        (False, "The loader shuffles, and draws another order"),
    ):
        loop = made(seedable=seedable)
        for _ in loop.clock.epochs():
            for batch in loop.clock.batches(loop.loader):
                loop.batch(batch)
                if loop.clock.batch == 10:
                    loop.accelerator.save_state(str(tmp_path / str(seedable)))
        check = resume_of(tmp_path / str(seedable), batch_size=3)
        assert (check.agrees, check.repeated) == (False, None)
        assert f"{sentence}, so which samples are trained again, and which never, is not known" in str(check)


def older(path: Path) -> Path:
    """The same without what an earlier version did not save."""
    file = path / "custom_checkpoint_0.pkl"
    torch.save({"stepbridge": torch.load(file, weights_only=True)["stepbridge"]}, file)
    return path


def test_a_checkpoint_of_an_earlier_version(tmp_path: Path) -> None:
    first, path = saved(tmp_path)
    older(path)
    again = Loop.made()
    again.accelerator.load_state(str(path))
    assert again.run(resume="skip").trained == first.trained[10:]
    assert resume_of(path, batch_size=9, world_size=1).agrees
    assert resume_of(path, batch_size=1, world_size=3).agrees
    with pytest.raises(sb.TimelineError, match="how many ranks shared a batch: give batch_size and world_size"):
        resume_of(path, batch_size=9)
    assert "where a resume goes on is for the loop to say" in where(path).stdout


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ("rank=2", "stateful, skip_first_batches"),
        ("batch_size=0", "expected a whole number of 1 or more"),
        ("skip_first_batches=-1", "expected a whole number of 0 or more"),
        ("split_batches=1", "expected true or false"),
        ("stateful=true", "so none goes on by it"),
    ],
)
def test_an_argument_that_decides_nothing(tmp_path: Path, changes: str, end: str) -> None:
    _, path = saved(tmp_path)
    name, _, value = changes.partition("=")
    with pytest.raises(sb.TimelineError, match=f"{end}$"):
        resume_of(path, **{name: value})


def test_a_loader_with_a_state_that_is_skipped_too(tmp_path: Path) -> None:
    _, path = saved(tmp_path, **STATEFUL)
    with pytest.raises(sb.TimelineError, match="would leave out more"):
        resume_of(path, skip_first_batches=3)


def test_a_clock_that_is_made_again_takes_the_place_of_the_first(tmp_path: Path) -> None:
    """A cell that runs again leaves one clock in the checkpoint: the last one."""
    loop = Loop.made(epochs=1)
    first, again = loop.clock, clock_for(loop.accelerator, loop.loader, epochs=1)
    for _ in again.epochs():
        for _batch in again.batches(loop.loader):
            pass
    loop.accelerator.save_state(str(tmp_path))
    assert [path.name for path in tmp_path.glob("custom_checkpoint_*")] == ["custom_checkpoint_0.pkl"]
    clock = read_checkpoint(tmp_path).clock
    assert clock is not None
    assert (clock.batch, first.batch) == (7, 0)


def test_an_earlier_clock_that_counts_on_is_named(tmp_path: Path) -> None:
    loop = Loop.made(epochs=1)
    clock_for(loop.accelerator, loop.loader, epochs=1)
    loop.run()
    with pytest.warns(sb.StepbridgeWarning, match="take the clock that clock_for returned last"):
        loop.accelerator.save_state(str(tmp_path))


def test_a_batch_size_that_is_searched_for(tmp_path: Path) -> None:
    """Each try prepares a loader and makes a clock; what is saved is the one that trained, and it loads again."""
    loop = Loop.made(epochs=1)
    accelerator = loop.accelerator

    def attempt(batch_size: int) -> sb.StepClock:
        accelerator.free_memory()
        data: Any = torch.arange(20.0).reshape(20, 1)
        loader = accelerator.prepare(torch.utils.data.DataLoader(data, batch_size=batch_size))
        clock = clock_for(accelerator, loader, epochs=1)
        for _ in clock.epochs():
            for batch in clock.batches(loader):
                if len(batch) > 5:
                    raise RuntimeError("CUDA out of memory.")
        return clock

    del loop
    for size in (20, 10):
        with pytest.raises(RuntimeError, match="out of memory"):
            attempt(size)
    assert attempt(5).batch == 4
    accelerator.save_state(str(tmp_path))
    clock = read_checkpoint(tmp_path).clock
    assert clock is not None
    assert (clock.batch, clock.sample) == (4, 20)
