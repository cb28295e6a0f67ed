"""Text that people read: numbers with their nouns, ranges, and names from logs, which are text that strangers wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["counted", "names_near", "printable", "shortened", "span"]

#: A name in a sentence that is longer than this is shown without its middle.
LONGEST_NAME = 200


def printable(text: str) -> str:
    """Returns the text with escapes for what a terminal would obey: control characters, line ends and their like."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def shortened(text: str, width: int = LONGEST_NAME) -> str:
    """Returns the text with an ellipsis for its middle if it is longer."""
    if len(text) <= width:
        return text
    end = (width - 1) // 2
    return f"{text[: width - 1 - end]}…{text[len(text) - end :]}"


def counted(number: int, noun: str) -> str:
    """Returns the number with its noun, whose plural is regular."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def names_near(name: str, names: Sequence[str], cutoff: float) -> str:
    """Returns up to five names that are alike, or the first ones if none is, as a list in a sentence."""
    from difflib import get_close_matches  # noqa: PLC0415 - importing the package takes no time for it

    most = 5
    near = get_close_matches(name, names, n=most, cutoff=cutoff) or names[:most]
    return ", ".join(repr(shortened(each)) for each in near)


def span(ends: tuple[object, object] | None) -> str | None:
    """Returns a range as "1 to 5", or as the one number that it holds; None if there is no range."""
    if ends is None:
        return None
    low, high = (f"{end:g}" if isinstance(end, float) else f"{end}" for end in ends)
    return low if low == high else f"{low} to {high}"
