"""The files of groups in a store: its listing says what changed, and copies are made of what is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from stepbridge import _core
from stepbridge.fleet._listed_file import UNKNOWN, FileEntry, FileListing, ListedFile
from stepbridge.logs._options import read_request
from stepbridge.logs._paths import core_paths, root_of
from stepbridge.logs._run_plans import FILE
from stepbridge.logs._source import ABOVE, LogSource, shown
from stepbridge.remote import CopyCache, clause_of, database_of, naming_addresses, of_all, problem_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from stepbridge._problem import Problem
    from stepbridge.fleet._shared_notes import SharedNotes
    from stepbridge.remote import RemoteCopy

__all__ = ["RemoteFiles"]

#: How many bytes are fetched, at most, before it is looked what the files are.
_BATCH = 256 << 20
#: As much may be fetched of a file to see what it is, mostly.
_MOST = 1 << 20
#: So many times shards say what they found, while each does its part of the listing.
_TALKS = 4
#: The roles of files that are read.
_READ = frozenset({"table", "log", "ledger", "config"})
#: What the role of a file is that belongs to the database next to it.
_OF_DATABASE = "database"


class RemoteFiles:
    """Files at some addresses of one bucket, which are listed when this is made.

    Args:
        addresses: as `read_logs` takes them.
        root: as `read_logs` takes it.
        options: those of `stepbridge.ReadOptions`.
        keep: whether the files will be read: then small ones are fetched once, and not a second time to be read.

    Raises:
        FileNotFoundError: there is no such bucket, or nothing at an address.
        PermissionError: an address may not be listed.
        ConnectionError: the store does not answer.
        ImportError: the library that reads the addresses is not installed.
        ValueError: nothing reads them, or they are not of one bucket.
    """

    def __init__(self, addresses: Sequence[str], root: str | None, options: Mapping[str, Any], *, keep: bool) -> None:
        self._request, self._keep = read_request(options), keep
        self._cache = CopyCache(
            addresses,
            root,
            self._request,
            ABOVE,
            storage_options=cast("Mapping[str, object] | None", options.get("storage_options")),
            limit=cast("int | None", options.get("cache_limit")),
        )
        self._failure: Exception | None = None
        listing = self._cache.listing()
        self._problems = listing.problems
        self._copies = {copy.shown: copy for copy in listing.copies.values()}
        self.root = self._cache.root.url
        """The address that the names of files are relative to."""
        self.shown_root = shown(self.root)
        """The same, without a password."""

    @property
    def plan_file(self) -> Path | None:
        """What is stated about single runs, as a copy on the disk; None if there is no such file.

        Raises:
            OSError: it cannot be fetched.
        """
        if (copy := self._copies.get(FILE)) is None:
            return None
        for failed, error in self._cache.fetch([copy]).items():
            raise of_all(failed, error)
        return copy.target

    def listing(
        self,
        known: Mapping[str, FileEntry],
        progress: Callable[[int, int], object] | None = None,
        notes: SharedNotes | None = None,
    ) -> FileListing:
        """Says what each file is. The first bytes of those are fetched that are not as `known` says.

        With `notes`, other shards fetch those of some of them.

        Raises:
            OSError: none of the files may be read, or none can be fetched.
            PatternError: the pattern is not valid.
        """
        found = FileListing([], list(self._problems), {})
        entries: dict[str, FileEntry] = {}
        new: list[tuple[str, RemoteCopy]] = []
        for name, copy in self._copies.items():
            if (noted := self._as_noted(name, known)) is not None:
                entries[name] = noted
            elif database_of(name) not in self._copies:
                new.append((name, copy))
        self._look(new, entries, found.problems, progress, notes)
        if not entries and self._failure is not None:
            # If nothing at all can be read, that is an error and not one problem for each file.
            raise self._failure
        for name in sorted(self._copies, key=_order):
            entry = entries.get(name)
            database = entries.get(database_of(name) or "")
            if entry is None and database is not None and database.role != "other":
                entry = FileEntry(UNKNOWN, _OF_DATABASE, database.above)
            if entry is None:
                continue
            if not entry.e_tag.endswith(UNKNOWN):
                found.entries[name] = entry
            if entry.role != "other":
                found.listed.append((self._listed(name), entry))
        return found

    def fetch(self, files: Iterable[ListedFile]) -> dict[str, Problem]:
        """Makes copies of files, and returns the problems of those that cannot be fetched, by their names.

        Raises:
            ConnectionError: the store does not answer.
            OSError: the copies would be larger than the limit, or than what the disk has left.
        """
        failed = self._cache.fetch([self._copies[file.file] for file in files])
        return {copy.shown: problem_of(copy.shown, clause_of(error)) for copy, error in failed.items()}

    def source(self, files: Iterable[ListedFile], options: Mapping[str, Any]) -> LogSource:
        """Returns the copies of files that were fetched, to be read with the options of their group."""
        paths = [str(self._copies[file.file].target) for file in files]
        folder = str(self._cache.folder)
        return LogSource(core_paths(paths, folder), root_of(paths, folder), read_request(options))

    def release(self, files: Iterable[ListedFile]) -> None:
        """Removes the copies of files that were read."""
        self._cache.remove(self._copies[file.file] for file in files if file.file in self._copies)

    def is_there(self, file: str) -> bool:
        """Whether there is a file with this name now."""
        return self._cache.is_there(file)

    def is_around(self, problem: str, group: str) -> bool:  # noqa: ARG002 - as `LocalFiles` has it
        """Whether what has a problem is a folder around a group: a store lists all folders or none."""
        return False

    def naming(self) -> AbstractContextManager[None]:
        """Puts addresses in the place of the paths of copies in whatever error is raised."""
        return naming_addresses(self._cache.copies, tuple)

    def close(self) -> None:
        """Removes all copies."""
        self._cache.close()

    def _look(
        self,
        new: list[tuple[str, RemoteCopy]],
        entries: dict[str, FileEntry],
        problems: list[Problem],
        progress: Callable[[int, int], object] | None,
        notes: SharedNotes | None,
    ) -> None:
        """Adds what new files are to the entries, or to the problems."""
        if notes is not None:
            new.sort(key=lambda each: each[0])
            first = int(notes.place * len(new))
            new = new[first:] + new[:first]
        seen: dict[str, FileEntry] = {}
        others: Mapping[str, FileEntry] = {}
        done, total = 0, sum(copy.file.size for _, copy in new)
        kept: dict[str, str] = {}

        def report(count: int) -> None:
            nonlocal done
            done += count
            if progress is not None:
                progress(done, total)

        most = len(new) // (_TALKS * notes.count) + 1 if notes is not None else len(new)
        for listed in _batches(new, most):
            if notes is not None and any(self._as_noted(name, others) is None for name, _ in listed):
                others = notes.exchange(seen)
            noted = ((name, self._as_noted(name, others)) for name, _ in listed)
            entries.update((name, entry) for name, entry in noted if entry is not None)
            batch = [(name, copy) for name, copy in listed if name not in entries]
            if not batch:
                continue
            found, failed = self._roles(batch, kept, report)
            entries.update(found)
            seen.update(found)
            for copy, error in failed.items():
                self._failure = of_all(copy, error)
                problems.append(problem_of(copy.shown, clause_of(error)))

    def _roles(
        self, batch: list[tuple[str, RemoteCopy]], kept: dict[str, str], report: Callable[[int], object]
    ) -> tuple[dict[str, FileEntry], dict[RemoteCopy, Exception]]:
        """Fetches what shows the roles of files; returns these, and what could not be fetched.

        `kept` are the e-tags of copies from earlier calls; those that are kept now are added.
        """
        size = sum(min(copy.file.size, _MOST) for _, copy in batch)
        keep = self._keep and self._cache.size + size <= self._cache.room
        failed = self._cache.begin([copy for _, copy in batch], keep=keep, report=report)
        if len(failed) == len(batch):
            return {}, failed
        with self.naming():
            rows, _ = _core.find_files(str(self._cache.folder), self._request, kept)
        roles = {file: (role, above) for file, _, _, _, role, above, _ in rows if role != "known"}
        e_tags = {file: e_tag for file, _, _, e_tag, *_ in rows}
        kept.update((name, e_tags[name]) for name in kept)
        found: dict[str, FileEntry] = {}
        unneeded: list[RemoteCopy] = []
        for name, copy in batch:
            if copy not in failed:
                found[name] = FileEntry(copy.file.e_tag or UNKNOWN, *roles[name])
            if keep and self._cache.is_whole(copy) and name in found and found[name].role in _READ:
                kept[name] = e_tags[name]
            else:
                unneeded.append(copy)
        self._cache.remove(unneeded)
        return found, failed

    def _as_noted(self, name: str, known: Mapping[str, FileEntry]) -> FileEntry | None:
        """Returns what is known of a file; None if it is another one now, or the store does not tell."""
        noted, e_tag = known.get(name), self._copies[name].file.e_tag
        return noted if noted is not None and e_tag is not None and noted.e_tag == e_tag else None

    def _listed(self, name: str) -> ListedFile:
        copy = self._copies[name]
        return ListedFile(name, copy.address.url, copy.file.size, copy.file.e_tag or UNKNOWN)


def _batches(new: list[tuple[str, RemoteCopy]], most: int) -> Iterator[list[tuple[str, RemoteCopy]]]:
    """Yields files to look at together, at most so many."""
    batch: list[tuple[str, RemoteCopy]] = []
    size = 0
    for name, copy in new:
        batch.append((name, copy))
        size += min(copy.file.size, _MOST)
        if size > _BATCH or len(batch) >= most:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _order(name: str) -> tuple[list[str], str]:
    """Orders files as people see them: by folder, then by name."""
    folder, _, last = name.rpartition("/")
    return (folder.split("/") if folder else []), last
