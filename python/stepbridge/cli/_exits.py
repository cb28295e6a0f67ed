"""How the command line ends: its exit codes, and one sentence for whatever went wrong."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path

from stepbridge.cli._printing import complain

DONE = 0
NOTHING = 1
WRONG_USE = 2
FAULT = 70
INTERRUPTED = 130
READER_GONE = 141

#: As `stepbridge --help` prints them.
EXIT_CODES = (
    (DONE, "the command did its work; damage in a log is named on stderr"),
    (NOTHING, "nothing could be read, or the result could not be written"),
    (WRONG_USE, "wrong use: an unknown option, a path that does not exist, a missing plan"),
    (FAULT, "an unexpected error: a fault in stepbridge or in how it is installed"),
    (INTERRUPTED, "ended by Ctrl-C (with --follow it ends with 0)"),
    (READER_GONE, "the reader of the output went away, as `| head` does (a signal, on Unix)"),
    (143, "ended by SIGTERM (129: by SIGHUP); no file is left half written"),
)


def end_with_the_reader() -> None:
    """Lets the system end the process when its output is no longer read, as it ends any program.

    Python turns that signal off and raises an error instead, which would have to be caught at every print. The command
    line prints only when its files are written: nothing is left half done.
    """
    if sys.platform != "win32":
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def outlive_broken_connections() -> None:
    """Turns that signal off for a command that reads remote logs: a server that goes away would end it too.

    When its output is no longer read, it ends with the same exit code, and removes its copies.
    """
    if sys.platform != "win32" and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)


class TerminatedError(BaseException):
    """Another process asked this one to end. What is being done is cleaned up on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number
        """What a shell reports of a process that the signal ended."""


def end_when_asked() -> None:
    """Makes SIGTERM and SIGHUP end a command as Ctrl-C does. By default, the system ends it and leaves its files.

    A signal that is ignored (`nohup`) or that a program around this one handles stays as it is.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _terminate)


def _terminate(number: int, _frame: object) -> None:
    # Once is enough: a second signal must not end the cleaning up.
    signal.signal(number, signal.SIG_IGN)
    raise TerminatedError(number)


def escape_what_cannot_be_encoded() -> None:
    """Prints what the output's encoding lacks as an escape; names in logs may hold any character.

    A stream that was closed before the process began is None; what is printed there goes nowhere.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until the end
        reconfigure = getattr(getattr(sys, name), "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def code_of(error: SystemExit) -> int:
    """Returns the exit code of a command that click ended: shell completion, or an output that is no longer read."""
    code = error.code if isinstance(error.code, int) else NOTHING
    outlived = sys.platform != "win32" and signal.getsignal(signal.SIGPIPE) is signal.SIG_IGN
    return READER_GONE if code == NOTHING and outlived else code


def output_failed(error: OSError, *, debug: bool) -> int:
    """Reports what the system refused and no command expects: above all, to print."""
    # What could not be printed is thrown away, else Python would try, and complain, again when it ends.
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    print_traceback(error, debug=debug)
    what = error if error.filename is not None else f"the output could not be written: {error.strerror or error}"
    complain(str(what), command="stepbridge")
    return NOTHING


def unexpected(error: BaseException, *, debug: bool) -> int:
    """Reports an error that should not happen, and says how to report it to us."""
    print_traceback(error, debug=debug)
    complain(f"unexpected {type(error).__name__}: {error}", command="stepbridge")
    how = "" if debug else " Run it again with --debug (or STEPBRIDGE_DEBUG=1) to see the traceback."
    complain(f"This should not happen.{how} Please report it with the traceback and `stepbridge --version`.")
    return FAULT


def print_traceback(error: BaseException, *, debug: bool) -> None:
    """Prints the traceback with `--debug`."""
    if debug:
        traceback.print_exception(error)
