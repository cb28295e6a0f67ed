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
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from stepbridge import _core
from stepbridge._problem import Problem
from stepbridge._text import counted
from stepbridge.logs._export import imported
from stepbridge.logs._logs import Logs, read_logs
from stepbridge.logs._options import ReadOptions, read_request, refuse_unknown
from stepbridge.logs._paths import LogPaths, core_paths, root_of
from stepbridge.logs._source import is_address, shown
from stepbridge.logs._streaming import reindex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pyarrow as pa
    from typing_extensions import Unpack

    from stepbridge.logs._options import ReindexOptions, Timelines

__all__ = ["FileEntry", "FoundRuns", "ListedFile", "RunGroup", "find_runs", "found_groups"]

#: The folders above a file, or a folder, from the root down.
Folder = tuple[str, ...]

#: How the name of a later attempt ends, and that of the run that it is an attempt of.
_ATTEMPT = re.compile(r"(.+)#\d+")
#: The options that name columns.
_COLUMNS = {"step_column", "epoch_column", "time_column"}
#: What is larger is never in memory as a whole.
_SMALL = 16 << 20


class ListedFile(NamedTuple):
    """A file as it was listed."""

    file: str
    """The file, relative to the root."""
    path: str
    """Its path."""
    size: int
    """Its size in bytes."""
    e_tag: str
    """A text that is another one if the file has changed. It ends with "?" while the file is so new that a change may
    not show."""

    @property
    def is_fresh(self) -> bool:
        """Whether the file may change and keep its e-tag, because the clock of its file system is coarse."""
        return self.e_tag.endswith("?")


class RunGroup(NamedTuple):
    """Files that are read together: a run, or several that one file or one folder holds.

    It can be pickled, and holds nothing open.
    """

    root: str
    """The folder that the names of runs are relative to."""
    name: str
    """The folder of the group, relative to the root; "." for the root itself."""
    files: tuple[ListedFile, ...]
    """Its logs, ledgers and files of configuration."""
    options: Mapping[str, Any]
    """How its logs are read: the options of `find_runs`."""

    @property
    def paths(self) -> list[str]:
        """The paths of its files."""
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

        Raises:
            NoLogsError: none of its files can be read.
            OSError: a file is gone, or may not be read.
        """
        return read_logs(self.paths, root=self.root, **self._reading())

    def batches(self, timeline: Timelines = None, **options: Unpack[ReindexOptions]) -> Iterator[pa.RecordBatch]:
        """Yields its records with epoch and iter, as `Logs.reindex` gives them, in batches of pyarrow.

        A large group passes through a temporary file, so that memory does not grow with it.

        Args:
            timeline: as `Logs.reindex` takes it.
            **options: those of `stepbridge.ReindexOptions`.

        Raises:
            ImportError: pyarrow is not installed.
            NoLogsError: none of its files can be read.
        """
        pyarrow = imported("pyarrow", "pandas")
        if self.size <= _SMALL:
            yield from pyarrow.RecordBatchReader.from_stream(self.read().reindex(timeline, **options))
            return
        from tempfile import TemporaryDirectory  # noqa: PLC0415 - importing the package takes no time for it

        with TemporaryDirectory() as folder:
            output = Path(folder, "group.arrow")
            reindex(self.paths, output, timeline, root=self.root, **self._reading(), **options)
            with pyarrow.OSFile(str(output)) as file, pyarrow.ipc.open_file(file) as batches:
                for number in range(batches.num_record_batches):
                    yield batches.get_batch(number)

    def _reading(self) -> ReadOptions:
        return dict(self.options)  # type: ignore[return-value]


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
    file only the beginning is read, to see whether it is a log.

    Args:
        path: as `read_logs` takes it.
        root: as `read_logs` takes it.
        progress: called a few times a second with the number of bytes that are read.
        **options: those of `stepbridge.ReadOptions`. With `chain=` there is one group: which runs are one shows when
            all are read.

    Raises:
        FileNotFoundError: there is no such path.
        PermissionError: it may not be read.
        PatternError: the pattern is not valid.

    >>> import stepbridge as sb
    >>> for group in sb.find_runs("demo/logs"):
    ...     print(group.name, len(group.files), len(group.read()))
    mnist_cnn/csv/version_0 1 184
    mnist_cnn/tensorboard/version_0 3 34
    roberta_lora/results 1 119
    """
    refuse_unknown("find_runs", options, ReadOptions.__optional_keys__)
    found = found_groups(path, root, options, progress=progress)
    return FoundRuns((group for group in found.groups if group.files), found.problems)


def refuse_address(path: LogPaths) -> None:
    """Raises a ValueError if there is an address among the paths: groups are those of files of this machine."""
    for each in [path] if isinstance(path, (str, os.PathLike)) else path:
        if is_address(each):
            raise ValueError(
                f"{shown(str(each))} is an address: find_runs and index take folders of this machine; "
                "read_logs and reindex take addresses"
            )


class FileEntry(NamedTuple):
    """What is known of a file from its first bytes."""

    e_tag: str
    role: str
    above: int


class GroupListing(NamedTuple):
    """What was listed: the groups, with those that hold nothing but files which cannot be opened."""

    groups: list[RunGroup]
    problems: tuple[Problem, ...]
    """Folders, links and files that cannot be read; no group has them."""
    entries: dict[str, FileEntry]
    """Each file, for the next listing."""


def found_groups(
    path: LogPaths,
    root: str | os.PathLike[str] | None,
    options: Mapping[str, Any],
    known: Mapping[str, FileEntry] | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> GroupListing:
    """Lists files in groups. Files that are still as `known` says are not opened."""
    refuse_address(path)
    above = Path(root_of(path, root)).absolute()
    folder = str(above if above.is_dir() or not above.exists() else above.parent)
    known = known or {}
    e_tags = {file: entry.e_tag for file, entry in known.items() if not entry.e_tag.endswith("?")}
    paths = core_paths(path, root)
    rows, unfollowed = _core.find_files(paths, read_request(options), e_tags, progress)
    problems = [Problem(*row) for row in unfollowed]
    entries: dict[str, FileEntry] = {}
    listed: list[tuple[ListedFile, FileEntry]] = []
    for file, real, size, e_tag, role, folders_above, problem in rows:
        entry = known[file] if role == "known" else FileEntry(e_tag, role, folders_above)
        if problem is not None and problem[3] == "unreadable":
            problems.append(Problem(*problem))
            continue
        if role != "broken":
            entries[file] = entry
        if entry.role != "other":
            listed.append((ListedFile(file, str(Path(real).absolute()), size, e_tag), entry))
    files = _by_head(listed, one=bool(options.get("chain")))
    groups = [RunGroup(folder, "/".join(head) or ".", tuple(files[head]), dict(options)) for head in sorted(files)]
    return GroupListing(_without_columns(groups, entries), tuple(problems), entries)


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
