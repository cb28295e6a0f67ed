"""What mkdocs does not check by itself; `make docs` runs it on each page, and a warning is an error there."""

from __future__ import annotations

import logging
import re

#: mkdocs counts the warnings of its own loggers.
LOG = logging.getLogger("mkdocs.hooks.site_checks")

#: What a browser loads from elsewhere as soon as the page is opened.
LOADED = re.compile(r"<(?:script|img|iframe|source|link)\b[^>]*\b(?:src|href)=[\"']?((?:https?:)?//[^\"' >]+)")

#: A list that Markdown took for the paragraph before it, since no blank line is between them.
SWALLOWED = re.compile(r"<p>[^<]*(?:<(?!/p>)[^<]*)*?\n((?:[-*] |1\. )[^\n<]{0,40})")


def on_page_content(html: str, page: object, **_: object) -> None:
    """Warn of a list that is none."""
    for found in SWALLOWED.findall(html):
        LOG.warning("%s: a list needs a blank line before it: %r", page, found)


def on_post_page(output: str, page: object, **_: object) -> None:
    """Warn of what would be loaded from elsewhere."""
    for found in LOADED.findall(output):
        LOG.warning("%s: the page loads %s", page, found)
