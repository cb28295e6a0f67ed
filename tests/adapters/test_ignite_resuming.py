"""A resume of Ignite: what it trains, and what the clock says of it before it does."""

from __future__ import annotations

import itertools
import warnings
from collections import Counter
from typing import Any

import pytest
import torch
from ignite.engine import DeterministicEngine, Engine
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader

import stepbridge as sb
from adapters import ignite_training
from adapters.ignite_training import DATA, Loop, Model

pytestmark = pytest.mark.filterwarnings("ignore::Warning", "error::stepbridge.StepbridgeWarning")

flat = itertools.chain.from_iterable


def test_what_a_checkpoint_holds() -> None:
    state = Loop.made().saved_at(10)["trainer"]
    assert {name: state[name] for name in ("iteration", "epoch_length", "max_epochs")} == {
        "iteration": 10,
        "epoch_length": 7,
        "max_epochs": 2,
    }


def test_inside_an_epoch_with_a_plain_loader() -> None:
    """The loader begins again, and 4 iterations are run: 9 samples three times, 8 once only."""
    first = Loop.made()
    state = first.saved_at(10)
    before = list(flat(first.model.trained[:10]))
    again = Loop.made().load(state)
    with pytest.warns(sb.StepbridgeWarning) as caught:
        again.run(None)
    (said,) = [str(one.message) for one in caught if one.category is sb.StepbridgeWarning]
    assert said == (
        "clock: Ignite resumes at epoch 1, sample 0; the run has trained 29 samples (epoch 1, sample 9). "
        "9 samples will be trained again. 8 samples will never be trained. Cause: the loader begins the epoch again, "
        "and Ignite counts on from batch 3. Remedy: save at the end of an epoch and resume from there, or give the "
        "trainer a torchdata.stateful_dataloader.StatefulDataLoader, and save and load it too."
    )
    # It points at the line that calls the engine.
    assert [one.filename for one in caught if one.category is sb.StepbridgeWarning] == [ignite_training.__file__]
    assert again.model.trained == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    times = Counter([*before, *flat(again.model.trained)])
    assert sorted(times.values()) == [1] * 8 + [2] * 3 + [3] * 9
    assert again.samples == [29 + 3, 29 + 6, 29 + 9, 29 + 12]
    clock = again.clock
    assert (int(clock.repeated), int(clock.left_out), clock.batch) == (9, 8, 14)
    assert again.updates == again.closed == [2]


def test_it_can_be_refused() -> None:
    state = Loop.made().saved_at(10)
    again = Loop.made(mismatch="raise").load(state)
    with pytest.raises(sb.TimelineError, match="9 samples will be trained again"):
        again.run(None)
    assert again.model.trained == []


def test_the_data_go_on_over_the_ends_of_epochs_after_it() -> None:
    """The loader's iterator does not end with the epoch, so its partial batch comes in the middle of the next one."""
    again = Loop.made().load(Loop.made().saved_at(10, epochs=3))
    with pytest.warns(sb.StepbridgeWarning, match="9 samples will be trained again"):
        again.run(None)
    assert [len(batch) for batch in again.model.trained] == [3, 3, 3, 3, 3, 3, 2, 3, 3, 3, 3]
    assert again.samples == [29 + passed for passed in again.passed]
    assert again.done_in_epoch == [(1, 3), (1, 4), (1, 5), (1, 6), *((2, index) for index in range(7))]
    assert again.clock.position == (3, 0)


@pytest.mark.parametrize("iteration", [7, 10])
def test_another_batch_size(iteration: int) -> None:
    """`epoch_length` stays 7 where the loader has 10 batches: epochs end after 14 of 20 samples."""
    again = Loop.made(batch_size=2).load(Loop.made().saved_at(iteration, epochs=3))
    with pytest.warns(sb.StepbridgeWarning) as caught:
        again.run(None)
    said = next(str(one.message) for one in caught if "Ignite resumes" in str(one.message))
    assert "batch_size 3 -> 2" in said
    assert "epoch_length stays 7, where the loader now has 10 batches" in said
    assert '{"epoch": ..., "epoch_length": 10, "max_epochs": ...}' in said
    left = 21 - iteration
    assert [len(batch) for batch in again.model.trained] == [2] * left
    assert again.clock.batch == 21
    trained = {7: 20, 10: 29}[iteration]
    assert again.samples == [trained + 2 * (number + 1) for number in range(left)]
    if iteration == 7:
        assert "6 samples will never be trained" in said


def test_a_larger_batch_size() -> None:
    """An epoch of 7 batches of 5 is more than a pass over the data."""
    again = Loop.made(batch_size=5).load(Loop.made().saved_at(7))
    with pytest.warns(sb.StepbridgeWarning, match="15 samples will be trained again"):
        again.run(None)
    assert again.samples == [20 + 5 * (number + 1) for number in range(7)]


def test_the_remedy_for_another_batch_size() -> None:
    state = Loop.made(accumulate=1).saved_at(7)
    state["trainer"] = {"epoch": 1, "epoch_length": 10, "max_epochs": 2}
    again = Loop.made(accumulate=1, batch_size=2, mismatch="raise").load(state).run(None)
    assert list(flat(again.model.trained)) == list(range(20))
    assert (again.clock.sample, again.clock.batch) == (40, 17)


def test_another_epoch_length_is_refused_by_ignite() -> None:
    again = Loop.made(batch_size=2).load(Loop.made().saved_at(10))
    with pytest.raises(ValueError, match="epoch_length should be same"):
        again.run(2, epoch_length=10)


def test_inside_a_window_its_gradients_are_lost() -> None:
    """Saved after batch 11, two batches into a window: the update after batch 12 is worth one of three."""
    state = Loop.made().saved_at(11)
    again = Loop.made().load(state)
    before = float(again.model.weight.detach())
    with pytest.warns(sb.StepbridgeWarning, match="Ignite resumes"):
        again.run(None)
    assert again.updates == again.closed == [1]
    assert float(again.model.weight.detach()) - before == pytest.approx(1 / 3)


def test_after_an_epoch_that_was_left() -> None:
    """After 4 batches of the first epoch and 2 of the second, the saved state is loaded as the first epoch."""
    first = Loop.made()

    def leave() -> None:
        if first.engine.state.iteration == 4:
            first.engine.terminate_epoch()

    from ignite.engine import Events  # noqa: PLC0415

    first.engine.add_event_handler(Events.ITERATION_COMPLETED, leave)
    state = first.saved_at(6, epochs=3)
    again = Loop.made().load(state)
    with pytest.warns(sb.StepbridgeWarning) as caught:
        again.run(None)
    said = next(str(one.message) for one in caught if "Ignite resumes" in str(one.message))
    assert "resumes at epoch 0, sample 0; the run has trained 18 samples (epoch 1, sample 6)" in said
    assert "takes the iteration over epoch_length for the epoch" in said
    # 12 were left.
    assert len(again.model.trained) == 15
    assert again.clock.batch == 6 + 15
    assert again.samples == [18 + passed for passed in again.passed]


@pytest.mark.parametrize("iteration", [3, 7, 10, 13])
@pytest.mark.parametrize("shuffle", [False, True])
def test_a_loader_with_a_state(iteration: int, shuffle: bool) -> None:
    loading = {"shuffle": shuffle}
    torch.manual_seed(0)
    first = Loop.made(accumulate=1, loader=StatefulDataLoader, loading=loading)
    state = first.saved_at(iteration)
    torch.manual_seed(0)
    again = Loop.made(accumulate=1, loader=StatefulDataLoader, loading=loading, mismatch="raise").load(state).run(None)
    if iteration % 7:
        rest = [*flat(again.model.trained[: 7 - iteration % 7])]
        epoch = iteration // 7 * 7
        assert sorted([*flat(first.model.trained[epoch:iteration]), *rest]) == list(range(20))
    assert again.samples == [sum(map(len, first.model.trained[:iteration])) + passed for passed in again.passed]
    assert (again.clock.sample, again.clock.batch, again.clock.applied) == (40, 14, 14)
    assert int(again.clock.repeated) == int(again.clock.left_out) == 0


def test_a_loader_with_a_state_and_another_batch_size() -> None:
    """It goes on at sample 9, and its batches of 2 end with one of 1."""
    again = Loop.made(accumulate=1, batch_size=2, loader=StatefulDataLoader)
    again.load(Loop.made(accumulate=1, loader=StatefulDataLoader).saved_at(10, epochs=3))
    with pytest.warns(sb.StepbridgeWarning, match="epoch_length stays 7"):
        again.run(None)
    assert again.model.trained[0] == [9, 10]
    assert again.samples == [29 + passed for passed in again.passed]


def test_a_deterministic_engine_leaves_out_what_is_done() -> None:
    def made(**given: Any) -> Loop:
        model = Model()
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)

        def update(_engine: Engine, batch: Any) -> None:
            (-model(batch[0]).mean()).backward()
            optimizer.step()
            optimizer.zero_grad()

        return Loop.around(DeterministicEngine(update), model, optimizer, 1, DataLoader(DATA, 3), None, given)

    first = made()
    state = first.saved_at(10)
    again = made(mismatch="raise").load(state).run(None)
    assert again.model.trained == first.model.trained[10:]
    assert again.samples == [29 + passed for passed in again.passed]
    assert (again.clock.batch, again.clock.sample) == (14, 40)


def test_a_checkpoint_without_a_clock() -> None:
    state = Loop.made(accumulate=1).saved_at(7)
    again = Loop.made(accumulate=1).load(state, clock=False)
    with pytest.warns(sb.StepbridgeWarning, match="the checkpoint has no clock: it counts from .*epoch 1, batch 0"):
        again.run(None)
    assert (again.clock.batch, again.clock.sample, again.clock.position) == (14, 40, (2, 0))
    refused = Loop.made(accumulate=1, mismatch="raise").load(state, clock=False)
    with pytest.raises(sb.TimelineError, match="the checkpoint has no clock"):
        refused.run(None)


def test_a_checkpoint_without_a_clock_inside_a_window() -> None:
    state = Loop.made().saved_at(10)
    again = Loop.made().load(state, clock=False)
    with pytest.warns(sb.StepbridgeWarning):
        again.run(None)
    assert len(again.model.trained) == 4
    assert again.clock.position == (2, 0)


def test_a_clock_without_its_engine() -> None:
    state = Loop.made().saved_at(10)
    again = Loop.made()
    again.counting.load_state_dict(state["clock"])
    with pytest.warns(sb.StepbridgeWarning, match="Ignite resumes at epoch 0, sample 0; the run has trained 29"):
        again.run(2)
    assert again.samples == [29 + passed for passed in again.passed]


def test_another_runs_checkpoint() -> None:
    other = torch.utils.data.TensorDataset(torch.arange(50.0).reshape(50, 1), torch.zeros(50, 1))
    state = Loop.made(data=other, batch_size=10).saved_at(5)
    again = Loop.made(mismatch="raise").load(state)
    with pytest.raises(sb.TimelineError, match="samples=50 there, 20 here"):
        again.run(None)
    warned = Loop.made().load(state)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", sb.StepbridgeWarning)
        warned.run(None)
    assert "Training goes on" in str(caught[0].message)


def test_a_newer_state() -> None:
    state = Loop.made().saved_at(7)
    state["clock"]["clock"]["version"] = 99
    with pytest.raises(sb.TimelineError, match="newer stepbridge"):
        Loop.made().load(state).run(None)


def test_the_clock_alone_in_the_checkpoint() -> None:
    """It is right where no window is open; where one is, it asks what becomes of it."""
    first = Loop.made(accumulate=1)
    state = first.saved_at(7)
    again = Loop.made(accumulate=1, mismatch="raise").load(state, clock=False)
    again.clock.load_state_dict(state["clock"]["clock"])
    again.run(None)
    assert (again.clock.batch, again.clock.sample) == (14, 40)


def test_what_drop_last_leaves_out_is_not_left_out_by_a_resume() -> None:
    """An epoch trains 18 of the 20 samples: 6 batches."""
    loading = {"drop_last": True}
    again = Loop.made(loading=loading).load(Loop.made(loading=loading).saved_at(10))
    with pytest.warns(sb.StepbridgeWarning, match=r"6 samples will be trained again\. 6 samples will never be trained"):
        again.run(None)
    assert again.model.trained == [[0, 1, 2], [3, 4, 5]]
    assert (int(again.clock.repeated), int(again.clock.left_out)) == (6, 6)
    assert again.counting.check is not None
    assert again.counting.check.left_out == sb.Exact(6, "sp")
