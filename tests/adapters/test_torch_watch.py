"""Real updates, judged by the weights that they changed: scalers, fused kernels, closures, several optimizers."""

from __future__ import annotations

import gc
import math
import pickle
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict

import stepbridge as sb
from stepbridge.adapters.torch import watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch.optim import Optimizer


class Loop:
    """One weight, an optimizer, a scaler if asked for; it counts the steps after which the weight is another."""

    def __init__(self, make: Callable[..., Optimizer] = torch.optim.SGD, **options: Any) -> None:
        self.weight = torch.nn.Parameter(torch.ones(3))
        self.optimizer = make([self.weight], lr=0.1, **options)
        self.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**4)
        self.changed = 0

    def step(self, gradient: float = 1.0, *, scaled: bool = False) -> None:
        before = self.weight.detach().clone()
        self.optimizer.zero_grad()
        loss = (self.weight * gradient).sum()
        if scaled:
            self.scaler.scale(loss).backward()
            self.scaler.step(self.optimizer)
            self.scaler.update()
        else:
            loss.backward()
            self.optimizer.step()
        self.changed += not torch.equal(before, self.weight)


def counted(clock: sb.StepClock, batches: int) -> Iterator[int]:
    """The indices of all batches of all epochs."""
    for _ in clock.epochs():
        yield from clock.batches(range(batches))


INFS = (0, 3, 4)


@pytest.mark.parametrize("scaler_given", [True, False], ids=["scaler", "no-scaler"])
@pytest.mark.parametrize(
    ("make", "options"),
    [
        (torch.optim.SGD, {}),
        (torch.optim.SGD, {"fused": True}),
        (torch.optim.Adam, {}),
        (torch.optim.Adam, {"fused": True}),
        (torch.optim.AdamW, {"fused": True}),
        (torch.optim.Adagrad, {"fused": True}),
    ],
    ids=lambda value: value.__name__ if callable(value) else ("fused" if value else "plain"),
)
@pytest.mark.filterwarnings("ignore:.*the updates:stepbridge.StepbridgeWarning")
def test_updates_that_a_scaler_left_out(
    make: Callable[..., Optimizer], options: dict[str, Any], scaler_given: bool
) -> None:
    loop = Loop(make, **options)
    fused = getattr(loop.optimizer, "_step_supports_amp_scaling", False)
    assert fused == bool(options)
    clock = sb.StepClock(batches_per_epoch=4, epochs=2)
    watched = watch(clock, loop.optimizer, loop.scaler if scaler_given else None)
    for _ in counted(clock, 4):
        loop.step(math.inf if clock.batch - 1 in INFS else 1.0, scaled=True)
        if scaler_given or fused:
            assert clock.applied == loop.changed  # known at once
        assert watched.applied == loop.changed
    assert (clock.step, clock.applied, loop.changed) == (8, 5, 5)
    assert clock.updates_of("optimizer") == 5


def test_without_the_scaler_a_skip_is_known_by_the_next_batch() -> None:
    loop = Loop()
    clock = sb.StepClock(batches_per_epoch=4, epochs=1)
    watch(clock, loop.optimizer)

    def train() -> None:
        for index in counted(clock, 4):
            assert clock.applied == loop.changed + 1  # the batch at hand counts as done, its update is about to come
            loop.step(math.inf if index == 0 else 1.0, scaled=True)

    with pytest.warns(sb.StepbridgeWarning, match="after batch 1"):
        train()
    assert (clock.step, clock.applied, loop.changed) == (4, 3, 3)


@pytest.mark.parametrize("asked", ["epoch", "state"])
def test_a_skip_in_the_last_batch_is_known_when_the_epoch_ends_and_in_the_state(asked: str) -> None:
    loop = Loop()
    clock = sb.StepClock(batches_per_epoch=2, epochs=1)
    watch(clock, loop.optimizer)

    def train() -> None:
        for index in counted(clock, 2):
            loop.step(math.inf if index == 1 else 1.0, scaled=True)
            if asked == "state" and index == 1:
                assert clock.state_dict()["skipped"] == 1

    with pytest.warns(sb.StepbridgeWarning, match="after batch 2"):
        train()
    assert clock.applied == loop.changed == 1


def test_unscaling_by_hand_and_clipping() -> None:
    for fused in (False, True):
        loop = Loop(fused=fused)
        clock = sb.StepClock(batches_per_epoch=5, epochs=1)
        watch(clock, loop.optimizer, loop.scaler)
        for index in counted(clock, 5):
            before = loop.weight.detach().clone()
            loop.optimizer.zero_grad()
            loop.scaler.scale((loop.weight * (math.inf if index % 2 else 1.0)).sum()).backward()
            loop.scaler.unscale_(loop.optimizer)
            torch.nn.utils.clip_grad_norm_([loop.weight], 1.0)
            loop.scaler.step(loop.optimizer)
            loop.scaler.update()
            loop.changed += not torch.equal(before, loop.weight)
        assert (clock.applied, loop.changed) == (3, 3)


def test_a_disabled_scaler_skips_nothing() -> None:
    loop = Loop()
    loop.scaler = torch.amp.GradScaler("cpu", enabled=False)
    clock = sb.StepClock(batches_per_epoch=3, epochs=1)
    watch(clock, loop.optimizer, loop.scaler)
    for _ in counted(clock, 3):
        loop.step(scaled=True)
    assert (clock.applied, loop.changed) == (3, 3)


class OldContract(torch.optim.SGD):
    """An optimizer of the older contract: it gets the scaler itself and leaves the update out by itself."""

    _step_supports_amp_scaling = True

    def step(self, closure: Any = None, *, grad_scaler: Any = None) -> Any:
        assert closure is None
        found = grad_scaler._check_inf_per_device(self)
        if any(bool(inf.item()) for inf in found.values()):
            return None
        return torch.optim.SGD.step.__wrapped__(self)  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore:GradScaler is going to stop passing itself:FutureWarning")
def test_the_older_contract_of_fused_optimizers() -> None:
    loop = Loop(OldContract)
    clock = sb.StepClock(batches_per_epoch=5, epochs=1)
    watch(clock, loop.optimizer)
    for index in counted(clock, 5):
        loop.step(math.inf if index in (1, 2) else 1.0, scaled=True)
        assert clock.applied == loop.changed
    assert (clock.step, clock.applied) == (5, 3)


def test_accumulation_steps_where_the_clock_says() -> None:
    loop = Loop()
    clock = sb.StepClock(batches_per_epoch=7, epochs=2, accumulate=3)
    watch(clock, loop.optimizer)
    for _ in counted(clock, 7):
        if clock.closes_step:
            loop.step()
    assert clock.step == clock.applied == loop.changed == 6


def test_an_update_inside_an_open_window_is_told_once() -> None:
    loop = Loop()
    clock = sb.StepClock(batches_per_epoch=6, epochs=1, accumulate=3)
    watch(clock, loop.optimizer, name="sgd")

    def train() -> None:
        for _ in counted(clock, 6):
            loop.step()

    with pytest.warns(sb.StepbridgeWarning) as warned:
        train()
    assert len(warned) == 1
    text = str(warned[0].message)
    assert "clock: the updates of sgd: expected no update after batch 1" in text
    assert "closes_step" in text
    assert clock.updates_of("sgd") == loop.changed == 6
    assert (clock.step, clock.applied) == (2, 2)


def test_a_closed_window_without_an_update_is_told_once() -> None:
    loop = Loop()
    clock = sb.StepClock(batches_per_epoch=6, epochs=1)  # the loop accumulates, and the clock does not know it
    watch(clock, loop.optimizer)

    def train() -> None:
        for index in counted(clock, 6):
            if index % 3 == 2:
                loop.step()

    with pytest.warns(sb.StepbridgeWarning) as warned:
        train()
    assert len(warned) == 1
    assert "after batch 1" in str(warned[0].message)
    assert (clock.step, clock.applied, loop.changed) == (6, 2, 2)


def test_a_gan_counts_each_optimizer() -> None:
    generator, critic = Loop(), Loop(torch.optim.Adam)
    clock = sb.StepClock(batches_per_epoch=6, epochs=2)
    watch(clock, generator.optimizer, name="generator")
    watch(clock, critic.optimizer, name="critic")
    for index in counted(clock, 6):
        critic.step()
        critic.step()
        if index % 3 == 2:
            generator.step()
    assert clock.step == clock.applied == 12
    assert clock.updates_of("critic") == critic.changed == 24
    assert clock.updates_of("generator") == generator.changed == 4


def test_a_gan_with_one_scaler() -> None:
    generator, critic = Loop(), Loop()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**4)
    clock = sb.StepClock(batches_per_epoch=4, epochs=1)
    watches = [watch(clock, one.optimizer, scaler) for one in (generator, critic)]
    assert [one.name for one in watches] == ["optimizer", "optimizer2"]
    for index in counted(clock, 4):
        for one, bad in ((generator, index in (1, 2)), (critic, index == 2)):
            before = one.weight.detach().clone()
            one.optimizer.zero_grad()
            scaler.scale((one.weight * (math.inf if bad else 1.0)).sum()).backward()
            scaler.step(one.optimizer)
            one.changed += not torch.equal(before, one.weight)
        scaler.update()
    assert [one.applied for one in watches] == [generator.changed, critic.changed] == [2, 3]
    assert (clock.step, clock.applied) == (4, 3)  # in the third batch neither was updated


def test_a_closure_is_one_update_however_often_it_is_evaluated() -> None:
    weight = torch.nn.Parameter(torch.tensor([3.0, -2.0]))
    optimizer = torch.optim.LBFGS([weight], max_iter=4)
    clock = sb.StepClock(batches_per_epoch=3, epochs=1)
    watch(clock, optimizer)
    evaluations = 0

    def closure() -> float:
        nonlocal evaluations
        evaluations += 1
        optimizer.zero_grad()
        loss = (weight**4).sum()
        loss.backward()
        return float(loss.detach())

    for _ in counted(clock, 3):
        optimizer.step(closure)
    assert evaluations > 3
    assert (clock.step, clock.applied) == (3, 3)


@pytest.mark.parametrize("scheduler_first", [True, False])
def test_an_optimizer_whose_step_a_scheduler_wraps(scheduler_first: bool) -> None:
    loop = Loop()
    clock = sb.StepClock(batches_per_epoch=4, epochs=1)
    if not scheduler_first:
        watch(clock, loop.optimizer)
    scheduler = torch.optim.lr_scheduler.StepLR(loop.optimizer, step_size=2)
    if scheduler_first:
        watch(clock, loop.optimizer)
    for _ in counted(clock, 4):
        loop.step()
        scheduler.step()
    assert clock.applied == loop.changed == 4


@pytest.mark.parametrize("make", [torch.optim.SGD, torch.optim.Adam])
def test_a_step_that_only_fills_the_optimizers_state_is_none(make: Callable[..., Optimizer]) -> None:
    """torch.distributed.checkpoint steps with a rate of 0, at a load and at each save of a stateless optimizer."""
    model = torch.nn.Linear(1, 1)
    optimizer = make(model.parameters(), lr=0.1)
    calls: list[float] = []
    optimizer.register_step_post_hook(lambda *_: calls.append(optimizer.param_groups[0]["lr"]))
    clock = sb.StepClock(batches_per_epoch=4, epochs=1, accumulate=2)
    watch(clock, optimizer)
    get_optimizer_state_dict(model, optimizer)
    for _ in counted(clock, 4):
        if clock.closes_step:
            model(torch.ones(1, 1)).sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        get_optimizer_state_dict(model, optimizer)
    assert calls.count(0.0) == (5 if make is torch.optim.SGD else 1)
    assert clock.applied == clock.updates_of("optimizer") == calls.count(0.1) == 2


def test_a_compiled_step_is_counted() -> None:
    loop = Loop(fused=True)
    clock = sb.StepClock(batches_per_epoch=4, epochs=1)
    watch(clock, loop.optimizer, loop.scaler)

    def update() -> None:
        loop.scaler.step(loop.optimizer)

    compiled = torch.compile(update, backend="eager")
    for index in counted(clock, 4):
        before = loop.weight.detach().clone()
        loop.optimizer.zero_grad()
        loop.scaler.scale((loop.weight * (math.inf if index == 1 else 1.0)).sum()).backward()
        compiled()
        loop.scaler.update()
        loop.changed += not torch.equal(before, loop.weight)
    assert (clock.step, clock.applied, loop.changed) == (4, 3, 3)


def test_an_update_that_raises_is_none() -> None:
    loop = Loop()
    clock = sb.StepClock(batches_per_epoch=2, epochs=1)
    watch(clock, loop.optimizer, loop.scaler)

    def fail() -> float:
        raise OSError("the closure failed")

    for index in counted(clock, 2):
        if index == 0:
            with pytest.raises(OSError, match="closure failed"):
                loop.optimizer.step(fail)
        loop.step()
    assert clock.applied == loop.changed == 2


def test_a_watch_that_is_removed_sees_nothing_and_leaves_nothing() -> None:
    loop = Loop()
    clock = sb.StepClock(batches_per_epoch=3, epochs=1)
    plain = loop.scaler.step
    watched = watch(clock, loop.optimizer, loop.scaler)
    loop.optimizer.zero_grad()
    assert loop.scaler.step != plain
    watched.remove()
    watched.remove()
    assert loop.scaler.step == plain
    assert not loop.optimizer._optimizer_step_post_hooks
    loop.step(scaled=True)
    assert watched.applied == 0
    for _ in counted(clock, 3):
        loop.step()
    assert (clock.step, clock.applied, watched.applied) == (3, 3, 0)  # nobody says that an update is missing
    with watch(clock, loop.optimizer) as again:
        assert again.name == "optimizer"
    assert not loop.optimizer._optimizer_step_post_hooks


def test_one_scaler_is_given_back_when_its_last_watch_ends() -> None:
    first, second = Loop(), Loop()
    scaler = first.scaler
    plain = scaler.step
    clock = sb.StepClock(batches_per_epoch=3, epochs=1)
    one, two = watch(clock, first.optimizer, scaler), watch(clock, second.optimizer, scaler)
    one.remove()
    assert scaler.step != plain
    two.remove()
    assert scaler.step == plain


def test_an_optimizer_that_is_gone_gives_its_name_back() -> None:
    clock = sb.StepClock(batches_per_epoch=3)
    gc.disable()
    try:
        for _ in range(2):
            loop = Loop()
            assert watch(clock, loop.optimizer).name == "optimizer"
            del loop
            for _ in clock.epochs(1):
                assert list(clock.batches(range(3))) == [0, 1, 2]  # no update is missed
    finally:
        gc.enable()


# PyTorch 2.4 warns of its own loading of a tensor that was pickled.
@pytest.mark.filterwarnings("ignore:You are using `torch.load` with `weights_only=False`:FutureWarning")
def test_a_watched_optimizer_and_scaler_are_saved_as_ever() -> None:
    loop = Loop()
    states = loop.optimizer.state_dict(), loop.scaler.state_dict()
    watch(sb.StepClock(), loop.optimizer, loop.scaler)
    assert (loop.optimizer.state_dict(), loop.scaler.state_dict()) == states
    copied = pickle.loads(pickle.dumps(loop.optimizer))
    assert not getattr(copied, "_optimizer_step_post_hooks", None)


def test_the_counts_go_on_from_the_checkpoint() -> None:
    def run(state: dict[str, Any] | None, stop: int) -> sb.StepClock:
        loop = Loop()
        clock = sb.StepClock(batches_per_epoch=4, epochs=2)
        if state is not None:
            clock.load_state_dict(state)
        watch(clock, loop.optimizer, loop.scaler, name="sgd")
        for _ in clock.epochs():
            for _ in clock.batches(range(4), resume="skip"):
                loop.step(math.inf if clock.batch in (2, 6) else 1.0, scaled=True)
                if clock.batch == stop:
                    return clock
        return clock

    saved = run(None, 3).state_dict()
    clock = run(saved, 8)
    assert (clock.step, clock.applied, clock.updates_of("sgd")) == (8, 6, 6)


def test_a_checkpoint_with_watched_optimizers_in_a_loop_that_watches_none() -> None:
    loop = Loop()
    first = sb.StepClock(batches_per_epoch=4, epochs=2)
    watch(first, loop.optimizer)
    for _ in first.epochs(1):
        for _ in first.batches(range(4)):
            loop.step()
    second = sb.StepClock()
    second.load_state_dict(first.state_dict())
    for _ in counted(second, 4):
        pass
    assert (second.step, second.applied) == (8, 8)  # nobody watches, so nobody says that any was skipped


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (lambda clock, loop: (loop.optimizer, clock), TypeError, "StepClock, not SGD"),
        (lambda clock, loop: (clock, [loop.weight]), TypeError, "torch.optim.Optimizer, not list"),
        (lambda clock, loop: (clock, loop.optimizer, 3), TypeError, "GradScaler .*not int"),
    ],
)
def test_what_cannot_be_watched(
    arguments: Callable[[sb.StepClock, Loop], tuple[Any, ...]], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        watch(*arguments(sb.StepClock(), Loop()))


def test_an_optimizer_watched_twice() -> None:
    loop, clock = Loop(), sb.StepClock()
    watch(clock, loop.optimizer, name="sgd")
    with pytest.raises(ValueError, match="SGD is watched already, as 'sgd'"):
        watch(clock, loop.optimizer)
    with pytest.raises(ValueError, match="another optimizer is watched as 'sgd'"):
        watch(clock, Loop().optimizer, name="sgd")


def test_two_clocks_may_watch_one_optimizer() -> None:
    loop = Loop()
    clocks = [sb.StepClock(batches_per_epoch=4, epochs=1), sb.StepClock(batches_per_epoch=4, epochs=1)]
    for clock in clocks:
        watch(clock, loop.optimizer, loop.scaler)
    first, second = (counted(clock, 4) for clock in clocks)
    for index, _ in zip(first, second, strict=True):
        loop.step(math.inf if index == 2 else 1.0, scaled=True)
    assert [clock.applied for clock in clocks] == [3, 3]
