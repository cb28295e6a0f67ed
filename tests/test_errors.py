"""The exceptions: one base, and each is the built-in one as well that fits it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import stepbridge as sb
from stepbridge import conventions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PLAN = sb.Timeline.plan(samples=1000, batch_size=200, epochs=5)


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (sb.TimelineError, ValueError),
        (sb.NoLogsError, ValueError),
        (sb.PatternError, ValueError),
        (sb.UnitMismatchError, TypeError),
    ],
)
def test_each_is_a_built_in_one(error: type[Exception], builtin: type[Exception]) -> None:
    assert issubclass(error, sb.StepbridgeError)
    assert issubclass(error, builtin)
    assert issubclass(sb.StepbridgeError, Exception)
    assert not issubclass(sb.StepbridgeError, (ValueError, TypeError))


def ledger(text: str) -> Callable[[Path], object]:
    def read(folder: Path) -> object:
        (folder / "stepclock.jsonl").write_text(text, encoding="utf-8")
        return sb.read_ledger(folder)

    return read


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda _: sb.Timeline.plan(samples=0, batch_size=1), id="an argument of a plan"),
        pytest.param(lambda _: sb.Timeline.plan(samples=3, batch_size=4, drop_last=True), id="a plan"),
        pytest.param(lambda _: sb.Quantity.parse("3 parsecs"), id="a quantity's text"),
        pytest.param(lambda _: sb.Quantity(-3, "ep"), id="a quantity"),
        pytest.param(lambda _: PLAN.locate(3, "epoch"), id="a question"),
        pytest.param(lambda _: PLAN.locate([0, 1], "epoch"), id="a question of an array"),
        pytest.param(lambda _: PLAN.change(at="2.5ba", batch_size=3), id="a change"),
        pytest.param(lambda _: PLAN.translate({"epoch": 1}, source="keras", target="pytorch"), id="a translation"),
        pytest.param(lambda _: sb.Timeline.from_json("{}"), id="a timeline's JSON"),
        pytest.param(lambda _: conventions.convention("jax"), id="a convention"),
        pytest.param(lambda _: sb.StepClock(PLAN, samples=3), id="a clock"),
        pytest.param(lambda _: sb.StepClock(PLAN, initial="250sp"), id="where a clock begins"),
        pytest.param(lambda _: sb.StepClock(PLAN).load_state_dict({}), id="a clock's state"),
        pytest.param(lambda _: sb.StepClock().epochs(), id="epochs without an end"),
        pytest.param(lambda _: sb.StepClock(PLAN).begin_epoch(7), id="an epoch that is not planned"),
        pytest.param(lambda _: sb.StepClock(PLAN).elapsed("furlong"), id="a unit"),  # type: ignore[arg-type]
        pytest.param(ledger("a poem\n"), id="a ledger that is none"),
        pytest.param(ledger(""), id="an empty ledger"),
    ],
)
def test_what_does_not_hold_is_a_timeline_error(act: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(sb.TimelineError, match=r"\w"):
        act(tmp_path)
