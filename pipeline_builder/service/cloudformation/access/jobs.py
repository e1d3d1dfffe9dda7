"""Access of SageMaker's roles: what the pipeline makes, and what its steps' jobs read and write."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pipeline_builder.definition.names import logical_id
from pipeline_builder.definition.roles import role_name
from pipeline_builder.service.cloudformation.access.calls import job_role_arns, secrets_of_jobs, use_key
from pipeline_builder.service.cloudformation.access.facts import Facts
from pipeline_builder.service.cloudformation.access.projects import network_interface, network_look, pull, subnet_arns
from pipeline_builder.service.cloudformation.access.resources import (
    bucket_of,
    image_repositories,
    key_use,
    named,
    objects_at,
)
from pipeline_builder.service.cloudformation.access.scoring import make_of_packages
from pipeline_builder.service.cloudformation.access.statements import OURS, Conditions, Role, Statement, arn
from pipeline_builder.service.cloudformation.access.touched import DefinitionFacts
from pipeline_builder.service.cloudformation.access.tracking import tracking_and_indexes

# By kind of resource: what makes one, looks at it and ends it. A model has no end that a pipeline would ask for.
_VERBS = {
    "processing-job": ("CreateProcessingJob", "DescribeProcessingJob", "StopProcessingJob"),
    "training-job": ("CreateTrainingJob", "DescribeTrainingJob", "StopTrainingJob"),
    "transform-job": ("CreateTransformJob", "DescribeTransformJob", "StopTransformJob"),
    "model": ("CreateModel", "DescribeModel"),
    "hyper-parameter-tuning-job": (
        "CreateHyperParameterTuningJob", "DescribeHyperParameterTuningJob",
        "ListTrainingJobsForHyperParameterTuningJob", "StopHyperParameterTuningJob",
    ),
    "automl-job": ("CreateAutoMLJob", "DescribeAutoMLJob", "ListCandidatesForAutoMLJob", "StopAutoMLJob"),
    "endpoint-config": ("CreateEndpointConfig", "DescribeEndpointConfig"),
    "endpoint": ("CreateEndpoint", "DescribeEndpoint", "UpdateEndpoint"),
    "inference-component": ("CreateInferenceComponent", "DescribeInferenceComponent", "UpdateInferenceComponent"),
}  # fmt: skip
# Those that the console's page of a step makes use of.
_LOOKED_AT = frozenset(
    ["DescribeProcessingJob", "DescribeTrainingJob", "DescribeTransformJob", "DescribeModel",
     "DescribeHyperParameterTuningJob"]
)  # fmt: skip
# SageMaker begins the names that it makes for steps with this.
_OWN_NAMES = "pipelines-"


def execution_roles(facts: Facts) -> tuple[Role, ...]:
    """Return the roles that the service makes for SageMaker: one for all, or the pipeline's own and those of jobs."""
    match facts.service.execution_role:
        case "make":
            return (_execution_role(facts),)
        case "per-repository":
            owned = facts.definition.by_repository.items()
            return (_pipeline_role(facts), *(_job_role(facts, repo, touched) for repo, touched in owned))
        case "given":
            return ()


def _execution_role(facts: Facts) -> Role:
    definition = facts.definition
    statements = (
        *_steps(definition),
        *_calls(definition),
        *_registry(definition),
        *make_of_packages(facts),
        *_data(facts, definition),
        *pull("Images", image_repositories(definition.images)),
        *_pass_roles(facts),
        *_logs_and_metrics(),
        *_network(definition),
        *key_use(facts, "s3", *(("sqs",) if facts.has_queues else ())),
        *_data_keys(facts, definition),
        *secrets_of_jobs(definition),
        *tracking_and_indexes(definition),
    )
    return _role("execution", statements, "SageMaker: runs the steps of the pipeline")


def _pipeline_role(facts: Facts) -> Role:
    """Return the pipeline's own role: it alone makes jobs and packages, and it is no job's.

    SageMaker looks at image, artifact and metrics with it when a model is registered, and at the metrics for
    conditions.
    """
    definition, registered = facts.definition, facts.definition.registered
    assert registered is not None
    looked_at = replace(registered, reads=tuple(sorted({*registered.reads, *definition.metrics})), writes=())
    statements = (
        *_steps(definition),
        *_calls(definition),
        *_registrations(facts),
        *make_of_packages(facts),
        *_data(facts, looked_at),
        *pull("Images", image_repositories(registered.images)),
        *_pass_roles(facts),
        *key_use(facts, "s3", *(("sqs",) if facts.has_queues else ())),
        *_data_keys(facts, definition),
    )
    return _role(
        "execution", statements, "SageMaker: makes the jobs and model packages of the pipeline, and is no job's"
    )


def _job_role(facts: Facts, repository: str, touched: DefinitionFacts) -> Role:
    """Return the role of a repository's jobs: its data, images and network, and nothing of SageMaker's API."""
    statements = (
        *_data(facts, touched),
        *pull("Images", image_repositories(touched.images)),
        *_logs_and_metrics(),
        *_network(touched),
        *key_use(facts, "s3"),
        *_data_keys(facts, touched),
        *secrets_of_jobs(touched),
        *tracking_and_indexes(touched),
    )
    name = role_name(facts.service.name, repository).removeprefix(f"{facts.service.name}-")
    role = _role(name, statements, f"SageMaker: the jobs of the repository {repository}")
    return replace(role, id=logical_id("Jobs", repository))


def _role(name: str, statements: tuple[Statement, ...], description: str) -> Role:
    return Role(
        name=name,
        trust="sagemaker.amazonaws.com",
        trust_conditions=OURS,
        statements=statements,
        description=description,
    )


def _steps(definition: DefinitionFacts) -> tuple[Statement, ...]:
    found = []
    for kind, names in sorted(definition.jobs.items()):
        actions = tuple(f"sagemaker:{verb}" for verb in ("AddTags", *_VERBS[kind]))
        sid = "".join(word.capitalize() for word in kind.split("-")) + "s"
        found.append(Statement(sid=sid, actions=actions, resources=_jobs(kind, names)))
    return tuple(found)


def describe_jobs(definition: DefinitionFacts) -> tuple[Statement, ...]:
    """Return what looking takes at what steps have asked for, and at what became of it."""
    kinds = sorted(kind for kind in definition.jobs if any(verb in _LOOKED_AT for verb in _VERBS[kind]))
    if not kinds:
        return ()
    actions = tuple(f"sagemaker:{verb}" for kind in kinds for verb in _VERBS[kind] if verb in _LOOKED_AT)
    resources = tuple(text for kind in kinds for text in _jobs(kind, definition.jobs[kind]))
    return (Statement(sid="DescribeJobs", actions=actions, resources=resources, why="what each step asked for"),)


def _jobs(kind: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the ARNs of a kind's jobs by the names that they are given, "" for one that only a run knows."""
    prefixes = dict.fromkeys(("",) if "" in names else (_OWN_NAMES, *names))
    return tuple(text for prefix in prefixes for text in named(kind, prefix, "*"))


def _calls(definition: DefinitionFacts) -> tuple[Statement, ...]:
    """Return what steps take that call a function, or wait for an answer to a message."""
    found = []
    if definition.functions:
        why = "the Lambda steps' functions"
        action = ("lambda:InvokeFunction",)
        found.append(Statement(sid="Functions", actions=action, resources=definition.functions, why=why))
    if definition.queues:
        why = "the Callback steps' queues"
        found.append(Statement(sid="Queues", actions=("sqs:SendMessage",), resources=definition.queues, why=why))
    return tuple(found)


def _registry(definition: DefinitionFacts) -> tuple[Statement, ...]:
    if not definition.groups:
        return ()
    verbs = ("AddTags", "CreateModelPackage", "DescribeModelPackage", "DescribeModelPackageGroup")
    return (Statement(sid="Register", actions=_sagemaker(*verbs), resources=_packages(definition.groups)),)


def _registrations(facts: Facts) -> tuple[Statement, ...]:
    """Return what registering takes, where the policy says which approval a repository's packages may begin with."""
    groups = facts.definition.groups
    if not groups:
        return ()
    statuses: dict[tuple[str, ...], set[str]] = {}
    for repo, touched in facts.definition.by_repository.items():
        statuses.setdefault(facts.statuses_of(repo), set()).update(touched.groups)
    found = [
        Statement(
            sid="Register" + "".join(sorted(allowed)),
            actions=_sagemaker("CreateModelPackage"),
            resources=_packages(sorted(into)),
            conditions={"StringEquals": {"sagemaker:ModelApprovalStatus": allowed}},
            why="no model is approved by its own registration",
        )
        for allowed, into in sorted(statuses.items())
        if allowed and into
    ]
    verbs = ("AddTags", "DescribeModelPackage", "DescribeModelPackageGroup")
    return (*found, Statement(sid="Packages", actions=_sagemaker(*verbs), resources=_packages(groups)))


def _sagemaker(*verbs: str) -> tuple[str, ...]:
    return tuple(f"sagemaker:{verb}" for verb in verbs)


def _packages(groups: Iterable[str]) -> tuple[str, ...]:
    """Return the ARNs of groups and of what is in them."""
    groups = tuple(groups)
    packages = (text for group in groups for text in named("model-package", group, "/*"))
    return (*packages, *(text for group in groups for text in named("model-package-group", group)))


def _data(facts: Facts, definition: DefinitionFacts) -> tuple[Statement, ...]:
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
    return (
        Statement(
            sid="PassRole",
            actions=("iam:PassRole",),
            resources=job_role_arns(facts),
            conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
            why="the pipeline runs its jobs as these roles"
            if facts.job_roles
            else "the pipeline runs its jobs as this role",
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


def _network(definition: DefinitionFacts) -> tuple[Statement, ...]:
    """Return what jobs in a VPC need; their network is the definition's own."""
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


def _data_keys(facts: Facts, definition: DefinitionFacts) -> tuple[Statement, ...]:
    """Return what encrypting volumes and outputs takes, with every key that the definition names."""
    use = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey")
    for_volumes: Conditions = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    keys = sorted({*definition.keys, facts.key} - {""})
    return tuple(
        statement
        for number, key in enumerate(keys, 1)
        for statement in (
            use_key(key, f"DataKey{number}", use, {}),
            use_key(key, f"VolumeKey{number}", ("kms:CreateGrant",), for_volumes),
        )
    )
