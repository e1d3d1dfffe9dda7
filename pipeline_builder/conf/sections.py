"""The sections of a model's jobs, with every key's default."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from pipeline_builder.conf.attempts import CacheSection, Retry
from pipeline_builder.conf.channels import Channels, EvaluateChannels
from pipeline_builder.conf.distributed import Distributed, refuse_processes
from pipeline_builder.conf.machines import Checkpoints, Flag, Groups, Seconds, TrainChannels
from pipeline_builder.conf.metrics import Metrics
from pipeline_builder.conf.tracking import Mlflow, Repository
from pipeline_builder.documents.expressions import REFERABLE, Expression
from pipeline_builder.documents.fields import (
    Args,
    Arguments,
    Count,
    EmptyMapping,
    Env,
    Image,
    Names,
    NoFlag,
    Said,
    Tags,
    Text,
    Word,
)
from pipeline_builder.documents.schema import Section, describe
from pipeline_builder.manifest.paths import RelativePath
from pipeline_builder.manifest.policy import Secrets

REPORT = "model_evaluation_metrics"
_VOLUME = AliasChoices("volume_size_in_gb", "volume_size")
_RUNTIME = AliasChoices("max_runtime_seconds", "max_runtime_in_seconds")
_PROCESSING = "/opt/ml/processing"
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class ImageSection(Section):
    """One of AWS's own images, by framework and version instead of by address."""

    framework: str = Field(description="xgboost, sklearn, pytorch, tensorflow, huggingface, …")
    version: Said = Field(description="version of the framework")
    py_version: str | None = Field(None, description="py3, py310, …")
    base_framework_version: str | None = Field(None, description="for huggingface: pytorch2.1.0, …")


class JobSection(Section):
    """What all job sections have in common; the code of one that `brings_code` is this program's own."""

    brings_code: ClassVar[bool] = False

    image_uri: Image = Field("", description="address of the container image")
    image: ImageSection | None = Field(None, description="one of AWS's own images, instead of image_uri")
    entry_point: RelativePath = Field(description="script to run, below the source directory")
    include: Names = Field(
        (), description="only these files of the source directory (patterns), besides the entry point"
    )
    base_job_name: Word = Field("", description="prefix of the job's name")
    instance_count: Count = Field(1, description="instances")
    instance_type: Word = Field("ml.m5.2xlarge", description="instance type")
    volume_size: Count = Field(50, validation_alias=_VOLUME, description="storage volume, GB")
    max_runtime: Count = Field(3600, validation_alias=_RUNTIME, description="maximum run time, seconds")
    tags: Tags = Field({}, description="tags of the job")
    env: Env = Field({}, description="environment variables of the job")
    secrets: Secrets = Field({}, description="NAME: secretsmanager:ID, variables that only the job gets to see")
    channels: Channels = Field({}, description="data of the job; a bare name, or names with files")
    cache: CacheSection = Field(CacheSection.model_construct(), description="expiry of the step cache")
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


class _ScriptSection(JobSection):
    """A job that runs a script of the model's: where that tracks, and where its packages come from."""

    mlflow: Mlflow | None = Field(None, description="the MLflow server that the script tracks with")
    codeartifact: Repository | None = Field(
        None, description="ARN of the CodeArtifact repository that requirements.txt is installed from"
    )


class _ProcessingSection(_ScriptSection):
    """A processing job: what its script is called with, and how its inputs arrive."""

    args: Args = Field((), description="arguments of the script: a list, or names with values (--name value)")
    s3_data_distribution_type: Annotated[Literal["FullyReplicated", "ShardedByS3Key"] | Expression, REFERABLE] = Field(
        "FullyReplicated", description="how instances share the data"
    )
    s3_data_type: Annotated[Literal["S3Prefix", "ManifestFile"] | Expression, REFERABLE] = Field(
        "S3Prefix", description="what the addresses are"
    )
    s3_input_mode: Annotated[Literal["File", "Pipe"] | Expression, REFERABLE] = Field(
        "File", description="how data arrives"
    )

    @model_validator(mode="after")
    def _tracks(self) -> _ProcessingSection:
        if self.mlflow and self.mlflow.run:
            raise ValueError("'mlflow' has a 'run', which only a training's request can name")
        return self


class LocationSection(Section):
    """Where a Processing job's outputs are looked for."""

    output_path: str = Field(
        "/opt/ml/processing/output", alias="outputLocalFilepath", description="folder with a folder for each channel"
    )


class PreprocessSection(_ProcessingSection):
    """A Processing step's job."""

    volume_size: Count = Field(32, validation_alias=_VOLUME, description="storage volume, GB")
    max_runtime: Count = Field(3000, validation_alias=_RUNTIME, description="maximum run time, seconds")
    s3_upload_mode: Annotated[Literal["EndOfJob", "Continuous"] | Expression, REFERABLE] = Field(
        "EndOfJob", description="when outputs are uploaded"
    )
    model_channel: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9_.-]{0,63})?$")] = Field(
        "",
        description="of an inference conf: the model package's artifact arrives in the folder of this name below "
        "/opt/ml/processing/input, for a script that scores by itself",
    )
    framework_version: Text = Field("0", description="read for compatibility; the image decides the version")
    location: LocationSection = Field(LocationSection.model_construct(), description="where outputs are looked for")
    input_path: str = Field(
        "/opt/ml/processing/input", alias="inputLocalFilepath", description="folder with a folder for each data file"
    )


class TrainSection(_ScriptSection):
    """A Training step's job."""

    volume_size: Count = Field(32, validation_alias=_VOLUME, description="storage volume, GB")
    max_runtime: Count = Field(3000, validation_alias=_RUNTIME, description="maximum run time, seconds")
    hyperparameters: Annotated[dict[str, Any], EmptyMapping] = Field(
        {}, validation_alias=AliasChoices("hyperparams", "hyperparameters"), description="arguments of the script"
    )
    model_data_uri: Word = Field("", description="a trained model to start from, as channel 'model'")
    output_path: Word = Field("", description="s3:// address for the model artifact")
    content_type: Word = Field("", description="MIME type of the channels")
    input_mode: Annotated[Literal["File", "Pipe", "FastFile"] | Expression, REFERABLE] = Field(
        "File", description="how data arrives"
    )
    distribution: Annotated[
        Literal["FullyReplicated", "ShardedByS3Key"] | Expression, REFERABLE, BeforeValidator(refuse_processes)
    ] = Field("FullyReplicated", description="how instances share the data")
    channels: TrainChannels = Field({}, description="data of the job; a bare name, or names with files")  # type: ignore[assignment] # a channel with more keys
    instance_groups: Groups = Field(
        {}, description="groups of instances of several kinds by name, instead of instance_type and instance_count"
    )
    spot: Flag = Field(
        False,
        validation_alias=AliasChoices("spot", "use_spot_instances"),
        description="machines at a lower price that AWS may take away; needs max_wait_seconds, wants checkpoints",
    )
    max_wait: Count | None = Field(
        None,
        validation_alias=AliasChoices("max_wait_seconds", "max_wait_in_seconds"),
        description="of spot: seconds from the job's start to its end at most, waiting and run time together",
    )
    checkpoints: Checkpoints | None = Field(None, description="s3:// address of checkpoints, or address and path")
    keep_alive: Seconds | None = Field(
        None,
        validation_alias=AliasChoices("keep_alive_seconds", "keep_alive_period_in_seconds"),
        description="warm pool: seconds that instances stay for the next job of their kind; not with spot or groups",
    )
    metrics: Metrics = Field(
        {},
        validation_alias=AliasChoices("metrics", "metric_definitions"),
        description="metrics of the log: name and regex, whose first group is the number",
    )
    distributed: Distributed | None = Field(
        None, description="several processes: torchrun, mpi, data_parallel, or a section with one of them as 'by'"
    )


class TransformSection(JobSection):
    """The batch transform's job; its entry point is the inference code."""

    image_uri: Image = Field("", description="has no effect: the registry's image is used")
    image: ImageSection | None = Field(None, description="has no effect either")
    volume_size: Count = Field(
        50, validation_alias=_VOLUME, description="has no effect: a batch transform has no volume size"
    )
    max_runtime: Count = Field(
        3600, validation_alias=_RUNTIME, description="has no effect: a batch transform has no maximum run time"
    )
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
    max_payload: Annotated[Annotated[int, Field(ge=0, le=100), NoFlag] | Expression | None, REFERABLE] = Field(
        None, description="largest request, MB"
    )
    input_filter: Word = Field("", description="JSONPath on the input")
    output_filter: Word = Field("", description="JSONPath on the output")


def _output(value: str) -> str:
    """Return the folder of a report: a name stands for the folder of that name that jobs write to."""
    path = value.rstrip("/") if value.startswith("/") else f"{_PROCESSING}/{value}"
    parts = path.removeprefix(f"{_PROCESSING}/").split("/")
    if not path.startswith(f"{_PROCESSING}/") or parts[0] == "input" or not all(map(_FOLDER.fullmatch, parts)):
        raise ValueError(
            f"'output' is {describe(value)}, expected a name, or a folder below {_PROCESSING} that isn't 'input'"
        )
    return path


class EvaluateSection(_ProcessingSection):
    """The Metrics step's job."""

    file: RelativePath = Field(f"{REPORT}.json", description="name of the report that the script writes, as JSON")
    output_path: Annotated[str, AfterValidator(_output)] = Field(
        f"{_PROCESSING}/output",
        alias="output",
        description="where it writes it: a folder below /opt/ml/processing, or its name; that is the output's name too",
    )
    channels: EvaluateChannels = Field({}, description="data of the job; a bare name, or names with files")  # type: ignore[assignment] # a narrower channel
    strategy: Any = Field(None, description="read for compatibility, without effect")
    max_payload: Any = Field(None, description="read for compatibility, without effect")
    content_type: Any = Field(None, description="read for compatibility, without effect")

    @property
    def output_name(self) -> str:
        """The name of the step's output, and of its property file."""
        name = self.output_path.rpartition("/")[2]
        return REPORT if self.output_path == f"{_PROCESSING}/output" else name
