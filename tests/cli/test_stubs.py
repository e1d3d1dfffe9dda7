"""Steps that this machine can't run: composed, applied, refused without a stub, and given by one; and who may approve."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.tiny import TRAIN as TRAIN_SCRIPT
from tests.tiny import variant
from tests.workspaces import Workspace, make_workspace

TUNE = """\
          - step_name: churn_Tune
            step_class: Tuning
            depends_on: [churn-Preprocess]
            arguments:
              HyperParameterTuningJobConfig:
                Strategy: Bayesian
                ResourceLimits: {MaxNumberOfTrainingJobs: 2, MaxParallelTrainingJobs: 1}
              TrainingJobDefinition:
                AlgorithmSpecification: {TrainingImage: "example.com/tiny:1", TrainingInputMode: File}
                OutputDataConfig: {S3OutputPath: s3://SMP_S3BUCKETNAME/tiny/churn/tuned}
                ResourceConfig: {InstanceCount: 1, InstanceType: $params.type, VolumeSizeInGB: 10}
                StoppingCondition: {MaxRuntimeInSeconds: 600}
"""
PARAMETERS = """\
    parameters:
      - {name: type, default: ml.m5.large}
      - {name: count, type: Integer, default: 1}
      - {name: group, default: tiny-churn}
"""
BEST = "Steps.churn_Tune.BestTrainingJob.TrainingJobName"
CHANGED = variant(
    ("        entry_point: train.py\n", "        entry_point: train.py\n        instance_count: $params.count\n"),
    ("        ModelRepack:", "        ModelPackageGroupName: $params.group\n        ModelRepack:"),
    ("        hyperparams: {scale: 2}\n", f"        hyperparams: {{scale: 2, best: {{Get: {BEST}}}}}\n"),
    ("          - step_name: churn-Train\n", f"{TUNE}          - step_name: churn-Train\n"),
)
TRAIN = TRAIN_SCRIPT.replace(
    'parser.add_argument("--scale", type=float)\n',
    'parser.add_argument("--scale", type=float)\nparser.add_argument("--best")\nprint("best:", parser.parse_args().best)\n',
)
STUB = {"BestTrainingJob": {"TrainingJobName": "tuned-7", "TrainingJobStatus": "Completed"}}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = make_workspace(tmp_path_factory.mktemp("stubs"), conf=CHANGED + PARAMETERS)
    workspace.push("scripts/train.py", TRAIN)
    (workspace.root / "tune.json").write_text(json.dumps(STUB))
    assert workspace.call("checkout").code == 0
    return workspace


def test_a_step_that_isnt_run_here_is_composed_and_applied(workspace: Workspace) -> None:
    assert workspace.call("validate").code == 0
    assert workspace.call("build").code == 0
    definition = json.loads((workspace.root / "build" / "pipeline_definition.json").read_bytes())
    step = next(step for step in definition["Steps"] if step["Name"] == "churn_Tune")
    assert step["Type"] == "Tuning"
    assert step["DependsOn"] == ["churn-Preprocess"]
    assert step["Arguments"]["TrainingJobDefinition"]["RoleArn"].startswith("arn:aws:iam::")


def test_without_a_stub_nothing_runs(workspace: Workspace) -> None:
    ended = workspace.call("up")
    assert ended.code == 1
    place = r"conf/conf\.yaml:\d+:24: PB501 step 'churn_Tune': the local engine can't run a 'Tuning' step"
    assert re.search(place, ended.err), ended.err
    assert "--stub churn_Tune=FILE.json" in ended.err


def test_validate_says_what_this_machine_does_not_run(workspace: Workspace) -> None:
    here = ("validate", "--target", "local")
    place = r"conf/conf\.yaml:\d+:24: {}PB501 step 'churn_Tune': the local engine can't run a 'Tuning' step"
    refused = workspace.call(*here)
    assert (refused.code, bool(re.search(place.format(""), refused.err))) == (1, True), refused.err
    assert "--stub churn_Tune=FILE.json" in refused.err
    plain = workspace.call("validate", "--json")
    found = json.loads(plain.out)
    assert (plain.code, found["counts"]["errors"]) == (0, 0)
    assert [one["place"]["column"] for one in found["problems"] if one["id"] == "PB501" and one["warning"]] == [24]
    given = workspace.call(*here, "--stub", "churn_Tune=tune.json")
    assert (given.code, "PB501" in given.err) == (0, False), given.err
    wrong = workspace.call("validate", "--stub", "nope=tune.json", "--stub", "churn-Register=tune.json")
    assert (wrong.code, wrong.err.count("PB274 the step ") + wrong.err.count("PB274 there")) == (1, 2), wrong.err


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("churn_Tune", None, "can't be used: No such file or directory"),
        ("churn_Tune", "[1]", "it is no mapping"),
        ("churn_Tune", '"no"', "it is no mapping"),
        ("churn_Tune", "{", "it is no JSON"),
        ("churn_Tune", '{"BestTrainingJob": "\\ud800"}', "it has text with half a character"),
        ("churn-Register", "{}", "the step 'churn-Register' can't have a stub"),
        ("nope", "{}", "there is no step 'nope', which the stub is for"),
    ],
)
def test_what_is_no_stub(workspace: Workspace, name: str, content: str | None, said: str) -> None:
    if content is not None:
        (workspace.root / "bad.json").write_text(content)
    file = "bad.json" if content is not None else "none.json"
    ended = workspace.call("up", "--stub", "churn_Tune=tune.json", "--stub", f"{name}={file}")
    assert (ended.code, "PB274" in ended.err, said in ended.err) == (1, True, True), ended.err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("type=ml.nope", "PB404 step 'churn_Tune': 'TrainingJobDefinition.ResourceConfig.InstanceType' is 'ml.nope'"),
        ("count=0", "PB257 step 'churn-Train'"),
        ("group=bad_group!!", "PB405 step 'churn-Register': 'ModelPackageGroupName' is 'bad_group!!'"),
        ("group=", "PB414 the parameter 'group' has 0 characters, expected 1 to 1024"),
    ],
)
def test_values_that_are_given_are_held_against_the_requests(workspace: Workspace, given: str, said: str) -> None:
    ended = workspace.call("up", "--stub", "churn_Tune=tune.json", "--parameter", given)
    assert ended.code == 1
    assert said in ended.err
    if given[-1] != "=":
        assert f"(what was given for the parameter '{given.partition('=')[0]}')" in ended.err


@pytest.mark.long
def test_a_run_with_a_stub_and_its_approval(workspace: Workspace) -> None:
    ended = workspace.call("up", "--stub", "churn_Tune=tune.json", "--approve", "--json")
    assert ended.code == 3, ended.err
    assert "PB275 steps of the run did not run, their results are stubs: 'churn_Tune'" in ended.err
    said = ("6 to run, 0 from the cache, 1 stub", "churn_Tune         Succeeded: a stub, it did not run")
    assert [words in ended.err for words in said] == [True, True], ended.err
    assert re.search(r"churn_Tune +Succeeded .* a stub, it did not run", workspace.call("status").out)
    report = (workspace.root / "build" / "report.html").read_text()
    assert '<span class="state stub">stub</span><br><small class="soft">it did not run</small>' in report
    assert re.search('<g class="step stub[^>]*><title>churn_Tune: Tuning of churn, stub', report)
    record = json.loads((workspace.root / "build" / "run.json").read_bytes())
    assert record["status"] == "Succeeded"
    stubs = {step["name"]: step["stub"] for step in record["steps"] if step["stub"]}
    assert list(stubs) == ["churn_Tune"]
    assert f"'churn_Tune' did not run: its result is a stub, {stubs['churn_Tune'][:12]}" in record["verdict"]["reasons"]
    assert workspace.call("logs", "churn-Train").out == "best: tuned-7\nmean: 4.0\n"
    accepted = workspace.call("promote", "--accept-stubs", "--comment", "played")
    assert accepted.code == 0, accepted.err
    described = json.loads((workspace.root / "build" / "run.json").read_bytes())["packages"][0]["approval_description"]
    assert "stubs for churn_Tune, evidence" in described


@pytest.mark.long
def test_another_stub_is_another_run(workspace: Workspace) -> None:
    workspace.call("up", "--stub", "churn_Tune=tune.json")
    (workspace.root / "other.json").write_text(json.dumps({**STUB, "FailureReason": "none"}))
    again = workspace.call("run", "--stub", "churn_Tune=tune.json")
    other = workspace.call("run", "--stub", "churn_Tune=other.json")
    assert "nothing changed since execution" in again.err
    assert "nothing changed since execution" in workspace.call("run", SMP_STUBS="churn_Tune=tune.json").err
    assert workspace.call("run", "--target", "aws", "--stub", "churn_Tune=tune.json").code == 2
    assert (other.code, "nothing changed" in other.err) == (0, False), other.err


def test_a_default_that_fits_nowhere(tmp_path: Path) -> None:
    conf = CHANGED + PARAMETERS.replace("default: ml.m5.large", "default: ml.nope")
    workspace = make_workspace(tmp_path, conf=conf, state=False)
    assert workspace.call("checkout").code == 0
    ended = workspace.call("validate")
    assert ended.code == 1
    assert "PB404 step 'churn_Tune'" in ended.err
    assert "(the default of the parameter 'type')" in ended.err


def test_what_stands_nameless_in_a_step_has_that_steps_place(tmp_path: Path) -> None:
    inner = "          - step_name: gate\n            step_class: Condition\n            arguments:\n"
    inner += "              Conditions: [{Type: Equals, LeftValue: 1, RightValue: 1}]\n"
    inner += "              IfSteps: [{}]\n              ElseSteps: []\n"
    train = "          - step_name: churn-Train\n"
    workspace = make_workspace(tmp_path, conf=variant((train, inner + train)), state=False)
    assert workspace.call("checkout").code == 0
    ended = workspace.call("validate")
    said = r"conf\.yaml:4\d:\d+: PB411 'Steps\[\d\]\.Arguments\.IfSteps\[0\]\.Type' is missing"
    assert (ended.code, bool(re.search(said, ended.err))) == (1, True), ended.err
