"""Every resume of a loop with Accelerate: what is warned of is what the data set then serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import accelerate
import pytest
import torch
from accelerate import Accelerator, DataLoaderConfiguration, skip_first_batches

import stepbridge as sb
from adapters.accelerate_training import Loop, Stream, warned

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::Warning", "error::stepbridge.StepbridgeWarning")


@pytest.mark.parametrize("at", [7, 10, 11])
def test_a_resume(tmp_path: Path, at: int) -> None:
    first = Loop.made()
    for _ in first.clock.epochs():
        for batch in first.clock.batches(first.loader):
            first.batch(batch)
            if first.clock.batch == at:
                first.accelerator.save_state(str(tmp_path))
    second = Loop.made()
    second.accelerator.load_state(str(tmp_path))
    second.run(resume="skip")
    assert second.trained == first.trained[at:]
    # Windows stay aligned; the gradients of an open one are lost.
    assert [at + update for update in second.updates] == [update for update in first.updates if update > at]
    assert second.closed == second.synced
    assert (second.clock.batch, second.clock.sample, second.clock.step) == (14, 40, 6)


def test_a_resume_inside_a_window_with_another_accumulation(tmp_path: Path) -> None:
    first = Loop.made()
    for _ in first.clock.epochs():
        for batch in first.clock.batches(first.loader):
            first.batch(batch)
            if first.clock.batch == 3:
                first.accelerator.save_state(str(tmp_path))
    second = Loop.made(accumulate=2)
    second.accelerator.load_state(str(tmp_path))
    bias = second.model.bias
    moved, before = [], float(bias.detach())
    for _ in second.clock.epochs():
        for batch in second.clock.batches(second.loader, resume="skip"):
            second.batch(batch)
            # The gradient of the bias is 1, the rate 0.1.
            moved.append(round((before - float(bias.detach())) / 0.1, 4))
            before = float(bias.detach())
    assert second.closed == second.synced
    # Its count goes on at 3, so the first batch alone makes an update, worth one of two.
    assert moved[:4] == [0.5, 0.0, 1.0, 0.5]
    assert second.updates[:3] == [1, 3, 4]


def test_a_resumed_plain_loader_is_asked_for(tmp_path: Path) -> None:
    first = Loop.made(epochs=1)
    for _ in first.clock.epochs():
        for batch in first.clock.batches(first.loader):
            first.batch(batch)
            if first.clock.batch == 3:
                first.accelerator.save_state(str(tmp_path))
    second = Loop.made(epochs=1)
    second.accelerator.load_state(str(tmp_path))
    with pytest.raises(sb.TimelineError, match="say what the loader does"):
        second.run()


def test_a_stateful_loader_goes_on(tmp_path: Path) -> None:
    config = DataLoaderConfiguration(use_stateful_dataloader=True)
    first = Loop.made(dataloader_config=config)
    for _ in first.clock.epochs():
        for batch in first.clock.batches(first.loader):
            first.batch(batch)
            if first.clock.batch == 10:
                first.accelerator.save_state(str(tmp_path))
    second = Loop.made(dataloader_config=config)
    second.accelerator.load_state(str(tmp_path))
    second.run()
    assert second.trained == first.trained[10:]
    assert second.clock.sample == 40


def test_a_stateful_loader_with_another_batch_size_is_named(tmp_path: Path) -> None:
    """It goes on after 3 batches of 2, at sample 6, where 9 are trained."""
    config = DataLoaderConfiguration(use_stateful_dataloader=True)
    first = Loop.made(dataloader_config=config)
    for _ in first.clock.epochs():
        for batch in first.clock.batches(first.loader):
            first.batch(batch)
            if first.clock.batch == 10:
                first.accelerator.save_state(str(tmp_path))
    second = Loop.made(batch_size=2, dataloader_config=config)
    with pytest.warns(sb.StepbridgeWarning) as caught:
        second.accelerator.load_state(str(tmp_path))
    (said,) = [str(one.message) for one in caught if one.category is sb.StepbridgeWarning]
    assert said == (
        "clock: Accelerate resumes at epoch 1, sample 6; the run has trained 29 samples (epoch 1, sample 9). 3 samples "
        "will be trained again. Cause: samples a batch over all ranks 3 -> 2, the stateful loader goes on after 3 "
        "batches, whatever their size. Remedy: prepare the loader without use_stateful_dataloader, and take "
        'clock.batches(loader, resume="skip"); or resume with the batch size and the ranks of the checkpoint.'
    )
    assert [int(value) for value in next(iter(second.loader))[:, 0]] == [6, 7]
    third = Loop.made(batch_size=2, dataloader_config=config, options={"mismatch": "raise"})
    with pytest.raises(sb.TimelineError, match="3 samples will be trained again"):
        third.accelerator.load_state(str(tmp_path))


def test_a_resume_by_skip_first_batches(tmp_path: Path) -> None:
    """The loop makes the loader of what is left by itself, and says that it continues."""
    first = Loop.made()
    for _ in first.clock.epochs():
        for batch in first.clock.batches(first.loader):
            first.batch(batch)
            if first.clock.batch == 10:
                first.accelerator.save_state(str(tmp_path))
    second = Loop.made()
    second.accelerator.load_state(str(tmp_path))
    for _ in second.clock.epochs():
        left = skip_first_batches(second.loader, second.clock.position.iter)
        for batch in second.clock.batches(left, resume="continues"):
            second.batch(batch)
    assert second.trained == first.trained[10:]
    assert (second.clock.batch, second.clock.sample) == (14, 40)


def resumed_at_10(folder: Path, **options: Any) -> tuple[Loop, Loop]:
    """A loop that was saved after batch 10, which is sample 9 of epoch 1; and one that goes on there."""
    first = Loop.made()
    for _ in first.clock.epochs():
        for batch in first.clock.batches(first.loader):
            first.batch(batch)
            if first.clock.batch == 10:
                first.accelerator.save_state(str(folder))
    second = Loop.made(**options)
    second.accelerator.load_state(str(folder))
    return first, second


@pytest.mark.parametrize(
    ("given", "number", "begins"),
    [
        ({}, 2, 6),
        ({}, 5, 15),
        ({"batch_size": 2}, 3, 6),
        ({"batch_size": 1}, 3, 3),
        ({"batch_size": 6}, 3, 18),
        ({"batch_size": 1}, 9, 9),
    ],
    ids=str,
)
def test_a_skip_of_other_batches_is_named(tmp_path: Path, given: dict[str, Any], number: int, begins: int) -> None:
    """`skip_first_batches` counts in the batches of its loader, so that n is right for one batch size alone."""
    _, loop = resumed_at_10(tmp_path, **given)
    clock = loop.clock
    with warned() as caught:
        for epoch in clock.epochs():
            left = skip_first_batches(loop.loader, number) if epoch == 1 else loop.loader
            for batch in clock.batches(left, resume="continues"):
                # It is said before the first batch is trained.
                assert loop.trained or len(caught) == (begins != 9)
                loop.batch(batch)
    # The data set is the judge.
    trained = [sample for batch in loop.trained for sample in batch]
    assert trained == list(range(begins, 20))
    again, missing = max(9 - begins, 0), max(begins - 9, 0)
    assert (int(clock.repeated), int(clock.left_out)) == (again, missing)
    assert clock.sample == 29 + len(trained)
    assert clock.position == (2, 0)
    if begins == 9:
        assert caught == []
        return
    (said,) = [str(one.message) for one in caught]
    assert f"The loader resumes at epoch 1, sample {begins}; the run has trained 29 samples (epoch 1, sample 9)" in said
    assert f"{again or missing} samples will {'be trained again' if again else 'never be trained'}" in said
    assert "skip_first_batches left out other batches" in said
    assert caught[0].filename == __file__


def test_a_skip_of_other_batches_is_refused(tmp_path: Path) -> None:
    _, loop = resumed_at_10(tmp_path, options={"mismatch": "raise"})
    loop.loader = skip_first_batches(loop.loader, 2)
    with pytest.raises(sb.TimelineError, match="3 samples will be trained again"):
        loop.run(resume="continues")
    assert loop.trained == []
    assert loop.clock.batch == 10


@pytest.mark.parametrize(("seedable", "same"), [(False, False), (True, False), (True, True)])
def test_a_skip_over_another_shuffle_is_named(tmp_path: Path, seedable: bool, same: bool) -> None:
    """A loader that shuffles begins the epoch in another order, unless its seed and its epoch are the same."""
    config = DataLoaderConfiguration(use_seedable_sampler=seedable)

    def made(seed: int) -> Loop:
        torch.manual_seed(seed)
        loop = Loop.made(dataloader_config=config, accumulate=1)
        loop.loader = loop.accelerator.prepare(
            torch.utils.data.DataLoader(torch.arange(20.0).reshape(20, 1), batch_size=3, shuffle=True)  # type: ignore[arg-type]
        )
        return loop

    first = made(0)
    for _ in first.clock.epochs():
        for batch in first.clock.batches(first.loader):
            first.batch(batch)
            if first.clock.batch == 10:
                first.accelerator.save_state(str(tmp_path))
    second = made(0)
    second.accelerator.load_state(str(tmp_path))
    if same:
        second.loader.set_epoch(1)
    with warned() as caught:
        second.run(resume="skip")
    # The data set is the judge.
    assert (second.trained == first.trained[10:]) == same
    assert len(caught) == (not same)
    assert all("which are not those that are done" in str(one.message) for one in caught)


def test_a_skip_in_every_epoch_is_named(tmp_path: Path) -> None:
    """The loader of what is left is taken for the next epoch as well."""
    first = Loop.made(epochs=3)
    for _ in first.clock.epochs():
        for batch in first.clock.batches(first.loader):
            first.batch(batch)
            if first.clock.batch == 10:
                first.accelerator.save_state(str(tmp_path))
    second = Loop.made(epochs=3)
    second.accelerator.load_state(str(tmp_path))
    left = skip_first_batches(second.loader, 3)
    with warned() as caught:
        for _ in second.clock.epochs():
            for batch in second.clock.batches(left, resume="continues"):
                second.batch(batch)
    (said,) = [str(one.message) for one in caught]
    assert "The loader resumes at epoch 2, sample 9; the run has trained 40 samples (epoch 2, sample 0)" in said
    assert "9 samples will never be trained" in said
    assert (second.clock.sample, int(second.clock.left_out)) == (51, 9)


def test_a_skip_of_a_stream_is_named(tmp_path: Path) -> None:
    first = Loop.made(data=Stream())
    for _ in first.clock.epochs():
        for batch in first.clock.batches(first.loader):
            first.batch(batch)
            if first.clock.batch == 10:
                first.accelerator.save_state(str(tmp_path))
    second = Loop.made(data=Stream())
    second.accelerator.load_state(str(tmp_path))
    with warned() as caught:
        for _ in second.clock.epochs():
            for batch in second.clock.batches(skip_first_batches(second.loader, 2), resume="continues"):
                second.batch(batch)
    assert second.trained == first.trained[9:]
    (said,) = [str(one.message) for one in caught]
    assert "The loader resumes at epoch 1, batch 2" in said
    assert "1 batch will be trained again" in said


def test_the_gradients_of_an_open_window_are_lost(tmp_path: Path) -> None:
    """The window goes on aligned, and its update is worth what is left of it: 2 of 3 batches."""
    moved = {}
    for at in (9, 10):
        loop = Loop.made(epochs=2)
        for _ in loop.clock.epochs():
            for batch in loop.clock.batches(loop.loader):
                loop.batch(batch)
                if loop.clock.batch == at + 1:
                    loop.accelerator.save_state(str(tmp_path / str(at)))
        again = Loop.made(epochs=2)
        again.accelerator.load_state(str(tmp_path / str(at)))
        bias = again.model.bias
        before = float(bias.detach())
        for _ in again.clock.epochs():
            for batch in again.clock.batches(again.loader, resume="skip"):
                again.batch(batch)
                if again.updates:
                    break
            break
        # The gradient of the bias is 1, the rate 0.1.
        moved[at] = (before - float(bias.detach())) / 0.1
    assert moved == {9: pytest.approx(1.0), 10: pytest.approx(2 / 3)}


def test_a_stateful_loader_that_was_saved_in_its_last_batch(tmp_path: Path) -> None:
    config = DataLoaderConfiguration(use_stateful_dataloader=True)
    first = Loop.made(dataloader_config=config)
    for _ in first.clock.epochs():
        for batch in first.clock.batches(first.loader):
            first.batch(batch)
            if first.clock.batch == 7:
                first.accelerator.save_state(str(tmp_path))
    second = Loop.made(dataloader_config=config)
    second.accelerator.load_state(str(tmp_path))
    second.run()
    assert second.trained == first.trained[7:]
    assert (second.clock.sample, second.clock.step) == (40, 6)


def saved_by(loop: Loop, folder: Path) -> Path:
    """What a loop saved at its end."""
    loop.run()
    loop.accelerator.save_state(str(folder))
    return folder


def test_a_checkpoint_of_another_run(tmp_path: Path) -> None:
    """Training goes on, unless that was refused."""
    path = saved_by(Loop.made(epochs=1, data=torch.arange(30.0).reshape(30, 1)), tmp_path)
    again = Loop.made(epochs=2)
    with warned() as caught:
        again.accelerator.load_state(str(path))
    (said,) = [str(one.message) for one in caught]
    assert "another plan" in said
    assert "samples=30 there, 20 here" in said
    assert "Training goes on" in said
    assert caught[0].filename == __file__
    again.run()
    assert again.trained[0] == [0, 1, 2]
    assert again.clock.sample == 30 + sum(map(len, again.trained))
    strict = Loop.made(epochs=2, options={"mismatch": "raise"})
    with pytest.raises(sb.TimelineError, match="another plan"):
        strict.accelerator.load_state(str(path))


def test_a_state_of_a_newer_version(tmp_path: Path) -> None:
    path = saved_by(Loop.made(epochs=1), tmp_path)
    file = path / "custom_checkpoint_0.pkl"
    state = torch.load(file, weights_only=True)
    state["stepbridge"]["version"] = 99
    torch.save(state, file)
    with pytest.raises(sb.TimelineError, match="newer stepbridge: upgrade"):
        Loop.made(epochs=1).accelerator.load_state(str(path))


@pytest.mark.skipif(
    tuple(map(int, accelerate.__version__.split(".")[:2])) < (1, 15), reason="older versions shuffle it as epoch 0"
)
def test_a_skip_in_a_later_epoch_keeps_its_order() -> None:
    """Accelerate before its pull request 4071 shuffled what `skip_first_batches` returned as epoch 0."""
    accelerator = Accelerator(cpu=True, dataloader_config=DataLoaderConfiguration(use_seedable_sampler=True))

    def made() -> Any:
        torch.manual_seed(1)
        return accelerator.prepare(torch.utils.data.DataLoader(range(20), 3, shuffle=True))  # type: ignore[arg-type]

    def served(loader: Any) -> list[int]:
        return [int(number) for batch in loader for number in batch]

    whole, other = made(), made()
    first, second = served(whole), served(whole)
    assert served(other) == first != second
    assert served(skip_first_batches(other, 3)) == second[9:]
