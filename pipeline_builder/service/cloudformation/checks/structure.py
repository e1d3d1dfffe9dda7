"""How a pipeline is put together: stages, artifacts, triggers, and what only pipelines of type V2 have."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.errors import Problem
from pipeline_builder.manifest.quotas import LONGEST_PATTERN, MOST_ACTIONS, MOST_FILTERS, MOST_PATTERNS, MOST_TRIGGERS
from pipeline_builder.service.cloudformation.checks.view import CONNECTION, Action, Node, Pipeline, Service

TRIGGERS = "PB625"
ARTIFACTS = "PB626"
STAGES = "PB628"
_NAME = re.compile(r"[A-Za-z0-9.@_-]{1,100}")
_ARTIFACT = re.compile(r"[A-Za-z0-9_-]{1,100}")
# How many artifacts an action takes in and gives out, by category.
_COUNTS = {
    "Source": ((0, 0), (1, 1)),
    "Build": ((1, 5), (0, 5)),
    "Test": ((1, 5), (0, 5)),
    "Approval": ((0, 0), (0, 0)),
}
# https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-conditions.html
_RESULTS = {"BeforeEntry": ("FAIL", "SKIP"), "OnSuccess": ("FAIL", "ROLLBACK"), "OnFailure": ("ROLLBACK",)}
_SKIPPING = ("LambdaInvoke", "VariableCheck")
_OPERATORS = ("EQ", "NE", "CONTAINS", "MATCHES")


def check_stages(service: Service) -> Iterator[Problem]:
    """Check names and order of stages and actions, and what needs V2."""
    for pipeline in service.pipelines:
        yield from _needs_v2(pipeline)
        yield from _stages(pipeline)
        yield from _names([stage.at("Name") for stage in pipeline.stages], "stage")
        for stage in pipeline.stages:
            actions = stage.at("Actions")
            if len(actions.items()) > MOST_ACTIONS:
                message = f"the stage {stage.at('Name').shown} has {len(actions.items())} actions"
                yield actions.problem(STAGES, f"{message}, CodePipeline takes {MOST_ACTIONS}", key=True)
            yield from _names([action.at("Name") for action in stage.at("Actions").items()], "action")
            yield from _conditions(stage)


def _needs_v2(pipeline: Pipeline) -> Iterator[Problem]:
    kind = pipeline.node.at("PipelineType")
    if kind.text == "V2":
        return
    mode = pipeline.node.at("ExecutionMode")
    used = [pipeline.node.at(key) for key in ("Triggers", "Variables")]
    used += [mode] if mode.text not in ("", "SUPERSEDED") else []
    used += [stage.at(key) for stage in pipeline.stages for key in _RESULTS]
    for node in used:
        if node.value is not None:
            found = f"of type {kind.text}" if kind.text else "without 'PipelineType'"
            message = f"'{node.path[-1]}' works only in pipelines of type V2, and '{pipeline.name}' is one {found}"
            yield node.problem(STAGES, message, "write 'PipelineType: V2'", key=True)


def _stages(pipeline: Pipeline) -> Iterator[Problem]:
    if len(pipeline.stages) < 2:
        message = f"the pipeline '{pipeline.name}' has {len(pipeline.stages)} stages, expected at least 2"
        yield pipeline.node.at("Stages").problem(STAGES, message, key=True)
    for action in pipeline.actions:
        if (action.category == "Source") != (action.stage == 0):
            where = (
                "only sources are in the first stage" if action.stage == 0 else "sources are in the first stage only"
            )
            yield action.node.at("Name").problem(STAGES, f"the action '{action.name}' is out of place: {where}")


def _names(nodes: list[Node], what: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for node in nodes:
        if not _NAME.fullmatch(node.text):
            message = f"the {what} {node.shown} can't be called so, expected letters, digits and . @ _ -"
            yield node.problem(STAGES, message)
        if node.text in seen:
            yield node.problem(STAGES, f"two {what}s have the name '{node.text}'")
        seen.add(node.text)


def _conditions(stage: Node) -> Iterator[Problem]:
    for moment, results in _RESULTS.items():
        for condition in stage.at(moment, "Conditions").items():
            result = condition.at("Result")
            if result.text not in results:
                message = f"'Result' is {result.shown}, and '{moment}' takes {' or '.join(results)}"
                yield result.problem(STAGES, message)
            for rule in condition.at("Rules").items():
                yield from _rule(rule, result)


def _rule(rule: Node, result: Node) -> Iterator[Problem]:
    provider, configuration = rule.at("RuleTypeId", "Provider"), rule.at("Configuration")
    if result.text == "SKIP" and provider.text not in _SKIPPING:
        message = f"a stage is skipped by {' or '.join(_SKIPPING)} only, and this rule is {provider.shown}"
        yield provider.problem(STAGES, message)
    if provider.text != "VariableCheck":
        return
    for key in ("Variable", "Value", "Operator"):
        if configuration.at(key).text == "":
            yield configuration.problem(STAGES, f"the rule '{rule.at('Name').text}' needs '{key}'", key=True)
    operator = configuration.at("Operator")
    if operator.text and operator.text not in _OPERATORS:
        yield operator.problem(STAGES, f"'Operator' is {operator.shown}", did_you_mean(operator.text, _OPERATORS))


def check_artifacts(service: Service) -> Iterator[Problem]:
    """Check that what an action takes in was given out before, once, and that builds really give it."""
    for pipeline in service.pipelines:
        makers: dict[str, Action] = {}
        for action in pipeline.actions:
            for node in action.artifacts("OutputArtifacts"):
                if not _ARTIFACT.fullmatch(node.text):
                    message = f"the artifact {node.shown} can't be called so, expected letters, digits, _ and -"
                    yield node.problem(ARTIFACTS, message)
                if node.text in makers:
                    message = f"the artifact '{node.text}' comes out of '{makers[node.text].name}' and '{action.name}'"
                    yield node.problem(ARTIFACTS, message)
                makers.setdefault(node.text, action)
        for action in pipeline.actions:
            yield from _inputs(action, makers)
            yield from _counts(action)
            yield from _given(service, action)


def _inputs(action: Action, makers: dict[str, Action]) -> Iterator[Problem]:
    for node in action.artifacts("InputArtifacts"):
        maker = makers.get(node.text)
        if maker is None:
            message = f"the action '{action.name}' takes the artifact '{node.text}', which no action gives"
            yield node.problem(ARTIFACTS, message, did_you_mean(node.text, makers))
        elif not maker.is_before(action):
            message = f"the action '{action.name}' takes the artifact '{node.text}', which '{maker.name}' gives later"
            yield node.problem(ARTIFACTS, message)


def _counts(action: Action) -> Iterator[Problem]:
    limits = _COUNTS.get(action.category)
    for key, (least, most) in zip(("InputArtifacts", "OutputArtifacts"), limits or (), strict=bool(limits)):
        count = len(action.artifacts(key))
        if not least <= count <= most:
            expected = f"{least}" if least == most else f"{least} to {most}"
            message = f"the action '{action.name}' ({action.category}) has {count} '{key}', expected {expected}"
            yield action.node.at(key).problem(ARTIFACTS, message, key=True)


def _given(service: Service, action: Action) -> Iterator[Problem]:
    """A build gives one artifact as its buildspec's primary one, several by the names of the secondary ones."""
    outputs = action.artifacts("OutputArtifacts")
    project = service.projects.get(action.configuration.at("ProjectName").text)
    buildspec = service.buildspec_of(project)[0] if project is not None else None
    if buildspec is None or action.provider != "CodeBuild":
        return
    if len(outputs) == 1 and buildspec.artifacts is None:
        message = (
            f"the action '{action.name}' gives the artifact '{outputs[0].text}', and its buildspec has no 'artifacts'"
        )
        yield outputs[0].problem(ARTIFACTS, message)
    for node in outputs if len(outputs) > 1 else ():
        if node.text not in buildspec.secondary_artifacts:
            message = f"the action '{action.name}' gives several artifacts, and its buildspec has no '{node.text}'"
            yield node.problem(ARTIFACTS, message, did_you_mean(node.text, buildspec.secondary_artifacts))


def check_triggers(service: Service) -> Iterator[Problem]:
    """Check what starts the pipeline when a repository changes."""
    for pipeline in service.pipelines:
        triggers = pipeline.node.at("Triggers")
        sources = {action.name: action for action in pipeline.actions if action.provider == CONNECTION}
        if len(triggers.items()) > MOST_TRIGGERS:
            message = f"{len(triggers.items())} triggers, CodePipeline takes {MOST_TRIGGERS}"
            yield triggers.problem(TRIGGERS, message, "take 'poll' or 'webhook' for some repositories", key=True)
        seen: set[str] = set()
        for trigger in triggers.items():
            yield from _trigger(trigger, sources, seen)
        for name in sources.keys() - seen:
            detect = sources[name].configuration.at("DetectChanges")
            if detect.text != "false":
                message = f"the source '{name}' has no trigger, so every push to any of its files starts the pipeline"
                yield sources[name].node.at("Name").problem(TRIGGERS, message, "give it one, or 'DetectChanges: false'")


def _trigger(trigger: Node, sources: dict[str, Action], seen: set[str]) -> Iterator[Problem]:
    configuration = trigger.at("GitConfiguration")
    name = configuration.at("SourceActionName")
    if trigger.at("ProviderType").text != CONNECTION:
        message = f"a trigger's 'ProviderType' is {trigger.at('ProviderType').shown}, expected {CONNECTION}"
        yield trigger.at("ProviderType").problem(TRIGGERS, message)
    if name.text not in sources:
        message = f"a trigger names the action {name.shown}, which is no source with a connection"
        yield name.problem(TRIGGERS, message, did_you_mean(name.text, sources))
    if name.text in seen:
        yield name.problem(TRIGGERS, f"the action '{name.text}' has two triggers, CodePipeline takes one of each")
    seen.add(name.text)
    for kind in ("Push", "PullRequest"):
        filters = configuration.at(kind)
        if len(filters.items()) > MOST_FILTERS:
            message = f"'{kind}' has {len(filters.items())} filters, CodePipeline takes {MOST_FILTERS}"
            yield filters.problem(TRIGGERS, message, key=True)
        for found in filters.items():
            yield from _filter(found)
    if not configuration.at("Push").items() and not configuration.at("PullRequest").items():
        yield configuration.problem(
            TRIGGERS, f"the trigger of '{name.text}' has neither 'Push' nor 'PullRequest'", key=True
        )


def _filter(node: Node) -> Iterator[Problem]:
    for _, group in node.entries():
        for _, patterns in group.entries():
            count = len(patterns.items())
            if not 1 <= count <= MOST_PATTERNS:
                message = f"'{patterns.path[-1]}' has {count} patterns, CodePipeline takes 1 to {MOST_PATTERNS}"
                yield patterns.problem(TRIGGERS, message, key=True)
            for pattern in patterns.items():
                if not 1 <= len(pattern.text) <= LONGEST_PATTERN:
                    message = f"a pattern has {len(pattern.text)} characters, CodePipeline takes 1 to {LONGEST_PATTERN}"
                    yield pattern.problem(TRIGGERS, message)
