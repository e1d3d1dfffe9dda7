"""What a job's key may do: read its inputs, write its own, look at its own execution; refused in AWS's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline_builder.serve.access.steps import StepKey

# The operations that a job may call, and the member that has to be its own: the execution's ARN, or the job's name.
_EXECUTION = ("DescribePipelineExecution", "ListPipelineExecutionSteps", "ListPipelineParametersForExecution",
              "DescribePipelineDefinitionForExecution")  # fmt: skip
_JOB = {
    "DescribeTrainingJob": ("training-job", "TrainingJobName"),
    "DescribeProcessingJob": ("processing-job", "ProcessingJobName"),
    "DescribeTransformJob": ("transform-job", "TransformJobName"),
}
# Where a request has no ARN: what kind of resource each name is of.
_NAMES = {
    "PipelineName": "pipeline", "ModelPackageName": "model-package", "ModelPackageGroupName": "model-package-group",
    "TrainingJobName": "training-job", "ProcessingJobName": "processing-job", "TransformJobName": "transform-job",
    "ModelName": "model", "HyperParameterTuningJobName": "hyper-parameter-tuning-job",
}  # fmt: skip


def denied(who: str, action: str, resource: str) -> str:
    """Return the words of a refusal."""
    return (
        f"User: {who} is not authorized to perform: {action} on resource: {resource} because no identity-based policy "
        f"allows the {action} action"
    )


def may_operate(step: StepKey, operation: str, request: Mapping[str, Any]) -> bool:
    """Tell whether a job may call an operation of SageMaker."""
    if operation in _EXECUTION:
        return bool(request.get("PipelineExecutionArn") == step.execution)
    if operation in _JOB:
        kind, member = _JOB[operation]
        return bool(step.job.endswith(f":{kind}/{request.get(member)}"))
    return False


def resource_of(request: Mapping[str, Any], account: str) -> str:
    """Return the ARN that a request is about, `*` where it is about none."""
    arn = next((value for name, value in request.items() if name.endswith("Arn") and isinstance(value, str)), "")
    if arn and ":sagemaker:" in arn:
        return arn
    for name, kind in _NAMES.items():
        if isinstance(value := request.get(name), str):
            return value if value.startswith("arn:") else f"{account}:{kind}/{value}"
    return "*"
