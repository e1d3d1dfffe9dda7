"""A step's metadata as ListPipelineExecutionSteps has it, by the step's type [PipelineExecutionStepMetadata]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline_builder.descriptions import StepState
from pipeline_builder.engine.execution.cache import CALLS
from pipeline_builder.engine.jobs.records import JobRecord
from pipeline_builder.engine.jobs.work import came_to
from pipeline_builder.serve.reasons import as_service, of_a_step

# The member of the metadata that has the ARN of a step's job, by the kind of the job.
_BY_KIND = {
    "processing-job": "ProcessingJob",
    "training-job": "TrainingJob",
    "transform-job": "TransformJob",
    "model": "Model",
    "hyper-parameter-tuning-job": "TuningJob",
}
# What the engine keeps with a step for reports, and the API has no place for.
_OWN = ("Trials",)
# Of steps that were not run here, by their type: the metadata's member, and where each of its own is in the result.
_BY_TYPE: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "Processing": ("ProcessingJob", {"Arn": "ProcessingJobArn"}),
    "Training": ("TrainingJob", {"Arn": "TrainingJobArn"}),
    "Transform": ("TransformJob", {"Arn": "TransformJobArn"}),
    "Model": ("Model", {"Arn": "ModelArn"}),
    "Tuning": ("TuningJob", {"Arn": "HyperParameterTuningJobArn"}),
    "AutoML": ("AutoMLJob", {"Arn": "AutoMLJobArn"}),
    "Endpoint": ("Endpoint", {"Arn": "EndpointArn"}),
    "EndpointConfig": ("EndpointConfig", {"Arn": "EndpointConfigArn"}),
    "InferenceComponent": ("InferenceComponent", {"Arn": "InferenceComponentArn"}),
    "Job": ("Job", {"Arn": "JobArn"}),
    "Lambda": ("Lambda", {"Arn": "FunctionArn", "OutputParameters": "OutputParameters"}),
    "Callback": ("Callback", {"SqsQueueUrl": "SqsQueueUrl", "OutputParameters": "OutputParameters"}),
    "EMR": ("EMR", {"ClusterId": "ClusterId", "StepId": "Id", "StepName": "Name", "LogFilePath": "LogUri"}),
    "EMRServerless": ("EMRServerless", {"ApplicationId": "ApplicationId"}),
    "QualityCheck": (
        "QualityCheck",
        {
            "CheckJobArn": "ProcessingJobArn",
            "BaselineUsedForDriftCheckStatistics": "BaselineUsedForDriftCheckStatistics",
            "CalculatedBaselineStatistics": "CalculatedBaselineStatistics",
        },
    ),
    "ClarifyCheck": ("ClarifyCheck", {"CheckJobArn": "ProcessingJobArn"}),
    "Lineage": ("Lineage", {key: key for key in ("ActionArns", "ArtifactArns", "ContextArns", "Associations")}),
    "ForEach": (
        "ForEach",
        {
            key: key
            for key in (
                *("Status", "InputItemCount", "TotalStepCount", "SucceededStepCount", "FailedStepCount"),
                "StoppedStepCount",
            )
        },
    ),
}
_CHECKS = (
    "CheckType", "ModelPackageGroupName", "SkipCheck", "RegisterNewBaseline", "ViolationReport",
    "BaselineUsedForDriftCheckConstraints", "CalculatedBaselineConstraints",
)  # fmt: skip


def metadata_of(state: StepState, job: JobRecord | None, result: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the metadata of a step; of a job that goes on, or failed, only its record knows."""
    if state.type == "Fail":
        return {"Fail": {"ErrorMessage": reason_of(state)}}
    if state.stub:
        return _of_stub(state.type, result)
    if state.type in CALLS:
        return _of_call(state, result)
    known: dict[str, Any] = {
        kind: {"Outcome" if kind == "Condition" else "Arn": value}
        for kind, value in state.metadata.items()
        if kind not in _OWN
    }
    if not known and job is not None:
        known = {_BY_KIND[job.kind]: {"Arn": job.arn}}
    return known or None


def _of_call(state: StepState, result: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the metadata of a function that was called, or of a message that was, or is to be, answered."""
    found = _of_stub(state.type, result) or {state.type: {}}
    if token := state.metadata.get("Callback"):
        found[state.type]["CallbackToken"] = token
    if arn := state.metadata.get("Lambda"):
        found[state.type]["Arn"] = arn
    return found if found[state.type] else None


def reason_of(state: StepState) -> str:
    """Return why a step failed, as the service says it: a Fail step without a message has no reason."""
    if state.type == "Fail":
        return "" if state.failure_reason == came_to(state.name) else state.failure_reason
    return state.failure_reason if state.type in CALLS else of_a_step(as_service(state.failure_reason))


def _of_stub(kind: str, result: Mapping[str, Any]) -> dict[str, Any] | None:
    if kind not in _BY_TYPE:
        return None
    member, places = _BY_TYPE[kind]
    if kind in ("QualityCheck", "ClarifyCheck"):
        places = {**places, **{key: key for key in _CHECKS}}
    found = {key: result[place] for key, place in places.items() if result.get(place) is not None}
    if "OutputParameters" in found:
        found["OutputParameters"] = [{"Name": k, "Value": _text(v)} for k, v in _pairs(found["OutputParameters"])]
    return {member: found} if found else None


def _pairs(outputs: Any) -> list[tuple[str, Any]]:
    """Return output parameters by name: a stub has them as a mapping, the declaration of a step as a list."""
    return list(outputs.items()) if isinstance(outputs, Mapping) else []


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
