"""Arguments that make no sense, by kind, and the check that one sentence names each of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

import stepbridge as sb

#: What the documentation says of wrong arguments.
REFUSALS = (TypeError, sb.TimelineError, OverflowError, IndexError)


class Odd:
    """A value that nothing can use."""

    def __repr__(self) -> str:
        return "Odd()"


NO_INTEGERS = [
    1.5,
    2.0,
    float("nan"),
    float("inf"),
    True,
    False,
    np.True_,
    "3",
    "",
    b"3",
    Fraction(1, 2),
    1j,
    [1],
    {},
    Odd(),
]
NO_NUMBERS = [value for value in NO_INTEGERS if not isinstance(value, list)]
NO_COUNTS = [*NO_INTEGERS, -1, -(2**63), 2**63, -(2**63) - 1, 10**40, sb.Exact(3, "dur")]
NO_SIZES = [*NO_COUNTS, 0]
NO_QUANTITIES: list[Any] = [
    *(5, 0, -1, 1.5, float("nan"), True, None, b"3ep", [], Odd(), Fraction(1, 2)),
    *(
        "",
        " ",
        "3",
        "ep",
        "3 parsecs",
        "-1ep",
        "--1ep",
        "nanep",
        "infep",
        "1.5ba",
        "1/0ep",
        "0/0ep",
        "1e3ba",
        "3ep3",
        "\u0661ep\n",
    ),
    *("101 %%", f"{2**63}ba", f"{10**30}ep", "\0", "💥", "3" * 5000 + "ba"),
]
NO_UNITS: list[Any] = ["parsec", "", " ", "ep ", "\0", None, 3, True, b"st", 1.5, [], Odd()]
NO_FLAGS: list[Any] = [0, 1, None, "yes", "", 1.0, np.True_, [], Odd()]
NO_WORDS = ["", "wrap", "FLUSH ", "\0", 3.5, True, b"flush", [], {}, Odd()]
NO_BASES = [*NO_INTEGERS, -1, 2, 2**63, None]
NO_MAPPINGS = [None, 3, "state", [], Odd(), [("a", 1)]]


#: The calls: a name for the test, the argument as the message has to name it, the call, the values.
Entry = tuple[str, str, Callable[[Any], object], list[Any]]


#: The clocks that a call made.
made: list[sb.StepClock] = []


def clock(**more: Any) -> sb.StepClock:
    one = sb.StepClock(samples=100, batch_size=10, epochs=3, accumulate=2, **more)
    one.begin_epoch()
    one.advance(3)
    made.append(one)
    return one


def refuse_all(argument: str, call: Callable[[Any], object], values: list[Any]) -> None:
    """Check that a function refuses all values in one sentence with the argument, and leaves its clock as it was."""
    wrong, untouched = [], clock().state_dict()
    for value in values:
        made.clear()
        try:
            text = f"took it: {call(value)!r}"
        except REFUSALS as error:
            text = str(error)
            plain = "\n" not in text and len(text) < 600 and "cannot be converted" not in text
            if plain and re.search(argument, text) and all(each.state_dict() == untouched for each in made):
                continue
        except BaseException as error:  # noqa: BLE001 - a panic is not an Exception
            text = repr(error)
        wrong.append(f"{value!r:.30}: {text:.200}")
    assert not wrong, "\n".join(wrong)
