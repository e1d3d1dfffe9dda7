"""Every step type that SageMaker has: the shapes of its request and its results, and what only such a step may have."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline_builder.dag.outline import NESTED


@dataclass(frozen=True, slots=True)
class StepType:
    """What is behind a step type. Shapes are written `service:Shape`; `own` is the definition's own language.

    Of the `responses` a property is found in the first that has it. `generated` is the name that the service makes; one
    that is given is its prefix. `keys` are members of the step beside its arguments, `needed` those that must be there,
    `nested` the members of its arguments that hold steps.
    """

    request: str
    responses: tuple[str, ...]
    generated: str = ""
    keys: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    nested: tuple[str, ...] = ()

    @property
    def api(self) -> bool:
        """Whether the arguments are the request of one of SageMaker's own operations."""
        return self.request.startswith("sagemaker:")

    @property
    def own_keys(self) -> tuple[str, ...]:
        """The members beside its arguments that no job of another type has: what is called, what comes out."""
        return _own_of(self.keys)


@functools.cache  # asked for of each step
def _own_of(keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(key for key in keys if key not in _COMMON)


def _of(request: str, *responses: str, **more: str | tuple[str, ...]) -> StepType:
    given = {"keys": _JOB, **more}
    return StepType(f"sagemaker:{request}", tuple(f"sagemaker:{name}" for name in responses), **given)  # type: ignore[arg-type] # each by its name


def _own(name: str, **more: tuple[str, ...]) -> StepType:
    return StepType(f"own:the arguments of {name} steps", (f"own:a {name} step",), **more)  # type: ignore[arg-type] # likewise


_JOB = ("CacheConfig", "RetryPolicies")
# Where there is no job, only failures of the step itself are tried again: SDK v2 refuses any other policy there.
_NO_JOB = ("StepRetryPolicies",)
_COMMON = (*_JOB, *_NO_JOB, "PropertyFiles")
_CHECK = (
    "CacheConfig", "CheckType", "ModelPackageGroupName", "SkipCheck", "FailOnViolation", "RegisterNewBaseline",
    "SuppliedBaselineConstraints",
)  # fmt: skip
_PROCESSING = ("CreateProcessingJobRequest", "ProcessingJobName")
# What AWS has published of them: the SDK's own steps (v2 and v3), and the names in PipelineExecutionStepMetadata. Of
# these only the name is known, so nothing is said of their arguments.
_UNDOCUMENTED = (
    "Athena", "BedrockCustomModel", "BedrockCustomModelDeployment", "BedrockModelImport",
    "BedrockProvisionedModelThroughput", "HubContent",
)  # fmt: skip
ANY_TYPE = StepType("own:any arguments", ("own:Anything",), "", _JOB)
"""Of a type that only its conf knows."""
STEP_TYPES: Mapping[str, StepType] = {
    "Processing": _of(
        _PROCESSING[0],
        "DescribeProcessingJobResponse",
        generated=_PROCESSING[1],
        keys=(*_JOB, "PropertyFiles"),
    ),
    "Training": _of("CreateTrainingJobRequest", "DescribeTrainingJobResponse", generated="TrainingJobName"),
    "Model": _of("CreateModelInput", "DescribeModelOutput", generated="ModelName", keys=_NO_JOB),
    "Transform": _of("CreateTransformJobRequest", "DescribeTransformJobResponse", generated="TransformJobName"),
    "RegisterModel": _of("CreateModelPackageInput", "DescribeModelPackageOutput", keys=_NO_JOB),
    "Condition": _own("Condition", nested=NESTED["Condition"]),
    "Fail": _own("Fail"),
    "Tuning": _of(
        "CreateHyperParameterTuningJobRequest",
        "DescribeHyperParameterTuningJobResponse",
        "ListTrainingJobsForHyperParameterTuningJobResponse",
        generated="HyperParameterTuningJobName",
    ),
    "AutoML": StepType(
        "sagemaker:CreateAutoMLJobRequest",
        ("sagemaker:DescribeAutoMLJobResponse", "own:an AutoML step"),
        "AutoMLJobName",
        _JOB,
    ),
    "Lambda": _own("Lambda", keys=("CacheConfig", "FunctionArn", "OutputParameters"), needed=("FunctionArn",)),
    "Callback": _own("Callback", keys=("CacheConfig", "SqsQueueUrl", "OutputParameters"), needed=("SqsQueueUrl",)),
    "EMR": StepType("emr:the arguments of EMR steps", ("emr:an EMR step",), "", _JOB),
    "EMRServerless": StepType(
        "emr-serverless:the arguments of EMRServerless steps", ("emr-serverless:GetJobRunResponse",), "", _JOB
    ),
    "QualityCheck": StepType(
        f"sagemaker:{_PROCESSING[0]}",
        ("own:a QualityCheck step",),
        _PROCESSING[1],
        (*_CHECK, "SuppliedBaselineStatistics"),
        ("CheckType",),
    ),
    "ClarifyCheck": StepType(
        f"sagemaker:{_PROCESSING[0]}",
        ("own:a ClarifyCheck step",),
        _PROCESSING[1],
        (*_CHECK, "ModelName"),
        ("CheckType",),
    ),
    "EndpointConfig": _of("CreateEndpointConfigInput", "DescribeEndpointConfigOutput", generated="EndpointConfigName"),
    "Endpoint": _of("CreateEndpointInput", "DescribeEndpointOutput", keys=("CacheConfig",)),
    "InferenceComponent": _of("CreateInferenceComponentInput", "DescribeInferenceComponentOutput", keys=()),
    "Lineage": StepType("lineage:the arguments of Lineage steps", ("own:a Lineage step",)),
    "Job": StepType("sagemaker:CreateJobRequest", ("jobs:DescribeJobResponse",), "JobName", _JOB),
    "Cleanup": _own("Cleanup"),
    "ForEach": _own("ForEach", nested=NESTED["ForEach"]),
    **{name: StepType("own:any arguments", ("own:Anything",), "", _JOB) for name in _UNDOCUMENTED},
}
