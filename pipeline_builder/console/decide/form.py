"""Forms of decisions, read: one wish for each model that something was chosen for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.release.wishes import Wish, Word

MOST_COMMENT = 800
"""Characters: with who decided on what, a registry's description has room for so many."""
_DIGITS = 7
_WORDS: Mapping[str, Word] = {"approve": "approve", "reject": "reject"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a form says: the evidence that was looked at, and whether steps that didn't run are accepted.

    `first` is how many models stand before those of its page.
    """

    wishes: tuple[Wish, ...]
    evidence: str
    stubs: bool
    first: int = 0


def read_form(form: Mapping[str, str]) -> Form:
    """Return what a form says.

    Raises:
        InputProblems: PB024 where it says nothing, or what no page of ours would.
    """
    wishes = tuple(_wishes(form))
    if not wishes:
        raise InputProblems(_problem("nothing was chosen for any model"))
    first = form.get("from", "")
    return Form(
        wishes=wishes,
        evidence=form.get("evidence", ""),
        stubs=form.get("stubs") == "yes",
        first=int(first) if first.isascii() and first.isdigit() and len(first) < _DIGITS else 0,
    )


def written(text: str) -> str:
    """Return what somebody has written, as they see it: a browser sends the end of a line as two letters."""
    return text.replace("\r\n", "\n").strip()


def _wishes(form: Mapping[str, str]) -> Iterator[Wish]:
    every = written(form.get("why", ""))
    for field, value in form.items():
        kind, _, arn = field.partition(":")
        if kind != "word" or not arn or value in ("", "later"):
            continue
        if value not in _WORDS:
            raise InputProblems(_problem(f"'{value[:40]}' is no decision"))
        comment = written(form.get(f"why:{arn}", "")) or every
        if len(comment) > MOST_COMMENT:
            raise InputProblems(
                _problem(f"a comment has at most {MOST_COMMENT:,} characters, this has {len(comment):,}")
            )
        yield Wish(
            arn=arn,
            word=_WORDS[value],
            comment=comment,
            again=form.get(f"again:{arn}") == "yes",
            seen=form.get(f"seen:{arn}", ""),
        )


def _problem(message: str) -> Problem:
    return Problem(id="PB024", message=message, hint="nothing was decided: go back to the page")
