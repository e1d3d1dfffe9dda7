"""What the templates hand to other programs: the JSON inputs of starters, and the environment of builds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline_builder.aws.inside import call, look
from pipeline_builder.definition.roles import REPOSITORY
from pipeline_builder.machine.codeartifact import VARIABLE
from pipeline_builder.manifest import tags
from pipeline_builder.manifest.quotas import MOST_TARGETS
from pipeline_builder.service.cloudformation.access.looks import NOTES
from pipeline_builder.service.cloudformation.description.model import ServiceModel
from pipeline_builder.service.cloudformation.description.schedules import Timing
from pipeline_builder.service.cloudformation.description.starting import (
    Gathered,
    arrivals_definition,
    batch_definition,
)
from pipeline_builder.service.cloudformation.description.waiting import wait_definition
from pipeline_builder.service.cloudformation.rendering.quoting import quote


def start_input(model: ServiceModel, timing: Timing) -> str:
    """Return what EventBridge Scheduler asks CodePipeline for, as JSON in the spelling of its universal targets.

    It puts the time in that a start is for, however late it is tried; in UTC, so that the schedule's own zone is beside
    it. https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
    """
    one = model.of(timing.handle) or model
    variables = {
        "TRIGGER": f"schedule:{timing.name}",
        "GROUPS": ",".join(timing.groups) or "all",
        "CACHE": "use" if timing.cache else "skip",
    }
    if one.kind == "inference":
        variables["DATE"] = f"<aws.scheduler.scheduled-time>[{timing.timezone}]"
    named = [{"Name": name, "Value": value} for name, value in variables.items()]
    return json.dumps({"Name": one.name, "Variables": named})


def look_input(model: ServiceModel) -> str:
    """Return what the first look is told, as JSON for Fn::Sub."""
    told = {"bucket": "${ArtifactBucket}", "prefix": f"{model.place.prefix}{NOTES}", "project": "${WorkerProject}"}
    return json.dumps(told)


def look_code() -> str:
    """Return the code of the first look's function: one file, with all of ours that it needs in it."""
    text, needed = (Path(str(module.__file__)).read_text("utf-8") for module in (look, tags))
    imported = next(line for line in text.splitlines(keepends=True) if line.startswith(f"from {tags.__name__} import"))
    return text.replace(imported, needed.partition("from __future__ import annotations\n")[2].strip() + "\n")


def call_code() -> str:
    """Return the code of the functions of handlers, which each call tells whose code it is to run."""
    return Path(call.__file__).read_text("utf-8")


def pushed(model: ServiceModel) -> tuple[tuple[ServiceModel, ...], ...]:
    """Return the pipelines that the event of a push starts, for each of its rules: one has few targets."""
    started = (model, *model.also_pushed)
    return tuple(started[first : first + MOST_TARGETS] for first in range(0, len(started), MOST_TARGETS))


def codecommit_input(repository: str) -> str:
    """Return what a rule on CodeCommit's events gives CodePipeline, as JSON; EventBridge puts the commit in."""
    variables = {"TRIGGER": "codecommit", "REPOSITORY": repository, "COMMIT": "<commit>"}
    return json.dumps({"variables": [{"name": name, "value": value} for name, value in variables.items()]})


def wait_definition_text(model: ServiceModel) -> str:
    """Return the state machine that waits for runs, as JSON."""
    return json.dumps(wait_definition(model.name, model.runs_in), indent=2)


def arrivals_text(model: ServiceModel) -> str:
    """Return the state machine that events start, as JSON."""
    return json.dumps(arrivals_definition(model.name), indent=2)


def batch_text() -> str:
    """Return the state machine of a batch, as JSON."""
    return json.dumps(batch_definition(), indent=2)


def arrival_input(found: Gathered) -> str:
    """Return what a rule tells the first of them, as JSON; EventBridge puts the event's time in."""
    told = {"pipeline": found.pipeline, "trigger": found.trigger, "batch": found.batch, "minutes": found.minutes}
    return json.dumps({**told, "time": "<time>"})


def asking_input() -> str:
    """Return what a rule on scores that ask for a training gives CodePipeline; EventBridge puts the cause in."""
    variables = {"TRIGGER": "retraining", "CAUSE": "<cause>"}
    return json.dumps({"variables": [{"name": name, "value": value} for name, value in variables.items()]})


def chat_message(title: str, lines: Sequence[str]) -> str:
    """Return what AWS Chatbot shows in a channel, as JSON of its own; EventBridge puts the words in.

    https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
    """
    content = {"textType": "client-markdown", "title": title, "description": "\n".join(lines)}
    return json.dumps({"version": "1.0", "source": "custom", "content": content})


def execution_role(model: ServiceModel) -> str:
    """Return the role of the training pipeline as YAML."""
    return (
        "!Ref ExecutionRoleArn" if model.service.execution_role == "given" else f"!GetAtt {model.id}ExecutionRole.Arn"
    )


def job_roles(model: ServiceModel) -> str:
    """Return the roles of its jobs as YAML, as SMP_JOBROLES has them: one for all, or one for each repository."""
    if model.service.execution_role != "per-repository":
        return execution_role(model)
    name = f"{model.name}-{REPOSITORY}"
    return f"!Sub {quote(f'arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{name}')}"


def environment(model: ServiceModel, stage: str) -> Mapping[str, str]:
    """Return the environment of a project, each value as YAML: a text in quotes, or an intrinsic function."""
    place = model.place
    index = model.service.codeartifact
    whose = f"{index.owner or place.account}/{index.repository}/{index.region or place.region}" if index else ""
    given = {
        VARIABLE: f"{index.domain}/{whose}" if index else "",
        "SMP_S3PREFIX": place.prefix.rstrip("/"),
        "SMP_KMSKEY": place.kms_key,
        "SMP_SUBNETS": place.subnets,
        "SMP_SECURITYGROUPS": place.security_groups,
        "SMP_MANIFEST": place.manifest if place.manifest != "model_repos.yaml" else "",
    }
    runs = stage in ("train", "score")
    also = " ".join(one.name for one in model.also_pushed)
    waits = runs and model.waits_without_build
    return {
        # Of two actions that run the same project each says which it is.
        **({} if waits else {"STAGE": "watch" if stage == "worker" else stage}),
        "SMP_TARGET": "aws",
        "SMP_REGION": "!Ref AWS::Region",
        "SMP_ACCOUNTID": "!Ref AWS::AccountId",
        "SMP_S3BUCKETNAME": "!Ref ArtifactBucket" if place.bucket == model.artifact_bucket else quote(place.bucket),
        "SMP_ROLE": execution_role(model),
        "SMP_JOBROLES": job_roles(model),
        "SMP_CODEPIPELINE": quote(model.name),
        "SMP_ARTIFACTS": "!Ref ArtifactBucket",
        **({"SMP_PIPELINE": quote(model.handle)} if model.handle else {}),
        **({"SMP_ALSO_STARTED": quote(also)} if stage == "worker" and also else {}),
        **({"SMP_LOOK": quote("1")} if stage == "build" and model.triggers.looks else {}),
        **({"SMP_TIMEOUT": "!Ref RunTimeoutMinutes"} if runs else {}),
        **({"SMP_WAIT_MACHINE": f"!Ref {model.id}WaitMachine"} if waits else {}),
    } | {name: quote(value) for name, value in given.items() if value}
