"""Lightning's DDP on two real ranks: what is counted, against what passed through the models of both."""

from __future__ import annotations

from typing import Any

import pytest
from torch import distributed

from adapters.lightning_ranks import train_on_rank
from adapters.lightning_training import QUIET, train
from adapters.torch_ranks import on_ranks

pytestmark = pytest.mark.filterwarnings(*QUIET)

if not distributed.is_available():
    pytest.skip("this build of PyTorch has no torch.distributed", allow_module_level=True)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two ranks did in each case."""
    folder = tmp_path_factory.mktemp("ranks")
    train(save_at={10: folder / "inside.ckpt"}, save_epoch={0: folder / "end.ckpt"})
    cases: dict[str, dict[str, Any]] = {
        "copies": {"samples": 13, "accumulate": 1},
        "windows": {},
        "end": {"resume": str(folder / "end.ckpt")},
        "inside": {"resume": str(folder / "inside.ckpt")},
    }
    return on_ranks(train_on_rank, folder, cases)


@pytest.mark.parametrize(
    ("name", "samples", "batches", "copies", "steps"), [("copies", 13, 3, 1, 3), ("windows", 20, 4, 0, 2)]
)
def test_samples_are_those_of_all_ranks(
    results: list[dict[str, Any]], name: str, samples: int, batches: int, copies: int, steps: int
) -> None:
    ranks = [result[name] for result in results]
    together = [ours + theirs for ours, theirs in zip(*(rank["trained"] for rank in ranks), strict=True)]
    first = [sample for batch in together[:batches] for sample in batch]
    assert (len(together), len(set(first)), len(first) - len(set(first))) == (2 * batches, samples, copies)
    for rank in ranks:
        assert rank["steps"] == rank["updates"]
        assert rank["counts"] == (2 * batches, 2 * steps, 2 * steps, 2 * samples, 2 * copies)
        assert rank["warned"] == []


def test_an_end_of_an_epoch_goes_on_on_two_ranks(results: list[dict[str, Any]]) -> None:
    for rank in (result["end"] for result in results):
        assert rank["warned"] == []
        assert rank["counts"] == (7 + 4, 3 + 2, 3 + 2, 40, 0)
    assert {sample for result in results for batch in result["end"]["trained"] for sample in batch} == set(range(20))


def test_the_middle_of_an_epoch_does_not(results: list[dict[str, Any]]) -> None:
    for rank in (result["inside"] for result in results):
        assert len(rank["trained"]) == 1
        assert len(rank["warned"]) == 1
        assert "world_size 1 -> 2" in rank["warned"][0]
        assert "which samples is not known" in rank["warned"][0]
        assert rank["counts"][:4] == (11, 5, 5, 35)
