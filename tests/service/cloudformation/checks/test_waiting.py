"""Checks of what waits for a run, in the rendered service: each planted fault is found in its place."""

from __future__ import annotations

from functools import cache

import pytest

from pipeline_builder.errors import Problem
from pipeline_builder.service.cloudformation.checks import check_service
from pipeline_builder.service.cloudformation.evaluation.buildspec import parse_buildspec
from pipeline_builder.service.cloudformation.evaluation.document import load_template
from pipeline_builder.service.cloudformation.rendering.rendering import parameter_values, render_templates
from tests.places import ROOT
from tests.service.services import read_service

QUIET = {"url": "https://git.example.com/acme/quiet.git", "trigger": "none"}
NAMES = ("storage.yaml", "service.yaml")


@cache
def rendered() -> tuple[dict[str, str], dict[str, str]]:
    model, _ = read_service(repos=(QUIET,), schedules=(), wait="step-functions", name="models")
    files = render_templates(model)
    return {name: files[name] for name in NAMES}, {key: text for key, text in parameter_values(model).items() if text}


def check(old: str = "", new: str = "") -> tuple[Problem, ...]:
    texts, values = rendered()
    assert old in texts["service.yaml"]
    texts = {**texts, "service.yaml": texts["service.yaml"].replace(old, new, 1)} if old else texts
    buildspec = parse_buildspec((ROOT / "buildspec.yml").read_text(), "buildspec.yml")
    return check_service({name: load_template(text, name) for name, text in texts.items()}, buildspec, values)


def test_a_good_one_passes() -> None:
    assert check() == ()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"Next": "Begin"', '"Next": "Began"', "PB745 'Began' is no state of the machine"),
        ('"Next": "LookForWait"', '"Next": "Look"', "PB745 nothing leads to the state 'LookForWait'"),
        ('"StartAt"', '"StartsAt"', "PB745 the definition of 'WaitMachine' is no JSON with 'StartAt' and 'States'"),
        (
            '"codepipeline:GetPipelineState"', '"codepipeline:GetPipeline"',
            "PB745 the state 'LookForWait' calls codepipeline:GetPipelineState, and the role 'WaitRole' may not",
        ),
        (
            "aws-sdk:sagemaker:stopPipelineExecution", "sagemaker:stop",
            "PB745 the state 'Stop' calls arn:aws:states:::sagemaker:stop, which is no call of AWS's SDK, and the role",
        ),
        (
            "            - Name: Wait\n", "            - Name: Await\n",
            "PB745 the state machine answers the action 'Wait' of the stage 'Train', which the pipeline doesn't have",
        ),
        (
            "        - Name: Build\n          Actions:", "        - Name: Test\n          Actions:\n            - Name: Look\n"
            "              ActionTypeId: {Category: Approval, Owner: AWS, Provider: Manual, Version: '1'}\n"
            "              TimeoutInMinutes: 60\n"
            "              Configuration: {NotificationArn: !Ref Topic, CustomData: x}\n        - Name: Build\n          Actions:",
            "PB745 the state machine looks at action 1 of stage 2, and 'Wait' is action 1 of stage 3",
        ),
        ("TimeoutInMinutes: 720", "TimeoutInMinutes: 480", "PB745 'Wait' is over after 480 minutes, and a run may take 480"),
        ("LogGroupArn: !GetAtt WaitLog.Arn", "LogGroupArn: x", "PB745 'WaitMachine' doesn't log to a group"),
        (
            '                  {"name": "STAGE", "value": "judge"},\n', "",
            "PB745 neither the action 'Judge' nor its project says which stage it is ('STAGE')",
        ),
        ('"ActionName": "Wait"', '"ActionName": "Approve"', "PB745 the state machine answers the action 'Approve'"),
        (
            "ActionStates[2].ActionName", "ActionStates[2].ActionStatus",
            "PB745 the state machine looks at action 2 of stage 2 without a look at its name",
        ),
        ("action: [Wait]", "action: [Awaits]", "PB630 the action 'Awaits' is not in the templates"),
        ("#{Start.EXECUTION_ARN}", "#{Train.EXECUTION_ARN}", "PB627 '#{Train.EXECUTION_ARN}' refers to the namespace"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_found(old: str, new: str, said: str) -> None:
    found = [str(problem).split("service.yaml:", 1)[-1] for problem in check(old, new)]
    assert any(said in text for text in found), found
