"""Faults between boto3 and the server: what the user sees, that nothing is written twice, and nothing is lost.

They are injected by botocore's own events, below its retries; behind them is `serve`. Waiting between tries is cut out.
"""

from __future__ import annotations

import io
import json
import signal
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.endpoint
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.connect import AwsSettings, open_aws_target
from pipeline_builder.aws.facts import Facts
from pipeline_builder.canonical import canonical
from pipeline_builder.descriptions import Execution
from pipeline_builder.engine.execution.starts import Request, put_execution
from pipeline_builder.errors import OutsideFailure, PlanRefused
from pipeline_builder.machine.deadline import TimeIsUpError, time_limit
from pipeline_builder.release.apply import apply
from pipeline_builder.release.plan import build_plan
from pipeline_builder.release.run import Start, go_on, start
from pipeline_builder.target import Target
from tests.definition.composing import compose_definition
from tests.engine.definitions import definition, script
from tests.serve.serving import ROLE, Served, serving

Send = Callable[..., Any]


class _Body(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def refusal(code: str, status: int = 400) -> Send:
    """Answer with an error, as the service would, in place of the server."""

    def send(request: Any, **_: Any) -> AWSResponse:
        body = json.dumps({"__type": code, "message": f"{code}, says the test"}).encode()
        return AWSResponse(request.url, status, {"x-amzn-ErrorType": code}, _Body(body))

    return send


def lost_answer(request: Any, **_: Any) -> None:
    """Let the server do what it is asked for, and lose its answer."""
    URLLib3Session().send(request)
    raise ConnectionClosedError(endpoint_url=request.url)


def silence(request: Any, **_: Any) -> None:
    raise ReadTimeoutError(endpoint_url=request.url)


@dataclass(frozen=True)
class Setup:
    """A target whose calls go wrong as `fail` says."""

    target: Target
    aws: Aws
    served: Served

    def fail(self, operation: str, send: Send, times: int) -> list[int]:
        """Let the next `times` tries of an operation go wrong; return a list that counts all its tries."""
        tries: list[int] = []

        def handler(request: Any, **more: Any) -> Any:
            tries.append(1)
            return send(request, **more) if len(tries) <= times else None

        service = "s3" if operation in ("PutObject", "ListObjectsV2") else "sagemaker"
        self.aws.client(service).meta.events.register_first(f"before-send.{service}.{operation}", handler)
        return tries

    def ended(self, begun: Start) -> Execution:
        """Return the execution when it has ended."""
        self.served.end(begun.execution.arn)
        found = self.target.pipelines.describe_execution(begun.execution.arn)
        assert found
        return found


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setup]:
    monkeypatch.setattr(botocore.endpoint, "time", types.SimpleNamespace(sleep=lambda _: None))
    with serving(tmp_path) as served:
        monkeypatch.setenv("AWS_ENDPOINT_URL", served.url)
        served.s3.create_bucket(Bucket="local")
        aws = Aws("us-east-1", session=boto3.session.Session(**served.keys))
        settings = AwsSettings(region="us-east-1", role=ROLE, bucket="local")
        yield Setup(open_aws_target(settings, aws=aws), aws, served)


CONTENT = canonical(json.loads(definition(script("A", "true"))))
PASSING = [
    refusal("ThrottlingException"), refusal("ServiceUnavailable", 503), refusal("InternalFailure", 500), silence, lost_answer,
]  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("fault", PASSING, ids=["throttled", "503", "500", "time-out", "lost answer"])
def test_what_passes_is_waited_for_and_done_once(setup: Setup, fault: Send) -> None:
    created = setup.fail("CreatePipeline", fault, 2)
    deployed = setup.target.pipelines.put_pipeline("p", CONTENT)
    begun = setup.fail("StartPipelineExecution", fault, 2)
    started = start(setup.target.pipelines, deployed, {}, rerun=False)
    assert (len(created), len(begun), started.origin) == (3, 3, "started")
    listed = setup.served.sagemaker.list_pipeline_executions(PipelineName="p")["PipelineExecutionSummaries"]
    versions = setup.served.sagemaker.list_pipeline_versions(PipelineName="p")["PipelineVersionSummaries"]
    assert (len(listed), len(versions)) == (1, 1)


@pytest.mark.long
@pytest.mark.parametrize(
    ("fault", "problem", "hint"),
    [
        (refusal("ThrottlingException"), "PB705", "repeat the command"),
        (refusal("ServiceUnavailable", 503), "PB703", "repeat the command"),
        (silence, "PB703", "look at the network"),
        (refusal("ExpiredTokenException"), "PB701", "aws sso login"),
        (refusal("AccessDeniedException"), "PB704", "needs a permission"),
        (refusal("ResourceLimitExceeded"), "PB706", "Service Quotas"),
    ],
)
def test_what_stays_is_said_and_the_same_command_goes_on(setup: Setup, fault: Send, problem: str, hint: str) -> None:
    setup.fail("CreatePipeline", fault, 8)
    with pytest.raises(OutsideFailure) as caught:
        setup.target.pipelines.put_pipeline("p", CONTENT)
    (said,) = caught.value.problems
    assert (said.id, hint in str(said.hint)) == (problem, True), said
    assert setup.served.sagemaker.list_pipelines()["PipelineSummaries"] == []
    for _ in range(8):  # whatever is left of the faults
        try:
            deployed = setup.target.pipelines.put_pipeline("p", CONTENT)
            break
        except OutsideFailure:
            continue
    assert deployed.definition == CONTENT


@pytest.mark.long
def test_an_upload_that_breaks_leaves_no_pipeline_that_names_it(setup: Setup, tmp_path: Path) -> None:
    wanted = compose_definition(tmp_path / "models")
    plan = build_plan(wanted.pipeline, wanted.content, None, ())
    setup.fail("PutObject", silence, 8 * len(wanted.bundles))
    with pytest.raises(OutsideFailure):
        apply(wanted, plan, setup.target)
    assert setup.served.sagemaker.list_pipelines()["PipelineSummaries"] == []
    uploads = setup.fail("PutObject", lost_answer, 1)
    done = apply(wanted, plan, setup.target)
    assert (done.changed, set(done.uploaded)) == (True, set(wanted.bundles))
    before = len(uploads)
    again = apply(wanted, build_plan(wanted.pipeline, wanted.content, done.pipeline, ()), setup.target)
    assert (again.changed, again.uploaded, len(uploads)) == (False, (), before)


@pytest.mark.long
def test_somebody_else_updates_between_plan_and_apply(setup: Setup, tmp_path: Path) -> None:
    wanted = compose_definition(tmp_path / "models")
    setup.target.pipelines.put_pipeline(wanted.pipeline, CONTENT)
    plan = build_plan(wanted.pipeline, wanted.content, setup.target.pipelines.describe_pipeline(wanted.pipeline), ())
    theirs = definition(script("B", "true")).decode()
    setup.served.sagemaker.update_pipeline(PipelineName=wanted.pipeline, PipelineDefinition=theirs)
    with pytest.raises(PlanRefused) as caught:
        apply(wanted, plan, setup.target)
    assert [problem.id for problem in caught.value.problems] == ["PB421"]
    found = setup.served.sagemaker.describe_pipeline(PipelineName=wanted.pipeline)
    assert found["PipelineDefinition"] == theirs


@pytest.mark.long
def test_after_a_hundred_reruns_another_one_starts(setup: Setup) -> None:
    """A listing has the newest hundred: they can't be counted."""
    deployed = setup.target.pipelines.put_pipeline("p", CONTENT)
    fingerprint = setup.target.pipelines.fingerprint(CONTENT, {})
    details = {"PipelineExecutionDescription": str(Facts(fingerprint=fingerprint))}
    request = Request(pipeline="p", version=1, definition=CONTENT, parameters={}, details=details)
    with setup.served.engine.state.transaction() as db:
        for number in range(120):
            put_execution(db, request, (), f"{number:012}")
        db.execute("UPDATE executions SET status = 'Succeeded'")
    arns = set()
    for _ in range(3):
        begun = start(setup.target.pipelines, deployed, {}, rerun=True)
        arns.add(begun.execution.arn)
        assert setup.served.end(begun.execution.arn)["PipelineExecutionStatus"] == "Succeeded"
    assert len(arns) == 3


@pytest.mark.long
def test_a_time_that_is_up_while_something_starts_knows_what_to_stop(setup: Setup) -> None:
    """The server has started it, and its answer isn't there when the time is up."""
    deployed = setup.target.pipelines.put_pipeline("p", CONTENT)

    def slow(request: Any, **_: Any) -> AWSResponse:
        answer = URLLib3Session().send(request)
        signal.raise_signal(signal.SIGALRM)
        return answer

    noted: list[Start] = []
    setup.fail("StartPipelineExecution", slow, 1)
    with pytest.raises(TimeIsUpError), time_limit(10):
        start(setup.target.pipelines, deployed, {}, rerun=True, note=noted.append)
    listed = setup.served.sagemaker.list_pipeline_executions(PipelineName="p")["PipelineExecutionSummaries"]
    assert [begun.execution.arn for begun in noted] == [item["PipelineExecutionArn"] for item in listed]
    assert len(listed) == 1


def test_a_time_that_is_up_before_a_start_starts_nothing(setup: Setup) -> None:
    deployed = setup.target.pipelines.put_pipeline("p", CONTENT)
    noted: list[Start] = []
    setup.fail("ListPipelineExecutions", lambda *_, **__: signal.raise_signal(signal.SIGALRM), 1)
    with pytest.raises(TimeIsUpError), time_limit(10):
        start(setup.target.pipelines, deployed, {}, rerun=True, note=noted.append)
    listed = setup.served.sagemaker.list_pipeline_executions(PipelineName="p")["PipelineExecutionSummaries"]
    assert (noted, listed) == ([], [])


@pytest.mark.long
@pytest.mark.parametrize(("code", "known"), [("ValidationException", True), ("ThrottlingException", False)])
def test_what_cannot_be_retried_is_said_and_nothing_starts(setup: Setup, code: str, known: bool) -> None:
    deployed = setup.target.pipelines.put_pipeline("p", canonical(json.loads(definition(script("A", "false")))))
    begun = start(setup.target.pipelines, deployed, {}, rerun=False, cause="c")
    failed = setup.ended(begun)
    setup.fail("RetryPipelineExecution", refusal(code), 8)
    with pytest.raises(OutsideFailure) as caught:
        go_on(setup.target.pipelines, failed, deployed)
    assert ("PB453" in [problem.id for problem in caught.value.problems]) is known
    listed = setup.served.sagemaker.list_pipeline_executions(PipelineName="p")["PipelineExecutionSummaries"]
    assert len(listed) == 1


@pytest.mark.long
def test_a_cause_is_found_behind_many_others(setup: Setup) -> None:
    """More than a page of executions later, when its token may have expired."""
    deployed = setup.target.pipelines.put_pipeline("p", CONTENT)
    own = setup.ended(start(setup.target.pipelines, deployed, {}, rerun=False, cause="c"))
    for number in range(120):
        with setup.served.engine.state.transaction() as db:
            request = Request(pipeline="p", version=1, definition=CONTENT, parameters={})
            put_execution(db, request, (), f"other{number}")
    assert own.arn not in [e.arn for e in setup.target.pipelines.list_executions("p")]
    found = setup.target.pipelines.find_caused("p", "c")
    assert (found and found.arn) == own.arn
    assert setup.target.pipelines.find_caused("none", "c") is None


@pytest.mark.long
def test_an_execution_that_is_not_listed_yet_is_not_started_twice(setup: Setup) -> None:
    deployed = setup.target.pipelines.put_pipeline("p", CONTENT)
    first = start(setup.target.pipelines, deployed, {}, rerun=False)
    empty = json.dumps({"PipelineExecutionSummaries": []}).encode()
    stale = setup.fail(
        "ListPipelineExecutions", lambda request, **_: AWSResponse(request.url, 200, {}, _Body(empty)), 8
    )
    second = start(setup.target.pipelines, deployed, {}, rerun=False)
    assert (second.execution.arn, bool(stale)) == (first.execution.arn, True)
