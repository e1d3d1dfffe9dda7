"""What the services of AWS take at most, as botocore's models say it."""

from __future__ import annotations

from typing import Any, get_args

from botocore.session import Session

from pipeline_builder.manifest import quotas
from pipeline_builder.manifest.service import ServiceSection


def shape(service: str, name: str) -> Any:
    return Session().get_service_model(service).shape_for(name)


def bounds(service: str, name: str) -> tuple[Any, Any]:
    found = shape(service, name).metadata
    return found.get("min"), found.get("max")


def test_they_are_those_of_the_models() -> None:
    assert bounds("codepipeline", "ActionTimeout") == (quotas.SHORTEST_APPROVAL, quotas.LONGEST_APPROVAL)
    assert bounds("codepipeline", "PipelineTriggerDeclarationList") == (None, quotas.MOST_TRIGGERS)
    assert bounds("codepipeline", "GitPushFilterList")[1] == quotas.MOST_FILTERS
    assert bounds("codepipeline", "GitFilePathPatternList") == (1, quotas.MOST_PATTERNS)
    assert bounds("codepipeline", "GitFilePathPattern") == (1, quotas.LONGEST_PATTERN)
    assert bounds("codepipeline", "PipelineVariableList") == (1, quotas.MOST_VARIABLES)
    assert bounds("codepipeline", "PipelineVariableValue") == (1, quotas.LONGEST_VARIABLE)
    assert bounds("codepipeline", "ActionConfigurationValue") == (1, quotas.LONGEST_ACTION_VALUE)
    assert bounds("codepipeline", "ActionConfigurationKey") == (1, quotas.LONGEST_ACTION_KEY)
    assert bounds("codebuild", "BuildTimeOut") == (quotas.SHORTEST_BUILD, quotas.LONGEST_BUILD)
    assert bounds("codebuild", "Subnets")[1] == quotas.MOST_SUBNETS
    assert bounds("codebuild", "SecurityGroupIds")[1] == quotas.MOST_SECURITY_GROUPS
    assert bounds("codepipeline", "TagKey") == (1, quotas.LONGEST_TAG_KEY)
    assert bounds("codepipeline", "TagValue")[1] == quotas.LONGEST_TAG_VALUE
    assert bounds("scheduler", "MaximumRetryAttempts")[1] == quotas.MOST_RETRIES
    assert bounds("scheduler", "MaximumEventAgeInSeconds") == (quotas.SHORTEST_AGE, quotas.LONGEST_AGE)


def test_days_are_those_that_cloudwatch_names() -> None:
    said = shape("logs", "PutRetentionPolicyRequest").members["retentionInDays"].documentation
    assert all(f" {days}" in said for days in get_args(quotas.LogDays))


def test_a_service_can_ask_for_the_longest_of_everything() -> None:
    longest = {
        "approval": {"timeout_minutes": quotas.LONGEST_APPROVAL},
        "run_timeout_minutes": quotas.LONGEST_BUILD - quotas.AFTER_RUN,
        "tags": {"k" * quotas.LONGEST_TAG_KEY: "v" * quotas.LONGEST_TAG_VALUE},
    }
    assert ServiceSection.model_validate(longest).approval.timeout_minutes == quotas.LONGEST_APPROVAL
