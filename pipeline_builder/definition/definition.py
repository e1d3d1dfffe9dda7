"""The pipeline definition: the graph composed into SageMaker's own language, as canonical bytes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from pipeline_builder.canonical import canonical
from pipeline_builder.conf.conf import ParameterSection
from pipeline_builder.conf.graph import Graph, Step
from pipeline_builder.conf.sections import EvaluateSection, PreprocessSection, TrainSection, TransformSection
from pipeline_builder.dag import caching
from pipeline_builder.definition.bundle import ARCHIVE, Bundle, Bundler
from pipeline_builder.definition.names import PIPELINE_NAME, parameter_name
from pipeline_builder.definition.steps import COMPOSERS
from pipeline_builder.definition.steps.closing import close_inputs
from pipeline_builder.definition.steps.context import Context, Mapped, chained_outputs, retry_policies
from pipeline_builder.definition.steps.data import DataInput, file_uri, files_of, processing_inputs, training_inputs
from pipeline_builder.definition.steps.freshness import data_addresses, data_parameters, with_variables, without_data
from pipeline_builder.definition.steps.gate import compose_gate, fail_name, gate_name
from pipeline_builder.definition.steps.merging import merge
from pipeline_builder.definition.steps.repack import compose_repack, needs_repack, repack_name
from pipeline_builder.documents.credentials import find_secrets, looks_like_secret
from pipeline_builder.documents.schema import describe
from pipeline_builder.documents.values import Settings
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.target import JSON

MANIFEST_PARAMETER = "ManifestCommit"
UNKNOWN_COMMIT = "unknown"
# The service takes 200 parameters per start; beyond this many repositories only the manifest's commit travels.
_MOST_COMMIT_PARAMETERS = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A composed definition.

    `content` is canonical JSON (sorted keys, fixed separators, final newline), `sha256` its digest (hex). `bundles`
    maps the s3:// address of each code archive to what goes there, `manifests` that of each list of data files to its
    content, `data` each parameter that carries a fingerprint of data to the addresses of that, `owners` every step's
    name to the conf's step that it was composed for, `groups` each model package group to its description.
    """

    pipeline: str
    content: bytes
    sha256: str
    bundles: Mapping[str, Bundle]
    manifests: Mapping[str, bytes]
    owners: Mapping[str, str]
    groups: Mapping[str, str]
    commit_parameters: Mapping[str, str]
    data: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()

    @property
    def own_parameters(self) -> tuple[str, ...]:
        """The parameters that whoever starts an execution sets, and nobody else."""
        return (MANIFEST_PARAMETER, *self.commit_parameters.values(), *self.data, caching.PARAMETER)


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
) -> tuple[Definition, list[Problem]]:
    """Compose what can be composed of the graph; with problems the definition lacks the steps that they are about.

    `repository_urls` has the url of each repository that a unit may come from, `images` the address of each image that
    confs name by framework and version, by model and section. Nothing of time, machine or folder gets
    into the content; commits come in as parameters when an execution starts.
    """
    context, bundles = _context(graph, settings, repository_urls, images or {})
    steps, problems = _compose_steps(context)
    problems += _pipeline_problems(graph)
    document: JSON = {
        "Version": "2020-12-01",
        "Metadata": {},
        "Parameters": _parameters(context, steps),
        "Steps": [*steps],
    }
    content = canonical(document)
    definition = Definition(
        pipeline=graph.pipeline,
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        bundles=bundles,
        manifests={} if problems else _manifests(context),
        owners=_owners(graph),
        groups=_groups(graph, steps),
        commit_parameters=context.commit_parameters,
        data={name: data_addresses(graph.by_name[step]) for step, name in context.data_parameters.items()},
        warnings=tuple(warning for step in graph.steps for warning in _warnings(step)),
    )
    return definition, problems


def _context(
    graph: Graph, settings: Settings, repository_urls: Mapping[str, str], images: Mapping[tuple[str, str], str]
) -> tuple[Context, Mapping[str, Bundle]]:
    bundles: dict[str, Bundle] = {}
    code: dict[str, str] = {}
    requirements = set()
    bundler = Bundler()
    for step in graph.steps:
        bundle = _bundle(step, bundler)
        if bundle is None:
            continue
        code[step.name] = f"s3://{settings.bucket}/{graph.pipeline}/code/{bundle.sha256}/{ARCHIVE}"
        bundles[code[step.name]] = bundle
        if bundle.has_requirements:
            requirements.add(step.name)
    repos = sorted({step.unit.conf.repo for step in graph.steps})
    names = repos if len(repos) <= _MOST_COMMIT_PARAMETERS else []
    context = Context(
        graph=graph,
        settings=settings,
        code=code,
        requirements=frozenset(requirements),
        commit_parameters={name: parameter_name("Commit", name) for name in names},
        data_parameters=data_parameters(graph),
        manifest_parameter=MANIFEST_PARAMETER,
        repository_urls=repository_urls,
        images=images,
    )
    return context, bundles


def _bundle(step: Step, bundler: Bundler) -> Bundle | None:
    """Return the code of the step's script; for the model steps that is the inference code."""
    section = step.unit.section
    job = step.job if step.step_class != "Transform" else None
    if step.step_class in ("CreateModel", "RegisterModel"):
        job = section.transform
    if job is None or not job.entry_point:
        return None
    others = [other.entry_point for other in step.unit.jobs.values() if other.entry_point]
    return bundler.bundle(step.unit.source_directory, entry_point=job.entry_point, others=others, include=job.include)


def _compose_steps(context: Context) -> tuple[list[Mapped], list[Problem]]:
    steps: dict[str, Mapped] = {}
    taken: dict[str, Step] = {}
    problems: list[Problem] = []
    for step in context.graph.steps:
        if nowhere := [*_without_bucket(step), *_bad_addresses(step)]:
            problems.extend(nowhere)
            continue
        try:
            made = [*_repack(context, step), _compose_step(context, step, steps)]
            composed = [with_variables(step, item, context.data_parameters.get(str(item["Name"]))) for item in made]
        except InputProblems as error:
            problems.extend(error.problems)
            continue
        taken |= dict.fromkeys(_made(step, composed) & context.graph.by_name.keys(), step)
        problems.extend(_secret(step, key, member) for member, key in find_secrets(composed[-1]["Arguments"]))
        steps.update((str(found["Name"]), found) for found in composed)
    problems.extend(_taken(context.graph.by_name[name], step) for name, step in taken.items())
    return list(steps.values()), problems


def _made(step: Step, composed: list[Mapped]) -> set[str]:
    """Return the names of the steps that are made for a step besides its own."""
    blocked = {fail_name(step.name)} if composed[-1]["Type"] == "Condition" else set()
    return {str(found["Name"]) for found in composed} - {step.name} | blocked


def _taken(step: Step, other: Step) -> Problem:
    """A step that the conf lists can't have the name of one that is made for another step: one would be lost."""
    message = f"two steps have the name '{step.name}': this one, and one that is made for the step '{other.name}'"
    hint = "give this one another name"
    return Problem(id="PB309", message=message, place=step.place, related=(other.place,), hint=hint)


_READABLE = "everybody who may read the pipeline would see it: keep it in AWS Secrets Manager, and give its name"


def _secret(step: Step, key: str, member: str) -> Problem:
    """Refuse what looks like a secret; its line isn't shown, and neither is its value."""
    spelling = {"Environment": "env", "HyperParameters": "hyperparams"}[member]
    place = replace(step.section_place(spelling, key), text="")
    message = f"step '{step.name}': the value of '{key}' in '{spelling}' looks like a secret"
    return Problem(id="PB328", message=message, place=place, hint=_READABLE)


def _compose_step(context: Context, step: Step, before: Mapping[str, Mapped]) -> Mapped:
    """Return the step with what the conf merges over its request; behind a gate where the model has bounds.

    `before` has the steps that it can refer to.
    """
    composed = COMPOSERS[step.step_class](context, step)
    section = step.registry if step.step_class == "RegisterModel" else step.job
    defaults = {parameter.name: parameter.default for parameter in context.graph.parameters}
    request = close_inputs(composed["Arguments"], before, defaults)
    arguments = merge(request, section.arguments if section else {})
    explicit: Mapped = {"DependsOn": list(step.explicit)} if step.explicit else {}
    found: Mapped = {
        "Name": step.name,
        **composed,
        "Arguments": merge(arguments, step.asked.arguments),
        **retry_policies(step),
        **explicit,
    }
    return compose_gate(context, step, found) if step.step_class == "RegisterModel" else found


def _repack(context: Context, step: Step) -> list[Mapped]:
    if step.step_class not in ("CreateModel", "RegisterModel") or not needs_repack(step):
        return []
    training = context.needed(step, "Training")
    assert training is not None
    return [compose_repack(context, step, training)]


def _pipeline_problems(graph: Graph) -> list[Problem]:
    """Check the pipeline's name and the defaults of its parameters.

    Job names are made of the pipeline's, so fewer characters do than the service model says.
    """
    document = graph.steps[0].conf.document
    problems = []
    for index, parameter in enumerate(graph.parameters):
        if isinstance(parameter.default, str) and looks_like_secret(parameter.name, parameter.default):
            place = document.place(("conf", "sagemakerPipeline", "parameters", index, "default"))
            message = f"the default of the parameter '{parameter.name}' looks like a secret"
            problems.append(Problem(id="PB328", message=message, place=replace(place, text=""), hint=_READABLE))
    if len(graph.pipeline) <= PIPELINE_NAME and re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*", graph.pipeline):
        return problems
    place = document.place(("conf", "sagemakerPipeline", "pipelineName"))
    message = f"the pipeline name {describe(graph.pipeline)} cannot be used"
    hint = f"letters, digits and single '-' between them, at most {PIPELINE_NAME}"
    return [*problems, Problem(id="PB325", message=message, place=place, hint=hint)]


def _parameters(context: Context, steps: list[Mapped]) -> list[JSON]:
    names = (MANIFEST_PARAMETER, *context.commit_parameters.values(), *context.data_parameters.values())
    defaults = dict.fromkeys(names, UNKNOWN_COMMIT)
    if any("CacheConfig" in step for step in steps):
        defaults[caching.PARAMETER] = caching.FIRST
    own: list[JSON] = [{"Name": n, "Type": "String", "DefaultValue": default} for n, default in defaults.items()]
    return [*own, *(_parameter(parameter) for parameter in context.graph.parameters)]


def _parameter(parameter: ParameterSection) -> JSON:
    default: Mapped = {} if parameter.default is None else {"DefaultValue": parameter.default}
    return {"Name": parameter.name, "Type": parameter.type, **default}


def _manifests(context: Context) -> dict[str, bytes]:
    """Return the content of every manifest that the steps name, by its address."""
    found: dict[str, bytes] = {}
    for step in context.graph.steps:
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
            groups.setdefault(group, graph.by_name[name].registry.group_description)
    return groups


def _registered(steps: JSON) -> Iterator[tuple[str, JSON]]:
    """Yield the name and the group of every RegisterModel step, also of those behind a gate."""
    for composed in steps if isinstance(steps, list) else ():
        if not isinstance(composed, dict) or not isinstance(arguments := composed["Arguments"], dict):
            continue
        if composed["Type"] == "RegisterModel":
            yield str(composed["Name"]), arguments["ModelPackageGroupName"]
        yield from _registered(arguments.get("IfSteps") if composed["Type"] == "Condition" else None)


def _owners(graph: Graph) -> Mapping[str, str]:
    """Return the conf's step behind each step that is composed for it."""
    owners = {step.name: step.name for step in graph.steps}
    for step in graph.steps:
        if step.step_class == "RegisterModel":
            owners |= {gate_name(step.name): step.name, fail_name(step.name): step.name}
        if step.step_class == "Training":
            owners[repack_name(step)] = step.name
    return owners


def _without_bucket(step: Step) -> list[Problem]:
    """A file that is no s3:// address needs its channel's bucket; one with another scheme is none at all."""
    problems = []
    for name, file, _ in files_of(step.job.channels) if step.job else ():
        assert step.job is not None
        text = file.file_name
        if isinstance(text, str) and "://" in text and not text.startswith("s3://"):
            message = f"the file '{text}' of channel '{name}' is not in S3"
            place = step.section_place("channels", name)
            hint = "write it as s3://bucket/key; the service fetches data from nowhere else"
            problems.append(Problem(id="PB322", message=message, place=place, hint=hint))
        elif isinstance(text, str) and not text.startswith("s3://") and not step.job.channels[name].bucket:
            message = f"the file '{text}' of channel '{name}' has no bucket"
            place = step.section_place("channels", name)
            hint = "write it as s3://bucket/key, or give the channel 's3BucketName' and 's3InputPrefix'"
            problems.append(Problem(id="PB322", message=message, place=place, hint=hint))
    return problems


def _bad_addresses(step: Step) -> list[Problem]:
    """What no bucket can have, or what would lead out of one, is said here and not by the service or the engine."""
    problems = []
    for name, channel in step.job.channels.items() if step.job else ():
        for index, file in enumerate(channel.data_files):
            uri = file_uri(channel, file)
            if not isinstance(uri, str) or not (match := re.fullmatch(r"s3://([^/]+)/?(.*)", uri, re.DOTALL)):
                continue
            wrong = ""
            if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,62}|arn:.*", match[1]):
                wrong = "a bucket's name has lower-case letters, digits, '.' and '-'"
            elif {".", ".."} & set(match[2].split("/")):
                wrong = "a key has no '.' or '..' between its slashes"
            if wrong:
                message = f"the address {describe(uri)} of channel '{name}' can't be used: {wrong}"
                place = step.section_place("channels", name, "dataFiles", index, "fileName")
                problems.append(Problem(id="PB330", message=message, place=place))
    return problems


# Keys that a section takes for compatibility, by what they'd be in the other sections, and why they do nothing there.
_WITHOUT_EFFECT: Mapping[str, Mapping[str, str]] = {
    "transform": {
        "image_uri": "the image of registry.InferenceSpecification is used",
        "volume_size": "a batch transform job has no volume size",
        "volume_size_in_gb": "a batch transform job has no volume size",
        "max_runtime_seconds": "a batch transform job has no maximum run time",
        "max_runtime_in_seconds": "a batch transform job has no maximum run time",
    },
    "evaluate": {
        "strategy": "it belongs to a batch transform",
        "max_payload": "it belongs to a batch transform",
        "content_type": "it belongs to a batch transform",
    },
    "preprocess": {"framework_version": "the image decides the version"},
}


def _warnings(step: Step) -> list[Problem]:
    """A key that is set and does nothing is said."""
    if step.job is None or (isinstance(step.job, TransformSection) and step.step_class != "Transform"):
        return []
    document = step.unit.conf.document
    found = []
    for key, why in _WITHOUT_EFFECT.get(step.section_name, {}).items():
        path = (*step.unit.path, step.section_name, key)
        if path in document.keys:
            message = f"'{key}' has no effect in '{step.section_name}': {why}"
            found.append(Problem(id="PB230", message=message, place=document.place(path, key=True), warning=True))
    if step.job.cache.data and (why := without_data(step)):
        place = step.section_place("cache", "data")
        message = f"'data' has no effect in 'cache' of '{step.name}': {why}"
        found.append(Problem(id="PB230", message=message, place=place, warning=True))
    return found
