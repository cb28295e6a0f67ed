"""Copies one remote file to the disk: in one request, in ranges, or only as much as shows that it is not a log."""

from __future__ import annotations

import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, TYPE_CHECKING, NamedTuple, TypeVar

from stepbridge import _core
from stepbridge.remote._store import BrokenError, RemoteFile, ReplacedError, again

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from typing_extensions import Self

    from stepbridge.remote._address import Address
    from stepbridge.remote._store import Store

__all__ = ["SMALL", "Copier", "RemoteCopy"]

#: A file of at most so many bytes is copied in one request, whatever it is.
SMALL = 256 << 10
#: How many bytes are fetched at a time to find what a larger file is.
_BLOCK = 256 << 10
#: How many bytes of a large log are fetched in one request.
_RANGE = 4 << 20
#: How many requests are made at a time.
_REQUESTS = 32
_RANGES = 8
#: Ctrl-C waits no longer, in seconds.
_PERIOD = 0.2

Item = TypeVar("Item")
Result = TypeVar("Result")


class RemoteCopy(NamedTuple):
    """A file to copy."""

    store: Store
    address: Address
    file: RemoteFile
    """What the listing says of it."""
    folder: tuple[str, ...]
    """The folders from the root of all runs down to it."""
    target: Path
    """Where its copy is."""

    @property
    def shown(self) -> str:
        """Its name, relative to the root of all runs."""
        return "/".join((*self.folder, self.target.name))


class Copier:
    """Makes the requests of one reading, many at a time. `unfinished` is a folder for files that are not whole yet."""

    def __init__(self, request: Mapping[str, object], unfinished: Path) -> None:
        self._request = request
        self._unfinished = unfinished
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(_REQUESTS, thread_name_prefix="stepbridge-remote")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # After an error or Ctrl-C, what was begun ends by itself: nothing more is asked for.
        self._stopped.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def each(
        self, work: Callable[[Item], Result], items: Iterable[Item], *, most: int = _REQUESTS
    ) -> Iterator[tuple[Item, Result | Exception]]:
        """Does some work for each of many items, and gives what it returned or raised as it comes."""
        running: dict[Future[Result], Item] = {}
        ended: SimpleQueue[Future[Result]] = SimpleQueue()
        for item in items:
            if len(running) >= 2 * most:
                done, of = _next(running, ended)
                result = _result_of(of)
                yield done, result
            future = self._pool.submit(work, item)
            running[future] = item
            future.add_done_callback(ended.put)
        while running:
            done, of = _next(running, ended)
            result = _result_of(of)
            yield done, result

    def sleep(self, seconds: float) -> bool:
        """Waits before the next attempt; returns whether there is to be none."""
        return self._stopped.wait(seconds)

    def copy_small(self, copy: RemoteCopy) -> RemoteFile:
        """Copies a file in one request, and returns what is known of it: it may be a newer one than the listed one."""

        def whole(file: RemoteFile) -> None:
            with self._new_file(copy.target) as new:
                if file.size:
                    new.write(self._read(copy, file, 0, file.size))

        return _newest(copy, whole)

    def copy_beginning(self, copy: RemoteCopy, *, always: bool = False, block: int = _BLOCK) -> tuple[RemoteFile, bool]:
        """Copies what shows whether a large file is a log. If it is not, its copy has holes that no reader looks at.

        Of a log there is such a copy only with `always`: it shows what the file is, and is never read. `block` is how
        many bytes are fetched at a time.
        """
        needed = False

        def beginning(file: RemoteFile) -> None:
            nonlocal needed
            failed: list[Exception] = []
            with self._new_file(copy.target, keep=lambda: always or not needed) as new:
                new.truncate(file.size)
                blocks: dict[int, bytes] = {}

                def fetch(offset: int, length: int) -> bytes:
                    first = offset - offset % block
                    if first not in blocks:
                        try:
                            blocks[first] = self._read(copy, file, first, min(first + block, file.size))
                        except Exception as error:
                            failed.append(error)
                            raise
                        new.seek(first)
                        new.write(blocks[first])
                    return blocks[first][offset - first :][:length]

                name, folder = copy.target.name, list(copy.folder)
                try:
                    needed = _core.is_needed_whole(name, folder, file.size, self._request, fetch)
                finally:
                    # A reader may take what was not fetched for the end of a damaged file.
                    if failed:
                        raise failed[0]

        return _newest(copy, beginning), needed

    def copy_large(self, copy: RemoteCopy, report: Callable[[int], object]) -> RemoteFile:
        """Copies a large file in ranges, several at a time; `report` is given how many bytes came."""

        def ranges(file: RemoteFile) -> None:
            with self._new_file(copy.target) as new:

                def fetch(start: int) -> bytes:
                    return self._read(copy, file, start, min(start + _RANGE, file.size))

                for start, data in self.each(fetch, range(0, file.size, _RANGE), most=_RANGES):
                    if isinstance(data, Exception):
                        raise data
                    new.seek(start)
                    new.write(data)
                    report(len(data))

        return _newest(copy, ranges)

    @contextmanager
    def _new_file(self, target: Path, keep: Callable[[], bool] = lambda: True) -> Iterator[IO[bytes]]:
        """Opens a file that takes the place of `target` when all is written, so that no copy is ever half of one."""
        with tempfile.NamedTemporaryFile(dir=self._unfinished, delete=False) as new:
            path = Path(new.name)
            try:
                yield new
            except BaseException:
                new.close()
                path.unlink(missing_ok=True)
                raise
        if keep():
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
        else:
            path.unlink()

    def _read(self, copy: RemoteCopy, file: RemoteFile, start: int, end: int) -> bytes:
        return again(lambda: copy.store.read(copy.address, file, start, end), self.sleep)


def _newest(copy: RemoteCopy, make: Callable[[RemoteFile], None]) -> RemoteFile:
    """Copies the listed file, or the one that took its place; returns the one that was copied."""
    try:
        make(copy.file)
    except ReplacedError:
        now = copy.store.stat(copy.address)
        if now is None:
            raise FileNotFoundError("it was removed while it was read") from None
        newer = now._replace(name=copy.file.name)
        try:
            make(newer)
        except ReplacedError:
            raise BrokenError("it was replaced again and again while it was read") from None
        return newer
    return copy.file


def _next(running: dict[Future[Result], Item], ended: SimpleQueue[Future[Result]]) -> tuple[Item, Future[Result]]:
    """Waits until some work has ended."""
    while True:
        try:
            future = ended.get(timeout=_PERIOD)
        except Empty:
            continue
        return running.pop(future), future


def _result_of(future: Future[Result]) -> Result | Exception:
    """Returns what some work returned, or the error that ended it."""
    error = future.exception()
    if error is None:
        return future.result()
    if not isinstance(error, Exception):
        raise error
    return error
