"""What SageMaker tells of a step's job, and its log in parts, as moto has both."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline_builder.aws import jobs, logs
from pipeline_builder.aws.client import Aws
from pipeline_builder.descriptions import HEAD, StepState, StepStatus
from tests.aws.mocked import mocked

GROUP = "/aws/sagemaker/TrainingJobs"
REQUEST: dict[str, Any] = {
    "TrainingJobName": "job",
    "RoleArn": "arn:aws:iam::123456789012:role/r",
    "AlgorithmSpecification": {"TrainingImage": "example.com/train:1", "TrainingInputMode": "File"},
    "HyperParameters": {"depth": "3"},
    "OutputDataConfig": {"S3OutputPath": "s3://b/models"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    with mocked(monkeypatch) as found:
        yield found


def state(arn: str, kind: str = "TrainingJob", **more: Any) -> StepState:
    return StepState(name="a", type="Training", status=StepStatus.SUCCEEDED, metadata={kind: arn}, **more)


def test_a_job_has_its_request_apart_from_what_is_told_beyond_it(aws: Aws) -> None:
    arn = aws.client("sagemaker").create_training_job(**REQUEST)["TrainingJobArn"]
    found = jobs.describe(aws, state(arn), "arn:e")
    assert found is not None
    assert (found.kind, found.name, found.execution) == ("TrainingJob", "job", "arn:e")
    assert found.request["HyperParameters"] == {"depth": "3"}
    assert found.request["ResourceConfig"] == REQUEST["ResourceConfig"]
    assert "TrainingJobName" not in found.request
    assert "ModelArtifacts" in found.result
    assert not found.result.keys() & {"ResponseMetadata", "TrainingJobArn", "HyperParameters"}
    assert found.started is not None
    assert isinstance(found.result["CreationTime"], str)
    cached = jobs.describe(aws, state(arn, cache_hit="arn:other"), "arn:e")
    assert cached is not None
    assert cached.execution == "arn:other"


def test_what_is_gone_or_asks_for_nothing_has_no_description(aws: Aws) -> None:
    gone = "arn:aws:sagemaker:eu-central-1:123456789012:model/gone"
    assert jobs.describe(aws, state("Outcome", kind="Condition"), "arn:e") is None
    assert jobs.describe(aws, state(gone, kind="Model"), "arn:e") is None


def put(aws: Aws, stream: str, *lines: str) -> None:
    client = aws.client("logs")
    names = {one["logStreamName"] for one in client.describe_log_streams(logGroupName=GROUP)["logStreams"]}
    if stream not in names:
        client.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    now = int(time.time() * 1000)
    client.put_log_events(
        logGroupName=GROUP,
        logStreamName=stream,
        logEvents=[{"timestamp": now, "message": line} for line in lines],
    )


def test_a_log_of_several_machines_is_followed_by_one_mark(aws: Aws) -> None:
    aws.client("logs").create_log_group(logGroupName=GROUP)
    address = f"{GROUP}:job/"
    assert logs.read_part(aws, address, mark="", most=1000).text == ""
    put(aws, "job/algo-1", "\x1b[31mone\x1b[0m", "two")
    first = logs.read_part(aws, address, mark="", most=65_536)
    assert first.text == "one\ntwo\n"
    put(aws, "job/algo-1", "three")
    put(aws, "job/algo-2", "eins")
    second = logs.read_part(aws, address, mark=first.mark, most=65_536)
    assert second.text == "== job/algo-1\nthree\n== job/algo-2\neins\n"
    assert "\n" not in second.mark
    assert logs.read_part(aws, address, mark=second.mark, most=65_536).text == ""


def test_a_log_is_read_from_its_beginning_and_by_any_mark(aws: Aws) -> None:
    aws.client("logs").create_log_group(logGroupName=GROUP)
    put(aws, "job/algo-1", *(f"line {number}" for number in range(100)))
    mark, texts = HEAD, []
    for _ in range(20):
        part = logs.read_part(aws, f"{GROUP}:job/", mark=mark, most=640)  # ten lines
        texts.append(part.text)
        if not part.more:
            break
        mark = part.mark
    assert "".join(texts) == "".join(f"line {number}\n" for number in range(100))
    for odd in ("x", "{", '{"job/algo-1": 3}', "[1]", '{"other": "f/1"}', '{"job/algo-1": "bad"}'):
        assert logs.read_part(aws, f"{GROUP}:job/", mark=odd, most=65_536).text.endswith("line 99\n"), odd


def test_a_job_that_never_began_has_no_log(aws: Aws) -> None:
    assert logs.read_part(aws, f"{GROUP}:job/", mark="m", most=1000).mark == "m"
