"""Files are cut into records, and answers joined with them, as batch transform documents it."""

from __future__ import annotations

import io
import random
import struct
from typing import Any

import pytest

from pipeline_builder.engine.inside.answers import Answered, ServerError
from pipeline_builder.engine.inside.assembling import assembler
from pipeline_builder.engine.inside.batch import DEFAULTS, settled
from pipeline_builder.engine.inside.records import RecordError, blocks, requests
from pipeline_builder.engine.inside.rows import fields_of

MAGIC = 0xCED7230A
FIRST, MIDDLE, LAST = 1 << 29, 2 << 29, 3 << 29


def spec(**given: Any) -> dict[str, Any]:
    return settled(None, {**DEFAULTS, **given})


def bodies(content: bytes, **given: Any) -> list[bytes]:
    return [request.body for request in requests(io.BytesIO(content), spec(**given))]


def part(data: bytes, flag: int = 0) -> bytes:
    return struct.pack("<II", MAGIC, flag | len(data)) + data + bytes(-len(data) % 4)


def tf_record(data: bytes) -> bytes:
    return struct.pack("<QI", len(data), 1) + data + struct.pack("<I", 2)


@pytest.mark.parametrize(
    ("split", "records"),
    [("RecordIO", [part(b"abc"), part(b""), part(b"defg")]), ("TFRecord", [tf_record(b"abc")] * 3)],
)
def test_binary_records_keep_their_padding_in_a_batch_only(split: str, records: list[bytes]) -> None:
    content = b"".join(records)
    assert bodies(content, split=split) == [content]
    alone = bodies(content, split=split, strategy="SingleRecord")
    assert alone == ([b"abc", b"", b"defg"] if split == "RecordIO" else [b"abc"] * 3)


def test_a_record_of_several_parts_is_one() -> None:
    magic = struct.pack("<I", MAGIC)
    content = part(b"ab", FIRST) + part(b"", MIDDLE) + part(b"c", LAST) + part(b"next")
    assert bodies(content, split="RecordIO", strategy="SingleRecord") == [b"ab" + magic + magic + b"c", b"next"]


@pytest.mark.parametrize(
    ("split", "content", "message"),
    [
        ("RecordIO", b"1,2,3\n4,5,6\n", "this is no RecordIO"),
        ("RecordIO", part(b"abcdefgh")[:-1], "the file ends within a record"),
        ("RecordIO", part(b"ab", FIRST), "has no end"),
        ("TFRecord", b"1,2,3\n4,5,6\n", "is larger than MaxPayloadInMB, or the file is of another format"),
        ("TFRecord", tf_record(b"abc")[:-1], "the file ends within a record"),
        ("TFRecord", b"\0" * 5, "the file ends within a record"),
    ],
)
def test_what_is_no_file_of_records(split: str, content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bodies(content, split=split)


def test_a_batch_is_held_against_what_is_sent_of_it() -> None:
    wide = b"%s,1\n" % (b"x" * 700_000)
    told = {"split": "Line", "content_type": "text/csv", "max_payload_mb": 1}
    assert len(bodies(wide * 4, **told)) == 4
    assert bodies(wide * 4, **told, input_filter=[["item", 1]]) == [b"1\n" * 4]


def test_empty_lines_are_no_rows() -> None:
    told = {"split": "Line", "content_type": "text/csv", "input_filter": [["item", 0]]}
    assert bodies(b"1,2\n\n3,4\r\n \n", **told) == [b"1\n3\n"]
    assert bodies(b"1\n\n2\n", split="Line", strategy="SingleRecord") == [b"1\n", b"\n", b"2\n"]


def test_json_as_a_whole_and_by_lines() -> None:
    path = [["name", "a"]]
    whole = b'{"a": [1,\n 2], "b": 0}'
    assert bodies(whole, content_type="application/json", input_filter=path) == [b"[1,2]"]
    lines = '{"a": "ä"}\n{"a": 2}'.encode()
    told: dict[str, Any] = {"content_type": "application/jsonlines", "input_filter": path}
    assert bodies(lines, **told) == bodies(lines, **told, split="Line") == ['"ä"\n2'.encode()]
    with pytest.raises(ValueError, match="this is no JSON: b'nonsense'"):
        bodies(b"nonsense", **told)


def test_fields_are_written_as_they_were() -> None:
    assert fields_of(b'1.50,"a,b","say ""hi""",,x') == [b"1.50", b'"a,b"', b'"say ""hi"""', b"", b"x"]
    assert fields_of(b"") == [b""]
    with pytest.raises(ValueError, match="a quote without its end"):
        fields_of(b'1,"a,b')


def assembled(records: list[bytes], answer: bytes, kind: str = "text/csv", **given: Any) -> bytes:
    return assembler(spec(content_type=kind, **given))(b"".join(records), Answered(answer, kind))


def test_answers_as_they_came() -> None:
    assert assembled([b"1"], b"x") == b"x"
    assert assembled([b"1"], b"x", assemble="Line") == b"x\n"
    assert assembled([b"1"], b"x\n", assemble="Line") == b"x\n"


def test_answers_that_are_joined() -> None:
    told: dict[str, Any] = {"join": True, "split": "Line", "assemble": "Line"}
    assert assembled([b"1,2\r\n", b"3,4"], b"a\r\nb\n", **told) == b"1,2,a\n3,4,b\n"
    with pytest.raises(ValueError, match="2 records can't be joined with an answer of 1 rows"):
        assembled([b"1\n", b"2\n"], b"a\n", **told)
    lines = [b'{"a":1}\n', b"[2]\n"]
    expected = b'{"a":1,"SageMakerOutput":"x"}\n{"SageMakerInput":[2],"SageMakerOutput":"y"}\n'
    assert assembled(lines, b'"x"\n"y"', "application/jsonlines", **told) == expected
    assert assembled(lines, b'"x"\n"y"', "application/json", **told) == expected
    one = assembled([b'{"a": 1, "SageMakerOutput": 0}\n'], b'{\n "b": 2\n}\n', "application/json", **told)
    assert one == b'{"a":1,"SageMakerOutput":{"b":2}}\n'  # what stands there is written over, and lines don't count


def test_an_answer_of_another_type_than_was_asked_for() -> None:
    told = {"join": True, "split": "Line", "output_filter": [["name", "SageMakerOutput"]]}
    kinds = spec(content_type="application/jsonlines", **told)
    assemble = assembler(kinds)
    for _ in range(2):
        assert assemble(b"1\n", Answered(b"2", "application/octet-stream")) == b"2"
    with pytest.raises(ValueError, match="can't be filtered or joined"):
        assembler({**kinds, "content_type": "image/png"})(b"1\n", Answered(b"2", "image/png"))


def test_the_service_takes_what_nobody_has_said() -> None:
    assert [spec()[key] for key in ("strategy", "max_payload_mb", "max_concurrent")] == ["MultiRecord", 6, 1]
    asked = {"BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 3, "MaxConcurrentTransforms": 8}
    found = settled(asked, {**DEFAULTS, "max_payload_mb": 0})
    assert [found[key] for key in ("strategy", "max_payload_mb", "max_concurrent")] == ["SingleRecord", 0, 8]


@pytest.mark.parametrize(("given", "read"), [("3", 3), (3.0, 3), (0, 0), (None, 6)])
def test_numbers_of_containers_are_read_as_they_write_them(given: object, read: int) -> None:
    found = settled({"MaxPayloadInMB": given, "MaxConcurrentTransforms": "2"}, DEFAULTS)
    assert (found["max_payload_mb"], found["max_concurrent"]) == (read, 2)


@pytest.mark.parametrize("given", ["x", "", -1, 1.5, True, [1], {"a": 1}, 10**9, float("inf"), float("nan"), "\u0663"])
def test_what_a_container_asks_for_and_is_no_number_is_said_unless_the_job_says_it(given: object) -> None:
    with pytest.raises(ServerError, match="/execution-parameters has MaxPayloadInMB .*, expected a whole number"):
        settled({"MaxPayloadInMB": given}, DEFAULTS)
    assert settled({"MaxPayloadInMB": given}, {**DEFAULTS, "max_payload_mb": 2})["max_payload_mb"] == 2


def by_lines(content: bytes, limit: int, *, joined: bool) -> list[bytes]:
    """Return requests as a loop over the lines makes them."""
    found = [b""]
    for line in io.BytesIO(content):
        if joined and not line.strip():
            continue
        if len(found[-1]) + len(line) > limit:
            found.append(b"")
        found[-1] += line
    return [body for body in found if body]


def test_blocks_of_lines_are_what_a_loop_over_the_lines_makes() -> None:
    chosen = random.Random(17)
    parts = [b"1,2", b"\n", b"\n", b"\r\n", b" ", b"\t\n", b'"a\nb"', "ä".encode(), b"x" * 7]
    for _ in range(3000):
        content = b"".join(chosen.choices(parts, k=chosen.randrange(30)))
        longest = max((len(line) for line in content.splitlines(keepends=True)), default=1)
        limit, joined = longest + chosen.randrange(20), chosen.random() < 0.5
        found = list(blocks(io.BytesIO(content), limit, is_joined=joined))
        assert [one.body for one in found] == by_lines(content, limit, joined=joined), (content, limit)
        assert [one.number for one in found] == [len(list(io.BytesIO(one.body))) for one in found]
        assert [one.given for one in found] == [one.body if joined else b"" for one in found]


@pytest.mark.parametrize("told", [{}, {"join": True}, {"strategy": "SingleRecord"}, {"input_filter": [["item", 0]]}])
def test_a_record_that_is_too_large_is_named(told: dict[str, Any]) -> None:
    large = b"x" * (1 << 20)
    with pytest.raises(RecordError, match="a record is larger than MaxPayloadInMB, 1 MB") as error:
        bodies(b"1\n2\n" + large + b"\n3\n", split="Line", content_type="text/csv", max_payload_mb=1, **told)
    assert error.value.number == 3
