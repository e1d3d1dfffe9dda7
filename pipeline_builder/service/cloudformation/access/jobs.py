"""Access of SageMaker's execution role: what the pipeline's steps make, read and write."""

from __future__ import annotations

from pipeline_builder.service.cloudformation.access.calls import execution_role_arn, use_key
from pipeline_builder.service.cloudformation.access.facts import Facts
from pipeline_builder.service.cloudformation.access.projects import network_interface, network_look, pull, subnet_arns
from pipeline_builder.service.cloudformation.access.resources import (
    bucket_of,
    image_repositories,
    key_use,
    named,
    objects_at,
)
from pipeline_builder.service.cloudformation.access.statements import OURS, Conditions, Role, Statement, arn, literal

# By kind of resource: what makes one, looks at it and ends it. A model has no end that a pipeline would ask for.
_VERBS = {
    "processing-job": ("CreateProcessingJob", "DescribeProcessingJob", "StopProcessingJob"),
    "training-job": ("CreateTrainingJob", "DescribeTrainingJob", "StopTrainingJob"),
    "transform-job": ("CreateTransformJob", "DescribeTransformJob", "StopTransformJob"),
    "model": ("CreateModel", "DescribeModel"),
}
# SageMaker begins the names that it makes for steps with this.
_OWN_NAMES = "pipelines-"


def execution_role(facts: Facts) -> Role:
    """Return the role that pipeline and jobs run as."""
    statements = (
        *_steps(facts),
        *_registry(facts),
        *_data(facts),
        *pull("Images", image_repositories(facts.definition.images)),
        *_pass_roles(facts),
        *_logs_and_metrics(),
        *_network(facts),
        *key_use(facts, "s3"),
        *_data_keys(facts),
    )
    return Role(
        name="execution",
        trust="sagemaker.amazonaws.com",
        trust_conditions=OURS,
        statements=statements,
        description="SageMaker: runs the steps of the pipeline",
    )


def _steps(facts: Facts) -> tuple[Statement, ...]:
    found = []
    for kind, names in sorted(facts.definition.jobs.items()):
        actions = tuple(f"sagemaker:{verb}" for verb in ("AddTags", *_VERBS[kind]))
        prefixes = dict.fromkeys(("",) if "" in names else (_OWN_NAMES, *names))
        resources = tuple(text for prefix in prefixes for text in named(kind, prefix, "*"))
        sid = "".join(word.capitalize() for word in kind.split("-")) + "s"
        found.append(Statement(sid=sid, actions=actions, resources=resources))
    return tuple(found)


def _registry(facts: Facts) -> tuple[Statement, ...]:
    groups = facts.definition.groups
    if not groups:
        return ()
    of_groups = tuple(text for group in groups for text in named("model-package-group", group))
    packages = tuple(text for group in groups for text in named("model-package", group, "/*"))
    verbs = ("AddTags", "CreateModelPackage", "DescribeModelPackage", "DescribeModelPackageGroup")
    actions = tuple(f"sagemaker:{verb}" for verb in verbs)
    return (Statement(sid="Register", actions=actions, resources=(*packages, *of_groups)),)


def _data(facts: Facts) -> tuple[Statement, ...]:
    definition = facts.definition
    places = (*definition.reads, *definition.writes)
    if not places:
        return ()
    buckets = tuple(sorted({bucket_of(facts, place) for place in places}))
    found = [
        Statement(
            sid="ReadData",
            actions=("s3:GetObject",),
            resources=objects_at(facts, places),
            why="inputs, code, and what steps have written; SageMaker takes every key that begins with an address",
        ),
        Statement(
            sid="ListData",
            actions=("s3:GetBucketLocation", "s3:ListBucket"),
            resources=buckets,
            why="SageMaker lists an input before it fetches it",
        ),
    ]
    if definition.writes:
        found.append(
            Statement(
                sid="WriteData",
                actions=("s3:AbortMultipartUpload", "s3:PutObject"),
                resources=objects_at(facts, definition.writes),
            )
        )
    return tuple(found)


def _pass_roles(facts: Facts) -> tuple[Statement, ...]:
    others = (literal(role) for role in facts.definition.roles if role != facts.role)
    return (
        Statement(
            sid="PassRole",
            actions=("iam:PassRole",),
            resources=tuple(dict.fromkeys((execution_role_arn(facts), *others))),
            conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
            why="the pipeline runs its jobs as this role",
        ),
    )


def _logs_and_metrics() -> tuple[Statement, ...]:
    return (
        Statement(
            sid="Logs",
            actions=("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
            resources=(arn("logs", "log-group:/aws/sagemaker/*"),),
        ),
        Statement(
            sid="Metrics",
            actions=("cloudwatch:PutMetricData",),
            resources=("*",),
            conditions={"StringLike": {"cloudwatch:namespace": ("/aws/sagemaker/*", "AWS/SageMaker")}},
            why="the action takes no resource; the condition names what may be written",
        ),
    )


def _network(facts: Facts) -> tuple[Statement, ...]:
    """Return what jobs in a VPC need; their network is the definition's own."""
    definition = facts.definition
    if not definition.subnets:
        return ()
    return (
        network_interface(definition.subnets, definition.security_groups, "jobs have an interface in the VPC"),
        Statement(
            sid="NetworkInterfaceEnd",
            actions=(
                "ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface",
                "ec2:DeleteNetworkInterfacePermission",
            ),
            resources=(arn("ec2", "network-interface/*"),),
            conditions={"ArnEquals": {"ec2:Subnet": subnet_arns(definition.subnets)}},
        ),
        network_look(),
    )  # fmt: skip


def _data_keys(facts: Facts) -> tuple[Statement, ...]:
    """Return what encrypting volumes and outputs takes, with every key that the definition names."""
    use = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey")
    for_volumes: Conditions = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    keys = sorted({*facts.definition.keys, facts.key} - {""})
    return tuple(
        statement
        for number, key in enumerate(keys, 1)
        for statement in (
            use_key(key, f"DataKey{number}", use, {}),
            use_key(key, f"VolumeKey{number}", ("kms:CreateGrant",), for_volumes),
        )
    )
