"""The manifest's `pipelines`: what they are read as, what of a manifest is one's, and what is wrong with them."""

from __future__ import annotations

import pytest

from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.manifest.manifest import Manifest, build_manifest

BOTH = """\
pipelines:
  - {name: scoring, kind: inference}
  - {name: training, config: "*/conf/train.yaml"}
  - {name: pricing, config: ["*/price/*.yaml", "*/more.yaml"]}
"""


def build(text: str, repo: str = "{url: churn}", *more: str) -> Manifest:
    repos = "".join(f"  - {one}\n" for one in (repo, *more))
    return build_manifest(parse_yaml(Source("m.yaml", f"version: 1\n{text}repos:\n{repos}"), "PB100"))


def problems(text: str, repo: str = "{url: churn}") -> list[Problem]:
    with pytest.raises(InputProblems) as caught:
        build(text, repo)
    return list(caught.value.problems)


def test_without_the_section_there_is_one_for_training_of_the_manifests_own_glob() -> None:
    manifest = build("config: '*/my.yaml'\n", "{url: churn, config: conf/own.yaml}")
    (entry,) = manifest.pipelines
    assert (entry.name, entry.kind, entry.config, entry.place) == ("training", "training", ("*/my.yaml",), None)
    assert manifest.entry == manifest.main == entry
    assert manifest.narrowed("training") is manifest
    assert manifest.repos[0].config == ("conf/own.yaml",)


def test_those_that_train_come_first_and_the_first_of_them_is_the_main_one() -> None:
    manifest = build(BOTH)
    assert [(one.name, one.kind, one.config) for one in manifest.pipelines] == [
        ("training", "training", ("*/conf/train.yaml",)),
        ("pricing", "training", ("*/price/*.yaml", "*/more.yaml")),
        ("scoring", "inference", ("*/conf/inference.yaml",)),
    ]
    assert manifest.main.name == "training"
    assert build("pipelines: [{name: scoring, kind: inference}]\n").main.name == "scoring"
    assert build("config: '*/my.yaml'\npipelines: [{name: a}]\n").main.config == ("*/my.yaml",)


def test_a_narrowed_manifest_is_one_pipelines_and_all_else_is_shared() -> None:
    manifest = build(
        f"{BOTH}schedules:\n  - {{name: daily, pipeline: scoring, rate: 1 day}}\n  - {{name: weekly, rate: 7 days}}\n",
        "{url: churn, config: {scoring: [conf/a.yaml, conf/b.yaml], training: conf/t.yaml}}",
        "{url: price, config: conf/p.yaml}",
    )
    narrowed = manifest.narrowed("scoring")
    assert (narrowed.entry.name, narrowed.main.name, narrowed.narrowed_to) == ("scoring", "training", "scoring")
    assert [repo.config for repo in manifest.repos] == [("conf/t.yaml",), ("conf/p.yaml",)]
    assert [repo.config for repo in narrowed.repos] == [("conf/a.yaml", "conf/b.yaml"), ()]
    assert narrowed.narrowed("training") == manifest
    assert [one.pipeline for one in narrowed.schedules] == ["scoring", "training"]


def test_what_starts_a_pipeline_is_read() -> None:
    text = "pipelines: [{name: s, kind: inference, trigger: {data: 's3://bucket/landing/', approval: true}}]\n"
    trigger = build(text).main.trigger
    assert (trigger.data, trigger.batch_minutes, trigger.approval) == (("s3://bucket/landing/",), 5, True)


@pytest.mark.parametrize(
    ("text", "repo", "expected"),
    [
        ("pipelines: []\n", "", [("PB104", 2, 12)]),
        ("pipelines:\n  - {name: a}\n  - {kind: inference, name: a}\n", "", [("PB952", 4, 29)]),
        ("pipelines: [{name: a, kind: inferense}]\n", "", [("PB104", 2, 29)]),
        ("pipelines: [{name: A}, {name: a, confg: x}]\n", "", [("PB104", 2, 20), ("PB102", 2, 34)]),
        ("pipelines: [{kind: training}]\n", "", [("PB103", 2, 13)]),
        ("pipelines: [{name: a, config: ['*/a.yaml', /b]}]\n", "", [("PB104", 2, 44)]),
        ("pipelines: [{name: a, trigger: {approval: true}}]\n", "", [("PB953", 2, 32)]),
        ("pipelines: [{name: a, trigger: {data: 's3://bucket/*', batch_minutes: 0}}]\n", "",
         [("PB104", 2, 39), ("PB104", 2, 71)]),
        ("pipelines: [{name: a}, {name: ab}]\nschedules: [{name: x, rate: 1 day, pipeline: abc}]\n", "",
         [("PB954", 3, 46)]),
        ("", "{url: churn, config: {scoring: conf/a.yaml}}", [("PB954", 3, 27)]),
        ("", "{url: churn, config: [conf/a.yaml, ../b.yaml]}", [("PB104", 3, 40)]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_place(text: str, repo: str, expected: list[tuple[str, int, int]]) -> None:
    found = problems(text, repo or "{url: churn}")
    assert [(one.id, one.place.line, one.place.column) for one in found if one.place] == expected


def test_a_name_that_is_twice_names_the_other_place_and_an_unknown_one_what_was_meant() -> None:
    (twice,) = problems("pipelines:\n  - {name: a, kind: inference}\n  - {name: a}\n")
    assert twice.place
    assert ([place.line for place in twice.related], twice.place.line) == ([3], 4)
    (unknown,) = problems(f"{BOTH}schedules: [{{name: x, rate: 1 day, pipeline: scorin}}]\n")
    assert unknown.hint == "did you mean 'scoring'"
    with pytest.raises(InputProblems) as caught:
        build(BOTH).narrowed("trainin")
    assert caught.value.problems[0].hint == "did you mean 'training'"


def test_a_key_without_a_name_is_no_key() -> None:
    (unknown,) = problems('"": 1\n')
    assert (unknown.id, unknown.message, str(unknown.place)) == (
        "PB102",
        "the key '' is not known here",
        "m.yaml:2:1",
    )


@pytest.mark.parametrize("glob", [".", "***", "*/conf/a**", "**x/conf.yaml"])
def test_a_pattern_that_is_none_is_said(glob: str) -> None:
    (own,) = problems(f"pipelines: [{{name: scoring, kind: inference, config: '{glob}'}}]\n")
    (main,) = problems(f"config: '{glob}'\n")
    (repo,) = problems("", f"{{url: churn, config: '{glob}'}}")
    assert {one.id for one in (own, main, repo)} == {"PB104"}
    assert "'**' only as a whole folder" in own.message
