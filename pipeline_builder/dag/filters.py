"""What SageMaker wants of the filters and the join of a batch transform, as its documentation has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline_builder.dag.jsonpath import FilterError, is_row_path, names_in, parse_filter, ranges_in

CSV, JSON_TYPE, JSON_LINES = "text/csv", "application/json", "application/jsonlines"
FORMATS = (CSV, JSON_TYPE, JSON_LINES)
"""Content types that can be filtered and joined."""
Fault = tuple[tuple[str, ...], str]
"""Where in a CreateTransformJob request something is, and what is wrong with it."""

_DATA = "DataProcessing"


def media_type(text: Any) -> str:
    """Return a content type without its parameters, "" where there is none that is known."""
    return text.partition(";")[0].strip().lower() if isinstance(text, str) else ""


def is_filter(text: Any) -> bool:
    """Tell whether a filter leaves anything out."""
    return isinstance(text, str) and text not in ("", "$")


def filter_faults(request: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what is wrong with the filters and the join of a CreateTransformJob request.

    What nobody knows yet, an expression, is wrong with nothing.
    """
    data = _mapping(request, _DATA)
    source, result = _mapping(request, "TransformInput"), _mapping(request, "TransformOutput")
    joined = data.get("JoinSource") == "Input"
    reads, writes = joined or is_filter(data.get("InputFilter")), joined or is_filter(data.get("OutputFilter"))
    given, wanted = source.get("ContentType"), result.get("Accept")
    yield from _paths(data, given, wanted)
    if reads and (given is None or isinstance(given, str)):
        yield from _format(("TransformInput", "ContentType"), given)
    if writes and isinstance(wanted, str):
        yield from _format(("TransformOutput", "Accept"), wanted)
    kinds = {media_type(given), media_type(wanted)}
    if joined and CSV in kinds and len(kinds) > 1 and kinds <= set(FORMATS):
        words = f"is 'Input', and '{given}' can't be joined with '{wanted}': both are CSV, or both are JSON"
        yield (_DATA, "JoinSource"), words
    if reads and media_type(given) == CSV:
        yield from _lines(source, ("TransformInput", "SplitType"))
    if writes and media_type(wanted or given) == CSV:
        yield from _lines(result, ("TransformOutput", "AssembleWith"))


def filter_notes(request: Mapping[str, Any]) -> Iterator[str]:
    """Yield what somebody should know of a request's filters, about which SageMaker's pages and deeds don't agree."""
    data = _mapping(request, _DATA)
    for member in ("InputFilter", "OutputFilter"):
        text = data.get(member)
        path = parse_filter(text) if isinstance(text, str) and is_filter(text) else []
        if any("_" in name for name in names_in(path)):
            yield f"{_DATA}.{member} '{text}': SageMaker has been seen to refuse '_' in a name (aws/aws-sdk, issue 184)"
        if any(end is not None for _, end in ranges_in(path)):
            yield f"{_DATA}.{member} '{text}': the end of a range isn't in it, though SageMaker's guide says so once"


def _mapping(request: Mapping[str, Any], member: str) -> Mapping[str, Any]:
    found = request.get(member)
    return found if isinstance(found, Mapping) else {}


def _paths(data: Mapping[str, Any], given: Any, wanted: Any) -> Iterator[Fault]:
    kinds = {"InputFilter": media_type(given), "OutputFilter": media_type(wanted if wanted is not None else given)}
    for member, kind in kinds.items():
        text = data.get(member)
        if not isinstance(text, str) or not is_filter(text):
            continue
        try:
            path = parse_filter(text)
        except FilterError as error:
            yield (_DATA, member), f"is '{text}', which is no JSONPath that batch transform takes: {error}"
            continue
        if kind == CSV and not is_row_path(path):
            yield (_DATA, member), f"is '{text}', and CSV is filtered by columns only, such as '$[0]' or '$[1:]'"


def _format(path: tuple[str, ...], value: str | None) -> Iterator[Fault]:
    if media_type(value) not in FORMATS:
        said = "is missing" if value is None else f"is '{value}'"
        yield path, f"{said}, and what is filtered or joined must be one of: {', '.join(FORMATS)}"


def _lines(holder: Mapping[str, Any], path: tuple[str, str]) -> Iterator[Fault]:
    value = holder.get(path[1]) or "None"
    if value == "None":
        yield path, "must be 'Line' where CSV is filtered or joined"
