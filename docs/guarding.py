"""What MkDocs itself does not see: each is a warning, and so ends a strict build.

- A page that fetches anything from elsewhere: it could not be read without a network, and would
  tell somebody that it is read.
- A list right behind a paragraph: GitHub shows a list, MkDocs one long line.
"""

import logging
import re
from typing import Any, Final

_LOG: Final = logging.getLogger("mkdocs.plugins.guarding")
_FETCHED: Final = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"?((?:https?:)?//[^\"\s>]+)"
    r"|<link\b(?=[^>]*rel=\"?(?:stylesheet|preconnect|preload|icon))[^>]*"
    r"\bhref=\"?((?:https?:)?//[^\"\s>]+)"
)
_SWALLOWED: Final = re.compile(r"<p>[^<]*(?:<(?!/p>)[^<]*)*?\n(?:[-*]|\d+\.) ")


def on_page_content(html: str, page: Any, **_: object) -> None:  # noqa: ANN401 - MkDocs' own type
    """Warn of a list that became part of a paragraph."""
    if found := _SWALLOWED.search(html):
        end = found[0][-60:].replace("\n", " ")
        _LOG.warning("%s: a list needs an empty line before it: …%s", page.file.src_path, end)


def on_post_page(output: str, page: Any, **_: object) -> None:  # noqa: ANN401 - as above
    """Warn of what a page would fetch from elsewhere."""
    for found in _FETCHED.finditer(output):
        _LOG.warning("%s fetches %s", page.file.src_path, found[1] or found[2])
