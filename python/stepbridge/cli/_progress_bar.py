"""A bar for work that takes longer than a moment: on a terminal only, on stderr, gone when the work is done."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress


@contextmanager
def bar(text: str, unit: Literal["bytes", "rows"], *, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Gives what the library calls with what is done and what there is; None if nothing is to be shown.

    Rich is imported, and the bar appears, with the first call: short work shows nothing and pays nothing.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    shown: list[Progress] = []

    def watch(done: int, total: int) -> None:
        if not shown:
            shown.append(_started(unit))
            shown[0].add_task(text, total=total)
        shown[0].update(shown[0].task_ids[0], completed=done, total=total)

    try:
        yield watch
    finally:
        for progress in shown:
            progress.stop()


def _started(unit: Literal["bytes", "rows"]) -> Progress:
    """Makes a bar with a rate and the time left."""
    from rich.console import Console  # noqa: PLC0415 - rich costs more to import than a short read
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    amount = (DownloadColumn(), TransferSpeedColumn()) if unit == "bytes" else (MofNCompleteColumn(),)
    columns = (TextColumn("{task.description}"), BarColumn(), *amount, TimeRemainingColumn())
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    progress.start()
    return progress
