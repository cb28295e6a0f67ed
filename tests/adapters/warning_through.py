"""Lets a clock warn through modules of a framework: `python warning_through.py ADAPTER MODULE...`; a test runs it."""

from __future__ import annotations

import importlib
import sys
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import stepbridge as sb

if TYPE_CHECKING:
    from collections.abc import Callable


def through(module: str, inner: Callable[[], None]) -> Callable[[], None]:
    """Returns a function of that module which calls another one."""
    names: dict[str, Any] = {"__name__": module, "inner": inner}
    exec("def call():\n    inner()\n", names)  # it has the globals of its module
    call: Callable[[], None] = names["call"]
    return call


def main(adapter: str, modules: list[str]) -> None:
    """Warns, and prints whose line the warning points at."""
    importlib.import_module(f"stepbridge.adapters.{adapter}")
    clock = sb.StepClock(batches_per_epoch=1)
    # That of the adapter is the innermost.
    call = through(f"stepbridge.adapters.{adapter}.callback", partial(clock.warn, "something"))
    for module in reversed(modules):
        call = through(module, call)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()  # the user's line
    (one,) = [one for one in caught if one.category is sb.StepbridgeWarning]
    with open(one.filename, encoding="utf-8") as file:  # noqa: PTH123 - whatever it points at
        print(file.readlines()[one.lineno - 1].partition("# ")[2].strip())  # noqa: T201 - the answer


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
