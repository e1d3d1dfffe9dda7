"""Access that CodeBuild projects have in common: their logs, reports, caches, artifacts, network and source."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline_builder.service.cloudformation.access.facts import Facts
from pipeline_builder.service.cloudformation.access.resources import (
    artifact_keys,
    connection_use,
    image_repositories,
    key_use,
    objects,
)
from pipeline_builder.service.cloudformation.access.statements import BUCKET, Statement, arn, literal
from pipeline_builder.service.cloudformation.access.surroundings import index_use, variables_use
from pipeline_builder.service.cloudformation.access.touched import read_image

STAGES = {"training": ("build", "train", "promote"), "inference": ("build", "score", "publish")}
"""The builds that are stages of a pipeline, by its kind."""

# What CodeBuild needs of a connection to clone a repository by it.
CLONE = ("GetConnection", "GetConnectionToken", "UseConnection")


def artifacts(facts: Facts) -> tuple[Statement, ...]:
    """Return what a stage of CodePipeline needs for what it is handed and hands on."""
    return (
        Statement(
            sid="Artifacts",
            actions=("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"),
            resources=objects(BUCKET, *artifact_keys(facts.service.name)),
            why="what the stage before hands on, and what this one does",
        ),
        Statement(
            sid="ArtifactBucket",
            actions=("s3:GetBucketAcl", "s3:GetBucketLocation"),
            resources=objects(BUCKET),
            why="CodeBuild looks whose the bucket is",
        ),
        *key_use(facts, "s3"),
    )


def project_use(facts: Facts, stage: str) -> tuple[Statement, ...]:
    """Return what every project needs that runs a stage."""
    name = f"{facts.service.name}-{stage}"
    reports = Statement(
        sid="Reports",
        actions=(
            "codebuild:BatchPutTestCases", "codebuild:CreateReport", "codebuild:CreateReportGroup",
            "codebuild:UpdateReport",
        ),
        resources=(arn("codebuild", f"report-group/{name}-run"),),
    )  # fmt: skip
    cache = Statement(
        sid="Cache",
        actions=("s3:GetObject", "s3:PutObject"),
        resources=objects(BUCKET, f"{facts.prefix}builds/cache/{facts.caches}{stage}/*"),
    )
    surrounded = (*variables_use(facts), *index_use(facts))
    return (logs(name), reports, cache, *image_use(facts), *network_use(facts), *surrounded)


def logs(project_name: str) -> Statement:
    """Return what a project's log takes."""
    group = f"log-group:/aws/codebuild/{project_name}"
    return Statement(
        sid="Logs",
        actions=("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
        resources=(arn("logs", group), arn("logs", f"{group}:*")),
    )


def project_logs(service: str) -> Statement:
    """Return what reading the logs of all projects takes."""
    group = f"log-group:/aws/codebuild/{service}-*"
    actions = ("logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents")
    return Statement(sid="ReadLogs", actions=actions, resources=(arn("logs", group), arn("logs", f"{group}:*")))


def start(*services: str) -> Statement:
    """Return what starting these CodePipelines takes."""
    resources = tuple(map(_service, services))
    return Statement(sid="StartPipeline", actions=("codepipeline:StartPipelineExecution",), resources=resources)


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


def network_use(facts: Facts) -> tuple[Statement, ...]:
    """Return what running in the VPC takes."""
    network = facts.service.network
    if network is None:
        return ()
    interfaces = arn("ec2", "network-interface/*")
    subnets = subnet_arns(network.subnets)
    return (
        network_interface(network.subnets, network.security_groups, "builds have an interface in the VPC"),
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


def subnet_arns(subnets: Iterable[str]) -> tuple[str, ...]:
    """A subnet may be shared: it is its owner's then, and its id is still its own."""
    return tuple(arn("ec2", f"subnet/{literal(subnet)}", account="*") for subnet in subnets)


def network_interface(subnets: Iterable[str], security_groups: Iterable[str], why: str) -> Statement:
    """Return what making an interface in a VPC takes."""
    groups = tuple(arn("ec2", f"security-group/{literal(group)}", account="*") for group in security_groups)
    interfaces = arn("ec2", "network-interface/*")
    return Statement(
        sid="NetworkInterface",
        actions=("ec2:CreateNetworkInterface",),
        resources=(interfaces, *subnet_arns(subnets), *groups),
        why=why,
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


def clone_source(facts: Facts) -> tuple[Statement, ...]:
    """Return what a build takes that clones the manifest's repository, where CodePipeline doesn't bring its files."""
    source = facts.service.source
    if not facts.clones:
        return ()
    if source.kind == "codecommit":
        return (_pull_source(source.repository),)
    return connection_use("Connections", source_connection(facts), ("UseConnection",))


def take_source(facts: Facts) -> tuple[Statement, ...]:
    """Return what a project outside of CodePipeline takes to have the manifest's repository."""
    source = facts.service.source
    if source.kind == "codecommit":
        return (_pull_source(source.repository),)
    if source.kind == "connection":
        return connection_use("Connections", source_connection(facts), CLONE)
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


def _pull_source(repository: str) -> Statement:
    return Statement(
        sid="CloneSource", actions=("codecommit:GitPull",), resources=(arn("codecommit", literal(repository)),)
    )
