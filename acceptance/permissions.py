"""The permissions that an acceptance needs, as a policy that an administrator can attach to whoever runs it."""

from __future__ import annotations

import json
from typing import Any

_READ = (
    "sts:GetCallerIdentity", "iam:ListRoles", "logs:DescribeLogGroups", "tag:GetResources", "servicequotas:ListServiceQuotas",
    "sagemaker:ListPipelines", "sagemaker:ListModelPackageGroups", "sagemaker:ListModels", "ecr:DescribeImages",
    "ecr:BatchGetImage", "cloudformation:ValidateTemplate", "kms:ListAliases",
)  # fmt: skip
# By service: which actions, and on which resources of the acceptance's names.
_NAMED: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("Stacks", ("cloudformation:*",), ("arn:{partition}:cloudformation:*:{account}:stack/acc-*/*",)),
    ("Pipelines", ("codepipeline:*",), (
        "arn:{partition}:codepipeline:*:{account}:acc-*", "arn:{partition}:codepipeline:*:{account}:webhook:acc-*")),
    ("Builds", ("codebuild:*",), (
        "arn:{partition}:codebuild:*:{account}:project/acc-*", "arn:{partition}:codebuild:*:{account}:report-group/acc-*")),
    ("Rules", ("events:*",), ("arn:{partition}:events:*:{account}:rule/acc-*",)),
    ("Schedules", ("scheduler:*",), (
        "arn:{partition}:scheduler:*:{account}:schedule/acc-*/*",
        "arn:{partition}:scheduler:*:{account}:schedule-group/acc-*")),
    ("Waiting", ("states:*",), (
        "arn:{partition}:states:*:{account}:stateMachine:acc-*", "arn:{partition}:states:*:{account}:execution:acc-*:*")),
    ("Functions", ("lambda:*",), ("arn:{partition}:lambda:*:{account}:function:acc-*",)),
    ("Topics", ("sns:*",), ("arn:{partition}:sns:*:{account}:acc-*",)),
    ("Queues", ("sqs:*",), ("arn:{partition}:sqs:*:{account}:acc-*",)),
    ("Alarms", ("cloudwatch:*",), ("arn:{partition}:cloudwatch:*:{account}:alarm:acc-*",)),
    ("Logs", ("logs:*",), (
        "arn:{partition}:logs:*:{account}:log-group:/aws/codebuild/acc-*",
        "arn:{partition}:logs:*:{account}:log-group:/aws/vendedlogs/states/acc-*",
        "arn:{partition}:logs:*:{account}:log-group:/aws/sagemaker/*")),
    ("Buckets", ("s3:*",), ("arn:{partition}:s3:::acc-*", "arn:{partition}:s3:::acc-*/*")),
    ("Models", ("sagemaker:*",), tuple(
        f"arn:{{partition}}:sagemaker:*:{{account}}:{kind}"
        for kind in ("pipeline/acc-*", "model-package-group/acc-*", "model-package/acc-*", "model/pipelines-*",
                     "processing-job/pipelines-*", "training-job/pipelines-*", "transform-job/pipelines-*"))),
    ("Roles", (
        "iam:CreateRole", "iam:DeleteRole", "iam:GetRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy",
        "iam:GetRolePolicy", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies", "iam:AttachRolePolicy",
        "iam:DetachRolePolicy", "iam:TagRole", "iam:UntagRole", "iam:UpdateRole", "iam:UpdateAssumeRolePolicy", "iam:ListRoleTags",
        "iam:SimulatePrincipalPolicy", "iam:CreatePolicy", "iam:DeletePolicy", "iam:GetPolicy", "iam:GetPolicyVersion",
        "iam:ListPolicyVersions", "iam:CreatePolicyVersion", "iam:DeletePolicyVersion", "iam:TagPolicy",
    ), ("arn:{partition}:iam::{account}:role/acc-*", "arn:{partition}:iam::{account}:policy/acc-*")),
)  # fmt: skip
_PASSED = ("sagemaker", "codepipeline", "codebuild", "events", "scheduler", "states", "lambda")


def policy(*, partition: str, account: str, connection: str = "") -> dict[str, Any]:
    """Return the policy: everything of the acceptance's names, and reading what has none."""
    found: list[dict[str, Any]] = [{"Sid": "Read", "Effect": "Allow", "Action": sorted(_READ), "Resource": "*"}]
    for sid, actions, resources in _NAMED:
        named = [resource.format(partition=partition, account=account) for resource in resources]
        found.append({"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": named})
    passed = [f"{service}.amazonaws.com" for service in _PASSED]
    found.append({
        "Sid": "PassRoles", "Effect": "Allow", "Action": "iam:PassRole",
        "Resource": f"arn:{partition}:iam::{account}:role/acc-*",
        "Condition": {"StringEquals": {"iam:PassedToService": passed}},
    })  # fmt: skip
    if connection:
        verbs = ("UseConnection", "PassConnection", "GetConnection")
        actions = [f"{prefix}:{verb}" for prefix in ("codeconnections", "codestar-connections") for verb in verbs]
        found.append({"Sid": "Connection", "Effect": "Allow", "Action": actions, "Resource": connection})
    return {"Version": "2012-10-17", "Statement": found}


def render_policy(*, partition: str, account: str, connection: str = "") -> str:
    """Return the policy's text."""
    return json.dumps(policy(partition=partition, account=account, connection=connection), indent=2) + "\n"
