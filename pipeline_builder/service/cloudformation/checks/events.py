"""Rules of EventBridge: a pattern that matches nothing and a template with an unknown word are accepted silently."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import describe, did_you_mean
from pipeline_builder.errors import Problem
from pipeline_builder.manifest.quotas import LONGEST_EVENT_PATTERN, MOST_TARGETS
from pipeline_builder.service.cloudformation.access.scoring import ASKED, SOURCE
from pipeline_builder.service.cloudformation.checks.environment import check_variables
from pipeline_builder.service.cloudformation.checks.schedules import check_start_variables
from pipeline_builder.service.cloudformation.checks.telling import is_chat_message
from pipeline_builder.service.cloudformation.checks.view import Node, Pipeline, Service

EVENTS = "PB630"
_FIELDS = ("account", "detail", "detail-type", "id", "region", "resources", "source", "time", "version", "$or")
_WORD = re.compile(r"<([A-Za-z0-9_.-]+)>")
_PREDEFINED = ("aws.events.rule-arn", "aws.events.rule-name", "aws.events.event.ingestion-time", "aws.events.event",
               "aws.events.event.json")  # fmt: skip
_BATCH = {"batch", "minutes", "pipeline", "time", "trigger"}
_PIPELINE = ("CANCELED", "FAILED", "RESUMED", "STARTED", "STOPPED", "STOPPING", "SUCCEEDED", "SUPERSEDED")
_EXECUTION = ("Executing", "Failed", "Stopped", "Stopping", "Succeeded")
# By source and detail-type: the field of `detail` that says what happened, and its values.
# https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html
EVENTS_OF: Mapping[str, Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "aws.codepipeline": {
        "CodePipeline Pipeline Execution State Change": ("state", _PIPELINE),
        "CodePipeline Stage Execution State Change": ("state", (*_PIPELINE, "SKIPPED")),
        "CodePipeline Action Execution State Change": (
            "state",
            ("ABANDONED", "CANCELED", "FAILED", "STARTED", "SUCCEEDED"),
        ),
    },
    "aws.codebuild": {
        "CodeBuild Build State Change": (
            "build-status",
            ("FAILED", "FAULT", "IN_PROGRESS", "STOPPED", "SUCCEEDED", "TIMED_OUT"),
        ),
        "CodeBuild Build Phase Change": ("", ()),
    },
    "aws.codecommit": {
        "CodeCommit Repository State Change": ("event", ("referenceCreated", "referenceDeleted", "referenceUpdated")),
    },
    "aws.s3": {"Object Created": ("", ()), "Object Deleted": ("", ())},
    "aws.sagemaker": {
        "SageMaker Model Building Pipeline Execution Status Change": ("currentPipelineExecutionStatus", _EXECUTION),
        "SageMaker Model Building Pipeline Execution Step Status Change": ("", ()),
        "SageMaker Model Package State Change": (
            "ModelApprovalStatus",
            ("Approved", "PendingManualApproval", "Rejected"),
        ),
    },
    # The service's own.
    SOURCE: {ASKED: ("", ())},
}


def check_events(service: Service) -> Iterator[Problem]:
    """Check every rule's pattern and targets."""
    made = service.made()
    for resource in service.of_type("AWS::Events::Rule"):
        rule = resource.at("Properties")
        if rule.at("EventPattern").value is not None:
            yield from _pattern(service, rule.at("EventPattern"))
        if not rule.at("Targets").items():
            yield rule.problem(EVENTS, f"the rule '{resource.id}' has no target", key=True)
        yield from _sizes(rule, resource.id)
        seen: set[str] = set()
        for target in rule.at("Targets").items():
            yield from _target(service, target, made)
            if target.at("Id").text in seen:
                yield target.at("Id").problem(EVENTS, f"two targets of the rule '{resource.id}' have the same 'Id'")
            seen.add(target.at("Id").text)
    yield from _publishing(service)


def _sizes(rule: Node, name: str) -> Iterator[Problem]:
    """What has more than a rule takes is refused when the stack is made, after minutes."""
    targets, pattern = rule.at("Targets"), rule.at("EventPattern")
    if len(targets.items()) > MOST_TARGETS:
        message = f"the rule '{name}' has {len(targets.items())} targets, EventBridge takes {MOST_TARGETS}"
        yield targets.problem(EVENTS, message, "make two rules of it", key=True)
    size = len(json.dumps(pattern.value, separators=(",", ":")))
    if size > LONGEST_EVENT_PATTERN:
        message = f"the pattern of the rule '{name}' has {size} characters, EventBridge takes {LONGEST_EVENT_PATTERN}"
        hint = "make two services of it, with some of the pipelines each, or ask AWS for more if the account hasn't yet"
        # It may have been raised for the account, which isn't known here.
        yield replace(pattern.problem(EVENTS, message, hint, key=True), warning=True)


def _publishing(service: Service) -> Iterator[Problem]:
    """Neither a topic's policy nor that of its key has a condition for EventBridge: with one, messages get lost.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html (SNS permissions) and
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    """
    for kind, key in (("AWS::SNS::TopicPolicy", "PolicyDocument"), ("AWS::KMS::Key", "KeyPolicy")):
        for policy in service.of_type(kind):
            for statement in policy.at("Properties", key, "Statement").items():
                services = [item.text for item in statement.at("Principal", "Service").items()]
                condition = statement.at("Condition")
                if "events.amazonaws.com" in services and condition.value is not None:
                    message = f"'{policy.id}' lets EventBridge publish under a condition, which is never true for it"
                    yield condition.problem(EVENTS, message, "give EventBridge a statement without one", key=True)


def _pattern(service: Service, pattern: Node) -> Iterator[Problem]:
    for key, node in pattern.entries():
        if key not in _FIELDS:
            yield node.problem(EVENTS, f"events have no field '{key}'", did_you_mean(key, _FIELDS), key=True)
        yield from _leaves(node)
    for source in pattern.at("source").items():
        kinds = EVENTS_OF.get(source.text, {})
        if not kinds:
            message = f"events of {source.shown} are not used by this service"
            yield source.problem(EVENTS, message, did_you_mean(source.text, EVENTS_OF))
        for kind in pattern.at("detail-type").items() if kinds else ():
            if kind.text not in kinds:
                message = f"{source.text} sends no event {kind.shown}"
                yield kind.problem(EVENTS, message, did_you_mean(kind.text, kinds))
                continue
            field, values = kinds[kind.text]
            for value in pattern.at("detail", field).items() if field else ():
                if value.value is not None and not isinstance(value.value, dict) and value.text not in values:
                    message = f"'{field}' is never {value.shown} in a '{kind.text}'"
                    yield value.problem(EVENTS, message, did_you_mean(value.text, values))
    yield from _names(service, pattern)


def _leaves(node: Node) -> Iterator[Problem]:
    """Every field holds a list of what it may be; a bare value makes EventBridge refuse the pattern."""
    if isinstance(node.value, dict):
        for _, inner in node.entries():
            yield from _leaves(inner)
    elif not isinstance(node.value, list) or not node.value:
        found = "an empty list" if node.value == [] else node.shown
        yield node.problem(EVENTS, f"'{node.path[-1]}' is {found}, expected a list of values", "write it in brackets")


def _names(service: Service, pattern: Node) -> Iterator[Problem]:
    """The pipeline, stage and action that a rule waits for are those of the templates."""
    if [item.text for item in pattern.at("source").items()] != ["aws.codepipeline"]:
        return
    actions = [action for pipeline in service.pipelines for action in pipeline.actions]
    stages = [stage.at("Name").text for pipeline in service.pipelines for stage in pipeline.stages]
    known = {
        "pipeline": [pipeline.name for pipeline in service.pipelines],
        "stage": stages,
        "action": [action.name for action in actions],
    }
    for field, names in known.items():
        for node in pattern.at("detail", field).items():
            if not isinstance(node.value, dict) and node.text not in names:
                message = f"the {field} {node.shown} is not in the templates: this rule never fires"
                yield node.problem(EVENTS, message, did_you_mean(node.text, names))


def _target(service: Service, target: Node, made: Mapping[str, Node]) -> Iterator[Problem]:
    arn = target.at("Arn")
    pipelines = {pipeline.name: pipeline for pipeline in service.pipelines}
    pipeline = pipelines.get(arn.text.rsplit(":", 1)[-1]) if ":codepipeline:" in arn.text else None
    if arn.text not in made and pipeline is None:
        yield arn.problem(EVENTS, f"the target {arn.shown} is nothing that the templates make")
    if any(word in arn.text for word in (":codepipeline:", ":codebuild:")):
        role = target.at("RoleArn")
        if role.text not in service.made("AWS::IAM::Role"):
            yield role.problem(EVENTS, f"the target '{target.at('Id').text}' needs a 'RoleArn' of the templates")
    given = [key for key in ("Input", "InputPath", "InputTransformer") if target.at(key).value is not None]
    if len(given) > 1:
        yield target.at(given[1]).problem(EVENTS, f"'{given[0]}' and '{given[1]}' exclude each other", key=True)
    if target.at("InputTransformer").value is not None:
        yield from _transformer(service, target.at("InputTransformer"), arn.text, pipeline)
    elif target.at("Input").value is not None:
        yield from _json(service, target.at("Input"), target.at("Input").text, pipeline)


def _transformer(service: Service, node: Node, arn: str, pipeline: Pipeline | None) -> Iterator[Problem]:
    words = dict(node.at("InputPathsMap").entries())
    for name, path in words.items():
        if not path.text.startswith("$."):
            yield path.problem(EVENTS, f"the path {path.shown} of '{name}' doesn't begin with '$.'")
    template = node.at("InputTemplate")
    if not template.text.strip():
        yield template.problem(EVENTS, "'InputTemplate' is empty")
    used = _WORD.findall(template.text)
    for word in dict.fromkeys(used):
        if word not in words and word not in _PREDEFINED:
            message = f"'<{word}>' is no word of 'InputPathsMap', so it would stand there as it is"
            yield template.problem(EVENTS, message, did_you_mean(word, words))
    for name in words.keys() - set(used):
        yield words[name].problem(EVENTS, f"the word '{name}' is not used in 'InputTemplate'", key=True)
    if ":sns:" in arn and not is_chat_message(template.text):
        yield from _lines(template)
    else:
        yield from _json(service, template, _WORD.sub("word", template.text), pipeline)


def _lines(template: Node) -> Iterator[Problem]:
    """A message for people is a text in quotes on each line."""
    for line in template.text.strip().split("\n"):
        try:
            fine = isinstance(json.loads(_WORD.sub("word", line)), str)
        except ValueError:
            fine = False
        if not fine:
            yield template.problem(EVENTS, f"the line {describe(line.strip())} of 'InputTemplate' is no text in quotes")


def _batch(service: Service, node: Node, data: dict[str, JSON]) -> Iterator[Problem]:
    """What an event tells the machine that gathers: it fails each time where a part of it is missing."""
    if set(data) != _BATCH:
        message = f"a batch is told {', '.join(sorted(data))}, expected {', '.join(sorted(_BATCH))}"
        yield node.problem(EVENTS, message)
    names = [pipeline.name for pipeline in service.pipelines]
    if data.get("pipeline") not in names:
        message = f"a batch is to start the pipeline {describe(data.get('pipeline'))}, which no template makes"
        yield node.problem(EVENTS, message, did_you_mean(str(data.get("pipeline")), names))


def _json(service: Service, node: Node, text: str, pipeline: Pipeline | None) -> Iterator[Problem]:
    """An input is the request of what is started: CodePipeline's and CodeBuild's in the spelling of their APIs."""
    try:
        data: JSON = json.loads(text)
    except ValueError as error:
        yield node.problem(EVENTS, f"'{node.path[-1]}' is no JSON: {error}")
        return
    if isinstance(data, dict) and "batch" in data:
        yield from _batch(service, node, data)
    if isinstance(data, dict) and "environmentVariablesOverride" in data:
        yield from check_variables(node, data["environmentVariablesOverride"], ("name", "value", "type"))
    if pipeline is not None and isinstance(data, dict):
        for key in data.keys() - {"variables", "sourceRevisions"}:
            message = f"CodePipeline takes no '{key}' from a rule"
            yield node.problem(EVENTS, message, did_you_mean(key, ("variables", "sourceRevisions")))
        variables = data.get("variables")
        yield from check_start_variables(node, variables, ("name", "value"), pipeline.variables, EVENTS)
