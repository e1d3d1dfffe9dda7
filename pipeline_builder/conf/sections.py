"""The sections of a model's conf: jobs, channels, registry and gate, with every key's default."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from pipeline_builder.documents.expressions import REFERABLE, Expression
from pipeline_builder.documents.fields import (
    Approval,
    Arguments,
    Count,
    Duration,
    EmptyList,
    EmptyMapping,
    Env,
    Image,
    Names,
    Number,
    Regression,
    Switch,
    Tags,
    Text,
    Word,
    Words,
)
from pipeline_builder.documents.schema import Section
from pipeline_builder.manifest.manifest import RelativePath
from pipeline_builder.target import JSON


class DataFile(Section):
    """One entry of a channel's `dataFiles`."""

    source_name: RelativePath = Field(
        alias="sourceName", description="name of the input; a folder of that name gets the file"
    )
    file_name: Word = Field(
        alias="fileName",
        description="s3://bucket/key, or a key below the channel's bucket and prefix; every object that begins so is "
        "read: close a folder with '/'",
    )


class Channel(Section):
    """A channel of a job: data files of its own, or none."""

    bucket: Word = Field(
        "", validation_alias=AliasChoices("s3BucketName", "s3Bucket"), description="bucket of the files"
    )
    prefix: Word = Field(
        "", validation_alias=AliasChoices("s3InputPrefix", "inputBucketPrefix"), description="prefix of the files"
    )
    data_files: Annotated[tuple[DataFile, ...], EmptyList] = Field(
        (), alias="dataFiles", description="the files; every one counts"
    )


class EvaluateChannel(Channel):
    """A channel of an evaluate section."""

    input_path: str = Field(
        "", alias="InputLocalFilepath", description="where its files arrive; default: /opt/ml/processing/input"
    )
    output_prefix: Word = Field("", alias="bucket_prefix", description="prefix of the report, in the channel's bucket")


def _channels(value: JSON) -> JSON:
    """`channels: train` and `channels: {train: }` both declare a channel without data of its own.

    They are read in the order of their names: that of the keys in a file decides nothing.
    """
    if isinstance(value, str):
        return {value: {}}
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return {str(item): {} for item in sorted(map(str, value))}
    if isinstance(value, dict):
        return {key: {} if channel is None else channel for key, channel in sorted(value.items())}
    return {} if value is None else value


Channels = Annotated[
    dict[str, Channel],
    BeforeValidator(_channels, json_schema_input_type=str | tuple[str, ...] | dict[str, Channel | None] | None),
]
EvaluateChannels = Annotated[
    dict[str, EvaluateChannel],
    BeforeValidator(_channels, json_schema_input_type=str | tuple[str, ...] | dict[str, EvaluateChannel | None] | None),
]


class CacheSection(Section):
    """How long a step's result may be taken from the cache."""

    expire_after: Duration = Field("P30D", description="ISO 8601 duration")
    data: bool = Field(
        False, description="new data at the same address makes the step run again: its files are listed at the start"
    )


class RetrySection(Section):
    """When the service tries a step again. An error of the script itself is never retried."""

    exceptions: Names = Field(
        (),
        description="Step.SERVICE_FAULT, Step.THROTTLING, and for jobs SageMaker.JOB_INTERNAL_ERROR, "
        "SageMaker.CAPACITY_ERROR, SageMaker.RESOURCE_LIMIT; default: all that the step takes",
    )
    interval_seconds: int = Field(1, description="pause before the first retry, seconds")
    backoff_rate: float = Field(2.0, description="each pause is that many times the one before")
    max_attempts: int | None = Field(
        None, ge=1, le=20, description="tries at most; this or expire_after_minutes, default 5"
    )
    expire_after_minutes: int | None = Field(None, description="give up after so many minutes")


def _one_policy(value: JSON) -> JSON:
    """A number is short for that many attempts, a mapping for a list of one."""
    if isinstance(value, int) and not isinstance(value, bool):
        return [{"max_attempts": value}]
    return [value] if isinstance(value, dict) else value


Retry = Annotated[
    tuple[RetrySection, ...],
    BeforeValidator(_one_policy, json_schema_input_type=int | RetrySection | tuple[RetrySection, ...]),
]


class ImageSection(Section):
    """One of AWS's own images, by framework and version instead of by address."""

    framework: str = Field(description="xgboost, sklearn, pytorch, tensorflow, huggingface, …")
    version: Annotated[str, BeforeValidator(str)] = Field(description="version of the framework, in quotes")
    py_version: str | None = Field(None, description="py3, py310, …")
    base_framework_version: str | None = Field(None, description="for huggingface: pytorch2.1.0, …")


class JobSection(Section):
    """What all job sections have in common."""

    image_uri: Image = Field("", description="address of the container image")
    image: ImageSection | None = Field(None, description="one of AWS's own images, instead of image_uri")
    entry_point: RelativePath = Field(description="script to run, below the source directory")
    include: Names = Field(
        (), description="only these files of the source directory (patterns), besides the entry point"
    )
    base_job_name: Word = Field("", description="prefix of the job's name")
    instance_count: Count = Field(1, description="instances")
    instance_type: Word = Field("ml.m5.2xlarge", description="instance type")
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
    retry: Retry = Field((), description="when to try again; a number is that many attempts")
    arguments: Arguments = Field({}, description="merged over the request to the service, and checked like it")

    @model_validator(mode="after")
    def _one_image(self) -> JobSection:
        needed = not isinstance(self, TransformSection)
        if needed and not self.image_uri and self.image is None:
            raise PydanticCustomError("absent", "the key 'image_uri' is missing")
        if self.image_uri and self.image is not None:
            raise ValueError("both 'image_uri' and 'image' are given, expected one of them")
        return self


class _InputModes(JobSection):
    """How a Processing job's inputs arrive."""

    s3_data_distribution_type: Annotated[Literal["FullyReplicated", "ShardedByS3Key"] | Expression, REFERABLE] = Field(
        "FullyReplicated", description="how instances share the data"
    )
    s3_data_type: Annotated[Literal["S3Prefix", "ManifestFile"] | Expression, REFERABLE] = Field(
        "S3Prefix", description="what the addresses are"
    )
    s3_input_mode: Annotated[Literal["File", "Pipe"] | Expression, REFERABLE] = Field(
        "File", description="how data arrives"
    )


class LocationSection(Section):
    """Where a Processing job's outputs are looked for."""

    output_path: str = Field(
        "/opt/ml/processing/output", alias="outputLocalFilepath", description="folder with a folder for each channel"
    )


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
    s3_upload_mode: Annotated[Literal["EndOfJob", "Continuous"] | Expression, REFERABLE] = Field(
        "EndOfJob", description="when outputs are uploaded"
    )
    framework_version: Text = Field("0", description="read for compatibility; the image decides the version")
    location: LocationSection = Field(LocationSection(), description="where outputs are looked for")
    input_path: str = Field(
        "/opt/ml/processing/input", alias="inputLocalFilepath", description="folder with a folder for each data file"
    )


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
    hyperparameters: Annotated[dict[str, Any], EmptyMapping] = Field(
        {}, validation_alias=AliasChoices("hyperparams", "hyperparameters"), description="arguments of the script"
    )
    model_data_uri: Word = Field("", description="a trained model to start from, as channel 'model'")
    output_path: Word = Field("", description="s3:// address for the model artifact")
    content_type: Word = Field("", description="MIME type of the channels")
    input_mode: Annotated[Literal["File", "Pipe", "FastFile"] | Expression, REFERABLE] = Field(
        "File", description="how data arrives"
    )
    distribution: Annotated[Literal["FullyReplicated", "ShardedByS3Key"] | Expression, REFERABLE] = Field(
        "FullyReplicated", description="how instances share the data"
    )


class TransformSection(JobSection):
    """The batch transform's job; its entry point is the inference code."""

    image_uri: Image = Field("", description="has no effect: the registry's image is used")
    entry_point: RelativePath | None = Field(None, description="inference script, below the source directory")  # type: ignore[assignment] # it is optional here only
    strategy: Annotated[Literal["SingleRecord", "MultiRecord"] | Expression | None, REFERABLE] = Field(
        None, description="records per request"
    )
    assemble_with: Annotated[Literal["None", "Line"] | Expression | None, REFERABLE] = Field(
        None, description="how results are put together"
    )
    join_source: Annotated[Literal["None", "Input"] | Expression | None, REFERABLE] = Field(
        None, description="joins results with their input"
    )
    split_type: Annotated[Literal["None", "Line", "RecordIO", "TFRecord"] | Expression | None, REFERABLE] = Field(
        None, description="how input is cut"
    )
    content_type: Word = Field("text/csv", description="MIME type of input, and of output unless 'accept' is given")
    accept: Word = Field("", description="MIME type of the output")
    max_payload: Annotated[Annotated[int, Field(ge=0, le=100)] | Expression | None, REFERABLE] = Field(
        None, description="largest request, MB"
    )
    input_filter: Word = Field("", description="JSONPath on the input")
    output_filter: Word = Field("", description="JSONPath on the output")


class EvaluateSection(_InputModes):
    """The Metrics step's job."""

    channels: EvaluateChannels = Field({}, description="data of the job; a bare name, or names with files")  # type: ignore[assignment] # a narrower channel
    strategy: Any = Field(None, description="read for compatibility, without effect")
    max_payload: Any = Field(None, description="read for compatibility, without effect")
    content_type: Any = Field(None, description="read for compatibility, without effect")


class InferenceSpecification(Section):
    """How the registered model is served."""

    image_uri: Image = Field("", description="address of the inference image")
    image: ImageSection | None = Field(None, description="one of AWS's own images, instead of image_uri")
    content_types: Words = Field(
        ("application/json",),
        validation_alias=AliasChoices("supported_content_types", "SupportedContentTypes"),
        description="MIME types that the model takes",
    )
    response_types: Words = Field(
        ("application/json",),
        validation_alias=AliasChoices("supported_response_MIME_types", "SupportedResponseMIMETypes"),
        description="MIME types that the model answers",
    )
    realtime_instances: Words = Field(
        ("ml.m5.2xlarge",),
        validation_alias=AliasChoices(
            "SupportedRealtimeInferenceInstanceTypes", "SupportedRealtimeInferenceInstanceType"
        ),
        description="instance types for endpoints",
    )
    transform_instances: Words = Field(
        ("ml.m5.2xlarge",),
        validation_alias=AliasChoices("SupportedTransformInstanceTypes", "SupportedTransformInstanceType"),
        description="instance types for batch transform",
    )
    approval_status: Annotated[Approval | Expression | None, REFERABLE] = Field(
        None, description="approval of a new model package"
    )

    @model_validator(mode="after")
    def _one_image(self) -> InferenceSpecification:
        if not self.image_uri and self.image is None:
            raise PydanticCustomError("absent", "the key 'image_uri' is missing")
        if self.image_uri and self.image is not None:
            raise ValueError("both 'image_uri' and 'image' are given, expected one of them")
        return self


class RegistrySection(Section):
    """The model package and its group."""

    group: Word = Field("", alias="ModelPackageGroupName", description="default: <pipelineName>-<model>")
    group_description: str = Field("", alias="ModelPackageGroupDescription", description="of a new group")
    description: Word = Field("", alias="ModelPackageDescription", description="of each package")
    approval_status: Annotated[Approval | Expression | None, REFERABLE] = Field(
        None, alias="ModelApprovalStatus", description="approval of a new package"
    )
    repack: Switch = Field(
        True, alias="ModelRepack", description="puts the inference code of transform.entry_point into the model archive"
    )
    inference: InferenceSpecification = Field(alias="InferenceSpecification", description="how the model is served")
    retry: Retry = Field((), description="when to try again; a number is that many attempts")
    arguments: Arguments = Field({}, description="merged over the CreateModelPackage request, and checked like it")

    @property
    def approval(self) -> str | Expression:
        """The status of a new package, from either of the two places where it may stand."""
        return self.approval_status or self.inference.approval_status or "PendingManualApproval"


class GateSection(Section):
    """A bound on a metric."""

    metric: str = Field(min_length=1, description="path into model_evaluation_metrics.json, such as auc.value")
    min: Number | None = Field(None, description="below it the model is never registered")
    max: Number | None = Field(None, description="above it the model is never registered")
    max_regression: Regression | None = Field(
        None, description="how much worse than the champion it may be: 2% of the champion's value, or an amount"
    )
    better: Literal["higher", "lower"] | None = Field(
        None, description="which way is better; default: higher with min, lower with max"
    )

    @model_validator(mode="after")
    def _has_a_bound(self) -> GateSection:
        if self.min is None and self.max is None and self.max_regression is None:
            raise ValueError(f"the gate on '{self.metric}' has no bound: give it 'min', 'max' or 'max_regression'")
        if isinstance(self.min, float) and isinstance(self.max, float) and self.min > self.max:
            raise ValueError(f"the gate on '{self.metric}' passes nothing: 'min' is {self.min:g}, 'max' {self.max:g}")
        if self.max_regression is not None and self.better is None and (self.min is None) == (self.max is None):
            raise ValueError(
                f"the gate on '{self.metric}' doesn't say which way is better: add 'better: higher' or lower"
            )
        return self

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger value is the better one."""
        return self.better == "higher" if self.better else self.min is not None
