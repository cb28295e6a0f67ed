"""S3, Google Cloud Storage and Azure, by obstore.

Its errors hold whole requests. They may show a signature, so that none of their text is passed on.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

from stepbridge.remote._store import BrokenError, RemoteFile, ReplacedError, no_permission

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stepbridge.remote._address import Address

__all__ = ["ObjectStore"]

#: The class of obstore for a scheme; Azure's for the others.
_CLASSES = {"s3": "S3Store", "s3a": "S3Store", "gs": "GCSStore"}
#: Arguments of those classes that are not their configuration.
_ARGUMENTS = ("client_options", "retry_config", "credential_provider")
#: A request that takes longer is given up. `again` makes the next attempt.
_CLIENT = {"connect_timeout": "10s", "timeout": "60s"}
_NO_RETRY = {"max_retries": 0, "retry_timeout": timedelta(seconds=30)}
#: The longest answers to a listing have so many files.
_PAGE = 1000

#: What the store answers, by the code in its answer.
_CODE = re.compile(r"<Code>(\w+)")
_NO_BUCKET = frozenset({"NoSuchBucket", "ContainerNotFound"})
_STATUS = re.compile(r"\bstatus: (\d{3})")
_REFUSED = frozenset({"401", "403"})
#: Where a machine in a cloud gets its credentials; whoever has none elsewhere asks there.
_MACHINE = re.compile(r"https?://(?:169\.254\.169\.254|metadata\.google)")
#: Lines of an error that hold names and settings, which say nothing of what happened.
_ASIDE = re.compile(r"://|path:|timeout:|elapsed:|<")
#: How a request fails, by what obstore says, as a clause for people.
_CAUSES = (
    (r"dns error|failed to lookup", "its host is not known"),
    (r"refused", "the connection was refused"),
    (r"timed? ?out", "there was no answer in time"),
    (r"certificate|tls|ssl", "the connection is not safe: check the certificate"),
    (r"incomplete|closed|reset|broken ?pipe|eof|decode|interrupted|body", "the connection broke"),
)


class ObjectStore:
    """A bucket or a container."""

    def __init__(self, address: Address, options: Mapping[str, object]) -> None:
        try:
            self._library: Any = import_module("obstore")
            stores: Any = import_module("obstore.store")
            self._errors: Any = import_module("obstore.exceptions")
        except ImportError as error:
            text = f"'{address}' is read by obstore, which is not installed: pip install 'stepbridge[cloud]'"
            raise ImportError(text, name="obstore") from error
        container, _, account = address.authority.partition("@")
        if not container:
            raise ValueError(f"'{address}' names no bucket: expected {address.scheme}://bucket/folder")
        config = {name: value for name, value in options.items() if name not in _ARGUMENTS}
        given: dict[str, Any] = {name: options[name] for name in _ARGUMENTS if name in options}
        # As `client_options=`, they would take the place of those in the environment.
        client = given.get("client_options", {})
        config = {**{name: value for name, value in _CLIENT.items() if name not in client}, **config}
        if account:
            config.setdefault("account_name", account.partition(".")[0])
        given.setdefault("retry_config", _NO_RETRY)
        self._bucket = address._replace(names=())
        try:
            store = getattr(stores, _CLASSES.get(address.scheme, "AzureStore"))
            self._store: Any = store(container, config=config, **given)
        except self._errors.UnknownConfigurationKeyError:
            known = ", ".join(sorted(options))
            text = f"storage_options= holds a key that '{address}' does not know, among {known}; obstore lists them"
            raise ValueError(text) from None
        except (self._errors.BaseError, ValueError, TypeError):
            text = f"the options of the store of '{address}' are not complete or not valid; obstore lists them"
            raise ValueError(text) from None

    def find(self, folder: Address) -> list[RemoteFile]:
        """Lists all files below a folder."""
        with self._asking(folder):
            pages = self._library.list(self._store, folder.path or None, chunk_size=_PAGE)
            return [_file(meta, folder) for page in pages for meta in page]

    def files_in(self, folder: Address) -> list[RemoteFile]:
        """Lists the files of a folder, and not those in its folders."""
        with self._asking(folder):
            found = self._library.list_with_delimiter(self._store, folder.path or None)
            return [_file(meta, folder) for meta in found["objects"]]

    def stat(self, address: Address) -> RemoteFile | None:
        """Returns what is known of a file; None if there is no such file."""
        with self._asking(address):
            try:
                meta = self._library.head(self._store, address.path)
            except FileNotFoundError as error:
                code = _CODE.search(str(error))
                if code is not None and code[1] in _NO_BUCKET:
                    raise
                return None
            return _file(meta, address.parent)

    def read(self, address: Address, file: RemoteFile, start: int, end: int) -> bytes:
        """Returns these bytes of a file; `file` is what the listing says of it."""
        options: dict[str, object] = {} if file.e_tag is None else {"if_match": file.e_tag}
        if (start, end) != (0, file.size):
            options["range"] = (start, end)
        with self._asking(address):
            found = self._library.get(self._store, address.path, options=options)
            held = bytes(found.bytes())
        if len(held) != end - start:
            raise BrokenError("the connection broke")
        return held

    @contextmanager
    def _asking(self, address: Address) -> Iterator[None]:
        """Turns the errors of obstore into those of a `Store`."""
        try:
            yield
        except self._errors.PreconditionError:
            raise ReplacedError from None
        except (self._errors.PermissionDeniedError, self._errors.UnauthenticatedError):
            raise no_permission(address) from None
        except self._errors.InvalidPathError:
            raise ValueError(f"a name below '{address}' is not one that obstore reads: '//', '.' or '..'") from None
        except (FileNotFoundError, OSError, self._errors.BaseError) as error:
            raise self._error(address, error) from None

    def _error(self, address: Address, error: Exception) -> Exception:
        text = str(error)
        code, status = _CODE.search(text), _STATUS.search(text)
        if code is not None and code[1] in _NO_BUCKET:
            return FileNotFoundError(f"there is no bucket '{self._bucket}'; check its name and its region")
        if isinstance(error, FileNotFoundError):
            return FileNotFoundError(f"there is no file '{address}'")
        if (status is not None and status[1] in _REFUSED) or _MACHINE.search(text):
            return no_permission(address)
        if status is not None:
            return BrokenError(f"the store answered with status {status[1]}")
        facts = "\n".join(line for line in text.partition("Debug source")[2].splitlines() if not _ASIDE.search(line))
        causes = (cause for pattern, cause in _CAUSES if re.search(pattern, facts, re.IGNORECASE))
        return BrokenError(next(causes, "the request failed"))


def _file(meta: Mapping[str, Any], folder: Address) -> RemoteFile:
    """Returns a file as obstore lists it; its path begins at the bucket."""
    return RemoteFile(meta["path"][len(folder.path) :].lstrip("/"), meta["size"], meta["e_tag"])
