"""Sections of QualityCheck and ClarifyCheck steps: a baseline of data or of a model, and what is held against it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from pipeline_builder.conf.requests import ManagedJobSection
from pipeline_builder.documents.expressions import REFERABLE, Expression, references
from pipeline_builder.documents.fields import Names, NoFlag, Switch, Word
from pipeline_builder.documents.schema import Section, describe

_Flag = Annotated[Switch | Expression, REFERABLE]
_Column = Annotated[str | int, NoFlag]
_QUALITY = ("problem_type", "inference_attribute", "probability_attribute", "ground_truth_attribute")
_ELSEWHERE = frozenset(("model_name", "endpoint_name"))
_TYPE = "instance_type"
_MODEL = ("predictor", "predicted_label", "model")


class CheckSection(ManagedJobSection):
    """What both checks have: the data, the baseline that counts, and what becomes of the new one."""

    dataset: Word = Field("", description="s3:// address of the data; default: the output of the chained step")
    channel: str = Field("", description="which output of the chained step, where it has several")
    output_path: Word = Field("", description="s3:// address for what is found; default: a folder of the execution")
    skip_check: _Flag = Field(False, description="only makes a new baseline, and compares it with none")
    fail_on_violation: _Flag = Field(True, description="whether the step fails where the data violate the baseline")
    register_new_baseline: _Flag = Field(
        False, description="whether later executions are held against the new baseline"
    )
    supplied_baseline_constraints: Word = Field("", description="s3:// address of a constraints.json to hold against")
    model_package_group_name: Word = Field(
        "", alias="ModelPackageGroupName", description="whose latest approved model has the baseline; default: its own"
    )


class QualityCheckSection(CheckSection):
    """A QualityCheck step's job: the quality of data, or of a model's answers."""

    check: Literal["data_quality", "model_quality"] = Field("data_quality", description="what is checked")
    format: Literal["csv", "json", "json_lines"] = Field("csv", description="how the data are written")
    header: bool = Field(True, description="whether the first line has the names of columns")
    supplied_baseline_statistics: Word = Field("", description="s3:// address of a statistics.json to hold against")
    problem_type: Annotated[
        Literal["Regression", "BinaryClassification", "MulticlassClassification"] | Expression | None, REFERABLE
    ] = Field(None, description="of model_quality: what the model does")
    inference_attribute: Word = Field("", description="of model_quality: column or path of the answer")
    probability_attribute: Word = Field("", description="of model_quality: column or path of the probability")
    ground_truth_attribute: Word = Field("", description="of model_quality: column or path of the truth")
    probability_threshold_attribute: Word = Field("", description="of model_quality: from which probability on it is 1")
    record_preprocessor_script: Word = Field("", description="of data_quality: s3:// address of a script for records")
    post_analytics_processor_script: Word = Field("", description="s3:// address of a script for the results")

    @model_validator(mode="after")
    def _fits(self) -> QualityCheckSection:
        if self.check == "model_quality" and self.problem_type is None:
            raise ValueError("a check of 'model_quality' says what the model does: 'problem_type' is missing")
        other = [key for key in (*_QUALITY, "probability_threshold_attribute") if getattr(self, key)]
        if self.check == "data_quality" and other:
            raise ValueError(f"'{other[0]}' is for a check of 'model_quality'")
        if self.check == "model_quality" and self.record_preprocessor_script:
            raise ValueError("'record_preprocessor_script' is for a check of 'data_quality'")
        return self


class FacetSection(Section):
    """A group of people or things that a model must not treat differently."""

    name: _Column = Field(description="column of the group, by its name or number")
    values: tuple[str | int | float, ...] = Field((), description="the values, or the bound, of the group at risk")


class ClarifyCheckSection(CheckSection):
    """A ClarifyCheck step's job: bias in data or in a model's answers, or what they come from."""

    check: Literal["data_bias", "model_bias", "explainability"] = Field("data_bias", description="what is checked")
    dataset_type: Literal[
        "text/csv", "application/jsonlines", "application/json", "application/x-parquet", "application/x-image",
        "application/sagemakercapturejson",
    ] = Field("text/csv", description="how the data are written")  # fmt: skip
    label: _Column | None = Field(None, description="column of the truth, by its name or number")
    headers: Names = Field((), description="names of the columns")
    label_values: tuple[str | int | float, ...] = Field((), description="of bias: the good values, or their bound")
    facets: tuple[FacetSection, ...] = Field((), description="of bias: the groups that are compared")
    group_variable: _Column | None = Field(None, description="of bias: column of the groups within")
    methods: Names = Field((), description="of bias: which measures; default: all")
    shap: dict[str, Any] | None = Field(None, description="of explainability: baseline, num_samples, agg_method, …")
    pdp: dict[str, Any] | None = Field(None, description="of explainability: features, grid_resolution, …")
    model: str = Field("", description="CreateModel step of the model that is asked; default: the model's own")
    predictor: dict[str, Any] = Field(
        {},
        description="how the model is asked: instance_type, initial_instance_count, content_type, accept_type, …",
    )
    predicted_label: dict[str, Any] = Field({}, description="where the answer is: label, probability, label_headers, …")
    probability_threshold: Annotated[float, Field(ge=0, le=1), NoFlag] | None = Field(
        None, description="from which probability on the answer is 1"
    )
    analysis: dict[str, Any] = Field({}, description="merged over the analysis configuration")

    @model_validator(mode="after")
    def _fits(self) -> ClarifyCheckSection:
        if self.check == "explainability" and not (self.shap or self.pdp):
            raise ValueError("a check of 'explainability' needs 'shap' or 'pdp'")
        if self.check != "explainability" and not (self.facets and self.label_values):
            raise ValueError("a check of bias needs 'facets' and 'label_values'")
        if self.check == "data_bias" and (other := [key for key in _MODEL if getattr(self, key)]):
            raise ValueError(f"'{other[0]}' is for a check of a model, and 'data_bias' is one of data")
        parts = (self.shap, self.pdp, self.predictor, self.predicted_label, self.analysis)
        for path, _ in references(parts):
            raise ValueError(f"the analysis configuration is a file, and {describe(path)} is known only in a run")
        if self.check != "data_bias" and isinstance(self.instance_type, Expression) and not self.predictor.get(_TYPE):
            raise ValueError(f"the endpoint of a check is known before the run: 'predictor' has no '{_TYPE}'")
        for hidden in _hidden(parts):
            raise ValueError(
                f"the analysis configuration names {describe(hidden)}, which no policy and no role would see"
            )
        return self


def _hidden(value: Any) -> Iterator[str]:
    """Yield what a configuration leads to: an address of data, a model or an endpoint that is somebody's."""
    if isinstance(value, str) and value.startswith(("s3://", "arn:")):
        yield value
    if isinstance(value, dict):
        yield from (str(value[key]) for key in _ELSEWHERE & value.keys())
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        yield from _hidden(item)
