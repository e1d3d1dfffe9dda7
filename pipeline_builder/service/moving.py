"""What a deployment would leave behind: all that lies below the prefix that the deployed service has."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.prefix import NAME
from pipeline_builder.errors import InputProblems
from pipeline_builder.service.cloudformation.evaluation.document import load_template


def describe_move(deployed: str, wanted: str) -> tuple[str, ...]:
    """Say in a line that the builds of a service get another prefix than they have; nothing of a stack without builds.

    A deployed template that can't be read here says nothing of it: whose it is, is told elsewhere.
    """
    try:
        old, new = prefix_of(deployed), prefix_of(wanted)
    except InputProblems:
        return ()
    if old is None or new is None or old == new:
        return ()
    line = (
        f"{NAME} was '{old}' and becomes '{new}': what lies below the old one isn't found any more, so nothing comes "
    )
    line += (
        "from the step cache and approvals have no evidence of before, unless it is copied first (docs/how-to/aws.md)"
    )
    return (line,)


def prefix_of(text: str) -> str | None:
    """Return the prefix that a template's builds are given, "" where they are given none; None without builds."""
    projects = [
        resource.properties.get("Environment")
        for resource in load_template(text, "service.yaml").resources.values()
        if resource.type == "AWS::CodeBuild::Project"
    ]
    return next((str(value) for value in map(_given, projects) if value), "") if projects else None


def _given(environment: JSON) -> JSON:
    return next((item.get("Value") for item in _variables(environment) if item.get("Name") == NAME), None)


def _variables(environment: JSON) -> Iterator[dict[str, JSON]]:
    variables = environment.get("EnvironmentVariables") if isinstance(environment, dict) else None
    yield from (item for item in variables if isinstance(item, dict)) if isinstance(variables, list) else ()
