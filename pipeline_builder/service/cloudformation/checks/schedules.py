"""Schedules of EventBridge Scheduler: it takes any expression and input, and then never fires, or fails each time."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from datetime import datetime

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import describe, did_you_mean
from pipeline_builder.errors import Problem
from pipeline_builder.manifest.cron import cron_faults
from pipeline_builder.manifest.quotas import LONGEST_AGE, MOST_RETRIES, SHORTEST_AGE
from pipeline_builder.service.cloudformation.checks.environment import check_variables
from pipeline_builder.service.cloudformation.checks.view import Node, Service
from pipeline_builder.service.cloudformation.description.schedules import known_timezones, rate_fault

SCHEDULES = "PB629"
_EXPRESSION = re.compile(r"(?P<kind>cron|rate|at)\((?P<inner>[^()]*)\)")
_UNIVERSAL = re.compile(r"arn:aws[a-z-]*:scheduler:::aws-sdk:(?P<service>\w+):(?P<action>\w+)")
_START, _BUILD = ("codepipeline", "startPipelineExecution"), ("codebuild", "startBuild")
_TOLD = ("bucket", "prefix", "project")


def check_schedules(service: Service) -> Iterator[Problem]:
    """Check when every schedule fires, and what it does then."""
    groups = service.made("AWS::Scheduler::ScheduleGroup")
    for resource in service.of_type("AWS::Scheduler::Schedule"):
        schedule = resource.at("Properties")
        yield from _expression(schedule.at("ScheduleExpression"))
        yield from _timezone(schedule.at("ScheduleExpressionTimezone"))
        group = schedule.at("GroupName")
        if group.text not in groups:
            found = f"the group {group.shown}, which no template makes" if group.text else "no group of its own"
            yield group.problem(
                SCHEDULES, f"the schedule '{resource.id}' is in {found}: it could stay when the stack goes"
            )
        yield from _target(service, schedule.at("Target"), resource.id)


def _timezone(node: Node) -> Iterator[Problem]:
    known = known_timezones()
    if node.value is not None and known and node.text not in known:
        hint = did_you_mean(node.text, known) or "expected an IANA name such as 'Europe/Berlin'"
        yield node.problem(SCHEDULES, f"{node.shown} is no timezone", hint)


def _expression(node: Node) -> Iterator[Problem]:
    match = _EXPRESSION.fullmatch(node.text)
    if match is None:
        yield node.problem(SCHEDULES, f"{node.shown} is no schedule", "cron(0 2 * * ? *), rate(1 day) or at(…)")
        return
    inner = match["inner"]
    faults: tuple[str, ...] = ()
    if match["kind"] == "cron":
        faults = cron_faults(inner)
    elif match["kind"] == "rate":
        faults = (rate_fault(inner),)
    else:
        try:
            datetime.strptime(inner, "%Y-%m-%dT%H:%M:%S")  # noqa: DTZ007 # the schedule's own timezone counts
        except ValueError:
            faults = ("expected a time such as 2030-01-31T02:00:00",)
    for fault in filter(None, faults):
        yield node.problem(SCHEDULES, f"'{node.text}' never fires: {fault}")


def _target(service: Service, target: Node, name: str) -> Iterator[Problem]:
    if target.at("RoleArn").text not in service.made("AWS::IAM::Role"):
        yield target.at("RoleArn").problem(SCHEDULES, f"the schedule '{name}' has no role of the templates")
    retries, age = (
        target.at("RetryPolicy", "MaximumRetryAttempts"),
        target.at("RetryPolicy", "MaximumEventAgeInSeconds"),
    )
    if retries.number is None or not 0 <= retries.number <= MOST_RETRIES:
        message = f"'MaximumRetryAttempts' is {retries.shown}, expected 0 to {MOST_RETRIES}"
        yield retries.problem(SCHEDULES, message)
    if age.value is not None and not (age.number is not None and SHORTEST_AGE <= age.number <= LONGEST_AGE):
        message = f"'MaximumEventAgeInSeconds' is {age.shown}, expected {SHORTEST_AGE} to {LONGEST_AGE}"
        yield age.problem(SCHEDULES, message)
    queue = target.at("DeadLetterConfig", "Arn")
    if queue.text not in service.made("AWS::SQS::Queue"):
        message = (
            f"the schedule '{name}' has no dead-letter queue of the templates: nobody would know that it can't start"
        )
        yield queue.problem(SCHEDULES, message, "write 'DeadLetterConfig: {Arn: …}'")
    if target.at("Arn").text in service.made("AWS::Lambda::Function"):
        yield from _look(service, target.at("Input"))
        return
    match = _UNIVERSAL.fullmatch(target.at("Arn").text)
    if match is None or (match["service"], match["action"]) not in (_START, _BUILD):
        message = f"the schedule '{name}' has the target {target.at('Arn').shown}, which this service doesn't use"
        yield target.at("Arn").problem(SCHEDULES, message)
        return
    yield from _input(service, target.at("Input"), start=match["service"] == _START[0])


def _look(service: Service, node: Node) -> Iterator[Problem]:
    """Check what the function is told that looks at repositories: it fails each time where that isn't so."""
    data = yield from _mapping(node)
    if data is None:
        return
    if set(data) != set(_TOLD):
        yield node.problem(
            SCHEDULES, f"'Input' has {', '.join(sorted(data)) or 'nothing'}, expected {', '.join(_TOLD)}"
        )
        return
    project = service.projects.get(str(data["project"]))
    if project is None:
        yield node.problem(SCHEDULES, f"'Input' names {_named('project', data['project'])}")
        return
    variables = {item.at("Name").text: item.at("Value").text for item in _variables(project)}
    noted = "/".join(filter(None, (variables.get("SMP_S3PREFIX"), "watch/")))
    if (data["bucket"], data["prefix"]) != (variables.get("SMP_ARTIFACTS"), noted):
        message = (
            f"'Input' says that heads are noted in {describe(data['bucket'])} below {describe(data['prefix'])}, and "
            f"the project notes them in {describe(variables.get('SMP_ARTIFACTS'))} below '{noted}'"
        )
        yield node.problem(SCHEDULES, message)


def _variables(project: Node) -> tuple[Node, ...]:
    return project.at("Environment", "EnvironmentVariables").items()


def _mapping(node: Node) -> Generator[Problem, None, dict[str, JSON] | None]:
    try:
        data: JSON = json.loads(node.text)
    except ValueError as error:
        yield node.problem(SCHEDULES, f"'Input' is no JSON: {error}")
        return None
    if not isinstance(data, dict):
        yield node.problem(SCHEDULES, f"'Input' is {describe(data)}, expected a mapping")
        return None
    return data


def _input(service: Service, node: Node, *, start: bool) -> Iterator[Problem]:
    data = yield from _mapping(node)
    if data is None:
        return
    keys = ("Name", "Variables", "ClientRequestToken") if start else ("ProjectName", "EnvironmentVariablesOverride")
    for key in data.keys() - set(keys):
        message = f"'Input' has '{key}', expected {', '.join(keys)}"
        yield node.problem(SCHEDULES, message, did_you_mean(key, keys))
    if start:
        yield from _start(service, node, data)
        return
    if data.get("ProjectName") not in service.projects:
        message = f"'Input' names {_named('project', data.get('ProjectName'))}"
        yield node.problem(SCHEDULES, message, did_you_mean(str(data.get("ProjectName")), service.projects))
    yield from check_variables(node, data.get("EnvironmentVariablesOverride"), ("Name", "Value", "Type"))


def _start(service: Service, node: Node, data: dict[str, JSON]) -> Iterator[Problem]:
    pipelines = {pipeline.name: pipeline for pipeline in service.pipelines}
    name = str(data.get("Name"))
    if name not in pipelines:
        message = f"'Input' names {_named('pipeline', data.get('Name'))}"
        yield node.problem(SCHEDULES, message, did_you_mean(name, pipelines))
        return
    yield from check_start_variables(node, data.get("Variables"), ("Name", "Value"), pipelines[name].variables)


def _named(what: str, name: JSON) -> str:
    return f"no {what}" if name is None else f"the {what} {describe(name)}, which no template makes"


def check_start_variables(
    node: Node, variables: JSON, keys: tuple[str, str], declared: tuple[str, ...], problem_id: str = SCHEDULES
) -> Iterator[Problem]:
    """Check the variables that a pipeline is started with; one that isn't declared makes the start fail."""
    if variables is None:
        return
    for variable in variables if isinstance(variables, list) else [variables]:
        if not isinstance(variable, dict) or set(variable) != set(keys):
            message = f"a variable of the start is {describe(variable)}, expected a mapping of {' and '.join(keys)}"
            yield node.problem(problem_id, message)
            continue
        name, value = (variable[key] for key in keys)
        if name not in declared:
            message = f"the start sets the variable {describe(name)}, which the pipeline doesn't declare"
            yield node.problem(problem_id, message, did_you_mean(str(name), declared))
        if not isinstance(value, str) or not 1 <= len(value) <= 1000:
            message = f"the start sets '{name}' to {describe(value)}, expected a text of 1 to 1000 characters"
            yield node.problem(problem_id, message)
