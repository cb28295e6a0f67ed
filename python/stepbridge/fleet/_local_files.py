"""The files of groups on this machine: they are read where they are."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepbridge import _core
from stepbridge._problem import Problem
from stepbridge.fleet._listed_file import FileEntry, FileListing, ListedFile
from stepbridge.logs._options import read_request
from stepbridge.logs._paths import core_paths, root_of
from stepbridge.logs._run_plans import plan_file_at
from stepbridge.logs._source import LogSource, open_source

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager

    from stepbridge.fleet._shared_notes import SharedNotes
    from stepbridge.logs._paths import LogPaths

__all__ = ["LocalFiles"]


class LocalFiles:
    """Files at some paths of this machine.

    Args:
        paths: as `read_logs` takes them.
        root: as `read_logs` takes it.
        options: those of `stepbridge.ReadOptions`.
    """

    def __init__(self, paths: LogPaths, root: str | os.PathLike[str] | None, options: Mapping[str, Any]) -> None:
        above = Path(root_of(paths, root)).absolute()
        self.root = str(above if above.is_dir() or not above.exists() else above.parent)
        """The folder that the names of files are relative to."""
        self.shown_root = self.root
        """The same, as people see it."""
        self.plan_file = plan_file_at(self.root)
        """What is stated about single runs; None if there is no such file."""
        self._paths, self._options = core_paths(paths, root), options

    def listing(
        self,
        known: Mapping[str, FileEntry],
        progress: Callable[[int, int], object] | None = None,
        notes: SharedNotes | None = None,  # noqa: ARG002 - to open a file costs less than to ask who did
    ) -> FileListing:
        """Lists the files, and opens those that are not as `known` says.

        Raises:
            FileNotFoundError: there is no such path.
            PermissionError: it may not be read.
            PatternError: the pattern is not valid.
        """
        e_tags = {file: entry.e_tag for file, entry in known.items() if not entry.e_tag.endswith("?")}
        rows, unfollowed = _core.find_files(self._paths, read_request(self._options), e_tags, progress)
        found = FileListing([], [Problem(*row) for row in unfollowed], {})
        for file, real, size, e_tag, role, above, problem in rows:
            entry = known[file] if role == "known" else FileEntry(e_tag, role, above)
            if problem is not None and problem[3] == "unreadable":
                found.problems.append(Problem(*problem))
                continue
            if role != "broken":
                found.entries[file] = entry
            if entry.role != "other":
                found.listed.append((ListedFile(file, str(Path(real).absolute()), size, e_tag), entry))
        return found

    def fetch(self, files: Iterable[ListedFile]) -> dict[str, Problem]:  # noqa: ARG002 - see `RemoteFiles`
        """Nothing has to be fetched."""
        return {}

    def source(self, files: Iterable[ListedFile], options: Mapping[str, Any]) -> LogSource:
        """Returns files to be read with the options of their group."""
        return open_source([file.path for file in files], self.root, options)

    def release(self, files: Iterable[ListedFile]) -> None:
        """Nothing was fetched."""

    def is_there(self, file: str) -> bool:
        """Whether there is a file with this name now."""
        return Path(self.root, file).exists()

    def is_around(self, problem: str, group: str) -> bool:
        """Whether what has a problem is a folder around a group."""
        return group == problem or group.startswith(f"{problem}/")

    def naming(self) -> AbstractContextManager[None]:
        """Errors name the files as they are."""
        return nullcontext()

    def close(self) -> None:
        """Nothing was opened."""
