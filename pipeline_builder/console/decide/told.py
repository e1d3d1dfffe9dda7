"""What came of a form, kept for the page that the browser is sent on to; who loads it later sees the registry alone."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline_builder.console.look import Look
    from pipeline_builder.release.wishes import Outcome

_MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What came of each wish, and lines that were said on the way."""

    outcomes: tuple[Outcome, ...]
    notes: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        return any(outcome.state in ("refused", "left") for outcome in self.outcomes)


def keep_told(look: Look, outcomes: Iterable[Outcome], notes: Iterable[str] = ()) -> str:
    """Keep what came of a form, and return the name by which it is found."""
    name = secrets.token_urlsafe(12)
    look.answers.forget()  # what was known of registry and questions is another now
    told = look.answers.told
    told[name] = Told(outcomes=tuple(outcomes), notes=tuple(notes))
    while len(told) > _MOST:
        with contextlib.suppress(KeyError):  # another form's did it
            told.popitem(last=False)
    return name


def find_told(look: Look, name: str) -> Told | None:
    """Return what was kept by a name; None where it is none, or the console was started anew."""
    return look.answers.told.get(name)
