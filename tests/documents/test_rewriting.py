"""Numbers and flags where a text is wanted: they are what was written."""

from __future__ import annotations

import time
from typing import Any

import pytest
from pydantic import Field

from pipeline_builder.documents.expressions import read_expressions
from pipeline_builder.documents.fields import Args, Count, Env, Said, Tags, Text
from pipeline_builder.documents.schema import Section, number_hint, read_section
from pipeline_builder.documents.source import Source, parse_yaml

IDS = {"unknown": "PB202", "missing": "PB203", "later": "PB205", "value": "PB204"}


class Inner(Section):
    """A section in another."""

    version: Said = ""


class Job(Section):
    """Of each kind of texts one, and what is none."""

    env: Env = Field({})
    tags: Tags = Field({})
    args: Args = ()
    text: Text = ""
    count: Count = 1
    anything: Any = None
    image: Inner = Inner.model_construct()


def read(text: str) -> Job:
    document = parse_yaml(Source("a.yaml", text), "PB100")
    data = read_expressions(document.data)
    section, problems = read_section(Job, data, document, (), IDS)
    assert section is not None, problems
    return section


@pytest.mark.parametrize(
    "written", ["1.10", "01234", "12:30", "1_000", "0x1F", "+5", ".5", "1.0e+3", "no", "Yes", "off", "000000000012"]
)
def test_texts_are_as_they_are_written(written: str) -> None:
    job = read(
        f"env: {{A: {written}}}\ntags: {{b: &x {written}}}\nargs: [-a, {written}]\ntext: {written} # no\nanything: 0x1\n"
        f"image: {{version: {written}}}\n"
    )
    assert (job.env, job.tags, job.args) == ({"A": written}, {"b": written}, ("-a", written))
    assert (job.text, job.image.version, job.anything) == (written, written, 1)


def test_what_is_no_text_is_what_yaml_reads() -> None:
    job = read("count: 0x10\nanything: {a: 1_000, b: no, c: [1.10]}\nenv: {A: 010, B: 5, C: 2.5, D: true, E: True}\n")
    assert (job.count, job.anything) == (16, {"a": 1000, "b": False, "c": [1.1]})
    assert job.env == {"A": "010", "B": "5", "C": "2.5", "D": "true", "E": "true"}


def test_arguments_by_name_and_what_stands_beside_an_expression() -> None:
    job = read("args: {lang: no, when: 12:30, ratio: $params.r, port: 5}\nenv: {A: $params.x, B: 1.10}\n")
    assert job.args == ("--lang", "no", "--port", "5", "--ratio", {"Get": "Parameters.r"}, "--when", "12:30")
    assert job.env == {"A": {"Get": "Parameters.x"}, "B": "1.10"}


def test_aliases_and_merge_keys() -> None:
    job = read("env: &e {A: 1.10}\ntags: {<<: *e, B: !!float 2.50, 'url': 'https://u:p@h', C: 010}\n")
    assert (job.env, job.tags) == ({"A": "1.10"}, {"A": "1.10", "B": "2.50", "url": "https://u:p@h", "C": "010"})
    assert read("env: &e {A: 1.10, B: 2.50}\ntags: {A: 1.1, <<: *e, B: 2.5}\n").tags == {"A": "1.1", "B": "2.5"}


def test_what_stands_before_it() -> None:
    job = read("env: {A: !!int '010', B: &b\n  1.10}\ntext: &t !!float\n  2.50\n")
    assert (job.env, job.text) == ({"A": "010", "B": "1.10"}, "2.50")


def test_what_is_wrong_is_said_all_the_same() -> None:
    document = parse_yaml(Source("a.yaml", "env: {A: 1.10, B: }\ncount: no\n"), "PB100")
    section, problems = read_section(Job, document.data, document, (), IDS)
    assert section is None
    assert [f"{problem.place} {problem.message}" for problem in problems] == [
        "a.yaml:1:19 'B' is empty, expected a text",
        "a.yaml:2:8 'count' is false, expected a number",
    ]


def test_a_long_text_that_is_almost_a_number_is_told_from_one_at_once() -> None:
    begun = time.process_time()
    assert [number_hint(f"{'9' * 20_000}{end}") for end in ("x", "e", ".e+", ".5x")] == [None] * 4
    assert time.process_time() - begun < 1
