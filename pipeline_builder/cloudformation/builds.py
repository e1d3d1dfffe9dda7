"""Access of the CodeBuild projects: what each stage of the service calls, by the code that it runs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipeline_builder.cloudformation.addresses import Location
from pipeline_builder.cloudformation.facts import Facts, read_image
from pipeline_builder.cloudformation.resources import (
    artifact_keys,
    bucket_name,
    bucket_of,
    connection_use,
    image_repositories,
    key_use,
    named,
    objects,
    objects_at,
)
from pipeline_builder.cloudformation.statements import ACCOUNT, BUCKET, KEY, Conditions, Role, Statement, arn, literal

# What CodeBuild needs of a connection to clone a repository by it.
CLONE = ("GetConnection", "GetConnectionToken", "UseConnection")
_OURS: Conditions = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
_COMPLETE = re.compile(r"-[A-Za-z0-9]{6}\Z")
_JOB_LOGS = ("ProcessingJobs", "TrainingJobs", "TransformJobs")


def build_roles(facts: Facts) -> tuple[Role, ...]:
    """Return the roles of the stages and of the worker."""
    return (_build(facts), _train(facts), _promote(facts), _worker(facts))


def _build(facts: Facts) -> Role:
    clone = connection_use("Connections", source_connection(facts), ("UseConnection",)) if facts.clones else ()
    statements = (
        *_stage(facts, "build"),
        *clone,
        *_clone(facts),
        *_secrets(facts),
        *_pipeline_read(facts),
        *_pipeline_write(facts),
        *_execution_read(facts),
        *_groups(facts),
        *_code(facts),
        *_fingerprints(facts),
        *_preflight(facts),
        *_pass_role(facts),
    )
    return _role("build", statements, "Build: checks out, composes, plans and applies the SageMaker pipeline")


def _train(facts: Facts) -> Role:
    pipeline = facts.definition.pipeline
    run = (
        Statement(sid="Start", actions=("sagemaker:StartPipelineExecution",), resources=named("pipeline", pipeline)),
        Statement(
            sid="GoOn",
            actions=("sagemaker:RetryPipelineExecution", "sagemaker:StopPipelineExecution"),
            resources=named("pipeline", pipeline, "/execution/*"),
        ),
    )
    statements = (
        *_stage(facts, "train"),
        *_pipeline_read(facts),
        *run,
        *_execution_read(facts),
        *_evidence(facts),
        *_packages(facts, write=False),
        *_fingerprints(facts),
        _records(write=True),
    )
    return _role("train", statements, "Train: runs the SageMaker pipeline and judges the run")


def _promote(facts: Facts) -> Role:
    statements = (
        *_stage(facts, "promote"),
        *_execution_read(facts),
        *_evidence(facts),
        *_packages(facts, write=True),
        _records(write=True),
        _who_decided(facts),
    )
    return _role("promote", statements, "Promote: approves the model packages of a run")


def _worker(facts: Facts) -> Role:
    watch = Statement(
        sid="Heads",
        actions=("s3:GetObject", "s3:PutObject"),
        resources=objects(BUCKET, "watch/*"),
        why="which commits the last look has seen",
    )
    statements = (
        *_project(facts, "worker"),
        *_direct_source(facts),
        *_secrets(facts),
        watch,
        start(facts.service.name),
        *_execution_read(facts),
        *_evidence(facts),
        *_packages(facts, write=True),
        _records(write=True),
        _who_decided(facts),
        _names(BUCKET, "ArtifactNames"),
        *key_use(facts, "s3"),
    )
    return _role("worker", statements, "Worker: looks for new commits, and writes rejections to the model packages")


def _role(name: str, statements: Iterable[Statement], description: str) -> Role:
    return Role(
        name=name,
        trust="codebuild.amazonaws.com",
        trust_conditions=_OURS,
        statements=tuple(statements),
        description=description,
    )


# --- what every project needs


def _stage(facts: Facts, stage: str) -> tuple[Statement, ...]:
    """Return what a project in CodePipeline needs: besides its own things, the artifacts."""
    artifacts = Statement(
        sid="Artifacts",
        actions=("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"),
        resources=objects(BUCKET, *artifact_keys(facts.service.name)),
        why="what the stage before hands on, and what this one does",
    )
    bucket = Statement(
        sid="ArtifactBucket",
        actions=("s3:GetBucketAcl", "s3:GetBucketLocation"),
        resources=objects(BUCKET),
        why="CodeBuild looks whose the bucket is",
    )
    same = (_names(BUCKET, "ArtifactNames"),) if facts.bucket or stage == "promote" else ()
    return (*_project(facts, stage), artifacts, bucket, *same, *key_use(facts, "s3"))


def _project(facts: Facts, stage: str) -> tuple[Statement, ...]:
    name = f"{facts.service.name}-{stage}"
    reports = Statement(
        sid="Reports",
        actions=(
            "codebuild:BatchPutTestCases", "codebuild:CreateReport", "codebuild:CreateReportGroup",
            "codebuild:UpdateReport",
        ),
        resources=(arn("codebuild", f"report-group/{name}-run"),),
    )  # fmt: skip
    return (logs(name), reports, *image_use(facts), *_network(facts))


def logs(project_name: str) -> Statement:
    """Return what a project's log takes."""
    group = f"log-group:/aws/codebuild/{project_name}"
    return Statement(
        sid="Logs",
        actions=("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
        resources=(arn("logs", group), arn("logs", f"{group}:*")),
    )


def start(service: str) -> Statement:
    """Return what starting the CodePipeline takes."""
    return Statement(
        sid="StartPipeline", actions=("codepipeline:StartPipelineExecution",), resources=(_service(service),)
    )


def _service(service: str) -> str:
    return arn("codepipeline", service)


def image_use(facts: Facts) -> tuple[Statement, ...]:
    """Return what pulling the builds' own image takes; CodeBuild's images take nothing."""
    image = read_image(facts.service.image)
    return pull("BuildImage", image_repositories((image,))) if image else ()


def pull(sid: str, repositories: tuple[str, ...]) -> tuple[Statement, ...]:
    """Return what pulling images takes."""
    if not repositories:
        return ()
    layers = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
    return (
        Statement(sid=sid, actions=layers, resources=repositories),
        Statement(
            sid=f"{sid}Login",
            actions=("ecr:GetAuthorizationToken",),
            resources=("*",),
            why="the token is the registry's: the action takes no resource",
        ),
    )


def _network(facts: Facts) -> tuple[Statement, ...]:
    network = facts.service.network
    if network is None:
        return ()
    subnets = tuple(arn("ec2", f"subnet/{subnet}") for subnet in network.subnets)
    groups = tuple(arn("ec2", f"security-group/{group}") for group in network.security_groups)
    interfaces = arn("ec2", "network-interface/*")
    return (
        Statement(
            sid="NetworkInterface",
            actions=("ec2:CreateNetworkInterface",),
            resources=(interfaces, *subnets, *groups),
            why="builds have an interface in the VPC",
        ),
        Statement(
            sid="NetworkInterfaceEnd",
            actions=("ec2:DeleteNetworkInterface",),
            resources=(interfaces,),
            conditions={"ArnEquals": {"ec2:Subnet": subnets}},
        ),
        Statement(
            sid="NetworkInterfaceGrant",
            actions=("ec2:CreateNetworkInterfacePermission",),
            resources=(interfaces,),
            conditions={
                "ArnEquals": {"ec2:Subnet": subnets},
                "StringEquals": {"ec2:AuthorizedService": "codebuild.amazonaws.com"},
            },
        ),
        network_look(),
    )


def network_look() -> Statement:
    """Return what looking at a network takes."""
    return Statement(
        sid="NetworkLook",
        actions=(
            "ec2:DescribeDhcpOptions", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets", "ec2:DescribeVpcs",
        ),
        resources=("*",),
        why="EC2's Describe actions take no resource",
    )  # fmt: skip


def source_connection(facts: Facts) -> tuple[str, ...]:
    """Return the connection of the manifest's own repository, where it has one."""
    source = facts.service.source
    connection = source.connection or facts.service.connection
    return (connection,) if source.kind == "connection" and connection else ()


def _clone(facts: Facts) -> tuple[Statement, ...]:
    source = facts.service.source
    if source.kind != "codecommit" or not facts.clones:
        return ()
    return (_pull_source(source.repository),)


def _pull_source(repository: str) -> Statement:
    return Statement(
        sid="CloneSource", actions=("codecommit:GitPull",), resources=(arn("codecommit", literal(repository)),)
    )


def _direct_source(facts: Facts) -> tuple[Statement, ...]:
    """The worker clones the manifest's repository itself."""
    source = facts.service.source
    if source.kind == "codecommit":
        return (_pull_source(source.repository),)
    if source.kind == "s3":
        bucket, _, key = source.repository.partition("/")
        return (
            Statement(
                sid="Source",
                actions=("s3:GetObject", "s3:GetObjectVersion"),
                resources=objects(literal(bucket), literal(key)),
            ),
            Statement(
                sid="SourceBucket",
                actions=("s3:GetBucketAcl", "s3:GetBucketLocation", "s3:ListBucket"),
                resources=objects(literal(bucket)),
            ),
        )
    return connection_use("Connections", source_connection(facts), CLONE)


# --- the stages' own calls


def _secrets(facts: Facts) -> tuple[Statement, ...]:
    if not facts.secrets:
        return ()
    resources = tuple(sorted({_secret(text) for text in facts.secrets}))
    why = "tokens of the model repositories; Secrets Manager puts six characters behind a name"
    return (Statement(sid="Secrets", actions=("secretsmanager:GetSecretValue",), resources=resources, why=why),)


def _secret(text: str) -> str:
    """Return the ARN of a secret that is named by its ARN or by its name."""
    if text.startswith("arn:"):
        return literal(text) if _COMPLETE.search(text) else f"{literal(text)}-??????"
    return arn("secretsmanager", f"secret:{literal(text)}-??????")


def _pipeline_read(facts: Facts) -> tuple[Statement, ...]:
    actions = ("sagemaker:DescribePipeline", "sagemaker:ListPipelineVersions", "sagemaker:ListTags")
    return (
        Statement(sid="ReadPipeline", actions=actions, resources=named("pipeline", facts.definition.pipeline)),
        Statement(
            sid="AppliedDefinitions",
            actions=("s3:GetObject",),
            resources=objects(bucket_name(facts), f"{literal(facts.definition.pipeline)}/definitions/*"),
            why="what was applied last, to tell what others have changed",
        ),
        _names(bucket_name(facts), "DataNames"),
    )


def _pipeline_write(facts: Facts) -> tuple[Statement, ...]:
    actions = ("sagemaker:AddTags", "sagemaker:CreatePipeline", "sagemaker:UpdatePipeline")
    return (Statement(sid="WritePipeline", actions=actions, resources=named("pipeline", facts.definition.pipeline)),)


def _execution_read(facts: Facts) -> tuple[Statement, ...]:
    pipeline = facts.definition.pipeline
    actions = (
        "sagemaker:DescribePipelineDefinitionForExecution", "sagemaker:DescribePipelineExecution",
        "sagemaker:ListPipelineExecutionSteps", "sagemaker:ListPipelineParametersForExecution",
    )  # fmt: skip
    return (
        Statement(
            sid="ListExecutions", actions=("sagemaker:ListPipelineExecutions",), resources=named("pipeline", pipeline)
        ),
        Statement(sid="ReadExecutions", actions=actions, resources=named("pipeline", pipeline, "/execution/*")),
    )


def _groups(facts: Facts) -> tuple[Statement, ...]:
    if not facts.definition.groups:
        return ()
    resources = tuple(text for group in facts.definition.groups for text in named("model-package-group", group))
    return (
        Statement(
            sid="WriteGroups",
            actions=("sagemaker:AddTags", "sagemaker:CreateModelPackageGroup"),
            resources=resources,
        ),
        Statement(
            sid="ListGroups",
            actions=("sagemaker:ListModelPackageGroups",),
            resources=("*",),
            why="the action takes no resource",
        ),
    )


def _code(facts: Facts) -> tuple[Statement, ...]:
    base = literal(facts.definition.pipeline)
    keys = tuple(f"{base}/{folder}/*" for folder in ("code", "definitions", "manifests"))
    return (Statement(sid="WriteCode", actions=("s3:PutObject",), resources=objects(bucket_name(facts), *keys)),)


def _fingerprints(facts: Facts) -> tuple[Statement, ...]:
    """Return what listing the data takes that cached results depend on: each prefix as it is asked for."""
    places: dict[str, list[Location]] = {}
    for place in facts.definition.listed:
        if place.bucket:  # names in the pipeline's own bucket are listed anyway
            places.setdefault(bucket_of(facts, place), []).append(place)
    return tuple(
        Statement(
            sid=f"DataNames{index}",
            actions=("s3:ListBucket",),
            resources=(bucket,),
            conditions={"StringEquals": {"s3:prefix": tuple(literal(place.pieces[0]) for place in found)}},
            why="whether data has changed that cached results depend on",
        )
        for index, (bucket, found) in enumerate(sorted(places.items()), 1)
    )


def _preflight(facts: Facts) -> tuple[Statement, ...]:
    """Return what looking takes whether the account has what the definition needs."""
    role = Statement(sid="LookAtRole", actions=("iam:GetRole",), resources=(execution_role_arn(facts),))
    images = image_repositories(facts.definition.images)
    found = [role]
    if images:
        found.append(Statement(sid="LookAtImages", actions=("ecr:DescribeImages",), resources=images))
    found.append(
        Statement(
            sid="LookAtQuotas",
            actions=("servicequotas:ListServiceQuotas",),
            resources=("*",),
            why="the action takes no resource",
        )
    )
    found += data_key(facts, "LookAtKey", ("kms:DescribeKey",), {})
    return tuple(found)


def execution_role_arn(facts: Facts) -> str:
    """Return the ARN of SageMaker's execution role."""
    if facts.service.execution_role == "make":
        return arn("iam", f"role/{facts.service.name}-execution", region="")
    return literal(facts.role)


def _pass_role(facts: Facts) -> tuple[Statement, ...]:
    return (
        Statement(
            sid="PassRole",
            actions=("iam:PassRole",),
            resources=(execution_role_arn(facts),),
            conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        ),
    )


def data_key(facts: Facts, sid: str, actions: tuple[str, ...], conditions: Conditions) -> tuple[Statement, ...]:
    """Return the use of the key of jobs and their data; an alias is told by a condition, for no ARN of a key has it."""
    key = facts.key
    if not key or key == KEY:
        return (Statement(sid=sid, actions=actions, resources=(KEY,), conditions=conditions),) if key else ()
    alias = re.fullmatch(r"(?:arn:[^:]+:kms:(?P<region>[^:]+):(?P<account>\d+):)?(?P<alias>alias/.+)", key)
    if alias:
        region, account = alias["region"], alias["account"]
        place = {"region": literal(region), "account": account} if region else {}
        named_so: Conditions = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": literal(alias["alias"])}}
        why = "the key is known by its alias only, and the condition tells it from the others"
        resources = (arn("kms", "key/*", **place),)
        return (
            Statement(sid=sid, actions=actions, resources=resources, conditions={**conditions, **named_so}, why=why),
        )
    resource = literal(key) if key.startswith("arn:") else arn("kms", f"key/{literal(key)}")
    return (Statement(sid=sid, actions=actions, resources=(resource,), conditions=conditions),)


def _names(bucket: str, sid: str) -> Statement:
    return Statement(
        sid=sid,
        actions=("s3:ListBucket",),
        resources=objects(bucket),
        why="without it S3 says of an object that isn't there that it is forbidden",
    )


def _evidence(facts: Facts) -> tuple[Statement, ...]:
    """Return what reading a run's metrics and logs takes."""
    found = []
    if facts.definition.metrics:
        resources = objects_at(facts, facts.definition.metrics)
        found.append(Statement(sid="ReadMetrics", actions=("s3:GetObject",), resources=resources))
    groups = tuple(arn("logs", f"log-group:/aws/sagemaker/{group}:*") for group in _JOB_LOGS)
    found.append(
        Statement(sid="ReadJobLogs", actions=("logs:DescribeLogStreams", "logs:GetLogEvents"), resources=groups)
    )
    return tuple(found)


def _packages(facts: Facts, *, write: bool) -> tuple[Statement, ...]:
    groups = facts.definition.groups
    if not groups:
        return ()
    packages = tuple(text for group in groups for text in named("model-package", group, "/*"))
    of_groups = tuple(text for group in groups for text in named("model-package-group", group))
    actions = ("sagemaker:DescribeModelPackage", *(("sagemaker:UpdateModelPackage",) if write else ()))
    return (
        Statement(sid="Packages", actions=actions, resources=packages),
        Statement(sid="ListPackages", actions=("sagemaker:ListModelPackages",), resources=(*packages, *of_groups)),
    )


def _records(*, write: bool) -> Statement:
    actions = ("s3:GetObject", *(("s3:PutObject",) if write else ()))
    return Statement(sid="Records", actions=actions, resources=objects(BUCKET, "runs/*"), why="reports and records")


def _who_decided(facts: Facts) -> Statement:
    return Statement(
        sid="WhoDecided",
        actions=("codepipeline:GetPipelineState", "codepipeline:ListActionExecutions"),
        resources=(_service(facts.service.name),),
        why="who has approved or rejected",
    )
