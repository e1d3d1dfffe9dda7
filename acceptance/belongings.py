"""What there is of an acceptance, as AWS lists it by name."""

from __future__ import annotations

from collections.abc import Iterator

from acceptance.ground import Ground
from acceptance.scenarios import asking


def code_pipelines(ground: Ground) -> tuple[str, ...]:
    """Return the names of the acceptance's pipelines of CodePipeline."""
    return (ground.name, asking.name_of(ground), f"{ground.name}-long")


def training_pipelines(ground: Ground) -> tuple[str, ...]:
    """Return the names of its pipelines of SageMaker."""
    found = ground.pages("sagemaker", "list_pipelines", "PipelineSummaries", PipelineNamePrefix=ground.name)
    return tuple(str(one["PipelineName"]) for one in found)


def training_executions(ground: Ground) -> Iterator[tuple[str, str]]:
    """Yield ARN and status of each of their executions."""
    for name in training_pipelines(ground):
        for one in ground.pages(
            "sagemaker", "list_pipeline_executions", "PipelineExecutionSummaries", PipelineName=name
        ):
            yield str(one["PipelineExecutionArn"]), str(one["PipelineExecutionStatus"])


def log_groups(ground: Ground) -> Iterator[str]:
    """Yield the log groups of its builds."""
    for prefix in (f"/aws/codebuild/{ground.name}-", f"/aws/vendedlogs/states/{ground.name}-"):
        for one in ground.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=prefix):
            yield str(one["logGroupName"])
