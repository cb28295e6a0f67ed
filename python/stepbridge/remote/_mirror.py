"""Copies of the files at some addresses, in a folder that the local reader reads.

The copies are below each other as the files are, so that runs have the same names as if they were read in place. What
the reader says is in names relative to the root; where it names a path, `naming` puts the address in its place.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from stepbridge.remote._cache_folder import CacheFolder
from stepbridge.remote._copying import SMALL, Copier, RemoteCopy
from stepbridge.remote._naming import naming_addresses, with_addresses
from stepbridge.remote._store import RemoteFile
from stepbridge.remote._tree import RemoteTree, RunFolders, TreeListing, clause_of, database_of, problem_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from stepbridge._problem import Problem
    from stepbridge.remote._address import Address

__all__ = ["LIMIT", "Mirror", "check_limit", "of_all"]

#: How many bytes of copies there are at most, if the caller says nothing else.
LIMIT = 32 << 30


class Mirror:
    """Copies of all files at some addresses that may be logs.

    Args:
        addresses: what is read: folders and files of one store.
        root: the folder that the names of runs are relative to; None for the one that holds all addresses.
        request: how logs are read, as the core takes it.
        above: the names of files that count for a run where they are in a folder above it.
        storage_options: what the store needs.
        limit: how many bytes of copies there may be.
        run: the only run that is wanted, below the only address; `is_part` says whether no more was read.
        listed: what an earlier listing says of each address, if all are files: they are not listed again.

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
        run: RunFolders | None = None,
        listed: Sequence[tuple[int, str | None]] | None = None,
    ) -> None:
        self._tree = RemoteTree(addresses, root, above, storage_options)
        self._request, self._limit, self._run = request, LIMIT if limit is None else limit, run
        self._listed = None if listed is None else _listed_files(self._tree.addresses, listed)
        self._folder = CacheFolder()
        self._tree.put_copies_in(self._folder.files)
        self._updating = threading.Lock()
        self._copied: dict[Path, RemoteFile] = {}
        # Those of large files that are not logs, which are copied in part.
        self._begun: set[Path] = set()
        self.is_part = False
        """Whether only the files of one run were asked for."""
        self.problems: tuple[Problem, ...] = ()
        """What could not be copied, file by file."""
        self.errors: tuple[Exception, ...] = ()
        """Why, where a file was listed and not copied."""

    @property
    def paths(self) -> list[Path]:
        """Where the copies of each address are, as far as there are any."""
        paths = [self._tree.local(address) for address in self._tree.addresses]
        return [path for path in paths if path.exists()] or paths

    @property
    def root(self) -> Path | None:
        """Where the copies of the root are; None if the caller names none."""
        return None if self._tree.root is None else self._tree.local(self._tree.root)

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
            raise of_all(*next(iter(failed.items())))
        for copy, error in failed.items():
            older = "; what was read of it before is kept" if copy.target in self._copied else ""
            problems.append(problem_of(copy.shown, f"{clause_of(error)}{older}"))
        self.problems = tuple(sorted(problems, key=lambda problem: problem.file))
        self.errors = tuple(of_all(copy, error) for copy, error in failed.items())

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

    def naming(self) -> AbstractContextManager[None]:
        """Puts the address in the place of the copy's path in whatever error is raised."""
        return naming_addresses(self._folder.files, lambda: self.problems)

    def named(self, text: str) -> str:
        """Returns a text with addresses in the place of the paths of copies."""
        return with_addresses(text, self._folder.files)

    def _list(self, copier: Copier) -> TreeListing:
        """Lists what is read, by the path of its copy."""
        if self._listed is not None:
            known, self._listed = self._listed, None
            return self._tree.list_known(copier, known)
        if self._run is not None:
            part = self._tree.list_run(copier, self._run)
            self.is_part = part is not None
            if part is not None:
                return part
        return self._tree.list_all(copier)

    def _copy(
        self, copier: Copier, stale: list[RemoteCopy], progress: Callable[[int, int], object] | None
    ) -> dict[RemoteCopy, Exception]:
        """Makes copies, and returns those that could not be made."""
        failed: dict[RemoteCopy, Exception] = {}
        small: list[RemoteCopy] = []
        others: list[RemoteCopy] = []
        for copy in stale:
            is_small = copy.file.size <= SMALL or database_of(copy.file.name) is not None
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
        check_limit(self._tree.addresses[0], wanted, kept, self._limit, self._folder.free)

    def _is_copied(self, copy: RemoteCopy) -> bool:
        known = self._copied.get(copy.target)
        return known is not None and copy.file.e_tag is not None and known[1:] == copy.file[1:]


def check_limit(address: Address, wanted: int, kept: int, limit: int, free: int) -> None:
    """Refuses copies that do not fit, before they are made.

    Raises:
        OSError: they are larger than the limit, or than what the disk has left.
    """
    if kept + wanted > limit:
        raise OSError(
            f"the logs at '{address}' have {kept + wanted:,} bytes, and copies of {limit:,} may "
            "be on the disk while they are read: give a larger cache_limit=, or the addresses of fewer runs"
        )
    if wanted > free:
        raise OSError(
            f"the logs at '{address}' have {wanted:,} bytes, and the disk of the temporary folder has "
            f"{free:,} left for their copies: set TMPDIR to a larger one, or give the addresses of fewer runs"
        )


def of_all(copy: RemoteCopy, error: Exception) -> Exception:
    """Returns the error of a file that could not be copied, for those who can read nothing without it."""
    if isinstance(error, PermissionError):
        return error
    kind = ConnectionError if isinstance(error, ConnectionError) else OSError
    return kind(f"'{copy.address}' cannot be read: {clause_of(error)}")


def _listed_files(
    addresses: Sequence[Address], listed: Sequence[tuple[int, str | None]]
) -> list[tuple[Address, RemoteFile]]:
    files = [
        RemoteFile(address.names[-1], size, e_tag) for address, (size, e_tag) in zip(addresses, listed, strict=True)
    ]
    return list(zip(addresses, files, strict=True))
