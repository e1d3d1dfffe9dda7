"""The rows of CSV, JSON and JSON lines: what a filter leaves of them, and how input and answer are joined."""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING, Any

from pipeline_builder.engine.inside.selecting import pick, select

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Path = Sequence[Sequence[Any]]

CSV, JSON_TYPE, JSON_LINES = "csv", "json", "jsonlines"
_KINDS = {"text/csv": CSV, "application/json": JSON_TYPE, "application/jsonlines": JSON_LINES}
_FIELD = re.compile(rb'(?:\A|,)((?:"(?:[^"]|"")*"|[^,"]+)*)')
OUTPUT, INPUT = "SageMakerOutput", "SageMakerInput"


class RowError(ValueError):
    """Rows that can't be filtered or joined as the job asks: its data's or its members' fault, not the program's."""


@contextlib.contextmanager
def said_of(member: str) -> Iterator[None]:
    """Say of what member of DataProcessing a fault in the rows is."""
    try:
        yield
    except ValueError as error:
        raise RowError(f"{member}: {error}") from error


def kind_of(content_type: str | None) -> str:
    """Return csv, json or jsonlines; "" for all that can't be filtered."""
    return _KINDS.get((content_type or "").partition(";")[0].strip().lower(), "")


def filtered(kind: str, row: bytes, path: Path) -> bytes:
    """Return what a filter leaves of a row, which has no end of line.

    Raises:
        ValueError: it is no row of this kind, or hasn't what is asked for.
    """
    if kind == CSV:
        return b",".join(pick(path, fields_of(row)))
    return render(select(path, parse(row)))


def joined(kind: str, given: bytes, answer: bytes) -> bytes:
    """Return a row of the input with its answer: CSV side by side, of JSON an object that has the answer in it."""
    if kind == CSV:
        return given + b"," + answer
    value, found = parse(given), parse(answer)
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
    return [line for line in (line.rstrip(b"\r") for line in body.split(b"\n")) if line.strip()]


def fields_of(row: bytes) -> list[bytes]:
    """Return the fields of a CSV row, written as they were, quotes and all."""
    found = list(_FIELD.finditer(row))
    if sum(match.end() - match.start() for match in found) != len(row):
        raise ValueError(f"a row has a quote without its end: {row[:100]!r}")
    return [match[1] for match in found]


def on_lines(change: Callable[[bytes], bytes], body: bytes) -> bytes:
    """Return the body with each of its lines changed; its last end of line stays or is missing as before."""
    end = b"\n" if body.endswith(b"\n") else b""
    return b"\n".join(change(line) for line in lines_of(body)) + end


def parse(text: bytes) -> Any:
    """Return a JSON value; ValueError where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"this is no JSON: {text[:100]!r} ({error})") from error


def render(value: Any) -> bytes:
    """Return a value as JSON on one line."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
