"""Access: the roles of the service, each with exactly what its part of the work calls and touches."""

from __future__ import annotations

from dataclasses import replace

from pipeline_builder.definition.names import logical_id
from pipeline_builder.errors import InputProblems
from pipeline_builder.service.cloudformation.access import builds, jobs
from pipeline_builder.service.cloudformation.access.facts import Facts, service_facts
from pipeline_builder.service.cloudformation.access.functions import function_roles
from pipeline_builder.service.cloudformation.access.gathering import gather_roles, start_gather
from pipeline_builder.service.cloudformation.access.limits import find_beyond
from pipeline_builder.service.cloudformation.access.looks import look_role
from pipeline_builder.service.cloudformation.access.packing import pack
from pipeline_builder.service.cloudformation.access.projects import STAGES, source_connection, start
from pipeline_builder.service.cloudformation.access.resources import (
    artifact_keys,
    connection_use,
    key_use,
    objects,
    project,
)
from pipeline_builder.service.cloudformation.access.statements import BUCKET, OURS, Role, Statement, arn, literal
from pipeline_builder.service.cloudformation.access.touched import DefinitionFacts, definition_facts
from pipeline_builder.service.cloudformation.access.waiting import start_wait, wait_role

__all__ = [
    "DefinitionFacts",
    "Facts",
    "Role",
    "Statement",
    "build_access",
    "definition_facts",
    "further_access",
    "service_facts",
]


def build_access(facts: Facts) -> tuple[Role, ...]:
    """Return the roles that the service needs, without those that nothing of it would take on.

    Raises:
        InputProblems: PB640 for a role whose permissions are more than IAM takes, PB645 where the role of a repository
            would get at what isn't its own.
    """
    if facts.job_roles and (problems := tuple(find_beyond(facts))):
        raise InputProblems(*problems)
    roles = [_pipeline(facts), *builds.build_roles(facts)]
    if facts.waits_without_build:
        roles.append(wait_role(facts))
    roles.append(_events(facts))
    if facts.gathers:
        roles += gather_roles(facts)
    if facts.has_schedules or facts.has_polls:
        roles.append(_scheduler(facts))
    if facts.service.notifications:
        roles.append(_chat(facts))
    if facts.has_looks:
        roles.append(look_role(facts))
    return pack([*roles, *function_roles(facts), *jobs.execution_roles(facts)])


def further_access(facts: Facts) -> tuple[Role, ...]:
    """Return the roles of a pipeline beside the main one: those of its own parts, by names of its own.

    Raises:
        InputProblems: as `build_access`.
    """
    if facts.job_roles and (problems := tuple(find_beyond(facts))):
        raise InputProblems(*problems)
    waits = (wait_role(facts),) if facts.waits_without_build else ()
    roles = (_pipeline(facts), *builds.build_roles(facts), *waits, *function_roles(facts), *jobs.execution_roles(facts))
    before = logical_id("Of", facts.handle)
    return pack(replace(role, id=f"{before}{role.id or role.name.capitalize()}") for role in roles)


def _pipeline(facts: Facts) -> Role:
    name = facts.service.name
    statements = [
        Statement(
            sid="Artifacts",
            # PutObjectAcl is in the policy that AWS writes for such a role: source actions give the bucket's owner all.
            actions=("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:PutObjectAcl"),
            resources=objects(BUCKET, *artifact_keys(name)),
            why="what actions hand to each other",
        ),
        Statement(
            sid="ArtifactBucket",
            actions=("s3:GetBucketAcl", "s3:GetBucketLocation", "s3:GetBucketVersioning"),
            resources=objects(BUCKET),
            why="CodePipeline looks at the bucket before it uses it",
        ),
        Statement(
            sid="Builds",
            actions=("codebuild:BatchGetBuilds", "codebuild:StartBuild"),
            resources=tuple(project(name, stage) for stage in STAGES[facts.kind]),
        ),
        *_asks(facts),
        *_sources(facts),
        *key_use(facts, "s3", *(("sns",) if facts.kind == "training" else ())),
    ]
    return Role(
        name="pipeline",
        trust="codepipeline.amazonaws.com",
        trust_conditions=OURS,
        statements=tuple(statements),
        description="CodePipeline: starts the builds and asks for approval",
    )


def _asks(facts: Facts) -> tuple[Statement, ...]:
    """Return what asking for an approval takes; the topic is the service's, whichever of its pipelines asks."""
    if facts.kind != "training":
        return ()
    topic = arn("sns", facts.owner or facts.service.name)
    return (Statement(sid="AskForApproval", actions=("sns:Publish",), resources=(topic,)),)


def _sources(facts: Facts) -> tuple[Statement, ...]:
    source = facts.service.source
    found = [*connection_use("Connections", source_connections(facts), ("UseConnection",))]
    if source.kind == "codecommit":
        found.append(
            Statement(
                sid="Source",
                actions=(
                    "codecommit:CancelUploadArchive",
                    "codecommit:GetBranch",
                    "codecommit:GetCommit",
                    "codecommit:GetRepository",
                    "codecommit:GetUploadArchiveStatus",
                    "codecommit:UploadArchive",
                ),
                resources=(arn("codecommit", literal(source.repository)),),
            )
        )
    if source.kind == "s3":
        bucket, _, key = source.repository.partition("/")
        found += [
            Statement(
                sid="Source",
                actions=("s3:GetObject", "s3:GetObjectTagging", "s3:GetObjectVersion", "s3:GetObjectVersionTagging"),
                resources=objects(literal(bucket), literal(key)),
            ),
            Statement(
                sid="SourceBucket",
                actions=("s3:GetBucketAcl", "s3:GetBucketLocation", "s3:GetBucketVersioning", "s3:ListBucket"),
                resources=objects(literal(bucket)),
            ),
        ]
    return tuple(found)


def source_connections(facts: Facts) -> tuple[str, ...]:
    """Return the connections of all source actions."""
    return tuple(sorted({*facts.connections, *source_connection(facts)}))


def _events(facts: Facts) -> Role:
    training = tuple(one for one in (facts, *facts.further) if one.kind == "training")
    reject = Statement(
        sid="Reject",
        actions=("codebuild:StartBuild",),
        resources=tuple(project(one.service.name, "worker") for one in training),
        why="a rejected approval is written to the model packages by the worker",
    )
    started = tuple(one.service.name for one in training if facts.has_events or one.retrains)
    return Role(
        name="events",
        trust="events.amazonaws.com",
        trust_conditions=OURS,
        statements=(
            reject,
            *start_wait(facts, *facts.further),
            *start_gather(facts),
            *((start(*started),) if started else ()),
        ),
        description="EventBridge rules: rejections, and pushes to CodeCommit",
    )


def _chat(facts: Facts) -> Role:
    alarms = Statement(
        sid="Alarms",
        actions=("cloudwatch:DescribeAlarms",),
        resources=(arn("cloudwatch", f"alarm:{facts.service.name}-*"),),
        why="what an alarm that comes into the channel is about; nothing else can be asked or done from there",
    )
    return Role(
        name="chat",
        trust="chatbot.amazonaws.com",
        statements=(alarms,),
        description="Channel of a chat: looks at the alarms of the service",
    )


def _scheduler(facts: Facts) -> Role:
    name = facts.service.name
    statements = []
    if facts.has_schedules:
        statements.append(start(*(facts.scheduled or (name,))))
    if facts.has_polls:
        why = "it looks whether a model repository has moved"
        action, resource = ("codebuild:StartBuild", project(name, "worker"))
        if facts.has_looks:
            action, resource = ("lambda:InvokeFunction", arn("lambda", f"function:{name}-look"))
        statements.append(Statement(sid="Poll", actions=(action,), resources=(resource,), why=why))
    queue = Statement(
        sid="Missed",
        actions=("sqs:SendMessage",),
        resources=(arn("sqs", f"{name}-missed"),),
        why="what could not be started is kept there",
    )
    return Role(
        name="scheduler",
        trust="scheduler.amazonaws.com",
        trust_conditions=OURS,
        statements=(*statements, queue, *key_use(facts, "sqs", "scheduler")),
        description="EventBridge Scheduler: starts the pipeline at its times",
    )
