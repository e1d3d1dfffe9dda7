"""Whether a role of the template may make a call: IAM's rules as far as the service's policies use them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline_builder.manifest.patterns import fits, fits_any
from pipeline_builder.service.cloudformation.evaluation.physical import Home

Policy = Mapping[str, Any]
"""A policy document, worked out."""
_ARN = re.compile(r"^arn:[^:]+:sagemaker:[^:]*:[^:]*:")


def may(policies: Iterable[Policy], action: str, resource: str) -> bool:
    """Tell whether the policies allow the action on the resource; a Deny goes before everything.

    Conditions are taken as met where the call has nothing that they could be held against.
    """
    fitting = [
        one for policy in policies for one in _listed(policy.get("Statement")) if _is_about(one, action, resource)
    ]
    return bool(fitting) and all(one.get("Effect") == "Allow" for one in fitting)


def _is_about(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    actions, resources = (_listed(statement.get(key)) for key in ("Action", "Resource"))
    return any(fits(one.lower(), action.lower()) for one in actions) and fits_any(tuple(resources), resource)


def _listed(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [] if found is None else [found]


def resource_of(operation: str, asked: Mapping[str, Any], home: Home) -> str:
    """Return the ARN that a call is about.

    Executions of the local target have a Region and an account of their own, which stand for the rehearsal's.
    Source: "Actions, resources, and condition keys" of CodePipeline and SageMaker, service authorization reference.
    """
    if found := asked.get("PipelineExecutionArn"):
        return _ARN.sub(f"arn:{home.partition}:sagemaker:{home.region}:{home.account}:", str(found))
    if found := asked.get("executionArn") or asked.get("stateMachineArn"):
        return str(found)
    parts = [asked.get("pipelineName") or asked.get("name") or "", asked.get("stageName"), asked.get("actionName")]
    of = parts if operation == "PutApprovalResult" else parts[:1]
    return f"arn:{home.partition}:codepipeline:{home.region}:{home.account}:{'/'.join(str(part) for part in of)}"
