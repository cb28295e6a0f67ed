"""The local S3 that the tests of remote files share."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from object_server import ObjectServer, object_server

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def objects() -> Iterator[ObjectServer]:
    # The wheel is also tested without any other package.
    for package in ("obstore", "moto", "flask_cors", "polars"):
        pytest.importorskip(package)
    with object_server() as server:
        yield server


@pytest.fixture
def bucket(objects: ObjectServer) -> str:
    """A new bucket."""
    name = f"bucket-{next(_NUMBERS)}"
    objects.put(name, b"")
    return name
