"""Paging: which part of a long list a page shows, and where its other parts are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from pipeline_builder.console.pages import Query

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """The page `number` of `count`, from 1 on; its items are `first` to `last` of `items`."""

    number: int
    count: int
    first: int
    last: int
    items: int


def page_of(
    items: Sequence[Item], query: Query, *, most: int = 100, name: str = "page"
) -> tuple[Sequence[Item], Pages]:
    """Return the items of the page that is asked for; of one that isn't there those of the last."""
    count = max(-(-len(items) // most), 1)
    number = min(max(query.number(name, 1), 1), count)
    begin = (number - 1) * most
    shown = items[begin : begin + most]
    return shown, Pages(number=number, count=count, first=begin + 1, last=begin + len(shown), items=len(items))
