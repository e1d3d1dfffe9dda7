"""Passed: digests of what a check has found nothing in, so that it isn't looked at again; findings are never kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from pipeline_builder.machine.kept import Kept

_KIND, _MOST = "passed", 20_000


class Passed:
    """What checks of a command have found nothing in, and those of the commands before it, by the sha256 (hex) of each.

    Without a store nothing is known, and nothing is kept. `save` keeps what this command has asked for, and of what is
    older the newest.
    """

    def __init__(self, kept: Kept | None = None) -> None:
        self._kept = kept
        found = kept.get(_KIND, "") if kept else None
        self._before: dict[str, None] = dict.fromkeys(found or ())
        self._asked: dict[str, None] = {}

    def new(self, digests: Iterable[str], about: str) -> list[str]:
        """Return those that a check has to look at; `about` says which check, and all else that it reads."""
        left = []
        for digest in digests:
            if (key := _key(digest, about)) in self._before:
                self._asked[key] = None
            else:
                left.append(digest)
        return left

    def mark(self, digests: Iterable[str], about: str) -> None:
        """Note that a check has found nothing in these."""
        self._asked |= dict.fromkeys(_key(digest, about) for digest in digests)

    def save(self) -> None:
        """Keep what was found, if there is anything new."""
        if self._kept and self._asked.keys() - self._before.keys():
            older = [digest for digest in self._before if digest not in self._asked]
            self._kept.put(_KIND, "", [*self._asked, *older][:_MOST])


def _key(digest: str, about: str) -> str:
    return hashlib.sha256(f"{about}\0{digest}".encode()).hexdigest()[:40]
