"""The policy held against a whole definition: every request, every address, every group, every list of packages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_builder.conf.graph import Graph, Step
from pipeline_builder.conf.tracking import VARIABLE as INDEX
from pipeline_builder.definition.bundle import Bundle
from pipeline_builder.definition.composed import Definition
from pipeline_builder.definition.loaded import document_of
from pipeline_builder.definition.policy.addresses import (
    Written,
    check_addresses,
    check_files,
    check_nesting,
    written_by,
)
from pipeline_builder.definition.policy.asking import Asking
from pipeline_builder.definition.policy.calls import check_function, is_made
from pipeline_builder.definition.policy.endpoints import check_endpoint
from pipeline_builder.definition.policy.groups import (
    Claim,
    Registering,
    check_groups,
    check_package,
    claims_of,
    groups_of,
)
from pipeline_builder.definition.policy.indexes import allowed, check_indexes, refused
from pipeline_builder.definition.policy.known import DATE, Known, flat
from pipeline_builder.definition.policy.member import Member
from pipeline_builder.definition.policy.members import find_members
from pipeline_builder.definition.policy.model import check_model
from pipeline_builder.definition.policy.requests import check_request
from pipeline_builder.definition.policy.secrets import check_secrets
from pipeline_builder.definition.policy.territory import Territory, plain
from pipeline_builder.definition.policy.uses import check_published, check_uses
from pipeline_builder.definition.policy.volumes import check_volume
from pipeline_builder.definition.roles import role_of
from pipeline_builder.definition.shapes.kinds import STEP_TYPES
from pipeline_builder.definition.steps.context import OWN_FOLDERS, SCORING_FOLDERS
from pipeline_builder.definition.steps.group import group_name
from pipeline_builder.definition.steps.volumes import defaults_of
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import items_of, member_at, text_of
from pipeline_builder.documents.schema import describe
from pipeline_builder.documents.source import DataPath
from pipeline_builder.documents.values import Settings
from pipeline_builder.errors import Place, Problem, sort_problems
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.manifest.policy import Rules
from pipeline_builder.manifest.refusal import Refused

if TYPE_CHECKING:
    from pipeline_builder.definition.policy.landing import Output

# CodePipeline keeps its artifacts below the first twenty characters of the pipeline's name.
_ARTIFACT_PREFIX = 20
# What every step has; of a type that only its conf knows all else is asked for.
_AROUND = ("Name", "Type", "Arguments", "DependsOn", "CacheConfig", "RetryPolicies", "DisplayName", "Description")
# Types of steps whose requests can name a model package group.
REGISTERING = ("RegisterModel", "Training")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policed:
    """A definition with what it is held against: whose the bucket is, the rules and the url of each repository."""

    graph: Graph
    definition: Definition
    rules: Mapping[str, Rules]
    territory: Territory
    settings: Settings
    urls: Mapping[str, str]

    def places(self) -> Callable[[str, DataPath], Place | None]:
        """Return what tells where in a conf a member of a composed step's request comes from."""
        asked = {one.name: one for one in _asked(self, {})}

        def place(name: str, path: DataPath) -> Place | None:
            one = asked.get(name)
            return (one.place(path) if path else one.step.place) if one else None

        return place

    @property
    def claims(self) -> tuple[Claim, ...]:
        """Return which repository claims which model package group."""
        asked = (
            (one, _of(find_members(one.type, one.request), "group"))
            for one in _asked(self, {})
            if one.type in REGISTERING
        )
        found = (group for one, members in asked for group in groups_of(one, members, self.settings.account))
        return claims_of((group for group in found if isinstance(group, Registering)), self.urls)


def own_folders(manifest: Manifest) -> tuple[str, ...]:
    """Return the folders that pipelines of the manifest have for themselves, below their names."""
    return (*OWN_FOLDERS, *(SCORING_FOLDERS if manifest.infers else ()))


def territory_of(manifest: Manifest, graph: Graph, settings: Settings) -> Territory:
    """Return whose the bucket is."""
    artifacts = tuple(name[:_ARTIFACT_PREFIX] for name in manifest.service_names)
    return Territory(
        bucket=settings.bucket,
        pipeline=graph.pipeline,
        artifacts=artifacts,
        prefix=settings.prefix,
        kept=own_folders(manifest),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a policy has been held against: what isn't allowed, and what repositories could take from each other, the
    addresses that they write to and the groups that they register into.
    """

    problems: tuple[Problem, ...]
    written: tuple[Written, ...]
    groups: tuple[Registering, ...]

    @property
    def claimed(self) -> tuple[Registering, ...]:
        """Those of the groups that packages come into; others are only named."""
        return tuple(one for one in self.groups if one.asking.type in REGISTERING)


def check_policy(policed: Policed, given: Mapping[str, str] | None = None) -> tuple[Problem, ...]:
    """Return everything that confs ask for and their policies don't allow.

    `given` are values of parameters, which stand instead of their defaults.
    """
    return hold(policed, given).problems


def hold(policed: Policed, given: Mapping[str, str] | None = None) -> Held:
    """Hold the policy against a definition, as `check_policy` does."""
    problems: list[Refused] = []
    written: list[Written] = []
    groups: list[Registering] = []
    places: list[tuple[str, str]] = []
    names: set[str] = set()
    indexed: set[str] = set()
    publishes = any(unit.section.published for unit in policed.graph.units.values())
    for one in _asked(policed, given or {}):
        names.add(one.name)
        members = find_members(one.type, one.request)
        problems += check_request(one, members, own_role(policed.settings, one.step))
        if any(member.path[-1] == INDEX for member in _of(members, "index")):
            indexed.add(one.name)
        if publishes:
            places += ((one.name, address) for _, address in _writes(one, members))
        problems += check_secrets(one, _of(members, "secret"))
        problems += check_volume(one, policed.settings, defaults_of(policed.graph))
        problems += _check_data(one, members, policed, written)
        problems += check_package(one, policed.urls)
        problems += check_function(one)
        problems += check_endpoint(one)
        problems += check_model(one, policed.definition.repositories, policed.settings)
        for group in groups_of(one, _of(members, "group"), policed.settings.account):
            groups.append(group) if isinstance(group, Registering) else problems.append(group)
    problems += _strangers(policed, names)
    problems += check_nesting(written)
    problems += _check_name(policed)
    problems += check_uses(policed)
    problems += check_published(policed, places)
    problems += check_groups(groups, default_groups(policed.graph))
    problems += check_indexes(_bundles(policed), policed.rules, indexed)
    return Held(problems=sort_problems(problems), written=tuple(written), groups=tuple(groups))


def outputs_of(policed: Policed) -> tuple[Output, ...]:
    """Return where runs of a definition write to: its steps, what is published, and what the service keeps of it."""
    from pipeline_builder.definition.policy.landing import Output

    territory = policed.territory
    # Data of a team often lie beside these, below the same name.
    own = dict.fromkeys((*territory.kept, *(step.repository for step in policed.graph.steps)))
    found = [Output(address=f"{territory.base}{name}/", what="what is kept", place=None) for name in own]
    for one in _asked(policed, {}):
        for member, address in _writes(one, find_members(one.type, one.request)):
            below = address.removeprefix(territory.base)
            if below == address or below.partition("/")[0] not in own:
                found.append(Output(address=address, what=f"step '{one.name}'", place=one.place(member.path)))
    for unit in policed.graph.units.values():
        if publish := unit.section.published:
            place = unit.conf.document.place((*unit.path, "publish", "to"))
            address = publish.to.partition("${")[0]
            found.append(
                Output(address=address, what=f"what is published of '{unit.name}'", place=place, to=publish.to)
            )
    return tuple(found)


def _writes(one: Asking, members: Iterable[Member]) -> Iterator[tuple[Member, str]]:
    """Yield every address that a step writes to, as far as it is known before a run."""
    for member in members:
        if member.kind == "write":
            address = plain(one.known.beginning(member.value).text or "")
            if address.startswith("s3://"):
                yield member, address


def own_role(settings: Settings, step: Step) -> str:
    """Return the role that a step's job runs as by itself."""
    return role_of(settings, step.repository)


def _asked(policed: Policed, given: Mapping[str, str]) -> Iterator[Asking]:
    document = document_of(policed.definition.content)
    steps = dict(flat(items_of(document, "Steps")))
    declared = items_of(document, "Parameters")
    defaults = {text_of(item, "Name"): member_at(item, ("DefaultValue",)) for item in declared}
    dates = dict.fromkeys(policed.definition.dates, DATE)
    known = Known(steps=steps, parameters={**defaults, **dates, **given}, pipeline=policed.graph.pipeline)
    for name, composed in steps.items():
        step = policed.graph.by_name.get(policed.definition.owners.get(name, name))
        if step is None or not isinstance(composed, dict):
            continue
        yield Asking(
            name=name,
            type=str(composed.get("Type")),
            request=_request(composed),
            step=step,
            rules=policed.rules[step.repository],
            known=known,
        )


def _strangers(policed: Policed, asked: Collection[str]) -> Iterator[Refused]:
    """A step whose repository isn't known would be held against no policy."""
    for name, composed in flat(items_of(document_of(policed.definition.content), "Steps")):
        if name not in asked and isinstance(composed, dict):
            step = policed.graph.steps[0]
            place = step.conf.document.place(("conf", "sagemakerPipeline", "pipelineName"))
            message = f"the step {describe(name)} of the definition belongs to nobody's conf, so no policy allows it"
            yield Refused(id="PB951", message=message, place=place)


def _request(composed: Mapping[str, JSON]) -> JSON:
    """Return what a step asks for: its arguments, and of a type that has some the members beside them."""
    arguments, known = composed.get("Arguments"), STEP_TYPES.get(str(composed.get("Type")))
    keys = known.own_keys if known else [key for key in composed if key not in _AROUND]
    beside = {key: composed[key] for key in keys if key in composed}
    return {**arguments, **beside} if isinstance(arguments, dict) else arguments


def _check_name(policed: Policed) -> Iterator[Refused]:
    """A pipeline's code and outputs lie below its name: that is no folder of the service's."""
    if policed.territory.is_service(policed.graph.pipeline):
        step = policed.graph.steps[0]
        place = step.conf.document.place(("conf", "sagemakerPipeline", "pipelineName"))
        message = f"the pipeline '{policed.graph.pipeline}' would write to where the service keeps its records"
        yield Refused(id="PB233", message=message, place=place, hint="give it another name")


def _check_data(one: Asking, members: list[Member], policed: Policed, written: list[Written]) -> Iterator[Refused]:
    """Yield what a request's addresses may not be, and note those that it writes to."""
    made = policed.definition.made
    addresses = [m for m in _of(members, "read", "write", "text", "other") if not is_made(one, m, made)]
    found = list(check_addresses(one, addresses, policed.territory))
    yield from found
    yield from check_files(one, policed.territory)
    refused_places = {problem.place for problem in found}
    written += (w for w in written_by(one, addresses, policed.territory) if w.place not in refused_places)
    for member in _of(members, "index"):
        text = one.known.meaning(member.value).text
        for url in (text or "${…}").split():
            if not allowed(one.rules, url):
                yield refused(one.rules, url, one.place(member.path))


def _of(members: Iterable[Member], *kinds: str) -> list[Member]:
    return [member for member in members if member.kind in kinds]


def default_groups(graph: Graph) -> Mapping[str, str]:
    """Return whose each group is that a model has by its name."""
    return {group_name(graph.pipeline, name): unit.conf.repo for name, unit in graph.units.items()}


def _bundles(policed: Policed) -> Iterator[tuple[Step, Bundle]]:
    steps, definition = policed.graph.by_name, policed.definition
    for name, uri in definition.code.items():
        yield steps[name], definition.bundles[uri]
