"""References such as `#{Train.VERDICT}`: CodePipeline fails an execution at one that it can't resolve."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.errors import Problem
from pipeline_builder.manifest.quotas import LONGEST_VARIABLE, MOST_VARIABLES
from pipeline_builder.service.cloudformation.checks.view import CONNECTION, Action, Node, Pipeline, Service

VARIABLES = "PB627"
_REFERENCE = re.compile(r"#\{(?P<namespace>[A-Za-z0-9@_-]{1,100})\.(?P<name>[A-Za-z0-9@_-]{1,128})\}")
_NAME = re.compile(r"[A-Za-z0-9@_-]{1,128}")
_NAMESPACE = re.compile(r"[A-Za-z0-9@_-]{1,100}")
_RESERVED: Mapping[str, tuple[str, ...]] = {"codepipeline": ("PipelineExecutionId",), "variables": ()}
# https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-variables.html
OUTPUTS: Mapping[str, tuple[str, ...]] = {
    CONNECTION: (
        "AuthorDate", "AuthorDisplayName", "AuthorEmail", "AuthorId", "BranchName", "CommitId", "CommitMessage",
        "ConnectionArn", "FullRepositoryName", "ProviderType",
    ),
    "CodeCommit": ("AuthorDate", "BranchName", "CommitId", "CommitMessage", "CommitterDate", "RepositoryName"),
    "S3": ("BucketName", "ETag", "ObjectKey", "VersionId"),
}  # fmt: skip


def check_references(service: Service) -> Iterator[Problem]:
    """Check the pipeline's own variables, the namespaces, and every reference to one of them."""
    for pipeline in service.pipelines:
        yield from _declared(pipeline)
        yield from _namespaces(pipeline.actions)
        for action in pipeline.actions:
            known = _known(service, pipeline, [other for other in pipeline.actions if other.is_before(action)])
            for node in _texts(action.configuration):
                yield from _references(node, known, _later(pipeline, known))
        for index, stage in enumerate(pipeline.stages):
            for moment in ("BeforeEntry", "OnSuccess", "OnFailure"):
                last = index if moment == "BeforeEntry" else index + 1
                known = _known(service, pipeline, [action for action in pipeline.actions if action.stage < last])
                for node in _texts(stage.at(moment)):
                    yield from _references(node, known, _later(pipeline, known))


def _declared(pipeline: Pipeline) -> Iterator[Problem]:
    variables = pipeline.node.at("Variables")
    if len(variables.items()) > MOST_VARIABLES:
        message = f"{len(variables.items())} variables, CodePipeline takes {MOST_VARIABLES}"
        yield variables.problem(VARIABLES, message, key=True)
    seen: set[str] = set()
    for variable in variables.items():
        name, default = variable.at("Name"), variable.at("DefaultValue")
        if not _NAME.fullmatch(name.text):
            yield name.problem(VARIABLES, f"{name.shown} can't be a variable's name")
        if name.text in seen:
            yield name.problem(VARIABLES, f"the variable '{name.text}' is declared twice")
        seen.add(name.text)
        if default.value is None:
            message = f"the variable '{name.text}' has no default: no starter that doesn't set it could start anything"
            yield name.problem(VARIABLES, message)
        elif not 1 <= len(default.text) <= LONGEST_VARIABLE:
            message = (
                f"the default of '{name.text}' has {len(default.text)} characters, expected 1 to {LONGEST_VARIABLE}"
            )
            yield default.problem(VARIABLES, message)


def _namespaces(actions: Iterable[Action]) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for action in actions:
        node = action.node.at("Namespace")
        if node.value is None:
            continue
        if not _NAMESPACE.fullmatch(node.text) or node.text in _RESERVED:
            yield node.problem(VARIABLES, f"{node.shown} can't be a namespace")
        if node.text in seen:
            yield node.problem(VARIABLES, f"'{seen[node.text]}' and '{action.name}' have the namespace '{node.text}'")
        seen.setdefault(node.text, action.name)


def _known(service: Service, pipeline: Pipeline, before: Iterable[Action]) -> dict[str, tuple[str, ...] | None]:
    """Return what can be referred to by namespace; None where that can't be told."""
    known: dict[str, tuple[str, ...] | None] = {**_RESERVED, "variables": pipeline.variables}
    for action in before:
        if action.namespace and action.namespace not in _RESERVED:
            known[action.namespace] = _outputs(service, action)
    return known


def _outputs(service: Service, action: Action) -> tuple[str, ...] | None:
    if action.provider != "CodeBuild":
        return OUTPUTS.get(action.provider, ())
    project = service.projects.get(action.configuration.at("ProjectName").text)
    buildspec = service.buildspec_of(project)[0] if project is not None else None
    return buildspec.env.exported_variables if buildspec else None


def _later(pipeline: Pipeline, known: Mapping[str, object]) -> set[str]:
    return {action.namespace for action in pipeline.actions} - known.keys() - {""}


def _texts(node: Node) -> Iterator[Node]:
    if isinstance(node.value, dict):
        for _, inner in node.entries():
            yield from _texts(inner)
    elif isinstance(node.value, list):
        for item in node.items():
            yield from _texts(item)
    elif isinstance(node.value, str):
        yield node


def _references(node: Node, known: Mapping[str, tuple[str, ...] | None], later: set[str]) -> Iterator[Problem]:
    for start in re.finditer(r"#\{", node.text):
        match = _REFERENCE.match(node.text, start.start())
        if match is None:
            shown = node.text[start.start() : start.start() + 30]
            yield node.problem(VARIABLES, f"'{shown}' is no reference to a variable", "write it as '#{Namespace.NAME}'")
            continue
        namespace, name = match["namespace"], match["name"]
        if namespace not in known:
            reason = "is set only later" if namespace in later else "no action before this one has"
            message = f"'{match[0]}' refers to the namespace '{namespace}', which {reason}"
            yield node.problem(VARIABLES, message, did_you_mean(namespace, known))
            continue
        names = known[namespace]
        if names is not None and name not in names:
            what = "the pipeline declares no such variable" if namespace == "variables" else "nothing sets that there"
            yield node.problem(VARIABLES, f"'{match[0]}' can't be resolved: {what}", did_you_mean(name, names))
