"""Copies of the files of one listing, made when they are needed and removed when they were read.

Many files are read in groups, some at a time: the copies of all of them never have to be on the disk at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepbridge import _core
from stepbridge.remote._cache_folder import CacheFolder
from stepbridge.remote._copying import SMALL, Copier, RemoteCopy
from stepbridge.remote._mirror import LIMIT, check_limit
from stepbridge.remote._store import BrokenError, RemoteFile, again
from stepbridge.remote._tree import RemoteTree, TreeListing, database_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from stepbridge.remote._address import Address

__all__ = ["CopyCache"]

#: A file of at most so many bytes is fetched whole to see what it is, if it is not read afterwards.
_LOOKED_AT = 64 << 10
#: A file of configuration has at most so many bytes, and all of them are needed to see that it is one.
_WHOLE = 1 << 20
#: How the names of files end that are compressed.
_COMPRESSED = (".gz", ".zst", ".zstd")


class CopyCache:
    """Copies of the files at some addresses of one bucket. Only one thread may use it.

    Args:
        addresses: folders and files.
        root: the folder that the names of runs are relative to; None for the one that holds all addresses.
        request: how logs are read, as the core takes it.
        above: the names of files that count for a run where they are in a folder above it.
        storage_options: what the store needs.
        limit: how many bytes of copies there may be.

    Raises:
        ImportError: the library that reads the addresses is not installed.
        ValueError: nothing reads them, or they are not of one bucket, or not below the root.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        root: str | None,
        request: Mapping[str, object],
        above: Sequence[str],
        *,
        storage_options: Mapping[str, object] | None = None,
        limit: int | None = None,
    ) -> None:
        self._tree = RemoteTree(addresses, root, above, storage_options)
        first = self._tree.addresses[0]
        if any(address.authority != first.authority for address in self._tree.addresses):
            raise ValueError("the addresses are in several buckets: give those of one at a time")
        self._request, self._limit = request, LIMIT if limit is None else limit
        self._folder = CacheFolder()
        self._tree.put_copies_in(self._folder.files)
        self._whole: dict[Path, RemoteFile] = {}
        self._begun: set[Path] = set()
        self.size = 0
        """How many bytes the copies have that are whole."""
        #: The folder that the names of files are relative to, once it is known.
        self._top: Address = self._tree.root or first._replace(names=self._tree.base[1:])

    @property
    def root(self) -> Address:
        """The folder that the names of files are relative to. It is known after `listing`."""
        return self._top

    @property
    def folder(self) -> Path:
        """Where the copies of that folder are."""
        return self._tree.local(self._top)

    @property
    def copies(self) -> Path:
        """Where all copies are."""
        return self._folder.files

    @property
    def room(self) -> int:
        """How many bytes of copies may be kept for later: half of the limit, or of what the disk has left."""
        return min(self._limit, self._folder.free + self.size) // 2

    def listing(self) -> TreeListing:
        """Lists every file that may be a log.

        Raises:
            FileNotFoundError: there is no such bucket, or nothing at an address.
            PermissionError: an address may not be listed.
            ConnectionError: the store does not answer.
        """
        with self._copier() as copier:
            found = self._tree.list_all(copier)
        files = {copy.address for copy in found.copies.values()}
        if self._top in files:
            self._top = self._top.parent
        return found

    def begin(
        self, copies: Iterable[RemoteCopy], *, keep: bool, report: Callable[[int], object]
    ) -> dict[RemoteCopy, Exception]:
        """Copies as much of files as shows what they are, and returns the errors of those where that failed.

        A copy that is not whole has holes that no reader looks at. With `keep`, small files are copied whole, so that
        they are not fetched again to be read. `report` is given how many bytes of files were looked at.

        Raises:
            ConnectionError: the store does not answer.
        """
        failed: dict[RemoteCopy, Exception] = {}
        # A small file that is read is fetched once.
        most = SMALL if keep else _LOOKED_AT
        small: list[RemoteCopy] = []
        large: list[RemoteCopy] = []
        for copy in copies:
            (small if copy.file.size <= most else large).append(copy)
        with self._copier() as copier:
            self._copy_small(copier, small, failed, report)
            rest: list[RemoteCopy] = []
            for copy, begun in copier.each(lambda it: copier.copy_beginning(it, always=True, block=most), large):
                if isinstance(begun, Exception):
                    failed[copy] = begun
                elif begun[1] and copy.file.size <= _WHOLE and (keep or _may_be_configuration(copy)):
                    rest.append(copy)
                else:
                    self._begun.add(copy.target)
                    report(copy.file.size)
            self._copy_small(copier, rest, failed, report)
            self._check_store(copier, failed, len(small) + len(large))
        return failed

    def fetch(self, copies: Iterable[RemoteCopy]) -> dict[RemoteCopy, Exception]:
        """Copies files whole, where that was not done yet, and returns the errors of those where it failed.

        Raises:
            ConnectionError: the store does not answer.
            OSError: the copies would be larger than the limit, or than what the disk has left.
        """
        wanted = list(copies)
        missing = [copy for copy in wanted if copy.target not in self._whole]
        failed: dict[RemoteCopy, Exception] = {}
        if not missing:
            return failed
        size = sum(copy.file.size for copy in missing)
        if self.size + size > self._limit or size > self._folder.free:
            # Others were kept so that they are not fetched twice. These are needed now.
            self._remove_others({copy.target for copy in wanted})
        check_limit(missing[0].address, size, self.size, self._limit, self._folder.free)
        small: list[RemoteCopy] = []
        large: list[RemoteCopy] = []
        for copy in missing:
            is_small = copy.file.size <= SMALL or database_of(copy.file.name) is not None
            (small if is_small else large).append(copy)
        with self._copier() as copier:
            self._copy_small(copier, small, failed, lambda _: None)
            for copy in large:
                try:
                    self._add(copy, copier.copy_large(copy, lambda _: None))
                except Exception as error:  # noqa: BLE001, PERF203 - a problem of this file; the others are read
                    failed[copy] = error
            self._check_store(copier, failed, len(missing))
        return failed

    def is_whole(self, copy: RemoteCopy) -> bool:
        """Whether a copy is whole."""
        return copy.target in self._whole

    def is_there(self, name: str) -> bool:
        """Whether there is a file with this name now, relative to the root."""
        address = self._top.below(name)
        with self._copier() as copier:
            return again(lambda: self._tree.store(address).stat(address), copier.sleep) is not None

    def remove(self, copies: Iterable[RemoteCopy]) -> None:
        """Removes copies, and the folders that held nothing else."""
        for copy in copies:
            self._discard(copy.target)
            for folder in copy.target.parents:
                if folder == self._folder.files:
                    break
                try:
                    folder.rmdir()
                except OSError:
                    break

    def close(self) -> None:
        """Removes all copies."""
        self._folder.remove()

    def _copier(self) -> Copier:
        return Copier(self._request, self._folder.unfinished)

    def _copy_small(
        self,
        copier: Copier,
        copies: Iterable[RemoteCopy],
        failed: dict[RemoteCopy, Exception],
        report: Callable[[int], object],
    ) -> None:
        for copy, copied in copier.each(copier.copy_small, copies):
            if isinstance(copied, Exception):
                failed[copy] = copied
            else:
                self._add(copy, copied)
                report(copy.file.size)

    def _add(self, copy: RemoteCopy, copied: RemoteFile) -> None:
        before = self._whole.get(copy.target)
        self.size += copied.size - (before.size if before is not None else 0)
        self._whole[copy.target] = copied
        self._begun.discard(copy.target)

    def _discard(self, target: Path) -> None:
        target.unlink(missing_ok=True)
        self._begun.discard(target)
        if (copied := self._whole.pop(target, None)) is not None:
            self.size -= copied.size

    def _remove_others(self, needed: set[Path]) -> None:
        for target in [target for target in self._whole if target not in needed]:
            self._discard(target)

    def _check_store(self, copier: Copier, failed: Mapping[RemoteCopy, Exception], count: int) -> None:
        """Raises the error of a store that does not answer, where each of so many files could not be fetched."""
        if not failed or len(failed) < count or not all(isinstance(each, ConnectionError) for each in failed.values()):
            return
        address = next(iter(failed)).address
        try:
            again(lambda: self._tree.store(address).stat(address), copier.sleep)
        except BrokenError as error:
            raise ConnectionError(f"'{address}' cannot be read: {error}") from None


def _may_be_configuration(copy: RemoteCopy) -> bool:
    """Whether a file has one of the names of files of configuration. Those with other names are small."""
    name = copy.address.names[-1]
    plain = next((name.removesuffix(ending) for ending in _COMPRESSED if name.endswith(ending)), name)
    return plain in _core.COMPANIONS
