"""Reads the file of `torch.save` without PyTorch, without its tensors, and without running code that it holds.

The file is a ZIP archive in which `data.pkl` is a pickle; the tensors lie next to it. A pickle names functions to call.
Here each name stands for an empty object, except for containers of Python's own, so nothing is called.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from stepbridge._errors import TimelineError

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

__all__ = ["is_torch_file", "read_torch_file"]

#: The pickle of a checkpoint holds names and numbers, not the tensors.
_LARGEST = 256 * 2**20


class _Nothing:
    """Stands for anything that a pickle names; it takes whatever is done to it, and does nothing."""

    def __new__(cls, *_: object, **__: object) -> Self:
        return super().__new__(cls)

    def __call__(self, *_: object, **__: object) -> _Nothing:
        return self

    def __setstate__(self, _: object) -> None:
        pass

    def __setitem__(self, _key: object, _value: object) -> None:
        pass

    def __hash__(self) -> int:
        return id(self)

    def append(self, _: object) -> None:
        """Takes an item of a list."""

    def extend(self, _: object) -> None:
        """Takes items of a list."""

    def add(self, _: object) -> None:
        """Takes an item of a set."""


class _Inert(pickle.Unpickler):
    """An unpickler that knows no class but the dict of a module's state."""

    def find_class(self, module: str, name: str) -> type[Any]:
        """Returns what a name stands for."""
        return OrderedDict if (module, name) == ("collections", "OrderedDict") else _Nothing

    def persistent_load(self, _: object) -> _Nothing:
        """Returns what stands for a tensor's memory."""
        return _Nothing()


def is_torch_file(path: Path) -> bool:
    """Whether it is a file of `torch.save`, as it is written since PyTorch 1.6."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _pickle_in(archive) is not None
    except (OSError, zipfile.BadZipFile):
        return False


def read_torch_file(path: Path) -> Any:  # noqa: ANN401 - whatever a file holds
    """Returns what the file holds, where every object but numbers, texts and containers is empty.

    Raises:
        TimelineError: it is damaged, or not such a file.
        OSError: it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            member = _pickle_in(archive)
            if member is None:
                raise TimelineError(f"{path}: expected a file of torch.save, which has a data.pkl inside")
            if member.file_size > _LARGEST:
                raise TimelineError(
                    f"{path}: its data.pkl has {member.file_size:,} bytes: expected at most {_LARGEST:,}"
                )
            content = archive.read(member)
    except zipfile.BadZipFile as error:
        raise TimelineError(f"{path}: expected a file of torch.save, which is a ZIP archive: {error}") from error
    try:
        return _Inert(io.BytesIO(content)).load()
    except (TimelineError, KeyboardInterrupt):
        raise
    except Exception as error:  # a damaged pickle raises anything
        raise TimelineError(f"{path}: data.pkl is damaged: {type(error).__name__}: {error}") from error


def _pickle_in(archive: zipfile.ZipFile) -> zipfile.ZipInfo | None:
    """The one pickle of the archive, in its only folder."""
    found = [member for member in archive.infolist() if member.filename.count("/") == 1]
    return next((member for member in found if member.filename.endswith("/data.pkl")), None)
