"""Planning: what is deployed, what the step cache has, and what has run already, read into a plan."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from pipeline_builder.definition.composed import Definition
from pipeline_builder.descriptions import CachePrediction, DeployedPipeline, ExecutionStatus
from pipeline_builder.release.parameters import cached_parameters
from pipeline_builder.release.plan import Plan, build_plan, with_rename
from pipeline_builder.release.run import Start, find_unchanged
from pipeline_builder.release.superseded import Superseded, never
from pipeline_builder.target import PipelineService


def make_plan(
    definition: Definition,
    deployed: DeployedPipeline | None,
    service: PipelineService,
    parameters: Mapping[str, str],
    *,
    before: str = "",
    whole: bool = False,
    superseded: Superseded = never,
) -> Plan:
    """Compare the definition with what is deployed, and tell what a run with these parameters would do.

    `before` is the name of the pipeline that ran last, empty where none has. Where a run would do nothing, only a
    `whole` plan says of each step what the step cache has of it.
    """
    name, content = definition.pipeline, definition.content
    same = find_unchanged(service, name, content, parameters, superseded)
    predictions: tuple[CachePrediction, ...] = ()
    if whole or same is None:
        values = cached_parameters(service, name, content, parameters)
        predictions = service.predict_cache(name, content, values)
    plan = build_plan(name, content, deployed, predictions, unchanged_since=same.id if same else "")
    return _named(plan, before)


def plan_alone(definition: Definition, deployed: DeployedPipeline | None, *, before: str = "") -> Plan:
    """Compare the definition with what is deployed, where nothing can be said of a run yet."""
    return _named(build_plan(definition.pipeline, definition.content, deployed, (), unchanged_since=""), before)


def _named(plan: Plan, before: str) -> Plan:
    return with_rename(plan, before) if plan.creates and before not in ("", plan.pipeline) else plan


def find_done(service: PipelineService, pipeline: DeployedPipeline, plan: Plan) -> Start | None:
    """Return the execution that has done all that a run would do, by a plan of just now, and of what is deployed."""
    found = service.describe_execution(plan.unchanged_since) if plan.unchanged_since else None
    if found is None or found.status is not ExecutionStatus.SUCCEEDED:
        return None
    same = hashlib.sha256(pipeline.definition).hexdigest() == plan.new_sha256
    return Start(execution=found, origin="unchanged") if same else None
