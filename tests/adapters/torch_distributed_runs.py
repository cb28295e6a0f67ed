"""What each rank does in the tests of DistributedDataParallel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import distributed
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks
from torch.distributed.algorithms.join import Join
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler

import stepbridge as sb
from adapters.torch_datasets import Indices
from adapters.torch_ranks import gathered
from stepbridge.adapters.torch import ClockJoin, clock_for, no_sync, watch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def model_of(seed: int = 0) -> DistributedDataParallel:
    torch.manual_seed(seed)
    return DistributedDataParallel(torch.nn.Linear(1, 1))


def shared(length: int, batch_size: int, *, sampler_drops: bool = False, drop_last: bool = False) -> DataLoader[int]:
    sampler: DistributedSampler[int] = DistributedSampler(Indices(length), shuffle=True, drop_last=sampler_drops)
    return DataLoader(Indices(length), batch_size, sampler=sampler, drop_last=drop_last)


def train(rank: int, folder: Path, length: int, batch_size: int, drops: dict[str, bool]) -> dict[str, Any]:
    """Two epochs over a shared data set; what really passed through the model is gathered."""
    loader = shared(length, batch_size, **drops)
    clock = clock_for(loader, epochs=2, ledger=folder / "run")
    model = model_of()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    watch(clock, optimizer)
    passed: list[int] = []
    model.register_forward_pre_hook(lambda _, inputs: passed.extend(inputs[0].flatten().int().tolist()))
    per_epoch: list[list[int]] = []
    for epoch in clock.epochs():
        loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        for indices in clock.batches(loader):
            optimizer.zero_grad()
            model(indices.float().unsqueeze(1)).sum().backward()
            optimizer.step()
        per_epoch.append([index for rank_passed in gathered(list(passed)) for index in rank_passed])
        passed.clear()
    weights = [parameter.tolist() for parameter in model.parameters()]
    return {
        "rank": rank,
        "passed": per_epoch,
        "counts": (clock.batch, clock.step, clock.applied, clock.sample, clock.padding),
        "weights": weights,
        "state": clock.state_dict(),
    }


def accumulate(rank: int, folder: Path, boundary: str) -> dict[str, Any]:
    """After which batches gradients were really reduced: a communication hook of DDP takes it down."""
    loader = shared(20, 2)  # 5 batches a rank and epoch
    clock = clock_for(loader, epochs=2, accumulate=2, boundary=boundary)
    model = model_of()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    watch(clock, optimizer)
    reduced: list[int] = []
    closing: list[int] = []

    def reduce(group: Any, bucket: Any) -> Any:
        reduced.append(clock.batch)
        return default_hooks.allreduce_hook(group, bucket)

    # DDP compares the annotations, which are texts here.
    reduce.__annotations__.clear()
    model.register_comm_hook(None, reduce)
    for _ in clock.epochs():
        for indices in clock.batches(loader):
            with no_sync(clock, model):
                model(indices.float().unsqueeze(1)).sum().backward()
            if clock.closes_step:
                closing.append(clock.batch)
                optimizer.step()
                optimizer.zero_grad()
    weights = [parameter.tolist() for parameter in model.parameters()]
    return {"reduced": reduced, "closing": closing, "applied": clock.applied, "step": clock.step, "weights": weights}


def uneven(rank: int, folder: Path, lengths: list[list[int]], kind: str) -> dict[str, Any]:
    """Epochs in which each rank has another number of batches."""
    accumulate, boundary = (2, "carry") if kind == "carry" else (1, "flush")
    clock = sb.StepClock(ledger=folder / "run", accumulate=accumulate, boundary=boundary)  # type: ignore[arg-type]
    model = model_of()
    if kind == "zero":
        optimizer: Any = ZeroRedundancyOptimizer(model.parameters(), torch.optim.SGD, lr=0.01)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    watched = watch(clock, optimizer)
    together = ClockJoin(clock)
    joinables = [model, together, *([optimizer] if kind == "zero" else [])]
    mine = 0
    for epoch in clock.epochs(len(lengths[rank])):
        with Join(joinables):
            for number in together.batches(range(lengths[rank][epoch])):
                mine += 1
                with no_sync(clock, model):
                    model(torch.full((1, 1), float(number))).sum().backward()
                if clock.closes_step:
                    optimizer.step()
                    optimizer.zero_grad()
    weights = [parameter.tolist() for parameter in model.parameters()]
    return {
        "mine": mine,
        "counts": (clock.batch, clock.step, clock.applied, watched.applied),
        "sample": clock.sample,
        "epochs": [clock.timeline.convert(f"{epoch + 1}ep", "batch") for epoch in range(len(lengths[rank]))],
        "weights": weights,
    }


def stop_together(rank: int, folder: Path) -> dict[str, Any]:
    """Uneven ranks that stop in the middle of the second epoch; a step is skipped on the way."""
    clock = sb.StepClock(until="7st")
    model = model_of()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    watched = watch(clock, optimizer)
    together = ClockJoin(clock)
    for _ in clock.epochs():
        with Join([model, together]):
            for number in together.batches(range(4 if rank else 5)):
                model(torch.full((1, 1), float(number))).sum().backward()
                if clock.batch == 2:
                    watched.updates.skip()
                else:
                    optimizer.step()
                optimizer.zero_grad()
    return {"counts": (clock.step, clock.applied), "position": tuple(clock.position), "finished": clock.finished}


def refuse(rank: int, folder: Path) -> list[str]:
    """What ClockJoin says to a clock that would count wrongly, and outside its two loops."""

    def stated(work: Callable[[], object]) -> str:
        try:
            work()
        except (ValueError, RuntimeError) as error:
            return str(error)
        raise AssertionError("it was not refused")

    clock = sb.StepClock()
    together = ClockJoin(clock)
    answers = [
        stated(lambda: ClockJoin(sb.StepClock(batch_size=4))),
        stated(lambda: ClockJoin(sb.StepClock(accumulate=2))),
        stated(lambda: next(together.batches([1]))),
    ]
    next(clock.epochs(1))
    return [*answers, stated(lambda: next(together.batches([1])))]


def until_the_middle(rank: int, folder: Path) -> dict[str, Any]:
    """Two ranks do 3 of 6 batches of the second epoch, and save as rank 0."""
    loader = DataLoader(Indices(24), 2, sampler=DistributedSampler(Indices(24), shuffle=False))
    clock = clock_for(loader, epochs=3)
    seen: list[list[int]] = []
    for epoch in clock.epochs():
        for indices in clock.batches(loader):
            seen.append(indices.tolist())
            if (epoch, clock.iter) == (1, 2):
                if rank == 0:
                    torch.save({"clock": clock.state_dict()}, folder / "checkpoint.pt")
                distributed.barrier()
                return {"seen": gathered(seen), "sample": clock.sample}
    raise AssertionError("the loop ended before its middle")
