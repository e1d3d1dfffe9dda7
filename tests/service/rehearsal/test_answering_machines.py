"""A tiny service whose approval a state machine answers: or doesn't, or too late."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.errors import Problem
from pipeline_builder.service.rehearsal import rehearse
from pipeline_builder.service.rehearsal.record import Rehearsal
from pipeline_builder.service.rehearsal.rehearse import Rehearsing
from pipeline_builder.service.rehearsal.summary import rehearsal_problems, render_rehearsal
from pipeline_builder.service.rehearsal.tools import Answer, Question
from pipeline_builder.service.rehearsal.waiting.interpreting import Interpreter
from tests.service.rehearsal.rehearsals import Tiny, make_tiny
from tests.service.rehearsal.waiting.waits import Inside

ANSWERS = {
    "StartAt": "Ask",
    "States": {
        "Ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:codepipeline:getPipelineState",
            "Parameters": {"Name.$": "$.pipeline"},
            "ResultPath": "$.state",
            "Next": "Answer",
        },
        "Answer": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:codepipeline:putApprovalResult",
            "Parameters": {
                "PipelineName.$": "$.pipeline",
                "StageName": "Approve",
                "ActionName": "Approve",
                "Token.$": "$.state.StageStates[2].ActionStates[0].LatestExecution.Token",
                "Result": {"Status": "${word}", "Summary": "it is done"},
            },
            "End": True,
        },
    },
}
FAILS = {"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "Broken", "Cause": "on purpose"}}}
SLEEPS = {
    "StartAt": "Long",
    "States": {"Long": {"Type": "Wait", "Seconds": 7200, "Next": "Well"}, "Well": {"Type": "Succeed"}},
}
MACHINE = """\
  Machine:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      StateMachineName: answers
      RoleArn: !GetAtt MachineRole.Arn
      DefinitionSubstitutions: {word: Approved}
      Definition: DEFINITION
  MachineRole:
    Type: AWS::IAM::Role
    Properties:
      RoleName: answers
      Policies:
        - PolicyName: own
          PolicyDocument:
            Statement:
              - {Effect: Allow, Action: "codepipeline:Get*", Resource: !Sub "arn:aws:codepipeline:${AWS::Region}:${AWS::AccountId}:tiny"}
              - {Effect: Allow, Action: ["codepipeline:PutApprovalResult"], Resource: ["arn:aws:codepipeline:*:*:tiny/Approve/*"]}
  Asked:
    Type: AWS::Events::Rule
    Properties:
      Name: asked
      EventPattern:
        source: [aws.codepipeline]
        detail: {pipeline: [!Ref Pipeline], action: [Approve], state: [STARTED]}
      Targets:
        - Id: machine
          Arn: !Ref Machine
          RoleArn: !GetAtt MachineRole.Arn
          InputTransformer:
            InputPathsMap: {pipeline: $.detail.pipeline, state: $.detail.state}
            InputTemplate: '{"pipeline": <pipeline>, "words": "it is <state>"}'
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return make_tiny(tmp_path)


def play(
    tiny: Tiny, definition: Any, *, pace: float = 1, interpreter: Interpreter | None = None, resumed: bool = False
) -> Rehearsal:
    path = tiny.root / "rendered" / "service.yaml"
    if not resumed:
        path.write_text(path.read_text() + MACHINE.replace("DEFINITION", json.dumps(definition)))
    warned = list[Problem]()
    at = Rehearsing(
        shared=tiny.root / "rehearsals",
        manifest=tiny.root / "repo" / "model_repos.yaml",
        account="111122223333",
        region="us-east-1",
        environment={"PATH": "/usr/bin:/bin", "HOME": str(tiny.root)},
        given={"PY": sys.executable},
        say=lambda _: None,
        warn=warned.append,
        ask=_nobody,
        unchecked=True,
        pace=pace,
        interpreter=interpreter or Inside(),
    )
    return (rehearse.resume(at, "") if resumed else rehearse.begin(at, tiny.root / "rendered", {}))[1]


def _nobody(question: Question) -> Answer | None:
    raise AssertionError(question)


@pytest.mark.long
def test_a_state_machine_answers_with_what_the_rule_gave_it(tiny: Tiny) -> None:
    record = play(tiny, ANSWERS)
    assert record.status == "Succeeded"
    (machine,) = record.machines
    assert json.loads(machine.given) == {"pipeline": "tiny", "words": "it is STARTED"}
    assert (machine.status, machine.states, machine.transitions) == ("SUCCEEDED", {"Ask": 1, "Answer": 1}, 3)
    decision = record.stage("Approve").action("Approve").decision
    assert decision is not None
    assert (decision.by, decision.comment) == ("the state machine answers", "it is done")
    # The last stage asks CodePipeline who it was: a session of the machine's role.
    who = (tiny.root / "rehearsals" / "target.who").read_text()
    assert who == f"Succeeded {machine.name} it is done\n"
    assert "machine  answers  SUCCEEDED" in render_rehearsal(record, tiny.root)


@pytest.mark.long
def test_one_that_fails_is_said_and_begun_anew(tiny: Tiny) -> None:
    record = play(tiny, FAILS)
    (problem,) = rehearsal_problems(record)
    assert problem.id == "PB678"
    assert "the state machine has ended (FAILED: Broken: on purpose) and has not answered; on AWS" in problem.message
    assert "60 minutes" in problem.message
    again = play(tiny, FAILS, resumed=True)
    assert [machine.status for machine in again.machines] == ["FAILED", "FAILED"]
    assert again.stage("Approve").action("Approve").attempt == 2
    assert len(again.stage("Approve").action("Approve").past) == 1


def test_one_that_waits_too_long_is_too_late(tiny: Tiny) -> None:
    record = play(tiny, SLEEPS, pace=36_000)
    (problem,) = rehearsal_problems(record)
    assert problem.id == "PB659"
    assert "nobody has answered within 60 minutes" in problem.message
