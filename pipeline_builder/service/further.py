"""The service's pipelines beside the main one: each is composed by itself, and has access of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline_builder.documents.values import build_settings
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.manifest.pipelines import PipelineEntry
from pipeline_builder.opened import Opened
from pipeline_builder.service.account import aws_values, place_of
from pipeline_builder.service.cloudformation.access.facts import Facts, service_facts
from pipeline_builder.service.cloudformation.access.scoring import with_models
from pipeline_builder.service.cloudformation.access.touched import DefinitionFacts, place_of_address
from pipeline_builder.service.cloudformation.description.model import Place, ServiceModel, build_further
from pipeline_builder.service.cloudformation.description.starting import gathered_events
from pipeline_builder.service.startable import find_unstartable

if TYPE_CHECKING:
    from pipeline_builder.definition.composed import Composed

NOT_THERE = "PB957"


@dataclass(frozen=True, slots=True, kw_only=True)
class Further:
    """A pipeline beside the main one, composed with the values that its builds on AWS have."""

    entry: PipelineEntry
    opened: Opened
    place: Place

    @property
    def composed(self) -> Composed:
        return self.opened.composed

    @property
    def used(self) -> Mapping[str, tuple[str, ...]]:
        """By repository the model package groups that its models come from."""
        units = self.composed.graph.units
        found: dict[str, set[str]] = {}
        for use in self.composed.definition.models.values():
            found.setdefault(units[use.unit].conf.repo, set()).add(use.group)
        return {repo: tuple(sorted(groups)) for repo, groups in sorted(found.items())}

    @property
    def published(self) -> tuple[str, ...]:
        """The addresses below which predictions are put, as the confs have them."""
        sections = (unit.section.published for unit in self.composed.graph.units.values())
        return tuple(sorted({section.to for section in sections if section}))


def compose_further(opened: Opened) -> tuple[Further, ...]:
    """Return the manifest's other pipelines; one without a conf yet is said, and left out.

    Raises:
        InputProblems: whatever is wrong with them.
    """
    found: list[Further] = []
    problems: list[Problem] = []
    for entry in opened.manifest.pipelines[1:]:
        one, faults = _tried(opened, entry)
        found += [one] if one else []
        if all(problem.id == NOT_THERE for problem in faults):
            for problem in faults:
                opened.warn(replace(problem, warning=True))
        else:
            problems += faults
    if problems:
        raise InputProblems(*problems)
    return tuple(found)


def _tried(opened: Opened, entry: PipelineEntry) -> tuple[Further | None, tuple[Problem, ...]]:
    try:
        return _composed(opened, entry), ()
    except InputProblems as error:
        return None, error.problems


def _composed(opened: Opened, entry: PipelineEntry) -> Further:
    manifest = opened.manifest.narrowed(entry.name)
    values = aws_values(manifest, opened.workspace.values)
    workspace = replace(opened.workspace.narrowed(manifest.narrowed_to), values=values, target="aws")
    composing = Opened(workspace, warn=opened.warn, manifest=manifest)
    return Further(
        entry=entry, opened=composing, place=place_of(opened, values, composing.composed.definition.pipeline)
    )


def main_problems(manifest: Manifest) -> Iterator[Problem]:
    """Yield PB984 where no pipeline trains: the parts of a service that all of them share are made around one."""
    if manifest.main.is_inference:
        message = f"the pipeline '{manifest.main.name}' uses models, and no pipeline of the manifest makes any"
        hint = "add one of the kind training; that it makes the models which the others use isn't needed"
        yield Problem(id="PB984", message=message, place=manifest.main.place, hint=hint)


def with_further(opened: Opened, model: ServiceModel, facts: Facts) -> tuple[ServiceModel, Facts]:
    """Return model and facts of a service with those of its other pipelines.

    Raises:
        InputProblems: whatever is wrong with these.
    """
    composed = compose_further(opened)
    own = [_own_facts(one, model) for one in composed]
    trained = (facts.definition, *(its.definition for its in own if its.kind == "training"))
    pairs = []
    if unstartable := [problem for one in composed for problem in find_unstartable(one.composed)]:
        raise InputProblems(*unstartable)
    for one, of_itself in zip(composed, own, strict=True):
        its = further_facts(one, of_itself, trained)
        for problem in (*its.definition.warnings, *untold_models(one, its)):
            opened.warn(problem)
        its_model = build_further(model, one.opened.manifest, one.place, its.used)
        pairs.append((replace(its_model, made=one.composed.definition.made), its))
    return with_pairs(model, facts, pairs)


def with_pairs(
    model: ServiceModel, facts: Facts, further: Iterable[tuple[ServiceModel, Facts]]
) -> tuple[ServiceModel, Facts]:
    """Return model and facts of a service with its other pipelines, each of which knows what the others need of it."""
    pairs = tuple(further)
    used = {group for _, its in pairs for group in its.used}
    models = tuple(_asking(one, its, used) for one, its in pairs)
    model = replace(_asking(model, facts, used), further=models)
    every = tuple(replace(its, **_started(one)) for one, (_, its) in zip(models, pairs, strict=True))
    scheduled = tuple(dict.fromkeys(found.name for timing in model.schedules if (found := model.of(timing.handle))))
    return model, replace(
        facts,
        **_started(model),
        further=every,
        scheduled=scheduled,
        gathers=bool(model.gathered),
        has_schedules=bool(scheduled),
    )


def _started(model: ServiceModel) -> dict[str, Any]:
    return {"is_gathered": bool(gathered_events(model)), "retrains": bool(model.asking)}


def _asking(model: ServiceModel, facts: Facts, used: set[str]) -> ServiceModel:
    asking = sorted(used & set(facts.definition.groups)) if model.kind == "training" else ()
    return replace(model, asking=tuple(asking))


def _own_facts(one: Further, model: ServiceModel) -> Facts:
    return service_facts(
        one.opened.manifest,
        one.composed.definition,
        build_settings(one.opened.workspace.values),
        connections=[trigger.connection for trigger in model.triggers.connections],
        clones=model.source.clone,
    )


def further_facts(one: Further, facts: Facts, trained: Iterable[DefinitionFacts]) -> Facts:
    """Return what decides about a pipeline's access, its own facts and those of the models that it uses; `trained` are
    the definitions that register models.
    """
    if facts.kind != "inference":
        return facts
    groups = {group for names in one.used.values() for group in names}
    makers = tuple(made for made in trained if groups & set(made.groups))
    published = tuple(place_of_address(address) for address in one.published)
    own = one.place.bucket
    return replace(
        facts,
        definition=with_models(facts.definition, one.used, makers),
        used=tuple(sorted(groups)),
        trained=makers,
        published=tuple(replace(place, bucket="") if place.bucket == own else place for place in published),
    )


def untold_models(one: Further, facts: Facts) -> Iterator[Problem]:
    """Yield the groups that no pipeline of the manifest registers in: what their packages are made of isn't said."""
    known = {group for made in facts.trained for group in made.groups}
    for use in one.composed.definition.models.values():
        if use.what == "package" and use.group not in known:
            message = f"what the packages of '{use.group}' are made of is not known, so no role reads it"
            hint = "make the execution role yourself ('execution_role: given'), with access to their artifacts"
            yield Problem(id="PB642", message=message, place=use.place, hint=hint, warning=True)
