"""The Trainer on two real ranks: what is counted, against what passed through the models of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from torch import distributed

from adapters.torch_ranks import on_ranks
from adapters.transformers_ranks import train_on_rank
from adapters.transformers_training import train

if TYPE_CHECKING:
    from pathlib import Path

if not distributed.is_available():
    pytest.skip("this build of PyTorch has no torch.distributed", allow_module_level=True)


#: Samples and arguments of each case, the batches of an epoch, and the copies that an epoch has.
SIZES: dict[str, tuple[dict[str, Any], int, int]] = {
    "copies": ({"batch_size": 3}, 4, 4),
    "dispatched": ({"batch_size": 3, "accelerator_config": {"dispatch_batches": True}}, 4, 0),
    "split": ({"batch_size": 4, "accelerator_config": {"split_batches": True}}, 5, 0),
    "split with copies": ({"samples": 18, "batch_size": 4, "accelerator_config": {"split_batches": True}}, 5, 2),
    "drop_last": ({"samples": 13, "batch_size": 3, "dataloader_drop_last": True}, 2, 0),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two ranks did in each case."""
    folder: Path = tmp_path_factory.mktemp("ranks")
    train(folder / "one", save_strategy="steps", save_steps=1)
    cases: dict[str, dict[str, Any]] = {name: {"accumulate": 1, **options} for name, (options, *_) in SIZES.items()}
    cases["stream"] = {"stream": True, "max_steps": 3}
    cases |= {f"resumed at {step}": {"resume": str(folder / "one" / f"checkpoint-{step}")} for step in (3, 4)}
    return on_ranks(train_on_rank, folder, cases)


@pytest.mark.parametrize("name", SIZES)
def test_samples_are_those_of_all_ranks(results: list[dict[str, Any]], name: str) -> None:
    _, batches, copies = SIZES[name]
    ranks = [result[name] for result in results]
    together = [ours + theirs for ours, theirs in zip(*(rank["trained"] for rank in ranks), strict=True)]
    epochs = [together[:batches], together[batches:]]
    seen: list[int] = []
    for epoch in epochs:
        before = seen[-1] if seen else 0
        passed: set[int] = set()
        for batch in epoch:
            passed |= set(batch)
            seen.append(before + len(passed))
        assert len(epoch) == batches
        assert sum(map(len, epoch)) - len(passed) == copies
    for rank in ranks:
        assert rank["samples"] == seen
        assert rank["counts"] == (2 * batches, 2 * batches, 2 * batches, seen[-1], 2 * copies)
        assert rank["warned"] == []


def test_windows_over_a_stream_that_rank_0_reads(results: list[dict[str, Any]]) -> None:
    for rank in (result["stream"] for result in results):
        assert [number for number, closes in enumerate(rank["closes"], 1) if closes] == [3, 7, 11]
        assert rank["steps"] == [0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3]
        assert set(rank["samples"]) == {None}


@pytest.mark.parametrize(
    ("step", "sentence", "trained"),
    [
        (4, "at the end of the run, so it trains nothing more", 0),
        (3, "18 samples will never be trained. Cause: world_size 1 -> 2", 1),
    ],
)
def test_a_run_of_one_rank_goes_on_on_two(
    results: list[dict[str, Any]], step: int, sentence: str, trained: int
) -> None:
    for rank in (result[f"resumed at {step}"] for result in results):
        assert len(rank["warned"]) == 1
        assert sentence in rank["warned"][0]
        assert len(rank["trained"]) == trained
