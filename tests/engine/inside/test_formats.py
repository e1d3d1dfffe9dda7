"""The formats that AWS's images read and write by themselves: Serving's requests and JSON, RecordIO, nginx's configuration."""

from __future__ import annotations

import struct

import pytest

from pipeline_builder.engine.inside.serving import recordio
from pipeline_builder.engine.inside.serving.rapidjson import Writer
from pipeline_builder.engine.inside.serving.rest_rules import answer_for, request_for
from pipeline_builder.engine.inside.standins.nginx import Location, chosen

JSON, LINES, CSV = "application/json", "application/jsonlines", "text/csv"


# The examples of aws/sagemaker-tensorflow-serving-container's README, and what its rules make of odd ones.
@pytest.mark.parametrize(
    ("body", "kind", "request_"),
    [
        ('{"instances": [[1, 2]]}', JSON, '{"instances": [[1, 2]]}'),
        ('{"inputs" : [1]}', LINES, '{"inputs" : [1]}'),
        ("[1.0, 2.0, 5.0]", JSON, '{"instances":[[1.0, 2.0, 5.0]]}'),
        ("[[1], [2]]", JSON, '{"instances":[[1], [2]]}'),
        (" [ [1], [2]]", JSON, '{"instances": [ [1], [2]]}'),
        ('{"x": 1}', JSON, '{"instances":[{"x": 1}]}'),
        ("[1, 2]\n[3, 4]", "application/jsons", '{"instances":[[1, 2],[3, 4]]}'),
        ('{"x": 1}\r\n\n{"x": 2}\n', JSON, '{"instances":[{"x": 1},{"x": 2}]}'),
        ("[1] [2]", LINES, '{"instances":[1] [2]}'),
        ("1.0,2.0\n3.0,4.0\n", CSV, '{"instances":[[1.0,2.0],[3.0,4.0]]}'),
        ("1\n2", CSV, '{"instances":[1,2]}'),
        ('"a","b"', CSV, '{"instances":[["a","b"]]}'),
        ("hat,b\nc,d", CSV, '{"instances":[["hat","b"],["c","d"]]}'),
        ("hat,b,c", CSV, '{"instances":[["hat","b,c"]]}'),  # only the first comma separates
        ("1,2\n\n3,4", CSV, '{"instances":[[1,2],[3,4]]}'),
        ("eggs", CSV, '{"instances":[eggs]}'),  # a first letter that numbers have, too
        ("x", "text/plain", None),
        ("1,2", "text/csv; charset=utf-8", None),
        ("1,2", None, None),
    ],
)
def test_requests_for_serving(body: str, kind: str | None, request_: str | None) -> None:
    assert request_for(body, kind) == request_


@pytest.mark.parametrize(
    ("accept", "answer"),
    [
        (None, ("{\n}", JSON)), (JSON, ("{}", JSON)), (LINES, ("{}", LINES)), ("*/*", ("{\n}", JSON)),
        ("text/plain, application/json", ("{}", "text/plain")),
    ],
)  # fmt: skip
def test_answers_of_serving(accept: str | None, answer: tuple[str, str]) -> None:
    assert answer_for("{\n}", accept) == answer


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (0.10000000149011612, "float32", "0.1"), (0.3333333432674408, "float32", "0.333333343"), (0.1, "float64", "0.1"),
        (1 / 3, "float64", "0.33333333333333331"), (9000000.0, "float32", "9e+06"), (6.0, "float32", "6.0"),
        (float("nan"), "float32", "NaN"), (float("-inf"), "float32", "-Infinity"), (True, "bool", "true"), (7, "int64", "7"),
        (b"h\xc3\xbc", "string", '"h\u00fc"'), ([1.5, 2.0], "float32", "[\n    1.5,\n    2.0\n]"),
    ],
)  # fmt: skip
def test_values_as_serving_writes_them(value: object, kind: str, text: str) -> None:
    writer = Writer()
    writer.value(value, kind)
    assert writer.text() == text


def number(value: int) -> bytes:
    """Return a varint."""
    parts = []
    while True:
        parts.append(value & 0x7F | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(parts)


def field(position: int, content: bytes) -> bytes:
    return number(position << 3 | 2) + number(len(content)) + content


def tensor(kind: int, packed: bytes, *more: bytes) -> bytes:
    return field(1, b"values") + field(2, field(kind, field(1, packed) + b"".join(more)))


def framed(record: bytes) -> bytes:
    return struct.pack("<II", recordio.MAGIC, len(record)) + record + b"\0" * (-len(record) % 4)


def test_recordio() -> None:
    dense = field(1, tensor(2, struct.pack("<3f", 1, 2.5, 3))) + field(2, tensor(2, struct.pack("<f", 1)))
    sparse = field(1, tensor(3, struct.pack("<2d", 7, 8), field(2, number(0) + number(300)), field(3, number(400))))
    empty = field(1, tensor(7, b"", field(3, number(4))))
    rows = list(recordio.read(framed(dense) + framed(sparse) + framed(empty)))
    assert [row.values for row in rows] == [[1, 2.5, 3], [7, 8], []]
    assert [row.label for row in rows] == [[1], [], []]
    assert [(row.is_sparse, row.keys, row.width) for row in rows] == [
        (False, [], 3),
        (True, [0, 300], 400),
        (True, [], 4),
    ]


@pytest.mark.parametrize(
    "content", [b"12345678", framed(b"\x0a\xff"), framed(b"\xff" * 11), framed(b"\x0b"), framed(b"\x0a\x02\x12")[:-3]]
)
def test_what_is_no_recordio(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"Invalid|ends within|unknown kind|Truncated"):
        list(recordio.read(content))


def test_locations_of_nginx() -> None:
    rules = [("~", "^/(ping|invocations)", "a"), ("", "/", "b"), ("", "/static", "c"), ("=", "/only", "d")]
    locations = [Location(*rule) for rule in rules]
    found = [chosen(locations, path) for path in ("/ping", "/x", "/static/y", "/only", "/only/x")]
    assert found == ["a", "b", "c", "d", "b"]
