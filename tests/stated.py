"""Logs that state an epoch next to each step: the real ones, and ones that a plain loop writes.

Everything here is Python's own csv, json, decimal and fractions: it shares nothing with what is tested.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = Path(os.environ.get("STEPBRIDGE_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))
NAMES = ("trainer_state.json", "metrics.csv")

Rule = Literal["flush", "carry", "drop"]
Half = Literal["even", "odd", "first"]
HALVES: tuple[Half, ...] = ("even", "odd", "first")


@dataclass(frozen=True)
class Log:
    """The rows of one log, each a mapping of names to what was printed; `around` is what the file holds besides."""

    name: str
    rows: tuple[dict[str, Any], ...]
    around: dict[str, Any]

    @property
    def is_table(self) -> bool:
        return self.name.endswith(".csv")

    def halves(self, half: Half) -> tuple[Log, Log]:
        """Split the rows into those to learn from and those to predict."""
        middle = len(self.rows) // 2
        known, asked = {
            "even": (self.rows[::2], self.rows[1::2]),
            "odd": (self.rows[1::2], self.rows[::2]),
            "first": (self.rows[:middle], self.rows[middle:]),
        }[half]
        return replace(self, rows=known), replace(self, rows=asked)

    def alone(self) -> Log:
        """Leave out what the file says outside its rows: where it is, and how far it is planned to go."""
        own = {"global_step", "epoch", "max_steps", "num_train_epochs"}
        return replace(self, around={name: value for name, value in self.around.items() if name not in own})

    def write(self, folder: Path) -> Path:
        """Write the rows as the framework would, into a folder of their own."""
        folder.mkdir(parents=True)
        path = folder / self.name
        if self.is_table:
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(self.rows[0]))
                writer.writeheader()
                writer.writerows(self.rows)
        else:
            # Numbers are written as they were printed: Literal is a string that goes in without quotes.
            path.write_text(dump({**self.around, "log_history": list(self.rows)}), encoding="utf-8")
        return path

    def stated(self) -> Iterator[tuple[int, Decimal]]:
        """Give each row's step and epoch, with the digits that were printed."""
        for row in self.rows:
            if row.get("step") not in {None, ""} and row.get("epoch") not in {None, ""}:
                yield int(row["step"]), Decimal(row["epoch"])


class Printed(str):
    """A number of a JSON file, in the digits of the file."""

    __slots__ = ()


def read(path: Path) -> Log:
    """Read a log without losing a digit."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".csv":
        return Log(path.name, tuple(csv.DictReader(io.StringIO(text))), {})
    around = json.loads(text, parse_float=Printed, parse_int=Printed)
    return Log(path.name, tuple(around.pop("log_history")), around)


def dump(value: Any) -> str:
    """Write JSON with numbers in the digits that were read."""
    if isinstance(value, Printed):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {dump(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(dump, value)) + "]"
    return json.dumps(value)


def real() -> list[Path]:
    """Find every real log that states epochs."""
    return sorted(path for name in NAMES for path in DATA.rglob(name))


def agrees(stated: Decimal, found: Fraction) -> bool:
    """Tell whether a position may have been printed like this: half of the last digit, or 2 ulps of a float in full."""
    exponent = stated.as_tuple().exponent
    assert isinstance(exponent, int)
    slack = Fraction(10) ** exponent / 2
    if len(stated.as_tuple().digits) >= 15:
        slack = max(slack, 2 * Fraction(math.ulp(float(stated))))
    return abs(Fraction(stated) - found) <= slack


@dataclass(frozen=True)
class Loop:
    """A training loop: batches an epoch, batches a step, and what becomes of a window at an epoch's end."""

    batches: int
    accumulate: int
    rule: Rule
    epochs: int

    def updates(self) -> Iterator[tuple[int, int, int]]:
        """Run it: after each update the number of updates, the epoch's index and the batches done in the epoch."""
        step = pending = 0
        for epoch in range(self.epochs):
            for batch in range(1, self.batches + 1):
                pending += 1
                if pending == self.accumulate or (batch == self.batches and self.rule == "flush"):
                    pending = 0
                    step += 1
                    yield step, epoch, batch
            if self.rule == "drop":
                pending = 0

    def trainer_state(self, *, every: int, digits: int | None) -> Log:
        """Log what was completed, as Hugging Face does: each `every` updates, with so many digits or all."""
        rows = []
        for step, epoch, batch in self.updates():
            if step % every == 0:
                value = epoch + batch / self.batches
                printed = repr(value if digits is None else round(value, digits))
                rows.append({"step": Printed(step), "epoch": Printed(printed), "loss": Printed("1.5")})
        return Log("trainer_state.json", tuple(rows), {"best_metric": None})

    def metrics(self, *, every: int, ends: bool, test: bool) -> Log:
        """Log indices, as Lightning does: each `every` updates, at the epochs' ends, after training."""
        rows, total = [], 0
        for step, epoch, batch in self.updates():
            total = step
            if step % every == 0:
                rows.append({"step": str(step - 1), "epoch": str(epoch), "train_loss": "1.5", "val_loss": ""})
            if ends and batch == self.batches:
                rows.append({"step": str(step - 1), "epoch": str(epoch), "train_loss": "", "val_loss": "2.5"})
        if test:
            rows.append({"step": str(total), "epoch": str(self.epochs), "train_loss": "", "val_loss": "2.5"})
        return Log("metrics.csv", tuple(rows), {})
