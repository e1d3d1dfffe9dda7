"""CloudFormation's functions of plain values; those that look something up are in evaluation.py."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping

from pipeline_builder.descriptions import JSON


class WrongArgumentError(Exception):
    """The function can't be applied to what it is given; the text says to what it can."""


def as_text(value: JSON) -> str:
    """Return the text that a plain value is in CloudFormation."""
    if value is None:
        return ""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _join(argument: JSON) -> JSON:
    match argument:
        case [str(between), list(items)] if not any(isinstance(item, list | dict) for item in items):
            return between.join(as_text(item) for item in items)
    raise WrongArgumentError("'Fn::Join' takes what stands between, and a list of texts")


def _select(argument: JSON) -> JSON:
    match argument:
        case [int() | str() as index, list(items)] if as_text(index).isdigit():
            if int(index) < len(items):
                return items[int(index)]
            raise WrongArgumentError(f"'Fn::Select' takes item {index} of {len(items)}, counted from 0")
    raise WrongArgumentError("'Fn::Select' takes a number and a list")


def _split(argument: JSON) -> JSON:
    match argument:
        case [str(between), str(text)] if between:
            return list[JSON](text.split(between))
    raise WrongArgumentError("'Fn::Split' takes what stands between, and a text")


def _base64(argument: JSON) -> JSON:
    return base64.b64encode(as_text(argument).encode()).decode()


def find_in_map(mappings: Mapping[str, JSON], argument: JSON) -> JSON:
    """Return what stands in the mappings of the template under a name and two keys."""
    if not isinstance(argument, list) or len(argument) != 3:
        raise WrongArgumentError("'Fn::FindInMap' takes a mapping's name and two keys")
    value: JSON = dict(mappings)
    for key in map(as_text, argument):
        if not isinstance(value, dict) or key not in value:
            raise WrongArgumentError(f"'{key}' is not in the mappings of this template")
        value = value[key]
    return value


FUNCTIONS: Mapping[str, Callable[[JSON], JSON]] = {
    "Fn::Base64": _base64,
    "Fn::ImportValue": as_text,  # what another stack exports is made up, as physical names are
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
}
