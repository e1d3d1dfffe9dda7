"""Access of people: what an approver, an operator and who looks at the console need, as policies for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pipeline_builder.service.cloudformation.access import calls
from pipeline_builder.service.cloudformation.access.facts import Facts
from pipeline_builder.service.cloudformation.access.jobs import describe_jobs
from pipeline_builder.service.cloudformation.access.projects import project_logs
from pipeline_builder.service.cloudformation.access.resources import bucket_name, key_use, objects
from pipeline_builder.service.cloudformation.access.statements import BUCKET, Role, Statement, arn, literal

_STAGES = {"training": ("Build", "Train", "Approve", "Promote"), "inference": ("Build", "Score", "Publish")}


def people(facts: Facts) -> Mapping[str, Role]:
    """Return by name what each kind of person may do; a role without a trust, for somebody else decides who it is."""
    return {"approver": _approver(facts), "operator": _operator(facts), "console": _console(facts)}


def _approver(facts: Facts) -> Role:
    decide = Statement(
        sid="Decide",
        actions=("codepipeline:PutApprovalResult",),
        resources=tuple(arn("codepipeline", f"{name}/Approve/Approve") for name in _training(facts)),
        why="this one question, with the person's name and comment",
    )
    return _person(
        "approver",
        (*_look(facts), decide, *_reports(facts)),
        "Looks at a run and its evidence, and approves or rejects",
    )


def _operator(facts: Facts) -> Role:
    name = facts.service.name
    all_of_them = (facts, *facts.further)
    stages = tuple(
        arn("codepipeline", f"{one.service.name}/{stage}") for one in all_of_them for stage in _STAGES[one.kind]
    )
    own = tuple(arn("codepipeline", one.service.name) for one in all_of_them)
    act = Statement(
        sid="StartAndStop",
        actions=("codepipeline:StartPipelineExecution", "codepipeline:StopPipelineExecution"),
        resources=own,
    )
    # In one statement: with several pipelines their stages are most of the policy, which has room for them once.
    hold = Statement(
        sid="RetryAndHold",
        actions=(
            "codepipeline:DisableStageTransition",
            "codepipeline:EnableStageTransition",
            "codepipeline:RetryStageExecution",
        ),
        resources=stages,
        why="nothing new goes into a stage while somebody looks at it",
    )
    builds = Statement(
        sid="Builds",
        actions=("codebuild:BatchGetBuilds", "codebuild:BatchGetProjects", "codebuild:ListBuildsForProject"),
        resources=(arn("codebuild", f"project/{name}-*"),),
    )
    missed = Statement(
        sid="Missed",
        actions=("sqs:GetQueueAttributes", "sqs:PurgeQueue", "sqs:ReceiveMessage"),
        resources=(arn("sqs", f"{name}-missed"),),
        why="what could not be started or delivered, and why",
    )
    found = (*_look(facts), act, hold, builds, project_logs(name), missed, *_reports(facts, "sqs"))
    return _person("operator", found, "Looks at runs, builds and logs; starts, stops and retries, and decides nothing")


def _console(facts: Facts) -> Role:
    """Return what the project's own console, `promote` and `reject` read before an approver's answer is given.

    Nothing of it writes. It names each group, which one managed policy may have no room for: so it is only printed.
    """
    found: dict[str, Statement] = {}
    for one in (facts, *facts.further):
        for statement in _evidence(one):
            known = found.get(statement.sid, statement)
            found[statement.sid] = replace(
                statement,
                actions=tuple(dict.fromkeys((*known.actions, *statement.actions))),
                resources=tuple(dict.fromkeys((*known.resources, *statement.resources))),
            )
    return _person(
        "console", tuple(found.values()), "Reads runs, versions and evidence, as the pages of the console do"
    )


def _evidence(facts: Facts) -> Iterator[Statement]:
    base = literal(facts.definition.base)
    yield from calls.read_pipeline(facts)
    yield calls.read_executions(facts)
    yield from describe_jobs(facts.definition)
    yield from calls.use_packages(facts, "DescribeModelPackage")
    yield from calls.look_at_groups(facts)
    yield from calls.read_evidence(facts)
    yield from calls.read_digests(facts)
    kept = objects(bucket_name(facts), f"{base}/evidence/*", f"{base}/ledger/*")
    yield Statement(
        sid="Evidence", actions=("s3:GetObject",), resources=kept, why="what models were judged by, and runs"
    )
    yield calls.data_names(facts)
    for key in calls.object_key(facts):
        yield replace(key, actions=("kms:Decrypt",))


def _look(facts: Facts) -> tuple[Statement, ...]:
    listed = Statement(
        sid="ListPipelines",
        actions=("codepipeline:ListPipelines",),
        resources=("*",),
        why="the console's list; the action takes no resource",
    )
    actions = (
        "codepipeline:GetPipeline", "codepipeline:GetPipelineExecution", "codepipeline:GetPipelineState",
        "codepipeline:ListActionExecutions", "codepipeline:ListPipelineExecutions",
    )  # fmt: skip
    resources = tuple(arn("codepipeline", one.service.name) for one in (facts, *facts.further))
    return (listed, Statement(sid="Look", actions=actions, resources=resources))


def _training(facts: Facts) -> Iterator[str]:
    """Yield the names of the pipelines that ask."""
    return (one.service.name for one in (facts, *facts.further) if one.kind == "training")


def _reports(facts: Facts, *services: str) -> tuple[Statement, ...]:
    """Return what opening the report takes that the question links to, and the others."""
    runs = f"{facts.prefix}runs/*"
    read = Statement(sid="Reports", actions=("s3:GetObject",), resources=objects(BUCKET, runs))
    listed = Statement(
        sid="ListReports",
        actions=("s3:ListBucket",),
        resources=objects(BUCKET),
        conditions={"StringLike": {"s3:prefix": (runs,)}},
    )
    where = Statement(sid="ReportBucket", actions=("s3:GetBucketLocation",), resources=objects(BUCKET))
    keys = tuple(
        Statement(sid=one.sid, actions=("kms:Decrypt",), resources=one.resources, conditions=one.conditions)
        for one in key_use(facts, "s3", *services)
    )
    return (read, listed, where, *keys)


def _person(name: str, statements: tuple[Statement, ...], description: str) -> Role:
    return Role(name=name, trust="", statements=statements, description=description)
