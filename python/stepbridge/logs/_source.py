"""Where logs are read: paths of this machine as they are, addresses of a store as copies on the disk."""

from __future__ import annotations

import os
import re
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, cast

from stepbridge import _core
from stepbridge.logs._options import read_request
from stepbridge.logs._paths import core_paths, root_of
from stepbridge.logs._run_plans import FILE, plan_file_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from stepbridge._problem import Problem
    from stepbridge.logs._paths import LogPaths
    from stepbridge.remote import Mirror, RunFolders

__all__ = ["ABOVE", "LogSource", "are_addresses", "is_address", "open_source", "read_source", "shown"]

#: The names of files that count for all runs below their folder: a ledger, and what is stated about single runs.
ABOVE = ("stepclock.jsonl", FILE)
#: How the names of files end that may be the ledger of a run below their folder.
_LEDGERS = tuple(f".jsonl{ending}" for ending in ("", ".gz", ".zst", ".zstd"))
#: How the name of a later attempt ends, and that of the run that it is an attempt of.
_ATTEMPT = re.compile(r"(.+)#\d+")


class LogSource:
    """What is read, as the core takes it, and how. `open_source` makes it."""

    __slots__ = ("_mirror", "paths", "plan_file", "request", "root")

    def __init__(
        self,
        paths: str | tuple[str, list[str]],
        root: str,
        request: Mapping[str, object],
        mirror: Mirror | None = None,
    ) -> None:
        self.paths, self.root, self.request = paths, root, request
        self.plan_file = plan_file_at(root)
        self._mirror = mirror

    @property
    def name(self) -> str:
        """The path of a source that has one, as people see it: without a password."""
        return self.root if self._mirror is None else self._mirror.named(self.root)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The remote files that could not be copied."""
        return () if self._mirror is None else self._mirror.problems

    @property
    def errors(self) -> tuple[Exception, ...]:
        """Why remote files could not be copied: the error of each."""
        return () if self._mirror is None else self._mirror.errors

    @property
    def is_part(self) -> bool:
        """Whether only the files of one run were copied, which is not all that there is."""
        return self._mirror is not None and self._mirror.is_part

    def naming(self) -> AbstractContextManager[None]:
        """Puts addresses in the place of the paths of copies in whatever error is raised."""
        return nullcontext() if self._mirror is None else self._mirror.naming()

    def refresh(self, progress: Callable[[int, int], object] | None = None) -> bool:
        """Copies what has changed; returns whether there are other problems than before."""
        if self._mirror is None:
            return False
        before = self._mirror.problems
        self._mirror.update(progress)
        return self._mirror.problems != before


def is_address(path: object) -> bool:
    """Returns whether a path is the address of something remote. A file called `s3:` is not."""
    return isinstance(path, str) and re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", path) is not None


def are_addresses(paths: Sequence[object], options: Mapping[str, object]) -> bool:
    """Returns whether paths and their root are addresses, or whether all are of this machine.

    Raises:
        ValueError: some are, or none is and there are options of a store.
    """
    remote = sum(map(is_address, paths))
    if not remote and options.get("storage_options"):
        raise ValueError("storage_options= is for addresses, such as s3://bucket/runs; leave it out for a path")
    if 0 < remote < len(paths):
        raise ValueError(
            "paths of this machine and addresses cannot be read together, or below one root: name one kind"
        )
    return remote > 0


def shown(path: str) -> str:
    """Returns a path as messages show it: an address without its password."""
    if not is_address(path):
        return path
    from stepbridge.remote import parse_address  # noqa: PLC0415 - nothing of it is loaded for local paths

    return str(parse_address(path))


def open_source(
    paths: LogPaths,
    root: str | os.PathLike[str] | None,
    options: Mapping[str, object],
    progress: Callable[[int, int], object] | None = None,
    *,
    run: str | None = None,
    listed: Sequence[tuple[int, str | None]] | None = None,
) -> LogSource:
    """Finds out where logs are, and copies remote ones.

    Args:
        paths: a folder or a file, or several; or addresses of them.
        root: as `read_logs` takes it.
        options: those of `stepbridge.ReadOptions`.
        progress: is given how many bytes are copied, and how many there are.
        run: the only run that is wanted below one address; `LogSource.is_part` says whether no more was copied.
        listed: size and e_tag of each address, if all are files that were listed.

    Raises:
        ValueError: there is no path, or they are neither all of this machine nor all of one store.
    """
    request = read_request(options)
    given: Sequence[Any] = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    if not are_addresses([*given, *([] if root is None else [root])], options):
        return LogSource(core_paths(paths, root), root_of(paths, root), request)
    from stepbridge.remote import Mirror  # noqa: PLC0415 - nothing of it is loaded for local paths

    mirror = Mirror(
        given,
        cast("str | None", root),
        request,
        ABOVE if listed is None else (FILE,),
        storage_options=cast("Mapping[str, object] | None", options.get("storage_options")),
        limit=cast("int | None", options.get("cache_limit")),
        run=None if run is None else _folders_of(run),
        listed=listed,
    )
    try:
        mirror.update(progress)
    except BaseException:
        mirror.remove()
        raise
    copies = [str(path) for path in mirror.paths]
    local: LogPaths = copies[0] if len(given) == 1 else copies
    return LogSource(core_paths(local, mirror.root), root_of(local, mirror.root), request, mirror)


def _folders_of(run: str) -> RunFolders | None:
    """Returns where the files of a run are; None if its name is not that of a folder."""
    from stepbridge.remote import RunFolders  # noqa: PLC0415 - nothing of it is loaded for local paths

    # A later attempt is in the folder of the first.
    attempt = _ATTEMPT.fullmatch(run)
    names = (run, attempt[1]) if attempt else (run,)
    if any(part in ("", ".", "..") for part in run.split("/")):
        return None
    return RunFolders(names, _LEDGERS)


def read_source(source: LogSource, progress: Callable[[int, int], object] | None = None) -> _core.Logs:
    """Reads the logs of a source."""
    with source.naming():
        return _core.Logs.read(source.paths, source.request, progress)
