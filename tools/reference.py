"""What mkdocstrings needs to know of our docstrings: where examples are, and what the Rust core says of itself.

Docstrings hold their examples as plain doctests, which the tests run; Markdown takes a line that begins with `>>>` for
a quotation, so a fence is put around them. What is written in Rust has its docstring there: the stub has only the
types, and the text is taken from the extension itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import griffe

from stepbridge import _core

if TYPE_CHECKING:
    from collections.abc import Iterable

#: A prompt, and all lines up to the next blank one.
EXAMPLE = re.compile(r"^( *)>>> .*(?:\n(?! *$).*)*", re.MULTILINE)


def fenced(text: str) -> str:
    """Put a fence around each example."""
    return EXAMPLE.sub(lambda found: f"{found[1]}```pycon\n{found[0]}\n{found[1]}```", text)


class Docstrings(griffe.Extension):
    """Completes what griffe read."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:  # noqa: ANN401 - griffe's own
        """Fence the examples of one object."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:  # noqa: ANN401 - griffe's own
        """Take the docstrings of what is written in Rust."""
        for name, member in public(pkg["_core.Clock"].members.items()):
            text = getattr(_core.Clock, name).__doc__
            if text is None:
                raise ValueError(f"stepbridge._core.Clock.{name} has no docstring")
            member.docstring = griffe.Docstring(fenced(text.replace("``", "`")), parent=member)


def public(members: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """List those whose name has no underscore before it."""
    return [(name, member) for name, member in members if not name.startswith("_")]
