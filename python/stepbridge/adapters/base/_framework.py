"""Imports a framework, and says what to do where it is missing or older than what the adapter was tested with."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stepbridge._errors import pass_over, warn

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["framework"]


@contextmanager
def framework(
    module: str, *, title: str, tested: str, adapter: str | None = None, through: tuple[str, ...] = ()
) -> Iterator[None]:
    """Guards the import of a framework, which is the only thing inside.

    It is imported first and alone: so a missing framework is told apart from a broken one.

    Args:
        module: its module.
        title: what its users call it.
        tested: the lowest version that the adapter is tested with.
        adapter: the name of our extra and of our adapter; by default that of the module.
        through: other modules that lie between the user's line and the adapter; a warning points at the user's line.

    Raises:
        ImportError: it is not installed.

    Warns:
        StepbridgeWarning: its version is below `tested`.

    >>> with framework("json", title="JSON", tested="1.0"):
    ...     import json
    """
    adapter = module if adapter is None else adapter
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise ImportError(
            f"stepbridge.adapters.{adapter} needs {title}: pip install 'stepbridge[{adapter}]'"
        ) from error
    for name in (module, *through):
        pass_over(name)
    version = str(getattr(sys.modules[module], "__version__", ""))
    if _is_older(version, tested):
        warn(
            f"stepbridge.adapters.{adapter} is tested with {title} {tested} and newer; this is {version}: "
            "what it counts may be wrong here, so upgrade, or compare its counts with your own"
        )


def _is_older(version: str, tested: str) -> bool:
    """Whether a version is below another one, by their first two numbers; one that has no numbers is not."""
    numbers = [re.match(r"(\d+)\.(\d+)", text) for text in (version, tested)]
    found, wanted = (None if match is None else tuple(map(int, match.groups())) for match in numbers)
    return found is not None and wanted is not None and found < wanted
