"""A scenario as a value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from acceptance.ground import Ground, Options, Seen
from acceptance.prices import FREE, Cost

Play = Callable[[Ground], Iterator[Seen]]


def always(_: Options) -> str:
    """A scenario that every acceptance plays."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is done, which scenarios have to be through before, what it costs and about how many minutes it takes.

    `asked` returns why it isn't played with these options, empty where it is.
    """

    name: str
    title: str
    play: Play
    cost: Cost = FREE
    minutes: int = 1
    needs: tuple[str, ...] = ()
    asked: Callable[[Options], str] = always
