"""Which library reads an address; and the listing of what is there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from stepbridge.remote._address import Address, parse_address
from stepbridge.remote._file_system import FileSystem
from stepbridge.remote._object_store import ObjectStore
from stepbridge.remote._store import BrokenError, RemoteFile, Store, again

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["files_at", "listing", "not_listed", "open_store"]

#: The schemes that obstore reads.
OBJECT_STORES = frozenset({"s3", "s3a", "gs", "az", "azure", "adl", "abfs", "abfss"})


def open_store(address: Address, options: Mapping[str, object] | None) -> Store:
    """Returns the store that holds an address.

    Raises:
        ImportError: the library that reads it is not installed.
        ValueError: nothing reads this scheme, or there is no such option.
    """
    return (ObjectStore if address.scheme in OBJECT_STORES else FileSystem)(address, options or {})


def listing(address: str, *, storage_options: Mapping[str, object] | None = None) -> list[RemoteFile]:
    """Lists the files at an address, without reading them: all files below a folder, or the one file that it is.

    Args:
        address: such as `s3://bucket/runs`.
        storage_options: as `stepbridge.ReadOptions` describes them.

    Returns:
        The files by name. The name of a single file is the last one of its address.

    Raises:
        FileNotFoundError: there is no such bucket, or nothing at the address.
        PermissionError: it may not be listed.
        ConnectionError: the store does not answer.
        ImportError: the library that reads it is not installed.
        ValueError: nothing reads this scheme.
    """
    parsed = parse_address(address)
    return sorted(files_at(open_store(parsed, storage_options), parsed)[0])


def files_at(
    store: Store, address: Address, sleep: Callable[[float], object] = time.sleep
) -> tuple[list[RemoteFile], bool]:
    """Lists the files at an address, and says whether it is a folder.

    Raises:
        FileNotFoundError: there is nothing.
        ConnectionError: the store does not answer.
    """
    try:
        if found := again(lambda: store.find(address), sleep):
            return found, True
        file = again(lambda: store.stat(address), sleep) if address.names else None
    except BrokenError as error:
        raise not_listed(address, error) from None
    if file is None:
        raise FileNotFoundError(f"there is no file or folder '{address}'; give a log, or a folder that holds logs")
    return [file], False


def not_listed(address: Address, error: BrokenError) -> ConnectionError:
    """Returns the error of an address whose store does not answer."""
    return ConnectionError(
        f"'{address}' could not be listed: {error}; check the connection and the options of the store"
    )
