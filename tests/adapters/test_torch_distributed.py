"""DistributedDataParallel on two real ranks: what is counted, against what really passed through the models."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import distributed
from torch.utils.data import DataLoader

import stepbridge as sb
from adapters.torch_distributed_runs import accumulate, refuse, stop_together, train, uneven, until_the_middle
from adapters.torch_ranks import on_ranks
from stepbridge.adapters.torch import clock_for, no_sync

if TYPE_CHECKING:
    from pathlib import Path

if not distributed.is_available():
    pytest.skip("this build of PyTorch has no torch.distributed", allow_module_level=True)


def lines(folder: Path, kind: str) -> list[dict[str, Any]]:
    """The ledger's lines of one kind."""
    texts = (folder / "run" / "stepclock.jsonl").read_text(encoding="utf-8").splitlines()
    return [line for line in map(json.loads, texts) if line["kind"] == kind]


@pytest.mark.parametrize(
    ("length", "batch_size", "drops"),
    [
        (11, 4, {}),  # 6 a rank, one of them a copy; the last batch is partial
        (11, 4, {"drop_last": True}),
        (11, 2, {"sampler_drops": True}),
        (1, 2, {}),
    ],
    ids=["padded", "drop_last", "sampler drops", "one sample"],
)
def test_samples_are_global_and_copies_counted_apart(
    length: int, batch_size: int, drops: dict[str, bool], tmp_path: Path
) -> None:
    first, second = on_ranks(train, tmp_path, length, batch_size, drops)
    passed = first["passed"]
    assert passed == second["passed"]
    samples = sum(len(set(epoch)) for epoch in passed)
    copies = sum(map(len, passed)) - samples
    batches = first["counts"][0]
    assert first["counts"] == second["counts"] == (batches, batches, batches, samples, copies)
    assert first["state"] == second["state"]
    assert first["weights"] == second["weights"]
    # One rank wrote, and it wrote what was global.
    (session,) = lines(tmp_path, "session")
    assert session["batch"] == 0
    assert [(line["batch"], line["sample"]) for line in lines(tmp_path, "epoch")] == [
        (batches // 2, samples // 2),
        (batches, samples),
    ]


@pytest.mark.parametrize("boundary", ["flush", "carry"])
def test_gradients_are_reduced_where_a_step_closes(boundary: str, tmp_path: Path) -> None:
    first, second = on_ranks(accumulate, tmp_path, boundary)
    assert first == second
    # 5 batches an epoch, 2 a step.
    assert first["closing"] == ([2, 4, 5, 7, 9, 10] if boundary == "flush" else [2, 4, 6, 8, 10])
    assert first["reduced"] == first["closing"]
    assert first["step"] == first["applied"] == len(first["closing"])


@pytest.mark.parametrize("kind", ["plain", "carry", "zero"])
def test_uneven_inputs(kind: str, tmp_path: Path) -> None:
    lengths = [[3, 6], [5, 4]]
    first, second = on_ranks(uneven, tmp_path, lengths, kind)
    assert (first["mine"], second["mine"]) == (9, 9)
    longest = [5, 6]
    batches = sum(longest)
    steps = batches // 2 if kind == "carry" else batches
    for one in (first, second):
        assert one["counts"] == (batches, steps, steps, steps)
        assert one["epochs"] == [sb.Exact(5, "ba"), sb.Exact(11, "ba")]
        assert one["sample"] is None  # a batch holds fewer once a rank ran out
    assert first["weights"] == second["weights"]
    # Rank 0, which writes, ran out first in the first epoch.
    assert [line["batch"] for line in lines(tmp_path, "epoch")] == [5, 11]


def test_ranks_with_uneven_inputs_stop_together(tmp_path: Path) -> None:
    first, second = on_ranks(stop_together, tmp_path)
    assert first == second == {"counts": (7, 6), "position": (1, 2), "finished": True}


def test_what_uneven_inputs_cannot_have(tmp_path: Path) -> None:
    (stated,) = on_ranks(refuse, tmp_path, ranks=1)
    sizes, flush, outside, alone = stated
    assert "cannot count 4 a batch" in sizes
    assert 'boundary="carry"' in flush
    assert "for epoch in clock.epochs()" in outside
    assert "with Join([model, together])" in alone


def test_a_run_that_goes_on_with_fewer_ranks(tmp_path: Path) -> None:
    first, second = on_ranks(until_the_middle, tmp_path)
    assert first == second
    assert first["sample"] == 24 + 12
    of_epoch = [index for rank in first["seen"] for batch in rank[6:] for index in batch]
    assert sorted(of_epoch) == list(range(12))

    def loader(indices: range) -> Any:
        return DataLoader(indices, 2)  # type: ignore[arg-type]

    clock = clock_for(loader(range(24)), epochs=3)  # one rank: batches of 2, where they were 4
    clock.load_state_dict(torch.load(tmp_path / "checkpoint.pt", weights_only=True)["clock"])
    assert (clock.sample, clock.step) == (36, 9)
    passed = []
    for _ in clock.epochs():
        left = range(12, 24) if clock.position == (1, 3) else range(24)
        passed.append(torch.cat(list(clock.batches(loader(left), resume="continues"))).tolist())
    assert passed == [list(range(12, 24)), list(range(24))]
    assert (clock.sample, clock.batch, clock.step) == (72, 9 + 6 + 12, 27)
    assert clock.timeline.convert("3ep", "batch") == sb.Exact(27, "ba")


def test_no_sync_of_a_model_that_has_none() -> None:
    clock = sb.StepClock(batches_per_epoch=2, epochs=1, accumulate=2)
    for _ in clock.epochs():
        for _ in clock.batches(range(2)):
            with no_sync(clock, torch.nn.Linear(1, 1)):
                pass
    with pytest.raises(TypeError, match="StepClock"):
        no_sync(None, torch.nn.Linear(1, 1))  # type: ignore[arg-type]
