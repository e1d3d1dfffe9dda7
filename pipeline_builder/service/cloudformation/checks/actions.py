"""What an action of the pipeline is configured with: CloudFormation takes anything, CodePipeline doesn't."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.errors import Problem
from pipeline_builder.manifest.quotas import (
    LONGEST_ACTION_KEY,
    LONGEST_ACTION_VALUE,
    LONGEST_APPROVAL,
    SHORTEST_APPROVAL,
)
from pipeline_builder.service.cloudformation.checks.environment import check_variables_json
from pipeline_builder.service.cloudformation.checks.view import CONNECTION, Action, Service
from pipeline_builder.service.cloudformation.checks.waiting import is_answered

CONFIGURATION = "PB623"
APPROVAL = "PB631"


@dataclass(frozen=True, slots=True)
class Keys:
    """What a provider must and may be told."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


# https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference.html
_FORMAT = ("OutputArtifactFormat",)
PROVIDERS: Mapping[tuple[str, str], Keys] = {
    ("Source", CONNECTION): Keys(("ConnectionArn", "FullRepositoryId", "BranchName"), (*_FORMAT, "DetectChanges")),
    ("Source", "CodeCommit"): Keys(("RepositoryName", "BranchName"), (*_FORMAT, "PollForSourceChanges")),
    ("Source", "S3"): Keys(("S3Bucket", "S3ObjectKey"), ("PollForSourceChanges", "AllowOverrideForS3ObjectKey")),
    ("Build", "CodeBuild"): Keys(
        ("ProjectName",),
        ("PrimarySource", "BatchEnabled", "BuildspecOverride", "CombineArtifacts", "EnvironmentVariables"),
    ),
    ("Approval", "Manual"): Keys((), ("NotificationArn", "CustomData", "ExternalEntityLink")),
}
_VALUES: Mapping[str, tuple[str, ...]] = {
    "OutputArtifactFormat": ("CODE_ZIP", "CODEBUILD_CLONE_REF"),
    "DetectChanges": ("true", "false"),
    "PollForSourceChanges": ("true", "false"),
}


def check_actions(service: Service) -> Iterator[Problem]:
    """Check every action's configuration."""
    for pipeline in service.pipelines:
        for action in pipeline.actions:
            yield from _keys(action)
            yield from _values(action)
            if action.provider == "CodeBuild":
                yield from _build(service, action)
            if action.category == "Approval":
                yield from _approval(service, action)


def _keys(action: Action) -> Iterator[Problem]:
    kind = (action.category, action.provider)
    if ("Build", action.provider) in PROVIDERS and action.category == "Test":
        kind = ("Build", action.provider)
    keys = PROVIDERS.get(kind)
    if keys is None:
        message = f"the action '{action.name}' is {kind[0]} by '{kind[1]}', which this service doesn't use"
        known = ", ".join(" by ".join(pair) for pair in PROVIDERS)
        yield action.node.at("ActionTypeId").problem(CONFIGURATION, message, f"known here: {known}", key=True)
        return
    for key in keys.required:
        if action.configuration.at(key).value is None:
            message = f"the action '{action.name}' ({action.provider}) needs '{key}'"
            yield action.configuration.problem(CONFIGURATION, message, key=True)
    takes = (*keys.required, *keys.optional)
    for key, node in action.configuration.entries():
        if len(key) > LONGEST_ACTION_KEY:
            yield node.problem(CONFIGURATION, f"'{key}' is longer than {LONGEST_ACTION_KEY} characters", key=True)
        elif key not in takes:
            message = f"'{key}' says nothing to {action.provider} (action '{action.name}')"
            yield node.problem(CONFIGURATION, message, did_you_mean(key, takes), key=True)


def _values(action: Action) -> Iterator[Problem]:
    for key, node in action.configuration.entries():
        if isinstance(node.value, list | dict):
            message = f"'{key}' is {node.shown}, and CodePipeline takes texts only"
            yield node.problem(CONFIGURATION, message, "write it as JSON in a text")
        elif len(node.text) > LONGEST_ACTION_VALUE:
            found = f"'{key}' of the action '{action.name}' has {len(node.text)} characters"
            message = f"{found}, CodePipeline takes {LONGEST_ACTION_VALUE}"
            yield node.problem(CONFIGURATION, message)
        elif node.text == "":
            yield node.problem(CONFIGURATION, f"'{key}' of the action '{action.name}' is empty; leave it out", key=True)
        elif key in _VALUES and node.text not in _VALUES[key]:
            message = f"'{key}' is {node.shown}, expected {' or '.join(_VALUES[key])}"
            yield node.problem(CONFIGURATION, message)


def _build(service: Service, action: Action) -> Iterator[Problem]:
    name = action.configuration.at("ProjectName")
    project = service.projects.get(name.text)
    if project is None and name.text:
        message = f"the action '{action.name}' names the project '{name.text}', which no template makes"
        yield name.problem(CONFIGURATION, message, did_you_mean(name.text, service.projects))
    for part in ("Source", "Artifacts"):
        if project is not None and project.at(part, "Type").text != "CODEPIPELINE":
            found = project.at(part, "Type")
            message = (
                f"the project '{name.text}' has {found.shown} as the type of its {part.lower()}, "
                f"and the action '{action.name}' needs CODEPIPELINE"
            )
            yield found.problem(CONFIGURATION, message)
    inputs = [artifact.text for artifact in action.artifacts("InputArtifacts")]
    primary = action.configuration.at("PrimarySource")
    if len(inputs) > 1 and primary.text not in inputs:
        message = f"the action '{action.name}' has {len(inputs)} inputs, and 'PrimarySource' is none of them"
        yield primary.problem(CONFIGURATION, message, did_you_mean(primary.text, inputs))
    yield from check_variables_json(action.configuration.at("EnvironmentVariables"))


def _approval(service: Service, action: Action) -> Iterator[Problem]:
    configuration = action.configuration
    topic = configuration.at("NotificationArn")
    if topic.text not in service.made("AWS::SNS::Topic") and (topic.text or not is_answered(service, action)):
        found = f"{topic.shown}, which is no topic of the templates" if topic.text else "missing: nobody would be told"
        yield topic.problem(APPROVAL, f"'NotificationArn' of the approval '{action.name}' is {found}")
    if configuration.at("CustomData").text == "":
        message = f"the approval '{action.name}' doesn't say what is asked ('CustomData')"
        yield configuration.problem(APPROVAL, message, key=True)
    link = configuration.at("ExternalEntityLink")
    if link.text and not link.text.startswith(("https://", "#{")):
        message = f"'ExternalEntityLink' is {link.shown}, expected an https address, or a variable that has one"
        yield link.problem(APPROVAL, message)
    wait = action.node.at("TimeoutInMinutes")
    if wait.value is None:
        message = f"the approval '{action.name}' has no 'TimeoutInMinutes'; CodePipeline waits for 7 days then"
        yield action.node.problem(APPROVAL, message)
    elif not (wait.number is not None and SHORTEST_APPROVAL <= wait.number <= LONGEST_APPROVAL):
        message = f"'TimeoutInMinutes' is {wait.shown}, expected {SHORTEST_APPROVAL} to {LONGEST_APPROVAL}"
        yield wait.problem(APPROVAL, message)
