"""The machines of pipelines that score, played: events in batches, and a Wait for which nothing was started."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from jsonata import Jsonata
from moto.stepfunctions.parser.asl.jsonata import jsonata

from pipeline_builder.service.cloudformation.rendering.rendering import SERVICE, render_templates
from pipeline_builder.service.rehearsal.rehearse import load_service
from pipeline_builder.service.rehearsal.template import Service
from pipeline_builder.service.rehearsal.waiting.interpreter import Ended, Means, interpret
from tests.service.services import ACCOUNT, REGION, read_service, read_template

TRIGGER = {"data": ["s3://exports/a/", "s3://others/"], "batch_minutes": 5, "approval": True}
PIPELINES = ({"name": "training"}, {"name": "scoring", "kind": "inference", "trigger": TRIGGER})
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:model-service"
CAUSE = "0f8fad5b-d9cb-469f-a165-70867728950e"
# botocore's classes, as the interpreter names errors by them.
_ERRORS = boto3.client("stepfunctions", region_name=REGION).exceptions
TOKEN = "f3b5c8e2-0000-4000-8000-000000000000"


@dataclass
class Account:
    """Step Functions, CodePipeline and SageMaker as far as the machines ask them; a pause takes no time."""

    service: Service
    begun: dict[str, str] = field(default_factory=dict)  # batches by name
    paused: list[float] = field(default_factory=list)
    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def play(self, machine: str, name: str, given: Any) -> Ended:
        arn = f"{MACHINE}-{machine}"
        found = self.service.machines[arn]
        played = {
            "arn": arn, "role": found.role_arn, "name": name, "started": "2026-11-29T13:05:00Z", "input": given,
            "definition": found.played,
        }  # fmt: skip
        means = Means(client=lambda *_: self, pause=self.paused.append, note=lambda _: None)
        return interpret(played, means)

    def start_execution(self, **request: Any) -> Any:
        """As of a machine of which each batch has ended: a name is there once."""
        assert request["stateMachineArn"] == f"{MACHINE}-batch"
        if request["name"] in self.begun:
            metadata: Any = {"HTTPStatusCode": 400, "RequestId": CAUSE}
            said = {"Code": "ExecutionAlreadyExists", "Message": "there"}
            raise _ERRORS.ExecutionAlreadyExists({"Error": said, "ResponseMetadata": metadata}, "StartExecution")
        self.begun[request["name"]] = request["input"]
        return {"executionArn": "arn", "startDate": 0}

    def get_pipeline_state(self, **_: Any) -> Any:
        wait = {"actionName": "Wait", "latestExecution": {"status": "InProgress", "token": TOKEN}}
        score = {
            "stageName": "Score",
            "latestExecution": {"pipelineExecutionId": CAUSE, "status": "InProgress"},
            "actionStates": [{"actionName": "Start"}, wait, {"actionName": "Judge"}],
        }
        return {"stageStates": [{"stageName": "Source"}, {"stageName": "Build"}, score, {"stageName": "Publish"}]}

    def __getattr__(self, operation: str) -> Any:
        def noted(**request: Any) -> Mapping[str, Any]:
            self.asked.append((operation, request))
            return {}

        return noted


@pytest.fixture(scope="module")
def files() -> Mapping[str, str]:
    model, problems = read_service(pipelines=PIPELINES, schedules=(), wait="step-functions")
    assert [str(problem) for problem in problems if not problem.warning] == []
    return render_templates(model)


@pytest.fixture
def account(files: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Account:
    # The interpreter is LocalStack's, which gives expressions to a Java library; this is the same one in Python.
    monkeypatch.setattr(jsonata, "_eval_jsonata", lambda expression: Jsonata(expression).evaluate(None))
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            Path(folder, name).write_text(text)
        return Account(load_service(Path(folder), ACCOUNT, REGION, "model-service-scoring"))


def arrival(files: Mapping[str, str], rule: str, time: str) -> str:
    """Return what a rule tells the first machine of an event."""
    (target,) = read_template(files[SERVICE])["Resources"][rule]["Properties"]["Targets"]
    transformed = target["InputTransformer"]
    assert transformed["InputPathsMap"] == {"time": "$.time"}
    return str(transformed["InputTemplate"]).replace("<time>", time)


@pytest.mark.long
def test_events_of_one_time_are_one_start(account: Account, files: Mapping[str, str]) -> None:
    times = ("2026-11-29T13:00:00Z", "2026-11-29T13:04:59Z", "2026-11-29T13:05:00Z", "2026-11-29T13:00:00Z")
    for number, time in enumerate(times):
        for rule in ("OfScoringLanding1", "OfScoringLanding2", "OfScoringApproved")[: 3 if time == times[0] else 2]:
            ended = account.play("arrivals", f"{rule}-{number}", json.loads(arrival(files, rule, time)))
            assert ended.status == "SUCCEEDED", ended
    told = {name: json.loads(text) for name, text in account.begun.items()}
    assert [(name.rpartition("-")[0], one["until"], one["trigger"]) for name, one in told.items()] == [
        ("scoring-data", "2026-11-29T13:05:00.000Z", "data"),
        ("scoring-approval", "2026-11-29T13:01:00.000Z", "approval"),
        ("scoring-data", "2026-11-29T13:10:00.000Z", "data"),
    ]
    for name, given in told.items():
        assert account.play("batch", name, given).status == "SUCCEEDED"
    starts = [request for operation, request in account.asked if operation == "start_pipeline_execution"]
    assert [(start["name"], start["clientRequestToken"]) for start in starts] == [
        ("model-service-scoring", name) for name in told
    ]
    assert starts[0]["variables"] == [{"name": "TRIGGER", "value": "data"}]


def test_a_wait_for_nothing_is_answered_at_once(account: Account) -> None:
    given = {"cause": CAUSE, "execution": "none", "limit": 0, "own": False}
    assert account.play("scoring-wait", CAUSE, given).status == "SUCCEEDED"
    ((operation, request),) = account.asked  # SageMaker isn't
    assert (operation, request["stageName"], request["token"]) == ("put_approval_result", "Score", TOKEN)
    assert request["result"]["status"] == "Approved"
    assert request["result"]["summary"].startswith("Nothing was started")
    assert account.paused == []
