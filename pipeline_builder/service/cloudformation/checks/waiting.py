"""What waits for a run: a state machine names stages, actions and calls in a text, into which nobody else looks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.errors import Problem
from pipeline_builder.service.cloudformation.checks.view import Action, Node, Pipeline, Service

WAITING = "PB745"
_CALL = re.compile(r"arn:[^:]+:states:::aws-sdk:(?P<service>\w+):(?P<first>\w)(?P<rest>\w+)")
_ANSWER = "codepipeline:PutApprovalResult"
_PLACE = re.compile(r"StageStates\[(\d+)\]\.ActionStates\[(\d+)\]")
_NAME = re.compile(_PLACE.pattern + r"\.ActionName$")
# What a state machine calls a service otherwise than IAM does.
_PREFIXES = {"sfn": "states"}


def check_waiting(service: Service) -> Iterator[Problem]:
    """Check every state machine, and the actions that it answers or that share a project."""
    for machine in service.of_type("AWS::StepFunctions::StateMachine"):
        node = machine.at("Properties", "DefinitionString")
        states = _states(node)
        if states is None:
            yield node.problem(WAITING, f"the definition of '{machine.id}' is no JSON with 'StartAt' and 'States'")
            continue
        yield from _ways(node, json.loads(node.text)["StartAt"], states)
        yield from _permissions(service, machine, node, states)
        yield from _answers(service, node, states)
        yield from _logs(service, machine)
    for pipeline in service.pipelines:
        yield from _said(service, pipeline)


def is_answered(service: Service, action: Action) -> bool:
    """Tell whether a state machine answers an approval, so that nobody is to be told of it."""
    for machine in service.of_type("AWS::StepFunctions::StateMachine"):
        states = _states(machine.at("Properties", "DefinitionString")) or {}
        if any(request.get("ActionName") == action.name for request in _requests(states)):
            return True
    return False


def _states(node: Node) -> Mapping[str, Any] | None:
    try:
        definition = json.loads(node.text)
        states = definition["States"]
        return states if definition["StartAt"] and all(state["Type"] for state in states.values()) else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _requests(states: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield what answers of approvals are made with."""
    for state in states.values():
        if _action(state) == _ANSWER:
            yield state.get("Parameters", {})


def _action(state: Mapping[str, Any]) -> str:
    """Return what IAM calls the call of a state, empty where it makes none."""
    match = _CALL.fullmatch(str(state.get("Resource", "")))
    if not match:
        return ""
    service = _PREFIXES.get(match["service"], match["service"])
    return f"{service}:{match['first'].upper()}{match['rest']}"


def _ways(node: Node, first: str, states: Mapping[str, Any]) -> Iterator[Problem]:
    ahead, seen = [first], set()
    while ahead:
        name = ahead.pop()
        if name in seen:
            continue
        seen.add(name)
        if name not in states:
            yield node.problem(WAITING, f"'{name}' is no state of the machine", did_you_mean(name, states))
            continue
        state = states[name]
        ahead += [state[key] for key in ("Next", "Default") if key in state]
        ahead += [one.get("Next", "") for key in ("Choices", "Catch") for one in state.get(key, ())]
    for name in states.keys() - seen:
        yield node.problem(WAITING, f"nothing leads to the state '{name}'")


def _permissions(service: Service, machine: Node, node: Node, states: Mapping[str, Any]) -> Iterator[Problem]:
    """A call that isn't allowed is seen only when the machine makes it."""
    role = service.made("AWS::IAM::Role").get(machine.at("Properties", "RoleArn").text)
    if role is None:
        yield machine.at("Properties", "RoleArn").problem(WAITING, f"'{machine.id}' has no role of the templates")
        return
    may = {
        action.text
        for policy in role.at("Properties", "Policies").items()
        for statement in policy.at("PolicyDocument", "Statement").items()
        for action in statement.at("Action").items()
    }
    for name, state in states.items():
        if state["Type"] != "Task":
            continue
        action = _action(state)
        if action not in may:
            call = action or f"{state.get('Resource')}, which is no call of AWS's SDK"
            yield node.problem(WAITING, f"the state '{name}' calls {call}, and the role '{role.id}' may not")


def _answers(service: Service, node: Node, states: Mapping[str, Any]) -> Iterator[Problem]:
    found = {
        (pipeline.name, pipeline.stages[action.stage].at("Name").text, action.name): action
        for pipeline in service.pipelines
        for action in pipeline.actions
        if action.category == "Approval"
    }
    for request in _requests(states):
        name, stage, action = (str(request.get(f"{key}Name")) for key in ("Pipeline", "Stage", "Action"))
        answered = found.get((name, stage, action))
        if answered is None:
            what = f"the action '{action}' of the stage '{stage}'"
            yield node.problem(WAITING, f"the state machine answers {what}, which the pipeline doesn't have")
            return
        yield from _places(service, node, states)
        yield from _in_time(service, answered)


def _places(service: Service, node: Node, states: Mapping[str, Any]) -> Iterator[Problem]:
    """An action is known by its place; each place that is looked at is to have the name that is compared with it."""
    stages = [stage for pipeline in service.pipelines for stage in pipeline.stages]
    at = {
        (str(number), str(index)): action.at("Name").text
        for number, stage in enumerate(stages)
        for index, action in enumerate(stage.at("Actions").items())
    }
    named = dict(_named(list(states.values())))
    for place in dict.fromkeys(_PLACE.findall(node.text)):
        name = named.get(place)
        looks = f"the state machine looks at action {place[1]} of stage {place[0]}"
        if name is None:
            yield node.problem(WAITING, f"{looks} without a look at its name")
        elif name != at.get(place):
            places = [f"action {index} of stage {stage}" for (stage, index), one in at.items() if one == name]
            yield node.problem(WAITING, f"{looks}, and '{name}' is {' and '.join(places) or 'not in the pipeline'}")


def _named(part: Any) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield the places whose name is compared, with the name."""
    if isinstance(part, list):
        for one in part:
            yield from _named(one)
    elif isinstance(part, dict):
        match = _NAME.search(str(part.get("Variable")))
        if match:
            yield (match[1], match[2]), str(part.get("StringEquals"))
        yield from _named(list(part.values()))


def _in_time(service: Service, wait: Action) -> Iterator[Problem]:
    """The answer comes when a run is stopped, at the latest; a wait that ends before is an expired approval."""
    limits = [
        variable.at("Value").number or 0
        for pipeline in service.pipelines
        for action in pipeline.actions
        if action.stage == wait.stage and action.provider == "CodeBuild"
        for variable in _variables(service, action)
        if variable.at("Name").text == "SMP_TIMEOUT"
    ]
    timeout = wait.node.at("TimeoutInMinutes")
    if limits and timeout.number is not None and timeout.number <= max(limits):
        message = f"'{wait.name}' is over after {timeout.shown} minutes, and a run may take {max(limits):.0f}"
        yield timeout.problem(WAITING, message)


def _variables(service: Service, action: Action) -> tuple[Node, ...]:
    project = service.projects.get(_project(action))
    return project.at("Environment", "EnvironmentVariables").items() if project is not None else ()


def _logs(service: Service, machine: Node) -> Iterator[Problem]:
    groups = service.made("AWS::Logs::LogGroup")
    logs = machine.at("Properties", "LoggingConfiguration")
    named = [item.at("CloudWatchLogsLogGroup", "LogGroupArn") for item in logs.at("Destinations").items()]
    if not any(arn.text in groups for arn in named):
        yield logs.problem(WAITING, f"'{machine.id}' doesn't log to a group of the templates ('LoggingConfiguration')")


def _said(service: Service, pipeline: Pipeline) -> Iterator[Problem]:
    """Of actions with the same project all say which stage of the command line they are, or the project does."""
    builds = [action for action in pipeline.actions if _variables(service, action)]
    saying = {_project(action) for action in builds if _says(action)}
    for action in builds:
        named = any(variable.at("Name").text == "STAGE" for variable in _variables(service, action))
        if _project(action) in saying and not (named or _says(action)):
            message = f"neither the action '{action.name}' nor its project says which stage it is ('STAGE')"
            yield action.configuration.problem(WAITING, message, key=True)


def _project(action: Action) -> str:
    return action.configuration.at("ProjectName").text


def _says(action: Action) -> bool:
    return '"STAGE"' in action.configuration.at("EnvironmentVariables").text
