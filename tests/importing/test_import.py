"""What is written of a definition, what it says of itself, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.errors import InputProblems
from pipeline_builder.importing.allowing import allow
from pipeline_builder.importing.given import read_given
from pipeline_builder.importing.programs import with_own_role
from pipeline_builder.importing.writing import write_repository
from pipeline_builder.sdk.room import ROLE as OF_PROGRAMS
from tests.checkout.repositories import make_repository
from tests.importing.definitions import composed_from, imported, plain
from tests.workspaces import Ended, Workspace

ROLE = "arn:aws:iam::111122223333:role/pipeline"
PROCESS: dict[str, Any] = {
    "Name": "Report",
    "Type": "Processing",
    "Arguments": {
        "AppSpecification": {"ImageUri": "img:1", "ContainerEntrypoint": ["sh", "-c", "echo $HOME ${HOME} SMP_ROLE"]},
        "RoleArn": ROLE,
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        "ProcessingInputs": [
            {
                "InputName": "code",
                "S3Input": {
                    "S3Uri": "s3://b/code/report.py",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                    "LocalPath": "/opt/ml/processing/code",
                },
            }
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "out",
                    "S3Output": {
                        "S3Uri": "s3://b/reports",
                        "LocalPath": "/opt/ml/processing/output",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
    },
    "PropertyFiles": [{"PropertyFileName": "Report", "OutputName": "out", "FilePath": "report.json"}],
}
METRIC = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Report.PropertyFiles.Report"}, "Path": "auc.value"}}
DEFINITION: dict[str, Any] = {
    "Version": "2020-12-01",
    "Metadata": {},
    "Parameters": [
        {"Name": "Bound", "Type": "Float", "DefaultValue": 0.8},
        {"Name": "Day", "Type": "String"},
        {"Name": "Mode", "Type": "String", "DefaultValue": "full", "EnumValues": ["full", "quick"]},
    ],
    "PipelineExperimentConfig": {"ExperimentName": {"Get": "Execution.PipelineName"}, "TrialName": None},
    "Steps": [
        PROCESS,
        {
            "Name": "Tell",
            "Type": "Lambda",
            "FunctionArn": "arn:aws:lambda:us-east-1:111122223333:function:tell",
            "Arguments": {"day": {"Get": "Parameters.Day"}},
            "OutputParameters": [{"OutputName": "said", "OutputType": "Boolean"}],
            "DependsOn": ["Report"],
        },
        {
            "Name": "Good",
            "Type": "Condition",
            "Arguments": {
                "Conditions": [
                    {"Type": "GreaterThanOrEqualTo", "LeftValue": METRIC, "RightValue": {"Get": "Parameters.Bound"}},
                    {
                        "Type": "Or",
                        "Conditions": [
                            {"Type": "In", "QueryValue": {"Get": "Parameters.Mode"}, "Values": ["full", "quick"]},
                            {
                                "Type": "Not",
                                "Condition": {
                                    "Type": "Equals",
                                    "LeftValue": {"Get": "Execution.PipelineName"},
                                    "RightValue": "x",
                                },
                            },
                        ],
                    },
                ],
                "IfSteps": [],
                "ElseSteps": [
                    {
                        "Name": "Bad",
                        "Type": "Fail",
                        "Arguments": {"ErrorMessage": {"Std:Join": {"On": "", "Values": ["auc is ", METRIC]}}},
                    }
                ],
            },
        },
    ],
}
ANSWER = {
    "PipelineArn": "arn:aws:sagemaker:us-east-1:111122223333:pipeline/churn",
    "PipelineName": "churn",
    "PipelineDefinition": json.dumps(DEFINITION),
    "RoleArn": ROLE,
    "ParallelismConfiguration": {"MaxParallelExecutionSteps": 3},
}
CONF = """\
conf:
  models:
    churn:
      source_directory: scripts
      lambda:
        function: arn:aws:lambda:us-east-1:111122223333:function:tell
        inputs:
          day: $params.Day
        outputs:
          said: Boolean
  sagemakerPipeline:
    pipelineName: churn
    models:
      churn:
        steps:
          - step_name: Report
            step_class: Raw
            step_type: Processing
            arguments:
"""
BRANCHES = """\
          - step_name: Tell
            step_class: Lambda
            depends_on:
              - Report
          - step_name: Good
            step_class: Condition
            conditions:
              - metric: auc.value
                of: Report
                file: Report
                at_least:
                  parameter: Bound
              - any:
                  - parameter: Mode
                    in:
                      - full
                      - quick
                  - variable: PipelineName
                    is_not: x
            else:
              - Bad
          - step_name: Bad
            step_class: Fail
            message:
              - 'auc is '
              - metric: auc.value
                of: Report
                file: Report
"""


def test_a_conf_as_people_write_it(tmp_path: Path) -> None:
    done = imported(ANSWER, name="")
    assert done.problems == ()
    assert done.text.startswith(CONF)
    assert BRANCHES in done.text
    assert (done.pipeline, done.model, done.role, done.steps, done.keyed) == ("churn", "churn", ROLE, 4, 3)
    assert {one.place: one.kind for one in done.differences} == {
        "Steps[Report].Arguments.AppSpecification.ContainerEntrypoint": "changed",
        "Parameters[ManifestCommit]": "added",
        "Parameters[Commit-churn]": "added",
        "PipelineExperimentConfig": "lost",
        "ParallelismConfiguration": "lost",
    }
    assert [(code.step, code.address) for code in done.codes] == [("Report", "s3://b/code/report.py")]


def test_texts_that_mean_something_in_a_conf_mean_themselves(tmp_path: Path) -> None:
    words = ["${HOME}", "$${HOME}", "${A:-b}", "$HOME", "yes", "1e3", "0o7", " x", "a: b", "#", "\t", "ä", "", "null"]
    step = json.loads(json.dumps(PROCESS))
    step["Arguments"]["AppSpecification"]["ContainerEntrypoint"] = words
    definition = {"Version": "2020-12-01", "Steps": [step]}
    found = composed_from(tmp_path, imported(definition))
    assert plain(found["Steps"]) == plain([step])


def test_what_has_no_form_of_its_own_is_put_together(tmp_path: Path) -> None:
    step = json.loads(json.dumps(PROCESS))
    step["Arguments"]["AppSpecification"]["ContainerEntrypoint"] = ["echo", "SMP_ROLE", "a $params.x SMP_B"]
    found = composed_from(tmp_path, imported({"Version": "2020-12-01", "Steps": [step]}))
    words = found["Steps"][0]["Arguments"]["AppSpecification"]["ContainerEntrypoint"]
    assert ["".join(word["Std:Join"]["Values"]) if isinstance(word, dict) else word for word in words] == [
        "echo",
        "SMP_ROLE",
        "a $params.x SMP_B",
    ]


def test_a_cached_step_keeps_its_variables(tmp_path: Path) -> None:
    step = json.loads(json.dumps(PROCESS))
    step |= {"CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}}
    step["Arguments"]["Environment"] = {"LEVEL": "3"}
    done = imported({"Version": "2020-12-01", "Steps": [step]})
    assert done.problems == ()
    found = composed_from(tmp_path, done)["Steps"][0]["Arguments"]["Environment"]
    assert found == {"LEVEL": "3", "SMP_CACHE_GENERATION": {"Get": "Parameters.CacheGeneration"}}
    assert "Steps[Report].Arguments.Environment.SMP_CACHE_GENERATION" in {one.place for one in done.differences}


def test_a_step_of_a_type_that_nobody_knows_yet(tmp_path: Path) -> None:
    step = {"Name": "New", "Type": "Quantum", "Arguments": {"Bits": 7}, "Beside": {"a": [1.5, True]}}
    done = imported({"Version": "2020-12-01", "Steps": [step]})
    assert plain(composed_from(tmp_path, done)["Steps"]) == [step]


def test_problems_of_the_conf_are_said(tmp_path: Path) -> None:
    step = {**PROCESS, "DependsOn": ["Nobody"]}
    done = imported({"Version": "2020-12-01", "Steps": [step]})
    assert [problem.id for problem in done.problems] == ["PB313"]


WRONG = {
    "no JSON": (b'{"Version": "2020-12-01",\n  "Steps": [}', "PB935", "definition.json:2:13: PB935 it is no JSON"),
    "inside": (
        json.dumps({"PipelineName": "p", "PipelineDefinition": '{"Steps":\n x'}).encode(),
        "PB935",
        "in 'PipelineDefinition': it is no JSON: Expecting value (line 2, column 2 of it)",
    ),
    "not UTF-8": (b'"\xff"', "PB935", "byte 1 is 0xff"),
    "a list": (b"[1]", "PB935", "expected a mapping"),
    "no steps": (b'{"Version": "2020-12-01", "Steps": []}', "PB935", "no list of 'Steps'"),
    "something else": (b'{"PipelineName": "p"}', "PB935", "no list of 'Steps'"),
    "twice": (b'{"Version": "2020-12-01", "Version": "2020-12-01"}', "PB935", "'Version' is given twice"),
    "no number": (b'{"Version": "2020-12-01", "Steps": [NaN]}', "PB935", "'NaN' is no number"),
    "half a character": (b'{"Version": "2020-12-01", "Steps": ["\\ud800"]}', "PB935", "half of a character"),
    "deep": (b"[" * 100_000, "PB935", "nested too deep"),
    "version": (b'{"Version": "2031-01-01", "Steps": [{"Name": "a", "Type": "Fail"}]}', "PB936", "2031-01-01"),
    "no version": (b'{"Steps": [{"Name": "a", "Type": "Fail"}]}', "PB936", "has no 'Version'"),
    "no name": (b'{"Version": "2020-12-01", "Steps": [{"Type": "Fail"}]}', "PB937", "Steps[0]: a step has no text"),
    "same names": (
        b'{"Version": "2020-12-01", "Steps": [{"Name": "a", "Type": "Fail"}, {"Name": "a", "Type": "Fail"}]}',
        "PB937",
        "Steps[1]: two steps have the name 'a'",
    ),
    "parameters": (
        b'{"Version": "2020-12-01", "Parameters": {"Name": "x"}, "Steps": [{"Name": "a", "Type": "Fail"}]}',
        "PB937",
        "Parameters: it is a mapping, expected a list",
    ),
    "dependencies": (
        b'{"Version": "2020-12-01", "Steps": [{"Name": "a", "Type": "Fail", "DependsOn": "b"}]}',
        "PB937",
        "Steps[0].DependsOn: it is 'b', expected a list",
    ),
    "branches": (
        b'{"Version": "2020-12-01", "Steps": [{"Name": "a", "Type": "Condition", "Arguments": {"IfSteps": {"b": 1}}}]}',
        "PB937",
        "Steps[0].Arguments.IfSteps: it is a mapping, expected a list",
    ),
    "a large number": (
        b'{"Version": "2020-12-01", "Steps": [{"Name": "a", "Type": "Fail", "Arguments": {"a": 1e999}}]}',
        "PB935",
        "a number in it is too large",
    ),
    "a whole number that is large": (
        b'{"Version": "2020-12-01", "Steps": [{"Name": "a", "Type": "Fail", "Arguments": {"a": %s}}]}' % (b"9" * 5000),
        "PB935",
        "a number in it is too large",
    ),
    "parameter": (
        b'{"Version": "2020-12-01", "Parameters": [7], "Steps": [{"Name": "a", "Type": "Fail"}]}',
        "PB937",
        "Parameters[0]: a parameter has no name",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_definition(name: str) -> None:
    content, problem, words = WRONG[name]
    with pytest.raises(InputProblems) as refused:
        read_given(content, "definition.json")
    assert [one.id for one in refused.value.problems] == [problem]
    assert words in str(refused.value.problems[0])


@pytest.mark.parametrize("kind", ["Lambda", "Callback", "QualityCheck", "EMR", "EMRServerless", "AutoML", "Quantum"])
def test_requests_of_any_shape_come_to_a_conf(kind: str) -> None:
    for odd in (7, "x", {"a": 1}, [[1]], [{"Key": [], "Value": 1, "OutputName": []}]):
        members = ("Tags", "Environment", "ProcessingInputs", "ProcessingOutputConfig", "InputDataConfig", "StepConfig")
        arguments: dict[str, Any] = dict.fromkeys(members, odd)
        arguments |= {"Environment": {"dataset_format": odd}} if odd == "x" else {}
        step: dict[str, Any] = {"Name": "a", "Type": kind, "Arguments": arguments, "FunctionArn": "f"}
        step |= {"CacheConfig": odd, "RetryPolicies": odd, "SqsQueueUrl": "q"}
        step |= {"OutputParameters": odd} if isinstance(odd, list) else {}
        assert "step_name: a" in imported({"Version": "2020-12-01", "Steps": [step]}).text


@pytest.mark.parametrize("odd", [7, "x", {}, {"On": ""}, {"On": "", "Values": 7}, [1]])
def test_expressions_of_any_shape_come_to_a_conf(odd: Any) -> None:
    fails = {"Name": "a", "Type": "Fail", "Arguments": {"ErrorMessage": {"Std:Join": odd}}}
    joined = {"On": "", "Values": ["x", {"Std:JsonGet": odd}, {"Std:Join": odd}]}
    also = {"Name": "b", "Type": "Fail", "Arguments": {"ErrorMessage": {"Std:Join": joined}}}
    compared = [{"Type": "Equals", "LeftValue": {"Std:JsonGet": odd}, "RightValue": {"Std:Join": odd}}]
    chosen = {"Name": "c", "Type": "Condition", "Arguments": {"Conditions": compared}}
    done = imported({"Version": "2020-12-01", "Steps": [fails, also, chosen]})
    assert [f"step_name: {name}" in done.text for name in "abc"] == [True] * 3
    assert allow(done.text, done.repository, "").problems


@pytest.mark.parametrize("path", ["$.scores.*", "scores[?(@.auc > 1)].auc", "scores.max()"])
def test_a_path_that_no_conf_reads_stays_as_it_is(path: str) -> None:
    done = imported(json.loads(json.dumps(DEFINITION).replace("auc.value", path)))
    assert ("metric:" in done.text, "at_least:" in done.text, done.text.count(path)) == (False, True, 2)


def test_the_role_of_a_program_is_the_services_wherever_it_stands() -> None:
    step = json.loads(json.dumps(PROCESS))
    step["Arguments"]["AppSpecification"]["ContainerArguments"] = [OF_PROGRAMS, f'"{OF_PROGRAMS}"']
    step["Arguments"]["RoleArn"] = OF_PROGRAMS
    text = with_own_role(imported({"Version": "2020-12-01", "Steps": [step]})).text
    assert (text.count("SMP_ROLE"), OF_PROGRAMS in text) == (3, False)


def test_what_is_there_stays_as_it_is(tmp_path: Path) -> None:
    def refused(folder: Path, uploads: dict[str, bytes]) -> list[str]:
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(InputProblems) as caught:
            write_repository(folder, "conf: {}\n", uploads)
        assert sorted(tmp_path.rglob("*")) == before
        return [f"{problem.id} {problem.message}" for problem in caught.value.problems]

    upload = {"s3://b/uploads/a/run.py": b"print()"}
    folder, keys = tmp_path / "out", tmp_path / "keys"
    (folder / "uploads" / "a").mkdir(parents=True)
    (folder / "uploads" / "a" / "run.py").write_text("mine")
    (said,) = refused(folder, upload)
    assert said.endswith("/uploads/a/run.py' is there already, and is another file")
    (keys / "a").mkdir(parents=True)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "uploads").symlink_to(keys)
    (said,) = refused(tmp_path / "linked", upload)
    assert "/uploads/a/run.py' can't be written: it is a link" in said
    (tmp_path / "linked" / "conf").symlink_to(keys)
    assert len(refused(tmp_path / "linked", upload)) == 2
    for name in ("", "a//b", "../b", "a\x1b[2J"):
        (said,) = refused(tmp_path / "new", {f"s3://b/uploads/{name}": b""})
        assert said.startswith("PB940 an upload has a name that is no file's"), name
    assert write_repository(tmp_path / "new", "conf: {}\n", upload) == (
        "scripts/.gitkeep", "uploads/a/run.py", "conf/conf.yaml"
    )  # fmt: skip
    assert write_repository(tmp_path / "new", "conf: {}\n", upload) == ()


@pytest.fixture
def empty(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def take(workspace: Workspace, *arguments: str) -> Ended:
    return workspace.call("import", *arguments)


@pytest.mark.long
def test_the_command(empty: Workspace) -> None:
    file = empty.root / "churn.json"
    file.write_text(json.dumps(ANSWER))
    done = take(empty, "churn.json")
    assert done.code == 0, done.err
    assert "churn/conf/conf.yaml: 4 steps, 3 in keys of their class" in done.out
    assert "PipelineExperimentConfig: not said, " in done.out
    assert "Report: echo $HOME ${HOME} SMP_ROLE in s3://b/code/report.py" in done.out
    conf = empty.root / "churn/conf/conf.yaml"
    written = conf.read_text()
    again = take(empty, "churn.json")
    assert (again.code, conf.read_text()) == (0, written)
    assert "it was there already" in again.out
    conf.write_text(f"{written}# mine\n")
    refused = take(empty, "churn.json")
    assert (refused.code, conf.read_text()) == (1, f"{written}# mine\n")
    assert "PB939 'churn/conf/conf.yaml' is there already" in refused.err
    elsewhere = take(empty, "churn.json", "--out", "models/new", "--name", "other", "--json")
    found = json.loads(elsewhere.out)
    assert (found["pipeline"], found["model"], found["problems"]) == ("other", "other", [])
    assert {"place": "PipelineExperimentConfig", "kind": "lost"}.items() <= next(
        one for one in found["differences"] if one["place"] == "PipelineExperimentConfig"
    ).items()
    assert (empty.root / "models/new/scripts/.gitkeep").exists()


@pytest.mark.parametrize(
    ("pipeline", "repository"), [("ChurnPipeline", "churnpipeline"), ("2024", "2024"), ("A" * 256, "a" * 64)]
)
def test_a_pipeline_may_have_any_name(empty: Workspace, pipeline: str, repository: str) -> None:
    (empty.root / "p.json").write_text(json.dumps({**ANSWER, "PipelineName": pipeline}))
    done = take(empty, "p.json")
    assert done.code == (0 if len(pipeline) < 100 else 1), done.err  # such a long one makes no names of jobs
    assert f"repos: [{{name: {repository}, url: {repository}}}]" in done.err
    assert (empty.root / repository / "conf/conf.yaml").exists()


def test_a_definition_cannot_speak_for_the_command(empty: Workspace) -> None:
    text = "x\ncomposed it is what was given"
    (empty.root / "p.json").write_text(json.dumps({**ANSWER, "PipelineDescription": text, "RoleArn": f"{ROLE}\nlie"}))
    done = take(empty, "p.json")
    assert "PipelineDescription: not said, x\\ncomposed it is what was given" in done.out
    assert "composed it is what was given" not in done.out.splitlines()
    assert "lie:" not in [line.partition(" ")[0] for line in done.err.splitlines()]


def test_uploads_of_a_program_are_written_over_nothing(tmp_path: Path) -> None:
    uploads = {"s3://b/uploads/say.py": b"theirs", "s3://b/uploads/deep/a": b"a"}
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads/say.py").write_text("mine")
    with pytest.raises(InputProblems) as refused:
        write_repository(tmp_path, "conf: {}\n", uploads)
    assert [problem.id for problem in refused.value.problems] == ["PB939"]
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()] == ["uploads/say.py"]
    (tmp_path / "uploads/say.py").write_text("theirs")
    assert write_repository(tmp_path, "conf: {}\n", uploads) == ("scripts/.gitkeep", "uploads/deep/a", "conf/conf.yaml")


def test_what_is_written_is_valid_with_the_policy_that_is_said(empty: Workspace) -> None:
    (empty.root / "churn.json").write_text(json.dumps(ANSWER))
    said = json.loads(take(empty, "churn.json", "--json").out)
    make_repository(empty.root / "churn")
    manifest = f"version: 1\nrepos: [{{name: churn, url: churn}}]\n{said['policy']}"
    (empty.root / "model_repos.yaml").write_text(manifest)
    assert empty.call("checkout", SMP_ROLE=ROLE).code == 0
    valid = empty.call("validate", SMP_ROLE=ROLE)
    assert valid.code == 0, valid.err
    assert "s3://b/code/report.py" in said["policy"]


def test_problems_end_the_command_after_the_conf_is_written(empty: Workspace) -> None:
    step = {**PROCESS, "DependsOn": ["Nobody"]}
    (empty.root / "d.json").write_text(json.dumps({"Version": "2020-12-01", "Steps": [step]}))
    wrong = json.loads(json.dumps({"Version": "2020-12-01", "Steps": [PROCESS]}))
    wrong["Steps"][0]["Arguments"]["ProcessingResources"]["ClusterConfig"]["InstanceType"] = "ml.m5"
    (empty.root / "wrong.json").write_text(json.dumps(wrong))
    unsound = take(empty, "wrong.json", "--name", "q", "--json")
    assert (unsound.code, [one["id"] for one in json.loads(unsound.out)["problems"]]) == (1, ["PB404"])
    no_name = take(empty, "d.json")
    assert (no_name.code, "PB938" in no_name.err) == (1, True)
    done = take(empty, "d.json", "--name", "p")
    assert (done.code, "PB313 there is no step 'Nobody'" in done.err) == (1, True)
    assert (empty.root / "p/conf/conf.yaml").exists()


def test_what_cannot_be_read(empty: Workspace) -> None:
    (empty.root / "churn.json").write_text(json.dumps(ANSWER))
    missing = take(empty, "nothing.json")
    assert (missing.code, "PB935 cannot read 'nothing.json'" in missing.err) == (1, True)
    (empty.root / "powershell.json").write_bytes(json.dumps(ANSWER).encode("utf-16"))
    other = take(empty, "powershell.json")
    said = "PB935 'powershell.json' is not UTF-8 text: it is UTF-16, which PowerShell's '>' writes"
    assert (other.code, said in other.err) == (1, True)
    program = take(empty, "nothing.py")
    assert (program.code, "PB940 there is no file 'nothing.py'" in program.err) == (1, True)
    option = take(empty, "churn.json", "--function", "build")
    assert (option.code, "--function is for a program (.py)" in option.err) == (2, True)
