"""Puts addresses in the place of the paths of copies, in what is shown to people."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stepbridge._errors import NoLogsError
from stepbridge.remote._tree import NO_HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from stepbridge._problem import Problem

__all__ = ["naming_addresses", "with_addresses"]


def with_addresses(text: str, copies: Path) -> str:
    """Returns a text with addresses in the place of the paths of copies below a folder."""
    folder, separator = re.escape(str(copies)), re.escape(os.sep)
    return re.sub(rf"{folder}{separator}([\w.+-]+){separator}?({NO_HOST})?", r"\1://", text)


@contextmanager
def naming_addresses(copies: Path, problems: Callable[[], Sequence[Problem]]) -> Iterator[None]:
    """Does it in whatever error is raised; one that no log could be read names the first of the problems."""
    try:
        yield
    except (OSError, ValueError) as error:
        text = with_addresses(str(error), copies)
        found = problems() if isinstance(error, NoLogsError) else ()
        if found:
            text += f" ({found[0].file}: {found[0].reason})"
        if text == str(error):
            raise
        if isinstance(error, NoLogsError):
            raise NoLogsError(text, error.problems) from None
        raise type(error)(text) from None
