"""`stepbridge where` of a checkpoint of Ignite: what it says of a resume is what the engine then does."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import torch
from ignite.engine import Engine
from torchdata.stateful_dataloader import StatefulDataLoader

import stepbridge as sb
from adapters.ignite_training import Loop
from stepbridge.checkpoints import read_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::Warning")


def saved(folder: Path, state: dict[str, Any]) -> Path:
    """A file as `DiskSaver` writes it."""
    path = folder / "checkpoint_10.pt"
    torch.save(state, path)
    return path


def where(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What the command prints, in a process that has no PyTorch."""
    script = (
        "import sys; sys.modules['torch'] = sys.modules['ignite'] = None\n"
        "import runpy; sys.argv[0] = 'stepbridge'; runpy.run_module('stepbridge', run_name='__main__')"
    )
    return subprocess.run(
        [sys.executable, "-c", script, "where", str(path), *arguments], capture_output=True, text=True, check=False
    )


def test_what_it_prints(tmp_path: Path) -> None:
    path = saved(tmp_path, Loop.made().saved_at(10))
    done = where(path)
    assert done.stdout.splitlines() == [
        f"{path}: a checkpoint of Ignite",
        "  its counters: trainer.iteration 10, trainer.epoch_length 7, trainer.max_epochs 2",
        "  the run has done: step 3, applied 3, batch 10, sample 29 (epoch 1, sample 9)",
        "  its arguments: batch_size=3, world_size=1, batches=7, stateful=False",
        (
            "  a resume: Ignite resumes at epoch 1, sample 0; the run has trained 29 samples (epoch 1, sample 9). "
            "9 samples will be trained again. 8 samples will never be trained. Cause: the loader begins the epoch "
            "again, and Ignite counts on from batch 3. Remedy: save at the end of an epoch and resume from there, or "
            "give the trainer a torchdata.stateful_dataloader.StatefulDataLoader, and save and load it too."
        ),
    ]
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("iteration", "first", "now"),
    [
        (10, {}, {}),
        (7, {}, {}),
        (7, {}, {"batch_size": 2}),
        (10, {}, {"batch_size": 2}),
        (10, {}, {"batch_size": 6}),
        (7, {}, {"batch_size": 5}),
        (10, {"loader": StatefulDataLoader}, {}),
        (10, {"loader": StatefulDataLoader}, {"batch_size": 2}),
        (7, {"loader": StatefulDataLoader}, {}),
        (10, {"loading": {"shuffle": True}}, {}),
    ],
    ids=str,
)
def test_it_is_what_the_engine_does(tmp_path: Path, iteration: int, first: dict[str, Any], now: dict[str, Any]) -> None:
    given: dict[str, Any] = {"accumulate": 1, **first}
    state = Loop.made(**given).saved_at(iteration, epochs=3)
    check = read_checkpoint(saved(tmp_path, state)).resume({name: str(value) for name, value in now.items()})
    again = Loop.made(**{**given, **now}).load(state)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again.run(None)
    assert str(check) == str(again.counting.check)


def test_a_stateful_loader_whose_state_is_elsewhere(tmp_path: Path) -> None:
    path = saved(tmp_path, Loop.made(accumulate=1, loader=StatefulDataLoader).saved_at(10))
    assert read_checkpoint(path).resume({}).agrees
    assert int(read_checkpoint(path).resume({"stateful": "false"}).repeated or 0) == 9


def test_a_finished_run(tmp_path: Path) -> None:
    """Ignite begins it again."""
    state = Loop.made(accumulate=1).saved_at(14)
    path = saved(tmp_path, state)
    done = where(path)
    assert "the run is finished, after 2 epochs, and Ignite begins a finished run at iteration 0 again" in done.stdout
    again = Loop.made(accumulate=1).load(state)
    with pytest.warns(sb.StepbridgeWarning, match="resumes at epoch 0, sample 0; the run has trained 40"):
        again.run(2)
    assert len(again.model.trained) == 14
    assert where(path, "--resume-with", "max_epochs=3").stdout.endswith("That is the same point.\n")
    more = Loop.made(accumulate=1, mismatch="raise").load(state).run(3)
    assert more.counting.check is not None
    assert more.counting.check.agrees


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    state = Loop.made(accumulate=1).saved_at(10)
    alone = saved(tmp_path, state["trainer"])
    done = where(alone)
    assert done.returncode == 1
    assert "its counters: iteration 10, epoch_length 7, max_epochs 2" in done.stdout
    assert "the checkpoint has no clock, so which samples are trained is not known" in done.stderr

    # The clock in place of what attach returned.
    done = where(saved(tmp_path, state | {"clock": state["clock"]["clock"]}))
    assert "batch 10, sample 29" in done.stdout
    assert "the batch size and how the loader goes on are not known" in done.stdout

    done = where(saved(tmp_path, state | {"evaluator": Engine(lambda *_: None).state_dict()}))
    assert "several engines, and which one trains is not known" in done.stdout

    done = where(saved(tmp_path, state | {"second": state["clock"]}))
    assert done.returncode == 1
    assert "has 2 clocks (clock, second)" in done.stderr

    # A checkpoint of before does not say how the loader goes on.
    older = {name: part for name, part in state["clock"].items() if name not in ("start", "shuffled")}
    done = where(saved(tmp_path, state | {"clock": older}))
    assert "how the loader goes on are not known" in done.stdout


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ("rank=2", "expected batch_size, world_size, max_epochs, stateful"),
        ("batch_size=0", "expected a whole number of 1 or more"),
        ("stateful=1", "expected true or false"),
        ("stateful=true", "the loader of the checkpoint has no state, so it cannot go on by it"),
    ],
)
def test_an_argument_that_decides_nothing(tmp_path: Path, changes: str, end: str) -> None:
    path = saved(tmp_path, Loop.made(accumulate=1).saved_at(10))
    name, _, value = changes.partition("=")
    with pytest.raises(sb.TimelineError, match=end):
        read_checkpoint(path).resume({name: value})


@pytest.mark.parametrize("entry", [{"later": "x"}, {"arguments": 5}, {"clock": {"version": 1}}])
def test_a_damaged_entry(tmp_path: Path, entry: dict[str, Any]) -> None:
    state = Loop.made(accumulate=1).saved_at(10)
    path = saved(tmp_path, state | {"clock": state["clock"] | entry})
    with pytest.raises(sb.TimelineError, match=r"was not written by an Attachment|the state lacks timeline"):
        read_checkpoint(path)
