"""What a role of the template may call, by IAM's rules."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_builder.service.cloudformation.evaluation.physical import Home
from pipeline_builder.service.rehearsal.waiting.permissions import may, resource_of

HOME = Home(account="123456789012", region="eu-central-1")
PIPELINE = "arn:aws:codepipeline:eu-central-1:123456789012:service"
ALLOWS = {
    "Effect": "Allow",
    "Action": ["codepipeline:Get*", "codepipeline:putapprovalresult"],
    "Resource": f"{PIPELINE}*",
}


@pytest.mark.parametrize(
    ("statements", "action", "resource", "expected"),
    [
        ([ALLOWS], "codepipeline:GetPipelineState", PIPELINE, True),
        ([ALLOWS], "codepipeline:PutApprovalResult", f"{PIPELINE}/Train/Wait", True),
        ([ALLOWS], "codepipeline:StartPipelineExecution", PIPELINE, False),
        ([ALLOWS], "codepipeline:GetPipelineState", PIPELINE.replace("service", "other"), False),
        ([ALLOWS, {**ALLOWS, "Effect": "Deny"}], "codepipeline:GetPipelineState", PIPELINE, False),
        (ALLOWS, "codepipeline:GetPipelineState", PIPELINE, True),
        (
            [{**ALLOWS, "Resource": PIPELINE.replace("service", "s?rvice")}],
            "codepipeline:GetPipelineState",
            PIPELINE,
            True,
        ),
        ([], "codepipeline:GetPipelineState", PIPELINE, False),
    ],
)
def test_may(statements: Any, action: str, resource: str, *, expected: bool) -> None:
    assert may([{"Version": "2012-10-17", "Statement": statements}], action, resource) is expected


@pytest.mark.parametrize(
    ("operation", "asked", "expected"),
    [
        ("GetPipelineState", {"name": "service"}, PIPELINE),
        ("ListActionExecutions", {"pipelineName": "service"}, PIPELINE),
        (
            "PutApprovalResult",
            {"pipelineName": "service", "stageName": "Train", "actionName": "Wait"},
            f"{PIPELINE}/Train/Wait",
        ),
        (
            "DescribePipelineExecution",
            {"PipelineExecutionArn": "arn:aws:sagemaker:localhost:000000000000:pipeline/p/execution/e"},
            "arn:aws:sagemaker:eu-central-1:123456789012:pipeline/p/execution/e",
        ),
        ("DescribeExecution", {"executionArn": "arn:x"}, "arn:x"),
    ],
)
def test_what_a_call_is_about(operation: str, asked: dict[str, str], expected: str) -> None:
    assert resource_of(operation, asked, HOME) == expected


def test_in_another_partition_a_call_is_about_what_is_there() -> None:
    home = Home(account="123456789012", region="cn-north-1")
    expected = "arn:aws-cn:codepipeline:cn-north-1:123456789012:service"
    assert resource_of("GetPipelineState", {"name": "service"}, home) == expected
