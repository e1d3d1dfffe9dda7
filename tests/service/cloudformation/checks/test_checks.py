"""The checks of a rendered service: a good pair of templates passes, and each planted fault is found where it is."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_builder.documents.source import DataPath, Document
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.service.cloudformation.checks import check_service
from pipeline_builder.service.cloudformation.evaluation.buildspec import Buildspec, parse_buildspec
from pipeline_builder.service.cloudformation.evaluation.document import Template, load_template

FOLDER = Path(__file__).parent / "cases"
TEXTS = {name: (FOLDER / name).read_text("utf-8") for name in ("storage.yaml", "service.yaml")}
BUILDSPEC = (FOLDER / "buildspec.yml").read_text("utf-8")
_STANDS_FOR = {"<long>": "x" * 1000, "<token>": "ghp_" + "a1" * 18}


def _faults() -> list[dict[str, Any]]:
    text = (FOLDER / "faults.yaml").read_text("utf-8")
    for word, meaning in _STANDS_FOR.items():
        text = text.replace(word, meaning)
    return list(yaml.load(text, Loader=yaml.CSafeLoader))


FAULTS = _faults()


def buildspec() -> Buildspec:
    return parse_buildspec(BUILDSPEC, "buildspec.yml")


def check(texts: dict[str, str]) -> tuple[Problem, ...]:
    try:
        return check_service({name: load_template(text, name) for name, text in texts.items()}, buildspec())
    except InputProblems as error:
        return error.problems


def replaced(name: str, old: str, new: str) -> dict[str, str]:
    assert TEXTS[name].count(old) == 1, old
    return {**TEXTS, name: TEXTS[name].replace(old, new)}


def test_a_good_service_passes() -> None:
    assert check(TEXTS) == ()


@pytest.mark.parametrize("fault", FAULTS, ids=[fault["fault"] for fault in FAULTS])
def test_a_planted_fault_is_found_at_its_place(fault: dict[str, Any]) -> None:
    found = check(replaced(fault["file"], fault["old"], fault["new"]))
    assert [problem.place.file for problem in found if problem.place] == [fault["file"]] * len(found)
    expected = [line.split(" | ", 2) for line in fault["problems"]]
    said = []
    for problem, (_, there, _) in zip(found, expected, strict=False):
        assert problem.place
        assert problem.place.text[problem.place.column - 1 :].startswith(there)
        said.append([f"{problem.place.line}:{problem.place.column}", there, f"{problem.id} {problem.message}"])
    assert said == expected
    assert len(found) == len(expected), found[len(expected) :]


def test_a_size_that_an_account_may_have_raised_is_a_warning() -> None:
    longer = replaced("service.yaml", "event: [referenceUpdated]", f"event: [referenceUpdated, {'x' * 2000}]")
    assert [(problem.id, problem.warning) for problem in check(longer) if "pattern of" in problem.message] == [
        ("PB630", True)
    ]


@pytest.mark.parametrize(
    ("principal", "condition", "lets"),
    [
        ("!Sub 'logs.${AWS::Region}.amazonaws.com'", "", True),
        ("lambda.amazonaws.com", "", False),
        ("logs.amazonaws.com", "ArnEquals: {'kms:EncryptionContext:aws:logs:arn': '*:/aws/codebuild/models'}", True),
        ("logs.amazonaws.com", "StringLike: {'kms:EncryptionContext:aws:logs:arn': ['*:x', '*:/aws/c*']}", True),
        ("logs.amazonaws.com", "ArnLike: {'kms:EncryptionContext:aws:logs:arn': '*:/aws/lambda/*'}", False),
        ("logs.amazonaws.com", "StringEquals: {'aws:SourceAccount': '123456789012'}", True),
    ],
)
def test_logs_may_use_a_key_on_every_form_of_a_condition(principal: str, condition: str, lets: bool) -> None:
    more = f"          - Effect: Allow\n            Principal: {{Service: {principal}}}\n            Resource: '*'\n"
    more += "            Action: [kms:Encrypt, kms:Decrypt, kms:GenerateDataKey, kms:DescribeKey]\n"
    more += f"            Condition: {{{condition}}}\n"
    group, before = "LogGroupName: /aws/codebuild/models", "          - Sid: Messages\n            Effect: Allow\n"
    texts = replaced("service.yaml", group, f"{group}\n      KmsKeyId: !Ref KeyArn")
    texts["storage.yaml"] = TEXTS["storage.yaml"].replace(before, f"{more}{before}", 1)
    assert [problem.id for problem in check(texts)] == ([] if lets else ["PB793"])


def test_every_kind_of_problem_is_planted() -> None:
    planted = {line.split(" | ", 2)[2][:5] for fault in FAULTS for line in fault["problems"]}
    assert planted == {f"PB{number}" for number in (*range(621, 637), 756, 757, 758, 793)}


def test_a_secret_is_found_and_never_shown() -> None:
    old, secret = "            Value: build\n", "hunter2hunter2"
    found = check(replaced("service.yaml", old, f"{old}          - {{Name: DB_PASSWORD, Value: {secret}, Kind: x}}\n"))
    assert [problem.id for problem in found] == ["PB624", "PB632"]  # both on that line
    assert secret not in "".join(map(str, found))


def test_more_triggers_than_a_pipeline_takes() -> None:
    more = "".join(
        "        - ProviderType: CodeStarSourceConnection\n"
        f"          GitConfiguration: {{SourceActionName: r{number}, Push: [{{Branches: {{Includes: [main]}}}}]}}\n"
        for number in range(50)
    )
    first, *others = check(replaced("service.yaml", "      Stages:\n", f"{more}      Stages:\n"))
    assert str(first).splitlines()[0] == "service.yaml:32:7: PB625 51 triggers, CodePipeline takes 50"
    assert len(others) == 50  # none of them is a source


def test_more_actions_than_a_stage_takes() -> None:
    source = (
        "            - {Name: a%d, ActionTypeId: {Category: Source, Owner: AWS, Provider: CodeCommit, Version: '1'}, "
    )
    source += "Configuration: {RepositoryName: r, BranchName: main}, OutputArtifacts: [{Name: a%d}]}\n"
    more = "".join(source % (number, number) for number in range(49))
    found = check(
        replaced(
            "service.yaml",
            "        - Name: Train\n          Actions:",
            f"{more}        - Name: Train\n          Actions:",
        )
    )
    assert [problem.message for problem in found] == ["the stage 'Source' has 51 actions, CodePipeline takes 50"]


def test_a_policy_that_is_too_long() -> None:
    more = "".join(
        f"              - {{Sid: S{number}, Effect: Allow, Action: [s3:GetObject], Resource: 'arn:aws:s3:::b-{number:060}'}}\n"
        for number in range(90)
    )
    found = check(
        replaced("service.yaml", "              - Sid: Artifacts\n", f"{more}              - Sid: Artifacts\n")
    )
    assert [str(problem).splitlines()[0] for problem in found] == [
        "service.yaml:249:7: PB633 the policies of 'Role' together have 13589 characters, IAM takes 10240"
    ]


def test_problems_of_both_templates_come_at_once() -> None:
    texts = replaced("service.yaml", "!Ref Topic\n                CustomData", "!Ref Topik\n                CustomData")
    texts["storage.yaml"] = texts["storage.yaml"].replace("Value: !Ref Bucket}", "Value: !Ref Buckett}")
    assert [str(problem).splitlines()[0] for problem in check(texts)] == [
        "service.yaml:92:34: PB621 'Topik' is neither a parameter nor a resource of this template",
        "storage.yaml:57:23: PB621 'Buckett' is neither a parameter nor a resource of this template",
    ]


def test_values_of_parameters_are_those_that_are_given() -> None:
    templates = {name: load_template(text, name) for name, text in TEXTS.items()}
    assert check_service(templates, buildspec(), {"Timeout": "2160", "LogDays": "30"}) == ()
    found = check_service(templates, buildspec(), {"Timeout": "2161", "LogDays": "30"})
    assert [problem.message for problem in found] == [
        "the parameter 'Timeout' is '2161', which is not within MinValue 5 and MaxValue 2160"
    ]


def _paths(value: Any, path: DataPath = ()) -> Iterator[DataPath]:
    if len(path) > 3:  # properties of resources, and everything in them
        yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield from _paths(item, (*path, key))


_TEMPLATES = {name: load_template(text, name) for name, text in TEXTS.items()}
_PLACES = [(name, path) for name, template in _TEMPLATES.items() for path in _paths(template.document.data)]


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(st.sampled_from(_PLACES), st.sampled_from([None, 5, True, "x", [], {}, [[1]], {"a": {"b": 1}}]))
def test_whatever_stands_in_a_template_is_only_a_problem(place: tuple[str, DataPath], value: Any) -> None:
    name, path = place
    document = _TEMPLATES[name].document
    data: Any = copy.deepcopy(document.data)
    inner = data
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    changed = {**_TEMPLATES, name: Template(Document(document.source, data, document.look))}
    try:
        found = check_service(changed, buildspec())
    except InputProblems as error:
        found = error.problems
    assert all(problem.place and str(problem) for problem in found)


def test_more_resources_than_a_template_takes() -> None:
    more = "".join(
        f"  More{number}: {{Type: AWS::IAM::ServiceLinkedRole, Properties: {{}}}}\n" for number in range(490)
    )
    found = check({**TEXTS, "service.yaml": TEXTS["service.yaml"].rstrip("\n") + "\n\n" + more})
    sizes = [problem.message for problem in found if problem.id == "PB759"]
    assert sizes == ["the template has 510 resources, CloudFormation takes 500"]


def test_a_key_that_alarms_cannot_use() -> None:
    encrypted = "TopicName: models\n      KmsMasterKeyId: !Ref KeyArn\n"
    found = [problem.message for problem in check(replaced("service.yaml", "TopicName: models\n", encrypted))]
    assert found == [
        "the policy of the key 'Key', which encrypts the topic, doesn't let cloudwatch.amazonaws.com use it"
    ]
