"""Templates as they are read and worked out, and buildspecs as they are read."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_builder.errors import InputProblems
from pipeline_builder.service.cloudformation.evaluation.buildspec import PHASES, parse_buildspec
from pipeline_builder.service.cloudformation.evaluation.document import load_template
from pipeline_builder.service.cloudformation.evaluation.evaluation import resolve_template
from pipeline_builder.service.cloudformation.evaluation.physical import Home
from tests.places import ROOT

HOME = Home(account="111122223333", region="eu-central-1", stack="models")
HEAD = """\
Parameters:
  Name: {Type: String, Default: ""}
  Days: {Type: Number, Default: 90}
  Subnets: {Type: CommaDelimitedList, Default: "subnet-a, subnet-b"}
Mappings:
  Sizes:
    small: {memory: 4}
Conditions:
  Named: !Not [!Equals [!Ref Name, ""]]
  Both: !And [!Condition Named, !Equals [!Ref Days, 90]]
  Any: !Or [!Condition Named, !Equals [!Ref "AWS::Region", eu-central-1]]
Resources:
  Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: !Sub "models-${AWS::AccountId}"}}
  Role: {Type: AWS::IAM::Role, Properties: {Path: /service/}}
  Queue: {Type: AWS::SQS::Queue}
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref Bucket}}
  Extra: {Type: AWS::SNS::Topic, Condition: Named}
  It:
    Type: AWS::SSM::Parameter
    Properties:
      Value: """


def value_of(written: str, **parameters: str) -> Any:
    data: Any = resolve_template(load_template(HEAD + written, "t.yaml"), parameters, HOME).data
    return data["Resources"]["It"]["Properties"].get("Value", "left out")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("!Ref Bucket", "models-111122223333"),
        ("!Ref Role", "models-Role"),
        ("!GetAtt Role.Arn", "arn:aws:iam::111122223333:role/service/models-Role"),
        ("{'Fn::GetAtt': [Bucket, Arn]}", "arn:aws:s3:::models-111122223333"),
        ("!Ref Queue", "https://sqs.eu-central-1.amazonaws.com/111122223333/models-Queue"),
        ("!GetAtt Queue.Arn", "arn:aws:sqs:eu-central-1:111122223333:models-Queue"),
        ("!Ref Topic", "arn:aws:sns:eu-central-1:111122223333:models-111122223333"),
        ("!Ref Days", 90),
        ("!Ref Subnets", ["subnet-a", "subnet-b"]),
        ("!Ref AWS::Partition", "aws"),
        ("!Ref AWS::NoValue", "left out"),
        ("!Sub '${AWS::Region}-${Days}-${Queue.QueueName}-${!Literal}'", "eu-central-1-90-models-Queue-${Literal}"),
        ("!Sub ['${a}${Days}', {a: !Ref Bucket}]", "models-11112222333390"),
        ("!Join ['-', [a, !Ref Days, !If [Named, b, !Ref 'AWS::NoValue']]]", "a-90"),
        ("!Select [1, !Split [',', 'a,b,c']]", "b"),
        ("!FindInMap [Sizes, small, memory]", 4),
        ("!Base64 abc", "YWJj"),
        ("!ImportValue other", "other"),
        ("!If [Named, a, !If [Any, b, c]]", "b"),
        ("!If [Both, a, [x, !Ref 'AWS::NoValue', y]]", ["x", "y"]),
        (
            "{a: !If [Named, 1, !Ref 'AWS::NoValue'], Condition: {Bool: {x: true}}}",
            {"Condition": {"Bool": {"x": True}}},
        ),
    ],
)
def test_functions_are_worked_out(written: str, expected: object) -> None:
    assert value_of(written) == expected


def test_parameters_decide_conditions() -> None:
    assert value_of("!If [Both, a, b]", Name="n") == "a"
    assert value_of("!If [Both, a, b]", Name="n", Days="30") == "b"
    assert value_of("!Ref Extra", Name="n") == "arn:aws:sns:eu-central-1:111122223333:models-Extra"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("!Ref Buckett", "21:14 'Buckett' is neither a parameter nor a resource of this template"),
        ("!Sub 'x ${Nobody}'", "21:14 'Nobody' is neither a parameter nor a resource of this template"),
        ("!Sub 'x ${Subnets}'", "21:14 '${Subnets}' is no text"),
        ("!GetAtt Role.Name", "21:14 AWS::IAM::Role has no attribute 'Name' that is known here"),
        ("!GetAtt Role", "21:14 'Fn::GetAtt' takes a resource and an attribute"),
        ("!Ref Extra", "21:14 'Extra' is not made here: its condition is false"),
        ("!If [Nope, a, b]", "21:19 'Nope' is no condition of this template"),
        ("!If [Named, a]", "21:14 'Fn::If' takes a condition's name and two values"),
        ("!Equals [a, b]", "21:14 'Fn::Equals' decides conditions, and nothing else"),
        ("!Select [3, [a]]", "21:14 'Fn::Select' takes item 3 of 1, counted from 0"),
        ("!FindInMap [Sizes, large, memory]", "21:14 'large' is not in the mappings of this template"),
        ("!Cidr [a, 1, 2]", "21:14 the function 'Fn::Cidr' is not known here"),
        ("!Join [a]", "21:14 'Fn::Join' takes what stands between, and a list of texts"),
    ],
)
def test_what_cant_be_worked_out_is_said_with_its_place(written: str, expected: str) -> None:
    with pytest.raises(InputProblems) as raised:
        value_of(written)
    (problem,) = raised.value.problems
    assert problem.place
    assert f"{problem.place.line}:{problem.place.column} {problem.message}" == expected


def test_problems_of_parameters_come_at_once() -> None:
    text = (
        "Parameters:\n  A: {Type: String}\n  B: {Type: Number, Default: x}\n  C: {Type: String, AllowedPattern: '[a-z]+'}\n"
        "  D: {Type: String, NoEcho: true, MinLength: 9}\nResources:\n  R: {Type: AWS::SNS::Topic}\n"
    )
    with pytest.raises(InputProblems) as raised:
        resolve_template(load_template(text, "t.yaml"), {"C": "1", "D": "hunter2", "F": "x"}, HOME)
    assert [str(problem).splitlines()[0] for problem in raised.value.problems] == [
        "t.yaml:1:1: PB621 the template has no parameter 'F'",
        "t.yaml:2:3: PB621 the parameter 'A' has no value and no default",
        "t.yaml:3:3: PB621 the parameter 'B' is 'x', expected a number",
        "t.yaml:4:3: PB621 the parameter 'C' is '1', which doesn't match '[a-z]+'",
        "t.yaml:5:3: PB621 the parameter 'D' is a value, which is not within MinLength 9 and MaxLength -",
    ]


def test_names_and_conditions_that_need_themselves() -> None:
    text = (
        "Conditions:\n  A: !Condition B\n  B: !Condition A\nResources:\n"
        "  R: {Type: AWS::S3::Bucket, Properties: {BucketName: !Ref S}}\n"
        "  S: {Type: AWS::S3::Bucket, Properties: {BucketName: !Ref R}}\n"
    )
    with pytest.raises(InputProblems) as raised:
        resolve_template(load_template(text, "t.yaml"), {}, HOME)
    assert {problem.message for problem in raised.value.problems} == {
        "'A' needs itself",
        "'S' has a name that depends on itself",
        "'R' has a name that depends on itself",
    }


def test_places_follow_what_a_condition_leaves_out() -> None:
    text = HEAD + "\n        - !If [Named, a, !Ref 'AWS::NoValue']\n        - !If [Any, {k: v}, w]\n"
    resolved = resolve_template(load_template(text, "t.yaml"), {}, HOME)
    path = ("Resources", "It", "Properties", "Value")
    assert str(resolved.place((*path, 0, "k"))) == "t.yaml:23:25"
    assert resolved.place((*path, 0, "k"), key=True).text[21:] == "k: v}, w]"
    assert list(resolved.resources) == ["Bucket", "Role", "Queue", "Topic", "It"]
    assert resolved.of_type("AWS::SQS::Queue")[0].properties == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a\n", ["1:1 the template is a list, expected a mapping with 'Resources'"]),
        ("Resource:\n  a: {}\n", ["1:1 'Resources' is empty, expected a mapping", "1:1 the section 'Resource' is not one of a template"]),
        ("Resources:\n  A: {}\n  B: 5\n", ["2:3 'A' in 'Resources' has no 'Type', or is no mapping", "3:3 'B' in 'Resources' has no 'Type', or is no mapping"]),
        ("Resources:\n  A: !Reff b\n", ["2:6 not YAML: the tag '!Reff' is not allowed"]),
        ("Resources:\n  A: {Type: x}\n  A: {Type: y}\n", ["3:3 the key 'A' stands twice in this mapping"]),
        ("Resources: &a\n  A: !If [*a]\n", ["1:12 not YAML: an alias contains itself"]),
    ],
)  # fmt: skip
def test_templates_that_cant_be_read(text: str, expected: list[str]) -> None:
    with pytest.raises(InputProblems) as raised:
        load_template(text, "t.yaml")
    said = [f"{p.place.line}:{p.place.column} {p.message}" for p in raised.value.problems if p.place]
    assert said == expected
    assert {problem.id for problem in raised.value.problems} == {"PB620"}


def test_an_alias_of_a_tagged_value_is_read_again() -> None:
    template = load_template("Resources:\n  A: {Type: y, Properties: {a: &t !Ref x, b: *t}}\n", "t.yaml")
    assert template.resources["A"].properties == {"a": {"Ref": "x"}, "b": {"Ref": "x"}}


GOOD = """\
version: 0.2
run-as: builder
env:
  shell: bash
  variables: {COLOUR: red}
  secrets-manager: {TOKEN: "production/git:token"}
  exported-variables: [VERDICT]
  git-credential-helper: yes
phases:
  install:
    runtime-versions: {python: 3.12}
    commands: [a]
  build:
    on-failure: ABORT
    commands:
      - |
        b
        c
      - "echo a: b"
    finally: [d]
reports:
  run: {files: build/junit.xml, base-directory: build}
artifacts:
  files: ["**/*"]
  exclude-paths: .git/**/*
  discard-paths: no
  secondary-artifacts:
    report: {files: [report.html], name: report}
cache: {key: "k-$(codebuild-hash-files x)", paths: [/root/.cache/uv/**/*]}
"""


def test_a_buildspec_is_read() -> None:
    found = parse_buildspec(GOOD, "buildspec.yml")
    assert (found.version, found.run_as, found.env.shell) == ("0.2", "builder", "bash")
    assert (found.env.variables, found.env.exported_variables) == ({"COLOUR": "red"}, ("VERDICT",))
    assert found.env.git_credential_helper is True
    phases = {name: found.phase(name) for name in PHASES}
    assert [name for name, phase in phases.items() if phase] == ["install", "build"]
    build = phases["build"]
    assert build
    assert (build.commands, build.finally_, build.on_failure) == (("b\nc\n", "echo a: b"), ("d",), "ABORT")
    assert (found.reports["run"].files, found.reports["run"].file_format) == (("build/junit.xml",), "JUNITXML")
    assert found.artifacts
    assert (found.artifacts.files, found.artifacts.exclude_paths) == (("**/*",), (".git/**/*",))
    assert found.secondary_artifacts["report"].name == "report"
    assert found.cache
    assert found.cache.paths == ("/root/.cache/uv/**/*",)


def test_our_own_buildspec_is_read() -> None:
    path = ROOT / "buildspec.yml"
    assert "VERDICT" in parse_buildspec(path.read_text("utf-8"), "buildspec.yml").env.exported_variables


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("version: 0.2", "version: 0.1", "1:10 PB622 'version' is 0.1, expected 0.2"),
        ("version: 0.2\n", "", "1:1 PB622 the key 'version' is missing"),
        ("shell: bash", "shell: zsh", "4:10 PB622 'shell' is 'zsh', expected 'bash', '/bin/sh'"),
        ("COLOUR: red", "COLOUR: 1.10", "5:23 PB622 this is 1.1, expected a text; write it in quotes"),
        ("COLOUR: red", "COLOUR: no", "5:23 PB622 this is false, expected a text; write it in quotes"),
        ("COLOUR: red", "CODEBUILD_X: y", "5:28 PB622 the variable 'CODEBUILD_X' has a name that CodeBuild keeps for itself ('CODEBUILD_')"),
        ("COLOUR: red", "PASSWORD: hunter2", "5:25 PB632 the variable 'PASSWORD' looks like a secret, and whoever may look at the build can read it"),
        ("[VERDICT]", "[A-B]", "7:24 PB622 'A-B' can't be a variable's name, expected letters, digits and '_', no digit first"),
        ("[VERDICT]", "[A, B, A]", "7:23 PB622 the variable 'A' is exported twice"),
        ("[VERDICT]", "[AWS_REGION]", "7:24 PB622 the variable 'AWS_REGION' can't be exported: CodeBuild keeps back what begins with 'AWS_'"),
        ("  install:", "  instal:", "10:3 PB622 the key 'instal' is not known here"),
        ("commands: [a]", "command: [a]", "10:3 PB622 the key 'commands' is missing"),
        ("commands: [a]", "commands: a", "12:15 PB622 'commands' is 'a', expected a list"),
        ("commands: [a]", "commands: []", "12:15 PB622 this list is empty, expected at least one entry"),
        ("commands: [a]", "commands: [5]", "12:16 PB622 this is 5, expected a text; write it in quotes"),
        ('"echo a: b"', "echo a: b", "19:9 PB622 a command is read as a mapping, because ': ' is in it; write it in quotes, or behind '|'"),
        ("on-failure: ABORT", "on-failure: STOP", "14:17 PB622 'on-failure' is 'STOP', expected ABORT, CONTINUE or RETRY"),
        ("files: build/junit.xml", "files: /build/junit.xml", "22:16 PB622 the path '/build/junit.xml' leaves the build's folder"),
        ("base-directory: build", "file-format: JUNIT", "22:46 PB622 'file-format' is 'JUNIT', expected 'CUCUMBERJSON', 'JUNITXML', 'NUNITXML', 'NUNIT3XML', 'TESTNGXML', 'VISUALSTUDIOTRX', 'CLOVERXML', 'COBERTURAXML', 'JACOCOXML', 'SIMPLECOV'"),
        ('files: ["**/*"]', 'files: ["../x"]', "24:11 PB622 the path '../x' leaves the build's folder"),
        ("    report:", "    re-port:", "28:14 PB622 're-port' can't be an artifact's name, expected letters, digits and '_'"),
        ("discard-paths: no", "discard-paths: maybe", "26:18 PB622 'discard-paths' is 'maybe', expected true or false"),
        ("[/root/.cache/uv/**/*]", "[]", "29:52 PB622 this list is empty, expected at least one entry"),
    ],
)  # fmt: skip
def test_faults_of_a_buildspec(old: str, new: str, expected: str) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(InputProblems) as raised:
        parse_buildspec(GOOD.replace(old, new), "b.yml")
    said = [f"{p.place.line}:{p.place.column} {p.id} {p.message}" for p in raised.value.problems if p.place]
    assert said[0] == expected
    assert len(said) == (2 if "command:" in new else 1), said


def test_on_failure_may_repeat() -> None:
    for word in ("CONTINUE", "RETRY", "RETRY-3", "RETRY-.*timeout.*", "RETRY-3-.*timeout.*"):
        assert parse_buildspec(GOOD.replace("ABORT", f"'{word}'"), "b.yml").phases.build
