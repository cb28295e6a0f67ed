"""A temporary folder for copies of remote files, which is gone with its owner, its process, or the next one.

It is removed when its owner is freed, when the process ends, and on SIGTERM where nothing else handles that signal. If
the process is killed, the next process that makes such a folder removes it: a lock shows that its process has ended.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
import weakref
from contextlib import suppress
from pathlib import Path

from stepbridge.ledger._locked_file import FileInUseError, LockedFile

__all__ = ["CacheFolder"]

_PREFIX = "stepbridge-remote-"
_LOCK = "lock"

#: The folders of this process that are not removed yet.
_folders: set[Path] = set()


class CacheFolder:
    """A temporary folder. `path` is where it is, without links."""

    def __init__(self) -> None:
        _remove_left_over(Path(tempfile.gettempdir()))
        # It gets its name when it is locked: a folder of that name without a lock is one that is left over.
        folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="stepbridge-new-")))
        lock = LockedFile(folder / _LOCK)
        self.path = folder
        with suppress(OSError):  # Windows does not rename a folder with an open file
            self.path = folder.rename(folder.with_name(folder.name.replace("stepbridge-new-", _PREFIX)))
        _folders.add(self.path)
        self.files.mkdir()
        self.unfinished.mkdir()
        self._finalizer = weakref.finalize(self, _remove, self.path, lock, os.getpid())
        _remove_on_sigterm()

    def remove(self) -> None:
        """Removes it now."""
        self._finalizer()

    @property
    def files(self) -> Path:
        """Where the copies are."""
        return self.path / "files"

    @property
    def unfinished(self) -> Path:
        """Where a copy is until it is whole."""
        return self.path / "unfinished"

    @property
    def free(self) -> int:
        """How many bytes the disk has left."""
        return shutil.disk_usage(self.path).free


def _remove(path: Path, lock: LockedFile, process: int) -> None:
    # A forked child has the same object, and not the folder.
    if os.getpid() == process:
        shutil.rmtree(path, ignore_errors=True)
        _folders.discard(path)
        lock.close()


def _remove_left_over(folder: Path) -> None:
    """Removes the folders of processes that were killed."""
    for path in folder.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            ours = not hasattr(os, "getuid") or path.lstat().st_uid == os.getuid()
            if path in _folders or path.is_symlink() or not ours or not (path / _LOCK).exists():
                continue
            try:
                lock = LockedFile(path / _LOCK)
            except FileInUseError:
                continue
            shutil.rmtree(path, ignore_errors=True)
            lock.close()


def _remove_on_sigterm() -> None:
    """Removes the folders on SIGTERM, unless the program, or the command line, handles it."""
    alone = threading.current_thread() is threading.main_thread()
    if alone and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _end)


def _end(number: int, _frame: object) -> None:
    for path in list(_folders):
        shutil.rmtree(path, ignore_errors=True)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
