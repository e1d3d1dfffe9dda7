"""The pipeline definition: the graph composed into SageMaker's own language, as canonical bytes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

from pipeline_builder.canonical import canonical
from pipeline_builder.conf.graph import Graph
from pipeline_builder.conf.sections import EvaluateSection, PreprocessSection, TrainSection
from pipeline_builder.dag.outline import NESTED
from pipeline_builder.definition.assembly import compose_steps, owners_of
from pipeline_builder.definition.branches import nest
from pipeline_builder.definition.code import Code, bundle_code, missing_lists
from pipeline_builder.definition.composed import Definition, Part
from pipeline_builder.definition.ineffective import find_ineffective
from pipeline_builder.definition.isolated import find_isolated
from pipeline_builder.definition.loaded import content_of
from pipeline_builder.definition.made import made_for
from pipeline_builder.definition.names import PIPELINE_NAME
from pipeline_builder.definition.parameters import MANIFEST_PARAMETER, commit_parameters, list_parameters, most_commits
from pipeline_builder.definition.secrets import secret_defaults
from pipeline_builder.definition.steps.context import Context, Mapped, chained_outputs
from pipeline_builder.definition.steps.data import DataInput, processing_inputs, training_inputs
from pipeline_builder.definition.steps.distributed_rules import find_pointless
from pipeline_builder.definition.steps.freshness import data_addresses, data_parameters, find_always_cached
from pipeline_builder.definition.steps.group import group_problems
from pipeline_builder.definition.steps.labels import awaited, label_templates, nothing
from pipeline_builder.definition.steps.volumes import find_left_out
from pipeline_builder.definition.uses import date_uses, model_uses
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import describe
from pipeline_builder.documents.values import Settings
from pipeline_builder.errors import InputProblems, Problem


def build_definition(
    graph: Graph,
    settings: Settings,
    repository_urls: Mapping[str, str],
    images: Mapping[tuple[str, str], str] | None = None,
) -> Definition:
    """Compose the graph.

    Raises:
        InputProblems: PB320 to PB334, all of them.
    """
    definition, problems = read_definition(graph, settings, repository_urls, images)
    if problems:
        raise InputProblems(*problems)
    return definition


def read_definition(
    graph: Graph,
    settings: Settings,
    repository_urls: Mapping[str, str],
    images: Mapping[tuple[str, str], str] | None = None,
    isolated: frozenset[str] = frozenset(),
    *,
    others: frozenset[str] = frozenset(),
) -> tuple[Definition, list[Problem]]:
    """Compose what can be composed of the graph; with problems the definition lacks the steps that they are about.

    `repository_urls` has the url of each repository that a unit may come from, `images` the address of each image that
    confs name by framework and version, by model and section, `isolated` the repositories whose jobs are to have no
    network, `others` those whose steps are in the pipeline too, and not in the graph. Nothing of time, machine or
    folder gets into the content; commits come in as parameters when an execution starts.
    """
    code, data = bundle_code(graph, settings), data_parameters(graph)
    repos = [*others, *(step.repository for step in graph.steps)]
    context = Context(
        graph=graph,
        settings=settings,
        code=code.addresses,
        requirements=code.requirements,
        packages=code.packages,
        commit_parameters=commit_parameters(repos, most_commits(graph, data)),
        data_parameters=data,
        manifest_parameter=MANIFEST_PARAMETER,
        repository_urls=repository_urls,
        images=images or {},
        isolated=isolated,
    )
    steps, problems = compose_steps(context)
    problems += [*secret_defaults(graph), *_name_problems(graph), *group_problems(graph), *missing_lists(graph, code)]
    return _definition(context, code, steps, whole=not problems), problems


def _definition(context: Context, code: Code, steps: list[Mapped], *, whole: bool) -> Definition:
    graph = context.graph
    owners = owners_of(graph)
    nested = nest(graph, steps, owners)
    texts = [canonical(step)[:-1] for step in nested]
    content = content_of(list_parameters(context, steps), texts)
    return Definition(
        pipeline=graph.pipeline,
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        bundles=code.bundles,
        manifests=_manifests(context) if whole else {},
        owners=owners,
        repositories={name: graph.by_name[owner].repository for name, owner in owners.items()},
        units={name: graph.by_name[owner].unit.name for name, owner in owners.items()},
        groups=_groups(graph, steps),
        commit_parameters=context.commit_parameters,
        code=code.addresses,
        made=made_for(graph, context.settings),
        parts=tuple(_part(graph, step, len(text)) for step, text in zip(nested, texts, strict=True)),
        sources=code.own,
        kind=graph.kind,
        models=model_uses(graph, steps),
        dates=date_uses(graph, steps),
        labels=label_templates(graph),
        data=_data(context) if whole else {},
        warnings=(
            *(warning for step in graph.steps for warning in find_ineffective(step)),
            *(w for step in graph.steps for w in find_pointless(step, requirements=step.name in context.requirements)),
            *find_isolated(graph, steps, context.requirements),
            *find_left_out(graph, steps, owners, context.settings),
            *find_always_cached(graph, [*nested], owners),
        ),
    )


def _data(context: Context) -> Mapping[str, tuple[str, ...]]:
    return {name: data_addresses(context.graph.by_name[step]) for step, name in context.data_parameters.items()}


def _part(graph: Graph, step: Mapped, size: int) -> Part:
    return Part(str(step["Name"]), size, "CacheConfig" in step, _groups(graph, [step]))


def _name_problems(graph: Graph) -> list[Problem]:
    """Check the pipeline's name: job names are made of it, so fewer characters do than the service model says."""
    if len(graph.pipeline) <= PIPELINE_NAME and re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*", graph.pipeline):
        return []
    place = graph.steps[0].conf.document.place(("conf", "sagemakerPipeline", "pipelineName"))
    message = f"the pipeline name {describe(graph.pipeline)} cannot be used"
    hint = f"letters, digits and single '-' between them, at most {PIPELINE_NAME}"
    return [Problem(id="PB325", message=message, place=place, hint=hint)]


def _manifests(context: Context) -> dict[str, bytes]:
    """Return the content of every manifest that the steps name, by its address."""
    found: dict[str, bytes] = {}
    if any(step.step_class == "ClarifyCheck" for step in context.graph.steps):
        from pipeline_builder.definition.steps.checks import analysis_file, check_sections

        found |= dict(analysis_file(context.base, section) for section in check_sections(context.graph))
    if any(awaited(step) for step in context.graph.steps):
        found |= [nothing(context.base)]
    for step in context.graph.steps:
        if step.job is None or not any(channel.data_files for channel in step.job.channels.values()):
            continue
        inputs: tuple[DataInput, ...] = ()
        if isinstance(step.job, TrainSection):
            inputs = training_inputs(step, step.job)
        elif isinstance(step.job, PreprocessSection | EvaluateSection):
            inputs, _ = processing_inputs(step, step.job, len(chained_outputs(context, step)))
        manifests = [data.manifest for data in inputs if data.manifest]
        found.update((manifest.uri(context.base), manifest.content) for manifest in manifests)
    return found


def _groups(graph: Graph, steps: list[Mapped]) -> Mapping[str, str]:
    """Return the groups that the steps register into; one whose name only a run knows isn't among them."""
    groups: dict[str, str] = {}
    for name, group in _registered([*steps]):
        if isinstance(group, str):
            step = graph.by_name.get(name)  # a raw one has no section, nor has one within a condition of the conf's own
            described = step is not None and step.step_class == "RegisterModel"
            groups.setdefault(group, step.registry.group_description if step and described else "")
    return groups


def _registered(steps: JSON) -> Iterator[tuple[str, JSON]]:
    """Yield the name and the group of every RegisterModel step, also of those behind a gate."""
    for composed in steps if isinstance(steps, list) else ():
        if not isinstance(composed, dict) or not isinstance(arguments := composed.get("Arguments"), dict):
            continue
        if composed.get("Type") == "RegisterModel":
            yield str(composed.get("Name")), arguments.get("ModelPackageGroupName")
        for member in NESTED.get(str(composed.get("Type")), ()):
            yield from _registered(arguments.get(member))
