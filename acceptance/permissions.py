"""The permissions that an acceptance needs, as a policy that an administrator can attach to whoever runs it.

Everything is of the acceptance's names. Whoever may make roles can give them anything, so this is a policy for an
administrator, or for an account that is there to be tried in.
"""

from __future__ import annotations

import json
from typing import Any

_READ = (
    "cloudformation:ValidateTemplate", "ecr:BatchGetImage", "ecr:DescribeImages", "iam:ListRoles",
    "logs:DescribeLogGroups", "sagemaker:ListModelPackageGroups", "sagemaker:ListModels", "sagemaker:ListPipelines",
    "servicequotas:ListServiceQuotas", "states:TestState", "sts:GetCallerIdentity", "tag:GetResources",
)  # fmt: skip
_JOBS = ("processing-job", "training-job", "transform-job")
# Of each service all that it can do, on resources with the acceptance's names.
_WHOLE: dict[str, tuple[str, ...]] = {
    "cloudformation": ("stack/acc-*/*",),
    "cloudwatch": ("alarm:acc-*",),
    "codebuild": ("project/acc-*", "report-group/acc-*"),
    "codepipeline": ("acc-*",),
    "events": ("rule/acc-*",),
    "lambda": ("function:acc-*",),
    "logs": ("log-group:/aws/codebuild/acc-*", "log-group:/aws/vendedlogs/states/acc-*", "log-group:/aws/sagemaker/*"),
    "sagemaker": (
        "pipeline/acc-*", "model-package-group/acc-*", "model-package/acc-*", "model/pipelines-*",
        *(f"{kind}/pipelines-*" for kind in _JOBS),
    ),
    "scheduler": ("schedule/acc-*/*", "schedule-group/acc-*"),
    "sns": ("acc-*",),
    "sqs": ("acc-*",),
    "states": ("stateMachine:acc-*", "execution:acc-*:*"),
}  # fmt: skip
_ROLES = (
    "AttachRolePolicy", "CreatePolicy", "CreatePolicyVersion", "CreateRole", "DeletePolicy", "DeletePolicyVersion",
    "DeleteRole", "DeleteRolePolicy", "DetachRolePolicy", "GetPolicy", "GetPolicyVersion", "GetRole", "GetRolePolicy",
    "ListAttachedRolePolicies", "ListPolicyVersions", "ListRolePolicies", "ListRoleTags", "PutRolePolicy",
    "SimulatePrincipalPolicy", "TagPolicy", "TagRole", "UntagRole", "UpdateAssumeRolePolicy", "UpdateRole",
)  # fmt: skip
_PASSED = ("codebuild", "codepipeline", "events", "lambda", "sagemaker", "scheduler", "states")


def policy(*, partition: str, account: str, connection: str = "") -> dict[str, Any]:
    """Return the policy: everything of the acceptance's names, and reading what has none."""
    found = [_allow("Read", _READ, ["*"])]
    for service, resources in _WHOLE.items():
        named = [f"arn:{partition}:{service}:*:{account}:{resource}" for resource in resources]
        found.append(_allow(service.capitalize(), (f"{service}:*",), named))
    found.append(_allow("S3", ("s3:*",), [f"arn:{partition}:s3:::acc-*", f"arn:{partition}:s3:::acc-*/*"]))
    roles = [f"arn:{partition}:iam::{account}:{kind}/acc-*" for kind in ("role", "policy")]
    found.append(_allow("Roles", tuple(f"iam:{verb}" for verb in _ROLES), roles))
    passed = {"StringEquals": {"iam:PassedToService": [f"{service}.amazonaws.com" for service in _PASSED]}}
    found.append({**_allow("PassRoles", ("iam:PassRole",), roles[:1]), "Condition": passed})
    if connection:
        verbs = ("GetConnection", "PassConnection", "UseConnection")
        prefixes = ("codeconnections", "codestar-connections")
        uses = tuple(f"{prefix}:{verb}" for prefix in prefixes for verb in verbs)
        found.append(_allow("Connection", uses, [connection]))
    return {"Version": "2012-10-17", "Statement": found}


def _allow(sid: str, actions: tuple[str, ...], resources: list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": resources}


def render_policy(*, partition: str, account: str, connection: str = "") -> str:
    """Return the policy's text."""
    return json.dumps(policy(partition=partition, account=account, connection=connection), indent=2) + "\n"
