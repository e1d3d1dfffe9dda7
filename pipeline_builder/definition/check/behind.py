"""The shapes behind a step type by `service:Shape`: an API's, the definition's own, or an API's within our own."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from pipeline_builder.definition.check.language import LANGUAGE
from pipeline_builder.definition.shapes.services import load_sagemaker, load_service
from pipeline_builder.definition.shapes.shapes import Shapes
from pipeline_builder.definition.shapes.values import Shape


def shape_at(reference: str) -> tuple[Shapes, str]:
    """Return the shapes that a reference's service has, and the name among them.

    Raises:
        ModuleNotFoundError: botocore is not installed.
    """
    service, _, name = reference.partition(":")
    return _shapes(service), name


@functools.cache
def _shapes(service: str) -> Shapes:
    match service:
        case "own":
            return LANGUAGE
        case "emr":
            return _emr()
        case "emr-serverless":
            return _emr_serverless()
        case "lineage":
            return _lineage()
        case "jobs":
            return _jobs()
        case _:
            return load_sagemaker()


def _structure(required: str, **members: str) -> Shape:
    shapes = {key: {"shape": shape} for key, shape in members.items()}
    return {"type": "structure", "required": required.split(), "members": shapes}


def _without(shape: Shape, *left: str) -> Shape:
    """Return a structure without the members that the service sets itself."""
    members = {key: member for key, member in shape["members"].items() if key not in left}
    return {**shape, "members": members, "required": [key for key in shape.get("required", ()) if key not in left]}


def _with(shapes: Mapping[str, Shape], **own: Shape) -> Shapes:
    return Shapes({**shapes, **{name.replace("_", " "): shape for name, shape in own.items()}})


def _emr() -> Shapes:
    """AddJobFlowSteps without the names, and RunJobFlow as `ClusterConfig` [SDK's EMRStep]."""
    emr = load_service("emr").shapes
    cluster = _without(emr["RunJobFlowInput"], "Name", "Steps", "AutoTerminationPolicy")
    answers = {**emr["Step"]["members"], "ClusterId": {"shape": "XmlString"}, "ClusterConfig": {"shape": "cluster"}}
    return _with(
        emr,
        cluster=cluster,
        step=_structure("HadoopJarStep", HadoopJarStep="HadoopJarStepConfig"),
        the_arguments_of_EMR_steps=_structure(
            "StepConfig", StepConfig="step", ClusterId="XmlString", ClusterConfig="cluster", ExecutionRoleArn="ArnType"
        ),
        an_EMR_step={**emr["Step"], "members": answers},
    )


def _emr_serverless() -> Shapes:
    """StartJobRun, and CreateApplication as `ApplicationConfig` [SDK's EMRServerlessStep]."""
    shapes = load_service("emr-serverless").shapes
    job = _without(shapes["StartJobRunRequest"], "clientToken")
    job = {**job, "required": [key for key in job["required"] if key != "applicationId"]}
    return _with(
        shapes,
        job=job,
        application=_without(shapes["CreateApplicationRequest"], "clientToken"),
        the_arguments_of_EMRServerless_steps=_structure(
            "ExecutionRoleArn JobConfig",
            ExecutionRoleArn="IAMRoleArn",
            JobConfig="job",
            ApplicationId="ApplicationId",
            ApplicationConfig="application",
        ),
    )


def _lineage() -> Shapes:
    """CreateAction, CreateArtifact, CreateContext, and associations between them [SDK's LineageStep]."""
    kinds = ("Action", "Artifact", "Context")
    lists: dict[str, Shape] = {
        f"{kind}s": {"type": "list", "member": {"shape": f"Create{kind}Request"}} for kind in kinds
    }
    entity = {"type": "string", "enum": kinds}
    return _with(
        load_sagemaker().shapes,
        **lists,
        lineage_kind=entity,
        lineage_end=_structure("", Arn="String256", Name="String256", Type="lineage kind"),
        association=_structure(
            "Source Destination",
            Source="lineage end",
            Destination="lineage end",
            AssociationType="AssociationEdgeType",
        ),
        Associations={"type": "list", "member": {"shape": "association"}},
        the_arguments_of_Lineage_steps=_structure(
            "", Actions="Actions", Artifacts="Artifacts", Contexts="Contexts", Associations="Associations"
        ),
    )


def _jobs() -> Shapes:
    """DescribeJob: its document is JSON as text, and a reference may descend into it [SDK's JobStep]."""
    shapes = load_sagemaker().shapes
    answer = shapes["DescribeJobResponse"]
    members = {**answer["members"], "JobConfigDocument": {"shape": "document"}}
    return _with(shapes, document={"type": "anything"}, DescribeJobResponse={**answer, "members": members})
