"""The prefix in the bucket: what can be one, and what is said of what can't."""

from __future__ import annotations

import pytest

from pipeline_builder.documents.prefix import read_prefix
from pipeline_builder.documents.source import Source
from pipeline_builder.documents.values import build_settings, parse_env_file
from pipeline_builder.errors import InputProblems

VALUES = {"SMP_ACCOUNTID": "1", "SMP_REGION": "r", "SMP_S3BUCKETNAME": "b", "SMP_ROLE": "x"}


@pytest.mark.parametrize(
    ("text", "prefix"), [("", ""), (" ", ""), ("team", "team/"), (" team/models-1.x_Y ", "team/models-1.x_Y/")]
)
def test_a_prefix_is_closed_with_a_slash(text: str, prefix: str) -> None:
    assert read_prefix({"SMP_S3PREFIX": text}) == prefix
    assert build_settings({**VALUES, "SMP_S3PREFIX": text}).base("p") == f"s3://b/{prefix}p"


def test_without_one_there_is_none() -> None:
    assert build_settings(VALUES).base("p") == "s3://b/p"


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("/team", ["begins with a '/'"]),
        ("team/", ["ends with a '/'"]),
        ("/", ["begins with a '/'", "ends with a '/'", "has no name between two '/'"]),
        ("a//b", ["has no name between two '/'"]),
        ("a/../b", ["has '..' in it, which leads elsewhere on a file system"]),
        ("./a", ["has '.' in it, which leads elsewhere on a file system"]),
        ("a b", ["has characters in 'a b' other than letters, digits, '.', '_' and '-'"]),
        ("a/*", ["has characters in '*' other than letters, digits, '.', '_' and '-'"]),
        ("${x}", ["has characters in '${x}' other than letters, digits, '.', '_' and '-'"]),
        ("größe", ["has characters in 'größe' other than letters, digits, '.', '_' and '-'"]),
        ("s3://b/team", ["has no name between two '/'", "has characters in 's3:' other than letters, digits, '.', '_' and '-'"]),
        ("x" * 201, ["has 201 characters, expected at most 200"]),
        ("runs", ["begins with 'runs', which a service without a prefix has for itself"]),
        ("Watch/x", ["begins with 'Watch', which a service without a prefix has for itself"]),
    ],
)  # fmt: skip
def test_what_can_be_none_is_said_all_at_once(text: str, faults: list[str]) -> None:
    with pytest.raises(InputProblems) as caught:
        build_settings({"SMP_S3PREFIX": text})
    said = [problem for problem in caught.value.problems if problem.id == "PB637"]
    assert sorted(problem.message.partition(" (SMP_S3PREFIX) ")[2] for problem in said) == sorted(faults)
    assert len(caught.value.problems) == len(said) + 4  # with the values that are missing


def test_in_an_env_file_it_has_a_place() -> None:
    with pytest.raises(InputProblems) as caught:
        parse_env_file(Source(".env", 'A=1\nexport SMP_S3PREFIX = "a//b"\n'))
    assert [str(problem.place) for problem in caught.value.problems] == [".env:2:24"]
    assert parse_env_file(Source(".env", "SMP_S3PREFIX=\n")) == {"SMP_S3PREFIX": ""}
