"""What a store of remote files does, whatever library asks it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepbridge.remote._address import Address

__all__ = ["BrokenError", "RemoteFile", "ReplacedError", "Store", "again", "no_permission"]

#: How long to wait before a request is made again, in seconds.
_WAITS = (0.2, 0.8, 2.0)

Result = TypeVar("Result")


class RemoteFile(NamedTuple):
    """A file of a listing."""

    name: str
    """Its name, relative to the address that was listed: folders are separated by `/`."""
    size: int
    """Its size in bytes."""
    e_tag: str | None
    """What changes when the content changes; None if the store does not tell."""


class BrokenError(ConnectionError):
    """A request failed, and may succeed if it is made again. The text is a clause that says how."""


class ReplacedError(Exception):
    """The file is no longer the one that was listed."""


class Store(Protocol):
    """A bucket, or a file system. Its methods may be called by several threads.

    Raises:
        BrokenError: a request failed, and may succeed if it is made again.
        FileNotFoundError: there is no such bucket, or no such file.
        PermissionError: it may not be read.
        ReplacedError: the file has another e_tag.
    """

    def find(self, folder: Address) -> list[RemoteFile]:
        """Lists all files below a folder."""

    def files_in(self, folder: Address) -> list[RemoteFile]:
        """Lists the files of a folder, and not those in its folders."""

    def stat(self, address: Address) -> RemoteFile | None:
        """Returns what is known of a file; None if there is no such file."""

    def read(self, address: Address, file: RemoteFile, start: int, end: int) -> bytes:
        """Returns these bytes of a file; `file` is what the listing says of it."""


def again(request: Callable[[], Result], sleep: Callable[[float], object] = time.sleep) -> Result:
    """Makes a request, and makes it again if it fails in a way that may pass. If `sleep` returns True, no more.

    Raises:
        BrokenError: it failed in each attempt.
    """
    for seconds in _WAITS:
        try:
            return request()
        except BrokenError:  # noqa: PERF203 - each attempt may fail
            if sleep(seconds) is True:
                raise
    try:
        return request()
    except BrokenError as error:
        raise BrokenError(f"{error}, in each of {len(_WAITS) + 1} attempts") from None


def no_permission(address: Address) -> PermissionError:
    """Returns the error of what may not be read."""
    return PermissionError(
        f"'{address}' may not be read with these credentials; set those of the store in the environment, or give "
        "storage_options="
    )
