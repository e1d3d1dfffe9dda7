"""CodeBuild projects: who they run as, for how long, what they write down, and what starts those with a webhook."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.errors import Problem
from pipeline_builder.manifest.quotas import LONGEST_BUILD, SHORTEST_BUILD
from pipeline_builder.service.cloudformation.checks.view import Node, Service

PROJECTS = "PB634"
_FILTERS = ("EVENT", "ACTOR_ACCOUNT_ID", "HEAD_REF", "BASE_REF", "FILE_PATH", "COMMIT_MESSAGE", "TAG_NAME",
            "RELEASE_NAME", "REPOSITORY_NAME", "ORGANIZATION_NAME", "WORKFLOW_NAME")  # fmt: skip


def check_projects(service: Service) -> Iterator[Problem]:
    """Check every project's settings, and the buildspecs that stand in the template."""
    for name, project in service.projects.items():
        yield from service.buildspec_of(project)[1]
        yield from _safety(service, name, project)
        yield from _logs(service, name, project)
        yield from _source(service, name, project)
        for group in project.at("Triggers", "FilterGroups").items():
            yield from _filters(name, group)


def _has_factories(project: Node) -> bool:
    """Tell whether it is the build that makes steps by functions of repositories, kept apart from it by namespaces."""
    variables = project.at("Environment", "EnvironmentVariables").items()
    known = {one.at("Name").text: one.at("Value").text for one in variables}
    return known.get("STAGE") == "build" and known.get("SMP_FACTORIES") == "allowed"


def _safety(service: Service, name: str, project: Node) -> Iterator[Problem]:
    privileged = project.at("Environment", "PrivilegedMode")
    if privileged.value is not None and privileged.text != "false" and not _has_factories(project):
        yield privileged.problem(PROJECTS, f"the project '{name}' is privileged: a build could take over its machine")
    image, puller = project.at("Environment", "Image"), project.at("Environment", "ImagePullCredentialsType")
    own = not image.text.startswith("aws/codebuild/")
    if own != (puller.text == "SERVICE_ROLE"):
        wanted = "'ImagePullCredentialsType: SERVICE_ROLE'" if own else "no 'ImagePullCredentialsType'"
        yield image.problem(PROJECTS, f"the project '{name}' can't pull the image {image.shown}", f"write {wanted}")
    role = project.at("ServiceRole")
    if role.text not in service.made("AWS::IAM::Role"):
        yield role.problem(PROJECTS, f"the project '{name}' has no role of the templates ('ServiceRole')")
    timeout = project.at("TimeoutInMinutes")
    if timeout.number is None or not SHORTEST_BUILD <= timeout.number <= LONGEST_BUILD:
        found = f"'TimeoutInMinutes' of the project '{name}' is {timeout.shown}"
        message = f"{found}, expected {SHORTEST_BUILD} to {LONGEST_BUILD}"
        yield timeout.problem(PROJECTS, message)
    keys = {pipeline.node.at("ArtifactStore", "EncryptionKey", "Id").text for pipeline in service.pipelines} - {""}
    key = project.at("EncryptionKey")
    if keys and key.text not in keys:
        found = "has no 'EncryptionKey'" if key.value is None else "has another 'EncryptionKey'"
        yield key.problem(
            PROJECTS, f"the project '{name}' {found}, and the pipeline's artifacts are encrypted with one"
        )


def _logs(service: Service, name: str, project: Node) -> Iterator[Problem]:
    logs = project.at("LogsConfig", "CloudWatchLogs")
    groups = service.made("AWS::Logs::LogGroup")
    group = groups.get(logs.at("GroupName").text)
    if logs.at("Status").text != "ENABLED" or group is None:
        message = f"the project '{name}' doesn't log to a group of the templates ('LogsConfig')"
        yield logs.at("GroupName").problem(PROJECTS, message, did_you_mean(logs.at("GroupName").text, groups))
    elif group.at("Properties", "RetentionInDays").number is None:
        yield group.problem(PROJECTS, f"the log group '{group.id}' keeps logs for ever ('RetentionInDays')", key=True)


def _source(service: Service, name: str, project: Node) -> Iterator[Problem]:
    kind, location = project.at("Source", "Type"), project.at("Source", "Location")
    called = {
        action.configuration.at("ProjectName").text for pipeline in service.pipelines for action in pipeline.actions
    }
    if kind.text == "CODEPIPELINE" and name not in called:
        yield kind.problem(PROJECTS, f"the project '{name}' waits for a pipeline, and no action runs it")
    if kind.text not in ("CODEPIPELINE", "NO_SOURCE") and not location.text:
        yield location.problem(PROJECTS, f"the project '{name}' doesn't say where its source is ('Location')")
    if re.search(r"://[^/@\s]+@", location.text):
        yield location.problem(PROJECTS, f"the source of the project '{name}' has a login in its address")


def _filters(name: str, group: Node) -> Iterator[Problem]:
    if "EVENT" not in [node.at("Type").text for node in group.items()]:
        yield group.problem(
            PROJECTS, f"a webhook filter of the project '{name}' names no EVENT: it matches all of them"
        )
    for node in group.items():
        if node.at("Type").text not in _FILTERS:
            message = f"{node.at('Type').shown} is no filter of a webhook"
            yield node.at("Type").problem(PROJECTS, message, did_you_mean(node.at("Type").text, _FILTERS))
        try:
            re.compile(node.at("Pattern").text)
        except re.error as error:
            message = f"the pattern {node.at('Pattern').shown} is no regular expression: {error}"
            yield node.at("Pattern").problem(PROJECTS, message)
