"""Addresses of remote files: `s3://bucket/runs`. What may be a secret in one is never shown."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Address", "parse_address"]

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://([^/]*)/?(.*)", re.DOTALL)
#: A name and a password before the host, as in `ftp://name:password@host`.
_PASSWORD = re.compile(r"(^[^:@]*):.*(?=@)", re.DOTALL)


class Address(NamedTuple):
    """Where a file or a folder is."""

    scheme: str
    """What comes before `://`, in small letters."""
    authority: str
    """The bucket, the container or the host, as it was given."""
    names: tuple[str, ...]
    """The folders from there on, and the name of the file or folder itself."""

    def __str__(self) -> str:
        """The address as people see it: without a password."""
        return f"{self.scheme}://{'/'.join((self.host, *self.names))}"

    @property
    def url(self) -> str:
        """The address with everything in it."""
        return f"{self.scheme}://{'/'.join((self.authority, *self.names))}"

    @property
    def host(self) -> str:
        """The authority without a password."""
        return _PASSWORD.sub(r"\1", self.authority)

    @property
    def folders(self) -> tuple[str, ...]:
        """The host and the names."""
        return (self.host, *self.names)

    @property
    def path(self) -> str:
        """The names as one path."""
        return "/".join(self.names)

    @property
    def parent(self) -> Address:
        """The folder that holds it; a bucket holds itself."""
        return self._replace(names=self.names[:-1])

    def below(self, name: str) -> Address:
        """The address of what has this name, relative to this address."""
        return self._replace(names=(*self.names, *name.split("/")))

    def holds(self, other: Address) -> bool:
        """Whether another address is this one, or below it."""
        return self[:2] == other[:2] and other.names[: len(self.names)] == self.names


def parse_address(text: str) -> Address:
    """Reads an address.

    Raises:
        ValueError: it has a name that no folder has, or a query.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not an address: expected one such as s3://bucket/folder")
    scheme, authority, path = found[1].lower(), found[2], found[3]
    shown = Address(scheme, authority, ()).host
    if scheme in ("http", "https") and "?" in authority + path:
        # The query may hold a signature, which names of files would show.
        raise ValueError(f"the address {scheme}://{shown}/... has a query: give one without '?'")
    names = tuple(name for name in path.split("/") if name)
    if {".", ".."} & set(names):
        raise ValueError(f"the address {scheme}://{shown}/{path} holds '.' or '..': write it out")
    return Address(scheme, authority, names)
