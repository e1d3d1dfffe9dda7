"""What is written of an answer: as it came, or joined with its input, or what a filter leaves of that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline_builder.engine.inside import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline_builder.engine.inside.answers import Answered

    Spec = Mapping[str, Any]
    Change = Callable[[bytes], bytes]


def assembler(spec: Spec) -> Callable[[bytes, Answered], bytes]:
    """Return what makes of an answer what a request adds to its file's output; how is decided once for all of them.

    It is given the request's records as they are in the file, before any filter, and raises ValueError where the answer
    can't be joined or filtered.
    """
    end = b"\n" if spec["assemble"] == "Line" else b""
    if not spec["join"] and not spec["output_filter"]:

        def plain(_: bytes, answered: Answered) -> bytes:
            return answered.body if answered.body.endswith(b"\n") else answered.body + end

        return plain
    ways: dict[str, tuple[str, Change]] = {}

    def assemble(given: bytes, answered: Answered) -> bytes:
        if answered.content_type not in ways:
            ways[answered.content_type] = _way(answered.content_type, spec)
        kind, change = ways[answered.content_type]
        with rows.said_of("JoinSource"):
            found = _joined(kind, given, answered, spec)
        if spec["output_filter"]:
            with rows.said_of("OutputFilter"):
                found = rows.each(change, found)
        return b"\n".join(found) + end

    return assemble


def _way(content_type: str, spec: Spec) -> tuple[str, Change]:
    """Return of what kind the answers of a content type are, and what makes of a row what is left of it."""
    kind = next(filter(None, map(rows.kind_of, (spec["accept"], content_type, spec["content_type"]))), "")
    if not kind:
        raise rows.RowError(f"an answer of the content type '{content_type}' can't be filtered or joined")
    return kind, rows.filter_of(kind, spec["output_filter"] or ())


def _joined(kind: str, given: bytes, answered: Answered, spec: Spec) -> list[bytes]:
    """Return the rows of the answer, beside those of the input where the job joins them."""
    if not spec["join"]:
        return rows.split_rows(kind, answered.body, None)
    records = _given(kind, given, spec)
    found = rows.split_rows(kind, answered.body, len(records))
    if len(records) != len(found):
        raise ValueError(f"{len(records)} records can't be joined with an answer of {len(found)} rows")
    return rows.joined(kind, records, found)


def _given(kind: str, given: bytes, spec: Spec) -> list[bytes]:
    """Return the rows of the input; a file of JSON that isn't split is one."""
    if spec["split"] == "None" and kind == rows.JSON_TYPE and rows.kind_of(spec["content_type"]) == kind:
        return [given.strip()]
    return rows.lines_of(given)
