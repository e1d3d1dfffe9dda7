"""Regular expressions that are compiled when they are first asked: a command asks few of those that it has."""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


class _Pattern:
    def __init__(self, text: str | bytes, flags: int) -> None:
        self._given: tuple[Any, int] = (text, flags)

    def __getattr__(self, name: str) -> Any:
        found = getattr(re.compile(*self._given), name)  # which `re` keeps as well
        self.__dict__[name] = found
        return found


def pattern(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return what has the attributes of `re.compile(text, flags)`, for who asks it; functions of `re` don't take it."""
    return cast("re.Pattern[AnyStr]", _Pattern(text, flags))
