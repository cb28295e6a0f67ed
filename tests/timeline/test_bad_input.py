"""Arguments that make no sense: each function of a timeline refuses them in one sentence that names the argument.

Each entry is one argument of one function, and gets every wrong value of its kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import stepbridge as sb
from bad_input import (
    NO_BASES,
    NO_COUNTS,
    NO_FLAGS,
    NO_MAPPINGS,
    NO_NUMBERS,
    NO_QUANTITIES,
    NO_SIZES,
    NO_UNITS,
    NO_WORDS,
    Entry,
    Odd,
    refuse_all,
)
from stepbridge.timeline import batch_size_ramp

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PLAN = sb.Timeline.plan(samples=100, batch_size=10, epochs=3)


def plan(**arguments: Any) -> object:
    return sb.Timeline.plan(**{"batches_per_epoch": 4, "epochs": 2, **arguments})


def sized(**arguments: Any) -> object:
    return sb.Timeline.plan(**{"samples": 4, "batch_size": 2, "epochs": 2, **arguments})


def stream(**arguments: Any) -> object:
    return sb.Timeline.stream(**{"batch_size": 4, **arguments})


TIMELINES: list[Entry] = [
    *[
        (f"plan {name}", name, lambda v, name=name: plan(**{name: v}), NO_SIZES)
        for name in ("batches_per_epoch", "epochs", "accumulate")
    ],
    *[
        (f"plan {name}", name, lambda v, name=name: sized(**{name: v}), NO_SIZES)
        for name in ("samples", "tokens_per_sample")
    ],
    ("plan batch_size", "batch_size", lambda v: sized(batch_size=v), [v for v in NO_SIZES if v != ""]),
    ("plan drop_last", "drop_last", lambda v: sized(drop_last=v), NO_FLAGS),
    ("plan boundary", "boundary", lambda v: plan(boundary=v), [*NO_WORDS, None]),
    ("plan on_cut", "on_cut", lambda v: plan(on_cut=v), [*NO_WORDS, None, "flush"]),
    *[
        (f"stream {name}", name, lambda v, name=name: stream(**{name: v}), NO_SIZES)
        for name in ("samples", "steps", "accumulate", "tokens_per_sample")
    ],
    ("stream tokens", "tokens", lambda v: stream(tokens_per_sample=2, tokens=v), [*NO_SIZES, "3ep", "0tok"]),
    (
        "stream batch_size",
        "batch_size",
        lambda v: stream(batch_size=v),
        [
            *NO_SIZES,
            None,
            [],
            [(5, 1)],
            [(0, 1), (0, 2), 3],
            [(0, 0)],
            "0:",
            ":3",
            "0:-1",
            "5:3",
            [(0, 1.5)],
            [(1.5, 2)],
            [("x", 2)],
        ],
    ),
    ("ramp start", "start", lambda v: batch_size_ramp(v, 8, 300, 32), [*NO_SIZES, None]),
    ("ramp increment", "increment", lambda v: batch_size_ramp(16, v, 300, 32), [*NO_SIZES, None]),
    ("ramp samples", "samples", lambda v: batch_size_ramp(16, 8, v, 32), [*NO_SIZES, None]),
    ("ramp final", "final", lambda v: batch_size_ramp(16, 8, 300, v), [*NO_SIZES, None]),
    (
        "from_epochs lengths",
        "lengths",
        sb.Timeline.from_epochs,
        [None, 3, "abc", [1.5], [True], [-1], [2**63], [[1]], [None], np.array([1.0]), Odd(), ["1"]],
    ),
    (
        "from_epochs samples",
        "samples",
        lambda v: sb.Timeline.from_epochs([2, 2], samples=v),
        [3, "abc", [1.5, 2], [True, True], [-1, 4], [2**63, 4], [[1, 2]], [4], Odd()],
    ),
    ("from_epochs batch_size", "batch_size", lambda v: sb.Timeline.from_epochs([2], batch_size=v), NO_SIZES),
    ("from_epochs accumulate", "accumulate", lambda v: sb.Timeline.from_epochs([2], accumulate=v), [*NO_SIZES, None]),
    ("from_epochs boundary", "boundary", lambda v: sb.Timeline.from_epochs([2], boundary=v), [*NO_WORDS, None]),
    ("from_epochs on_cut", "on_cut", lambda v: sb.Timeline.from_epochs([2], on_cut=v), [*NO_WORDS, None]),
    ("from_epochs cut", "cut", lambda v: sb.Timeline.from_epochs([2], cut=v), NO_FLAGS),
    (
        "from_epochs tokens",
        "tokens_per_sample",
        lambda v: sb.Timeline.from_epochs([2], batch_size=1, tokens_per_sample=v),
        NO_SIZES,
    ),
    ("from_json", "text", sb.Timeline.from_json, [None, 3, b"{}", [], Odd()]),
    (
        "from_json of nonsense",
        "JSON",
        sb.Timeline.from_json,
        ["", "{}", "[]", "null", "\0", '{"version":1}', '{"version":1,"segments":3}', "[" * 5000],
    ),
    ("from_ledger", "path", sb.Timeline.from_ledger, [None, 3.5, [], Odd()]),
    ("convert quantity", "quantity", lambda v: PLAN.convert(v, "step"), NO_QUANTITIES),
    ("convert unit", "unit", lambda v: PLAN.convert("3ba", v), NO_UNITS),
    ("compare left", "left", lambda v: PLAN.compare(v, "3ba"), NO_QUANTITIES),
    ("compare right", "right", lambda v: PLAN.compare("3ba", v), NO_QUANTITIES),
    (
        "locate n",
        "n",
        PLAN.locate,
        [*NO_NUMBERS, None, 31, 2**63, [1.5], [-1], [31], [[True]], np.ma.masked_array([1], [True])],
    ),
    ("locate unit", "unit", lambda v: PLAN.locate(3, v), [*NO_UNITS, "ep", "dur"]),
    ("locate base", "base", lambda v: PLAN.locate(3, base=v), NO_BASES),
    ("locate invalid", "invalid", lambda v: PLAN.locate(3, invalid=v), [*NO_WORDS, None]),
    (
        "locate out",
        "out",
        lambda v: PLAN.locate([3], out=v),
        [
            3,
            "x",
            (1, 2),
            [np.zeros(1, int)] * 2,
            (np.zeros(2, int), np.zeros(2, int)),
            (np.zeros(1), np.zeros(1)),
            Odd(),
        ],
    ),
    ("locate out for a number", "out", lambda v: PLAN.locate(3, out=v), [(np.zeros(1, int), np.zeros(1, int)), 3]),
    ("locate an array in a unit", "unit", lambda v: PLAN.locate([3], v), [*NO_UNITS, "ep", "dur"]),
    ("locate an array from a base", "base", lambda v: PLAN.locate([3], base=v), NO_BASES),
    ("index epoch", "epoch", lambda v: PLAN.index(v, 0), [*NO_NUMBERS, None, -1, 3, 2**63]),
    ("index iter", "iter", lambda v: PLAN.index(0, v), [*NO_NUMBERS, None, -1, 10, 2**63]),
    ("index unit", "unit", lambda v: PLAN.index(0, 0, v), [*NO_UNITS, "ep", "dur"]),
    ("index base", "base", lambda v: PLAN.index(1, 1, base=v), NO_BASES),
    ("index invalid", "invalid", lambda v: PLAN.index(0, 0, invalid=v), [*NO_WORDS, None]),
    ("translate counters", "counters", lambda v: PLAN.translate(v, source="keras", target="pytorch"), NO_MAPPINGS),
    (
        "translate a counter",
        "epoch",
        lambda v: PLAN.translate({"epoch": v, "batch": 0}, source="keras", target="pytorch"),
        [*NO_COUNTS, None],
    ),
    (
        "translate the name of a counter",
        "counter",
        lambda v: PLAN.translate({v: 0}, source="keras", target="pytorch"),
        ["x", "", 3, None, True, ()],
    ),
    (
        "translate source",
        "convention",
        lambda v: PLAN.translate({"epoch": 0}, source=v, target="pytorch"),
        ["x", "", 3, None, True, [], Odd()],
    ),
    (
        "translate target",
        "convention",
        lambda v: PLAN.translate({"iterations": 1}, source="keras", target=v),
        ["x", "", 3, None, True, [], Odd()],
    ),
    ("change at", "at", lambda v: PLAN.change(at=v, batch_size=5), [*NO_QUANTITIES, "31ba", "5sp"]),
    *[
        (f"change {name}", name, lambda v, name=name: PLAN.change(at="3ba", **{name: v}), NO_SIZES)
        for name in ("batch_size", "accumulate", "batches_per_epoch", "samples")
    ],
    (
        "change pending",
        "pending",
        lambda v: sb.Timeline.plan(batches_per_epoch=9, epochs=1, accumulate=2).change(
            at="3ba", accumulate=3, pending=v
        ),
        [*NO_WORDS, -1, 1.5, 3, 2**63],
    ),
    ("Quantity value", "", lambda v: sb.Quantity(v, "ba"), [v for v in NO_COUNTS if not isinstance(v, sb.Exact)]),
    ("Quantity unit", "unit", lambda v: sb.Quantity(3, v), NO_UNITS),
    ("Quantity.parse", "quantity|amount", sb.Quantity.parse, NO_QUANTITIES),
]


@pytest.mark.parametrize(("argument", "call", "values"), [pytest.param(*entry[1:], id=entry[0]) for entry in TIMELINES])
def test_one_sentence_names_what_is_wrong(
    argument: str, call: Callable[[Any], object], values: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refuse_all(argument, call, values)
