"""Closing what is read from other steps: an S3 prefix is one of key names, and `…/batch` takes `…/batch_ids/` too.

The reader closes the address, with a `/` at its end; outputs, file names and model artifacts stay as they are.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping

from pipeline_builder.definition.steps.context import Mapped
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import is_expression, join
from pipeline_builder.documents.members import member_at

# The outputs of steps that are folders; a Training step's artifact is a file.
_OUTPUT = re.compile(
    r"Steps\.(?P<step>[^.]+)\."
    r"(?:ProcessingOutputConfig\.Outputs\[(?P<output>'[^']+'|\d+)\]\.S3Output\.S3Uri|TransformOutput\.S3OutputPath)"
)
_PREFIX = "S3Prefix"  # a manifest, and a model's S3Object, are objects
# What is composed of a request besides what it reads: nobody has to look for a data source there.
_OTHERS = frozenset(("AppSpecification", "OutputDataConfig", "ProcessingOutputConfig", "TransformOutput"))


def close_inputs(request: JSON, steps: Mapping[str, Mapped], defaults: Mapping[str, JSON]) -> JSON:
    """Return the request with every S3 data source that is another step's output closed.

    `steps` are those that the request can refer to, by name: an address that ends with `/` gets no second one.
    `defaults` are the default values of parameters.
    """
    # No call for a scalar, and no copy of what stays as it is: that is most of a thousand models' requests.
    if isinstance(request, list):
        items = [close_inputs(item, steps, defaults) if isinstance(item, (dict, list)) else item for item in request]
        return request if all(map(operator.is_, items, request)) else items
    if not isinstance(request, dict) or is_expression(request):  # which has no data source in it
        return request
    closed = {}
    for key, item in request.items():
        if (
            key not in _OTHERS
            and isinstance(item, (dict, list))
            and (inner := close_inputs(item, steps, defaults)) is not item
        ):
            closed[key] = inner
    if request.get("S3DataType") == _PREFIX:
        closed["S3Uri"] = _closed(request.get("S3Uri"), steps, defaults)
    return {**request, **closed} if closed else request


def _closed(uri: JSON, steps: Mapping[str, Mapped], defaults: Mapping[str, JSON]) -> JSON:
    if output := _output(uri):
        return uri if _ends(_address(output, steps), defaults) else join("", uri, "/")
    joined = member_at(uri, ("Std:Join",))
    match joined:  # a file below an output
        case {"On": "/", "Values": [first, str(below)]} if output := _output(first):
            return join("", first, below) if _ends(_address(output, steps), defaults) else uri
    return uri


def _output(uri: JSON) -> re.Match[str] | None:
    path = member_at(uri, ("Get",))
    return _OUTPUT.fullmatch(path) if isinstance(path, str) else None


def _address(output: re.Match[str], steps: Mapping[str, Mapped]) -> JSON:
    """Return the output's address as the step's own request has it; None where that isn't known."""
    request = member_at(steps.get(output["step"]), ("Arguments",))
    if output["output"] is None:
        return member_at(request, ("TransformOutput", "S3OutputPath"))
    outputs = member_at(request, ("ProcessingOutputConfig", "Outputs"))
    for index, item in enumerate(outputs if isinstance(outputs, list) else ()):
        if output["output"] in (str(index), f"'{member_at(item, ('OutputName',))}'"):
            return member_at(item, ("S3Output", "S3Uri"))
    return None


def _ends(address: JSON, defaults: Mapping[str, JSON]) -> bool:
    """Tell whether an address ends with `/`; of what only a run knows it is taken that it doesn't."""
    if isinstance(address, str):
        return address.endswith("/")
    if isinstance(path := member_at(address, ("Get",)), str):
        return _ends(defaults.get(path.removeprefix("Parameters.")), {})
    values, on = member_at(address, ("Std:Join", "Values")), member_at(address, ("Std:Join", "On"))
    if not isinstance(values, list) or not values:
        return False
    return _ends(on, {}) if values[-1] == "" and len(values) > 1 else _ends(values[-1], defaults)
