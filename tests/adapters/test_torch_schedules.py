"""Schedules in the clock's units, against PyTorch's own schedulers driven by hand in a plain loop."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.optim import lr_scheduler

import stepbridge as sb
from stepbridge.adapters.torch import ClockLambdaLR, ClockLR, drive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Older versions of PyTorch's SequentialLR call their schedulers in the way that PyTorch itself warns about.
pytestmark = pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step:UserWarning")


def sgd(lr: float = 1.0) -> torch.optim.SGD:
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=lr)


def rates(optimizer: torch.optim.Optimizer, scheduler: Any, clock: sb.StepClock, **options: Any) -> list[float]:
    """The rate that each batch was trained with; the scheduler is stepped after each, as the docs say."""
    used = []
    for _ in clock.epochs():
        for _ in clock.batches(range(5), **options):
            used.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        scheduler.step()  # once more at the end is harmless
    return used


def by_hand(make: Callable[[Any], Any], epochs: int, per: str) -> list[float]:
    """The textbook loop of 5 batches an epoch, where `per` says where scheduler.step() stands."""
    optimizer = sgd()
    scheduler = make(optimizer)
    used = []
    for _ in range(epochs):
        for _ in range(5):
            used.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if per == "batch":
                scheduler.step()
        if per == "epoch":
            scheduler.step()
    return used


SCHEDULERS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "StepLR": (lambda o: lr_scheduler.StepLR(o, 2, 0.5), "epoch"),
    "MultiStepLR": (lambda o: lr_scheduler.MultiStepLR(o, [1, 3]), "epoch"),
    "ExponentialLR": (lambda o: lr_scheduler.ExponentialLR(o, 0.9), "epoch"),
    "CosineAnnealingLR": (lambda o: lr_scheduler.CosineAnnealingLR(o, 4), "epoch"),
    "OneCycleLR": (lambda o: lr_scheduler.OneCycleLR(o, 1.0, total_steps=21), "batch"),
    "LinearLR": (lambda o: lr_scheduler.LinearLR(o, 0.1, total_iters=7), "batch"),
    "CosineAnnealingWarmRestarts": (lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 3), "batch"),
    "SequentialLR": (
        lambda o: lr_scheduler.SequentialLR(
            o, [lr_scheduler.LinearLR(o, 0.1, total_iters=6), lr_scheduler.CosineAnnealingLR(o, 14)], [6]
        ),
        "batch",
    ),
    "ChainedScheduler": (
        lambda o: lr_scheduler.ChainedScheduler(
            [lr_scheduler.ConstantLR(o, 0.1, total_iters=2), lr_scheduler.ExponentialLR(o, 0.9)]
        ),
        "epoch",
    ),
}
EVERY = {"epoch": "1ep", "batch": "1st"}


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_driven_scheduler_is_that_of_the_plain_loop(name: str) -> None:
    make, per = SCHEDULERS[name]
    optimizer, clock = sgd(), sb.StepClock(batches_per_epoch=5, epochs=4)
    used = rates(optimizer, drive(make(optimizer), clock, EVERY[per]), clock)
    assert used == by_hand(make, 4, per)


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("stop", [3, 5, 12])
def test_a_driven_scheduler_resumes(name: str, stop: int, tmp_path: Path) -> None:
    make, per = SCHEDULERS[name]

    def fresh() -> tuple[Any, Any, sb.StepClock]:
        optimizer, clock = sgd(), sb.StepClock(batches_per_epoch=5, epochs=4)
        return optimizer, drive(make(optimizer), clock, EVERY[per]), clock

    optimizer, scheduler, clock = fresh()
    used: list[float] = []
    for _ in clock.epochs():
        for _ in clock.batches(range(5)):
            used.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
            if clock.batch == stop:
                break
        if clock.batch == stop:
            break
    parts = {"optimizer": optimizer, "scheduler": scheduler, "clock": clock}
    torch.save({key: part.state_dict() for key, part in parts.items()}, tmp_path / "c.pt")

    optimizer, scheduler, clock = fresh()
    state = torch.load(tmp_path / "c.pt", weights_only=True)
    optimizer.load_state_dict(state["optimizer"])
    scheduler.load_state_dict(state["scheduler"])
    clock.load_state_dict(state["clock"])
    used += rates(optimizer, scheduler, clock, resume="skip")
    assert used == by_hand(make, 4, per)


def test_a_jump_steps_as_often_as_was_crossed() -> None:
    optimizer, clock = sgd(), sb.StepClock(batches_per_epoch=5, epochs=4)
    scheduler = drive(lr_scheduler.ExponentialLR(optimizer, 0.5), clock, "2ba")
    calls = []
    for _ in clock.epochs():
        for done in (4, 1):  # fused executions
            clock.advance(done)
            optimizer.step()
            scheduler.step()
            calls.append(scheduler.scheduler.last_epoch)
        clock.end_epoch()
    assert calls == [batch // 2 for batch in (4, 5, 9, 10, 14, 15, 19, 20)]


def test_a_driven_scheduler_where_the_length_is_learned() -> None:
    optimizer, clock = sgd(), sb.StepClock()
    scheduler = drive(lr_scheduler.ExponentialLR(optimizer, 0.5), clock, "1ep")
    used = []
    for epoch in clock.epochs(3):
        for _ in clock.batches(iter(range(epoch + 2))):
            used.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        scheduler.step()
    assert used == [1.0] * 2 + [0.5] * 3 + [0.25] * 4


def test_with_accumulation_a_step_is_an_update() -> None:
    optimizer, clock = sgd(), sb.StepClock(batches_per_epoch=5, epochs=2, accumulate=2)
    scheduler = drive(lr_scheduler.ExponentialLR(optimizer, 0.5), clock, "1st")
    for _ in clock.epochs():
        for _ in clock.batches(range(5)):
            if clock.closes_step:
                optimizer.step()
            scheduler.step()
            assert scheduler.scheduler.last_epoch == clock.step
    assert scheduler.get_last_lr() == [0.5**6]


def test_plateaus_get_their_metric() -> None:
    optimizer, clock = sgd(), sb.StepClock(batches_per_epoch=5, epochs=6)
    scheduler = drive(lr_scheduler.ReduceLROnPlateau(optimizer, patience=1), clock, "1ep")
    for _ in clock.epochs():
        for _ in clock.batches(range(5)):
            optimizer.step()
        scheduler.step(1.0)
    assert scheduler.get_last_lr() == pytest.approx([0.01])


def test_a_scheduler_that_somebody_else_steps_is_told_once() -> None:
    optimizer, clock = sgd(), sb.StepClock(batches_per_epoch=5, epochs=2)
    scheduler = drive(lr_scheduler.ExponentialLR(optimizer, 0.5), clock, "1ep")

    def train() -> None:
        for _ in clock.epochs():
            for _ in clock.batches(range(5)):
                optimizer.step()
                scheduler.scheduler.step()
                scheduler.step()

    with pytest.warns(sb.StepbridgeWarning) as warned:
        train()
    assert len(warned) == 1
    assert "the last_epoch of ExponentialLR: expected 0, seen 1" in str(warned[0].message)


def test_what_cannot_be_driven() -> None:
    optimizer = sgd()
    with pytest.raises(TypeError, match="LRScheduler, not SGD"):
        drive(optimizer, sb.StepClock())  # type: ignore[arg-type]
    scheduler = lr_scheduler.StepLR(optimizer, 2)
    with pytest.raises(TypeError, match="StepClock, not int"):
        drive(scheduler, 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no end"):
        drive(scheduler, sb.StepClock(), "10%")


# --- ClockLambdaLR ---------------------------------------------------------------------------------------------


def samples(batch: int) -> int:
    """Five batches an epoch, of which the last has 2 samples and each other one 4."""
    return batch // 5 * 18 + batch % 5 * 4


def steps(batch: int) -> int:
    """Two batches a step, and a short one at the end of each epoch of five."""
    return sum(1 for done in range(1, batch + 1) if (done - 1) % 5 in {1, 3, 4})


@pytest.mark.parametrize(
    ("unit", "position"),
    [
        ("step", steps),
        ("batch", lambda batch: batch),
        ("sample", samples),
        ("epoch", lambda batch: Fraction(samples(batch), 18)),
        ("duration", lambda batch: Fraction(samples(batch), 72)),
    ],
)
def test_the_function_gets_the_position(unit: Any, position: Any) -> None:
    optimizer, clock = sgd(), sb.StepClock(samples=18, batch_size=4, epochs=4, accumulate=2)
    got: list[Any] = []

    def note(at: Any) -> float:
        got.append(at)
        return 1.0

    rates(optimizer, ClockLambdaLR(optimizer, clock, note, unit=unit), clock)
    expected = [position(0)]
    for batch in range(1, 21):
        expected += [position(batch)] * (2 if batch % 5 == 0 else 1)
    assert got == expected
    assert all(type(at) in {int, Fraction} for at in got)


def test_it_is_lambda_lr_in_another_unit() -> None:
    def decay(epoch: Any) -> float:
        return 0.9 ** int(epoch)

    optimizer, clock = sgd(0.3), sb.StepClock(batches_per_epoch=5, epochs=4)
    scheduler = ClockLambdaLR(optimizer, clock, decay, unit="epoch")
    assert isinstance(scheduler, lr_scheduler.LRScheduler)
    used = rates(optimizer, scheduler, clock)
    plain = sgd(0.3)
    reference = lr_scheduler.LambdaLR(plain, decay)
    expected = []
    for _ in range(4):
        expected += [plain.param_groups[0]["lr"]] * 5
        plain.step()
        reference.step()
    assert used == expected
    assert scheduler.get_last_lr() == reference.get_last_lr()


def test_a_schedule_may_follow_before_the_first_update() -> None:
    optimizer, clock = sgd(), sb.StepClock(batches_per_epoch=4, epochs=1, accumulate=2)
    scheduler = ClockLambdaLR(optimizer, clock, lambda batch: 1 / (1 + batch), unit="batch")
    for _ in clock.epochs():
        for _ in clock.batches(range(4)):
            if clock.closes_step:
                optimizer.step()
            scheduler.step()  # PyTorch's warning would be an error here
            assert scheduler.get_last_lr() == [1 / (1 + clock.batch)]


def test_one_function_for_each_group() -> None:
    weights = [torch.nn.Parameter(torch.ones(1)) for _ in range(2)]
    groups = [{"params": weights[:1], "lr": 1.0}, {"params": weights[1:], "lr": torch.tensor(2.0)}]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    clock = sb.StepClock(batches_per_epoch=5, epochs=1)
    scheduler = ClockLambdaLR(optimizer, clock, [lambda step: 1 + step, lambda step: 0.5**step])
    rates(optimizer, scheduler, clock)
    assert [float(rate) for rate in scheduler.get_last_lr()] == [6.0, 2.0 * 0.5**5]
    with pytest.raises(ValueError, match="1 functions for 2 parameter groups"):
        ClockLambdaLR(optimizer, clock, [float])


def test_a_fraction_of_an_epoch_of_unknown_length() -> None:
    optimizer, clock = sgd(), sb.StepClock()
    scheduler = ClockLambdaLR(optimizer, clock, float, unit="epoch")
    for _ in clock.epochs(1):
        for _ in clock.batches(iter(range(2))):
            optimizer.step()
            with pytest.raises(ValueError, match=r"how much of the epochs is done cannot be known: .*length"):
                scheduler.step()
            break


@pytest.mark.parametrize("kind", ["lambda", "phases"])
def test_its_state_is_data_and_round_trips(kind: str, tmp_path: Path) -> None:
    def fresh() -> tuple[Any, Any, sb.StepClock]:
        optimizer, clock = sgd(0.7), sb.StepClock(batches_per_epoch=5, epochs=4)
        scheduler: Any = (
            ClockLambdaLR(optimizer, clock, lambda step: 1 / (1 + step))
            if kind == "lambda"
            else ClockLR(optimizer, clock, [("7st", 1.0, "linear"), ("100%", 0.0, "cosine")], start=0.1)
        )
        return optimizer, scheduler, clock

    optimizer, scheduler, clock = fresh()
    whole = rates(optimizer, scheduler, clock)
    optimizer, scheduler, clock = fresh()
    used = []
    for _ in clock.epochs():
        for _ in clock.batches(range(5)):
            used.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
            if clock.batch == 8:
                break
        if clock.batch == 8:
            break
    parts = {"optimizer": optimizer, "scheduler": scheduler, "clock": clock}
    torch.save({key: part.state_dict() for key, part in parts.items()}, tmp_path / "c.pt")
    optimizer, scheduler, clock = fresh()
    state = torch.load(tmp_path / "c.pt", weights_only=True)
    assert scheduler.state_dict().keys() == state["scheduler"].keys()
    for key, part in (("optimizer", optimizer), ("scheduler", scheduler), ("clock", clock)):
        part.load_state_dict(state[key])
    assert scheduler.get_last_lr() == [whole[8]]
    assert used + rates(optimizer, scheduler, clock, resume="skip") == whole


# --- ClockLR ---------------------------------------------------------------------------------------------------


def test_a_warmup_in_steps_then_a_cosine_to_the_end() -> None:
    optimizer, clock = sgd(0.5), sb.StepClock(batches_per_epoch=5, epochs=4)
    scheduler = ClockLR(optimizer, clock, [("8st", 1.0, "linear"), ("4ep", 0.1, "cosine"), ("5ep", 0, "hold")], start=0)
    used = rates(optimizer, scheduler, clock)
    expected = [
        0.5 * (step / 8 if step < 8 else 1 + (0.1 - 1) * (1 - math.cos(math.pi * (step - 8) / 12)) / 2)
        for step in range(20)
    ]
    assert used == pytest.approx(expected, abs=1e-12)
    assert scheduler.get_last_lr() == pytest.approx([0.05])


def test_it_is_pytorchs_warmup_and_cosine() -> None:
    optimizer, clock = sgd(), sb.StepClock(batches_per_epoch=5, epochs=4)
    used = rates(optimizer, ClockLR(optimizer, clock, [("6st", 1, "linear"), ("100%", 0, "cosine")], start=0.1), clock)
    plain = sgd()
    reference = lr_scheduler.SequentialLR(
        plain, [lr_scheduler.LinearLR(plain, 0.1, total_iters=6), lr_scheduler.CosineAnnealingLR(plain, 14)], [6]
    )
    expected = []
    for _ in range(20):
        expected.append(plain.param_groups[0]["lr"])
        plain.step()
        reference.step()
    assert used == pytest.approx(expected, abs=1e-9)


def test_hold_is_a_staircase() -> None:
    optimizer, clock = sgd(), sb.StepClock(batches_per_epoch=5, epochs=4)
    used = rates(optimizer, ClockLR(optimizer, clock, [("1ep", 0.1, "hold"), ("12ba", 0.01, "hold")]), clock)
    assert used == [1.0] * 5 + [0.1] * 7 + [0.01] * 8


def test_an_end_in_epochs_stays_where_it_is_when_the_batch_size_changes() -> None:
    optimizer, clock = sgd(), sb.StepClock(samples=40, batch_size=4, epochs=4)
    scheduler = ClockLR(optimizer, clock, [("4ep", 0.0, "linear")])
    for epoch in clock.epochs():
        if epoch == 2:
            clock.change(batch_size=8)
        for _ in clock.batches(range(10 if epoch < 2 else 5)):
            optimizer.step()
            scheduler.step()
        assert scheduler.get_last_lr() == [1 - (epoch + 1) / 4]


def test_a_phase_that_begins_inside_an_accumulation_window() -> None:
    optimizer, clock = sgd(), sb.StepClock(batches_per_epoch=5, epochs=4, accumulate=2, boundary="carry")
    scheduler = ClockLR(optimizer, clock, [("1ep", 0.5, "hold"), ("10st", 0.0, "linear")])
    used = rates(optimizer, scheduler, clock)
    # One epoch is 2 steps and a pending batch: from there 8 steps to the end.
    assert used[:5] == [1.0] * 5
    assert used[5:] == [0.5 * (1 - (batch // 2 - 2) / 8) for batch in range(5, 20)]


@pytest.mark.parametrize(
    ("phases", "error", "text"),
    [
        ([], ValueError, "phases is empty"),
        ([("5st", 1.0, "square")], ValueError, "unknown shape 'square'"),
        ([(5, 1.0, "linear")], TypeError, "the end of a phase needs a unit"),
        ([("x", 1.0, "linear")], ValueError, "x"),
    ],
)
def test_phases_that_cannot_be(phases: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        ClockLR(sgd(), sb.StepClock(batches_per_epoch=5, epochs=1), phases)


def test_a_schedule_without_a_clock() -> None:
    with pytest.raises(TypeError, match="StepClock, not SGD"):
        ClockLR(sgd(), sgd(), [("5st", 1.0, "linear")])  # type: ignore[arg-type]


# --- among PyTorch's own ---------------------------------------------------------------------------------------


def test_in_a_sequential_lr() -> None:
    optimizer, clock = sgd(), sb.StepClock(batches_per_epoch=5, epochs=4)
    ours = ClockLambdaLR(optimizer, clock, lambda epoch: 1 - epoch / 4, unit="epoch")
    warmup = lr_scheduler.ConstantLR(optimizer, 0.25, total_iters=100)
    scheduler = lr_scheduler.SequentialLR(optimizer, [warmup, ours], [6])
    used = []
    for _ in clock.epochs():
        for _ in clock.batches(range(5)):
            used.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
    assert used == pytest.approx([0.25] * 6 + [1 - batch / 20 for batch in range(6, 20)])


def test_first_in_a_sequential_lr() -> None:
    optimizer, clock = sgd(), sb.StepClock(batches_per_epoch=5, epochs=2)
    ours = ClockLambdaLR(optimizer, clock, lambda step: (1 + step) / 4)
    then = lr_scheduler.ExponentialLR(optimizer, 0.5)
    scheduler = lr_scheduler.SequentialLR(optimizer, [ours, then], [3])
    used = []
    for _ in clock.epochs():
        for _ in clock.batches(range(5)):
            used.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
    assert used[:3] == [0.25, 0.5, 0.75]
    plain = sgd()
    reference = lr_scheduler.SequentialLR(
        plain, [lr_scheduler.LambdaLR(plain, lambda s: (1 + s) / 4), lr_scheduler.ExponentialLR(plain, 0.5)], [3]
    )
    expected = []
    for _ in range(10):
        expected.append(plain.param_groups[0]["lr"])
        plain.step()
        reference.step()
    assert used == expected


@pytest.mark.parametrize("ours_first", [True, False])
def test_chained_to_another(ours_first: bool) -> None:
    optimizer, clock = sgd(), sb.StepClock(batches_per_epoch=5, epochs=2)
    ours = ClockLambdaLR(optimizer, clock, lambda step: 1 / (1 + step))
    decay = lr_scheduler.ExponentialLR(optimizer, 0.9)
    chained = lr_scheduler.ChainedScheduler([ours, decay] if ours_first else [decay, ours])
    used = []
    for _ in clock.epochs():
        for _ in clock.batches(range(5)):
            used.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            chained.step()
    assert used == pytest.approx([0.9**step / (1 + step) for step in range(10)])
