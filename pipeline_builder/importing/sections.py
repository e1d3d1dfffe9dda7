"""Steps of classes that have a section of their own, in its keys; what these don't reach stands in `arguments`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pipeline_builder.importing.wording import worded

Mapped = dict[str, Any]
_PROCESSING = "/opt/ml/processing"


def say_call(step: Mapped, key: str, member: str) -> Mapped | None:
    """Return the section of a Lambda or Callback step: whom it calls, with what, and what comes back."""
    outputs = step.get("OutputParameters") or []
    named = all(isinstance(one, dict) and set(one) == {"OutputName", "OutputType"} for one in outputs)
    if not isinstance(step.get(member), str) or not named:
        return None
    section: Mapped = {key: worded(step[member])}
    if step.get("Arguments"):
        section["inputs"] = worded(step["Arguments"])
    if outputs:
        section["outputs"] = {one["OutputName"]: one["OutputType"] for one in outputs}
    return section


def say_emr(step: Mapped) -> Mapped | None:
    """Return the section of an EMR step."""
    request = step.get("Arguments") or {}
    jar = _at(request, "StepConfig", "HadoopJarStep")
    found: Mapped = {
        "cluster_id": request.get("ClusterId"),
        "cluster": request.get("ClusterConfig"),
        "jar": jar.get("Jar"),
    }
    found |= {
        "main_class": jar.get("MainClass"),
        "args": jar.get("Args"),
        "execution_role": request.get("ExecutionRoleArn"),
    }
    properties = jar.get("Properties") or []
    if all(isinstance(one, dict) and set(one) == {"Key", "Value"} for one in properties):
        found["properties"] = {one["Key"]: one["Value"] for one in properties}
    return _whole({**found, **_retry(step)}, "jar")


def say_emr_serverless(step: Mapped) -> Mapped | None:
    """Return the section of an EMRServerless step."""
    request = step.get("Arguments") or {}
    job = _at(request, "JobConfig")
    spark = _at(job, "jobDriver", "sparkSubmit")
    found: Mapped = {
        "application_id": request.get("ApplicationId"),
        "application": request.get("ApplicationConfig"),
        "entry_point": spark.get("entryPoint"),
        "args": spark.get("entryPointArguments"),
        "spark_submit": spark.get("sparkSubmitParameters"),
        "query": _at(job, "jobDriver", "hive").get("query"),
        "configuration": job.get("configurationOverrides"),
        "max_runtime_minutes": job.get("executionTimeoutMinutes"),
        "execution_role": request.get("ExecutionRoleArn"),
    }
    return _whole({**found, **_retry(step)})


def say_automl(step: Mapped) -> Mapped | None:
    """Return the section of an AutoML step."""
    request = step.get("Arguments") or {}
    channels = request.get("InputDataConfig") or [{}]
    config, criteria = _at(request, "AutoMLJobConfig"), _at(request, "AutoMLJobConfig", "CompletionCriteria")
    by_kind = {one.get("ChannelType", "training"): one for one in reversed(channels) if isinstance(one, dict)}
    found: Mapped = {
        "dataset": _at(by_kind.get("training", {}), "DataSource", "S3DataSource").get("S3Uri"),
        "validation": _at(by_kind.get("validation", {}), "DataSource", "S3DataSource").get("S3Uri"),
        "target": by_kind.get("training", {}).get("TargetAttributeName"),
        "problem_type": request.get("ProblemType"),
        "objective": _at(request, "AutoMLJobObjective").get("MetricName"),
        "mode": config.get("Mode"),
        "max_candidates": criteria.get("MaxCandidates"),
        "max_runtime_per_training": criteria.get("MaxRuntimePerTrainingJobInSeconds"),
        "max_runtime_seconds": criteria.get("MaxAutoMLJobRuntimeInSeconds"),
        "output_path": _at(request, "OutputDataConfig").get("S3OutputPath"),
        **_tags(request),
    }
    return _whole({**found, **_retry(step)}, "target")


def say_quality_check(step: Mapped) -> Mapped | None:
    """Return the section of a QualityCheck step."""
    request = step.get("Arguments") or {}
    environment = dict(request.get("Environment") or {})
    if not isinstance(environment.get("dataset_format"), str):
        return None
    inputs = {one.get("InputName"): one for one in request.get("ProcessingInputs") or [] if isinstance(one, dict)}
    of_model = environment.get("analysis_type") == "MODEL_QUALITY"
    found: Mapped = {
        "check": "model_quality" if of_model else None,
        "dataset": _uri(inputs, "baseline_dataset_input"),
        "output_path": _output(request),
        **_format(environment["dataset_format"]),
        **_job(request),
        **_baseline(step),
    }
    asked = ("problem_type", "inference_attribute", "probability_attribute", "ground_truth_attribute")
    for key in (*asked, "probability_threshold_attribute"):
        found[key] = environment.get(key)
    for key in ("record_preprocessor_script", "post_analytics_processor_script"):
        found[key] = _uri(inputs, f"{key}_input")
    return _whole({**found, **_tags(request)}, "dataset", "image_uri")


def _format(text: str) -> Mapped:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(value, dict):
        return {}
    if isinstance(lines := _at(value, "json").get("lines"), bool):
        return {"format": "json_lines" if lines else "json"}
    header = _at(value, "csv").get("header")
    return {"header": False} if header is False else {}


def _job(request: Mapped) -> Mapped:
    cluster = _at(request, "ProcessingResources", "ClusterConfig")
    return {
        "image_uri": _at(request, "AppSpecification").get("ImageUri"),
        "base_job_name": request.get("ProcessingJobName"),
        "instance_count": cluster.get("InstanceCount"),
        "instance_type": cluster.get("InstanceType"),
        "volume_size_in_gb": cluster.get("VolumeSizeInGB"),
        "max_runtime_seconds": _at(request, "StoppingCondition").get("MaxRuntimeInSeconds"),
    }


def _baseline(step: Mapped) -> Mapped:
    return {
        "skip_check": step.get("SkipCheck"),
        "fail_on_violation": step.get("FailOnViolation"),
        "register_new_baseline": step.get("RegisterNewBaseline"),
        "supplied_baseline_constraints": step.get("SuppliedBaselineConstraints"),
        "supplied_baseline_statistics": step.get("SuppliedBaselineStatistics"),
        "ModelPackageGroupName": step.get("ModelPackageGroupName"),
    }


def _uri(inputs: Mapping[Any, Mapped], name: str) -> Any:
    return _at(inputs.get(name, {}), "S3Input").get("S3Uri")


def _output(request: Mapped) -> Any:
    outputs = _at(request, "ProcessingOutputConfig").get("Outputs") or [{}]
    return _at(outputs[0], "S3Output").get("S3Uri")


def _tags(request: Mapped) -> Mapped:
    tags = request.get("Tags") or []
    plain = all(isinstance(one, dict) and set(one) == {"Key", "Value"} and isinstance(one["Key"], str) for one in tags)
    return {"tags": {one["Key"]: one["Value"] for one in tags}} if tags and plain else {}


_RETRIES = {
    "ExceptionType": "exceptions", "IntervalSeconds": "interval_seconds", "BackoffRate": "backoff_rate",
    "MaxAttempts": "max_attempts", "ExpireAfterMin": "expire_after_minutes",
}  # fmt: skip


def _retry(step: Mapped) -> Mapped:
    policies = step.get("RetryPolicies") or []
    if not policies or not all(isinstance(one, dict) and set(one) <= set(_RETRIES) for one in policies):
        return {}
    return {"retry": [{_RETRIES[key]: value for key, value in one.items()} for one in policies]}


def _whole(found: Mapped, *needed: str) -> Mapped | None:
    """Return the section without what isn't said; None where something is missing that it needs."""
    section = {key: worded(value) for key, value in found.items() if value not in (None, "", [], {})}
    return section if all(key in section for key in needed) else None


def _at(value: Any, *keys: str) -> Mapped:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
