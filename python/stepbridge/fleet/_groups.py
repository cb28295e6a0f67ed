"""Groups of files that are read together, so that many processes can read one folder of runs.

Each group read alone gives its part of what all of them give: the same runs, the same records. What couples files of
several folders is that logs in a folder and in those below it may be of one run: a ledger above, the copy of a
checkpoint, a text log that states the length of the epochs, a database that names its runs. So a group is a folder with
a log, and everything below it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast, overload

from stepbridge._text import counted
from stepbridge.fleet._listed_file import UNKNOWN, FileEntry, ListedFile
from stepbridge.fleet._local_files import LocalFiles
from stepbridge.logs._export import imported
from stepbridge.logs._logs import Logs
from stepbridge.logs._options import ReadOptions, refuse_unknown
from stepbridge.logs._source import LogSource, are_addresses, is_address, open_source, read_source, shown
from stepbridge.logs._streaming import reindex_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pyarrow as pa
    from typing_extensions import Unpack

    from stepbridge._problem import Problem
    from stepbridge.fleet._remote_files import RemoteFiles
    from stepbridge.fleet._shared_notes import SharedNotes
    from stepbridge.logs._options import ReindexOptions, Timelines
    from stepbridge.logs._paths import LogPaths

    GroupFiles: TypeAlias = LocalFiles | RemoteFiles

__all__ = ["FoundRuns", "GroupFiles", "GroupListing", "RunGroup", "files_at", "find_runs", "found_groups"]

#: The folders above a file, or a folder, from the root down.
Folder = tuple[str, ...]

#: How the name of a later attempt ends, and that of the run that it is an attempt of.
_ATTEMPT = re.compile(r"(.+)#\d+")
#: The options that name columns.
_COLUMNS = {"step_column", "epoch_column", "time_column"}
#: What is larger is never in memory as a whole.
_SMALL = 16 << 20


class RunGroup(NamedTuple):
    """Files that are read together: a run, or several that one file or one folder holds.

    It can be pickled, and holds nothing open. With `storage_options` among its options, credentials may be pickled with
    it; its repr shows none.
    """

    root: str
    """The folder, or the address of the folder, that the names of runs are relative to."""
    name: str
    """The folder of the group, relative to the root; "." for the root itself."""
    files: tuple[ListedFile, ...]
    """Its logs, ledgers and files of configuration."""
    options: Mapping[str, Any]
    """How its logs are read: the options of `find_runs`."""

    def __repr__(self) -> str:
        """Shows neither a password in an address nor what a store needs."""
        options = {name: ... if name == "storage_options" else value for name, value in self.options.items()}
        return f"RunGroup({shown(self.root)!r}, {self.name!r}, {self.files!r}, {options!r})"

    @property
    def paths(self) -> list[str]:
        """The paths of its files, or their addresses."""
        return [file.path for file in self.files]

    @property
    def size(self) -> int:
        """The sizes of its files together."""
        return sum(file.size for file in self.files)

    def may_hold(self, run: str) -> bool:
        """Whether a run with this name may be in the group: the name begins with that of the group."""
        attempt = _ATTEMPT.fullmatch(run)
        names = (run, attempt[1]) if attempt else (run,)
        return self.name == "." or any(f"{name}/".startswith(f"{self.name}/") for name in names)

    def read(self) -> Logs:
        """Reads its files: the part of `read_logs(root)` that they hold.

        Files in a store are fetched, and no other request lists them again.

        Raises:
            NoLogsError: none of its files can be read.
            OSError: a file is gone, or may not be read.
        """
        source = self._opened()
        return Logs(read_source(source), source)

    def batches(self, timeline: Timelines = None, **options: Unpack[ReindexOptions]) -> Iterator[pa.RecordBatch]:
        """Yields its records with epoch and iter, as `Logs.reindex` gives them, in batches of pyarrow.

        A large group passes through a temporary file, so that memory does not grow with it.

        Args:
            timeline: as `Logs.reindex` takes it.
            **options: those of `stepbridge.ReindexOptions`.

        Raises:
            ImportError: pyarrow is not installed.
            NoLogsError: none of its files can be read.
            OSError: a file is gone, or may not be read.
        """
        pyarrow = imported("pyarrow", "pandas")
        if self.size <= _SMALL:
            yield from pyarrow.RecordBatchReader.from_stream(self.read().reindex(timeline, **options))
            return
        from tempfile import TemporaryDirectory  # noqa: PLC0415 - importing the package takes no time for it

        with TemporaryDirectory() as folder:
            output = Path(folder, "group.arrow")
            reindex_source(self._opened(), output, timeline, options)
            with pyarrow.OSFile(str(output)) as file, pyarrow.ipc.open_file(file) as batches:
                for number in range(batches.num_record_batches):
                    yield batches.get_batch(number)

    def _opened(self) -> LogSource:
        if not is_address(self.root):
            return open_source(self.paths, self.root, self.options)
        listed = [(file.size, None if file.e_tag == UNKNOWN else file.e_tag) for file in self.files]
        source = open_source(self.paths, self.root, self.options, listed=listed)
        for error in source.errors:
            # As on this machine: a file that is asked for by its name is not left out.
            raise error
        return source


class FoundRuns(Sequence[RunGroup]):
    """The groups of files below a path, in the order of their folders.

    `problems` says what could not be listed or opened.
    """

    __slots__ = ("_groups", "problems")

    def __init__(self, groups: Iterable[RunGroup], problems: Iterable[Problem] = ()) -> None:
        self._groups = tuple(groups)
        self.problems: tuple[Problem, ...] = tuple(problems)

    def __len__(self) -> int:
        return len(self._groups)

    @overload
    def __getitem__(self, index: int) -> RunGroup: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[RunGroup]: ...
    def __getitem__(self, index: int | slice) -> RunGroup | Sequence[RunGroup]:
        """Returns a group, or several."""
        return self._groups[index]

    def __repr__(self) -> str:
        files = counted(sum(len(group.files) for group in self), "file")
        problems = f", {counted(len(self.problems), 'problem')}" if self.problems else ""
        return f"FoundRuns({counted(len(self), 'group')} of {files}{problems})"


def find_runs(
    path: LogPaths,
    *,
    root: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], object] | None = None,
    **options: Unpack[ReadOptions],
) -> FoundRuns:
    """Finds the logs below a path in groups that can be read apart, in several processes or on several machines.

    `read_logs` of all groups, one by one, gives the runs and the records that `read_logs` of the path gives. Of each
    file only the beginning is read, to see whether it is a log. The listing of a store gives the e-tags of its files.

    Args:
        path: as `read_logs` takes it.
        root: as `read_logs` takes it.
        progress: called a few times a second with the number of bytes that are read.
        **options: those of `stepbridge.ReadOptions`. With `chain=` there is one group: which runs are one shows when
            all are read.

    Raises:
        FileNotFoundError: there is no such path.
        PermissionError: it may not be read.
        ConnectionError: a store does not answer.
        PatternError: the pattern is not valid.
        ValueError: there are paths and addresses, or addresses in several buckets.

    >>> import stepbridge as sb
    >>> for group in sb.find_runs("demo/logs"):
    ...     print(group.name, len(group.files), len(group.read()))
    mnist_cnn/csv/version_0 1 184
    mnist_cnn/tensorboard/version_0 3 34
    roberta_lora/results 1 119
    """
    refuse_unknown("find_runs", options, ReadOptions.__optional_keys__)
    files = files_at(path, root, options, keep=False)
    try:
        found = found_groups(files, options, progress=progress)
    finally:
        files.close()
    return FoundRuns((group for group in found.groups if group.files), found.problems)


class GroupListing(NamedTuple):
    """What was listed: the groups, with those that hold nothing but files which cannot be opened."""

    groups: list[RunGroup]
    problems: tuple[Problem, ...]
    """Folders, links and files that cannot be read; no group has them."""
    entries: dict[str, FileEntry]
    """Each file, for the next listing."""


def found_groups(
    files: GroupFiles,
    options: Mapping[str, Any],
    known: Mapping[str, FileEntry] | None = None,
    progress: Callable[[int, int], object] | None = None,
    *,
    notes: SharedNotes | None = None,
) -> GroupListing:
    """Lists files in groups. Files that are still as `known` says are not opened; `notes` are those of other shards."""
    listed, problems, entries = files.listing(known or {}, progress, notes)
    by_head = _by_head(listed, one=bool(options.get("chain")))
    groups = [
        RunGroup(files.root, "/".join(head) or ".", tuple(by_head[head]), dict(options)) for head in sorted(by_head)
    ]
    return GroupListing(_without_columns(groups, entries), tuple(problems), entries)


def files_at(
    path: LogPaths, root: str | os.PathLike[str] | None, options: Mapping[str, Any], *, keep: bool
) -> GroupFiles:
    """Returns the files at some paths, or at some addresses. `keep`: whether they will be read in this process.

    Raises:
        ValueError: there are paths and addresses.
    """
    given: list[Any] = [path] if isinstance(path, (str, os.PathLike)) else list(path)
    if not are_addresses([*given, *([] if root is None else [root])], options):
        return LocalFiles(path, root, options)
    from stepbridge.fleet._remote_files import RemoteFiles  # noqa: PLC0415 - nothing of it is loaded for local paths

    return RemoteFiles(given, cast("str | None", root), options, keep=keep)


def _without_columns(groups: list[RunGroup], entries: Mapping[str, FileEntry]) -> list[RunGroup]:
    """Leaves the names of columns away in groups without such a file, if others have one: `read_logs` refuses them."""
    tables = [
        any(file.file in entries and entries[file.file].role == "table" for file in group.files) for group in groups
    ]
    if not any(tables):
        return groups
    kept = [{name: value for name, value in group.options.items() if name not in _COLUMNS} for group in groups]
    return [
        group if table else group._replace(options=options)
        for group, table, options in zip(groups, tables, kept, strict=True)
    ]


def _by_head(listed: list[tuple[ListedFile, FileEntry]], *, one: bool) -> dict[Folder, list[ListedFile]]:
    """Returns the files by the folder of their group."""
    logs = {_home(file, entry) for file, entry in listed if entry.role in {"table", "log", "ledger"}}
    heads = _Heads({()} if one and logs else logs)
    files: dict[Folder, list[ListedFile]] = {}
    for file, entry in listed:
        head = heads.above(_folder(file))
        if head is None:
            head = heads.above(_home(file, entry))
        if head is None and entry.role == "broken":
            # A file that should be a log and is none has a group of its own, if there is no log around it.
            head = _folder(file)
        if head is not None:
            files.setdefault(head, []).append(file)
    return files


class _Heads:
    """The topmost folders that hold logs."""

    def __init__(self, logs: set[Folder]) -> None:
        self._heads: dict[Folder, Folder] = {}
        for folder in sorted(logs, key=len):
            if self.above(folder) is None:
                self._heads[folder] = folder
        for folder in sorted(self._heads):
            # The name of a later attempt depends on whether a folder has that name.
            if folder and (attempt := _ATTEMPT.fullmatch(folder[-1])):
                of = self.above((*folder[:-1], attempt[1]))
                self._heads[folder] = folder if of is None else of

    def above(self, folder: Folder) -> Folder | None:
        """Returns the head that holds a folder; None if none does."""
        for length in range(len(folder) + 1):
            if (head := self._heads.get(folder[:length])) is not None:
                return head
        return None


def _folder(file: ListedFile) -> Folder:
    return tuple(file.file.split("/")[:-1])


def _home(file: ListedFile, entry: FileEntry) -> Folder:
    """Returns the folder of the run that a file belongs to."""
    folder = _folder(file)
    return folder[: len(folder) - entry.above]
