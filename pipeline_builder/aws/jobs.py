"""What a step's job was asked for and what became of it, as SageMaker's Describe tells it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipeline_builder.aws.client import Aws, NotFoundError
from pipeline_builder.aws.steps import job_name
from pipeline_builder.descriptions import JSON, JobDescription, StepState

_ASKED: Mapping[str, tuple[str, str]] = {
    "ProcessingJob": ("ProcessingJob", "ProcessingJobName"),
    "TrainingJob": ("TrainingJob", "TrainingJobName"),
    "TransformJob": ("TransformJob", "TransformJobName"),
    "TuningJob": ("HyperParameterTuningJob", "HyperParameterTuningJobName"),
    "Model": ("Model", "ModelName"),
    "RegisterModel": ("ModelPackage", "ModelPackageName"),
}
"""By the kind of a step's metadata: what its operations are called after, and the member that names one."""
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")
_STARTED = ("ProcessingStartTime", "TrainingStartTime", "TransformStartTime", "CreationTime")
_ENDED = ("ProcessingEndTime", "TrainingEndTime", "TransformEndTime", "HyperParameterTuningEndTime")


def describe(aws: Aws, state: StepState, execution: str) -> JobDescription | None:
    """Return what the step has asked for; None where it has nothing that can be described, or that is gone."""
    kind = next((kind for kind in _ASKED if state.metadata.get(kind)), "")
    if not kind:
        return None
    arn, (noun, member) = state.metadata[kind], _ASKED[kind]
    name = arn if kind == "RegisterModel" else job_name(arn)
    try:
        found = aws.call("sagemaker", f"describe_{_WORD.sub('_', noun).lower()}", **{member: name})
    except NotFoundError:
        return None
    asked = aws.client("sagemaker").meta.service_model.operation_model(f"Create{noun}").input_shape.members
    told = {key: _plain(value) for key, value in found.items() if key not in ("ResponseMetadata", f"{noun}Arn", member)}
    return JobDescription(
        kind="ModelPackage" if kind == "RegisterModel" else kind,
        name=job_name(arn) if kind != "RegisterModel" else "/".join(arn.rsplit("/", 2)[1:]),
        arn=arn,
        execution=state.cache_hit or state.taken_from or execution,
        status=str(found.get(f"{noun}Status") or "Completed"),
        reason=str(found.get("FailureReason") or ""),
        request={key: value for key, value in told.items() if key in asked},
        result={key: value for key, value in told.items() if key not in asked},
        started=_time(found, _STARTED),
        ended=_time(found, _ENDED),
    )


def _time(found: Mapping[str, Any], names: tuple[str, ...]) -> datetime | None:
    return next((found[name] for name in names if isinstance(found.get(name), datetime)), None)


def _plain(value: Any) -> JSON:
    """Return a value of a response as JSON has it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
