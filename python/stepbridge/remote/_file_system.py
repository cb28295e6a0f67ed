"""Any file system that fsspec knows and that is installed: hf://, ftp://, memory://, ...

Errors of file systems may hold an address with its password, so that their text is not passed on.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from stepbridge.remote._store import BrokenError, RemoteFile, ReplacedError, no_permission

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stepbridge.remote._address import Address

__all__ = ["FileSystem"]

#: What file systems call that which changes with the content.
_E_TAGS = ("ETag", "etag", "e_tag", "blob_id", "md5Hash", "content_md5", "sha")
#: What they list of a file besides it, and what does not change with the content.
_VOLATILE = frozenset({"name", "last_commit", "atime", "nlink"})
_FORBIDDEN = (401, 403)


class FileSystem:
    """A file system of fsspec."""

    def __init__(self, address: Address, options: Mapping[str, object]) -> None:
        try:
            self._library: Any = import_module("fsspec")
        except ImportError as error:
            text = f"'{address}' is read by fsspec, which is not installed: pip install fsspec"
            raise ImportError(text, name="fsspec") from error
        if address.scheme not in self._library.available_protocols():
            known = ", ".join(sorted({*_installed(self._library), "s3", "gs", "az"}))
            raise ValueError(f"nothing reads addresses that begin with '{address.scheme}://': expected one of {known}")
        try:
            self._system: Any = self._library.core.url_to_fs(address.url, **options)[0]
        except ImportError as error:
            # What is missing is in the library's own words, which hold no address.
            text = f"'{address}' is read by fsspec, which needs more for it: {error}"
            raise ImportError(text, name=error.name) from None
        except (TypeError, ValueError):
            text = f"the options of the file system of '{address}' are not complete or not valid; fsspec lists them"
            raise ValueError(text) from None
        except PermissionError:
            raise no_permission(address) from None
        except Exception as error:  # noqa: BLE001 - some connect at once, and each has errors of its own
            raise ConnectionError(f"'{address}' cannot be reached ({type(error).__name__})") from None

    def find(self, folder: Address) -> list[RemoteFile]:
        """Lists all files below a folder."""
        return self._listed(folder, deep=True)

    def files_in(self, folder: Address) -> list[RemoteFile]:
        """Lists the files of a folder, and not those in its folders."""
        return self._listed(folder, deep=False)

    def stat(self, address: Address) -> RemoteFile | None:
        """Returns what is known of a file; None if there is no such file."""
        with self._asking(address):
            self._system.invalidate_cache()
            try:
                info = self._system.info(self._path(address))
            except FileNotFoundError:
                return None
        return _file(info, address.names[-1]) if info.get("type") == "file" else None

    def read(self, address: Address, file: RemoteFile, start: int, end: int) -> bytes:
        """Returns these bytes of a file; `file` is what the listing says of it."""
        path, whole = self._path(address), (start, end) == (0, file.size)
        with self._asking(address):
            held = bytes(self._system.cat_file(path) if whole else self._system.cat_file(path, start=start, end=end))
        now = None if whole and len(held) == file.size else self.stat(address)
        if now is not None and now[1:] != file[1:]:
            raise ReplacedError
        if len(held) != end - start:
            raise BrokenError("the connection broke")
        return held

    def _listed(self, folder: Address, *, deep: bool) -> list[RemoteFile]:
        path = self._path(folder)
        with self._asking(folder):
            self._system.invalidate_cache()
            try:
                found = self._system.find(path, maxdepth=None if deep else 1, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return []
        # A file is listed as what is below it.
        named = {name.removeprefix(path).lstrip("/"): info for name, info in found.items()}
        return [_file(info, name) for name, info in named.items() if name and info.get("type", "file") == "file"]

    def _path(self, address: Address) -> str:
        return str(self._system._strip_protocol(address.url))

    @contextmanager
    def _asking(self, address: Address) -> Iterator[None]:
        """Turns the errors of a file system into those of a `Store`."""
        try:
            yield
        except FileNotFoundError:
            raise FileNotFoundError(f"there is no file '{address}'") from None
        except PermissionError:
            raise no_permission(address) from None
        except Exception as error:  # noqa: BLE001 - each file system has errors of its own
            status = getattr(error, "status", None) or getattr(getattr(error, "response", None), "status_code", None)
            if status in _FORBIDDEN:
                raise no_permission(address) from None
            cause = type(error).__name__ if status is None else f"status {status}"
            raise BrokenError(f"the request failed ({cause})") from None


def _file(info: Mapping[str, Any], name: str) -> RemoteFile:
    """Returns a file as a file system lists it."""
    e_tag = next((info[key] for key in _E_TAGS if info.get(key)), None)
    if e_tag is None:
        facts = sorted((key, repr(value)) for key, value in info.items() if key not in _VOLATILE)
        e_tag = hashlib.sha256(repr(facts).encode()).hexdigest()
    return RemoteFile(name, info["size"], str(e_tag))


def _installed(library: Any) -> Iterator[str]:  # noqa: ANN401 - a module
    """Gives the schemes of the file systems that are installed."""
    # The package has a dictionary of the same name.
    known = import_module("fsspec.registry").known_implementations
    for scheme in library.available_protocols():
        found = known.get(scheme, {})
        module = found.get("class", "fsspec").partition(".")[0]
        if find_spec(module) is not None and (module != "fsspec" or "err" not in found):
            yield scheme
