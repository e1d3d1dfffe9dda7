"""What is written of an answer: as it came, or joined with its input, or what a filter leaves of that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline_builder.engine.inside import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipeline_builder.engine.inside.answers import Answered

    Spec = Mapping[str, Any]


def assembler(spec: Spec) -> Callable[[Sequence[bytes], Answered], bytes]:
    """Return what makes of an answer what a request adds to its file's output; how is decided once for all of them.

    Its records are those of the file, before any filter. It raises ValueError where the answer can't be joined or
    filtered.
    """
    end = b"\n" if spec["assemble"] == "Line" else b""
    if not spec["join"] and not spec["output_filter"]:

        def plain(_: Sequence[bytes], answered: Answered) -> bytes:
            return answered.body if answered.body.endswith(b"\n") else answered.body + end

        return plain
    kinds: dict[str, str] = {}

    def assemble(records: Sequence[bytes], answered: Answered) -> bytes:
        kind = kinds.get(answered.content_type)
        if kind is None:
            kind = kinds[answered.content_type] = _kind(answered.content_type, spec)
        with rows.said_of("JoinSource"):
            found = _joined(kind, records, answered, spec)
        if spec["output_filter"]:
            with rows.said_of("OutputFilter"):
                found = [rows.filtered(kind, row, spec["output_filter"]) for row in found]
        return b"\n".join(found) + end

    return assemble


def _kind(content_type: str, spec: Spec) -> str:
    kind = next(filter(None, map(rows.kind_of, (spec["accept"], content_type, spec["content_type"]))), "")
    if not kind:
        raise rows.RowError(f"an answer of the content type '{content_type}' can't be filtered or joined")
    return kind


def _joined(kind: str, records: Sequence[bytes], answered: Answered, spec: Spec) -> list[bytes]:
    """Return the rows of the answer, beside those of the input where the job joins them."""
    given = _given(kind, records, spec) if spec["join"] else None
    found = rows.split_rows(kind, answered.body, None if given is None else len(given))
    if given is None:
        return found
    if len(given) != len(found):
        raise ValueError(f"{len(given)} records can't be joined with an answer of {len(found)} rows")
    return [rows.joined(kind, record, row) for record, row in zip(given, found)]  # noqa: B905 - not in 3.8


def _given(kind: str, records: Sequence[bytes], spec: Spec) -> list[bytes]:
    """Return the rows of the input; a file of JSON that isn't split is one."""
    if spec["split"] == "None" and kind == rows.JSON_TYPE and rows.kind_of(spec["content_type"]) == kind:
        return [record.strip() for record in records]
    return [line for record in records for line in rows.lines_of(record)]
