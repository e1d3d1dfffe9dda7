"""The texts inside the templates that other programs read: JSON inputs of starters, environments, an inline buildspec."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pipeline_builder.cloudformation.model import ServiceModel
from pipeline_builder.cloudformation.quoting import quote
from pipeline_builder.cloudformation.schedules import Timing

# All that it has from outside are variables, each in quotes: a shell doesn't look into them. The commit comes from the
# host's message, and the command line takes commas and '=' for its own, so it must be what commits are.
WEBHOOK_BUILDSPEC = """\
version: 0.2
phases:
  build:
    commands:
      - case "$CODEBUILD_RESOLVED_SOURCE_VERSION" in ""|*[!0-9a-f]*) echo "this is no commit" >&2; exit 1;; esac
      - >-
        aws codepipeline start-pipeline-execution --name "$PIPELINE" --variables name=TRIGGER,value=webhook
        "name=REPOSITORY,value=$REPOSITORY" "name=COMMIT,value=$CODEBUILD_RESOLVED_SOURCE_VERSION"
"""
# EventBridge puts the execution in where `<execution>` is.
REJECT_INPUT = json.dumps(
    {
        "environmentVariablesOverride": [
            {"name": "STAGE", "value": "reject", "type": "PLAINTEXT"},
            {"name": "SMP_CODEPIPELINE_EXECUTION", "value": "<execution>", "type": "PLAINTEXT"},
        ]
    }
)


def start_input(model: ServiceModel, timing: Timing) -> str:
    """Return what EventBridge Scheduler asks CodePipeline for, as JSON in the spelling of its universal targets."""
    variables = {
        "TRIGGER": f"schedule:{timing.name}",
        "GROUPS": ",".join(timing.groups) or "all",
        "CACHE": "use" if timing.cache else "skip",
    }
    named = [{"Name": name, "Value": value} for name, value in variables.items()]
    return json.dumps({"Name": model.name, "Variables": named})


def codecommit_input(repository: str) -> str:
    """Return what a rule on CodeCommit's events gives CodePipeline, as JSON; EventBridge puts the commit in."""
    variables = {"TRIGGER": "codecommit", "REPOSITORY": repository, "COMMIT": "<commit>"}
    return json.dumps({"variables": [{"name": name, "value": value} for name, value in variables.items()]})


def stage_variables(model: ServiceModel, stage: str) -> str:
    """Return the variables that an action of the pipeline gives its build, as JSON; CodePipeline fills `#{…}` in."""
    execution = {"SMP_CODEPIPELINE_EXECUTION": "#{codepipeline.PipelineExecutionId}"}
    started = {f"SMP_{name}": f"#{{variables.{name}}}" for name in ("TRIGGER", "REPOSITORY", "COMMIT", "GROUPS", "CACHE")}
    match stage:
        case "build" if model.source.kind != "s3":
            variables = {**started, **execution, "SMP_MANIFEST_COMMIT": "#{Source.CommitId}"}
        case "build" | "train":
            variables = {**started, **execution}
        case _:
            variables = {**execution, "SMP_APPROVAL": "#{Train.APPROVAL}"}
    return json.dumps([{"name": name, "value": value} for name, value in variables.items()])


def environment(model: ServiceModel, stage: str) -> Mapping[str, str]:
    """Return the environment of a project, each value as YAML: a text in quotes, or an intrinsic function."""
    place = model.place
    role = "!Ref ExecutionRoleArn" if model.service.execution_role == "given" else "!GetAtt ExecutionRole.Arn"
    given = {
        "SMP_KMSKEY": place.kms_key,
        "SMP_SUBNETS": place.subnets,
        "SMP_SECURITYGROUPS": place.security_groups,
        "SMP_MANIFEST": place.manifest if place.manifest != "model_repos.yaml" else "",
    }
    return {
        "STAGE": "watch" if stage == "worker" else stage,
        "SMP_TARGET": "aws",
        "SMP_REGION": "!Ref AWS::Region",
        "SMP_ACCOUNTID": "!Ref AWS::AccountId",
        "SMP_S3BUCKETNAME": "!If [OneBucket, !Ref ArtifactBucket, !Ref DataBucket]",
        "SMP_ROLE": role,
        "SMP_CODEPIPELINE": quote(model.name),
        "SMP_ARTIFACTS": "!Ref ArtifactBucket",
    } | {name: quote(value) for name, value in given.items() if value}
