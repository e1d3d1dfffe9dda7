"""Compares two definitions, member by member, and says where they differ."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# What is uploaded while composing: code, and lists of data files.
_CODE = re.compile(r"s3://[^\"]*/(sourcedir\.tar\.gz|runproc\.sh|manifest\.json|analysis_config\.json)")
# Version 3 makes up a name for every model.
_MODEL = re.compile(r"(?<=-RepackModel-)model-[0-9a-f]{8}\b")
# The SDK's ModelStep adds what it makes to the name that it was given.
_GENERATED = {"-CreateModel-CreateModel": "-CreateModel", "-Register-RegisterModel": "-Register"}
_NAMES = ("Name", "InputName", "OutputName", "ChannelName", "Key", "PropertyFileName")


class _Nothing:
    def __repr__(self) -> str:
        return "nothing"


NOTHING = _Nothing()
# In a listed difference: whatever value it is, but one.
ANYTHING = object()


@dataclass(frozen=True)
class Difference:
    """Two values at the same path; `NOTHING` where one of the definitions has none.

    The path begins with the step's type, so that it is the same for the steps of every model.
    """

    path: str
    sdk: Any
    ours: Any
    step: str = ""


def normalised(value: Any) -> Any:
    """Return the value with code locations and the names that the SDK makes up as they are in ours."""
    if isinstance(value, str):
        text = _MODEL.sub("0", _CODE.sub(r"<code>/\1", value))
        for made_up, plain in _GENERATED.items():
            text = text.replace(made_up, plain)
        return text
    if isinstance(value, dict):
        return {key: normalised(item) for key, item in value.items()}
    return [normalised(item) for item in value] if isinstance(value, list) else value


def differences(sdk: Any, ours: Any, path: str = "", step: str = "") -> Iterator[Difference]:
    """Yield every difference; lists of named things are compared by name, in any order."""
    if isinstance(sdk, dict) and isinstance(ours, dict) and (sdk.keys() & ours.keys() or not sdk or not ours):
        if {"Name", "Type"} <= sdk.keys() and sdk.get("Type") == ours.get("Type"):
            path, step = (sdk["Type"], sdk["Name"]) if "Arguments" in sdk else (path, step)
        keys = dict.fromkeys((*sdk, *ours))
        pairs = {f".{key}": (sdk.get(key, NOTHING), ours.get(key, NOTHING)) for key in keys}
    elif isinstance(sdk, list) and isinstance(ours, list) and (name := _name(sdk + ours)):
        left, right = ({item[name]: item for item in items} for items in (sdk, ours))
        keys = dict.fromkeys((*left, *right))
        pairs = {f"[{key}]": (left.get(key, NOTHING), right.get(key, NOTHING)) for key in keys}
    elif _alike(sdk, ours):
        pairs = {f"[{index}]": pair for index, pair in enumerate(zip(sdk, ours, strict=True))}
    else:
        if sdk != ours or isinstance(sdk, bool) != isinstance(ours, bool):
            yield Difference(path.strip("."), sdk, ours, step)
        return
    for key, (one, other) in pairs.items():
        yield from differences(one, other, path + key, step)


def _alike(sdk: Any, ours: Any) -> bool:
    """Tell whether both are lists of as many mappings."""
    if not isinstance(sdk, list) or not isinstance(ours, list) or len(sdk) != len(ours):
        return False
    return all(isinstance(item, dict) for item in (*sdk, *ours))


def _name(items: list[Any]) -> str | None:
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    return next((key for key in _NAMES if all(isinstance(item.get(key), str) for item in items)), None)


@dataclass(frozen=True)
class Listed:
    """A difference that is meant, and why. It has to occur in each of the `cases`, or without them in all but `but`."""

    path: str
    sdk: Any
    ours: Any
    reason: str
    cases: tuple[str, ...] = ()
    but: tuple[str, ...] = ()

    def holds(self, case: str) -> bool:
        """Tell whether the difference is to be found in a case."""
        return case in self.cases if self.cases else case not in self.but

    def matches(self, found: Difference) -> bool:
        """Tell whether this is the difference that was found."""
        return self.path == found.path and all(
            listed == value or (listed is ANYTHING and value is not NOTHING)
            for listed, value in ((self.sdk, found.sdk), (self.ours, found.ours))
        )
