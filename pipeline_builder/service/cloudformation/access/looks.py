"""Access of the first look at polled repositories: it reads what was noted, asks, and starts the worker's build."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline_builder.service.cloudformation.access import calls
from pipeline_builder.service.cloudformation.access.facts import Facts
from pipeline_builder.service.cloudformation.access.projects import network_interface, network_look
from pipeline_builder.service.cloudformation.access.resources import key_use, objects, project
from pipeline_builder.service.cloudformation.access.statements import BUCKET, Role, Statement, arn

# What the first look reads of what the worker and the builds note, below the prefix.
NOTES = "watch/"
ASKED = f"{NOTES}repositories.json"


def look_role(facts: Facts) -> Role:
    """Return the role of the function. Lambda takes a role of its own account only, so nobody else's can have it."""
    name = facts.service.name
    group = f"log-group:/aws/lambda/{name}-look"
    statements = (
        Statement(
            sid="Logs",
            actions=("logs:CreateLogStream", "logs:PutLogEvents"),
            resources=(arn("logs", group), arn("logs", f"{group}:*")),
        ),
        Statement(
            sid="Notes",
            actions=("s3:GetObject",),
            resources=objects(BUCKET, f"{facts.prefix}{NOTES}*"),
            why="which repositories are polled, and where they were seen last",
        ),
        calls.object_names(BUCKET, "NoteNames"),
        *calls.secrets(facts.polled.secrets),
        Statement(sid="Worker", actions=("codebuild:StartBuild",), resources=(project(name, "worker"),)),
        Statement(
            sid="Missed",
            actions=("sqs:SendMessage",),
            resources=(arn("sqs", f"{name}-missed"),),
            why="a look that failed is kept there",
        ),
        *_network(facts),
        *key_use(facts, "s3", "sqs"),
    )
    return Role(
        name="look",
        trust="lambda.amazonaws.com",
        statements=statements,
        description="Look: asks the polled repositories where they stand, and starts the worker where one moved",
    )


def note_asked(facts: Facts) -> Statement:
    """Return what a build takes to note which repositories are polled."""
    return Statement(
        sid="Polled",
        actions=("s3:PutObject",),
        resources=objects(BUCKET, f"{facts.prefix}{ASKED}"),
        why="which repositories are polled, as the manifest says now",
    )


def _network(facts: Facts) -> tuple[Statement, ...]:
    """Return what Lambda takes to have the function in a VPC; the documentation names these."""
    network = facts.service.network
    return network_of_function(network.subnets, network.security_groups) if network else ()


def network_of_function(subnets: Iterable[str], security_groups: Iterable[str]) -> tuple[Statement, ...]:
    """Return what a function takes that is in a VPC; nothing where there are no subnets."""
    subnets = tuple(subnets)
    if not subnets:
        return ()
    return (
        network_interface(subnets, security_groups, "the function has an interface in the VPC"),
        Statement(
            sid="NetworkInterfaceUse",
            actions=("ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"),
            resources=(arn("ec2", "network-interface/*"),),
        ),
        Statement(
            sid="NetworkInterfaceEnd",
            actions=("ec2:DeleteNetworkInterface",),
            resources=(arn("ec2", "*/*"),),
            why="Lambda's documentation asks for all ids or a single one; the action is for interfaces only",
        ),
        network_look(),
    )
