"""The command line: `stepbridge plan`, `convert`, `info`, `infer`, `reindex`, `index`, `rewrite`, `where`, `plot`.

It asks the library and prints the answer; it does no arithmetic. Every failure is one sentence on stderr and an exit
code of `_exits.py`. This module is small because Ctrl-C must end the command without a traceback from here on, while
click and the library are still being imported.
"""

from __future__ import annotations

import os
import signal
import sys

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and leaves with its exit code."""
    # A shell makes what it starts in the background ignore Ctrl-C; that stays.
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interruptible:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from stepbridge.cli._program import run  # noqa: PLC0415 - see above

    if interruptible:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(run(arguments))
