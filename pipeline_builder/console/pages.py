"""What a page is: its address, the function that gives its value, and the template that draws it."""

from __future__ import annotations

import dataclasses
import enum
import functools
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import PurePath
from typing import Any

from pydantic import BaseModel

MOST_QUERY = 512
"""Characters of one value of a query that are read."""
_ROOMS = ("now", "models", "runs", "plan", "decide", "scoring")
"""The rooms whose `pages` have a `PAGES` tuple, in the navigation's order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What an address asks for after its `?`, and how the answer is wanted.

    `streamed` says that whoever asks wants to be told of what comes, as server-sent events.
    """

    pairs: tuple[tuple[str, str], ...] = ()
    streamed: bool = False

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of a name."""
        return next(iter(self.getlist(name)), default)

    def getlist(self, name: str) -> tuple[str, ...]:
        """Return all values of a name."""
        return tuple(value[:MOST_QUERY] for given, value in self.pairs if given == name)

    def number(self, name: str, default: int = 0, *, most: int = 1_000_000) -> int:
        """Return a value that is a whole number from 0 to `most`; the default for whatever is none."""
        text = self.get(name)
        return min(int(text), most) if text.isascii() and text.isdigit() and len(text) < 12 else default


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """An answer that is no page: text, or a stream of events, piece by piece."""

    body: Iterable[str] | str
    media: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of a form: where to look now, and a sentence that is said there."""

    to: str
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of the console. `name` is what links call it, `path` has the names of its parts in `<>`.

    `view(look, query, **parts)` returns a frozen value, which `template` draws as `view`, and which stands as JSON
    beside it; without a template it returns a `Raw`. `live` are the topics of `live.TOPICS` whose change makes the
    page another. `nav` is its word in the navigation. `act(look, form, **parts)` answers its form: it returns a
    `Done`, and is called only for who may decide. `exported` says that it is a page of the static site, too;
    `absent` are the problems that say that what the address names isn't there.
    """

    path: str
    name: str
    view: Callable[..., Any]
    template: str = ""
    title: str = ""
    nav: str = ""
    live: tuple[str, ...] = ()
    act: Callable[..., Done] | None = field(default=None)
    exported: bool = True
    absent: tuple[str, ...] = ()

    @property
    def json_path(self) -> str:
        """Where the same is as JSON."""
        return "/now.json" if self.path == "/" else f"{self.path}.json"


@functools.cache
def all_pages() -> tuple[Page, ...]:
    """Return every page, in the order of the navigation."""
    return tuple(_found())


def _found() -> Iterator[Page]:
    for room in _ROOMS:
        yield from importlib.import_module(f"{__package__}.{room}.pages").PAGES


def page_json(value: Any) -> Any:
    """Return a page's value as JSON has it: times in ISO 8601, words of enumerations."""
    if isinstance(value, Mapping):
        return {str(key): page_json(one) for key, one in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        return [page_json(one) for one in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        shown = [one for one in dataclasses.fields(value) if one.metadata.get("json", True)]
        return {one.name: page_json(getattr(value, one.name)) for one in shown}
    return _plain(value)


def _plain(value: Any) -> Any:
    match value:
        case BaseModel():
            return value.model_dump(mode="json")
        case datetime() | date():
            return value.isoformat()
        case enum.Enum():
            return value.value
        case PurePath():
            return str(value)
    return value
