"""What every table of an index has in its folder: its settings, its parts, and what is needed to replace runs whole.

Each group of files belongs to one part of the table for good, by the hash of its name. A process that replaces runs of
a part holds its lock, so that several processes write one table at once. It notes the groups first: if it is killed
before it is done, the next one reads those groups again.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
import zlib
from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stepbridge.ledger._locked_file import FileInUseError, LockedFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from stepbridge.fleet._run_rows import RunRow

__all__ = ["INSIDE", "TableFolder", "part_of"]

#: A new table has so many parts: a few megabytes each with a hundred thousand runs of a few thousand records.
PARTS = 256
#: The folder of what is not the table: the settings, the locks, and files that are being written.
INSIDE = "_stepbridge"
#: A file that is being written for longer than this, in seconds, belongs to a process that was killed.
_ABANDONED = 24 * 3600
#: How often a part that another process holds is asked for, in seconds.
_PERIOD = 0.05


def part_of(group: str, parts: int) -> int:
    """Returns the part that a group belongs to, on every machine the same."""
    return zlib.crc32(group.encode()) % parts


class TableFolder(ABC):
    """The folder of a table, with `records` and `runs` in it.

    Raises:
        ValueError: the folder holds another table, or something else.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], schema: pa.Schema) -> None:
        self.folder = folder
        self._schema = schema
        self.parts = int(self._agree({"parts": PARTS, **settings})["parts"])
        self._remove_abandoned()

    @abstractmethod
    def rows(self, part: int) -> list[RunRow]:
        """Returns the rows of `runs` in a part."""

    @abstractmethod
    def write(self, part: int, kept: Sequence[RunRow], rows: Sequence[RunRow], outputs: Sequence[Path]) -> None:
        """Keeps the records of some rows of a part, adds those of the outputs, then replaces the rows of the part."""

    def finish(self) -> None:  # noqa: B027 - most tables have nothing to do
        """Ends a call that did the whole table."""

    def replace(
        self, part: int, kept: Sequence[RunRow], rows: Sequence[RunRow], groups: Iterable[str], outputs: Sequence[Path]
    ) -> None:
        """Replaces all of a part but the rows that are kept and their records.

        In their place are new rows, and the records of the outputs.
        """
        journal = f"part-{part:04}"
        self.note(journal, sorted(groups))
        for row in rows:
            row["part"] = part
        self.write(part, kept, rows, outputs)
        self.remove_note(journal)

    def interrupted(self, part: int) -> frozenset[str] | None:
        """Returns the groups whose replacement in a part was interrupted; None if nothing was."""
        groups = self.noted(f"part-{part:04}")
        return None if groups is None else frozenset(groups)

    def temporary(self) -> Path:
        """Returns the name of a file that is not there yet."""
        return self.folder / INSIDE / f"{uuid.uuid4().hex}.parquet"

    @contextmanager
    def locked(self, part: int) -> Iterator[None]:
        """Holds a part, so that no other process replaces it meanwhile."""
        lock = _lock(self.folder / INSIDE / f"part-{part:04}.lock")
        try:
            yield
        finally:
            lock.close()

    def note(self, name: str, content: object) -> None:
        """Keeps something for the next time."""
        path = self.folder / INSIDE / f"{name}.json"
        self._text(content).replace(path)

    def noted(self, name: str) -> Any:  # noqa: ANN401 - what JSON holds
        """Returns what was kept; None if nothing was."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            return json.loads((self.folder / INSIDE / f"{name}.json").read_text(encoding="utf-8"))
        return None

    def names_of_notes(self, beginning: str) -> list[str]:
        """Returns the names of the notes that begin so."""
        return sorted(path.stem for path in (self.folder / INSIDE).glob(f"{beginning}*.json"))

    def remove_note(self, name: str) -> None:
        """Removes a note, if there is one."""
        (self.folder / INSIDE / f"{name}.json").unlink(missing_ok=True)

    def _text(self, content: object) -> Path:
        """Writes JSON to a file that has another name than any."""
        temporary = self.folder / INSIDE / f"{uuid.uuid4().hex}.tmp"
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        return temporary

    def _agree(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Writes the settings of a new table; of several processes the first does. Returns those of the table."""
        path = self.folder / INSIDE / "table.json"
        if not path.exists():
            if self.folder.exists() and not self.folder.is_dir():
                raise ValueError(f"'{self.folder}' is a file: give a folder")
            if self.folder.exists() and any(entry.name != INSIDE for entry in self.folder.iterdir()):
                raise ValueError(f"'{self.folder}' holds other files: give a new folder, or one that an index made")
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._text(settings)
            try:
                # Unlike a rename, a link does not replace what another process wrote meanwhile.
                os.link(temporary, path)
            except FileExistsError:
                pass
            except OSError:
                temporary.replace(path)
            temporary.unlink(missing_ok=True)
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for name, what in (
            ("version", "layout"),
            ("format", "format"),
            ("root", "folder of logs"),
            ("columns", "set of columns"),
        ):
            if found.get(name) != settings[name]:
                raise ValueError(
                    f"'{self.folder}' is a table with another {what} ({found.get(name)!r}, not {settings[name]!r}): "
                    f"give a new folder"
                )
        return found

    def _remove_abandoned(self) -> None:
        for path in (self.folder / INSIDE).iterdir():
            with contextlib.suppress(FileNotFoundError):
                is_old = time.time() - path.stat().st_mtime > _ABANDONED
                if is_old and path.suffix not in {".json", ".lock"}:
                    path.unlink()


def _lock(path: Path) -> LockedFile:
    """Waits for a lock."""
    while True:
        with contextlib.suppress(FileInUseError):
            return LockedFile(path)
        time.sleep(_PERIOD)
