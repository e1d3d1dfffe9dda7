"""CreateModel and RegisterModel steps: CreateModel and CreateModelPackage, around container definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_builder.conf.containers import containers_of
from pipeline_builder.conf.graph import Step
from pipeline_builder.conf.requests import is_check
from pipeline_builder.definition.steps.containers import model_containers
from pipeline_builder.definition.steps.context import (
    Context,
    Mapped,
    report_uri,
    tag_list,
    vpc_config,
    without_empty,
)
from pipeline_builder.definition.steps.group import group_name
from pipeline_builder.definition.uses import package_reference
from pipeline_builder.documents.expressions import get

if TYPE_CHECKING:
    from pipeline_builder.conf.inference import UsedModelSection

# The service takes 50 custom properties; a model that depends on more repositories names the manifest's commit only.
_MOST_REPOSITORIES = 40


def compose_create_model(context: Context, step: Step) -> Mapped:
    """Return the step: the unit's last trained artifact, in the registry's image, with the inference code."""
    settings = context.settings
    if used := step.unit.section.used:
        return _create_from_package(context, step, used)
    containers = model_containers(context, step)
    held: Mapped = {"Containers": containers} if containers_of(step) else {"PrimaryContainer": containers[0]}
    request: Mapped = {
        "ModelName": step.unit.section.name,
        "ExecutionRoleArn": context.role(step),
        **held,
        "InferenceExecutionConfig": without_empty({"Mode": step.registry.mode}),
        "VpcConfig": vpc_config(settings),
        "EnableNetworkIsolation": True if context.is_isolated(step) else None,
        "Tags": tag_list(context, step.unit.section.transform.tags if step.unit.section.transform else {}),
    }
    return {"Type": "Model", "Arguments": without_empty(request)}


def _create_from_package(context: Context, step: Step, used: UsedModelSection) -> Mapped:
    """Return the step with all containers of a model package, which each start names: a promotion changes no byte."""
    package: Mapped = {
        "ModelPackageName": package_reference("package", step.unit.name),
        "Environment": context.texts(used.env),
    }
    transform = step.unit.section.transform
    request: Mapped = {
        "ModelName": step.unit.section.name,
        "ExecutionRoleArn": context.role(step),
        "Containers": [without_empty(package)],  # as AWS documents it: a package may have several
        "VpcConfig": vpc_config(context.settings),
        "EnableNetworkIsolation": True if context.is_isolated(step) else None,
        "Tags": tag_list(context, transform.tags if transform else {}),
    }
    return {"Type": "Model", "Arguments": without_empty(request)}


def compose_register_model(context: Context, step: Step) -> Mapped:
    """Return the step: a new version of the model's package group, with metrics and provenance."""
    registry, unit = step.registry, step.unit
    inference = registry.inference
    calculated, baselines = _baselines(context, step)
    specification: Mapped = {
        "Containers": model_containers(context, step),
        "SupportedContentTypes": list(inference.content_types),
        "SupportedResponseMIMETypes": list(inference.response_types),
        "SupportedRealtimeInferenceInstanceTypes": list(inference.realtime_instances),
        "SupportedTransformInstanceTypes": list(inference.transform_instances),
    }
    request: Mapped = {
        "ModelPackageGroupName": registry.group or group_name(context.graph.pipeline, unit.name),
        "ModelPackageDescription": registry.description,
        "ModelApprovalStatus": registry.approval,
        "InferenceSpecification": without_empty(specification),
        "ModelMetrics": _metrics(context, step, calculated),
        "DriftCheckBaselines": baselines,
        "SecurityConfig": without_empty({"KmsKeyId": context.settings.kms_key}),
        **_provenance(context, step),
    }
    return {"Type": "RegisterModel", "Arguments": without_empty(request)}


def _baselines(context: Context, step: Step) -> tuple[Mapped, Mapped]:
    """Return ModelMetrics and DriftCheckBaselines of the model's checks and of its Baseline step; most have neither."""
    siblings = context.graph.by_unit[step.unit.name]
    if not any(one.step_class == "Baseline" or is_check(one) for one in siblings):
        return {}, {}
    from pipeline_builder.definition.steps.checks import registered_baselines
    from pipeline_builder.definition.steps.monitoring import baseline_members

    calculated, checked = registered_baselines(context, step)
    return calculated, {**checked, **baseline_members(context, step, checked)}


def _metrics(context: Context, step: Step, calculated: Mapped) -> Mapped:
    """The report of the Metrics step is what the model is judged by; what checks have found stands beside it."""
    metrics = context.needed(step, "Metrics")
    if metrics is None:
        return calculated
    statistics: Mapped = {"ContentType": "application/json", "S3Uri": report_uri(metrics)}
    quality = calculated.get("ModelQuality")
    return {**calculated, "ModelQuality": {**(quality if isinstance(quality, dict) else {}), "Statistics": statistics}}


def _provenance(context: Context, step: Step) -> Mapped:
    """Commits come in as parameters: one that changes nothing that runs changes no byte of the definition."""
    repo = step.repository
    names = {*context.graph.ancestors(step.name), step.name}
    repos = sorted({context.graph.by_name[name].repository for name in names} & set(context.commit_parameters))
    custom: Mapped = {"manifest-commit": get(f"Parameters.{context.manifest_parameter}")}
    if len(repos) <= _MOST_REPOSITORIES:
        custom |= {f"commit-{name}": get(f"Parameters.{context.commit_parameters[name]}") for name in repos}
    properties: Mapped = {"GeneratedBy": "pipeline_builder", "Repository": context.repository_urls.get(repo, repo)}
    if repo in context.commit_parameters:
        properties["CommitId"] = get(f"Parameters.{context.commit_parameters[repo]}")
    return {"MetadataProperties": properties, "CustomerMetadataProperties": custom}
