"""Brings a table of many runs up to date: only the files that changed are read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from stepbridge._errors import NoLogsError
from stepbridge._problem import Problem
from stepbridge.fleet._group_records import GroupReader, fingerprint
from stepbridge.fleet._groups import RunGroup, files_at, found_groups
from stepbridge.fleet._index_result import IndexResult
from stepbridge.fleet._listed_file import UNREADABLE, ListedFile
from stepbridge.fleet._schema import TABLE_SCHEMA, TableSchema
from stepbridge.fleet._shared_notes import SharedNotes, known_files
from stepbridge.fleet._table_folder import TableFolder, part_of
from stepbridge.logs._export import imported
from stepbridge.logs._options import ReadAndReindexOptions, ReadOptions, read_request, reindex_request
from stepbridge.logs._source import is_address, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from stepbridge.fleet._groups import GroupFiles, GroupListing
    from stepbridge.fleet._index_result import TableFormat
    from stepbridge.fleet._listed_file import FileEntry
    from stepbridge.fleet._run_rows import RunRow
    from stepbridge.logs._options import Timelines

__all__ = ["update"]

#: The layout of the table; a later one may not be read by this version.
_VERSION = 1
#: Options that add columns, in the order of the columns.
_COLUMNS = ("batch", "sample", "token")


def update(
    source: str | os.PathLike[str],
    table: str | os.PathLike[str],
    timeline: Timelines,
    options: ReadAndReindexOptions,
    *,
    table_format: TableFormat,
    shard: tuple[int, int] | None,
    progress: Callable[[int, int], object] | None,
) -> IndexResult:
    """Does what `index` promises, with arguments that were checked."""
    reading: ReadOptions = {name: options[name] for name in ReadOptions.__optional_keys__ if name in options}  # type: ignore[literal-required, assignment]
    root = source if is_address(source) else os.path.abspath(source)  # noqa: PTH100 - links stay links, as in names
    files = files_at(root, None, reading, keep=shard is None)
    try:
        with files.naming():
            options.setdefault("plans", files.plan_file)
            request = reindex_request(timeline, options)
        settings = fingerprint(read_request(reading), request)
        # The name of the folder that is indexed, also if it is not there now.
        store = _opened(Path(table), table_format, shown(os.fspath(root)), request)
        result = _updated(store, files, reading, request, settings, shard=shard, progress=progress)
    finally:
        files.close()
    return result._replace(table=os.fspath(table))


def _updated(
    store: TableFolder,
    files: GroupFiles,
    reading: ReadOptions,
    request: Mapping[str, Any],
    settings: str,
    *,
    shard: tuple[int, int] | None,
    progress: Callable[[int, int], object] | None,
) -> IndexResult:
    before = (store.noted("files") or {}).get("groups", ())
    notes = SharedNotes(store, settings, shard) if shard is not None and shard[1] > 1 else None
    listing = _listed(files, reading, known_files(store, "files", settings), notes)
    groups = _with_unreadable(listing, files)
    parts = [part for part in range(store.parts) if shard is None or part % shard[1] == shard[0] - 1]
    work = _Work(store, listing, files, request, settings)
    by_part = _by_part(groups, store, parts)
    done, total = 0, sum(group.size for part in by_part.values() for group in part)
    if regrouped := _regrouped(before, groups):
        # Their runs are in other groups now, and must not be there twice.
        for part in parts:
            work.remove(part, regrouped)
    for part in parts:
        work.update(part, by_part[part])
        done += sum(group.size for group in by_part[part])
        if progress is not None:
            progress(done, total)
    store.note("files", {"settings": settings, "files": listing.entries, "groups": sorted(groups)})
    if notes is not None:
        notes.remove()
    if shard is None:
        store.finish()
    removed = sorted(work.removed - set(work.replaced))
    problems = dict.fromkeys((*work.problems, *listing.problems))
    return IndexResult(str(store.folder), work.runs, work.records, work.replaced, removed, tuple(problems))


class _PartChange(NamedTuple):
    """What has to be done in a part."""

    changed: list[RunGroup]
    """The groups to read."""
    kept: list[RunRow]
    left: list[RunRow]
    """The rows of runs that leave the table, or are read again."""
    leaving: set[str]
    """Their groups, and those that are read."""
    interrupted: frozenset[str] | None
    """The groups whose replacement was interrupted."""

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.leaving) or self.interrupted is not None


class _Work:
    """What one call does, part by part."""

    def __init__(
        self,
        store: TableFolder,
        listing: GroupListing,
        files: GroupFiles,
        request: Mapping[str, Any],
        settings: str,
    ) -> None:
        self._store = store
        self._files = files
        self._problems_of = {problem.file: problem for problem in listing.problems}
        self._listed = listing.entries.keys() | {file.file for group in listing.groups for file in group.files}
        self._reader = GroupReader(files, request, settings, store.temporary)
        self._settings = settings
        self.runs = 0
        self.records = 0
        self.replaced: list[str] = []
        self.removed: set[str] = set()
        self.problems: list[Problem] = []

    def remove(self, part: int, names: set[str]) -> None:
        """Removes groups from a part."""
        with self._store.locked(part):
            rows = self._store.rows(part)
            gone_groups = {
                name for name, held in _by_group(rows).items() if name in names and not self._is_away(name, held)
            }
            if gone := [row for row in rows if row["group"] in gone_groups]:
                kept = [row for row in rows if row["group"] not in gone_groups]
                self._store.replace(part, kept, [], {row["group"] for row in gone}, [])
                self.removed |= {row["run"] for row in gone if row["run"] is not None}

    def update(self, part: int, groups: list[RunGroup]) -> None:
        """Brings one part up to date."""
        change = self._change(part, groups)
        rows: list[RunRow] = change.kept
        if change.is_needed:
            with self._store.locked(part):
                # Another process may have done it meanwhile.
                change = self._change(part, groups)
                rows = self._replace(part, change) if change.is_needed else change.kept
        self.runs += sum(row["run"] is not None for row in rows)
        self.records += sum(row["records"] for row in rows)

    def _change(self, part: int, groups: list[RunGroup]) -> _PartChange:
        held = _by_group(self._store.rows(part))
        interrupted = self._store.interrupted(part)
        changed = [group for group in groups if self._is_changed(group, held.get(group.name), interrupted)]
        absent = held.keys() - {group.name for group in groups}
        gone = {name for name in absent if self._is_gone(name, held[name])}
        leaving = {*gone, *(group.name for group in changed)}
        return _PartChange(
            changed,
            kept=[row for name, rows in held.items() if name not in leaving for row in rows],
            left=[row for name, rows in held.items() if name in leaving for row in rows],
            leaving=leaving,
            interrupted=interrupted,
        )

    def _replace(self, part: int, change: _PartChange) -> list[RunRow]:
        """Reads what changed, and returns all rows that the part has then."""
        rows: list[RunRow] = []
        outputs: list[Path] = []
        staying: set[str] = set()
        by_group = _by_group(change.left)
        held = {name: _files_read(of_group) for name, of_group in by_group.items()}
        try:
            for read in self._reader.read(change.changed, held):
                rows += read.rows
                outputs += [read.output] if read.output is not None else []
                self._problems_of.update(read.problems)
                if not read.is_read:
                    staying |= {group.name for group in read.groups}
                    self.problems += read.problems.values()
            self._add_unreadable(rows)
            stayed = [row for name in sorted(staying) for row in by_group[name]]
            for row in stayed:
                if change.interrupted is not None and row["group"] in change.interrupted:
                    # Their records may be newer than their rows.
                    row["settings"] = ""
            kept = [*change.kept, *stayed]
            leaving = change.leaving - staying
            if leaving or change.interrupted is not None:
                self._store.replace(part, kept, rows, leaving, outputs)
        finally:
            for output in outputs:
                output.unlink(missing_ok=True)
        self.replaced += [row["run"] for row in rows if row["run"] is not None]
        self.removed |= {row["run"] for row in change.left if row["run"] is not None and row["group"] not in staying}
        self.problems += [Problem(**problem) for row in rows for problem in row["problems"]]
        return [*kept, *rows]

    def _is_changed(self, group: RunGroup, rows: list[RunRow] | None, interrupted: frozenset[str] | None) -> bool:
        if rows is not None and self._is_away(group.name, rows):
            return False
        if rows is None or any(row["settings"] != self._settings for row in rows):
            return True
        if interrupted is not None and group.name in interrupted:
            return True
        held = {(file["file"], file["size"], file["e_tag"]) for row in rows for file in row["files"]}
        fresh = any(file.is_fresh for file in group.files)
        return fresh or held != {(file.file, file.size, file.e_tag) for file in group.files}

    def _is_gone(self, group: str, rows: list[RunRow]) -> bool:
        """Whether the files of a group are gone, and not away for now, or newer than the listing."""
        files = _files_read(rows) - self._listed
        return not self._is_away(group, rows) and not any(map(self._files.is_there, sorted(files)))

    def _is_away(self, group: str, rows: list[RunRow]) -> bool:
        """Whether a folder around a group, or a file of it that was read before, cannot be read now."""
        if any(self._files.is_around(problem, group) for problem in self._problems_of):
            return True
        return not _files_read(rows).isdisjoint(self._problems_of)

    def _add_unreadable(self, rows: Iterable[RunRow]) -> None:
        """Names in the rows the files that cannot be opened, and why."""
        for row in rows:
            found = [self._problems_of[file["file"]] for file in row["files"] if file["file"] in self._problems_of]
            row["problems"] += [problem._asdict() for problem in found]


def _opened(table: Path, table_format: TableFormat, root: str, request: Mapping[str, Any]) -> TableFolder:
    """Opens the table, or makes it."""
    pyarrow = imported("pyarrow", "delta" if table_format == "delta" else "index")
    schema = TableSchema(keep_superseded=True).to_arrow() if request["keep_superseded"] else TABLE_SCHEMA.to_arrow()
    place = schema.get_field_index("epoch_float") + 1
    for name in reversed([name for name in _COLUMNS if request[name]]):
        schema = schema.insert(place, pyarrow.field(name, pyarrow.int64()))
    settings = {"version": _VERSION, "format": table_format, "root": root, "columns": schema.names}
    if table_format == "delta":
        from stepbridge.fleet._delta_folder import DeltaFolder  # noqa: PLC0415 - who makes no Delta table needs it not

        return DeltaFolder(table, settings, schema)
    from stepbridge.fleet._parquet_folder import ParquetFolder  # noqa: PLC0415

    return ParquetFolder(table, settings, schema)


def _listed(
    files: GroupFiles, reading: ReadOptions, known: Mapping[str, FileEntry], notes: SharedNotes | None
) -> GroupListing:
    """Lists the groups; files that have not changed since the last listing are not opened."""
    listing = found_groups(files, reading, known, notes=notes)
    if not listing.groups:
        reason = f": {listing.problems[0].file}: {listing.problems[0].reason}" if listing.problems else ""
        text = f"there is no log below '{files.shown_root}'{reason}; the table stays as it is"
        raise NoLogsError(text, listing.problems)
    return listing


def _with_unreadable(listing: GroupListing, files: GroupFiles) -> dict[str, RunGroup]:
    """Returns the groups by name, each with its files that cannot be opened."""
    groups = {group.name: group for group in listing.groups}
    for problem in listing.problems:
        unread = ListedFile(problem.file, f"{files.root}/{problem.file}", 0, UNREADABLE)
        name = _around(problem.file, groups) or problem.file.rpartition("/")[0] or "."
        group = groups.get(name) or RunGroup(files.root, name, (), listing.groups[0].options)
        groups[name] = group._replace(files=(*group.files, unread))
    return groups


def _by_part(groups: Mapping[str, RunGroup], store: TableFolder, parts: Iterable[int]) -> dict[int, list[RunGroup]]:
    """Returns the groups of some parts by their part."""
    found: dict[int, list[RunGroup]] = {part: [] for part in parts}
    for name in sorted(groups):
        if (part := part_of(name, store.parts)) in found:
            found[part].append(groups[name])
    return found


def _regrouped(before: Iterable[str], now: Mapping[str, RunGroup]) -> set[str]:
    """Returns the names of groups that are no longer groups, while logs in their folder, above or below, are."""
    around = {"."} | {name for group in now for name in _folders(group)}
    return {
        name for name in before if name not in now and (name in around or not now.keys().isdisjoint(_folders(name)))
    }


def _folders(name: str) -> Iterator[str]:
    """Yields a folder and those above it."""
    yield "."
    parts = name.split("/")
    yield from ("/".join(parts[:length]) for length in range(1, len(parts) + 1))


def _around(file: str, groups: Mapping[str, RunGroup]) -> str | None:
    """Returns the group that a file is in, by its folders."""
    if "." in groups:
        return "."
    folder = file
    while folder:
        if folder in groups:
            return folder
        folder = folder.rpartition("/")[0]
    return None


def _files_read(rows: Iterable[RunRow]) -> set[str]:
    """Returns the names of the files that rows are of, but for those that could not be read."""
    return {file["file"] for row in rows for file in row["files"] if file["e_tag"] != UNREADABLE}


def _by_group(rows: Iterable[RunRow]) -> dict[str, list[RunRow]]:
    groups: dict[str, list[RunRow]] = {}
    for row in rows:
        groups.setdefault(row["group"], []).append(row)
    return groups
