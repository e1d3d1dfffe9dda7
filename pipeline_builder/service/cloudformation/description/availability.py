"""What of the manifest the Region of the service can't have: services that it lacks, names of other partitions."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pipeline_builder.errors import Place, Problem
from pipeline_builder.manifest.addresses import parse_address
from pipeline_builder.manifest.manifest import Manifest, Repo
from pipeline_builder.regions.hosts import ecr_image
from pipeline_builder.regions.partitions import partition_of
from pipeline_builder.regions.services import AS_OF, REGIONS, SERVICES, find_lack
from pipeline_builder.service.cloudformation.description.hosts import stands_still

_ELSEWHERE = "deploy the service to another Region (SMP_REGION)"
_HINTS = {
    "codecommit": "use another trigger, or deploy the service to another Region (SMP_REGION)",
    "codeconnections": "a source of the kind 'codecommit' or 's3', and the trigger 'codecommit' or 'poll', need none",
    "chatbot": "leave the channel out; mails go everywhere",
    "codeartifact": "name the Region of the domain, 'region', or another index by PIP_INDEX_URL of 'environment'",
}
_TYPES = {service.type: name for name, service in SERVICES.items() if service.type}
_ARN = re.compile(r"arn:(?P<partition>[^:]+):")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Need:
    """A service, what needs it in words, and where the manifest asks for that."""

    service: str
    what: str
    place: Place | None


def find_regional(manifest: Manifest, region: str, given: Mapping[str, str]) -> tuple[Problem, ...]:
    """Return what the Region can't have, each with its place: problems where it is certain, warnings otherwise.

    `given` are settings from outside of the manifest that may be ARNs, by their names.
    """
    return (
        *_unknown(region, manifest.service_place, "what it lacks can't be told"),
        *(problem for need in _needs(manifest) if (problem := _lack(need, region))),
        *_index(manifest, region),
        *_foreign(manifest, region, given),
    )


def find_untold(resources: Iterable[tuple[str, object]], manifest: Manifest, region: str) -> tuple[Problem, ...]:
    """Return what the Region lacks of rendered resources, but for what `find_regional` says of the manifest.

    `resources` are their types and bodies.
    """
    told = {need.service for need in _needs(manifest)}
    found = {name for kind, body in resources for name in _of_resource(kind, body)}
    needs = (_Need(service=name, what="the service", place=manifest.service_place) for name in sorted(found - told))
    return tuple(problem for need in needs if (problem := _lack(need, region)))


def _of_resource(kind: str, body: object) -> Iterator[str]:
    if kind in _TYPES:
        yield _TYPES[kind]
    # Its compute type can be a parameter of the template, its environment type is none.
    if kind == "AWS::CodeBuild::Project" and "LAMBDA_CONTAINER" in str(body):
        yield "codebuild-lambda"


def _unknown(region: str, place: Place | None, so: str) -> Iterator[Problem]:
    if region in REGIONS:
        return
    near = difflib.get_close_matches(region, sorted(REGIONS), n=1)
    message = f"the Region '{region}' is none that is known, as of {AS_OF}; {so}"
    hint = f"did you mean '{near[0]}'" if near else "is SMP_REGION right?"
    yield Problem(id="PB760", message=message, place=place, hint=hint, warning=True)


def _needs(manifest: Manifest) -> Iterator[_Need]:
    for service in ("codepipeline", "codebuild", "events", "sagemaker"):
        yield _Need(service=service, what="the service", place=manifest.service_place)
    if manifest.service.notifications:
        yield _Need(service="chatbot", what="'notifications'", place=manifest.at_service("notifications"))
    if manifest.service.source.kind in _BY_KIND:
        what = "the source of the service"
        yield _Need(service=_BY_KIND[manifest.service.source.kind], what=what, place=manifest.service_place)
    for repo in manifest.repos:
        if not (parse_address(repo.url).relative or stands_still(repo.revision, repo.trigger.kind)):
            yield from _needs_of(repo, manifest.service.connection)
    for schedule in manifest.schedules:
        what = f"the schedule '{schedule.section.name}'"
        yield _Need(service="scheduler", what=what, place=schedule.place)


_BY_KIND = {"connection": "codeconnections", "codecommit": "codecommit", "poll": "scheduler"}


def _needs_of(repo: Repo, shared: str | None) -> Iterator[_Need]:
    kind = repo.trigger.kind
    if kind == "webhook" and (repo.trigger.connection or shared):
        kind = "connection"
    if repo.credentials and repo.credentials.kind == "connection":
        what = f"what opens the repository '{repo.name}'"
        yield _Need(service="codeconnections", what=what, place=repo.place)
    if kind in _BY_KIND:
        what = f"the trigger of '{repo.name}'"
        yield _Need(service=_BY_KIND[kind], what=what, place=repo.trigger_place or repo.place)


def _lack(need: _Need, region: str) -> Problem | None:
    found = find_lack(need.service, region)
    if found is None:
        return None
    title = found.service.title
    why = f"there is none in {found.partition}" if found.certain else f"it was not there in {AS_OF}"
    message = f"{need.what} needs {title} in '{region}', and {why}"
    hint = _HINTS.get(need.service, _ELSEWHERE)
    return Problem(id="PB761", message=message, place=need.place, hint=hint, warning=not found.certain)


def _index(manifest: Manifest, region: str) -> Iterator[Problem]:
    """The index of the builds is in the service's Region, or in another one of its partition."""
    if index := manifest.service.codeartifact:
        place = manifest.at_service("codeartifact")
        its, home = index.region or region, partition_of(region).name
        need = _Need(service="codeartifact", what="'codeartifact'", place=place)
        if partition_of(its).name != home:
            yield _abroad(f"the Region '{its}' of 'codeartifact'", partition_of(its).name, region, place)
        elif its not in REGIONS and index.region:
            yield from _unknown(its, place, "its packages may not be found")
        elif problem := _lack(need, its):
            yield problem


def _foreign(manifest: Manifest, region: str, given: Mapping[str, str]) -> Iterator[Problem]:
    """Nothing in one partition reaches into another: no role, key, connection or image of it can be used."""
    home = partition_of(region).name
    for what, text, place in _named(manifest, given):
        match, image = _ARN.match(text), ecr_image(text)
        partition = match["partition"] if match else partition_of(image.region).name if image else home
        if partition != home:
            yield _abroad(f"{what} '{text}'", partition, region, place)


def _abroad(what: str, partition: str, region: str, place: Place | None) -> Problem:
    home = partition_of(region).name
    message = f"{what} is in the partition '{partition}', and the service goes to '{region}' ({home})"
    return Problem(id="PB762", message=message, place=place, hint=f"name one of '{home}', or correct SMP_REGION")


def _named(manifest: Manifest, given: Mapping[str, str]) -> Iterable[tuple[str, str, Place | None]]:
    service, where = manifest.service, manifest.service_place
    yield "the connection", service.source.connection or service.connection or "", where
    yield "the key", service.encryption, where
    yield "the permissions boundary", service.permissions_boundary or "", where
    yield "the image", service.image, where
    for name, variable in service.environment.items():
        yield f"the secret of '{name}'", variable.secret, manifest.at_service("environment")
    for repo in manifest.repos:
        yield "the connection", repo.trigger.connection or "", repo.trigger_place
        yield "the connection", repo.credentials.name if repo.credentials else "", repo.place
    for name, value in given.items():
        yield name, value, None
