"""Render: from a workspace to the templates of the service on AWS, with everything that they need to be deployed."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from pipeline_builder.definition.roles import made_roles
from pipeline_builder.documents.prefix import read_prefix
from pipeline_builder.documents.source import load_yaml
from pipeline_builder.documents.values import LOCAL_DEFAULTS, build_settings
from pipeline_builder.errors import InputProblems, Problem, sort_problems
from pipeline_builder.machine.streams import write_file
from pipeline_builder.manifest.addresses import parse_address
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.manifest.surroundings import reached_by_builds_alone
from pipeline_builder.opened import Opened
from pipeline_builder.regions.partitions import partition_of
from pipeline_builder.service.cloudformation.access.listing import Names, render_policies
from pipeline_builder.service.cloudformation.access.people import people
from pipeline_builder.service.cloudformation.access.roles import Facts, build_access, service_facts
from pipeline_builder.service.cloudformation.checks import check_service
from pipeline_builder.service.cloudformation.checks.telling import UNHEARD
from pipeline_builder.service.cloudformation.description.availability import find_regional, find_untold
from pipeline_builder.service.cloudformation.description.firing import next_firing
from pipeline_builder.service.cloudformation.description.lasting import touched_problems
from pipeline_builder.service.cloudformation.description.model import Place, ServiceModel, build_model
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
from pipeline_builder.service.prices import HOME, load_prices
from pipeline_builder.service.unwritten import not_written

BUILDSPEC = "buildspec.yml"
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_OF_AWS = ("PB603", "PB761", "PB762")
"""What a rehearsal has all the same: repositories of this machine, services that a Region lacks."""
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}", re.ASCII)


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
    manifest = opened.manifest
    values = aws_values(manifest, opened.workspace.values)
    composing = Opened(replace(opened.workspace, values=values, target="aws"), warn=opened.warn)
    place = _place(opened, values, composing.composed.definition.pipeline)
    model, problems = build_model(manifest, place)
    problems = (*problems, *_buildspec_problems(opened), *_unreachable(opened))
    if not checked:
        # Whoever only rehearses does it on this machine.
        problems = tuple(replace(found, warning=True) if found.id in _OF_AWS else found for found in problems)
    if any(not problem.warning for problem in problems):
        raise InputProblems(*problems)
    facts = _facts(model, manifest, composing)
    if lost := tuple(touched_problems(model, facts.definition, manifest)):
        raise InputProblems(*lost)
    for problem in sort_problems((*problems, *facts.definition.warnings)):
        opened.warn(problem)
    for problem in not_written(manifest) if checked else ():
        opened.warn(problem)
    if checked and model.triggers.unlooked:
        opened.warn(dear_polling(model, manifest))
    made = composing.composed.definition.made
    model = replace(model, roles=build_access(facts), people=tuple(people(facts).values()), made=made)
    files = {**render_templates(model), BUILDSPEC: buildspec_path(opened).read_text("utf-8")}
    if checked:
        _check(opened, files, parameter_values(model), model.telling)
    firings = next_firings(model, now)
    for schedule in (schedule for schedule in manifest.schedules if firings.get(schedule.section.name, now) is None):
        message = f"the schedule '{schedule.section.name}' never fires"
        opened.warn(Problem(id="PB618", message=message, place=schedule.at("cron"), warning=True))
    return Rendered(model=model, files=files, parameters=parameter_values(model), firings=firings)


def render_parts(opened: Opened) -> Rendered:
    """Return the service without its roles, which alone need the model repositories: what is in it, for its costs.

    Raises:
        InputProblems: PB601 to PB618, every problem of the service's section.
    """
    manifest = opened.manifest
    place = _place(opened, aws_values(manifest, opened.workspace.values), manifest.service.name)
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
    if manifest.service_place is None or "SMP_REGION" not in values:
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


def aws_values(manifest: Manifest, values: Mapping[str, str]) -> dict[str, str]:
    """Return the values that builds on AWS have: what the service makes stands for what nobody has set.

    Raises:
        InputProblems: PB616 where account, Region or a given role are not AWS's.
    """
    service = manifest.service
    account, region = values.get("SMP_ACCOUNTID", "").strip(), values.get("SMP_REGION", "").strip()
    problems = list(_value_problems(account, region))
    bucket = _given(values, "SMP_S3BUCKETNAME") or f"{service.name}-{account}-{region}"
    role = f"arn:{partition_of(region).name}:iam::{account}:role/{service.name}-execution"
    if service.execution_role == "given":
        role = _given(values, "SMP_ROLE")
        if not re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", role, re.ASCII):
            message = f"SMP_ROLE is '{role}', and the service is to use it as execution role ('execution_role: given')"
            hint = "set SMP_ROLE to the role's ARN in the environment or in .env"
            problems.append(Problem(id="PB616", message=message, place=manifest.service_place, hint=hint))
    if problems:
        raise InputProblems(*problems)
    own = service.execution_role == "per-repository"
    jobs = made_roles(service.name, account=account, region=region) if own else role
    return {**values, "SMP_S3BUCKETNAME": bucket, "SMP_ROLE": role, "SMP_JOBROLES": jobs, "SMP_TARGET": "aws"}


def _given(values: Mapping[str, str], name: str) -> str:
    """Return a value that somebody has set; the local target's own are nobody's."""
    value = values.get(name, "").strip()
    return "" if value == LOCAL_DEFAULTS[name] else value


def _value_problems(account: str, region: str) -> Iterator[Problem]:
    if not _ACCOUNT.fullmatch(account) or account == LOCAL_DEFAULTS["SMP_ACCOUNTID"]:
        message = f"SMP_ACCOUNTID is '{account}', expected the twelve digits of the account that the service goes to"
        hint = "set SMP_ACCOUNTID in the environment or in .env; with --target aws it is that of the credentials"
        yield Problem(id="PB616", message=message, hint=hint)
    if not _REGION.fullmatch(region):
        message = f"SMP_REGION is '{region}', expected the Region that the service goes to, such as 'eu-central-1'"
        hint = "set SMP_REGION in the environment or in .env; with --target aws it is that of the profile"
        yield Problem(id="PB616", message=message, hint=hint)


def buildspec_path(opened: Opened) -> Path:
    """Return where the buildspec is: CodeBuild looks for it at the root of the repository."""
    return repository_root(opened.workspace.root) / BUILDSPEC


def repository_root(folder: Path) -> Path:
    """Return the root of the git repository that the folder is in; the folder itself where it is in none."""
    return next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), folder)


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
    """A path is taken from what AWS has fetched of this repository: no other folder of this machine is there."""
    folder = opened.workspace.root.absolute()
    root = repository_root(folder)
    for repo in opened.manifest.repos:
        path = Path(os.path.normpath(folder / repo.url))
        if parse_address(repo.url).relative and not path.is_relative_to(root):
            message = f"the repository '{repo.name}' is outside of this one, where builds on AWS can't fetch it"
            hint = "give it an https or ssh url for AWS, or 'enabled: false'"
            yield Problem(id="PB603", message=message, place=repo.place, hint=hint)


def _place(opened: Opened, values: Mapping[str, str], pipeline: str) -> Place:
    workspace = opened.workspace
    return Place(
        account=values["SMP_ACCOUNTID"].strip(),
        region=values["SMP_REGION"].strip(),
        pipeline=pipeline,
        bucket=values["SMP_S3BUCKETNAME"],
        role=values["SMP_ROLE"],
        prefix=read_prefix(values),
        manifest=workspace.manifest_path.relative_to(repository_root(workspace.root)).as_posix(),
        kms_key=values.get("SMP_KMSKEY", "").strip(),
        subnets=values.get("SMP_SUBNETS", "").strip(),
        security_groups=values.get("SMP_SECURITYGROUPS", "").strip(),
    )


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
