"""Where logs are: a folder or a file, or several of them below one root."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LogPaths", "core_paths", "root_of"]

#: A folder or a file, or several.
LogPaths: TypeAlias = "str | os.PathLike[str] | Sequence[str | os.PathLike[str]]"


def core_paths(paths: LogPaths, root: str | os.PathLike[str] | None) -> str | tuple[str, list[str]]:
    """Returns a path as the core takes it, or the root of several and these.

    Raises:
        ValueError: there is no path, or one does not lie below the root.
    """
    if root is None and isinstance(paths, str | os.PathLike):
        return os.fspath(paths)
    folder, below = Path(root_of(paths, root)), _several(paths)
    for path in below:
        if not path.is_relative_to(folder):
            raise ValueError(f"root={str(folder)!r} does not hold {str(path)!r}: give a folder that holds all paths")
    return str(folder), [str(path) for path in below]


def root_of(paths: LogPaths, root: str | os.PathLike[str] | None) -> str:
    """Returns the folder that the names of runs are relative to; a file itself, where it is the only path.

    Raises:
        ValueError: there is no path, or several share no folder.
    """
    if root is not None:
        return str(_absolute(root))
    if isinstance(paths, str | os.PathLike):
        return os.fspath(paths)
    return os.path.commonpath([path if path.is_dir() else path.parent for path in _several(paths)])


def _several(paths: LogPaths) -> list[Path]:
    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    if not given:
        raise ValueError("there is no path: give a folder or a file, or several")
    return [_absolute(path) for path in given]


def _absolute(path: str | os.PathLike[str]) -> Path:
    """The path without `..`; links stay links, so that runs keep the names that the caller sees."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps '..', and Path.resolve follows links
