"""The section of a hyperparameter tuning: which training it varies, how far, what for, and when it has enough."""

from __future__ import annotations

import json
import re
import sys
from typing import Annotated, Any, Literal, get_args

from pydantic import AliasChoices, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from pipeline_builder.conf.attempts import CacheSection, Retry
from pipeline_builder.conf.metrics import Metrics, Regex
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import REFERABLE, Expression
from pipeline_builder.documents.fields import Arguments, Count, NoFlag, Number, Tags, Word, Words
from pipeline_builder.documents.schema import Section, describe

Scale = Literal["auto", "linear", "logarithmic", "reverse_logarithmic"]
Strategy = Literal["bayesian", "random", "grid", "hyperband"]
MOST_VALUES = 30
_LONGEST = sys.float_info.max
MOST_TOP = 50
"""Trials that a tuning job's step tells of, best first [SDK: TuningStep.get_top_model_s3_uri]."""


def _lower(value: JSON) -> JSON:
    """SageMaker's own spelling is taken as well: `Bayesian`, `ReverseLogarithmic`, `Minimize`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", value).lower() if isinstance(value, str) else value


def _spelled(*names: str | None) -> BeforeValidator:
    """Return what takes SageMaker's own spelling of the names too, in the JSON Schema as well."""
    own = ["".join(part.title() for part in name.split("_")) for name in names if name]
    return BeforeValidator(_lower, json_schema_input_type=Literal.__getitem__((*names, *own)))


def _end(value: JSON) -> JSON:
    """A number as it is written: 1 stays an integer, 1.0 doesn't become one, and true is neither."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("float_type", "expected a number")
    return value


_End = Annotated[int | float, BeforeValidator(_end, json_schema_input_type=int | float)]
End = Annotated[_End | Expression, REFERABLE]


class RangeSection(Section):
    """What a hyperparameter is varied over: from min to max, or a list of values."""

    min: End | None = Field(None, description="least value")
    max: End | None = Field(None, description="greatest value")
    type: Annotated[Literal["integer", "continuous"] | None, _spelled("integer", "continuous", None)] = Field(
        None,
        description="default: integer where both ends are whole numbers without a point; needed if one isn't known",
    )
    scale: Annotated[Scale, _spelled(*get_args(Scale))] = Field(
        "auto", description="how values spread between the ends"
    )
    values: tuple[Any, ...] = Field((), description="a category each; the whole range may be such a list")

    @model_validator(mode="after")
    def _is_a_range(self) -> RangeSection:
        ends = (self.min, self.max)
        if self.values:
            if ends != (None, None) or self.type or self.scale != "auto":
                raise ValueError("a range has either 'values', or 'min' and 'max' with 'type' and 'scale'")
            self._check_values()
        elif None in ends:
            raise ValueError("a range needs 'min' and 'max', or a list of values")
        else:
            self._check_ends()
        return self

    def _check_values(self) -> None:
        texts = [json.dumps(value, sort_keys=True) for value in self.values]
        twice = next((index for index, text in enumerate(texts) if text in texts[:index]), None)
        if twice is not None:
            raise ValueError(f"the range has {describe(self.values[twice])} twice")
        if len(texts) > MOST_VALUES:
            raise ValueError(f"the range has {len(texts)} values, expected at most {MOST_VALUES}")

    def _check_ends(self) -> None:
        low, high = self.min, self.max
        if not isinstance(low, int | float) or not isinstance(high, int | float):
            if self.type is None and not isinstance(low, float) and not isinstance(high, float):
                raise ValueError("an end of the range is known only when the pipeline runs, so that it needs a 'type'")
            return
        if not (-_LONGEST < low < _LONGEST and -_LONGEST < high < _LONGEST):  # nor NaN
            raise ValueError("the ends of a range are finite numbers")
        if low > high:
            raise ValueError(f"the range ends before it begins: 'min' is {low:g}, 'max' {high:g}")
        if low == high:
            raise ValueError(f"the range has one value, {low:g}: leave it out, and give the hyperparameter this value")
        if self.kind == "integer" and (low % 1 or high % 1):
            raise ValueError(f"a range of integers has whole ends, and these are {low:g} and {high:g}")
        if self.scale == "logarithmic" and low <= 0:
            raise ValueError(f"a logarithmic range has only values above 0, and 'min' is {low:g}")
        if self.scale == "reverse_logarithmic" and (self.kind == "integer" or low < 0 or high >= 1):
            raise ValueError("a reverse logarithmic range is continuous, from 0 on and below 1")

    @property
    def kind(self) -> Literal["integer", "continuous", "categorical"]:
        """What SageMaker calls it."""
        if self.values:
            return "categorical"
        whole = isinstance(self.min, int) and isinstance(self.max, int)
        return self.type or ("integer" if whole else "continuous")


def _range(value: JSON) -> JSON:
    """A list is short for the values."""
    return {"values": value} if isinstance(value, list) else value


Range = Annotated[
    RangeSection, BeforeValidator(_range, json_schema_input_type=RangeSection | tuple[str | float | bool, ...])
]


class ObjectiveSection(Section):
    """What the tuning is for: a metric of the training's log, and which way is better."""

    metric: str = Field(min_length=1, description="name of the metric")
    type: Annotated[Literal["minimize", "maximize"], _spelled("minimize", "maximize")] = Field(
        description="which way is better"
    )
    regex: Regex = Field(
        "", description="finds the metric in the log, its number as the first group; needed unless 'metrics' has it"
    )


class HyperbandSection(Section):
    """How the strategy hyperband shares out epochs; an epoch is each time that the log says the objective."""

    min_resource: Count | None = Field(None, description="epochs before a training may be stopped")
    max_resource: Count | None = Field(None, description="epochs at most; default: the hyperparameter 'epochs'")


class WarmStartSection(Section):
    """Tuning jobs whose trials this one begins with."""

    parents: Words = Field(
        description="names of tuning jobs; that of an earlier step is {Get: Steps.<step>.HyperParameterTuningJobName}"
    )
    type: Annotated[Literal["identical", "transfer"], _spelled("identical", "transfer")] = Field(
        "identical", description="identical: same data, image and script; transfer: some of that is another"
    )


class CompletionSection(Section):
    """When the tuning has enough before all its trainings have run."""

    target: Number | None = Field(None, description="an objective as good as this")
    not_improving: Annotated[Annotated[int, Field(ge=3), NoFlag] | Expression | None, REFERABLE] = Field(
        None, description="so many trainings without a better one, at least 3"
    )
    convergence: bool = Field(False, description="SageMaker finds that it won't get better")


class TuneSection(Section):
    """A Tuning step's job."""

    train: str = Field("train", description="the section of the training job that is varied")
    objective: ObjectiveSection = Field(description="what is optimised")
    metrics: Metrics = Field(
        {},
        validation_alias=AliasChoices("metrics", "metric_definitions"),
        description="more metrics: name and regex",
    )
    ranges: Annotated[dict[str, Range], Field(min_length=1)] = Field(
        description="hyperparameters that are varied; a list of values, or min and max"
    )
    strategy: Annotated[Strategy, _spelled(*get_args(Strategy))] = Field(
        "bayesian", description="how values are chosen"
    )
    hyperband: HyperbandSection | None = Field(None, description="of the strategy hyperband")
    max_jobs: Count | None = Field(
        None, description="trainings at most; needed, except for grid, whose default is all combinations"
    )
    max_parallel_jobs: Count = Field(1, description="trainings at once")
    max_runtime: Count | None = Field(
        None,
        validation_alias=AliasChoices("max_runtime_seconds", "max_runtime_in_seconds"),
        description="maximum time of the whole tuning, seconds",
    )
    early_stopping: bool = Field(False, description="stops trainings that are worse than the median of those before")
    complete: CompletionSection = Field(CompletionSection.model_construct(), description="when it has enough")
    warm_start: WarmStartSection | None = Field(None, description="tuning jobs to begin with")
    seed: Annotated[Annotated[int, Field(ge=0), NoFlag] | Expression | None, REFERABLE] = Field(
        None, description="the same seed chooses the same values again"
    )
    base_job_name: Word = Field("", description="prefix of the tuning job's name")
    tags: Tags = Field({}, description="tags of the tuning job and its trainings, over those of the training's section")
    cache: CacheSection = Field(CacheSection.model_construct(), description="expiry of the step cache")
    retry: Retry = Field((), description="when to try again; a number is that many attempts")
    arguments: Arguments = Field({}, description="merged over CreateHyperParameterTuningJob, and checked like it")
