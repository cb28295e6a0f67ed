"""The clock of a loop with Accelerate agrees with what was served, synchronised and updated, at every batch."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import torch
from accelerate import Accelerator, skip_first_batches
from accelerate.optimizer import AcceleratedOptimizer
from accelerate.utils import GradientAccumulationPlugin

import stepbridge as sb
from adapters.accelerate_training import Loop, Stream, warned
from stepbridge.adapters.accelerate import clock_for, watch

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::Warning", "error::stepbridge.StepbridgeWarning")

CARRY = GradientAccumulationPlugin(num_steps=3, sync_with_dataloader=False)


@pytest.mark.parametrize(
    ("given", "updates"),
    [
        ({}, [3, 6, 7, 10, 13, 14]),
        ({"accumulate": 1}, list(range(1, 15))),
        ({"gradient_accumulation_plugin": CARRY}, [3, 6, 9, 12]),
        ({"data": Stream()}, [3, 6, 7, 10, 13, 14]),
    ],
    ids=["windows", "each", "carry", "stream"],
)
def test_each_batch(given: dict[str, Any], updates: list[int]) -> None:
    loop = Loop.made(**given).run()
    assert loop.updates == updates
    assert loop.closed == loop.synced
    assert (loop.clock.step, loop.clock.applied, loop.clock.batch) == (len(updates), len(updates), 14)
    if "data" not in given:
        seen = [sum(map(len, loop.trained[: number + 1])) for number in range(14)]
        assert loop.samples == seen


def test_an_epoch_that_is_left() -> None:
    loop = Loop.made(epochs=2)
    for epoch in loop.clock.epochs():
        for index, batch in enumerate(loop.clock.batches(loop.loader)):
            loop.batch(batch)
            if epoch == 0 and index == 3:
                break
    # The window goes on.
    assert loop.updates == [3, 6, 9, 11]
    assert loop.closed == loop.synced


def test_an_evaluation_that_is_left_inside_an_epoch_is_named() -> None:
    loop = Loop.made(epochs=3)
    data: Any = torch.zeros(6, 1)
    other = loop.accelerator.prepare(torch.utils.data.DataLoader(data, batch_size=3))
    with warned() as caught:
        for epoch in loop.clock.epochs():
            for index, batch in enumerate(loop.clock.batches(loop.loader)):
                loop.batch(batch)
                if epoch == 0 and index == 1:
                    for _ in other:
                        break
    # The short update of the first epoch is gone.
    assert loop.updates[:3] == [3, 6, 9]
    assert any("hides the end of the training loader" in str(one.message) for one in caught)


def test_two_accumulations_in_a_batch_are_named() -> None:
    loop = Loop.made(accumulate=2, epochs=1)
    with warned() as caught:
        for _ in loop.clock.epochs():
            for batch in loop.clock.batches(loop.loader):
                with loop.accelerator.accumulate(loop.model):
                    pass
                loop.batch(batch)
    assert any("each accumulate() in a batch counts" in str(one.message) for one in caught)


def test_an_overflow_is_no_update() -> None:
    loop = Loop.made(accumulate=1, epochs=1)
    scaler = torch.amp.GradScaler("cpu")
    model = torch.nn.Linear(1, 1)
    optimizer = AcceleratedOptimizer(torch.optim.SGD(model.parameters(), lr=0.1), scaler=scaler)
    clock = clock_for(loop.accelerator, loop.loader, epochs=1)
    watched = watch(clock, optimizer)
    for _ in clock.epochs():
        for index, batch in enumerate(clock.batches(loop.loader)):
            scale = torch.inf if index == 2 else 1.0
            scaler.scale((model(batch / 20) * scale).mean()).backward()
            optimizer.step()
            optimizer.zero_grad()
            assert optimizer.step_was_skipped == (index == 2)
    assert (clock.step, clock.applied, watched.applied) == (7, 6, 6)


def test_a_clock_that_two_loops_use() -> None:
    loop, other = Loop.made(epochs=1), Loop.made(epochs=1)
    for _ in loop.clock.epochs():
        other.clock = loop.clock
        with pytest.raises(RuntimeError, match="a clock counts one loop"):
            other.run()
        for batch in loop.clock.batches(loop.loader):
            loop.batch(batch)
    assert loop.clock.batch == 7


def test_wrong_use() -> None:
    loop = Loop.made()
    with pytest.raises(TypeError, match=r"takes an accelerate\.Accelerator first"):
        clock_for(loop.loader, loop.accelerator)
    with pytest.raises(TypeError, match=r"a loader that accelerator\.prepare returned"):
        clock_for(loop.accelerator, torch.utils.data.DataLoader(range(3)))  # type: ignore[arg-type]
    with pytest.raises(sb.TimelineError, match="what skip_first_batches returned"):
        clock_for(loop.accelerator, skip_first_batches(loop.loader, 3))
    with pytest.raises(ValueError, match="watched already"):
        watch(loop.clock, loop.optimizer)
    with pytest.raises(TypeError, match="StepClock"):
        watch(loop.accelerator, loop.optimizer)


def test_where(tmp_path: Path) -> None:
    loop = Loop.made(epochs=1).run()
    loop.accelerator.save_state(str(tmp_path))
    command = [sys.executable, "-m", "stepbridge", "where", str(tmp_path)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "a checkpoint of Accelerate" in printed
    assert "accelerator.step 0" in printed
    assert "step 3, applied 3, batch 7, sample 20" in printed
    assert "where a resume goes on is for the loop to say" in printed
    found = json.loads(subprocess.run([*command, "--json"], capture_output=True, text=True, check=True).stdout)
    assert found["done"]["sample"] == 20
    (tmp_path / "custom_checkpoint_0.pkl").unlink()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the checkpoint has no clock" in done.stderr


def test_without_accelerate_it_says_what_to_install() -> None:
    script = "import sys; sys.modules['accelerate'] = None\nimport stepbridge.adapters.accelerate"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "pip install 'stepbridge[accelerate]'" in done.stderr


def test_an_accelerator_saves_nothing_twice(tmp_path: Path) -> None:
    """Another object that is registered keeps its place."""
    loop = Loop.made(epochs=1)
    assert isinstance(loop.accelerator, Accelerator)
    loop.run()
    loop.accelerator.save_state(str(tmp_path))
    assert [path.name for path in tmp_path.glob("custom_checkpoint_*")] == ["custom_checkpoint_0.pkl"]
