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
    from stepbridge.remote import Mirror

__all__ = ["LogSource", "is_address", "open_source", "read_source", "shown"]

#: The name of a ledger that is that of all runs below its folder.
_LEDGER = "stepclock.jsonl"


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
) -> LogSource:
    """Finds out where logs are, and copies remote ones.

    Args:
        paths: a folder or a file, or several; or addresses of them.
        root: as `read_logs` takes it.
        options: those of `stepbridge.ReadOptions`.
        progress: is given how many bytes are copied, and how many there are.

    Raises:
        ValueError: there is no path, or they are neither all of this machine nor all of one store.
    """
    request = read_request(options)
    given: Sequence[Any] = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    remote = [path for path in (*given, *([] if root is None else [root])) if is_address(path)]
    if not remote:
        if options.get("storage_options"):
            raise ValueError("storage_options= is for addresses, such as s3://bucket/runs; leave it out for a path")
        return LogSource(core_paths(paths, root), root_of(paths, root), request)
    if len(remote) < len(given) + (root is not None):
        raise ValueError(
            "paths of this machine and addresses cannot be read together, or below one root: name one kind"
        )
    from stepbridge.remote import Mirror  # noqa: PLC0415 - nothing of it is loaded for local paths

    mirror = Mirror(
        given,
        cast("str | None", root),
        request,
        (_LEDGER, FILE),
        storage_options=cast("Mapping[str, object] | None", options.get("storage_options")),
        limit=cast("int | None", options.get("cache_limit")),
    )
    try:
        mirror.update(progress)
    except BaseException:
        mirror.remove()
        raise
    copies = [str(path) for path in mirror.paths]
    local: LogPaths = copies[0] if len(given) == 1 else copies
    return LogSource(core_paths(local, mirror.root), root_of(local, mirror.root), request, mirror)


def read_source(source: LogSource, progress: Callable[[int, int], object] | None = None) -> _core.Logs:
    """Reads the logs of a source."""
    with source.naming():
        return _core.Logs.read(source.paths, source.request, progress)
