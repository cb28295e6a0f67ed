"""A file that one process appends whole lines to: opened late, locked, never shortened.

A line is one `os.write` on a descriptor that is opened with O_APPEND, so the line survives its process. The file is
flushed to the disk only when it is closed: a training loop never waits for a disk. The lock is advisory
(`fcntl.flock`; on Windows one byte far past the end). A file system without locks gets none.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FileInUseError", "FileReplacedError", "LockedFile"]

if sys.platform == "win32":
    import msvcrt

    #: On Windows other processes cannot touch the locked bytes, so the lock is where no line will ever be.
    _FAR = 1 << 40

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(descriptor: int) -> None:
        # A forked child holds the same open file: closing ours alone would leave it locked.
        fcntl.flock(descriptor, fcntl.LOCK_UN)


#: The system's errors where another process holds the lock.
_IN_USE = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}
#: The system's errors where a file system has no locks.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}


class FileInUseError(OSError):
    """Another writer has the file open."""


class FileReplacedError(OSError):
    """The file was removed, or another file is in its place."""


class LockedFile:
    """An open file that only grows, and that no other process which asks for the lock writes at the same time.

    Raises:
        FileInUseError: another process writes it.
        OSError: the system does not let it be opened or created.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        # Something that is not a file, such as a FIFO without a reader, must not make the training wait.
        flags |= getattr(os, "O_NONBLOCK", 0)
        self.path = path
        self._pid = os.getpid()
        self._descriptor: int | None = os.open(path, flags, 0o666)
        kind = os.fstat(self._descriptor).st_mode
        if stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind):
            self._close_descriptor()
            raise OSError(errno.EINVAL, "it is a pipe, not a file", str(path))
        try:
            _lock(self._descriptor)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                self._close_descriptor()
                if error.errno in _IN_USE:
                    raise FileInUseError(errno.EAGAIN, "another writer has it open", str(path)) from error
                raise

    @property
    def ours(self) -> bool:
        """Whether this process opened it; a child that was forked from that process did not."""
        return os.getpid() == self._pid

    @property
    def size(self) -> int:
        """Its size in bytes.

        Raises:
            ValueError: it is closed.
            OSError: the system does not give it.
        """
        return os.fstat(self._open()).st_size

    def append(self, line: bytes) -> None:
        """Writes a line at the end, in one piece.

        Raises:
            FileReplacedError: the file was removed, or another file is in its place.
            OSError: the disk is full, or the like; part of the line may be in the file.
        """
        descriptor = self._open()
        try:
            now = self.path.stat()
        except FileNotFoundError as error:
            raise FileReplacedError(errno.ENOENT, "it was removed", str(self.path)) from error
        if not os.path.samestat(now, os.fstat(descriptor)):
            raise FileReplacedError(errno.ESTALE, "another file took its place", str(self.path))
        while line:
            # All of it goes at once, except where a disk fills up; then the next attempt fails.
            line = line[os.write(descriptor, line) :]

    def close(self) -> None:
        """Flushes it to the disk, unlocks and closes it. Errors are ignored: the system has each line already.

        In a forked child the file belongs to the parent, and stays as it is.
        """
        descriptor = self._descriptor
        if descriptor is None or not self.ours:
            return
        for last in (os.fsync, _unlock):
            with contextlib.suppress(OSError):
                last(descriptor)
        self._close_descriptor()

    def _open(self) -> int:
        if self._descriptor is None:
            raise ValueError(f"'{self.path}' is closed")
        return self._descriptor

    def _close_descriptor(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def __del__(self) -> None:
        if getattr(self, "_descriptor", None) is not None:
            self.close()
