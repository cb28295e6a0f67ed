"""A clock that is attached to an engine agrees with what was trained and updated, at every batch."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import torch
from ignite.engine import Engine, Events, create_supervised_trainer
from ignite.handlers import Checkpoint, DiskSaver

import stepbridge as sb
from adapters.ignite_training import DATA, Loop, Model, Stream
from stepbridge.adapters.ignite import attach, every, global_step

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::Warning", "error::stepbridge.StepbridgeWarning")


@pytest.mark.parametrize(
    ("given", "updates"),
    [
        ({}, [3, 6, 9, 12]),
        ({"accumulate": 1}, list(range(1, 15))),
        ({"accumulate": 4}, [4, 8, 12]),
        ({"data": Stream()}, [3, 6, 9, 12]),
    ],
    ids=["windows", "each", "four", "stream"],
)
def test_each_batch(given: dict[str, Any], updates: list[int]) -> None:
    loop = Loop.made(**given).run()
    assert loop.updates == loop.closed == updates
    clock = loop.clock
    assert (clock.step, clock.applied, clock.batch) == (len(updates), len(updates), 14)
    assert loop.done_in_epoch == [(epoch, index) for epoch in range(2) for index in range(7)]
    if "data" not in given:
        assert loop.samples == loop.passed
    assert clock.position == (2, 0)


def test_events() -> None:
    """The iteration counts from 1 and moves before the batch, the epoch at its start."""
    loop = Loop.made()
    seen: list[tuple[str, int, int, int]] = []
    for name in (
        "STARTED",
        "EPOCH_STARTED",
        "ITERATION_STARTED",
        "ITERATION_COMPLETED",
        "EPOCH_COMPLETED",
        "COMPLETED",
    ):

        def note(engine: Engine, name: str) -> None:
            seen.append((name, len(loop.model.trained), engine.state.iteration, engine.state.epoch))

        loop.engine.add_event_handler(getattr(Events, name), note, name)
    loop.run()
    assert seen[:4] == [
        ("STARTED", 0, 0, 0),
        ("EPOCH_STARTED", 0, 0, 1),
        ("ITERATION_STARTED", 0, 1, 1),
        ("ITERATION_COMPLETED", 1, 1, 1),
    ]
    assert seen[-2:] == [("EPOCH_COMPLETED", 14, 14, 2), ("COMPLETED", 14, 14, 2)]


def test_the_batch_at_hand_is_counted_before_the_update_function() -> None:
    seen: list[tuple[int, bool]] = []
    clock = sb.StepClock(accumulate=2, boundary="carry")
    engine = Engine(lambda _engine, _batch: seen.append((clock.batch, clock.closes_step)))
    attach(engine, clock)
    engine.run([[1], [2], [3]], max_epochs=1)
    assert seen == [(1, False), (2, True), (3, False)]


@pytest.mark.parametrize(("boundary", "closes"), [("carry", [3, 6, 9, 12]), ("flush", [3, 6, 7, 10, 13, 14])])
def test_an_update_function_of_ones_own(boundary: Any, closes: list[int]) -> None:
    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)

    def update(engine: Engine, batch: Any) -> None:
        (-model(batch[0]).mean()).backward()
        iteration = engine.state.iteration if boundary == "carry" else (engine.state.iteration - 1) % 7 + 1
        if iteration % 3 == 0 or (boundary == "flush" and iteration == 7):
            optimizer.step()
            optimizer.zero_grad()

    loader = torch.utils.data.DataLoader(DATA, batch_size=3)
    loop = Loop.around(Engine(update), model, optimizer, 3, loader, None, {"boundary": boundary}).run()
    assert loop.updates == loop.closed == closes


def test_what_the_clock_states_holds() -> None:
    clock = sb.StepClock(samples=40, batch_size=6, accumulate=2, boundary="drop", on_cut="drop")
    engine = Engine(lambda *_: None)
    attach(engine, clock)
    engine.run([0] * 7, max_epochs=1)
    assert clock.sample == 40
    assert (clock.plan.segments[0].boundary, clock.plan.segments[0].on_cut) == ("drop", "drop")


@pytest.mark.parametrize(("length", "epochs"), [(5, [5, 10]), (10, [10])])
def test_another_epoch_length(length: int, epochs: list[int]) -> None:
    """21 samples: all batches are alike, so samples count, in epochs of that many batches."""
    data = torch.utils.data.TensorDataset(torch.arange(21.0).reshape(21, 1), torch.zeros(21, 1))
    loop = Loop.made(data=data)
    ends: list[int] = []
    loop.engine.add_event_handler(Events.EPOCH_COMPLETED, lambda: ends.append(loop.clock.batch))
    loop.run(len(epochs), epoch_length=length)
    assert ends == epochs
    assert loop.samples == loop.passed
    assert loop.clock.position == (len(epochs), 0)


def test_another_epoch_length_over_a_partial_batch() -> None:
    loop = Loop.made()
    with pytest.warns(sb.StepbridgeWarning, match=r"epoch_length: expected 7, .* seen 5: .*samples are not counted"):
        loop.run(2, epoch_length=5)
    assert (loop.clock.sample, loop.clock.batch, loop.clock.position) == (None, 10, (2, 0))
    assert sum(map(len, loop.model.trained)) == 29


def test_max_iters() -> None:
    loop = Loop.made()
    if not hasattr(loop.engine.state, "max_iters"):
        pytest.skip("this version of Ignite has no max_iters")
    loop.engine.run(loop.loader, max_iters=9)
    assert (loop.clock.batch, loop.clock.step, loop.clock.sample) == (9, 3, 26)
    assert loop.samples == loop.passed


def test_no_data() -> None:
    clock = sb.StepClock()
    engine = Engine(lambda *_: None)
    attach(engine, clock)
    engine.run(max_epochs=2, epoch_length=4)
    assert (clock.batch, clock.position, clock.sample) == (8, (2, 0), None)


def test_an_epoch_that_is_left() -> None:
    loop = Loop.made()
    loop.engine.add_event_handler(Events.ITERATION_COMPLETED(once=4), loop.engine.terminate_epoch)
    loop.run(3)
    # The window goes on, and the data begin anew.
    assert loop.updates == loop.closed == [3, 6, 9, 12, 15, 18]
    assert loop.samples == loop.passed
    assert loop.done_in_epoch[3:6] == [(0, 3), (1, 0), (1, 1)]
    assert loop.clock.position == (3, 0)
    assert loop.clock.timeline.segments[0].cut


def test_a_run_that_is_ended() -> None:
    loop = Loop.made()
    loop.engine.add_event_handler(Events.ITERATION_COMPLETED(once=4), loop.engine.terminate)
    loop.run(3)
    assert (loop.clock.batch, loop.clock.in_epoch) == (4, True)
    loop.run(3)
    # The next epoch was entered, and its data began anew.
    assert loop.model.trained[4] == [0, 1, 2]
    assert loop.samples == loop.passed
    assert loop.updates == loop.closed
    assert loop.done_in_epoch[4] == (1, 0)


def test_until_ends_the_run() -> None:
    loop = Loop.made(options={"until": "10ba"}).run(5)
    assert (len(loop.model.trained), loop.clock.batch) == (10, 10)


def test_further_runs() -> None:
    loop = Loop.made().run(1)
    loop.run(2)
    assert (loop.clock.batch, loop.clock.position) == (14, (2, 0))
    loop.engine.state.max_epochs = None
    loop.run(1)
    assert loop.engine.state.iteration == 7
    assert (loop.clock.batch, loop.clock.position) == (21, (3, 0))
    assert loop.samples == loop.passed


def test_an_interrupted_run() -> None:
    loop = Loop.made()
    if not hasattr(loop.engine, "interrupt"):
        pytest.skip("this version of Ignite has no interrupt")
    Engine.interrupt_resume_enabled = True
    loop.engine.add_event_handler(Events.ITERATION_COMPLETED(once=4), loop.engine.interrupt)
    loop.run()
    assert loop.clock.batch == 4
    loop.run()
    assert loop.samples == loop.passed
    assert (loop.clock.batch, loop.clock.step) == (14, 4)


def test_a_batch_that_is_never_trained_is_named() -> None:
    loop = Loop.made()
    loop.engine.add_event_handler(Events.ITERATION_STARTED(once=4), loop.engine.terminate)
    with pytest.warns(sb.StepbridgeWarning, match="counted and whose iteration did not end"):
        loop.run()
    assert len(loop.model.trained) == 3


def test_an_exception_that_a_handler_takes() -> None:
    clock = sb.StepClock()

    def update(engine: Engine, _batch: Any) -> None:
        if engine.state.iteration == 3:
            raise ValueError

    engine = Engine(update)
    attach(engine, clock)
    engine.add_event_handler(Events.EXCEPTION_RAISED, lambda *_: None)
    with pytest.warns(sb.StepbridgeWarning, match="whose iteration did not end"):
        engine.run([0] * 5, max_epochs=2)
    assert clock.location.epoch == 1


def test_an_exception_goes_through() -> None:
    clock = sb.StepClock()
    engine = Engine(lambda *_: 1 / 0)
    attach(engine, clock)
    with pytest.raises(ZeroDivisionError):
        engine.run([0] * 5)


def test_a_run_that_an_exception_ended() -> None:
    """Without `interrupt_resume_enabled`; with it a further `run` of Ignite 0.5.5 trains nothing."""
    loop = Loop.made(accumulate=1)
    loop.engine.interrupt_resume_enabled = False

    def fail() -> None:
        if len(loop.model.trained) == 4 and loop.engine.last_event_name == Events.ITERATION_COMPLETED:
            raise ValueError

    loop.engine.add_event_handler(Events.ITERATION_COMPLETED, fail)
    with pytest.raises(ValueError, match=r"^$"):
        loop.run(3)
    with pytest.warns(sb.StepbridgeWarning, match="Ignite resumes at epoch 1, sample 0; the run has trained 12"):
        loop.run(3)
    assert loop.samples == loop.passed
    assert loop.done_in_epoch[3:5] == [(0, 3), (1, 0)]
    # The engine enters the next epoch, at the batch of the one before.
    assert int(loop.clock.left_out) == 8 + 11


def test_an_engine_that_evaluates_moves_nothing() -> None:
    loop = Loop.made()
    evaluator = Engine(lambda *_: None)
    loop.engine.add_event_handler(Events.ITERATION_COMPLETED(every=2), lambda: evaluator.run([0] * 3))
    loop.run()
    assert (loop.clock.batch, loop.clock.step) == (14, 4)


def test_skipped_updates() -> None:
    """The scaler leaves out the update of the window with sample 10."""
    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=1.0)

    def update(_engine: Engine, batch: Any) -> None:
        scale = torch.inf if 10 in batch[0] else 1.0
        scaler.scale((-model(batch[0]) * scale).mean()).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()

    loader = torch.utils.data.DataLoader(DATA, batch_size=3)
    loop = Loop.around(Engine(update), model, optimizer, 1, loader, None, {"scaler": scaler}).run()
    assert (loop.clock.step, loop.clock.applied) == (14, 12)


@pytest.mark.parametrize(
    ("quantity", "due"), [("1ep", [7, 14]), ("0.5ep", [4, 7, 11, 14]), ("2st", [6, 12]), ("9sp", [3, 6, 10, 13])]
)
def test_handlers_in_any_unit(quantity: str, due: list[int]) -> None:
    loop = Loop.made()
    fired: list[int] = []
    loop.engine.add_event_handler(
        Events.ITERATION_COMPLETED(event_filter=every(loop.clock, quantity)), lambda: fired.append(loop.clock.batch)
    )
    loop.run()
    assert fired == due


def test_epochs_of_unknown_length_are_due_at_their_ends() -> None:
    loop = Loop.made(data=Stream())
    fired: list[int] = []
    loop.engine.add_event_handler(
        Events.EPOCH_COMPLETED(event_filter=every(loop.clock, "1ep")), lambda: fired.append(loop.clock.batch)
    )
    loop.run()
    assert fired == [7, 14]


def test_the_step_of_loggers(tmp_path: Path) -> None:
    loop = Loop.made(options={"ledger": tmp_path / "run"})
    steps = global_step(loop.clock), global_step(loop.clock, "sample")
    logged: list[tuple[int, ...]] = []
    loop.engine.add_event_handler(
        Events.EPOCH_COMPLETED, lambda engine: logged.append(tuple(step(engine, "epoch") for step in steps))
    )
    loop.run()
    assert logged == [(2, 20), (4, 40)]
    assert sb.Timeline.from_ledger(tmp_path / "run") == loop.clock.timeline


def test_a_checkpoint_on_disk(tmp_path: Path) -> None:
    loop = Loop.made()
    parts = {"trainer": loop.engine, "clock": loop.counting, "model": loop.model, "optimizer": loop.optimizer}
    saver = Checkpoint(
        parts,
        DiskSaver(str(tmp_path), require_empty=False),
        n_saved=None,
        global_step_transform=global_step(loop.clock, "batch"),
    )
    loop.engine.add_event_handler(Events.ITERATION_COMPLETED(event_filter=every(loop.clock, "1ep")), saver)
    loop.run()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint_14.pt", "checkpoint_7.pt"]
    again = Loop.made()
    parts = {"trainer": again.engine, "clock": again.counting, "model": again.model, "optimizer": again.optimizer}
    Checkpoint.load_objects(parts, torch.load(tmp_path / "checkpoint_7.pt", weights_only=True))
    fired: list[int] = []
    again.engine.add_event_handler(
        Events.ITERATION_COMPLETED(event_filter=every(again.clock, "1ep")), lambda: fired.append(again.clock.batch)
    )
    again.run(None)
    assert (again.clock.batch, again.clock.sample, again.clock.step) == (14, 40, 4)
    # The window that was open at the checkpoint goes on, without its gradients.
    assert again.updates == [2, 5]
    assert fired == [14]
    assert again.counting.check is not None
    assert again.counting.check.agrees


def test_wrong_use() -> None:
    loop = Loop.made()
    with pytest.raises(sb.TimelineError, match="attached to this engine already"):
        attach(loop.engine, loop.clock)
    with pytest.raises(sb.TimelineError, match="attached to another engine already"):
        attach(Engine(lambda *_: None), loop.clock)
    with pytest.raises(TypeError, match=r"takes an ignite\.engine\.Engine first"):
        attach(loop.clock, loop.engine)
    with pytest.raises(TypeError, match="StepClock"):
        attach(loop.engine, loop.engine)
    with pytest.raises(sb.TimelineError, match='"warn" or "raise"'):
        attach(loop.engine, sb.StepClock(), mismatch="stop")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"torch\.optim\.Optimizer"):
        attach(loop.engine, sb.StepClock(), loop.model)
    with pytest.raises(TypeError, match="StepClock"):
        every(loop.engine, "1ep")
    with pytest.raises(ValueError, match="1xx"):
        every(loop.clock, "1xx")
    with pytest.raises(sb.TimelineError, match="Attachment"):
        loop.counting.load_state_dict(loop.clock.state_dict())
    clock, engine = sb.StepClock(), Engine(lambda *_: None)
    attach(engine, clock, loop.optimizer).remove()
    engine.run([0] * 3)
    assert clock.batch == 0
    attach(Engine(lambda *_: None), clock)


def test_without_ignite_it_says_what_to_install() -> None:
    script = "import sys; sys.modules['ignite'] = None\nimport stepbridge.adapters.ignite"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "pip install 'stepbridge[ignite]'" in done.stderr


def test_a_plain_import_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", sb.StepbridgeWarning)
        trainer = create_supervised_trainer(Model(), None, None)
    assert isinstance(trainer, Engine)
