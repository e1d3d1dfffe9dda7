"""Access for what the stages call: the SageMaker pipeline, its executions and packages, objects, secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipeline_builder.definition.roles import role_name
from pipeline_builder.service.cloudformation.access.facts import Facts
from pipeline_builder.service.cloudformation.access.resources import (
    bucket_name,
    bucket_of,
    image_repositories,
    named,
    objects,
    objects_at,
    pattern,
    secret_arn,
    via_service,
    without_covered,
)
from pipeline_builder.service.cloudformation.access.statements import BUCKET, Conditions, Statement, arn, literal
from pipeline_builder.service.cloudformation.access.touched import DefinitionFacts

_JOB_LOGS = ("ProcessingJobs", "TrainingJobs", "TransformJobs")


def secrets(names: Iterable[str], what: str = "tokens and keys of the model repositories") -> tuple[Statement, ...]:
    """Return what reading secrets takes; without a word on `what` they are those that repositories are fetched with."""
    resources = tuple(sorted({secret_arn(text) for text in names}))
    if not resources:
        return ()
    why = f"{what}; Secrets Manager puts six characters behind a name"
    return (Statement(sid="Secrets", actions=("secretsmanager:GetSecretValue",), resources=resources, why=why),)


def secrets_of_jobs(touched: DefinitionFacts) -> tuple[Statement, ...]:
    """Return what a launcher takes to read the secrets that jobs are given."""
    return secrets(touched.secrets, "what the policy gives to jobs ('secrets')")


def read_pipeline(facts: Facts) -> tuple[Statement, ...]:
    """Return what looking at the deployed pipeline takes, and at what has been run."""
    verbs = ("DescribePipeline", "ListPipelineExecutions", "ListPipelineVersions", "ListTags")
    actions = tuple(f"sagemaker:{verb}" for verb in verbs)
    return (
        Statement(sid="ReadPipeline", actions=actions, resources=named("pipeline", facts.definition.pipeline)),
        Statement(
            sid="AppliedDefinitions",
            actions=("s3:GetObject",),
            resources=objects(bucket_name(facts), f"{literal(facts.definition.base)}/definitions/*"),
            why="what was applied last, to tell what others have changed",
        ),
        data_names(facts),
    )


def write_pipeline(facts: Facts) -> Statement:
    """Return what creating and updating the pipeline takes."""
    actions = ("sagemaker:AddTags", "sagemaker:CreatePipeline", "sagemaker:UpdatePipeline")
    return Statement(sid="WritePipeline", actions=actions, resources=named("pipeline", facts.definition.pipeline))


def run_pipeline(facts: Facts) -> tuple[Statement, ...]:
    """Return what a run takes: to start, to go on after a stop, and to stop when its time is up."""
    pipeline = facts.definition.pipeline
    return (
        Statement(sid="Start", actions=("sagemaker:StartPipelineExecution",), resources=named("pipeline", pipeline)),
        Statement(
            sid="GoOn",
            actions=("sagemaker:RetryPipelineExecution", "sagemaker:StopPipelineExecution"),
            resources=named("pipeline", pipeline, "/execution/*"),
        ),
    )


def read_executions(facts: Facts) -> Statement:
    """Return what following and looking at executions takes."""
    actions = (
        "sagemaker:DescribePipelineDefinitionForExecution", "sagemaker:DescribePipelineExecution",
        "sagemaker:ListPipelineExecutionSteps", "sagemaker:ListPipelineParametersForExecution",
    )  # fmt: skip
    resources = named("pipeline", facts.definition.pipeline, "/execution/*")
    return Statement(sid="ReadExecutions", actions=actions, resources=resources)


def write_groups(facts: Facts) -> tuple[Statement, ...]:
    """Return what making the model package groups takes that aren't there."""
    if not facts.definition.groups:
        return ()
    resources = tuple(text for group in facts.definition.groups for text in named("model-package-group", group))
    return (
        Statement(
            sid="WriteGroups",
            actions=(
                "sagemaker:AddTags",
                "sagemaker:CreateModelPackageGroup",
                "sagemaker:ListModelPackages",
                "sagemaker:ListTags",
            ),
            resources=resources,
            why="groups that aren't there yet, the tag that says whose each is, and of which packages it is made",
        ),
        _list_groups(),
    )


def look_at_groups(facts: Facts) -> tuple[Statement, ...]:
    """Return what asking takes which groups there are, and whose each is."""
    groups = tuple(text for group in facts.definition.groups for text in named("model-package-group", group))
    if not groups:
        return ()
    why = "the tag that says whose a group is"
    return (Statement(sid="GroupTags", actions=("sagemaker:ListTags",), resources=groups, why=why), _list_groups())


def _list_groups() -> Statement:
    return Statement(
        sid="ListGroups",
        actions=("sagemaker:ListModelPackageGroups",),
        resources=("*",),
        why="the action takes no resource",
    )


def write_code(facts: Facts) -> Statement:
    """Return what uploading code, lists of files and the definition takes."""
    base = literal(facts.definition.base)
    keys = tuple(f"{base}/{folder}/*" for folder in ("code", "definitions", "manifests"))
    actions = ("s3:AbortMultipartUpload", "s3:PutObject")
    return Statement(sid="WriteCode", actions=actions, resources=objects(bucket_name(facts), *keys))


def list_data(facts: Facts) -> tuple[Statement, ...]:
    """Return what listing the data takes that cached results depend on: exactly the prefixes that are asked for.

    One statement for all buckets, as one for each would be the longest part of a policy.
    """
    # names in the pipeline's own bucket are listed anyway
    places = [place for place in (*facts.definition.listed, *facts.definition.awaited) if place.bucket]
    if not places:
        return ()
    dated = [place for place in places if len(place.pieces) > 1]
    found = (
        ("ListData", "StringEquals", [place for place in places if len(place.pieces) == 1]),
        ("ListDays", "StringLike", dated),
    )
    return tuple(
        Statement(
            sid=sid,
            actions=("s3:ListBucket",),
            resources=tuple(sorted({bucket_of(facts, place) for place in those})),
            conditions={operator: {"s3:prefix": tuple(sorted({pattern(place) for place in those}))}},
            why="whether data has changed that cached results depend on",
        )
        for sid, operator, those in found
        if those
    )


def look_before(facts: Facts) -> tuple[Statement, ...]:
    """Return what looking takes whether the account has what the definition needs."""
    roles = tuple(dict.fromkeys((execution_role_arn(facts), *job_role_arns(facts))))
    role = Statement(sid="LookAtRole", actions=("iam:GetRole",), resources=roles)
    images = image_repositories(facts.definition.images)
    found = [role]
    if images:
        found.append(Statement(sid="LookAtImages", actions=("ecr:DescribeImages",), resources=images))
    if functions := facts.definition.functions:
        actions = ("lambda:GetFunctionConfiguration",)
        found.append(Statement(sid="LookAtFunctions", actions=actions, resources=functions))
    found.append(
        Statement(
            sid="LookAtQuotas",
            actions=("servicequotas:ListServiceQuotas",),
            resources=("*",),
            why="the action takes no resource",
        )
    )
    if facts.key:
        found.append(use_key(facts.key, "LookAtKey", ("kms:DescribeKey",), {}))
    return tuple(found)


def execution_role_arn(facts: Facts) -> str:
    """Return the ARN of the pipeline's own role."""
    if facts.service.execution_role == "given":
        return literal(facts.role)
    return arn("iam", f"role/{facts.service.name}-execution", region="")


def job_role_arns(facts: Facts) -> tuple[str, ...]:
    """Return the ARNs of the roles that jobs run as: each repository's or the pipeline's own, and what confs name."""
    name = facts.service.name
    made = [arn("iam", f"role/{role_name(name, repo)}", region="") for repo in sorted(facts.job_roles)]
    own = {facts.role, *facts.job_roles.values()}
    others = (literal(role) for role in facts.definition.roles if role not in own)
    return tuple(dict.fromkeys((*(made or (execution_role_arn(facts),)), *others)))


def pass_role(facts: Facts) -> Statement:
    """Return what giving the pipeline its role takes: this role only, and to SageMaker only."""
    return Statement(
        sid="PassRole",
        actions=("iam:PassRole",),
        resources=(execution_role_arn(facts),),
        conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    )


def object_key(facts: Facts) -> tuple[Statement, ...]:
    """Return what objects take that are encrypted with the key of jobs and their data."""
    if not facts.key:
        return ()
    via: Conditions = {"StringEquals": {"kms:ViaService": via_service("s3")}}
    return (use_key(facts.key, "DataKey", ("kms:Decrypt", "kms:GenerateDataKey"), via),)


def use_key(key: str, sid: str, actions: tuple[str, ...], conditions: Conditions) -> Statement:
    """Return the use of a key that somebody named; an alias is told by a condition, for no ARN of a key has it."""
    alias = re.fullmatch(r"(?:arn:[^:]+:kms:(?P<region>[^:]+):(?P<account>\d+):)?(?P<alias>alias/.+)", key)
    if alias is None:
        resource = literal(key) if key.startswith("arn:") else arn("kms", f"key/{literal(key)}")
        return Statement(sid=sid, actions=actions, resources=(resource,), conditions=conditions)
    place = {"region": literal(alias["region"]), "account": alias["account"]} if alias["region"] else {}
    named_so: Conditions = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": literal(alias["alias"])}}
    return Statement(
        sid=sid,
        actions=actions,
        resources=(arn("kms", "key/*", **place),),
        conditions={**conditions, **named_so},
        why="the key is known by its alias only, and the condition tells it from the others",
    )


def data_names(facts: Facts) -> Statement:
    """Return what asking for the names of the pipeline's own objects takes."""
    return object_names(bucket_name(facts), "DataNames")


def object_names(bucket: str, sid: str) -> Statement:
    """Return what asking for names in a bucket takes.

    Without a condition on prefixes: with one, S3 answers 403 and not 404 for an object that isn't there, and a look at
    the bucket itself is refused.
    """
    return Statement(
        sid=sid,
        actions=("s3:ListBucket",),
        resources=objects(bucket),
        why="without it S3 says of an object that isn't there that it is forbidden",
    )


def read_evidence(facts: Facts) -> tuple[Statement, ...]:
    """Return what reading takes what a run has made, and its logs: of jobs' outputs and code each byte is judged."""
    groups = tuple(arn("logs", f"log-group:/aws/sagemaker/{group}:*") for group in _JOB_LOGS)
    return (
        Statement(
            sid="ReadMade",
            actions=("s3:GetObject",),
            resources=_made(facts),
            why="artifacts, reports, and the code that made them",
        ),
        Statement(sid="ReadJobLogs", actions=("logs:DescribeLogStreams", "logs:GetLogEvents"), resources=groups),
    )


def read_digests(facts: Facts) -> tuple[Statement, ...]:
    """Return what asking takes which digest an image's tag stands for."""
    found = sorted({(image.region, image.account) for image in facts.definition.images})
    resources = tuple(arn("ecr", "repository/*", region=region, account=account) for region, account in found)
    why = "one for each account: a policy has no room for every image"
    return (
        (Statement(sid="ImageDigests", actions=("ecr:BatchGetImage",), resources=resources, why=why),) if found else ()
    )


def _made(facts: Facts) -> tuple[str, ...]:
    """Return code, lists of files and what executions make: of all repositories at once, for each has no room."""
    base, definition = literal(facts.definition.base), facts.definition
    folders = ("code", "manifests", "executions", "*/executions")
    own = objects(bucket_name(facts), *(f"{base}/{folder}/*" for folder in folders))
    others = [
        place
        for place in (*definition.writes, *definition.metrics)
        if place.bucket or not place.pieces[0].startswith(f"{definition.base}/")
    ]
    return without_covered(sorted({*own, *objects_at(facts, others)}))


def use_evidence(facts: Facts) -> Statement:
    """Return what keeping evidence takes, and reading it again; no job has any of it."""
    return Statement(
        sid="Evidence",
        actions=("s3:GetObject", "s3:PutObject"),
        resources=objects(bucket_name(facts), f"{literal(facts.definition.base)}/evidence/*"),
        why="what models were judged and approved by",
    )


def read_code(facts: Facts) -> Statement:
    """Return what looking takes whether code, and lists of files, are what their names say."""
    base = literal(facts.definition.base)
    keys = tuple(f"{base}/{folder}/*" for folder in ("code", "manifests"))
    return Statement(sid="ReadCode", actions=("s3:GetObject",), resources=objects(bucket_name(facts), *keys))


def look_at_packages(facts: Facts) -> tuple[Statement, ...]:
    """Return what looking takes whose the packages in the pipeline's groups are; listing them is `write_groups`'."""
    packages = tuple(text for group in facts.definition.groups for text in named("model-package", group, "/*"))
    actions = ("sagemaker:DescribeModelPackage",)
    return (Statement(sid="Packages", actions=actions, resources=packages),) if packages else ()


def use_packages(facts: Facts, *verbs: str) -> tuple[Statement, ...]:
    """Return what the verbs take on the model packages of the pipeline's groups, and listing them."""
    groups = facts.definition.groups
    if not groups:
        return ()
    packages = tuple(text for group in groups for text in named("model-package", group, "/*"))
    of_groups = tuple(text for group in groups for text in named("model-package-group", group))
    actions = tuple(f"sagemaker:{verb}" for verb in sorted((*verbs, "ListModelPackages")))
    return (Statement(sid="Packages", actions=actions, resources=(*packages, *of_groups)),)


def use_records(facts: Facts, *verbs: str) -> Statement:
    """Return what the verbs take on records and reports of runs."""
    actions = tuple(f"s3:{verb}" for verb in verbs)
    resources = objects(BUCKET, f"{facts.prefix}runs/*")
    return Statement(sid="Records", actions=actions, resources=resources, why="reports and records")


def ask_pipeline(facts: Facts, *verbs: str) -> Statement:
    """Return what the verbs take on the CodePipeline: GetPipelineExecution says who started it, ListActionExecutions
    who has approved or rejected.
    """
    actions = tuple(f"codepipeline:{verb}" for verb in verbs)
    why = "who has started it, and who has decided" if len(verbs) > 1 else "who has started it"
    return Statement(sid="AskPipeline", actions=actions, resources=(arn("codepipeline", facts.service.name),), why=why)
