"""The meaning of a step belongs to a series: validation by epoch next to training by step."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

import pytest

import stepbridge as sb
from small_logs import small_log

if TYPE_CHECKING:
    from pathlib import Path

#: Batches an epoch, and epochs.
LENGTH, EPOCHS = 10, 4
PLAN = sb.Timeline.plan(batches_per_epoch=LENGTH, epochs=EPOCHS)

Place = tuple[int | None, int | None, float | None]


def lines(first_epoch: int) -> list[dict[str, float]]:
    """What a loop writes: a row a step, from 1, and a validation after each epoch; both have the learning rate."""
    found: list[dict[str, float]] = []
    for step in range(1, LENGTH * EPOCHS + 1):
        found.append({"step": step, "loss": 1 / step, "lr": 0.1})
        if step % LENGTH == 0:
            found.append({"step": step // LENGTH - 1 + first_epoch, "val_loss": 0.5, "lr": 0.1})
    return found


def json_lines(path: Path, first_epoch: int) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines(first_epoch)))
    return path


def table(path: Path, first_epoch: int) -> Path:
    columns = ("step", "loss", "lr", "val_loss")
    rows = [",".join(str(line.get(name, "")) for name in columns) for line in lines(first_epoch)]
    path.write_text("\n".join((",".join(columns), *rows)) + "\n")
    return path


def places(rows: sb.Table, tag: str) -> list[Place]:
    frame = rows.to_polars()
    return frame.filter(frame["tag"] == tag).select("epoch", "iter", "epoch_float").rows()


@pytest.mark.parametrize("first_epoch", [0, 1])
@pytest.mark.parametrize("write", [json_lines, table])
def test_validation_by_epoch_next_to_training_by_step(
    tmp_path: Path, write: object, first_epoch: Literal[0, 1]
) -> None:
    path = (json_lines if write is json_lines else table)(tmp_path / "log.jsonl", first_epoch)
    path = path.rename(tmp_path / ("log.jsonl" if write is json_lines else "log.csv"))
    logs = sb.read_logs(path, step_column="step")
    # No record is one that a resumed process wrote again.
    assert len(logs) == len(logs.table()) == 2 * (LENGTH + 1) * EPOCHS
    ends: list[Place] = [(epoch, None, epoch + 1.0) for epoch in range(EPOCHS)]
    expected: list[Place] = [(step // LENGTH, step % LENGTH, (step + 1) / LENGTH) for step in range(LENGTH * EPOCHS)]
    stated = logs.reindex(PLAN, unit="step", base=1, series={"val_*": ("epoch", first_epoch)})
    shown = logs.reindex(PLAN, unit="step", base=1)
    for found in (stated, shown):
        assert places(found, "val_loss") == ends
        assert places(found, "loss") == expected
        # The learning rate is in rows of both.
        assert sorted(places(found, "lr"), key=str) == sorted([*places(found, "loss"), *ends], key=str)
        assert found.problems == ()
    # Where the steps of training are only assumed, nothing decides what the others count.
    unknown = logs.reindex(PLAN)
    assert places(unknown, "val_loss") == [(None, None, None)] * EPOCHS
    (problem,) = (each for each in unknown.problems if each.kind == "undecided")
    assert "'val_loss'" in problem.reason or '"val_loss"' in problem.reason
    assert {(info.series, info.source) for info in unknown.steps} == {(None, "nothing"), ("val_loss", "undecided")}


def test_a_resumed_process_is_not_a_second_counter(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    steps = [*range(1, 21), *range(11, 31)]
    path.write_text("".join(f'{{"step": {step}, "loss": 0.5}}\n' for step in steps))
    logs = sb.read_logs(path)
    assert (len(logs), len(logs.table())) == (40, 30)


@pytest.mark.parametrize("folder", ["train", "validation"])
def test_the_tags_of_keras_say_what_their_steps_are(tmp_path: Path, folder: str) -> None:
    run = tmp_path / folder
    run.mkdir()
    epochs = small_log("tfevents", [(0, 0.5), (1, 0.4), (2, 0.3)], "epoch_loss")
    updates = small_log("tfevents", [(5, 0.5), (10, 0.4), (15, 0.3)], "evaluation_loss_vs_iterations")
    (run / "events.out.tfevents.1.v2").write_bytes(epochs)
    (run / "events.out.tfevents.2.v2").write_bytes(updates)
    found = sb.read_logs(tmp_path).reindex(sb.Timeline.plan(batches_per_epoch=5))
    assert places(found, "epoch_loss") == [(epoch, None, epoch + 1.0) for epoch in range(3)]
    assert places(found, "evaluation_loss_vs_iterations") == [(epoch, 4, epoch + 1.0) for epoch in range(3)]
    assert {info.source for info in found.steps} == {"format"}
    assert found.assumed == ()


def test_megatron_counts_samples_where_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.1.host").write_bytes(small_log("tfevents", [(320, 0.5)], "lm loss vs samples"))
    found = sb.read_logs(tmp_path).reindex(sb.Timeline.plan(batches_per_epoch=5, batch_size=32, samples=160))
    assert places(found, "lm loss vs samples") == [(1, 4, 2.0)]


def test_a_rule_is_a_unit_and_a_base(tmp_path: Path) -> None:
    logs = sb.read_logs(json_lines(tmp_path / "log.jsonl", 1))
    with pytest.raises(ValueError, match="takes a unit and a base"):
        logs.reindex(series={"val_*": "epoch"})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="base must be 0 or 1"):
        logs.reindex(series={"val_*": ("epoch", 2)})  # type: ignore[dict-item]
