"""The sections of a model's registration: its package, how it is served, and the gate before it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AliasChoices, Field, model_validator
from pydantic_core import PydanticCustomError

from pipeline_builder.conf.attempts import Retry
from pipeline_builder.conf.containers import ContainerSection
from pipeline_builder.conf.sections import ImageSection
from pipeline_builder.documents.expressions import REFERABLE, Expression
from pipeline_builder.documents.fields import (
    Approval,
    Arguments,
    Image,
    MetricPath,
    Number,
    Regression,
    Switch,
    Word,
    Words,
)
from pipeline_builder.documents.schema import Section


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
    containers: tuple[ContainerSection, ...] = Field(
        (), description="several containers, which a request goes through in this order, instead of the model's one"
    )
    mode: Annotated[Literal["Serial", "Direct"] | Expression | None, REFERABLE] = Field(
        None, description="how several containers are called: one after the other, which is the default, or each alone"
    )
    retry: Retry = Field((), description="when to try again; a number is that many attempts")
    arguments: Arguments = Field({}, description="merged over the CreateModelPackage request, and checked like it")

    @model_validator(mode="after")
    def _mode_of_several(self) -> RegistrySection:
        if self.mode and not self.containers:
            raise ValueError("'mode' says how several containers are called, and there are no 'containers'")
        return self

    @property
    def approval(self) -> str | Expression:
        """The status of a new package, from either of the two places where it may stand."""
        return self.approval_status or self.inference.approval_status or "PendingManualApproval"


class GateSection(Section):
    """A bound on a metric."""

    metric: MetricPath = Field(min_length=1, description="path into model_evaluation_metrics.json, such as auc.value")
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
