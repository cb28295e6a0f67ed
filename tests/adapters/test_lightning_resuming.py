"""Every resume of a real Trainer of Lightning: what is warned of is what the data set then serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lightning
import pytest
import torch

import stepbridge as sb
from adapters.lightning_training import QUIET, Data, Model, Run, Stream, loader_of, make_trainer, train
from stepbridge.adapters.lightning import ClockCallback, ClockCheckpoint
from stepbridge.checkpoints import read_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

VERSION = tuple(map(int, lightning.__version__.split(".")[:2]))

pytestmark = [
    pytest.mark.filterwarnings(*QUIET),
    pytest.mark.skipif(VERSION < (2, 6), reason="counters of a resume were others before"),
]


def saved(folder: Path, at: int | str, **options: Any) -> tuple[Path, Run]:
    """A checkpoint after a batch, counted from 1, or at the end of epoch 0."""
    path = folder / "saved.ckpt"
    where: dict[str, Any] = {"save_at": {at: path}} if isinstance(at, int) else {"save_epoch": {0: path}}
    return path, train(**where, **options)


def agrees(run: Run, *, batches: int, samples: int, steps: int) -> None:
    """Compares the clock of a resumed run with what was served, trained and updated since."""
    for event in run.watcher.events:
        expected = (batches + event.trained, samples + event.samples, steps + event.updates, event.closes)
        assert event.clock == expected, event
    assert run.counting.clock.step == run.trainer.global_step


#: The checkpoint, what the run was like, what is different, the samples that are then trained: as measured.
ROWS: dict[str, tuple[int | str, dict[str, Any], dict[str, Any], list[int]]] = {
    "mid-epoch, plain loader": (10, {}, {}, list(range(12))),
    "mid-epoch, batch 2": (10, {}, {"batch_size": 2}, list(range(14))),
    "mid-epoch, batch 6": (10, {}, {"batch_size": 6}, list(range(6))),
    "mid-epoch, batch 10": (10, {}, {"batch_size": 10}, list(range(20))),
    "mid-epoch, k 1": (10, {}, {"accumulate": 1}, list(range(12))),
    "mid-epoch, k 2": (10, {}, {"accumulate": 2}, list(range(12))),
    "mid-epoch, StatefulDataLoader": (10, {"stateful": True}, {}, list(range(9, 20))),
    "mid-epoch, StatefulDataLoader, batch 2": (10, {"stateful": True}, {"batch_size": 2}, list(range(9, 20))),
    "inside a window": (11, {}, {}, list(range(9))),
    "inside a window, k 2": (11, {}, {"accumulate": 2}, list(range(9))),
    "inside a window, StatefulDataLoader": (11, {"stateful": True}, {}, list(range(12, 20))),
    "end of epoch": ("end", {}, {}, list(range(20))),
    "end of epoch, batch 2": ("end", {}, {"batch_size": 2}, list(range(20))),
    "end of epoch, k 7": ("end", {}, {"accumulate": 7}, list(range(20))),
    "end of epoch, StatefulDataLoader": ("end", {"stateful": True}, {}, list(range(20))),
    "last batch, plain loader": (7, {}, {}, list(range(20))),
    "last batch, batch 2": (7, {}, {"batch_size": 2}, list(range(6))),
    "last batch, StatefulDataLoader, 2 epochs": (7, {"stateful": True}, {}, []),
    "last batch, StatefulDataLoader, 3 epochs": (7, {"stateful": True, "epochs": 3}, {}, list(range(20))),
}
# On 2 ranks: test_lightning_ranks.py.


@pytest.mark.parametrize("row", ROWS)
def test_the_warning_is_what_happens(tmp_path: Path, row: str) -> None:
    at, base, changes, trained = ROWS[row]
    path, _ = saved(tmp_path, at, **base)
    run = train(resume=path, **{**base, **changes})
    # The data set is the judge.
    assert run.trained == trained
    done = {7: 0, 10: 9, 11: 12, "end": 0}[at]
    skipped = 20 if base.get("stateful") and at == 7 else 0
    again = len(set(range(done)) & set(trained))
    missing = skipped or len(set(range(done, 20)) - set(trained))
    clock, check = run.counting.clock, run.counting.check
    assert len(run.warned) == (1 if again or missing else 0)
    assert (int(clock.repeated), int(clock.left_out)) == (again, missing)
    if check is not None:
        assert (check.repeated, check.left_out) == (sb.Exact(again, "sp"), sb.Exact(missing, "sp"))
        assert check.agrees == (not again and not missing)
    whole, inside, steps = {7: (7, 0, 3), 10: (10, 9, 4), 11: (11, 12, 4), "end": (7, 0, 3)}[at]
    agrees(run, batches=whole, samples=20 + inside, steps=steps)


@pytest.mark.parametrize("row", [name for name, row in ROWS.items() if row[0] in (7, 10)])
def test_it_can_be_refused(tmp_path: Path, row: str) -> None:
    at, base, changes, trained = ROWS[row]
    path, _ = saved(tmp_path, at, **base)
    counting = ClockCallback(mismatch="raise")
    right = {10: list(range(9, 20)), 7: list(range(20))}[int(at)]
    if trained == right and base.get("epochs") is None:
        train(counting, resume=path, **{**base, **changes})
        return
    model = Model()
    with pytest.raises(sb.TimelineError, match="Lightning resumes at"):
        train(counting, model=model, resume=path, **{**base, **changes})
    assert model.trained == []


@pytest.mark.parametrize("row", ROWS)
def test_where_says_the_same(tmp_path: Path, row: str) -> None:
    """`stepbridge where CHECKPOINT --resume-with ...`, without a Trainer."""
    at, base, changes, _ = ROWS[row]
    path, _ = saved(tmp_path, at, **base)
    run = train(resume=path, **{**base, **changes})
    names = {"accumulate": "accumulate_grad_batches"}
    found = read_checkpoint(path).resume({names.get(name, name): str(value) for name, value in changes.items()})
    if run.counting.check is not None:
        assert str(found) == str(run.counting.check)
    else:
        assert found.agrees


def test_the_gradients_of_an_open_window_are_lost(tmp_path: Path) -> None:
    """Saved after batch 11, one batch into a window: its update is worth two of three, and windows stay aligned."""
    path, _ = saved(tmp_path, 11)
    model = Model()
    run = train(model=model, resume=path)
    assert run.model.updates == [2, 3]
    # 4 updates before were worth 1, 1, 1/3 and 1; after it 2/3 and the flush of the last batch, 1/3.
    assert float(model.weight.detach()) == pytest.approx(3 + 1 / 3 + 2 / 3 + 1 / 3)


def test_an_epoch_that_begins_without_its_hook(tmp_path: Path) -> None:
    """After a checkpoint of an epoch's last batch, and in mid-epoch, `on_train_epoch_start` never comes."""

    class Starts(lightning.Callback):  # type: ignore[misc]  # mypy does not read Lightning
        def __init__(self) -> None:
            self.seen: list[int] = []

        def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
            self.seen.append(trainer.current_epoch)

    for at in (7, 10):
        path, _ = saved(tmp_path, at, epochs=3)
        starts = Starts()
        run = train(ClockCallback(), starts, resume=path, epochs=3)
        assert (starts.seen, run.counting.clock.position) == ([2], sb.Position(epoch=3, iter=0))


def test_the_sentence(tmp_path: Path) -> None:
    path, _ = saved(tmp_path, 10)
    assert train(resume=path, batch_size=2).warned == [
        (
            "clock: Lightning resumes at epoch 1, sample 0; the run has trained 29 samples (epoch 1, sample 9). "
            "9 samples will be trained again. 6 samples will never be trained. Cause: batch_size 3 -> 2, the loader "
            "begins the epoch again, and Lightning counts on from batch 3. Remedy: give the Trainer a "
            "torchdata.stateful_dataloader.StatefulDataLoader, or save at the end of an epoch."
        )
    ]


def test_a_shuffle_that_is_drawn_anew_is_not_called_the_same_samples(tmp_path: Path) -> None:
    path, _ = saved(tmp_path, 10, shuffle=True)
    run = train(resume=path, shuffle=True)
    assert len(run.warned) == 1
    assert "these are amounts and which samples is not known" in run.warned[0]
    agrees(run, batches=10, samples=29, steps=4)


def test_a_stream_begins_again(tmp_path: Path) -> None:
    path, _ = saved(tmp_path, 10, data=Stream())
    run = train(resume=path, data=Stream())
    assert run.trained == list(range(20))
    assert len(run.warned) == 1
    assert "3 batches will be trained again" in run.warned[0]
    assert int(run.counting.clock.repeated) == 3
    for event in run.watcher.events:
        assert event.clock == (10 + event.trained, None, 4 + event.updates, event.closes)


def test_a_stateful_loader_over_a_stream_leaves_out_what_was_read_ahead(tmp_path: Path) -> None:
    path, _ = saved(tmp_path, 10, data=Stream(), stateful=True)
    run = train(resume=path, data=Stream(), stateful=True)
    # Samples 9 to 11 are never trained.
    assert run.trained == list(range(12, 20))
    assert run.warned == [
        (
            "clock: Lightning resumes at epoch 1, batch 4; the run has trained 10 batches (epoch 1, batch 3). 1 batch "
            "will never be trained. Cause: Lightning reads one batch ahead where the data have no length, and the "
            "loader counts it as done. Remedy: save at the end of an epoch, and resume from there."
        )
    ]
    assert int(run.counting.clock.left_out) == 1
    for event in run.watcher.events:
        assert event.clock == (10 + event.trained, None, 4 + event.updates, event.closes)
    # Batches of another size: the loader leaves out as many, which is another sample.
    run = train(resume=path, data=Stream(), stateful=True, batch_size=2)
    assert run.trained == list(range(8, 20))
    assert len(run.warned) == 1
    assert "is not known. Cause: batch_size 3 -> 2" in run.warned[0]
    run = train(resume=saved(tmp_path, "end", data=Stream(), stateful=True)[0], data=Stream(), stateful=True)
    assert (run.trained, run.warned) == (list(range(20)), [])


def test_the_end_of_an_epoch_with_max_steps(tmp_path: Path) -> None:
    """Lightning trains a batch more of the epoch that ended, and an epoch less."""
    path, _ = saved(tmp_path, "end", epochs=3)
    run = train(resume=path, epochs=3, max_steps=100)
    assert run.trained == [0, 1, 2, *range(20)]
    # It is said once, with what to do.
    assert len(run.warned) == 1
    assert "Cause: with max_steps Lightning takes the epoch that ended for one that is running" in run.warned[0]
    assert "Remedy: resume without max_steps, with max_epochs alone." in run.warned[0]
    assert "3 samples will be trained again. 20 samples will never be trained." in run.warned[0]
    clock = run.counting.clock
    assert (clock.batch, clock.sample, clock.applied) == (7 + 8, 43, 3 + len(run.model.updates))
    assert (int(clock.repeated), int(clock.left_out)) == (3, 0)
    for event in run.watcher.events:
        assert event.clock == (7 + event.trained, 20 + event.samples, 3 + event.updates, event.closes), event
    assert str(read_checkpoint(path).resume({"max_steps": "100"})) == str(run.counting.check)


def test_limited_epochs(tmp_path: Path) -> None:
    path, _ = saved(tmp_path, 7, limit_train_batches=5)
    run = train(resume=path, limit_train_batches=5)
    assert run.trained == list(range(9))
    assert (int(run.counting.clock.repeated), int(run.counting.clock.left_out)) == (6, 6)
    agrees(run, batches=7, samples=21, steps=2)


def test_a_resume_of_a_resume(tmp_path: Path) -> None:
    """The clock's place and Lightning's stay together after a resume that was wrong."""
    path, _ = saved(tmp_path, 10, epochs=3)
    again = tmp_path / "again.ckpt"
    first = train(resume=path, epochs=3, save_at={6: again})
    assert first.trained == [*range(12), *range(20)]
    second = train(resume=again, epochs=3)
    # Saved in epoch 2, batch 2.
    assert second.trained == list(range(15))
    assert len(second.warned) == 1
    agrees(second, batches=16, samples=47, steps=6)


def test_a_resume_after_an_epoch_that_was_left(tmp_path: Path) -> None:
    path, _ = saved(tmp_path, "end", stop_at=4)
    run = train(resume=path)
    assert run.warned == []
    assert run.trained == list(range(20))
    agrees(run, batches=4, samples=12, steps=1)


def test_a_checkpoint_of_the_clock_goes_on_exactly(tmp_path: Path) -> None:
    """It saves once an epoch is over: also with another batch size, and a loader with a state."""
    for stateful in (False, True):
        counting = ClockCallback()
        saving = ClockCheckpoint(counting, "1ep", dirpath=tmp_path / str(stateful), save_top_k=-1)
        train(counting, saving, stateful=stateful, epochs=2)
        path = next((tmp_path / str(stateful)).glob("epoch=0*.ckpt"))
        for batch_size in (3, 2):
            run = train(ClockCallback(mismatch="raise"), resume=path, stateful=stateful, batch_size=batch_size)
            assert run.trained == list(range(20))
            agrees(run, batches=7, samples=20, steps=3)


def test_a_checkpoint_without_a_clock(tmp_path: Path) -> None:
    path = tmp_path / "plain.ckpt"
    plain = make_trainer(ClockCallback(), max_epochs=1)
    plain.callbacks.pop(0)
    plain.fit(Model(), loader_of(Data(), 3))
    plain.save_checkpoint(path)
    checkpoint = torch.load(path, weights_only=False)
    assert "stepbridge" not in checkpoint["callbacks"]
    run = train(resume=path)
    assert run.trained == list(range(20))
    assert len(run.warned) == 1
    assert "the checkpoint has no clock" in run.warned[0]
    agrees(run, batches=7, samples=20, steps=3)
    with pytest.raises(sb.TimelineError, match='mismatch="warn" accepts that'):
        train(ClockCallback(mismatch="raise"), resume=path)


def changed(path: Path, folder: Path, **parts: Any) -> Path:
    """A copy in which parts of the clock's entry are others."""
    checkpoint = torch.load(path, weights_only=False)
    checkpoint["callbacks"]["stepbridge"].update(parts)
    other = folder / "changed.ckpt"
    torch.save(checkpoint, other)
    return other


def test_a_state_of_a_newer_version(tmp_path: Path) -> None:
    path, run = saved(tmp_path, 10)
    state = {**run.counting.clock.state_dict(), "version": 2}
    with pytest.raises(sb.TimelineError, match="newer stepbridge: upgrade"):
        train(resume=changed(path, tmp_path, clock=state))


@pytest.mark.parametrize(
    "parts", [{"clock": 5}, {"place": None}, {"place": {"ready": -1}}, {"later": "x", "clock": []}]
)
def test_a_damaged_entry(tmp_path: Path, parts: dict[str, Any]) -> None:
    path, _ = saved(tmp_path, 10)
    with pytest.raises(sb.TimelineError, match="damaged"):
        train(resume=changed(path, tmp_path, **parts))


def test_a_checkpoint_of_another_run(tmp_path: Path) -> None:
    path, _ = saved(tmp_path, "end")
    run = train(resume=path, data=Data(30))
    assert "samples=20 there, 30 here" in run.warned[0]
    agrees(run, batches=7, samples=20, steps=3)
    with pytest.raises(sb.TimelineError, match="another plan"):
        train(ClockCallback(mismatch="raise"), resume=path, data=Data(30))
