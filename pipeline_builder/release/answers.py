"""What an approver's comment limits an answer to: `only churn price`, or `not segments`."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.release.choosing import names_of
from pipeline_builder.release.record import PackageRecord, RunRecord

_WORDS = ("only", "not")
_NOTHING = ("and", "&", ",", "")
# What ends the names, and begins the reason.
_END = re.compile(r"[:;\n\r(]|\s[-\u2013\u2014]+\s")
_NEAR = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The packages (ARNs) that an answer is about; `named` says that each was called by its name."""

    arns: tuple[str, ...]
    named: bool


def read_answer(comment: str, record: RunRecord) -> Answered:
    """Return which packages of the run an answer with this comment is about: all, unless it begins with a limit.

    The limit is the word, then names of models, to a `:`, a `;`, a dash, a bracket or the end of the line; a reason may
    follow. What was meant as one and can't be read is refused whole: an answer is a person's, and isn't guessed.

    Raises:
        InputProblems: PB483, all that can't be read.
    """
    # An input method for Chinese or Japanese writes other letters, blanks and marks of the same meaning.
    text = unicodedata.normalize("NFKC", comment).strip()
    head = _END.split(text, maxsplit=1)[0]
    word, *names = [part for part in re.split(r"[\s,]+", head) if part] or [""]
    limit = word.casefold().rstrip(".!")
    if limit not in _WORDS:
        _refuse_half(limit, names, record)
        return Answered(arns=tuple(package.arn for package in record.packages), named=False)
    named = [name for name in names if name.casefold() not in _NOTHING]
    problems = _unreadable(limit, named, record)
    if problems:
        raise InputProblems(*problems)
    meant = {package.arn for package in record.packages if names_of(package) & {_plain(n, record) for n in named}}
    arns = tuple(p.arn for p in record.packages if (p.arn in meant) is (limit == "only"))
    return Answered(arns=arns, named=limit == "only")


def _unreadable(limit: str, named: Sequence[str], record: RunRecord) -> tuple[Problem, ...]:
    if not named:
        return (_problem(f"'{limit}' names no model", record),)
    if other := [name for name in named if name.casefold() in _WORDS and not _known(name, record)]:
        return (_problem(f"'{limit}' and '{other[0]}' in one answer", record),)
    registered = limit == "only"
    unknown = [name for name in named if not _known(_plain(name, record), record, registered=registered)]
    if not unknown:
        return ()
    names = ", ".join(f"'{name}'" for name in unknown)
    what = "is no model" if len(unknown) == 1 else "are no models"
    return (_problem(f"{names} {what} that this run has registered", record, unknown[0]),)


def _refuse_half(word: str, names: Sequence[str], record: RunRecord) -> None:
    """Refuse half a word before the name of a model: `onl churn` is no approval of everything."""
    if not names or not _known(_plain(names[0], record), record):
        return
    half = len(word) > 1 and any(limit.startswith(word) for limit in _WORDS)
    near = difflib.get_close_matches(word, _WORDS, n=1, cutoff=_NEAR)
    if half or near:
        raise InputProblems(_problem(f"'{word} {names[0]}' is neither 'only' nor 'not' and a model", record))


def _plain(name: str, record: RunRecord) -> str:
    """Return a name without the sentence's own marks, unless these belong to it."""
    return name if _known(name, record) else name.strip("'\"`").rstrip(".!?")


def _known(name: str, record: RunRecord, *, registered: bool = False) -> bool:
    """Tell whether a name is one of the run's; a model that failed in it is none of the `registered`."""
    if any(name in names_of(package) for package in record.packages):
        return True
    return not registered and any(name == step.model for step in record.steps)


def _problem(what: str, record: RunRecord, name: str = "") -> Problem:
    known: list[str] = [package.model for package in record.packages]
    message = f"the comment of the answer can't be read: {what}"
    near = did_you_mean(name, known) if name else ""
    hint = f"{near}; nothing was decided" if near else "nothing was decided"
    return Problem(id="PB483", message=message, hint=f"{hint}; it may begin 'only {known[0]}' or 'not {known[0]}'")


def describe_limits(packages: Sequence[PackageRecord]) -> str:
    """Say how an answer about several models can be limited, and to an approver who reads one line; else nothing."""
    if len(packages) < 2:
        return ""
    one = packages[0].model
    return f"your answer is for all {len(packages)}; begin its comment with 'only {one}' or 'not {one}' to limit it"
