"""A model repository's `conf.yaml`: the file as a whole, as `docs/reference/conf.md` lists it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from pipeline_builder.conf.calls import CallbackSection, LambdaSection
from pipeline_builder.conf.parameters import ParameterSection
from pipeline_builder.conf.registration import GateSection, RegistrySection
from pipeline_builder.conf.sdk import SdkSection
from pipeline_builder.conf.sections import EvaluateSection, PreprocessSection, TrainSection, TransformSection
from pipeline_builder.conf.tuning import MOST_TOP, TuneSection
from pipeline_builder.conf.variables import refusing
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.dates import DATES
from pipeline_builder.documents.expressions import read_expressions
from pipeline_builder.documents.fields import Arguments, EmptyMapping, Later, Names, NoFlag, StepClass, Switch, Word
from pipeline_builder.documents.schema import Section, describe, read_rest, read_section
from pipeline_builder.documents.source import Document, load_yaml
from pipeline_builder.documents.values import substitute
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.manifest.paths import RelativePath
from pipeline_builder.manifest.pipelines import Kind
from pipeline_builder.manifest.policy import Rules

if TYPE_CHECKING:
    from pipeline_builder.conf.inference import UsedModelSection
    from pipeline_builder.conf.publishing import PublishSection

_CONF = "pipeline_builder.conf"
IDS = {"unknown": "PB202", "missing": "PB203", "value": "PB204", "later": "PB205"}


class ModelSection(Section):
    """One modeling unit: its scripts and the configuration of its steps.

    A section of another name is a job too, where a Processing, Training, Tuning, Lambda or Callback step names it as
    its `step_type`.
    """

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"additionalProperties": {"type": "object"}},
    )

    source_directory: RelativePath | None = Field(
        None, description="scripts of all steps, relative to the training directory or the repository"
    )
    name: Word = Field("", description="name of the SageMaker model")
    preprocess: PreprocessSection | None = Field(None, description="a Processing step's job")
    train: TrainSection | None = Field(None, description="a Training step's job")
    tune: TuneSection | None = Field(None, description="a Tuning step's job: a Training step's, varied")
    transform: TransformSection | None = Field(None, description="the Transform step's job and the inference code")
    evaluate: EvaluateSection | None = Field(None, description="the Metrics step's job")
    registry: RegistrySection | None = Field(None, description="the model package")
    function: LambdaSection | None = Field(None, alias="lambda", description="a Lambda step's function")
    callback: CallbackSection | None = Field(None, description="a Callback step's queue, and what it waits for")
    quality_check: Annotated[Any, Later(f"{_CONF}.checks:QualityCheckSection")] = Field(
        None, description="a QualityCheck step's job"
    )
    clarify_check: Annotated[Any, Later(f"{_CONF}.checks:ClarifyCheckSection")] = Field(
        None, description="a ClarifyCheck step's job"
    )
    emr: Annotated[Any, Later(f"{_CONF}.analytics:EMRSection")] = Field(None, description="an EMR step's work")
    emr_serverless: Annotated[Any, Later(f"{_CONF}.analytics:EMRServerlessSection")] = Field(
        None, description="an EMRServerless step's work"
    )
    automl: Annotated[Any, Later(f"{_CONF}.analytics:AutoMLSection")] = Field(None, description="an AutoML step's job")
    notebook: Annotated[Any, Later(f"{_CONF}.analytics:NotebookSection")] = Field(
        None, description="a NotebookJob step's job"
    )
    baseline: Annotated[Any, Later(f"{_CONF}.monitoring:BaselineSection")] = Field(
        None, description="a Baseline step's job: what later data are held against"
    )
    sdk: SdkSection | None = Field(None, description="a function that returns steps of the SageMaker SDK")
    gate: tuple[GateSection, ...] = Field((), description="bounds on metrics that decide about registering")

    @property
    def used(self) -> UsedModelSection | None:
        """The model package that the steps use; one that trains its own uses none."""
        return None

    @property
    def published(self) -> PublishSection | None:
        """Where readers find predictions; one that trains has none, whatever sections it has for its steps."""
        return None

    @property
    def others(self) -> Mapping[str, JSON]:
        """Return the sections of other names as they are written."""
        return self.model_extra or {}


def _below(value: str) -> str:
    if ".." in value.split("/"):
        raise ValueError(f"the path {describe(value)} is refused, expected a path without '..'")
    return value


class DependencySection(Section):
    """A step that another waits for, and the end of it that lets the other run."""

    step: str = Field(description="name of the step")
    trigger: Literal["Completed", "Failed", "Stopped", "Any"] = Field(
        "Completed", description="the end that lets this step run; Any is whichever it has"
    )


def _dependencies(value: JSON) -> JSON:
    """A name is short for a step that has to succeed, one entry for a list of it."""
    items = value if isinstance(value, list) else [value]
    return [{"step": item} if isinstance(item, str) else item for item in items]


class StepSection(Section):
    """One step of a model in the pipeline."""

    step_name: str = Field(description="unique in the pipeline")
    step_class: StepClass = Field(description="what the step does")
    step_type: str = Field("", description="which section configures it")
    enable_cache: Switch = Field(False, description="whether the step cache may answer")
    chained: Names = Field((), alias="chain_input_source_step", description="steps whose outputs become inputs")
    prefix: Annotated[str, AfterValidator(_below)] = Field(
        "",
        alias="chain_input_additional_prefix",
        description="Transform only: a file below the input, or a folder that ends with '/'",
    )
    top_k: Annotated[int, Field(ge=0, lt=MOST_TOP), NoFlag] | None = Field(
        None,
        description="which model of a tuning the step takes: 0 the best, which is the default, 1 the second, …",
    )
    depends_on: Annotated[
        tuple[DependencySection, ...],
        BeforeValidator(
            _dependencies, json_schema_input_type=str | DependencySection | tuple[str | DependencySection, ...]
        ),
    ] = Field((), description="steps to wait for besides 'dependencies'; a name, or step and trigger")
    arguments: Arguments = Field(
        {},
        description="merged over this step's request, after the section's own; of a class without section all of it",
    )
    conditions: Annotated[Any, Later(f"{_CONF}.comparisons:Comparisons")] = Field(
        None, description="Condition only: entries that all have to hold"
    )
    if_steps: Names = Field((), alias="if", description="Condition only: steps that run where the conditions hold")
    else_steps: Names = Field((), alias="else", description="Condition only: steps that run where they don't")
    message: Annotated[Any, Later(f"{_CONF}.comparisons:Message")] = Field(
        None, description="Fail only: what the execution fails with; a text, or a list of texts and values"
    )


class PipelineModel(Section):
    """The steps of one model."""

    steps: tuple[StepSection, ...] = Field(description="the model's steps, in any order")


class PipelineSection(Section):
    """The DAG: in exactly one of all files."""

    name: str = Field(alias="pipelineName", description="name of the SageMaker pipeline")
    models: dict[str, PipelineModel] = Field(description="steps by model")
    dependencies: Names = Field((), description="'a >> b >> c', added to those that references imply")
    parameters: tuple[ParameterSection, ...] = Field((), description="pipeline parameters: name, type, default")


class ConfSection(Section):
    """What stands under `conf`."""

    models: Annotated[dict[str, ModelSection], EmptyMapping] = Field({}, description="the modeling units")
    pipeline: PipelineSection | None = Field(None, alias="sagemakerPipeline", description="the DAG, in one file only")


class ConfFile(Section):
    """The whole file."""

    conf: ConfSection = Field(description="everything")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConf:
    """One parsed file, with the repository that it is in and that repository's folder.

    `data` is the file with placeholders filled in and expressions read, `kind` that of its pipeline.
    """

    repo: str
    folder: Path
    document: Document
    section: ConfSection
    data: JSON
    kind: Kind = "training"
    has_expressions: bool = field(init=False, repr=False, compare=False)
    """Whether there can be an expression in the file; most have none, and then nobody has to look for one."""

    def __post_init__(self) -> None:
        text = self.document.source.text  # once: each of a thousand models in the file asks
        object.__setattr__(self, "has_expressions", "$" in text or "Get" in text or "Std:" in text)

    @property
    def file(self) -> str:
        """The file's path in the repository, with which people know it."""
        return self.document.source.label.partition(":")[2]

    def section_data(self, model: str) -> Mapping[str, JSON]:
        """Return a model's sections as they are written, with their expressions."""
        data = self.data
        for key in ("conf", "models", model):
            data = data.get(key) if isinstance(data, dict) else None
        return data if isinstance(data, dict) else {}


def load_conf(
    path: Path, *, label: str, repo: str, folder: Path, values: Mapping[str, str], kind: Kind = "training"
) -> ModelConf:
    """Read one conf file and fill in its placeholders.

    Raises:
        InputProblems: PB201 for a file that isn't YAML, PB202 to PB210 for what is in it; all of them.
    """
    conf, problems = read_conf(path, label=label, repo=repo, folder=folder, values=values, kind=kind)
    if conf is None or problems:
        raise InputProblems(*problems)
    return conf


def read_conf(
    path: Path,
    *,
    label: str,
    repo: str,
    folder: Path,
    values: Mapping[str, str],
    rules: Rules | None = None,
    kind: Kind = "training",
) -> tuple[ModelConf | None, tuple[Problem, ...]]:
    """Read one conf file: what could be read of it, and every problem in it.

    With problems the conf lacks what they are about; it has all models and steps, or it is None. `rules` say which
    variables it may name.
    """
    try:
        document = load_yaml(path, label, "PB201")
    except InputProblems as error:
        return None, error.problems
    return conf_of(document, repo=repo, folder=folder, values=values, rules=rules, kind=kind)


def conf_of(
    document: Document,
    *,
    repo: str,
    folder: Path,
    values: Mapping[str, str],
    rules: Rules | None = None,
    kind: Kind = "training",
) -> tuple[ModelConf | None, tuple[Problem, ...]]:
    """Read a conf file that is parsed already, as `read_conf` does."""
    if not isinstance(document.data, dict):
        message = f"the file is {describe(document.data)}, expected a mapping with 'conf'"
        return None, (Problem(id="PB201", message=message, place=document.place()),)
    inference = kind == "inference"
    refuse = refusing(rules or Rules(repo=repo), dates=not inference)
    filled, unset = substitute(document, values, refuse, DATES if inference else None)
    data, whole = read_expressions(filled), _file_of(kind)
    section, problems = read_section(whole, data, document, (), IDS)
    if section is None:
        section = read_rest(whole, data)
        if section is None or not _lists_the_same(section.conf, data):
            return None, (*unset, *problems)
    conf = ModelConf(repo=repo, folder=folder, document=document, section=section.conf, data=data, kind=kind)
    return conf, (*unset, *problems)


def _file_of(kind: Kind) -> type[ConfFile]:
    """Return what a file of the kind has; what only few pipelines have is read where one is."""
    if kind == "training":
        return ConfFile
    from pipeline_builder.conf.inference import InferenceFile

    return InferenceFile


def _lists_the_same(section: ConfSection, data: JSON) -> bool:
    """Tell whether the section has every model, and every step of the pipeline, that the file has."""
    models = _at(data, "conf", "models")
    listed = _at(data, "conf", "sagemakerPipeline", "models")
    read = section.pipeline.models if section.pipeline else {}
    counts = {name: len(model.steps) for name, model in read.items()}
    written = {name: model.get("steps") for name, model in listed.items() if isinstance(model, dict)}
    return (
        section.models.keys() == models.keys()
        and read.keys() == listed.keys()
        and counts == {name: len(steps) for name, steps in written.items() if isinstance(steps, list)}
        and bool(section.pipeline) == ("sagemakerPipeline" in _at(data, "conf"))
    )


def _at(data: JSON, *keys: str) -> Mapping[str, JSON]:
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}
