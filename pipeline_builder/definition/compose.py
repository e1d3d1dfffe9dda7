"""From checked-out repositories to a checked definition: conf files, graph, definition and every problem in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_builder.conf.conf import ModelConf
from pipeline_builder.conf.files import NO_FILES, read_confs
from pipeline_builder.conf.graph import Graph, read_graph
from pipeline_builder.conf.naming import clashes
from pipeline_builder.conf.sdk import MadeSteps
from pipeline_builder.definition.composed import Composed, Definition, Whole
from pipeline_builder.definition.definition import read_definition
from pipeline_builder.definition.factories import Factories, FactoryBuilder, build_nothing
from pipeline_builder.definition.findings import findings_of
from pipeline_builder.definition.gates import find_unjudged_gates
from pipeline_builder.definition.images import ImageAsker, ask_nobody, resolve_images
from pipeline_builder.definition.interrupts import find_idle_interrupts
from pipeline_builder.definition.metrics import find_broken_metrics
from pipeline_builder.definition.policy.policy import Policed, hold, outputs_of, own_folders, territory_of
from pipeline_builder.definition.policy.uses import owned_uses
from pipeline_builder.definition.prefixes import find_doubtful
from pipeline_builder.definition.shapes.fault import OUT_OF_RANGE
from pipeline_builder.documents.values import Settings, build_settings
from pipeline_builder.errors import InputProblems, OutsideFailure, Problem
from pipeline_builder.machine.passed import Passed
from pipeline_builder.manifest.manifest import Manifest, Repo

if TYPE_CHECKING:
    from pipeline_builder.manifest.lock import Lock

# What a policy's limits say of a number that is beyond SageMaker's own anyway.
_LIMITS = ("PB240", "PB241")
# What may be said because the steps of a factory aren't there.
_OF_STEPS = ("PB310", "PB313", "PB314", "PB316")
# Nobody's fault but that of what lies outside.
_OUTSIDE = ("PB915", "PB916", "PB924")


def compose(
    manifest: Manifest,
    lock: Lock,
    *,
    root: Path,
    values: Mapping[str, str],
    tags: Mapping[str, str] | None = None,
    passed: Passed | None = None,
    ask: ImageAsker = ask_nobody,
    build: FactoryBuilder = build_nothing,
) -> Composed:
    """Read the conf files of every enabled repository and compose them.

    `root` is the manifest's folder, `values` what placeholders may name, `tags` go on every job; `passed` knows what
    was checked before, `ask` the addresses of images that the lock lacks; `build`
    gives the steps of factories.

    Raises:
        OutsideFailure: PB915, PB916 where nothing else is wrong but that an image can't be asked for.
        InputProblems: PB2xx to PB4xx. After a problem the stages go on with the rest, and of what they find all is said
            that doesn't come from the problem itself.
    """
    confs, problems = read_confs(manifest, lock, root=root, values=values)
    problems.extend(clashes(manifest, root=root, values=values))
    passed = passed or Passed()
    return compose_confs(
        confs, manifest, lock, root=root, values=values, tags=tags, passed=passed, before=problems, ask=ask, build=build
    )


def compose_each(
    manifest: Manifest,
    lock: Lock,
    *,
    root: Path,
    values: Mapping[str, str],
    tags: Mapping[str, str] | None = None,
    ask: ImageAsker = ask_nobody,
    build: FactoryBuilder = build_nothing,
) -> tuple[Composed, ...]:
    """Compose every pipeline of the manifest, but for those that use models and have no file yet.

    Raises:
        OutsideFailure, InputProblems: as `compose` does, of all of them.
    """
    composed: list[Composed] = []
    problems: dict[Problem, None] = {}
    for entry in manifest.pipelines:
        one = manifest.narrowed(entry.name)
        try:
            composed.append(compose(one, lock, root=root, values=values, tags=tags, ask=ask, build=build))
        except InputProblems as error:
            left_out = entry.is_inference and all(problem.id == NO_FILES for problem in error.problems)
            problems |= {} if left_out else dict.fromkeys(error.problems)
    if problems:
        raise InputProblems(*problems)
    return tuple(composed)


def compose_confs(
    confs: tuple[ModelConf | None, ...],
    manifest: Manifest,
    lock: Lock,
    *,
    root: Path,
    values: Mapping[str, str],
    tags: Mapping[str, str] | None,
    passed: Passed,
    before: Iterable[Problem] = (),
    others: frozenset[str] = frozenset(),
    ask: ImageAsker = ask_nobody,
    build: FactoryBuilder = build_nothing,
) -> Composed:
    """Compose what could be read of conf files, as `compose` does; `before` are the problems in them.

    `others` are the repositories of what is in the pipeline too, and not in these files.
    """
    problems = [*before]
    settings = _settings(values, tags, manifest, problems)
    made = _made(confs, problems, manifest=manifest, settings=settings, root=root, values=values, build=build)
    graph = _graph(confs, problems, root / manifest.training_dir, values, made)
    if settings is None or graph is None or any(problem.id == "PB210" for problem in problems):
        raise InputProblems(*problems)
    _add_certain(problems, _taken_names(graph, manifest))
    images, resolved = _images(graph, settings, lock, ask, problems)
    urls = {repo.name: _public_url(repo) for repo in manifest.repos}
    rules = {repo.name: manifest.policy.rules(repo.name, values) for repo in manifest.repos}
    isolated = frozenset(name for name, found in rules.items() if found.network == "isolated")
    definition, found = read_definition(graph, settings, urls, images, isolated, others=others)
    files = {uri: content for steps in made.values() for uri, content in steps.files.items()}
    definition = replace(definition, files=files) if files else definition
    _add_certain(problems, found)
    _add_certain(problems, findings_of(definition, graph, passed))
    definition = (
        replace(definition, models=owned_uses(definition, graph, rules, urls, settings.account))
        if definition.models
        else definition
    )
    territory = territory_of(manifest, graph, settings)
    policed = Policed(
        graph=graph, definition=definition, settings=settings, territory=territory, rules=rules, urls=urls
    )
    beyond = {problem.place for problem in problems if problem.id == OUT_OF_RANGE}
    held = hold(policed)
    problems.extend(p for p in held.problems if p.id not in _LIMITS or p.place not in beyond)
    if manifest.entry.trigger.data:
        from pipeline_builder.definition.policy.landing import Written, find_loops

        problems.extend(find_loops([Written(entry=manifest.entry, outputs=outputs_of(policed))]))
    if problems:
        raise (InputProblems if any(p.id not in _OUTSIDE for p in problems) else OutsideFailure)(*problems)
    own = {"bucket": settings.bucket, "prefix": settings.prefix}
    about = find_doubtful(graph, definition, **own)
    warnings = (*definition.warnings, *about, *_without_effect(manifest, definition, graph))
    whole = Whole(graph=graph, policed=policed, held=held)
    return Composed(definition=definition, warnings=warnings, images=resolved, whole=lambda: whole)


def _without_effect(manifest: Manifest, definition: Definition, graph: Graph) -> Iterator[Problem]:
    yield from find_idle_interrupts(manifest, definition.content)
    yield from find_broken_metrics(definition, graph)
    yield from find_unjudged_gates(graph)


def _settings(
    values: Mapping[str, str], tags: Mapping[str, str] | None, manifest: Manifest, problems: list[Problem]
) -> Settings | None:
    try:
        return replace(build_settings(values, tags), service=manifest.service_name)
    except InputProblems as error:
        problems.extend(error.problems)
        return None


def _graph(
    confs: tuple[ModelConf | None, ...],
    problems: list[Problem],
    training_dir: Path,
    values: Mapping[str, str],
    made: Mapping[str, MadeSteps],
) -> Graph | None:
    """Combine the files; where one couldn't be read at all, what it has would be missed everywhere."""
    whole = [conf for conf in confs if conf is not None]
    if len(whole) < len(confs):
        return None
    source = values.get("SMP_SOURCE_DIR_PATH", "")
    graph, found = read_graph(whole, training_dir=training_dir, default_source=source, made=made)
    if any(model.sdk and name not in made for conf in whole for name, model in conf.section.models.items()):
        found = [problem for problem in found if problem.id not in _OF_STEPS]
    _add_certain(problems, found)
    return graph


def _made(
    confs: tuple[ModelConf | None, ...],
    problems: list[Problem],
    *,
    manifest: Manifest,
    settings: Settings | None,
    root: Path,
    values: Mapping[str, str],
    build: FactoryBuilder,
) -> Mapping[str, MadeSteps]:
    """Return the steps of factories: most confs have none, and nobody's code is run for confs that are wrong."""
    whole = [conf for conf in confs if conf is not None]
    if settings is None or problems or not any(model.sdk for conf in whole for model in conf.section.models.values()):
        return {}
    source = values.get("SMP_SOURCE_DIR_PATH", "")
    rules = {repo.name: manifest.policy.rules(repo.name, values) for repo in manifest.repos}
    asking = Factories(whole, settings=settings, rules=rules, training_dir=root / manifest.training_dir, source=source)
    made, found = build(asking)
    problems.extend(found)
    return made


def _images(
    graph: Graph, settings: Settings, lock: Lock, ask: ImageAsker, problems: list[Problem]
) -> tuple[Mapping[tuple[str, str], str], Mapping[str, str]]:
    try:
        return resolve_images(graph, settings, lock.images, ask)
    except (InputProblems, OutsideFailure) as error:
        _add_certain(problems, error.problems)
        return {
            (step.unit.name, name): "unknown" for step in graph.steps for name in (step.section_name, "registry")
        }, {}


def _taken_names(graph: Graph, manifest: Manifest) -> Iterator[Problem]:
    """What a repository's steps write lies in a folder of its name, beside those that the pipeline has for itself."""
    owning = {step.repository for step in graph.steps}
    for repo in manifest.repos:
        if repo.name in owning and repo.name in own_folders(manifest):
            message = (
                f"the repository '{repo.name}' has the name of a folder of the pipeline, and its steps write below "
                f"'{graph.pipeline}/{repo.name}/'"
            )
            hint = "give it another 'name' in the manifest"
            yield Problem(id="PB644", message=message, place=repo.place, hint=hint)


def _add_certain(problems: list[Problem], found: Iterable[Problem]) -> None:
    """Add a stage's problems; after those of an earlier stage only what certainly doesn't come from them."""
    if not problems:
        problems.extend(found)
        return
    from pipeline_builder.explanations import certain_ids

    said = {problem.place for problem in problems}
    problems.extend([p for p in found if p.id in certain_ids() and p.place not in said])


def _public_url(repo: Repo) -> str:
    """A relative url says nothing elsewhere; the repository's name does."""
    return repo.url if "://" in repo.url or ":" in repo.url else repo.name
