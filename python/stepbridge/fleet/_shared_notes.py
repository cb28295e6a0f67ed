"""Notes by which shards that index one table at once share what they saw of new files.

Each begins at another place of the listing, so that the first bytes of a file are fetched about once, by one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from stepbridge.fleet._listed_file import FileEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SharedNotes", "known_files"]

#: How the names of notes begin that are for the time of one call.
_SEEN = "seen-"
#: The note that a call leaves when it is done.
_FILES = "files"


class NoteStore(Protocol):
    """What keeps notes next to a table: its folder."""

    def note(self, name: str, content: object) -> None:
        """Keeps something for the next time."""

    def noted(self, name: str) -> Any:  # noqa: ANN401 - what JSON holds
        """Returns what was kept; None if nothing was."""

    def names_of_notes(self, beginning: str) -> list[str]:
        """Returns the names of the notes that begin so."""

    def remove_note(self, name: str) -> None:
        """Removes a note, if there is one."""


class SharedNotes:
    """What one shard says to the others. `place` is where in the listing it begins, from 0 to 1."""

    def __init__(self, store: NoteStore, settings: str, shard: tuple[int, int]) -> None:
        self.place = (shard[0] - 1) / shard[1]
        self.count = shard[1]
        self._store, self._settings = store, settings
        self._name = f"{_SEEN}{shard[0]}-of-{shard[1]}"

    def exchange(self, entries: Mapping[str, FileEntry]) -> dict[str, FileEntry]:
        """Notes what this shard found, and returns what all found so far."""
        if entries:
            self._store.note(self._name, {"settings": self._settings, "files": entries})
        found: dict[str, FileEntry] = {}
        for name in (_FILES, *self._store.names_of_notes(_SEEN)):
            found.update(known_files(self._store, name, self._settings))
        return found

    def remove(self) -> None:
        """Removes what this shard noted, once that is in what it leaves for good."""
        self._store.remove_note(self._name)


def known_files(store: NoteStore, name: str, settings: str) -> dict[str, FileEntry]:
    """Returns what a note says of files, if they were read with the same options."""
    noted = store.noted(name) or {}
    if noted.get("settings") != settings:
        return {}
    return {file: FileEntry(*entry) for file, entry in noted.get("files", {}).items()}
