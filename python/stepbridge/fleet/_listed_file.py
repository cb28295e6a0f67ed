"""A file as it was listed, and what is known of it from its first bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stepbridge.logs._source import shown

if TYPE_CHECKING:
    from stepbridge._problem import Problem

__all__ = ["UNKNOWN", "UNREADABLE", "FileEntry", "FileListing", "ListedFile"]

#: What is noted as the e-tag of a file that could not be read, so that the next reading tries again.
UNREADABLE = "unreadable"
#: The e-tag of a file if the store gives none.
UNKNOWN = "?"


class ListedFile(NamedTuple):
    """A file as it was listed."""

    file: str
    """The file, relative to the root."""
    path: str
    """Its path, or its address."""
    size: int
    """Its size in bytes."""
    e_tag: str
    """A text that is another one if the file has changed. It ends with "?" while the file is so new that a change may
    not show, and it is "?" if a store does not say what changes with the content."""

    def __repr__(self) -> str:
        """Shows an address without its password."""
        return f"ListedFile({self.file!r}, {shown(self.path)!r}, {self.size}, {self.e_tag!r})"

    @property
    def is_fresh(self) -> bool:
        """Whether the file may change and keep its e-tag, because the clock of its file system is coarse."""
        return self.e_tag.endswith(UNKNOWN)


class FileEntry(NamedTuple):
    """What is known of a file from its first bytes."""

    e_tag: str
    role: str
    above: int


class FileListing(NamedTuple):
    """Files below a root."""

    listed: list[tuple[ListedFile, FileEntry]]
    """Those that are read, by folder and name."""
    problems: list[Problem]
    """Folders, links and files that cannot be read."""
    entries: dict[str, FileEntry]
    """Each file, for the next listing."""
