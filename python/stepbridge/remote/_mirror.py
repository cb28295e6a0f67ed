"""Copies of the files at some addresses, in a folder that the local reader reads.

The copies are below each other as the files are, so that runs have the same names as if they were read in place. What
the reader says is in names relative to the root; where it names a path, `naming` puts the address in its place.
"""

from __future__ import annotations

import os
import re
import threading
from contextlib import contextmanager
from itertools import takewhile
from typing import TYPE_CHECKING

from stepbridge import _core
from stepbridge._errors import NoLogsError
from stepbridge._problem import Problem
from stepbridge.remote._address import Address, parse_address
from stepbridge.remote._cache_folder import CacheFolder
from stepbridge.remote._copying import SMALL, Copier, RemoteCopy
from stepbridge.remote._opening import files_at, open_store
from stepbridge.remote._store import RemoteFile, Store, again

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["LIMIT", "Mirror"]

#: How many bytes of copies there are at most, if the caller says nothing else.
LIMIT = 32 << 30
#: Folders of version control, which the local reader does not read either.
_SKIPPED = frozenset({".git", ".hg", ".svn"})
#: What a database has next to it while a process writes it.
_NEXT_TO_DATABASES = ("-wal", "-journal")
#: The folder of an address without a bucket or a host, as in file:///runs.
_NO_HOST = "@"


class Mirror:
    """Copies of all files at some addresses that may be logs.

    Args:
        addresses: what is read: folders and files of one store.
        root: the folder that the names of runs are relative to; None for the one that holds all addresses.
        request: how logs are read, as the core takes it.
        above: the names of files that count for a run where they are in a folder above it.
        storage_options: what the store needs.
        limit: how many bytes of copies there may be.

    Raises:
        ImportError: the library that reads the addresses is not installed.
        ValueError: nothing reads them, or they are not of one store, or not below the root.
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
        self._addresses = [parse_address(address) for address in addresses]
        if len({address.scheme for address in self._addresses}) > 1:
            raise ValueError("the addresses begin differently: give those of one store at a time")
        self._root = None if root is None else parse_address(root)
        for address in self._addresses:
            if self._root is not None and not self._root.holds(address):
                raise ValueError(f"root='{self._root}' does not hold '{address}': give a folder that holds all paths")
        self._request, self._above, self._limit = request, above, LIMIT if limit is None else limit
        self._stores: dict[str, Store] = {}
        for address in self._addresses:
            if address.authority not in self._stores:
                self._stores[address.authority] = open_store(address, storage_options)
        # The root, or the folder that holds all addresses.
        paths = [address.folders for address in (self._addresses if self._root is None else [self._root])]
        alike = takewhile(lambda names: len(set(names)) == 1, zip(*paths, strict=False))
        self._base = tuple(names[0] for names in alike)
        self._folder = CacheFolder()
        self._updating = threading.Lock()
        self._copied: dict[Path, RemoteFile] = {}
        # Those of large files that are not logs, which are copied in part.
        self._begun: set[Path] = set()
        self.problems: tuple[Problem, ...] = ()
        """What could not be copied, file by file."""

    @property
    def paths(self) -> list[Path]:
        """Where the copies of each address are, as far as there are any."""
        paths = [self._local(address) for address in self._addresses]
        return [path for path in paths if path.exists()] or paths

    @property
    def root(self) -> Path | None:
        """Where the copies of the root are; None if the caller names none."""
        return None if self._root is None else self._local(self._root)

    def update(self, progress: Callable[[int, int], object] | None = None) -> None:
        """Lists the addresses, and copies what is new or has another e_tag; copies of what is gone are removed.

        Raises:
            FileNotFoundError: there is no such bucket, or nothing at an address.
            PermissionError: an address may not be listed, or none of its files may be read.
            ConnectionError: the store does not answer.
            OSError: the copies would be larger than the limit, or than what the disk has left.
        """
        with self._updating, Copier(self._request, self._folder.unfinished) as copier:
            copies, problems = self._list(copier)
            for target in self._copied.keys() - copies.keys():
                self._forget(target)
            stale = [copy for copy in copies.values() if not self._is_copied(copy)]
            failed = self._copy(copier, stale, progress)
        if failed and not self._copied:
            # If nothing at all can be read, that is an error and not one problem for each file.
            raise _of_all(*next(iter(failed.items())))
        for copy, error in failed.items():
            older = "; what was read of it before is kept" if copy.target in self._copied else ""
            problems.append(_problem(copy.shown, f"{_clause(error)}{older}"))
        self.problems = tuple(sorted(problems, key=lambda problem: problem.file))

    def _forget(self, target: Path) -> None:
        """Removes the copy of a file that is gone, and the folders that held nothing else."""
        target.unlink(missing_ok=True)
        del self._copied[target]
        self._begun.discard(target)
        for folder in target.parents:
            if folder == self._folder.files or any(folder.iterdir()):
                break
            folder.rmdir()

    def remove(self) -> None:
        """Removes all copies."""
        self._folder.remove()

    @contextmanager
    def naming(self) -> Iterator[None]:
        """Puts the address in the place of the copy's path in whatever error is raised."""
        try:
            yield
        except (OSError, ValueError) as error:
            text = self.named(str(error))
            if isinstance(error, NoLogsError) and self.problems:
                text += f" ({self.problems[0].file}: {self.problems[0].reason})"
            if text == str(error):
                raise
            raise type(error)(text) from None

    def named(self, text: str) -> str:
        """Returns a text with addresses in the place of the paths of copies."""
        copies = re.escape(str(self._folder.files))
        separator = re.escape(os.sep)
        return re.sub(rf"{copies}{separator}([\w.+-]+){separator}?({_NO_HOST})?", r"\1://", text)

    def _list(self, copier: Copier) -> tuple[dict[Path, RemoteCopy], list[Problem]]:
        """Lists every file that may be a log, by the path of its copy."""
        found: dict[Path, RemoteCopy] = {}
        problems: dict[str, Problem] = {}

        def add(folder: Address, file: RemoteFile) -> None:
            names = file.name.split("/")
            if _SKIPPED & set(names[:-1]):
                return
            copy = self._copy_of(folder, file)
            if any(not _is_name(name) for name in names):
                reason = "its name cannot be that of a file on this machine; it was left out"
                problems[copy.shown] = _problem(copy.shown, reason)
            else:
                found[copy.target] = copy

        def missing(address: Address, error: Exception) -> None:
            """A ledger that may be there decides where records are: nothing is read without knowing it."""
            if not isinstance(error, PermissionError):
                raise ConnectionError(f"'{address}' cannot be read: {_clause(error)}") from None
            name = "/".join((*self._relative(address), address.names[-1]))
            problems[name] = _problem(name, f"{_clause(error)}; the logs were read without it, if it is there")

        folders: dict[Address, None] = {}
        listings = copier.each(lambda it: files_at(self._store(it), it, copier.sleep), self._addresses)
        for address, listed in listings:
            if isinstance(listed, Exception):
                raise listed
            files, is_folder = listed
            for file in files:
                add(address if is_folder else address.parent, file)
            if not is_folder:
                folders[address.parent] = None
        names = {*_core.COMPANIONS, *self._above}
        databases = {copy.address.names[-1] + ending for copy in found.values() for ending in _NEXT_TO_DATABASES}
        for folder, near in copier.each(lambda it: again(lambda: self._store(it).files_in(it), copier.sleep), folders):
            if isinstance(near, Exception):
                missing(folder.below(self._above[0]), near)
                continue
            for file in near:
                if file.name in names or file.name in databases:
                    add(folder, file)
        above = [folder.below(name) for folder in self._folders_above() for name in self._above]
        for address, stated in copier.each(lambda it: again(lambda: self._store(it).stat(it), copier.sleep), above):
            if isinstance(stated, Exception):
                missing(address, stated)
            elif stated is not None:
                add(address.parent, stated)
        return found, [*problems.values(), *_without_folders(found)]

    def _folders_above(self) -> Iterable[Address]:
        """Gives the folders from the root down to each address."""
        folders: dict[Address, None] = {}
        for address in self._addresses:
            folder = address
            while folder.names and folder.parent.folders[: len(self._base)] == self._base:
                folder = folder.parent
                folders[folder] = None
        return folders

    def _copy(
        self, copier: Copier, stale: list[RemoteCopy], progress: Callable[[int, int], object] | None
    ) -> dict[RemoteCopy, Exception]:
        """Makes copies, and returns those that could not be made."""
        failed: dict[RemoteCopy, Exception] = {}
        small: list[RemoteCopy] = []
        others: list[RemoteCopy] = []
        for copy in stale:
            is_small = copy.file.size <= SMALL or copy.file.name.endswith(_NEXT_TO_DATABASES)
            (small if is_small else others).append(copy)
        done, total = 0, sum(copy.file.size for copy in small)
        self._check_limit(small)

        def report(count: int) -> None:
            nonlocal done
            done += count
            if progress is not None:
                progress(done, max(done, total))

        for copy, copied in copier.each(copier.copy_small, small):
            if isinstance(copied, Exception):
                failed[copy] = copied
            else:
                self._copied[copy.target] = copied
            report(copy.file.size)
        large = []
        for copy, begun in copier.each(copier.copy_beginning, others):
            if isinstance(begun, Exception):
                failed[copy] = begun
            elif begun[1]:
                large.append(copy)
            else:
                self._copied[copy.target] = begun[0]
                self._begun.add(copy.target)
        self._check_limit(large)
        total += sum(copy.file.size for copy in large)
        for copy in large:
            try:
                self._copied[copy.target] = copier.copy_large(copy, report)
                self._begun.discard(copy.target)
            except Exception as error:  # noqa: BLE001, PERF203 - a problem of this file; the others are read
                failed[copy] = error
        return failed

    def _check_limit(self, copies: Sequence[RemoteCopy]) -> None:
        """Refuses copies that do not fit, before they are made.

        Raises:
            OSError: they are larger than the limit, or than what the disk has left.
        """
        wanted = sum(copy.file.size for copy in copies)
        others = self._copied.keys() - self._begun - {copy.target for copy in copies}
        kept = sum(self._copied[target].size for target in others)
        if kept + wanted > self._limit:
            raise OSError(
                f"the logs at '{self._addresses[0]}' have {kept + wanted:,} bytes, and copies of {self._limit:,} may "
                "be on the disk while they are read: give a larger cache_limit=, or the addresses of fewer runs"
            )
        if wanted > (free := self._folder.free):
            raise OSError(
                f"the logs at '{self._addresses[0]}' have {wanted:,} bytes, and the disk of the temporary folder has "
                f"{free:,} left for their copies: set TMPDIR to a larger one, or give the addresses of fewer runs"
            )

    def _is_copied(self, copy: RemoteCopy) -> bool:
        known = self._copied.get(copy.target)
        return known is not None and copy.file.e_tag is not None and known[1:] == copy.file[1:]

    def _store(self, address: Address) -> Store:
        return self._stores[address.authority]

    def _copy_of(self, folder: Address, file: RemoteFile) -> RemoteCopy:
        address = folder.below(file.name)
        return RemoteCopy(self._store(address), address, file, self._relative(address), self._local(address))

    def _relative(self, address: Address) -> tuple[str, ...]:
        """Returns the folders from the root of all runs down to a file."""
        return address.parent.folders[len(self._base) :]

    def _local(self, address: Address) -> Path:
        return self._folder.files.joinpath(address.scheme, address.host or _NO_HOST, *address.names)


def _without_folders(found: dict[Path, RemoteCopy]) -> Iterator[Problem]:
    """Leaves out files that have the name of a folder; the console of S3 marks a folder by one without content."""
    holders = {folder for target in found for folder in target.parents}
    for target in [target for target in found if target in holders]:
        copy = found.pop(target)
        if copy.file.size:
            yield _problem(copy.shown, "a folder has the same name, which a disk cannot hold; it was left out")


def _is_name(name: str) -> bool:
    """Returns whether a file may have this name on this machine."""
    separators = {os.sep, os.altsep or os.sep, "\0"}
    return name not in ("", ".", "..") and not separators & set(name)


def _of_all(copy: RemoteCopy, error: Exception) -> Exception:
    """Returns the error of logs of which nothing could be copied, by that of one file."""
    if isinstance(error, PermissionError):
        return error
    kind = ConnectionError if isinstance(error, ConnectionError) else OSError
    return kind(f"'{copy.address}' cannot be read: {_clause(error)}")


def _problem(file: str, reason: str) -> Problem:
    return Problem(file, None, None, "unreadable", reason, None)


def _clause(error: Exception) -> str:
    """Returns why a file could not be copied, as one clause."""
    if isinstance(error, PermissionError):
        return "the store does not let it be read (no permission)"
    if isinstance(error, FileNotFoundError):
        return "it was removed while it was read"
    if isinstance(error, ConnectionError):
        return f"it could not be fetched: {error}"
    reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return f"it could not be copied to this machine: {reason}"
