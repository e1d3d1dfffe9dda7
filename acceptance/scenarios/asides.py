"""What needs no run: spellings of ARNs, roles simulated with the calls that stages make, webhooks, the long build."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from acceptance import own
from acceptance.following import Found, executions, wait_end, wait_new
from acceptance.ground import Ground, Options, Seen

CALLS = Path(__file__).parent.parent / "calls.json"
_HOURS = 8
_SLEEP = f"sleep {_HOURS * 3600 + 600}"


def letter_case(ground: Ground) -> Iterator[Seen]:
    """Make a pipeline whose name has capital letters, and look at its ARN; nothing runs."""
    name = f"{ground.name}-UpperCase"
    role = own.make_role(ground, own.JOBS)
    steps = [{"Name": "Never", "Type": "Fail", "Arguments": {"ErrorMessage": "never run"}}]
    definition = json.dumps({"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": steps})
    found = ground.there("sagemaker", "describe_pipeline", PipelineName=name) or ground.call(
        "sagemaker", "create_pipeline", PipelineName=name, PipelineDefinition=definition, RoleArn=role,
        ClientRequestToken=ground.token("pipeline", "UpperCase"),
        Tags=ground.listed_tags,
    )  # fmt: skip
    spelled = str(found["PipelineArn"]).rsplit("/", 1)[-1]
    words = f"'{name}' has the ARN '…/{spelled}'"
    yield Seen(point="arn-letter-case", ok=spelled in (name, name.lower()), words=words)


def load_calls() -> dict[str, list[list[Any]]]:
    """Return by role which action it is asked for, on which resource, in which context; recorded, see the file."""
    found: dict[str, list[list[Any]]] = json.loads(CALLS.read_text("utf-8"))
    return found


def values_of(ground: Ground) -> dict[str, str]:
    """Return what stands in the calls for names of the account and the service."""
    registry, _, path = own.image(ground).partition("/")
    return {
        "partition": ground.partition, "account": ground.account, "region": ground.region, "service": ground.name,
        "bucket": ground.bucket, "pipeline": f"{ground.name}-dag", "group": ground.name,
        "registry": registry.partition(".")[0], "image": path.partition(":")[0],
    }  # fmt: skip


def simulate(ground: Ground) -> Iterator[Seen]:
    """Ask IAM itself whether each role of the service may do what its stage does."""
    values = values_of(ground)
    denied: dict[str, str] = {}
    recorded = load_calls()
    calls = [(role, *call) for role, listed in recorded.items() for call in listed]
    for role, action, resource, context in calls:
        entries = [
            {"ContextKeyName": key.replace("_", ":", 1), "ContextKeyValues": [value.format(**values)],
             "ContextKeyType": "string"} for key, value in context.items()
        ]  # fmt: skip
        said = ground.call(
            "iam", "simulate_principal_policy", PolicySourceArn=ground.arn("iam", f"role/{ground.name}-{role}"),
            ActionNames=[action], ResourceArns=[resource.format(**values)], ContextEntries=entries,
        )  # fmt: skip
        decision = str(said["EvaluationResults"][0]["EvalDecision"])
        if decision != "allowed":
            denied[f"{role}: {action} on {resource}"] = decision
    words = f"{len(calls)} calls of {len(recorded)} roles, {len(denied)} denied"
    yield Seen(point="roles-allow-calls", ok=not denied, words=words, evidence=denied)


def no_connection(options: Options) -> str:
    """Say why nothing with a connection is tried."""
    if options.connection and options.repository:
        return ""
    return "it needs a connection to a git host, and a person who pushes there: --connection ARN --repository team/name"


def webhook(ground: Ground) -> Iterator[Seen]:
    """Add a repository with a webhook, and let a person push twice: beside the filter, and into it."""
    options, name = ground.options, ground.name
    host = "gitlab.com" if "gitlab" in _provider(ground) else "github.com"
    trigger = {"kind": "webhook", "connection": options.connection, "include": ["accepted/**"]}
    repo = {"name": "pushed", "url": f"https://{host}/{options.repository}.git", "trigger": trigger}
    own.write_service(ground, round_=2, repos=(repo,))
    ground.command("checkout")
    ground.command("deploy", "--yes")
    if ":codestar-connections:" in options.connection:
        yield Seen(point="old-connections", ok=True, words="a webhook was registered with a connection of the old name")
    known = {str(one["pipelineExecutionId"]) for one in executions(ground, name)}
    before = set(ground.book.once("before the webhook", lambda: " ".join(sorted(known))).split())
    ground.say(f"  push to {options.repository} now: first a change of other.txt, a minute later one of accepted/a.txt")

    def is_it(found: Found) -> bool:
        return str(found["pipelineExecutionId"]) not in before

    wait_new(ground, name, "started by a webhook", is_it, minutes=30)
    ground.pause(120)
    new = [one for one in executions(ground, name) if is_it(one)]
    words = f"{len(new)} executions after two pushes, one of them into the filter, at {host}"
    yield Seen(point="webhook-filters", ok=len(new) == 1, words=words)


def _provider(ground: Ground) -> str:
    found = ground.call("codeconnections", "get_connection", ConnectionArn=ground.options.connection)
    return str(found["Connection"].get("ProviderType", "")).lower()


def not_long(options: Options) -> str:
    """Say why the build of more than 8 hours isn't tried."""
    return "" if options.long else f"it takes more than {_HOURS} hours and 3.5 USD: --long --budget 5"


def long_build(ground: Ground) -> Iterator[Seen]:
    """Let a build of CodePipeline sleep for more than 8 hours."""
    name = f"{ground.name}-long"
    own.make_bucket(ground)
    own.put(ground, ground.own, "asks.zip", b"PK\x05\x06" + bytes(18))
    role = own.make_role(ground, own.ASKS)
    if not ground.call("codebuild", "batch_get_projects", names=[name]).get("projects"):
        ground.call("codebuild", "create_project", tags=ground.code_tags, **_project(name, role))
    if ground.there("codepipeline", "get_pipeline", name=name) is None:
        ground.call("codepipeline", "create_pipeline", pipeline=_pipeline(ground, name, role), tags=ground.code_tags)
    execution = wait_new(ground, name, "the long execution", lambda _: True, minutes=10)
    ended = wait_end(ground, name, execution, minutes=_HOURS * 60 + 60)
    words = f"a build of {_HOURS} hours and 10 minutes: {ended['status']}"
    yield Seen(point="build-over-8-hours", ok=ended["status"] != "Succeeded", words=words)


def _project(name: str, role: str) -> dict[str, Any]:
    buildspec = json.dumps({"version": "0.2", "phases": {"build": {"commands": [_SLEEP]}}})
    machine = {"type": "LINUX_CONTAINER", "computeType": "BUILD_GENERAL1_SMALL"}
    return {
        "name": name, "serviceRole": role, "timeoutInMinutes": 600, "artifacts": {"type": "CODEPIPELINE"},
        "source": {"type": "CODEPIPELINE", "buildspec": buildspec},
        "environment": {**machine, "image": "aws/codebuild/amazonlinux-x86_64-standard:5.0"},
    }  # fmt: skip


def _pipeline(ground: Ground, name: str, role: str) -> dict[str, Any]:
    kinds = {"owner": "AWS", "version": "1"}
    source = {
        "name": "Source", "actionTypeId": {"category": "Source", "provider": "S3", **kinds},
        "configuration": {"S3Bucket": ground.own, "S3ObjectKey": "asks.zip", "PollForSourceChanges": "false"},
        "outputArtifacts": [{"name": "Source"}],
    }  # fmt: skip
    build = {
        "name": "Long", "actionTypeId": {"category": "Build", "provider": "CodeBuild", **kinds},
        "configuration": {"ProjectName": name}, "inputArtifacts": [{"name": "Source"}],
    }  # fmt: skip
    return {
        "name": name, "roleArn": role, "pipelineType": "V2", "executionMode": "QUEUED",
        "artifactStore": {"type": "S3", "location": ground.own},
        "stages": [{"name": "Source", "actions": [source]}, {"name": "Long", "actions": [build]}],
    }  # fmt: skip
