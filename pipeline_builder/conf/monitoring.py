"""Sections of Baseline and Monitor steps: what later data are held against, and what is held against it."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from pipeline_builder.conf.channels import Channels, read_channels
from pipeline_builder.conf.scoring import Actions
from pipeline_builder.conf.sections import PreprocessSection
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import Expression
from pipeline_builder.documents.fields import EmptyMapping, Names, NoFlag, Said, Switch, Word
from pipeline_builder.documents.schema import Section, describe

DATA, PREDICTIONS, LABELS = "data", "predictions", "labels"
ROLES = (DATA, PREDICTIONS, LABELS)
_Share = Annotated[float, Field(ge=0, le=1), NoFlag]
_Bound = Annotated[float, Field(ge=0), NoFlag]
_Number = Annotated[float, NoFlag]
Metric = Literal["auc", "accuracy", "f1", "precision", "recall", "log_loss", "rmse", "mae", "r2"]


class DriftSection(Section):
    """How far a column's distribution may be from the baseline's; a statistic without a bound is reported only."""

    psi: _Bound | None = Field(None, description="population stability index, over the baseline's deciles")
    ks: _Share | None = Field(None, description="Kolmogorov-Smirnov statistic, of numbers")
    js: _Share | None = Field(None, description="Jensen-Shannon distance to the base 2, over the same bins")
    wasserstein: _Bound | None = Field(
        None, description="first Wasserstein distance in standard deviations of the baseline, of numbers"
    )
    share: _Share | None = Field(None, description="share of the columns that may have drifted")
    min_rows: Annotated[int, Field(ge=0), NoFlag] = Field(
        20,
        description="values a column has at least, that day and in the baseline, for its drift to be judged; of few it "
        "is where chance alone makes it of one in a thousand such days",
    )


class TypeSection(Section):
    """What is known of a column, over what its values say."""

    type: Literal["numerical", "categorical"] | None = Field(
        None, description="numerical or categorical; default: numerical where 95 % of the values are numbers"
    )


class ColumnSection(TypeSection):
    """What is known of a column, and bounds of its own."""

    min: _Number | None = Field(None, description="smallest value that is in order; default: the baseline's")
    max: _Number | None = Field(None, description="largest value that is in order; default: the baseline's")
    missing: _Share | None = Field(None, description="as the section's own")
    range: _Share | None = Field(None, description="as the section's own")
    category: _Share | None = Field(None, description="as the section's own")
    psi: _Bound | None = Field(None, description="as in `drift`")
    ks: _Share | None = Field(None, description="as in `drift`")
    js: _Share | None = Field(None, description="as in `drift`")
    wasserstein: _Bound | None = Field(None, description="as in `drift`")

    @model_validator(mode="after")
    def _ordered(self) -> ColumnSection:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"nothing is in order: 'min' is {self.min:g}, 'max' {self.max:g}")
        return self


def _separator(value: JSON) -> JSON:
    if isinstance(value, str) and (len(value) != 1 or value in '\r\n"'):
        raise ValueError(f"'separator' is {describe(value)}, expected one character")
    return value


class WatchSection(PreprocessSection):
    """What a Baseline and a Monitor step have in common: a job of this program's own script, and how data are read."""

    brings_code: ClassVar[bool] = True
    # What a script of the model's would be told: here there is none.
    include: ClassVar[Any] = ()  # type: ignore[misc] # no key of this section
    args: ClassVar[Any] = ()  # type: ignore[misc] # as above
    secrets: ClassVar[Any] = {}  # type: ignore[misc] # as above
    mlflow: ClassVar[Any] = None  # type: ignore[misc] # as above
    codeartifact: ClassVar[Any] = None  # type: ignore[misc] # as above
    model_channel: ClassVar[Any] = ""  # type: ignore[misc] # as above
    framework_version: ClassVar[Any] = "0"  # type: ignore[misc] # as above
    location: ClassVar[Any] = None  # type: ignore[misc] # as above
    input_path: ClassVar[Any] = "/opt/ml/processing/input"  # type: ignore[misc] # as above
    instance_count: ClassVar[Any] = 1  # type: ignore[misc] # one looks at all
    s3_data_distribution_type: ClassVar[Any] = "FullyReplicated"  # type: ignore[misc] # as above
    s3_data_type: ClassVar[Any] = "S3Prefix"  # type: ignore[misc] # as above
    s3_input_mode: ClassVar[Any] = "File"  # type: ignore[misc] # as above
    s3_upload_mode: ClassVar[Any] = "EndOfJob"  # type: ignore[misc] # as above

    data: Word = Field("", description="s3:// address of the data; default: what the chained step has made")
    channel: str = Field("", description="which output of the chained steps is the data, where they have several")
    predictions: Word = Field(
        "", description="s3:// address of the predictions, or which chained output they are; default: the transform's"
    )
    labels: Word = Field("", description="s3:// address of the truth, or which chained output it is")
    channels: Channels = Field(
        {}, description="several data files: as dataFiles of the channels 'data', 'predictions' and 'labels'"
    )
    label: str = Field("", description="column of the truth: no input of the model, it is not watched for drift")
    prediction: Said = Field("", description="column of the predictions, by name or number; default: the last one")
    key: str = Field(
        "", description="column that tells rows apart: predictions and labels are matched by it, else by their order"
    )
    ignore: Names = Field((), description="columns that aren't looked at")
    columns: Annotated[dict[str, Any], EmptyMapping] = Field({}, description="types of columns")
    files: Names = Field((), description="patterns of the data's file names, such as '*.csv'; default: every file")
    format: Literal["csv", "json_lines", "parquet"] | None = Field(
        None, description="how the data are written; default: as the files' names say, or their beginning"
    )
    header: bool | None = Field(
        None, description="whether the first line has the columns' names; default: it is looked"
    )
    names: Names = Field((), description="names of the columns of a CSV without any")
    separator: Annotated[str, BeforeValidator(_separator)] = Field(",", description="of CSV: between fields")
    encoding: str = Field("", pattern=r"^[A-Za-z0-9_.:-]*$", description="of the files; default: UTF-8")
    problem: Literal["classification", "regression"] | None = Field(
        None, description="what the model does; default: as the labels look"
    )
    positive: Said = Field("", description="of classification: the label that a score speaks of; default: the last")
    threshold: _Share | None = Field(
        None, description="of classification: from which score on it is that; default: 0.5"
    )

    @model_validator(mode="before")
    @classmethod
    def _addresses(cls, value: Any) -> Any:
        """An address of data is a file of the channel of its name, as every other is a file of a channel."""
        if not isinstance(value, dict):
            return value
        given = {role: value[role] for role in ROLES if _is_address(value.get(role))}
        channels = read_channels(value.get("channels"))
        if not given or not isinstance(channels, dict):
            return value
        files = {role: {"dataFiles": [{"sourceName": role, "fileName": found}]} for role, found in given.items()}
        if twice := sorted(role for role in given if channels.get(role)):
            raise ValueError(f"'{twice[0]}' is given twice, here and in 'channels': expected one of them")
        rest = {key: item for key, item in value.items() if key not in given}
        return {**rest, "channels": {**channels, **files}}

    @model_validator(mode="after")
    def _fits(self) -> WatchSection:
        if self.data:
            raise ValueError(f"'data' is {describe(self.data)}, expected an s3:// address; 'channel' names an output")
        if other := sorted(self.channels.keys() - {*ROLES}):
            raise ValueError(f"the channel '{other[0]}' is none of {', '.join(ROLES)}")
        if both := sorted({self.label, self.key, *self.ignore} & self.columns.keys() - {""}):
            raise ValueError(f"the column '{both[0]}' is in 'columns', and isn't watched")
        return self

    @property
    def settings(self) -> dict[str, Any]:
        """What the job's script is told: every key of this section that isn't about the job."""
        plain: dict[str, Any] = {key: getattr(self, key) for key in _TOLD if getattr(self, key) not in (None, "", ())}
        columns = {name: one.model_dump(exclude_none=True) for name, one in sorted(self.columns.items())}
        plain |= {key: list(plain[key]) for key in ("ignore", "names", "files") if key in plain}
        return {**plain, **({"columns": columns} if columns else {})}


_TOLD = (
    "label", "prediction", "key", "ignore", "format", "header", "names", "files", "separator", "encoding", "problem",
    "positive", "threshold",
)  # fmt: skip


def _is_address(value: Any) -> bool:
    return isinstance(value, Expression) or (isinstance(value, str) and value.startswith("s3://"))


class BaselineSection(WatchSection):
    """A Baseline step's job: what is known of the data that a model is trained on, registered with its package."""

    entry_point: ClassVar[Any] = "smp_monitoring/baseline.py"  # type: ignore[misc] # this program's own

    columns: Annotated[dict[str, TypeSection], EmptyMapping] = Field({}, description="types of columns")
    keep_values: Switch = Field(
        True,
        description="whether a sketch of values of single rows is kept, some thousands of each column; without, a "
        "hundred quantiles of numbers, and the categories that ten rows have",
    )

    @property
    def settings(self) -> dict[str, Any]:
        return {**super().settings, "keep_values": self.keep_values}


class MonitorSection(WatchSection):
    """A Monitor step's job: a day's data and predictions, held against the baseline of the model's package."""

    entry_point: ClassVar[Any] = "smp_monitoring/monitor.py"  # type: ignore[misc] # this program's own

    columns: Annotated[dict[str, ColumnSection], EmptyMapping] = Field(
        {}, description="types of columns, and bounds of their own"
    )
    drift: DriftSection = Field(DriftSection.model_construct(psi=0.2), description="bounds of drift; default: psi 0.2")
    missing: _Share = Field(0.05, description="how much larger the share of missing values may be than the baseline's")
    range: _Share = Field(0.01, description="share of the values that may lie outside of the baseline's range")
    category: _Share = Field(0.0, description="share of the values that may be of categories the baseline hasn't got")
    type: _Share = Field(0.0, description="how much larger the share of values may be that are no numbers")
    quality: Annotated[dict[Metric, _Number], EmptyMapping] = Field(
        {}, description="what the quality has to be where labels are there: at least, of errors (rmse) at most"
    )
    on_drift: Actions = Field(
        ("warn",), description="what follows drift past a bound: warn, block, retrain, or several"
    )
    on_violation: Actions = Field(
        ("warn",), description="what follows missing values, values out of range, new categories, and bad quality"
    )

    @model_validator(mode="after")
    def _measurable(self) -> MonitorSection:
        if self.quality and not self.labels and LABELS not in self.channels:
            raise ValueError("'quality' has bounds, and 'labels' doesn't say where the truth is")
        return self

    @property
    def settings(self) -> dict[str, Any]:
        shares = {key: getattr(self, key) for key in ("missing", "range", "category", "type")}
        quality = dict(sorted(self.quality.items()))
        return {**super().settings, **shares, "drift": self.drift.model_dump(exclude_none=True), "quality": quality}
