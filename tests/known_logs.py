"""Writes docs/known_logs.md: `python tests/known_logs.py --write`, on a machine that has the real logs.

Each log is read alone, so that a row depends on that log only, and what changes a reader changes its rows.
"""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import stepbridge as sb

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DATA", "PAGE", "POSTED", "page"]

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "known_logs.md"
#: Published logs of real runs, with a MANIFEST.tsv; too large for the repository.
DATA = Path(os.environ.get("STEPBRIDGE_DATA", ROOT.parent / "shared" / "data"))
#: Small logs with invented content, each of a shape that people have posted.
POSTED = DATA.parent / "cases" / "logs"

HEAD = """\
# What is known of real logs

`python tests/known_logs.py --write` writes this page, and a test compares it. Each log was read alone, and
re-indexed without any option. A change in what stepbridge knows of a log shows here.

- **exactly**: records whose epoch follows from what the format, the ledger or the log itself states.
- **assumed**: records whose epoch rests on an assumption about their steps, which stepbridge names.
- **epoch only**: records whose position in the run is known as a fraction of epochs, but not their batch.
- **no place**: records in the table without an epoch. Give a plan (`reindex(plan)`) to place them.
- **left out**: records that a later session of the run replaced.

"""
COLUMNS = ("log", "format", "records", "exactly", "assumed", "epoch only", "no place", "left out")
#: Paths of published logs are long; what is cut is their middle.
LONGEST = 90


class Row(NamedTuple):
    """What is known of one log."""

    log: str
    format: str
    records: int = 0
    exactly: int = 0
    assumed: int = 0
    epoch_only: int = 0
    no_place: int = 0
    left_out: int = 0


def known(path: Path, root: Path) -> Row:
    """Returns what stepbridge knows of a log: a file, or a folder with the files of one run."""
    name = path.relative_to(root).as_posix()
    try:
        logs = sb.read_logs(path)
    except sb.NoLogsError as error:
        return Row(name, f"not read: {reason(str(error))}")
    formats = dict.fromkeys(f"{file.format} ({file.shape})" if file.shape else file.format for file in logs.files)
    table = logs.reindex()
    frame = table.to_polars()
    assumed = {found.run for found in table.assumed}
    has_epoch, has_float = frame["epoch"].is_not_null(), frame["epoch_float"].is_not_null()
    by_assumption = frame["run"].is_in(list(assumed))
    return Row(
        name,
        ", ".join(formats),
        len(logs),
        int((has_epoch & ~by_assumption).sum()),
        int((has_epoch & by_assumption).sum()),
        int((~has_epoch & has_float).sum()),
        int((~has_epoch & ~has_float).sum()),
        len(logs) - len(table),
    )


def reason(sentence: str) -> str:
    """Returns why a log was not read, in few words."""
    words = {
        "no bytes": "empty",
        "LFS": "a Git LFS pointer",
        "none of its lines": "looks like a text log of another shape",
        "step_column=": "looks like a table without a known step",
        "count upwards": "looks like a table whose steps do not rise",
        "one JSON value": "looks like a log in one JSON value",
        "not a log of a known format": "no known format",
        "there is no log": "no known format",
    }
    return next((short for part, short in words.items() if part in sentence), "damaged")


def published() -> list[Row]:
    """Returns a row for each published file."""
    with (DATA / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    paths = [DATA / row["format"] / row["repo"].replace("/", "__") / row["path"] for row in rows]
    return [known(path, DATA) for path in sorted(dict.fromkeys(paths)) if path.is_file()]


def invented() -> list[Row]:
    """Returns a row for each invented log: a file, or a folder that holds one run."""
    return [known(path, POSTED) for path in sorted(POSTED.iterdir()) if path.name != "faults"]


def shortened(name: str) -> str:
    half = (LONGEST - 1) // 2
    text = name if len(name) <= LONGEST else f"{name[:half]}…{name[-half:]}"
    return text.replace("|", "\\|")


def lines(rows: list[Row]) -> Iterator[str]:
    """Gives the lines of a table, with the sums last."""
    sums = [sum(row[at] for row in rows) for at in range(2, len(COLUMNS))]  # type: ignore[misc]
    yield f"| {' | '.join(COLUMNS)} |"
    yield f"| --- | --- |{' ---: |' * len(sums)}"
    for row in rows:
        yield f"| {shortened(row.log)} | {row.format} | {' | '.join(f'{number:,}' for number in row[2:])} |"
    yield f"| **{len(rows)} logs** | | {' | '.join(f'**{number:,}**' for number in sums)} |"


def page() -> str:
    """Returns the page."""
    parts = [HEAD, "## Logs of shapes that people posted\n", *lines(invented()), "\n## Published logs\n"]
    return "\n".join([*parts, *lines(published())]) + "\n"


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
