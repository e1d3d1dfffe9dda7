"""Addresses of pages: paths while the console runs, relative file names in a static site."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from urllib.parse import quote, urlencode

from pipeline_builder.console.pages import Page

Url = Callable[..., str]
"""`url("model", group=…)` returns a page's address; whatever is no part of its path goes into the query. Empty where
there is no such page, as in a static site for pages that need somebody who answers.
"""
_PART = re.compile(r"<(?:int:)?(\w+)>")


def live_url(pages: Sequence[Page]) -> Url:
    """Return `url` for the running console."""
    known = {page.name: page for page in pages}

    def url(name: str, /, **parts: object) -> str:
        page = known.get(name)
        return _path(page, parts) + _query(page, parts) if page else ""

    return url


def file_of(page: Page, parts: Mapping[str, object] = MappingProxyType({})) -> str:
    """Return the file of a page in a static site; names are escaped where they aren't those of files."""
    return "index.html" if page.path == "/" else f"{_path(page, parts).removeprefix('/')}.html"


def _path(page: Page, parts: Mapping[str, object]) -> str:
    return _PART.sub(lambda found: quote(str(parts[found[1]]), safe=""), page.path)


def _query(page: Page, parts: Mapping[str, object]) -> str:
    own = set(_PART.findall(page.path))
    asked = {name: value for name, value in parts.items() if name not in own and value not in ("", None)}
    return f"?{urlencode(asked, doseq=True)}" if asked else ""
