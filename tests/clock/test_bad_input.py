"""Arguments that make no sense: each function of a clock refuses them in one sentence that names the argument.

Each entry is one argument of one function, and gets every wrong value of its kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

import stepbridge as sb
from bad_input import (
    NO_BASES,
    NO_COUNTS,
    NO_FLAGS,
    NO_INTEGERS,
    NO_MAPPINGS,
    NO_QUANTITIES,
    NO_SIZES,
    NO_UNITS,
    NO_WORDS,
    Entry,
    Odd,
    clock,
    refuse_all,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PLAN = sb.Timeline.plan(samples=100, batch_size=10, epochs=3)

CLOCKS: list[Entry] = [
    ("plan", "plan", sb.StepClock, [3, "x", {}, Odd(), True]),
    ("name", "name", lambda v: sb.StepClock(batches_per_epoch=2, name=v), [None, 3, b"x", [], Odd()]),
    ("until", "until", lambda v: clock(until=v), [v for v in NO_QUANTITIES if v is not None]),
    ("initial", "initial", lambda v: clock(initial=v), [*[v for v in NO_QUANTITIES if v is not None], "31ba", "5sp"]),
    ("padding", "padding", lambda v: clock(padding=v), [*NO_COUNTS, None]),
    ("ledger", "ledger", lambda v: clock(ledger=v), [3, 1.5, b"\0x", [], Odd(), True]),
    (
        "logged_as",
        "logged_as|base|unit",
        lambda v: clock(ledger="nowhere", logged_as=v),
        [3, "step", (), ("step",), ("step", 2), ("step", True), ("parsec", 0), ("dur", 0), (3, 0), Odd()],
    ),
    ("a part", "argument", lambda v: sb.StepClock(**cast("Any", {v: 3})), ["batches", "x", "epoch"]),
    ("epochs", "n", lambda v: clock().epochs(v), [v for v in NO_COUNTS if v != ""]),
    ("batches loader", "loader", lambda v: clock().batches(v), [None, 3, 1.5, Odd()]),
    ("batches resume", "resume", lambda v: clock().batches([1], resume=v), list(NO_WORDS)),
    ("rest", "rest", lambda v: clock().rest(v), [None, 3, 1.5, Odd(), "abc", [1, 2], []]),
    ("begin_epoch epoch", "epoch", lambda v: clock().begin_epoch(v), [*NO_COUNTS, 3]),
    ("begin_epoch batch", "batch", lambda v: clock().begin_epoch(0, batch=v), [*NO_INTEGERS, -1, 2**63, 11]),
    ("begin_epoch sample", "sample", lambda v: clock().begin_epoch(0, sample=v), [*NO_INTEGERS, -1, 2**63, 101]),
    ("restart_epoch epoch", "epoch", lambda v: clock().restart_epoch(v), [*NO_COUNTS, 1]),
    ("restart_epoch batch", "batch", lambda v: clock().restart_epoch(0, batch=v), [*NO_INTEGERS, -1, 2**63, 11]),
    ("restart_epoch sample", "sample", lambda v: clock().restart_epoch(0, sample=v), [*NO_INTEGERS, -1, 2**63, 101]),
    ("advance batches", "batches", lambda v: clock().advance(v), [*NO_SIZES, None]),
    ("advance last", "last", lambda v: clock().advance(1, last=v), NO_FLAGS),
    ("end_epoch cut", "cut", lambda v: clock().end_epoch(cut=v), NO_FLAGS),
    ("end_epoch leaves_out", "leaves_out", lambda v: clock().end_epoch(leaves_out=v), NO_FLAGS),
    *[
        (f"change {name}", name, lambda v, name=name: clock().change(pending="drop", **{name: v}), NO_SIZES)
        for name in ("batch_size", "accumulate", "batches_per_epoch", "samples")
    ],
    ("change pending", "pending", lambda v: clock().change(accumulate=3, pending=v), [*NO_WORDS, -1, 1.5, 3, 2**63]),
    ("replan plan", "plan", lambda v: clock().replan(v), [None, 3, "x", {}, Odd()]),
    ("replan padding", "padding", lambda v: clock().replan(PLAN, pending="drop", padding=v), NO_COUNTS),
    ("replan pending", "pending", lambda v: clock().replan(PLAN, pending=v), NO_WORDS),
    ("move_to", "quantity", lambda v: clock().move_to(v), NO_QUANTITIES),
    ("move_to tokens", "tokens", lambda v: clock().move_to("3ba", tokens=v), NO_COUNTS),
    ("add_tokens", "tokens", lambda v: clock().add_tokens(v), [*NO_COUNTS, None]),
    ("skip_update", "steps", lambda v: clock().skip_update(v), [*NO_COUNTS, None, 5]),
    ("updates", "name", lambda v: clock().updates(v), [None, 3, True, [], Odd()]),
    ("updates_of", "optimizer", lambda v: clock().updates_of(v), [None, 3, True, "x", [], Odd()]),
    ("elapsed", "unit", lambda v: clock().elapsed(v), NO_UNITS),
    ("reached", "quantity", lambda v: clock().reached(v), NO_QUANTITIES),
    ("multiples", "quantity", lambda v: clock().multiples(v), NO_QUANTITIES),
    ("every", "quantity|amount", lambda v: clock().every(v), NO_QUANTITIES),
    ("at", "quantity|amount", lambda v: clock().at(v), NO_QUANTITIES),
    ("trigger", "quantity", lambda v: clock().trigger(v), NO_QUANTITIES),
    (
        "trigger state",
        "state|seen",
        lambda v: clock().trigger("2ba").load_state_dict(v),
        [
            *NO_MAPPINGS,
            {},
            {"quantity": "2ba"},
            {"quantity": "2ba", "seen": -1},
            {"quantity": "2ba", "seen": 1.5},
            {"seen": 3, "quantity": "3ba"},
        ],
    ),
    ("convert quantity", "quantity", lambda v: clock().convert(v, "step"), NO_QUANTITIES),
    ("convert unit", "unit", lambda v: clock().convert("3ba", v), NO_UNITS),
    ("counters", "convention", lambda v: clock().counters(v), ["x", "", 3, None, True, [], Odd()]),
    ("add_hook", "hook", lambda v: clock().add_hook(v), [None, 3, "x"]),
    ("remove_hook", "hook", lambda v: clock().remove_hook(v), [None, 3, print]),
    ("warn", "text", lambda v: clock().warn(v), []),
    (
        "record_series_step unit",
        "unit",
        lambda v: clock(ledger="nowhere").record_series_step("x", v, 0, by="w"),
        [v for v in NO_UNITS if v is not None],
    ),
    (
        "record_series_step base",
        "base",
        lambda v: clock(ledger="nowhere").record_series_step("x", "st", v, by="w"),
        NO_BASES,
    ),
    (
        "record_logged_step unit",
        "unit",
        lambda v: clock(ledger="nowhere").record_logged_step(v, 0, by="w"),
        [*NO_UNITS, "dur"],
    ),
    (
        "record_logged_step base",
        "base",
        lambda v: clock(ledger="nowhere").record_logged_step("st", v, by="w"),
        NO_BASES,
    ),
    ("load_state_dict", "state", lambda v: sb.StepClock().load_state_dict(v), [*NO_MAPPINGS, {}]),
    (
        "load_state_dict changed",
        "changed",
        lambda v: sb.StepClock().load_state_dict(clock().state_dict(), changed=v, pending="drop"),
        NO_FLAGS,
    ),
    (
        "load_state_dict pending",
        "pending",
        lambda v: sb.StepClock().load_state_dict(clock().state_dict(), pending=v),
        NO_WORDS,
    ),
]


@pytest.mark.parametrize(("argument", "call", "values"), [pytest.param(*entry[1:], id=entry[0]) for entry in CLOCKS])
def test_one_sentence_names_what_is_wrong(
    argument: str, call: Callable[[Any], object], values: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refuse_all(argument, call, values)
