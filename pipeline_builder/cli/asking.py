"""How a person is asked on a terminal: by words, of which the first letter is enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click


class Words(click.ParamType[str]):
    """One of some words, or as much of its beginning as no other has, in capitals or not: `y`, `Y`, `YES`."""

    name = "answer"

    def __init__(self, words: tuple[str, ...]) -> None:
        self._words = words

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        typed = str(value).strip().lower()
        found = [word for word in self._words if typed and word.startswith(typed)]
        if typed not in self._words and len(found) != 1:
            *first, last = self._words
            expected = f"expected {', '.join(first)} or {last}; the first letter is enough"
            self.fail(f"'{value}' is no answer, {expected}", param, ctx)
        return typed if typed in self._words else found[0]


def ask(question: str, words: Mapping[str, str]) -> str:
    """Ask until one of the words is the answer; each stands in the question with what it does, where that isn't plain.

    Raises:
        click.Abort: who was asked has gone.
    """
    offered = " / ".join(f"{word} ({meaning})" if meaning else word for word, meaning in words.items())
    asked: str = click.prompt(f"{question} {offered}", type=Words(tuple(words)), err=True)
    return asked
