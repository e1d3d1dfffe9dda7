"""Whether a role of the template may make a call: IAM's rules as far as the service's policies use them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

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
    return any(_matches(one.lower(), action.lower()) for one in actions) and any(
        _matches(one, resource) for one in resources
    )


def _matches(pattern: str, text: str) -> bool:
    words = {"*": ".*", "?": "."}
    return re.fullmatch("".join(words.get(one, re.escape(one)) for one in pattern), text, re.DOTALL) is not None


def _listed(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [] if found is None else [found]


def resource_of(operation: str, asked: Mapping[str, Any], home: str) -> str:
    """Return the ARN that a call is about; `home` is the partition, the Region and the account, with colons between.

    Executions of the local target have a Region and an account of their own, which stand for the rehearsal's.
    Source: "Actions, resources, and condition keys" of CodePipeline and SageMaker, service authorization reference.
    """
    partition, region, account = home.split(":")
    if found := asked.get("PipelineExecutionArn"):
        return _ARN.sub(f"arn:{partition}:sagemaker:{region}:{account}:", str(found))
    if found := asked.get("executionArn") or asked.get("stateMachineArn"):
        return str(found)
    parts = [asked.get("pipelineName") or asked.get("name") or "", asked.get("stageName"), asked.get("actionName")]
    of = parts if operation == "PutApprovalResult" else parts[:1]
    return f"arn:{partition}:codepipeline:{region}:{account}:{'/'.join(str(part) for part in of)}"
