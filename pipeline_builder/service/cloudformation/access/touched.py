"""What a definition's steps touch: all of them together, and by the repository whose they are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from pipeline_builder.dag.outline import flat_steps
from pipeline_builder.dag.packages import is_registered_approved
from pipeline_builder.definition.handing import PREFIX
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.dates import known_parts
from pipeline_builder.documents.schema import describe
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.regions.hosts import ecr_image, queue
from pipeline_builder.service.cloudformation.access.addresses import Found, Location, Pieces, find_addresses
from pipeline_builder.service.cloudformation.access.places import Places

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
    "Tuning": ("hyper-parameter-tuning-job", "HyperParameterTuningJobName"),
    "AutoML": ("automl-job", "AutoMLJobName"),
    "QualityCheck": ("processing-job", "ProcessingJobName"),
    "ClarifyCheck": ("processing-job", "ProcessingJobName"),
    "EndpointConfig": ("endpoint-config", "EndpointConfigName"),
    "Endpoint": ("endpoint", "EndpointName"),
    "InferenceComponent": ("inference-component", "InferenceComponentName"),
}
_SERVERS, _INDEX = ("MlflowResourceArn", "MLFLOW_TRACKING_URI"), "CA_REPOSITORY_ARN"
_SERVER = re.compile(r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:\d{12}:mlflow-[a-z-]+/[A-Za-z0-9-]+")
_WITHOUT_ACCESS = ("Condition", "Fail", "ForEach", "RegisterModel")
# What a step of the type calls, or sends to: the member beside its arguments that names it.
_CALLED = {"Lambda": "FunctionArn", "Callback": "SqsQueueUrl"}
_FUNCTION = re.compile(r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]+(?::[A-Za-z0-9_$-]+)?")
# What IAM takes in a policy, without control characters.
_UNFIT = re.compile(r"[^\u0020-\u007e\u00a0-\u00ff]|\{\{\s*resolve", re.IGNORECASE)


@dataclass(frozen=True, slots=True, order=True)
class Image:
    """A repository of Amazon ECR."""

    region: str
    account: str
    repository: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionFacts:
    """What steps of a definition touch; `jobs` has by kind (`processing-job`, …) the names that steps ask for.

    `functions` and `queues` are the ARNs of what steps call or send to, `servers` those of MLflow that jobs track with,
    `indexes` the repositories of CodeArtifact that they install from.

    `listed` is the data whose objects are listed before a run, `awaited` that of which may be nothing there yet.
    `by_repository` has the same of each repository's steps alone, `registered` of those that register models.
    `approves` says that one registers models as Approved, which the judging stage takes back where the gate blocks.
    """

    pipeline: str
    prefix: str = ""
    groups: tuple[str, ...] = ()
    reads: tuple[Location, ...] = ()
    writes: tuple[Location, ...] = ()
    metrics: tuple[Location, ...] = ()
    listed: tuple[Location, ...] = ()
    awaited: tuple[Location, ...] = ()
    images: tuple[Image, ...] = ()
    jobs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    approves: bool = False
    warnings: tuple[Problem, ...] = ()
    by_repository: Mapping[str, DefinitionFacts] = field(default_factory=dict)
    registered: DefinitionFacts | None = None

    @property
    def base(self) -> str:
        """What the keys of everything of the pipeline begin with, in its own bucket."""
        return f"{self.prefix}{self.pipeline}"


def definition_facts(
    pipeline: str,
    definition: bytes,
    *,
    bucket: str,
    prefix: str = "",
    manifests: Mapping[str, bytes] | None = None,
    data: Iterable[str] = (),
    awaited: Iterable[str] = (),
    repositories: Mapping[str, str] | None = None,
) -> DefinitionFacts:
    """Read out of a definition what its steps touch.

    `bucket` is the pipeline's own, `prefix` what all of it lies below there, `manifests` are the lists of data files
    that steps name, by their addresses, `data` the addresses that are listed before a run, `awaited` those of labels
    that come later, `repositories` says whose each step is.

    Raises:
        InputProblems: PB641 for names that no policy can have in it.
    """
    document = json.loads(definition)
    steps = flat_steps(document.get("Steps"))
    parameters = {item["Name"]: item.get("DefaultValue") for item in document.get("Parameters", ())}
    owners = {name: repo for name, repo in (repositories or {}).items() if name in steps}
    places = Places(bucket=bucket, pipeline=pipeline, prefix=prefix, repositories=tuple(sorted(set(owners.values()))))
    touched = _Touched(steps, tuple(find_addresses(steps, parameters)), manifests or {}, places)
    facts = replace(
        touched.facts(lambda _: True, places),
        listed=places.named(place_of_address(address) for address in data if address.startswith("s3://")),
        awaited=places.named(place_of_address(address) for address in awaited),
        by_repository={repo: touched.of(repo, owners) for repo in places.repositories},
        registered=touched.facts(touched.registers, places),
    )
    if problems := tuple(_unfit(facts)):
        raise InputProblems(*problems)
    return facts


@dataclass(frozen=True, slots=True)
class _Touched:
    """All steps with every address in them, to be asked about some of them."""

    steps: Mapping[str, JSON]
    found: tuple[Found, ...]
    manifests: Mapping[str, bytes]
    places: Places

    def of(self, repository: str, owners: Mapping[str, str]) -> DefinitionFacts:
        """Return what a repository's steps touch; its own results it may read as well."""
        places = self.places.of(repository)
        facts = self.facts(lambda step: owners.get(step) == repository, places)
        written = [f.location for f in self.found if f.written and owners.get(f.step) == repository]
        own = [place for place in places.read(written) if place in facts.writes]
        return replace(facts, reads=tuple(sorted({*facts.reads, *own})))

    def registers(self, step: str) -> bool:
        found = self.steps[step]
        return isinstance(found, dict) and found.get("Type") == "RegisterModel"

    def facts(self, chosen: Callable[[str], bool], places: Places) -> DefinitionFacts:
        """Return what the chosen steps touch."""
        steps = {name: step for name, step in self.steps.items() if chosen(name)}
        found = [one for one in self.found if one.step in steps]
        named = {one.text.removeprefix("s3://") for one in found}
        lists = (content for uri, content in self.manifests.items() if uri.removeprefix("s3://") in named)
        members = list(_members(list(steps.values())))
        return DefinitionFacts(
            pipeline=places.pipeline,
            prefix=places.prefix,
            groups=_texts(members, ("ModelPackageGroupName",)),
            reads=places.read([*(f.location for f in found if not f.written), *_listed(lists)]),
            writes=places.written(f.location for f in found if f.written),
            metrics=places.read(f.location for f in found if f.metrics),
            images=tuple(sorted({image for text in _texts(members, _IMAGES) if (image := read_image(text))})),
            jobs={kind: tuple(sorted(names)) for kind, names in _job_names(steps).items()},
            roles=_texts(members, _ROLES),
            keys=_texts(members, _KEYS),
            secrets=tuple(sorted({name for key, value in members if (name := _secret(key, value))})),
            functions=tuple(text for text in _called(steps, "Lambda") if _FUNCTION.fullmatch(text)),
            queues=tuple(queue for text in _called(steps, "Callback") if (queue := _queue_arn(text))),
            servers=tuple(text for text in _texts(members, _SERVERS) if _SERVER.fullmatch(text)),
            indexes=tuple(text for text in _texts(members, (_INDEX,)) if text.startswith("arn:")),
            subnets=_texts(members, (_SUBNETS,)),
            security_groups=_texts(members, (_GROUPS,)),
            approves=any(is_registered_approved(step) for step in steps.values()),
            warnings=(
                *_unknown_kinds(steps),
                *_unknown_packages(steps),
                *(_untold(f.step, f.text) for f in found if f.location is None),
            ),
        )


def place_of_address(address: str) -> Location:
    """Return what an address with placeholders in it stands for; what they are, only a run knows."""
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return Location(bucket, known_parts(key))


def _called(steps: Mapping[str, JSON], kind: str) -> tuple[str, ...]:
    """Return what the steps of a type name that they call."""
    found = (s.get(_CALLED[kind]) for s in steps.values() if isinstance(s, dict) and s.get("Type") == kind)
    return tuple(sorted({text for text in found if isinstance(text, str)}))


def _queue_arn(url: str) -> str:
    found = queue(url)
    return found.arn if found else ""


def _is_known(step: JSON) -> bool:
    """Tell whether it is known what a step needs: where it calls something, by a name that stands in the definition."""
    kind = str(step.get("Type")) if isinstance(step, dict) else ""
    called = step.get(_CALLED[kind]) if isinstance(step, dict) and kind in _CALLED else None
    if isinstance(called, str):
        return bool(_FUNCTION.fullmatch(called) if kind == "Lambda" else _queue_arn(called))
    return kind in _NAMES or kind in _WITHOUT_ACCESS


def _unknown_kinds(steps: Mapping[str, JSON]) -> Iterator[Problem]:
    for name, step in steps.items():
        kind = str(step.get("Type")) if isinstance(step, dict) else ""
        if not _is_known(step):
            message = f"what the step '{name}' of the type {kind} needs is not known, so no role gets it"
            hint = "make the execution role yourself ('execution_role: given')"
            yield Problem(id="PB642", message=message, hint=hint, warning=True)
        elif kind == "ClarifyCheck" and isinstance(step, dict) and step.get("ModelName"):
            message = f"the check '{name}' asks its model by an endpoint that its job makes, and no role may"
            hint = "make the roles yourself ('execution_role: given'), with what Clarify's shadow endpoints take"
            yield Problem(id="PB642", message=message, hint=hint, warning=True)


def _unknown_packages(steps: Mapping[str, JSON]) -> Iterator[Problem]:
    """Yield the packages that models are made of and no step registers: where their artifacts are isn't said."""
    for name, step in steps.items():
        if not isinstance(step, dict) or step.get("Type") != "Model":
            continue
        for package in _texts(list(_members(step)), ("ModelPackageName",)):
            message = f"step '{name}': what the model package '{package}' is made of is not known, so no role reads it"
            hint = "make the execution role yourself ('execution_role: given'), with access to its artifact"
            yield Problem(id="PB642", message=message, hint=hint, warning=True)


def _untold(step: str, text: str) -> Problem:
    message = f"step '{step}': where '{text}' leads is known only when it runs, so no role gets access to it"
    hint = "write the bucket itself, give the parameter a default, or make the execution role yourself"
    return Problem(id="PB642", message=message, hint=hint, warning=True)


def _listed(manifests: Iterable[bytes]) -> Iterator[Location]:
    """Yield the place of every file in the lists; what goes up with them for a check's job is none."""
    for found in map(json.loads, manifests):
        first, *names = found if isinstance(found, list) else [{"prefix": ""}]
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


def _secret(key: str, value: JSON) -> str:
    """Return the name or ARN of the secret that a variable of a job has it given."""
    if not key.startswith(PREFIX) or not isinstance(value, str):
        return ""
    return value.removeprefix("secretsmanager:").partition("#")[0]


def _texts(members: list[tuple[str, JSON]], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({value for name, value in members if name in names and isinstance(value, str) and value}))


def read_image(text: str) -> Image | None:
    """Return the repository of an image's address; None for one that isn't in Amazon ECR."""
    found = ecr_image(text)
    return Image(found.region, found.account, found.repository) if found else None


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
    others += [("index", name) for name in facts.indexes]
    others += [("job", name) for names in facts.jobs.values() for name in names]
    for kind, text in dict.fromkeys((*locations, *others)):
        if _UNFIT.search(text):
            message = f"the {kind} {describe(text)} can't stand in a policy of IAM"
            hint = "write it without control characters, letters beyond Latin-1, and '{{resolve:'"
            yield Problem(id="PB641", message=message, hint=hint)


def _shown(place: Location) -> str:
    pieces: Pieces = place.pieces
    return f"{place.bucket}/{'*'.join(pieces)}"
