"""A file that one process appends whole lines to: opened late, locked, never shortened.

A line is one `os.write` on a descriptor opened with O_APPEND, so that it outlives its process. It is flushed to the
disk itself only when the file is closed: waiting for a disk belongs nowhere near a training loop. The lock is advisory
(`fcntl.flock`; on Windows a byte far behind the end). Where a file system has no locks, there is none.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Appending", "InUseError", "VanishedError"]

if sys.platform == "win32":
    import msvcrt

    #: The lock keeps others from the locked bytes themselves, so it stands where no line ever does.
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
        # A forked child holds the same open file: closing ours would leave it locked.
        fcntl.flock(descriptor, fcntl.LOCK_UN)


#: What the system says where another process holds the lock.
_TAKEN = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}
#: What it says where there are no locks.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}


class InUseError(OSError):
    """Another writer has the file."""


class VanishedError(OSError):
    """The file is not where it was any more."""


class Appending:
    """An open file that only grows, and that nobody else who asks for the lock writes meanwhile.

    Raises:
        InUseError: somebody else does.
        OSError: the system does not let it be opened or created.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        self.path = path
        self._pid = os.getpid()
        self._descriptor: int | None = os.open(path, flags, 0o666)
        try:
            _lock(self._descriptor)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                self._drop()
                if error.errno in _TAKEN:
                    raise InUseError(errno.EAGAIN, "another writer has it open", str(path)) from error
                raise

    @property
    def ours(self) -> bool:
        """Whether this is the process that opened it, and not a child that was forked from it."""
        return os.getpid() == self._pid

    @property
    def size(self) -> int:
        """Its size in bytes.

        Raises:
            OSError: it is closed, or the system does not say it.
        """
        return os.fstat(self._open()).st_size

    def append(self, line: bytes) -> None:
        """Writes a line at the end, in one piece.

        Raises:
            VanishedError: it was removed, or another file stands in its place.
            OSError: the disk is full, or else; part of the line may stand there.
        """
        descriptor = self._open()
        try:
            there = self.path.stat()
        except FileNotFoundError as error:
            raise VanishedError(errno.ENOENT, "it was removed", str(self.path)) from error
        if not os.path.samestat(there, os.fstat(descriptor)):
            raise VanishedError(errno.ESTALE, "another file stands in its place", str(self.path))
        while line:
            # All of it goes at once, but where a disk fills up; then the next attempt says so.
            line = line[os.write(descriptor, line) :]

    def close(self) -> None:
        """Flushes it to the disk, unlocks and closes it. What fails is not worth a word: each line was handed over.

        In a forked child it is the parent's, and stays as it is.
        """
        descriptor = self._descriptor
        if descriptor is None or not self.ours:
            return
        for last in (os.fsync, _unlock):
            with contextlib.suppress(OSError):
                last(descriptor)
        self._drop()

    def _open(self) -> int:
        if self._descriptor is None:
            raise ValueError(f"'{self.path}' is closed")
        return self._descriptor

    def _drop(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def __del__(self) -> None:
        if getattr(self, "_descriptor", None) is not None:
            self.close()
