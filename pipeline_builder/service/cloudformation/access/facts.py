"""What decides about access: the facts of a definition, and those of the service around it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pipeline_builder.dag.outline import flat_steps
from pipeline_builder.dag.packages import is_registered_approved
from pipeline_builder.definition.definition import Definition
from pipeline_builder.documents.schema import describe
from pipeline_builder.documents.values import Settings
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.manifest.service import ServiceSection
from pipeline_builder.service.cloudformation.access.addresses import Location, Pieces, find_addresses
from pipeline_builder.target import JSON

_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/(?P<repository>[^:@]+)(?:[:@].*)?"
)
_IMAGES = ("ImageUri", "TrainingImage", "Image")
_ROLES = ("RoleArn", "ExecutionRoleArn")
_KEYS = ("KmsKeyId", "VolumeKmsKeyId")
_SUBNETS, _GROUPS = "Subnets", "SecurityGroupIds"
# CreateX of each kind of step, the resource that it makes, and the member that names it.
_NAMES = {
    "Processing": ("processing-job", "ProcessingJobName"),
    "Training": ("training-job", "TrainingJobName"),
    "Transform": ("transform-job", "TransformJobName"),
    "Model": ("model", "ModelName"),
}
_WITHOUT_ACCESS = ("Condition", "Fail", "RegisterModel")
# What IAM takes in a policy, without control characters.
_UNFIT = re.compile(r"[^\u0020-\u007e\u00a0-\u00ff]|\{\{\s*resolve", re.IGNORECASE)


# Below the pipeline's name in its bucket: code by its hash, lists of files by theirs, and what each execution makes.
OWN_FOLDERS = ("code", "manifests", "executions")


@dataclass(frozen=True, slots=True, order=True)
class Image:
    """A repository of Amazon ECR."""

    region: str
    account: str
    repository: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionFacts:
    """What a definition's steps touch; `jobs` has by kind (`processing-job`, …) the names that steps ask for.

    `approves` says that a step registers models as Approved, which the judging stage takes back where the gate blocks.
    """

    pipeline: str
    groups: tuple[str, ...] = ()
    reads: tuple[Location, ...] = ()
    writes: tuple[Location, ...] = ()
    metrics: tuple[Location, ...] = ()
    listed: tuple[Location, ...] = ()
    images: tuple[Image, ...] = ()
    jobs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    approves: bool = False
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that decides about access.

    `secrets` are ids or ARNs of secrets with tokens, `connections` those of source actions, `webhooks` those of
    projects with webhooks; `clones` says that builds clone the manifest's repository themselves. `role` is the role in
    the definition, `bucket` the bucket for data where it isn't the artifact bucket, `key` that of jobs.
    """

    service: ServiceSection
    definition: DefinitionFacts
    secrets: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()
    webhooks: tuple[str, ...] = ()
    has_webhooks: bool = False
    has_events: bool = False
    has_polls: bool = False
    has_schedules: bool = False
    clones: bool = False
    role: str = ""
    bucket: str = ""
    key: str = ""


def service_facts(
    manifest: Manifest,
    definition: Definition,
    settings: Settings,
    *,
    connections: Iterable[str] = (),
    webhooks: Iterable[str] | None = None,
    has_events: bool = False,
    has_polls: bool = False,
    clones: bool = False,
) -> Facts:
    """Return the facts of a service.

    `connections` are those of source actions, `webhooks` the connections of projects with webhooks ('' for a project
    without one), None where there is no such project; the others say what the triggers are.

    Raises:
        InputProblems: PB641 for names that no policy can have in it.
    """
    service = manifest.service
    artifacts = f"{service.name}-{settings.account}-{settings.region}"
    secrets = (repo.credentials.partition(":") for repo in manifest.repos)
    hooks = tuple(webhooks) if webhooks is not None else None
    return Facts(
        service=service,
        definition=definition_facts(
            definition.pipeline,
            definition.content,
            bucket=settings.bucket,
            manifests=definition.manifests.values(),
            data=(uri for uris in definition.data.values() for uri in uris),
        ),
        secrets=tuple(sorted({name.partition("#")[0] for kind, _, name in secrets if kind == "secretsmanager"})),
        connections=tuple(sorted({text for text in connections if text})),
        webhooks=tuple(sorted({text for text in hooks or () if text})),
        has_webhooks=hooks is not None,
        has_events=has_events,
        has_polls=has_polls,
        has_schedules=bool(manifest.schedules),
        clones=clones,
        role=settings.role,
        bucket="" if settings.bucket == artifacts else settings.bucket,
        key=settings.kms_key,
    )


def definition_facts(
    pipeline: str, definition: bytes, *, bucket: str, manifests: Iterable[bytes] = (), data: Iterable[str] = ()
) -> DefinitionFacts:
    """Read out of a definition what its steps touch.

    `bucket` is the pipeline's own, `manifests` are the lists of data files that steps name, `data` the addresses that
    are listed before a run.

    Raises:
        InputProblems: PB641 for names that no policy can have in it.
    """
    document = json.loads(definition)
    steps = flat_steps(document.get("Steps"))
    parameters = {item["Name"]: item.get("DefaultValue") for item in document.get("Parameters", ())}
    found = tuple(find_addresses(steps, parameters))
    own = _Own(bucket, pipeline)
    members = list(_members(list(steps.values())))
    facts = DefinitionFacts(
        pipeline=pipeline,
        groups=_texts(members, ("ModelPackageGroupName",)),
        reads=own.places(*(f.location for f in found if not f.written), *_listed(manifests)),
        writes=own.places(*(f.location for f in found if f.written)),
        metrics=own.places(*(f.location for f in found if f.metrics)),
        listed=own.places(*(_place(address) for address in data), shared=False),
        images=tuple(sorted({image for text in _texts(members, _IMAGES) if (image := read_image(text))})),
        jobs={kind: tuple(sorted(names)) for kind, names in _job_names(steps).items()},
        roles=_texts(members, _ROLES),
        keys=_texts(members, _KEYS),
        subnets=_texts(members, (_SUBNETS,)),
        security_groups=_texts(members, (_GROUPS,)),
        approves=any(is_registered_approved(step) for step in steps.values()),
        warnings=(*_unknown_kinds(steps), *(_untold(f.step, f.text) for f in found if f.location is None)),
    )
    if problems := tuple(_unfit(facts)):
        raise InputProblems(*problems)
    return facts


@dataclass(frozen=True, slots=True)
class _Own:
    """The pipeline's own bucket, and the folders in it where names are made anew with each build or run."""

    bucket: str
    pipeline: str

    def places(self, *found: Location | None, shared: bool = True) -> tuple[Location, ...]:
        """Return the locations; those in one of the folders are that folder: what stands there today is another's name
        tomorrow.
        """
        places = set()
        for place in found:
            if place is not None:
                places.add(self._shared(place) if shared else self._named(place))
        return tuple(sorted(places))

    def _named(self, place: Location) -> Location:
        return Location("" if place.bucket == self.bucket else place.bucket, place.pieces)

    def _shared(self, place: Location) -> Location:
        first = place.pieces[0]
        for folder in OWN_FOLDERS:
            base = f"{self.pipeline}/{folder}/"
            if place.bucket == self.bucket and first.startswith(base):
                return Location("", (base, ""))
        return self._named(place)


def _place(address: str) -> Location:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return Location(bucket, (key,))


def _unknown_kinds(steps: Mapping[str, JSON]) -> Iterator[Problem]:
    for name, step in steps.items():
        kind = str(step.get("Type")) if isinstance(step, dict) else ""
        if kind not in _NAMES and kind not in _WITHOUT_ACCESS:
            message = f"what the step '{name}' of the type {kind} needs is not known, so no role gets it"
            hint = "make the execution role yourself ('execution_role: given')"
            yield Problem(id="PB642", message=message, hint=hint, warning=True)


def _untold(step: str, text: str) -> Problem:
    message = f"step '{step}': where '{text}' leads is known only when it runs, so no role gets access to it"
    hint = "write the bucket itself, give the parameter a default, or make the execution role yourself"
    return Problem(id="PB642", message=message, hint=hint, warning=True)


def _listed(manifests: Iterable[bytes]) -> Iterator[Location]:
    """Yield the place of every file in the lists."""
    for content in manifests:
        first, *names = json.loads(content)
        bucket, _, folder = first["prefix"].removeprefix("s3://").partition("/")
        yield from (Location(bucket, (f"{folder}{name}",)) for name in names)


def _members(value: JSON) -> Iterator[tuple[str, JSON]]:
    """Yield every member of every mapping below a value; each item of a list under the name of the list."""
    if isinstance(value, list):
        for item in value:
            yield from _members(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            for one in item if isinstance(item, list) else [item]:
                yield key, one
            yield from _members(item)


def _texts(members: list[tuple[str, JSON]], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({value for name, value in members if name in names and isinstance(value, str) and value}))


def read_image(text: str) -> Image | None:
    """Return the repository of an image's address; None for one that isn't in Amazon ECR."""
    match = _ECR.fullmatch(text)
    return Image(match["region"], match["account"], match["repository"]) if match else None


def _job_names(steps: Mapping[str, JSON]) -> dict[str, set[str]]:
    """Return by kind of resource the names that steps give; the service's own begin with `pipelines-`."""
    found: dict[str, set[str]] = {}
    for step in steps.values():
        kind = step.get("Type") if isinstance(step, dict) else None
        if not isinstance(step, dict) or not isinstance(kind, str) or kind not in _NAMES:
            continue
        resource, member = _NAMES[kind]
        arguments = step.get("Arguments")
        name = arguments.get(member) if isinstance(arguments, dict) else None
        names = found.setdefault(resource, set())
        if isinstance(name, str) and name:
            names.add(name)
        elif isinstance(name, dict):
            names.add("")  # only a run knows it
    return found


def _unfit(facts: DefinitionFacts) -> Iterator[Problem]:
    """IAM takes Latin-1 only, and CloudFormation resolves `{{resolve:…}}` wherever it stands: no escape helps."""
    locations = [("address", "s3://" + _shown(place)) for place in (*facts.reads, *facts.writes)]
    others = [("group", name) for name in facts.groups]
    others += [("image", image.repository) for image in facts.images]
    others += [("role", name) for name in facts.roles] + [("key", name) for name in facts.keys]
    others += [("network", name) for name in (*facts.subnets, *facts.security_groups)]
    others += [("job", name) for names in facts.jobs.values() for name in names]
    for kind, text in dict.fromkeys((*locations, *others)):
        if _UNFIT.search(text):
            message = f"the {kind} {describe(text)} can't stand in a policy of IAM"
            hint = "write it without control characters, letters beyond Latin-1, and '{{resolve:'"
            yield Problem(id="PB641", message=message, hint=hint)


def _shown(place: Location) -> str:
    pieces: Pieces = place.pieces
    return f"{place.bucket}/{'*'.join(pieces)}"
