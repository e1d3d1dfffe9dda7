"""What EventBridge would do: rules of the template whose pattern an action's event fits start their targets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.regions.partitions import partition_of
from pipeline_builder.service.rehearsal.building import Start, begin_build, make_build
from pipeline_builder.service.rehearsal.record import Book, BuildRecord, Event
from pipeline_builder.service.rehearsal.sources import ARCHIVE, CLONE, pack_source
from pipeline_builder.service.rehearsal.template import Action, EventRule, EventTarget, Project
from pipeline_builder.service.rehearsal.tools import Tools

_NAMED = re.compile(r"<(?P<name>[\w.-]+)>")
_QUOTE = re.compile(r'(?<!\\)"')
_PROJECT = re.compile(r"arn:[^:]+:codebuild:[^:]*:[^:]*:project/(?P<name>.+)")


def follow_rules(book: Book, tools: Tools, *, stage: str, action: Action, state: str, builds: bool = True) -> bool:
    """Start what rules start on an event of an action; tell whether a state machine is among it.

    Builds run here, one after the other, and state machines beside. Other targets are left alone.
    """
    event = action_event(book, tools, stage=stage, action=action, state=state)
    begun = False
    for rule in tools.service.rules:
        if rule.state != "ENABLED" or not rule.event_pattern or not fits(rule.event_pattern, event):
            continue
        for target in rule.targets:
            named = _PROJECT.fullmatch(target.arn)
            if builds and named and named["name"] in tools.service.projects:
                given = target_input(target, event)
                project = tools.service.projects[named["name"]]
                _build(book, tools, rule, project, given if isinstance(given, dict) else {})
            elif tools.machines.knows(target.arn):
                tools.machines.begin(target.arn, target_input(target, event), rule=rule.name, stage=stage)
                begun = True
    return begun


def action_event(book: Book, tools: Tools, *, stage: str, action: Action, state: str) -> dict[str, Any]:
    """Return the event "CodePipeline Action Execution State Change"."""
    pipeline = tools.service.pipeline.name
    kind = {"owner": "AWS", "category": action.action_type_id.category, "provider": action.action_type_id.provider}
    return {
        "version": "0",
        "source": "aws.codepipeline",
        "detail-type": "CodePipeline Action Execution State Change",
        "account": tools.account,
        "region": tools.region,
        "time": f"{tools.now():%Y-%m-%dT%H:%M:%SZ}",
        "resources": [f"arn:{partition_of(tools.region).name}:codepipeline:{tools.region}:{tools.account}:{pipeline}"],
        "detail": {
            "pipeline": pipeline,
            "execution-id": book.state.id,
            "stage": stage,
            "action": action.name,
            "state": state,
            "region": tools.region,
            "type": {**kind, "version": "1"},
            "version": 1.0,
        },
    }


def fits(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Tell whether an event fits a pattern: each of its fields has one of the values, or what they say of them."""
    for key, wanted in pattern.items():
        found = event.get(key)
        if isinstance(wanted, dict):
            if not isinstance(found, dict) or not fits(wanted, found):
                return False
        elif not any(_allows(one, found) for one in wanted):
            return False
    return True


def _allows(wanted: Any, found: Any) -> bool:
    match wanted:
        case {"prefix": str(prefix)}:
            return isinstance(found, str) and found.startswith(prefix)
        case {"anything-but": listed}:
            return found is not None and found not in (listed if isinstance(listed, list) else [listed])
        case {"exists": bool(exists)}:
            return (found is not None) is exists
        case _:
            return bool(wanted == found)


def target_input(target: EventTarget, event: Mapping[str, Any]) -> Any:
    """Return what a rule hands to its target: the event, a constant, or what its transformer makes; else nothing."""
    text = target.input
    if target.input_transformer:
        paths = target.input_transformer.get("InputPathsMap") or {}
        found = {name: _at(event, str(path)) for name, path in paths.items()}
        text = _filled(str(target.input_transformer.get("InputTemplate", "")), found)
    try:
        return json.loads(text) if text else event
    except ValueError:
        return {}


def _filled(template: str, values: Mapping[str, Any]) -> str:
    """Return a template with its `<names>` replaced: a text within quotes, else JSON, as EventBridge does."""

    def value(match: re.Match[str]) -> str:
        if match["name"] is None or match["name"] not in values:
            return match[0]
        written = json.dumps(values[match["name"]])
        within = len(_QUOTE.findall(template[: match.start()])) % 2 == 1
        return written[1:-1] if within and isinstance(values[match["name"]], str) else written

    return _NAMED.sub(value, template)


def _at(event: Mapping[str, Any], path: str) -> Any:
    found: Any = event
    for part in path.removeprefix("$.").split("."):
        found = found.get(part, "") if isinstance(found, dict) else ""
    return found


def _build(book: Book, tools: Tools, rule: EventRule, project: Project, given: Mapping[str, Any]) -> None:
    """Run a build beside the pipeline; that it fails is noted, and changes nothing of the pipeline."""
    started = {str(item["name"]): str(item["value"]) for item in given.get("environmentVariablesOverride", ())}
    archive = tools.artifact(f".{project.name}")
    pack_source(tools.git, tools.source, archive, form=ARCHIVE if project.source.type == "S3" else CLONE)
    number = len(book.state.events) + 1
    start = Start(
        project=project,
        environment=started,
        inputs={"": archive},
        initiator=f"rule/{rule.name}",
        log=f"event-{number}-{project.name}",
    )
    build = begin_build(start, tools)
    words = f"event/{rule.name}"
    tools.say(f"{tools.now():%H:%M:%S}  {words}  build {build.number} of {build.project}, log: {build.log}")
    try:
        built = make_build(start, build, tools, observe=lambda _: None)
    except PipelineBuilderError as error:
        event = Event(rule=rule.name, build=build, status="Failed", message=error.problems[0].message)
    else:
        event = _event(rule, build.model_copy(update={"phases": built.phases}), built.status, built.message)
    book.add_event(event)
    tools.say(f"{tools.now():%H:%M:%S}  {words}  {event.status}{': ' + event.message if event.message else ''}")


def _event(rule: EventRule, build: BuildRecord, status: str, message: str) -> Event:
    through = status == "Succeeded"
    record = build.model_copy(update={"folder": ""}) if through else build
    return Event(rule=rule.name, build=record, status="Succeeded" if through else "Failed", message=message)
