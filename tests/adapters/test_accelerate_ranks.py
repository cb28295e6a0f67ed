"""Accelerate on two real ranks: what is counted, against what passed through the models of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from torch import distributed

from adapters.accelerate_ranks import train_on_rank
from adapters.torch_ranks import on_ranks

if TYPE_CHECKING:
    from pathlib import Path

if not distributed.is_available():
    pytest.skip("this build of PyTorch has no torch.distributed", allow_module_level=True)

#: What a loader is prepared with, the batches of an epoch, the copies that an epoch has, the steps.
SIZES: dict[str, tuple[dict[str, Any], int, int, int]] = {
    "copies": ({"batch_size": 3}, 4, 4, 2),
    "dispatched": ({"batch_size": 3, "dispatch_batches": True}, 4, 0, 2),
    "split": ({"batch_size": 4, "split_batches": True}, 5, 0, 2),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two ranks did in each case."""
    folder: Path = tmp_path_factory.mktemp("ranks")
    return on_ranks(train_on_rank, folder, {name: options for name, (options, *_) in SIZES.items()})


@pytest.mark.parametrize("name", SIZES)
def test_samples_are_those_of_all_ranks(results: list[dict[str, Any]], name: str) -> None:
    _, batches, copies, steps = SIZES[name]
    ranks = [result[name] for result in results]
    together = [ours + theirs for ours, theirs in zip(*(rank["trained"] for rank in ranks), strict=True)]
    assert len(together) == 2 * batches
    seen: list[int] = []
    for epoch in (together[:batches], together[batches:]):
        before = seen[-1] if seen else 0
        passed: set[int] = set()
        for batch in epoch:
            passed |= set(batch)
            seen.append(before + len(passed))
        assert sum(map(len, epoch)) - len(passed) == copies
    for rank in ranks:
        assert rank["samples"] == seen
        assert rank["agree"]
        assert rank["counts"] == (2 * batches, 2 * steps, 2 * steps, seen[-1], 2 * copies)


@pytest.mark.parametrize("name", SIZES)
def test_a_skip_counts_in_the_batches_of_its_loader(results: list[dict[str, Any]], name: str) -> None:
    """A dispatcher's are those of one rank, so that two of them are one batch of both."""
    ranks = [result[f"{name}, skipped"] for result in results]
    begins = {"copies": 12, "dispatched": 6, "split": 8}[name]
    # Copies for the last batch come from the start of the data.
    passed = {sample for rank in ranks for batch in rank["trained"] for sample in batch if sample >= begins}
    assert passed == set(range(begins, 20))
    for rank in ranks:
        assert (rank["left_out"], rank["sample"]) == (begins, 20 - begins)
        (said,) = rank["warned"]
        assert f"The loader resumes at epoch 0, sample {begins}" in said
        assert f"{begins} samples will never be trained" in said


@pytest.mark.parametrize("name", ["same", "no set_epoch", "another seed", "EpochOrder"])
def test_a_skip_over_another_shuffle_is_named_on_each_rank(results: list[dict[str, Any]], name: str) -> None:
    """The samples of both ranks are the judge: what was done before the stop, and what came after the skip."""
    ranks = [result[f"order, {name}"] for result in results]
    passed = {sample for rank in ranks for batch in rank["trained"] for sample in batch}
    right = passed == set(range(20))
    assert right == (name in ("same", "EpochOrder"))
    for rank in ranks:
        assert len(rank["warned"]) == (not right)
        assert all("which are not those that are done" in said for said in rank["warned"])
