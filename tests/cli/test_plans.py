"""The options that describe a plan: the command line answers what the same plan in Python does."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest

import stepbridge as sb
from commands import complaint, printed
from stepbridge.timeline import batch_size_ramp

if TYPE_CHECKING:
    from pathlib import Path

TEXTBOOK = ("--samples", "1000", "--batch-size", "200", "--epochs", "5")
PLAN = sb.Timeline.plan(samples=1000, batch_size=200, epochs=5)
RAMP: list[Any] = [(0, 16), ("8000sp", 32)]


PLANS = [
    pytest.param(
        (*TEXTBOOK, "--change", "12ba:batch-size=100", "--change", "18ba:accumulate=2"),
        PLAN.change(at="12ba", batch_size=100).change(at="18ba", accumulate=2),
        id="two changes",
    ),
    pytest.param(
        (*TEXTBOOK, "--accumulate", "3", "--change", "2ba:accumulate=4,pending=flush"),
        sb.Timeline.plan(samples=1000, batch_size=200, epochs=5, accumulate=3).change(
            at="2ba", accumulate=4, pending="flush"
        ),
        id="an open window",
    ),
    pytest.param(
        ("--stream", "--batch-size", "16", "--samples", "60", "--steps", "1000"),
        sb.Timeline.stream(batch_size=16, samples=60, steps=1000),
        id="a stream",
    ),
    pytest.param(
        ("--stream", "--ramp", "0:16 8000sp:32", "--tokens-per-sample", "4", "--tokens", "100ktok"),
        sb.Timeline.stream(batch_size=RAMP, tokens_per_sample=4, tokens="100ktok"),
        id="a ramp of a stream",
    ),
    pytest.param(
        ("--stream", "--ramp", "16 8 300", "--batch-size", "32", "--steps", "50"),
        sb.Timeline.stream(batch_size=batch_size_ramp(16, 8, 300, 32), steps=50),
        id="megatron's triple",
    ),
    pytest.param(
        ("--samples", "1000", "--ramp", "0:16 8000sp:32", "--epochs", "20"),
        sb.Timeline.plan(samples=1000, batch_size=RAMP, epochs=20),
        id="a ramp over epochs",
    ),
    pytest.param(
        (
            "--batches-per-epoch",
            "7",
            "--batch-size",
            "2",
            "--accumulate",
            "3",
            "--boundary",
            "spill",
            "--on-cut",
            "drop",
            "--epochs",
            "4",
        ),
        sb.Timeline.plan(batches_per_epoch=7, batch_size=2, accumulate=3, boundary="spill", on_cut="drop", epochs=4),
        id="boundaries",
    ),
]


@pytest.mark.parametrize(("options", "plan"), PLANS)
@pytest.mark.parametrize(("amount", "unit"), [("20st", "batch"), ("20ba", "sample"), ("400sp", "step")])
def test_the_answer_is_that_of_the_plan_in_python(
    options: tuple[str, ...], plan: sb.Timeline, amount: str, unit: str
) -> None:
    assert printed("convert", amount, unit, *options) == f"{plan.convert(amount, unit)}\n"  # type: ignore[arg-type]


@pytest.mark.parametrize(("options", "plan"), PLANS)
def test_plan_describes_the_plan_in_python(options: tuple[str, ...], plan: sb.Timeline) -> None:
    described = json.loads(printed("plan", *options, "--json"))["timeline"]
    assert sb.Timeline.from_json(json.dumps(described)) == plan


@pytest.mark.parametrize(("options", "plan"), PLANS)
def test_reindex_locates_what_the_plan_in_python_does(
    options: tuple[str, ...], plan: sb.Timeline, tmp_path: Path
) -> None:
    steps = range(min(40, plan.steps or 40))
    log, table = tmp_path / "log.jsonl", tmp_path / "table.csv"
    log.write_text("".join(f'{{"step": {step}, "loss": 0.5}}\n' for step in steps), encoding="utf-8")
    printed("reindex", log, "-o", table, "--unit", "step", "--base", "0", "--batch", *options)
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(steps)
    for step, row in zip(steps, rows, strict=True):
        place = plan.locate(step, unit="step", invalid="mask")
        assert (row["epoch"], row["iter"]) == (("", "") if place is None else (str(place.epoch), str(place.iter)))
        done = plan.convert(sb.Quantity(step + 1, "st"), "batch")
        assert isinstance(done, sb.Exact)
        assert int(row["batch"]) == int(done) - 1


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--stream", "--ramp", "8:16", "--steps", "5"), "first --batch-size"),
        (("--stream", "--ramp", "0:16 50sp:8 20sp:4", "--steps", "5"), "goes back"),
        (("--stream", "--batch-size", "4", "--tokens", "300"), "300tok needs --tokens-per-sample"),
        ((*TEXTBOOK, "--change", "12ba:batch=100"), "batch"),
        (
            (*TEXTBOOK, "--change", "3ep:batch-size=50", "--change", "12ba:batch-size=100"),
            "goes back: 12ba comes before 3ep",
        ),
        ((*TEXTBOOK, "--change", "5sp:batch-size=100"), "at"),
    ],
)
def test_a_plan_that_cannot_hold_is_one_sentence(options: tuple[str, ...], named: str) -> None:
    assert named in complaint(2, "convert", "3st", "batch", *options)


def test_an_answer_names_the_option_that_is_missing() -> None:
    assert printed("convert", "3st", "token", *TEXTBOOK).endswith(
        "tokens are known only if the plan states --tokens-per-sample, or the run counts them\n"
    )
