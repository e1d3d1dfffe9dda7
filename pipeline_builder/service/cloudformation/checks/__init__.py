"""Checks of the rendered service where CloudFormation, and the linters of its templates, see nothing.

A rule is a function of the `Service` that yields problems with places in the rendered text. They are written out below;
what each id means is in problems.yaml.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from pipeline_builder.errors import InputProblems, Problem, hide_lines, sort_problems
from pipeline_builder.service.cloudformation.checks.access import check_access
from pipeline_builder.service.cloudformation.checks.actions import check_actions
from pipeline_builder.service.cloudformation.checks.builds import check_projects
from pipeline_builder.service.cloudformation.checks.environment import check_environments
from pipeline_builder.service.cloudformation.checks.events import check_events
from pipeline_builder.service.cloudformation.checks.names import check_names
from pipeline_builder.service.cloudformation.checks.schedules import check_schedules
from pipeline_builder.service.cloudformation.checks.secrets import check_secrets
from pipeline_builder.service.cloudformation.checks.size import check_size
from pipeline_builder.service.cloudformation.checks.storage import check_data, check_logs, check_tags
from pipeline_builder.service.cloudformation.checks.structure import check_artifacts, check_stages, check_triggers
from pipeline_builder.service.cloudformation.checks.telling import check_telling
from pipeline_builder.service.cloudformation.checks.variables import check_references
from pipeline_builder.service.cloudformation.checks.view import Service, make_service
from pipeline_builder.service.cloudformation.checks.waiting import check_waiting
from pipeline_builder.service.cloudformation.evaluation.buildspec import PLAINTEXT, Buildspec
from pipeline_builder.service.cloudformation.evaluation.document import Template
from pipeline_builder.service.cloudformation.evaluation.evaluation import resolve_template
from pipeline_builder.service.cloudformation.evaluation.physical import Home
from pipeline_builder.stacks.stacks import STORAGE_OUTPUTS

RULES: tuple[Callable[[Service], Iterator[Problem]], ...] = (
    check_names,
    check_stages,
    check_triggers,
    check_actions,
    check_artifacts,
    check_references,
    check_projects,
    check_environments,
    check_schedules,
    check_events,
    check_waiting,
    check_telling,
    check_access,
    check_secrets,
    check_tags,
    check_data,
    check_logs,
    check_size,
)
_ACCOUNT, _REGION = "123456789012", "eu-central-1"


def check_service(
    templates: Mapping[str, Template], buildspec: Buildspec, parameters: Mapping[str, str] | None = None
) -> tuple[Problem, ...]:
    """Return every problem of the rendered templates, in the order in which their stacks are made.

    Parameters have the values that are given, those of the outputs of stacks before, or their defaults.
    """
    resolved: dict[Home, Template] = {}
    handed = dict(parameters or {})
    problems: list[Problem] = []
    for label, template in templates.items():
        home = Home(account=_ACCOUNT, region=_REGION, stack=label.rsplit(".", 1)[0])
        try:
            # What a template that can't be worked out would hand on is no problem of its own.
            missing = _stand_ins(template) if problems else {}
            found = resolve_template(template, {**missing, **_values(template, handed)}, home)
        except InputProblems as error:
            problems += error.problems
            continue
        resolved[home] = found
        handed = {**_outputs(found), **handed}
    if problems:
        return sort_problems(problems)
    service = make_service(resolved, buildspec)
    return _without_secrets([problem for rule in RULES for problem in rule(service)])


def _without_secrets(problems: list[Problem]) -> tuple[Problem, ...]:
    """Of a secret one problem is enough, the first one knows it best; the text of its line is shown by none."""
    secrets: dict[tuple[str, int], Problem] = {}
    for problem in problems:
        if problem.id == PLAINTEXT and problem.place:
            secrets.setdefault((problem.place.file, problem.place.line), problem)
    kept = [problem for problem in problems if problem.id != PLAINTEXT] + list(secrets.values())
    return sort_problems(hide_lines(kept, secrets.values()))


def _values(template: Template, handed: Mapping[str, str]) -> dict[str, str]:
    wanted = {
        name: name if name in handed else STORAGE_OUTPUTS.get(name, name) for name in template.section("Parameters")
    }
    return {name: handed[source] for name, source in wanted.items() if source in handed}


def _stand_ins(template: Template) -> dict[str, str]:
    parameters = template.section("Parameters").items()
    return {name: name.lower() for name, entry in parameters if isinstance(entry, dict) and "Default" not in entry}


def _outputs(template: Template) -> dict[str, str]:
    return {
        name: str(output["Value"])
        for name, output in template.section("Outputs").items()
        if isinstance(output, dict) and "Value" in output
    }
