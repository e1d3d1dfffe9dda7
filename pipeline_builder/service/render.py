"""Render: from a workspace to the templates of the service on AWS, with everything that they need to be deployed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from pipeline_builder.documents.source import load_yaml
from pipeline_builder.documents.values import build_settings
from pipeline_builder.errors import InputProblems, Problem, sort_problems
from pipeline_builder.machine.streams import write_file
from pipeline_builder.manifest.addresses import parse_address
from pipeline_builder.manifest.cron import next_firing
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.manifest.surroundings import reached_by_builds_alone
from pipeline_builder.opened import Opened
from pipeline_builder.service.account import aws_values, place_of, repository_root
from pipeline_builder.service.cloudformation.access.listing import Names, render_policies
from pipeline_builder.service.cloudformation.access.people import people
from pipeline_builder.service.cloudformation.access.roles import (
    Facts,
    build_access,
    further_access,
    service_facts,
)
from pipeline_builder.service.cloudformation.checks import check_service
from pipeline_builder.service.cloudformation.checks.telling import UNHEARD
from pipeline_builder.service.cloudformation.description.availability import find_regional, find_untold
from pipeline_builder.service.cloudformation.description.lasting import several_problems, touched_problems
from pipeline_builder.service.cloudformation.description.lateness import late_problems
from pipeline_builder.service.cloudformation.description.model import ServiceModel, build_model
from pipeline_builder.service.cloudformation.description.starting import kept_problems
from pipeline_builder.service.cloudformation.description.telling import Telling
from pipeline_builder.service.cloudformation.evaluation.buildspec import parse_buildspec
from pipeline_builder.service.cloudformation.evaluation.document import Template, load_template
from pipeline_builder.service.cloudformation.rendering.rendering import (
    SERVICE,
    STORAGE,
    parameter_values,
    render_templates,
)
from pipeline_builder.service.costs import Parts, Use, month_of, size_of
from pipeline_builder.service.further import main_problems, with_further
from pipeline_builder.service.prices import HOME, load_prices
from pipeline_builder.service.startable import find_unstartable
from pipeline_builder.service.unwritten import not_written

BUILDSPEC = "buildspec.yml"
_OF_AWS = ("PB603", "PB761", "PB762")
"""What a rehearsal has all the same: repositories of this machine, services that a Region lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The service as it would be deployed: its model, and the files by name.

    `parameters` are those of the service's stack: what the storage stack's outputs say goes into `ArtifactBucket` and,
    where there is one, `KeyArn`. `firings` has by schedule when it fires next, None for never.
    """

    model: ServiceModel
    files: Mapping[str, str]
    parameters: Mapping[str, str]
    firings: Mapping[str, datetime | None]

    @property
    def storage(self) -> str:
        return self.files[STORAGE]

    @property
    def service(self) -> str:
        return self.files[SERVICE]


def render(opened: Opened, *, now: datetime, checked: bool = True) -> Rendered:
    """Return the rendered service; the definition is composed with the values that builds on AWS have.

    The files don't depend on the time `now` (with a zone), only what is said about schedules does. `checked` holds them
    against the rules of the services.

    Raises:
        InputProblems: PB601 to PB618, every problem of the service; what composing, access and the checks find.
    """
    manifest = opened.manifest.narrowed("")
    values = aws_values(manifest, opened.workspace.values)
    workspace = replace(opened.workspace.narrowed(""), values=values, target="aws")
    composing = Opened(workspace, warn=opened.warn, manifest=manifest if manifest.pipelines[1:] else None)
    place = place_of(opened, values, composing.composed.definition.pipeline)
    model, problems = build_model(manifest, place)
    unstartable = find_unstartable(composing.composed)
    problems = (*problems, *_buildspec_problems(opened), *_unreachable(opened), *main_problems(manifest), *unstartable)
    if not checked:
        # Whoever only rehearses does it on this machine.
        problems = tuple(replace(found, warning=True) if found.id in _OF_AWS else found for found in problems)
    if any(not problem.warning for problem in problems):
        raise InputProblems(*problems)
    facts = _facts(model, manifest, composing)
    model, facts = with_further(opened, model, facts)
    if lost := tuple(_lost(model, manifest, facts)):
        raise InputProblems(*lost)
    for problem in sort_problems((*problems, *facts.definition.warnings, *late_problems(model, manifest))):
        opened.warn(problem)
    for problem in not_written(manifest) if checked else ():
        opened.warn(problem)
    if checked and model.triggers.unlooked:
        opened.warn(dear_polling(model, manifest))
    made = composing.composed.definition.made
    model = replace(model, roles=build_access(facts), people=tuple(people(facts).values()), made=made)
    model = replace(model, further=tuple(map(_with_roles, model.further, facts.further)))
    files = {**render_templates(model), BUILDSPEC: buildspec_path(opened).read_text("utf-8")}
    if checked:
        _check(opened, files, parameter_values(model), model.telling)
    firings = next_firings(model, now)
    for schedule in (schedule for schedule in manifest.schedules if firings.get(schedule.section.name, now) is None):
        message = f"the schedule '{schedule.section.name}' never fires"
        opened.warn(Problem(id="PB618", message=message, place=schedule.at("cron"), warning=True))
    return Rendered(model=model, files=files, parameters=parameter_values(model), firings=firings)


def _lost(model: ServiceModel, manifest: Manifest, facts: Facts) -> Iterator[Problem]:
    """Yield what time would take of what steps write, and what would start itself by what it writes."""
    yield from several_problems(model, manifest)
    for one in (facts, *facts.further):
        yield from touched_problems(model, one.definition, manifest)
        narrowed = manifest.narrowed(one.handle)
        yield from kept_problems(one, narrowed, model.place.bucket)


def _with_roles(one: ServiceModel, facts: Facts) -> ServiceModel:
    return replace(one, roles=further_access(facts))


def render_parts(opened: Opened) -> Rendered:
    """Return the service without its roles, which alone need the model repositories: what is in it, for its costs.

    Raises:
        InputProblems: PB601 to PB618, every problem of the service's section.
    """
    manifest = opened.manifest
    place = place_of(opened, aws_values(manifest, opened.workspace.values), manifest.service.name)
    model, problems = build_model(manifest, place)
    # The pipeline's name is none yet, so whether it is another's place can't be said.
    problems = tuple(found for found in problems if found.id != "PB614")
    if any(not problem.warning for problem in problems):
        raise InputProblems(*problems)
    for problem in (*sort_problems(problems), *not_written(manifest)):
        opened.warn(problem)
    if model.triggers.unlooked:
        opened.warn(dear_polling(model, manifest))
    return Rendered(model=model, files=render_templates(model), parameters=parameter_values(model), firings={})


def dear_polling(model: ServiceModel, manifest: Manifest) -> Problem:
    """Say that builds look at the polled repositories, because of one that a function can't ask, and what it costs."""
    first = next(repo for repo in manifest.repos if repo.name in model.triggers.unlooked)
    minutes, compute = model.service.poll_minutes, size_of(model.service.compute)
    polling = Parts(repositories=1, sources=0, builds=0, machine=True, compute=compute, polled=1, poll_minutes=minutes)
    month = month_of(polling, Use(runs=0, hours=0, minutes=1, pushed=0), load_prices(HOME))
    others = f" (and {len(model.triggers.unlooked) - 1} more)" if len(model.triggers.unlooked) > 1 else ""
    message = (
        f"the repository '{first.name}'{others} is polled, and only a build can ask it: one every {minutes} minutes, "
        f"{month.of('polling'):.2f} USD a month ({HOME})"
    )
    hint = "give it an https url with a token in Secrets Manager, another trigger, or look more seldom (poll_minutes)"
    if reached_by_builds_alone(model.service.environment):
        hint = "the way out that 'environment' says is only the builds': give it another trigger, or look more seldom"
    return Problem(id="PB619", message=message, place=first.trigger_place or first.place, hint=hint, warning=True)


def _check(opened: Opened, files: Mapping[str, str], parameters: Mapping[str, str], telling: Telling) -> None:
    """Hold the templates and the buildspec against what the services would refuse, or take and not do."""
    templates = {name: load_template(files[name], name) for name in (STORAGE, SERVICE)}
    buildspec = parse_buildspec(files[BUILDSPEC], BUILDSPEC)
    problems = (
        *check_service(templates, buildspec, {key: value for key, value in parameters.items() if value}),
        *_untold(opened, templates[SERVICE]),
    )
    if any(not problem.warning for problem in problems):
        raise InputProblems(*problems)
    for problem in problems:
        # That nobody is to be told was said once, of the manifest.
        if problem.id != UNHEARD or telling.at_all("failure"):
            opened.warn(problem)


def _untold(opened: Opened, template: Template) -> tuple[Problem, ...]:
    resources = [(found.type, found.body) for found in template.resources.values()]
    return find_untold(resources, opened.manifest, opened.workspace.values.get("SMP_REGION", "").strip())


def regional(opened: Opened) -> tuple[Problem, ...]:
    """Return what the manifest's service asks for that the Region can't have; nothing where it has no service."""
    manifest, values = opened.manifest, opened.workspace.values
    if not manifest.has_service or "SMP_REGION" not in values:
        return ()
    given = {"SMP_KMSKEY": values.get("SMP_KMSKEY", "").strip()}
    return find_regional(manifest, values["SMP_REGION"].strip(), given)


def next_firings(model: ServiceModel, now: datetime) -> Mapping[str, datetime | None]:
    """Return by schedule when it fires next, None for never; without those of which that can't be told here."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    found: dict[str, datetime | None] = {}
    for timing in model.schedules:
        if timing.cron and timing.enabled:
            with contextlib.suppress(ZoneInfoNotFoundError):
                found[timing.name] = next_firing(timing.cron, ZoneInfo(timing.timezone), now)
    return found


def write_rendered(rendered: Rendered, folder: Path) -> Mapping[str, bool]:
    """Write the files, each whole or not at all; tell by name which of them have changed."""
    return {name: write_file(folder / name, text.encode()) for name, text in rendered.files.items()}


def render_access(model: ServiceModel) -> str:
    """Return the roles with their policies as JSON."""
    key = model.service.encryption if model.service.encryption.startswith("arn:") else ""
    names = Names(account=model.place.account, region=model.place.region, bucket=model.artifact_bucket, key=key)
    return render_policies((*model.roles, *model.people), names, prefix=model.name)


def buildspec_path(opened: Opened) -> Path:
    """Return where the buildspec is: CodeBuild looks for it at the root of the repository."""
    return repository_root(opened.workspace.root) / BUILDSPEC


def _buildspec_problems(opened: Opened) -> Iterator[Problem]:
    path = buildspec_path(opened)
    if not path.is_file():
        message = f"there is no '{BUILDSPEC}' at the root of the repository, '{path.parent}': builds would fail at once"
        yield Problem(id="PB617", message=message, hint="take the one that this project ships")
        return
    try:
        load_yaml(path, BUILDSPEC, "PB622")
    except InputProblems as error:
        yield from error.problems


def _unreachable(opened: Opened) -> Iterator[Problem]:
    """A path is taken from what AWS has fetched of this repository: no other repository of this machine is there."""
    folder = opened.workspace.root.absolute()
    root = repository_root(folder)
    for repo in opened.manifest.repos:
        path = Path(os.path.normpath(folder / repo.url))
        if not parse_address(repo.url).relative or _is_part(path, root):
            continue
        inside = path.is_relative_to(root)
        where = "a git repository of its own inside of this one" if inside else "outside of this one"
        message = f"the repository '{repo.name}' is {where}, where builds on AWS can't fetch it"
        hint = "give it an https or ssh url for AWS, or 'enabled: false'"
        yield Problem(id="PB603", message=message, place=repo.place, hint=hint)


def _is_part(path: Path, root: Path) -> bool:
    """Tell whether a commit of the repository at `root` has the files of a path, where `root` is one."""
    return path.is_relative_to(root) and (repository_root(path) == root or not (root / ".git").exists())


def _facts(model: ServiceModel, manifest: Manifest, composing: Opened) -> Facts:
    triggers = model.triggers
    return service_facts(
        manifest,
        composing.composed.definition,
        build_settings(composing.workspace.values),
        connections=[trigger.connection for trigger in triggers.connections],
        webhooks=[trigger.connection for trigger in triggers.webhooks] if triggers.webhooks else None,
        has_events=bool(triggers.events) or model.source.kind != "connection",
        has_polls=bool(triggers.polled),
        has_looks=triggers.looks,
        clones=model.source.clone,
    )
