"""A model repository's `conf.yaml`: its sections with their defaults, as `docs/reference/conf.md` lists them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field

from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.manifest import RelativePath
from pipeline_builder.schema import Section, describe, read_section
from pipeline_builder.source import Document, load_yaml
from pipeline_builder.target import JSON
from pipeline_builder.values import substitute

_IDS = {"unknown": "PB202", "missing": "PB203", "value": "PB204", "later": "PB205"}

StepClass = Literal["Processing", "Training", "CreateModel", "Transform", "Metrics", "RegisterModel"]
Approval = Literal["PendingManualApproval", "Approved", "Rejected"]


def _text(value: JSON) -> JSON:
    """A number or boolean where the service wants a text is meant as it is written."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _channels(value: JSON) -> JSON:
    """`channels: train` and `channels: {train: }` both declare a channel without data of its own."""
    if isinstance(value, str):
        return {value: {}}
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return {str(item): {} for item in value}
    if isinstance(value, dict):
        return {key: {} if channel is None else channel for key, channel in value.items()}
    return value


def _list(value: JSON) -> JSON:
    return [value] if isinstance(value, str) else value


def _empty(value: JSON) -> JSON:
    """A key with nothing behind it is a mapping with nothing in it."""
    return {} if value is None else value


def _no_files(value: JSON) -> JSON:
    return [] if value is None else value


def _repack(value: JSON) -> JSON:
    on = value is True or str(value).strip().lower() == "true"
    if on:
        raise ValueError("'ModelRepack: \"True\"' is not supported yet, write 'ModelRepack: \"False\"'")
    if value is not False and str(value).strip().lower() != "false":
        raise ValueError(f'\'ModelRepack\' is {describe(value)}, expected "True" or "False"')
    return False


def _iso_duration(value: str) -> str:
    import re

    if not re.fullmatch(r"P(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?", value):
        raise ValueError(f"'expire_after' is {describe(value)}, expected an ISO 8601 duration such as P30D")
    return value


Text = Annotated[str, BeforeValidator(_text, json_schema_input_type=str | int | float | bool)]
Env = Annotated[dict[str, Text], BeforeValidator(_empty, json_schema_input_type=dict[str, Text] | None)]
Names = Annotated[tuple[str, ...], BeforeValidator(_list, json_schema_input_type=str | tuple[str, ...])]
Count = Annotated[int, Field(ge=1)]


def _tags(value: JSON) -> JSON:
    """Tags come as a mapping, or as the service writes them: a list of Key and Value."""
    if value is None:
        return {}
    if isinstance(value, list) and all(isinstance(tag, dict) and set(tag) == {"Key", "Value"} for tag in value):
        return {str(tag["Key"]): tag["Value"] for tag in value if isinstance(tag, dict)}
    return value


Tags = Annotated[
    dict[str, Text],
    BeforeValidator(_tags, json_schema_input_type=dict[str, Text] | tuple[dict[str, str], ...] | None),
]


class DataFile(Section):
    """One entry of a channel's `dataFiles`."""

    source_name: str = Field(alias="sourceName", description="name of the input; a folder of that name gets the file")
    file_name: str = Field(
        alias="fileName", description="s3://bucket/key, or a key below the channel's bucket and prefix"
    )


class Channel(Section):
    """A channel of a job: data files of its own, or none."""

    later: ClassVar[Mapping[str, str]] = {
        "InputLocalFilepath": "take it out: inputs arrive where the language's table says",
        "bucket_prefix": "take it out: the output gets a prefix per execution",
    }
    bucket: str = Field(
        "", validation_alias=AliasChoices("s3BucketName", "s3Bucket"), description="bucket of the files"
    )
    prefix: str = Field(
        "", validation_alias=AliasChoices("s3InputPrefix", "inputBucketPrefix"), description="prefix of the files"
    )
    data_files: Annotated[tuple[DataFile, ...], BeforeValidator(_no_files)] = Field(
        (), alias="dataFiles", description="the files; every one counts"
    )


Channels = Annotated[
    dict[str, Channel],
    BeforeValidator(_channels, json_schema_input_type=str | tuple[str, ...] | dict[str, Channel | None]),
]


class CacheSection(Section):
    """How long a step's result may be taken from the cache."""

    later: ClassVar[Mapping[str, str]] = {"data": "take it out: the local engine always looks at the data itself"}
    expire_after: Annotated[str, AfterValidator(_iso_duration)] = Field("P30D", description="ISO 8601 duration")


class JobSection(Section):
    """What all job sections have in common."""

    later: ClassVar[Mapping[str, str]] = {
        "arguments": "take it out: a passthrough to the service's request comes later",
        "retry": "take it out: retry policies come later",
        "image": "write the image's address as image_uri",
    }
    image_uri: Annotated[str, Field(min_length=1)] = Field(description="address of the container image")
    entry_point: RelativePath = Field(description="script to run, below the source directory")
    include: Names = Field(
        (), description="only these files of the source directory (patterns), besides the entry point"
    )
    base_job_name: str = Field("", description="prefix of the job's name")
    instance_count: Count = Field(1, description="instances")
    instance_type: str = Field("ml.m5.2xlarge", description="instance type")
    volume_size: Count = Field(
        50,
        validation_alias=AliasChoices("volume_size_in_gb", "volume_size"),
        description="storage volume, GB",
    )
    max_runtime: Count = Field(
        3600,
        validation_alias=AliasChoices("max_runtime_seconds", "max_runtime_in_seconds"),
        description="maximum run time, seconds",
    )
    tags: Tags = Field({}, description="tags of the job")
    env: Env = Field({}, description="environment variables of the job")
    channels: Channels = Field({}, description="data of the job; a bare name, or names with files")
    cache: CacheSection = Field(CacheSection(), description="expiry of the step cache")


class _InputModes(JobSection):
    """How a Processing job's inputs arrive."""

    later: ClassVar[Mapping[str, str]] = {
        **JobSection.later,
        "location": "take it out: outputs are looked for in /opt/ml/processing/output/<channel>",
        "inputLocalFilepath": "take it out: inputs arrive in /opt/ml/processing/input/<sourceName>",
    }
    s3_data_distribution_type: Literal["FullyReplicated", "ShardedByS3Key"] = Field(
        "FullyReplicated", description="how instances share the data"
    )
    s3_data_type: Literal["S3Prefix", "ManifestFile"] = Field("S3Prefix", description="what the addresses are")
    s3_input_mode: Literal["File", "Pipe"] = Field("File", description="how data arrives")


class PreprocessSection(_InputModes):
    """A Processing step's job."""

    volume_size: Count = Field(
        32, validation_alias=AliasChoices("volume_size_in_gb", "volume_size"), description="storage volume, GB"
    )
    max_runtime: Count = Field(
        3000,
        validation_alias=AliasChoices("max_runtime_seconds", "max_runtime_in_seconds"),
        description="maximum run time, seconds",
    )
    s3_upload_mode: Literal["EndOfJob", "Continuous"] = Field("EndOfJob", description="when outputs are uploaded")
    framework_version: Text = Field("0", description="read for compatibility; the image decides the version")


class TrainSection(JobSection):
    """A Training step's job."""

    volume_size: Count = Field(
        32, validation_alias=AliasChoices("volume_size_in_gb", "volume_size"), description="storage volume, GB"
    )
    max_runtime: Count = Field(
        3000,
        validation_alias=AliasChoices("max_runtime_seconds", "max_runtime_in_seconds"),
        description="maximum run time, seconds",
    )
    hyperparameters: Annotated[dict[str, Any], BeforeValidator(_empty)] = Field(
        {}, validation_alias=AliasChoices("hyperparams", "hyperparameters"), description="arguments of the script"
    )
    model_data_uri: str = Field("", description="a trained model to start from, as channel 'model'")
    output_path: str = Field("", description="s3:// address for the model artifact")
    content_type: str = Field("", description="MIME type of the channels")
    input_mode: Literal["File", "Pipe", "FastFile"] = Field("File", description="how data arrives")
    distribution: Literal["FullyReplicated", "ShardedByS3Key"] = Field(
        "FullyReplicated", description="how instances share the data"
    )


class TransformSection(JobSection):
    """The batch transform's job; its entry point is the inference code."""

    image_uri: str = Field("", description="has no effect: the registry's image is used")
    entry_point: RelativePath | None = Field(None, description="inference script, below the source directory")  # type: ignore[assignment] # it is optional here only
    strategy: Literal["SingleRecord", "MultiRecord"] | None = Field(None, description="records per request")
    assemble_with: Literal["None", "Line"] | None = Field(None, description="how results are put together")
    join_source: Literal["None", "Input"] | None = Field(None, description="joins results with their input")
    split_type: Literal["None", "Line", "RecordIO", "TFRecord"] | None = Field(None, description="how input is cut")
    content_type: str = Field("text/csv", description="MIME type of input, and of output unless 'accept' is given")
    accept: str = Field("", description="MIME type of the output")
    max_payload: Annotated[int, Field(ge=0, le=100)] | None = Field(None, description="largest request, MB")
    input_filter: str = Field("", description="JSONPath on the input")
    output_filter: str = Field("", description="JSONPath on the output")


class EvaluateSection(_InputModes):
    """The Metrics step's job."""

    strategy: Any = Field(None, description="read for compatibility, without effect")
    max_payload: Any = Field(None, description="read for compatibility, without effect")
    content_type: Any = Field(None, description="read for compatibility, without effect")


class InferenceSpecification(Section):
    """How the registered model is served."""

    image_uri: Annotated[str, Field(min_length=1)] = Field(description="address of the inference image")
    content_types: Names = Field(
        ("application/json",),
        validation_alias=AliasChoices("supported_content_types", "SupportedContentTypes"),
        description="MIME types that the model takes",
    )
    response_types: Names = Field(
        ("application/json",),
        validation_alias=AliasChoices("supported_response_MIME_types", "SupportedResponseMIMETypes"),
        description="MIME types that the model answers",
    )
    realtime_instances: Names = Field(
        ("ml.m5.2xlarge",),
        validation_alias=AliasChoices(
            "SupportedRealtimeInferenceInstanceTypes", "SupportedRealtimeInferenceInstanceType"
        ),
        description="instance types for endpoints",
    )
    transform_instances: Names = Field(
        ("ml.m5.2xlarge",),
        validation_alias=AliasChoices("SupportedTransformInstanceTypes", "SupportedTransformInstanceType"),
        description="instance types for batch transform",
    )
    approval_status: Approval | None = Field(None, description="approval of a new model package")


class RegistrySection(Section):
    """The model package and its group."""

    group: str = Field("", alias="ModelPackageGroupName", description="default: <pipelineName>-<model>")
    group_description: str = Field("", alias="ModelPackageGroupDescription", description="of a new group")
    description: str = Field("", alias="ModelPackageDescription", description="of each package")
    approval_status: Approval | None = Field(None, alias="ModelApprovalStatus", description="approval of a new package")
    repack: Annotated[bool | None, BeforeValidator(_repack, json_schema_input_type=bool | str)] = Field(
        None, alias="ModelRepack", description="puts the inference code into the model archive"
    )
    inference: InferenceSpecification = Field(alias="InferenceSpecification", description="how the model is served")

    @property
    def approval(self) -> Approval:
        """The status of a new package, from either of the two places where it may stand."""
        return self.approval_status or self.inference.approval_status or "PendingManualApproval"


class ModelSection(Section):
    """One modeling unit: its scripts and the configuration of its steps."""

    later: ClassVar[Mapping[str, str]] = {"gate": "take it out: bounds on metrics come later"}
    source_directory: RelativePath | None = Field(
        None, description="scripts of all steps, relative to the training directory or the repository"
    )
    name: str = Field("", description="name of the SageMaker model")
    preprocess: PreprocessSection | None = Field(None, description="a Processing step's job")
    train: TrainSection | None = Field(None, description="a Training step's job")
    transform: TransformSection | None = Field(None, description="the Transform step's job and the inference code")
    evaluate: EvaluateSection | None = Field(None, description="the Metrics step's job")
    registry: RegistrySection | None = Field(None, description="the model package")


class StepSection(Section):
    """One step of a model in the pipeline."""

    step_name: str = Field(description="unique in the pipeline")
    step_class: StepClass = Field(description="what the step does")
    step_type: str = Field("", description="which section configures it")
    enable_cache: bool = Field(False, description="whether the step cache may answer")
    chained: Names = Field((), alias="chain_input_source_step", description="steps whose outputs become inputs")
    prefix: str = Field("", alias="chain_input_additional_prefix", description="Transform only: a file below the input")


class PipelineModel(Section):
    """The steps of one model."""

    steps: tuple[StepSection, ...] = Field(description="the model's steps, in any order")


class PipelineSection(Section):
    """The DAG: in exactly one of all files."""

    later: ClassVar[Mapping[str, str]] = {"parameters": "take it out: pipeline parameters come later"}
    name: str = Field(alias="pipelineName", description="name of the SageMaker pipeline")
    models: dict[str, PipelineModel] = Field(description="steps by model")
    dependencies: Names = Field((), description="'a >> b >> c', added to those that references imply")


class ConfSection(Section):
    """What stands under `conf`."""

    models: Annotated[dict[str, ModelSection], BeforeValidator(_empty)] = Field({}, description="the modeling units")
    pipeline: PipelineSection | None = Field(None, alias="sagemakerPipeline", description="the DAG, in one file only")


class ConfFile(Section):
    """The whole file."""

    conf: ConfSection = Field(description="everything")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConf:
    """One parsed file, with the repository that it is in and that repository's folder."""

    repo: str
    folder: Path
    document: Document
    section: ConfSection


def load_conf(path: Path, *, label: str, repo: str, folder: Path, values: Mapping[str, str]) -> ModelConf:
    """Read one conf file and fill in its placeholders.

    Raises:
        InputProblems: PB201 for a file that isn't YAML, PB202 to PB210 for what is in it; all of them.
    """
    document = load_yaml(path, label, "PB201")
    if not isinstance(document.data, dict):
        message = f"the file is {describe(document.data)}, expected a mapping with 'conf'"
        raise InputProblems(Problem(id="PB201", message=message, place=document.place()))
    data, unset = substitute(document, values)
    section, problems = read_section(ConfFile, data, document, (), _IDS)
    if section is None or unset:
        raise InputProblems(*unset, *problems)
    return ModelConf(repo=repo, folder=folder, document=document, section=section.conf)
