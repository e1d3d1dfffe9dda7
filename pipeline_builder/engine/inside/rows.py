"""The rows of CSV, JSON and JSON lines: what a filter leaves of them, and how input and answer are joined."""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline_builder.engine.inside.selecting import picker, select

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Path = Sequence[Sequence[Any]]

Row = TypeVar("Row")
CSV, JSON_TYPE, JSON_LINES = "csv", "json", "jsonlines"
_KINDS = {"text/csv": CSV, "application/json": JSON_TYPE, "application/jsonlines": JSON_LINES}
_FIELD = re.compile(rb'(?:\A|,)((?:"(?:[^"]|"")*"|[^,"]+)*)')
_WRITTEN = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
OUTPUT, INPUT = "SageMakerOutput", "SageMakerInput"


class RowError(ValueError):
    """Rows that can't be filtered or joined as the job asks: its data's or its members' fault, not the program's.

    `row` is which one it is, from 0, where that is known.
    """

    row: int | None = None


@contextlib.contextmanager
def said_of(member: str) -> Iterator[None]:
    """Say of what member of DataProcessing a fault in the rows is."""
    try:
        yield
    except ValueError as error:
        found = RowError(f"{member}: {error}")
        found.row = getattr(error, "row", None)
        raise found from error


def kind_of(content_type: str | None) -> str:
    """Return csv, json or jsonlines; "" for all that can't be filtered."""
    return _KINDS.get((content_type or "").partition(";")[0].strip().lower(), "")


def filter_of(kind: str, path: Path) -> Callable[[bytes], bytes]:
    """Return what makes of a row, which has no end of line, what a filter leaves of it; it is decided once for all.

    It raises ValueError where that is no row of this kind, or hasn't what is asked for.
    """
    if kind == CSV:
        picked = picker(path)
        return lambda row: b",".join(picked(row.split(b",") if b'"' not in row else fields_of(row)))
    return lambda row: render(select(path, parse(row)))


def each(change: Callable[[Row], bytes], found: Iterable[Row]) -> list[bytes]:
    """Return rows with each of them changed; RowError, which knows the row, where one can't be."""
    changed: list[bytes] = []
    try:
        for row in found:
            changed.append(change(row))  # noqa: PERF401 - how many there are is of use when it fails
    except ValueError as error:
        why = RowError(str(error))
        why.row = len(changed)
        raise why from error
    return changed


def joined(kind: str, given: Sequence[bytes], answers: Sequence[bytes]) -> list[bytes]:
    """Return rows of the input with their answers: CSV side by side, of JSON an object that has the answer in it."""
    pairs = zip(given, answers)  # noqa: B905 - not in 3.8
    return each(b",".join if kind == CSV else _json_joined, pairs)


def _json_joined(pair: tuple[bytes, bytes]) -> bytes:
    value, found = map(parse, pair)
    return render({**value, OUTPUT: found} if isinstance(value, dict) else {INPUT: value, OUTPUT: found})


def split_rows(kind: str, body: bytes, count: int | None) -> list[bytes]:
    """Return the rows of an answer to `count` records, without ends of line; None where that isn't known.

    One JSON document is the answer to one record, or to a request as a whole.
    """
    if kind == JSON_TYPE and count in (None, 1) and _is_json(body):
        return [body.strip()]
    return lines_of(body)


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def lines_of(body: bytes) -> list[bytes]:
    """Return the lines that aren't empty."""
    lines = body.split(b"\n")
    if b"\r" in body:
        lines = [line.rstrip(b"\r") for line in lines]
    return list(filter(bytes.strip, lines))


def fields_of(row: bytes) -> list[bytes]:
    """Return the fields of a CSV row, written as they were, quotes and all."""
    if b'"' not in row:
        return row.split(b",")
    found = list(_FIELD.finditer(row))
    if sum(match.end() - match.start() for match in found) != len(row):
        raise ValueError(f"a row has a quote without its end: {row[:100]!r}")
    return [match[1] for match in found]


def on_lines(change: Callable[[bytes], bytes], body: bytes) -> bytes:
    """Return the body with each of its lines changed; its last end of line stays or is missing as before."""
    end = b"\n" if body.endswith(b"\n") else b""
    return b"\n".join(change(line) for line in lines_of(body)) + end


def on_line(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Return what changes one line, which isn't empty, as `on_lines` does."""

    def changed(line: bytes) -> bytes:
        return change(line.rstrip(b"\r\n")) + (b"\n" if line.endswith(b"\n") else b"")

    return changed


def parse(text: bytes) -> Any:
    """Return a JSON value; ValueError where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"this is no JSON: {text[:100]!r} ({error})") from error


def render(value: Any) -> bytes:
    """Return a value as JSON on one line; half a pair of surrogates, which is no UTF-8, stays escaped."""
    text = _WRITTEN.encode(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text).encode()
