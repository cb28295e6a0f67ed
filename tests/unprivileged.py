"""A user to whom things can be forbidden: root may do everything, and tests of permissions would show nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOBODY = 65534


@contextmanager
def unprivileged() -> Iterator[Path]:
    """Give a new folder of a user to whom things can be forbidden, and be that user.

    It is outside pytest's folders: other users cannot reach those, and other runs of pytest use what is above them.
    """
    if not hasattr(os, "geteuid"):
        pytest.skip("a folder's mode forbids nothing here")
    root = os.geteuid() == 0
    folder = Path(tempfile.mkdtemp())
    try:
        if root:
            try:
                os.chown(folder, _NOBODY, _NOBODY)
                os.seteuid(_NOBODY)
            except OSError as error:
                pytest.skip(f"root cannot be another user in this container: {error}")
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
    finally:
        shutil.rmtree(folder)
