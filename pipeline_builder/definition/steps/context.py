"""What every step class composes with: settings, code addresses, and the pieces that their requests share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pipeline_builder.conf.containers import sources_of
from pipeline_builder.conf.graph import Graph, Step
from pipeline_builder.conf.registration import InferenceSpecification
from pipeline_builder.conf.sections import EvaluateSection, JobSection, TrainSection
from pipeline_builder.definition.names import CHANNEL_NAME, shorten
from pipeline_builder.definition.roles import role_of
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import Expression, get, join
from pipeline_builder.documents.members import items_of, member_at
from pipeline_builder.documents.values import Settings
from pipeline_builder.errors import InputProblems, Problem

Mapped = dict[str, JSON]
DEFAULT_CHANNEL = "train"
# The files of a baseline by the members of DriftCheckBaselines that have their addresses.
DATA_QUALITY: Mapping[str, str] = {"Statistics": "statistics.json", "Constraints": "constraints.json"}
MODEL_QUALITY: Mapping[str, str] = {
    "Statistics": "quality_statistics.json", "Constraints": "quality_constraints.json",
}  # fmt: skip
WATCHING = {"Baseline": "baseline", "Monitor": "monitor"}
"""The one output of the steps that watch data, by their class."""
# Below the pipeline's name in its bucket: code and lists of files by their hashes, definitions, evidence; and what
# executions made before each repository had a folder of its own.
OWN_FOLDERS = ("code", "definitions", "evidence", "executions", "manifests")
# Where models are used, too: which days are scored by what, and which trainings were asked for.
SCORING_FOLDERS = ("ledger", "retraining")
_STEP_ERRORS = ("Step.SERVICE_FAULT", "Step.THROTTLING")
_JOB_ERRORS = ("SageMaker.JOB_INTERNAL_ERROR", "SageMaker.CAPACITY_ERROR", "SageMaker.RESOURCE_LIMIT")
_ATTEMPTS = 5
_ELSEWHERE = ("EMR", "EMRServerless")  # whose jobs are none of SageMaker's


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """`code` has the s3:// address of each step's bundle, `requirements` the steps whose bundle has a requirements.txt,
    `packages` those whose bundle has a setup.py, `commit_parameters` the parameter that carries the commit of each
    repository, `data_parameters` that of each step which carries the fingerprint of its data, `images` the address of
    each image that confs name by framework and version, by model and section, `isolated` the repositories whose jobs
    are to have no network.
    """

    graph: Graph
    settings: Settings
    code: Mapping[str, str]
    requirements: frozenset[str] = frozenset()
    packages: frozenset[str] = frozenset()
    commit_parameters: Mapping[str, str] = field(default_factory=dict)
    data_parameters: Mapping[str, str] = field(default_factory=dict)
    manifest_parameter: str = ""
    repository_urls: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[tuple[str, str], str] = field(default_factory=dict)
    isolated: frozenset[str] = frozenset()

    def is_isolated(self, step: Step) -> bool:
        """Whether the policy wants network isolation of everything that the step's repository runs."""
        return step.repository in self.isolated

    def image(self, step: Step, section: JobSection | InferenceSpecification) -> JSON:
        """Return the address of the image of a step's section."""
        name = step.section_name if isinstance(section, JobSection) else "registry"
        return section.image_uri or self.images.get((step.unit.name, name), "")

    def text(self, value: str | Expression) -> JSON:
        """Return a value for a place where the service wants a text: a parameter of another type goes into a join."""
        if not isinstance(value, Expression):
            return value
        kinds = {f"Parameters.{parameter.name}": parameter.type for parameter in self.graph.parameters}
        if kinds.get(str(value.get("Get")), "String") != "String":
            return join("", dict(value))
        return value

    def texts(self, values: Mapping[str, str | Expression]) -> Mapped:
        """Return a mapping of texts."""
        return {key: self.text(value) for key, value in values.items()}

    def role(self, step: Step) -> str:
        """Return the role that a step's job runs as."""
        return role_of(self.settings, step.repository)

    @property
    def base(self) -> str:
        """The prefix of everything that the pipeline writes."""
        return self.settings.base(self.graph.pipeline)

    def unit_steps(self, step: Step, step_class: str) -> tuple[Step, ...]:
        """Return the steps of the same model and the given class, in topological order."""
        return tuple(s for s in self.graph.by_unit[step.unit.name] if s.step_class == step_class)

    def needed(self, step: Step, step_class: str) -> Step | None:
        """Return the step of the same model and the given class that this one depends on."""
        found = [s for s in self.unit_steps(step, step_class) if s.name in step.depends_on]
        return found[-1] if found else None

    def trained(self, step: Step) -> Step:
        """Return the step of the same model whose model this one takes: a training, or a tuning.

        Raises:
            InputProblems: PB854 where the step counts models, and that one trains a single one.
        """
        found = [s for s in self.graph.by_unit[step.unit.name] if s.trains and s.name in step.depends_on]
        chosen = ([s for s in found if s.name not in sources_of(step)] or found)[-1]
        if step.asked.top_k is not None and not chosen.tune_name:
            message = (
                f"step '{step.name}': 'top_k' chooses a model of a tuning, and it takes the one of '{chosen.name}'"
            )
            place = step.conf.document.place((*step.path, "top_k"))
            raise InputProblems(Problem(id="PB854", message=message, place=place))
        return chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class Chained:
    """One output of a chained step: its label, and a reference to its s3:// address."""

    step: str
    label: str
    uri: JSON


def execution_uri(context: Context, step: Step, *parts: str, name: str = "") -> Mapped:
    """Return an address of the step's own in each execution, so that no run overwrites another's files.

    It lies below the folder of the step's repository, which nobody else's jobs may write to. `name` is that of a step
    which is made for this one.
    """
    base = execution_base(context.base, "" if context.settings.shared_outputs else step.repository)
    return join("/", base, get("Execution.PipelineExecutionId"), name or step.name, *parts)


def execution_base(base: str, repository: str) -> str:
    """Return the folder of a repository's outputs below the pipeline's; without a repository that of before."""
    return f"{base}/{repository}/executions" if repository else f"{base}/executions"


def chained_outputs(context: Context, step: Step, *, single: str = DEFAULT_CHANNEL) -> tuple[Chained, ...]:
    """Return every output of the chained steps; a Processing step has one per channel of its own, others have one.

    That of a Metrics step is labelled as it is named.

    `single` is the label of the one output of a Training or Transform step.
    """
    outputs: list[Chained] = []
    for name in step.asked.chained:
        source = context.graph.by_name[name]
        top = step.asked.top_k if source.tune_name else None
        if source.call is not None:
            continue  # its outputs are values
        if source.made:
            outputs += (Chained(step=name, label=label or single, uri=uri) for label, uri in outputs_made(source))
        elif source.step_class == "Processing":
            outputs += [Chained(step=name, label=c, uri=output_uri(name, c)) for c in output_channels(source)]
        elif source.step_class == "Metrics":
            label = report_output(source)
            outputs.append(Chained(step=name, label=label, uri=output_uri(name, label)))
        elif source.step_class in WATCHING:
            label = WATCHING[source.step_class]
            outputs.append(Chained(step=name, label=label, uri=output_uri(name, label)))
        elif source.trains:
            outputs.append(Chained(step=name, label=single, uri=model_uri(source, top)))
        else:
            outputs.append(Chained(step=name, label=single, uri=get(f"Steps.{name}.TransformOutput.S3OutputPath")))
    return tuple(outputs)


def outputs_made(source: Step) -> Iterator[tuple[str, JSON]]:
    """Yield label and address of each output of a step that a factory has made; of a single one without a label."""
    name, kind, request = source.name, source.asked.step_type, source.asked.arguments.get("Arguments")
    if kind == "Processing":
        for output in items_of(member_at(request, ("ProcessingOutputConfig",)), "Outputs"):
            label = str(member_at(output, ("OutputName",)))
            yield label, output_uri(name, label)
    elif kind == "Training":
        yield "", get(f"Steps.{name}.ModelArtifacts.S3ModelArtifacts")
    else:
        yield "", get(f"Steps.{name}.TransformOutput.S3OutputPath")


def model_uri(trained: Step, top: int | None = None) -> Mapped:
    """Return the address of the model that a step has trained; of a tuning the best, or the one that `top` counts to.

    A tuning tells the names of its trainings, and no address. Where its models go by a reference, such as to a folder
    of the execution, that folder is the tuning job's own: one out of the step cache is of another execution.
    """
    if not trained.tune_name:
        return get(f"Steps.{trained.name}.ModelArtifacts.S3ModelArtifacts")
    which = "BestTrainingJob" if top is None else f"TrainingJobSummaries[{top}]"
    own = get(f"Steps.{trained.name}.TrainingJobDefinition.OutputDataConfig.S3OutputPath")
    folder, name = _models_of(trained), get(f"Steps.{trained.name}.{which}.TrainingJobName")
    return join("/", folder.rstrip("/") if isinstance(folder, str) else own, name, "output/model.tar.gz")


def _models_of(tuning: Step) -> JSON:
    """Return the folder of a tuning's models, as `arguments` or the training's section say it; None where none does."""
    path, job, tune = ("OutputDataConfig", "S3OutputPath"), tuning.job, tuning.tune
    assert isinstance(job, TrainSection)
    assert tune is not None
    over = [(given, ("TrainingJobDefinition", *path)) for given in (tuning.asked.arguments, tune.arguments)]
    found = (member_at(given, at) for given, at in (*over, (job.arguments, path)))
    return next((uri for uri in found if uri), job.output_path or None)


def output_channels(step: Step) -> tuple[str, ...]:
    """Return the labels of a Processing step's outputs: the channels of its section."""
    return tuple(step.job.channels) if step.job and step.job.channels else (DEFAULT_CHANNEL,)


def output_uri(step: str, output: str) -> Mapped:
    """Return a reference to the address of a Processing job's output."""
    return get(f"Steps.{step}.ProcessingOutputConfig.Outputs['{output}'].S3Output.S3Uri")


def report_output(metrics: Step) -> str:
    """Return the name of a Metrics step's output, which its property file has as well."""
    assert isinstance(metrics.job, EvaluateSection)
    return metrics.job.output_name


def report_uri(metrics: Step) -> Mapped:
    """Return the address of the report that a Metrics step writes."""
    assert isinstance(metrics.job, EvaluateSection)
    return join("/", output_uri(metrics.name, report_output(metrics)), metrics.job.file)


def own_channel(job: JobSection) -> str:
    """Return the one label of a section that takes a single input: its channel.

    Of several it is one without files of its own, which has no other purpose than to give the label.
    """
    labels = [name for name, channel in job.channels.items() if not channel.data_files]
    return next(iter(labels or job.channels), DEFAULT_CHANNEL)


def channel_name(step: str, label: str) -> str:
    """Return the name of a chained channel: `<step>-<label>`."""
    return shorten(f"{step}-{label}", CHANNEL_NAME)


def tag_list(context: Context, tags: Mapping[str, str | Expression]) -> list[JSON]:
    """Return the framework's tags and, over them, a section's own, as the service takes them."""
    merged = {**context.settings.tags, **tags}
    return [{"Key": key, "Value": context.text(value)} for key, value in sorted(merged.items())]


def without_empty(request: Mapped) -> Mapped:
    """Drop members that have nothing in them, so that a request has only what was asked for."""
    return {key: value for key, value in request.items() if value or value not in (None, "", [], {})}


def vpc_config(settings: Settings) -> Mapped:
    """Return the network of a job; empty where none is set."""
    if not settings.subnets:
        return {}
    return {"SecurityGroupIds": list(settings.security_groups), "Subnets": list(settings.subnets)}


def cache_config(step: Step) -> Mapped:
    """Return the step cache's configuration, off unless the step turns it on."""
    if not step.asked.enable_cache or step.own is None:
        return {}
    return {"CacheConfig": {"Enabled": True, "ExpireAfter": step.own.cache.expire_after}}


def dependencies(step: Step) -> Mapped:
    """Return whom a step waits for besides its references: by name, or for a certain end of it."""
    names: list[JSON] = list(step.explicit)
    ends: list[JSON] = [{"Step": name, "Trigger": trigger} for name, trigger in step.triggers]
    return {"DependsOn": [*names, *ends]} if names or ends else {}


def retry_policies(step: Step) -> Mapped:
    """Return when the service tries the step again; a policy that names no exceptions has all that fit the step."""
    section = step.modelled or step.own
    asked = section.retry if section else step.request.attempts if step.request else ()
    has_job = step.job is not None or (step.request is not None and step.step_class not in _ELSEWHERE)
    policies: list[JSON] = []
    for retry in asked:
        policy: Mapped = {
            "ExceptionType": list(retry.exceptions or (*_STEP_ERRORS, *(_JOB_ERRORS if has_job else ()))),
            "IntervalSeconds": retry.interval_seconds,
            "BackoffRate": retry.backoff_rate,
        }
        if retry.expire_after_minutes is not None:
            policy["ExpireAfterMin"] = retry.expire_after_minutes
        if retry.max_attempts is not None or retry.expire_after_minutes is None:
            policy["MaxAttempts"] = _ATTEMPTS if retry.max_attempts is None else retry.max_attempts
        policies.append(policy)
    return {"RetryPolicies": policies} if policies else {}
