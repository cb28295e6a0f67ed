"""The files at some addresses, as they are listed, and where the copy of each is."""

from __future__ import annotations

import os
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from stepbridge import _core
from stepbridge._problem import Problem
from stepbridge.remote._address import Address, parse_address
from stepbridge.remote._copying import Copier, RemoteCopy
from stepbridge.remote._opening import files_at, not_listed, open_store
from stepbridge.remote._store import BrokenError, RemoteFile, Store, again

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["NO_HOST", "RemoteTree", "RunFolders", "TreeListing", "clause_of", "database_of", "problem_of"]

#: Folders of version control, which the local reader does not read either.
_SKIPPED = frozenset({".git", ".hg", ".svn"})
#: What a database has next to it while a process writes it.
_NEXT_TO_DATABASES = ("-wal", "-journal")
#: The folder of an address without a bucket or a host, as in file:///runs.
NO_HOST = "@"


class TreeListing(NamedTuple):
    """What was listed."""

    copies: dict[Path, RemoteCopy]
    """Every file that may be a log, by the path of its copy."""
    problems: list[Problem]
    """Files that no copy can be made of, and those that the store does not let be seen."""


class RunFolders(NamedTuple):
    """Where the files of one run are."""

    folders: tuple[str, ...]
    """Its folders, relative to the address."""
    endings_above: tuple[str, ...]
    """How the names of files end that count for it where they are in a folder above it."""


class RemoteTree:
    """The files at some addresses.

    Args:
        addresses: folders and files of one store.
        root: the folder that the names of runs are relative to; None for the one that holds all addresses.
        above: the names of files that count for a run where they are in a folder above it.
        storage_options: what the store needs.

    Raises:
        ImportError: the library that reads the addresses is not installed.
        ValueError: nothing reads them, or they are not of one store, or not below the root.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        root: str | None,
        above: Sequence[str],
        storage_options: Mapping[str, object] | None,
    ) -> None:
        self.addresses = [parse_address(address) for address in addresses]
        if len({address.scheme for address in self.addresses}) > 1:
            raise ValueError("the addresses begin differently: give those of one store at a time")
        self.root = None if root is None else parse_address(root)
        for address in self.addresses:
            if self.root is not None and not self.root.holds(address):
                raise ValueError(f"root='{self.root}' does not hold '{address}': give a folder that holds all paths")
        self._above = above
        self._stores: dict[str, Store] = {}
        for address in self.addresses:
            if address.authority not in self._stores:
                self._stores[address.authority] = open_store(address, storage_options)
        # The root, or the folder that holds all addresses.
        paths = [address.folders for address in (self.addresses if self.root is None else [self.root])]
        alike = takewhile(lambda names: len(set(names)) == 1, zip(*paths, strict=False))
        self.base = tuple(names[0] for names in alike)
        self._folder: Path | None = None

    def put_copies_in(self, folder: Path) -> None:
        """Says where the copies are."""
        self._folder = folder

    def store(self, address: Address) -> Store:
        """Returns the store that holds an address."""
        return self._stores[address.authority]

    def local(self, address: Address) -> Path:
        """Returns where the copy of an address is."""
        assert self._folder is not None  # noqa: S101 - the owner of the copies says it first
        return self._folder.joinpath(address.scheme, address.host or NO_HOST, *address.names)

    def copy_of(self, folder: Address, file: RemoteFile) -> RemoteCopy:
        """Returns what has to be copied of a file in a listing of a folder."""
        address = folder.below(file.name)
        return RemoteCopy(self.store(address), address, file, self._relative(address), self.local(address))

    def list_all(self, copier: Copier) -> TreeListing:
        """Lists every file that may be a log.

        Raises:
            FileNotFoundError: there is no such bucket, or nothing at an address.
            PermissionError: an address may not be listed.
            ConnectionError: the store does not answer.
        """
        found = _Found(self)
        folders: dict[Address, None] = {}
        listings = copier.each(lambda it: files_at(self.store(it), it, copier.sleep), self.addresses)
        for address, listed in listings:
            if isinstance(listed, Exception):
                raise listed
            files, is_folder = listed
            for file in files:
                found.add(address if is_folder else address.parent, file)
            if not is_folder:
                folders[address.parent] = None
        names = {*_core.COMPANIONS, *self._above}
        databases = {copy.address.names[-1] + ending for copy in found.copies.values() for ending in _NEXT_TO_DATABASES}
        for folder, near in self._files_in(copier, folders):
            if isinstance(near, Exception):
                found.missing(folder.below(self._above[0]), near)
                continue
            for file in near:
                if file.name in names or file.name in databases:
                    found.add(folder, file)
        found.add_stated(copier, [folder.below(name) for folder in self._folders_above() for name in self._above])
        return found.listing()

    def list_run(self, copier: Copier, part: RunFolders) -> TreeListing | None:
        """Lists the files of one run below the only address, and those in the folders above it that it needs.

        Returns None if there are no such files.

        Raises:
            FileNotFoundError: there is no such bucket.
            PermissionError: an address may not be listed.
            ConnectionError: the store does not answer.
        """
        (root,) = self.addresses
        found = _Found(self)
        above: dict[Address, None] = {}
        for folder, files in copier.each(lambda it: self._found_at(it, copier), map(root.below, part.folders)):
            if isinstance(files, Exception):
                raise files
            for file in files:
                found.add(folder, file)
            if files:
                lengths = range(len(root.names), len(folder.names))
                above.update((root._replace(names=folder.names[:length]), None) for length in lengths)
        if not above:
            return None
        for holder, near in self._files_in(copier, above):
            if isinstance(near, Exception):
                found.missing(holder.below(self._above[0]), near)
                continue
            for file in near:
                if file.name.endswith(part.endings_above) or (holder == root and file.name in self._above):
                    found.add(holder, file)
        return found.listing()

    def _found_at(self, folder: Address, copier: Copier) -> list[RemoteFile]:
        try:
            return again(lambda: self.store(folder).find(folder), copier.sleep)
        except BrokenError as error:
            raise not_listed(folder, error) from None

    def list_known(self, copier: Copier, files: Iterable[tuple[Address, RemoteFile]]) -> TreeListing:
        """Returns files that were listed before, and those that count for all runs below the root."""
        found = _Found(self)
        for address, file in files:
            found.add(address.parent, file)
        if self.root is not None:
            found.add_stated(copier, [self.root.below(name) for name in self._above])
        return found.listing()

    def _files_in(
        self, copier: Copier, folders: Iterable[Address]
    ) -> Iterator[tuple[Address, list[RemoteFile] | Exception]]:
        return copier.each(lambda it: again(lambda: self.store(it).files_in(it), copier.sleep), folders)

    def _folders_above(self) -> Iterable[Address]:
        """Gives the folders from the root down to each address."""
        folders: dict[Address, None] = {}
        for address in self.addresses:
            folder = address
            while folder.names and folder.parent.folders[: len(self.base)] == self.base:
                folder = folder.parent
                folders[folder] = None
        return folders

    def _relative(self, address: Address) -> tuple[str, ...]:
        """Returns the folders from the root of all runs down to a file."""
        return address.parent.folders[len(self.base) :]

    def name_of(self, address: Address) -> str:
        """Returns the name of a file, relative to the root of all runs."""
        return "/".join((*self._relative(address), address.names[-1]))


class _Found:
    """What is found while it is listed."""

    def __init__(self, tree: RemoteTree) -> None:
        self._tree = tree
        self.copies: dict[Path, RemoteCopy] = {}
        self._problems: dict[str, Problem] = {}

    def add(self, folder: Address, file: RemoteFile) -> None:
        names = file.name.split("/")
        if _SKIPPED & set(names[:-1]):
            return
        copy = self._tree.copy_of(folder, file)
        if any(not _is_name(name) for name in names):
            reason = "its name cannot be that of a file on this machine; it was left out"
            self._problems[copy.shown] = problem_of(copy.shown, reason)
        else:
            self.copies[copy.target] = copy

    def add_stated(self, copier: Copier, addresses: Iterable[Address]) -> None:
        """Adds files that may be there."""
        tree = self._tree
        for address, stated in copier.each(lambda it: again(lambda: tree.store(it).stat(it), copier.sleep), addresses):
            if isinstance(stated, Exception):
                self.missing(address, stated)
            elif stated is not None:
                self.add(address.parent, stated)

    def missing(self, address: Address, error: Exception) -> None:
        """A ledger that may be there decides where records are: nothing is read without knowing it."""
        if not isinstance(error, PermissionError):
            raise ConnectionError(f"'{address}' cannot be read: {clause_of(error)}") from None
        name = self._tree.name_of(address)
        self._problems[name] = problem_of(name, f"{clause_of(error)}; the logs were read without it, if it is there")

    def listing(self) -> TreeListing:
        return TreeListing(self.copies, [*self._problems.values(), *_without_folders(self.copies)])


def database_of(name: str) -> str | None:
    """Returns the name of the database that a file belongs to while a process writes it; None if it is another one."""
    return next((name[: -len(ending)] for ending in _NEXT_TO_DATABASES if name.endswith(ending)), None)


def _without_folders(found: dict[Path, RemoteCopy]) -> Iterator[Problem]:
    """Leaves out files that have the name of a folder; the console of S3 marks a folder by one without content."""
    holders: set[Path] = set()
    for target in found:
        folder = target.parent
        while folder not in holders and folder != folder.parent:
            holders.add(folder)
            folder = folder.parent
    for target in [target for target in found if target in holders]:
        copy = found.pop(target)
        if copy.file.size:
            yield problem_of(copy.shown, "a folder has the same name, which a disk cannot hold; it was left out")


def _is_name(name: str) -> bool:
    """Returns whether a file may have this name on this machine."""
    separators = {os.sep, os.altsep or os.sep, "\0"}
    return name not in ("", ".", "..") and not separators & set(name)


def problem_of(file: str, reason: str) -> Problem:
    """Returns the problem of a file that is not copied."""
    return Problem(file, None, None, "unreadable", reason, None)


def clause_of(error: Exception) -> str:
    """Returns why a file could not be copied, as one clause."""
    if isinstance(error, PermissionError):
        return "the store does not let it be read (no permission)"
    if isinstance(error, FileNotFoundError):
        return "it was removed while it was read"
    if isinstance(error, ConnectionError):
        return f"it could not be fetched: {error}"
    reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return f"it could not be copied to this machine: {reason}"
