"""Steps as SageMaker lists them, as values of our own; also a thousand of them, over pages."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pipeline_builder.aws.client import Aws
from pipeline_builder.aws.steps import read_steps
from pipeline_builder.dag.outline import OutlinedStep
from pipeline_builder.descriptions import StepStatus

TRAINING = "training-job/pipelines-x-train"


@pytest.mark.parametrize(
    ("arn", "link"),
    [
        (
            f"arn:aws:sagemaker:eu-west-1:123456789012:{TRAINING}",
            "https://eu-west-1.console.aws.amazon.com/sagemaker/home?region=eu-west-1#/jobs/pipelines-x-train",
        ),
        (
            f"arn:aws-cn:sagemaker:cn-north-1:123456789012:{TRAINING}",
            "https://cn-north-1.console.amazonaws.cn/sagemaker/home?region=cn-north-1#/jobs/pipelines-x-train",
        ),
        (f"arn:aws:sagemaker:localhost:000000000000:{TRAINING}", ""),
    ],
)
def test_a_job_has_a_page_in_the_console(arn: str, link: str) -> None:
    listed = [{"StepName": "a", "StepStatus": "Failed", "Metadata": {"TrainingJob": {"Arn": arn}}}]
    (state,) = read_steps(listed, (OutlinedStep(name="a", type="Training", depends_on=()),))
    assert (state.link, state.log) == (link, "/aws/sagemaker/TrainingJobs:pipelines-x-train/")


def test_steps_that_are_not_listed_wait_and_strangers_come_last() -> None:
    steps = tuple(OutlinedStep(name=name, type="Processing", depends_on=()) for name in ("a", "b"))
    states = read_steps([{"StepName": "z", "StepStatus": "Executing"}, {"StepName": "a"}], steps)
    assert [(state.name, state.status) for state in states] == [
        ("a", StepStatus.STARTING),
        ("b", StepStatus.WAITING),
        ("z", StepStatus.EXECUTING),
    ]


def test_a_thousand_steps_over_ten_pages() -> None:
    aws = Aws("us-east-1", session=boto3.session.Session(aws_access_key_id="a", aws_secret_access_key="b"))
    when = datetime(2026, 1, 1, tzinfo=timezone.utc)
    with Stubber(aws.client("sagemaker")) as stub:
        for page in range(10):
            answer: dict[str, Any] = {
                "PipelineExecutionSteps": [
                    {"StepName": f"s{page}-{n}", "StepStatus": "Succeeded", "StartTime": when} for n in range(100)
                ]
            }
            if page < 9:
                answer["NextToken"] = str(page + 1)
            asked: dict[str, Any] = {"PipelineExecutionArn": "arn"} | ({"NextToken": str(page)} if page else {})
            stub.add_response("list_pipeline_execution_steps", answer, asked)
        pages = aws.pages("sagemaker", "list_pipeline_execution_steps", PipelineExecutionArn="arn")
        listed = [item for page in pages for item in page["PipelineExecutionSteps"]]
    assert len({state.name for state in read_steps(listed, ())}) == 1000
    assert aws.calls == {"list_pipeline_execution_steps": 10}
