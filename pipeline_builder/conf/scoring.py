"""The gate of an inference pipeline: bounds on what its monitoring has found, and what is done past them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.fields import NoFlag
from pipeline_builder.documents.schema import Section

Action = Literal["warn", "block", "retrain"]


def _several(value: JSON) -> JSON:
    """A word alone is a list of it, a list without any is said here: not of one whose words are wrong."""
    if value == []:
        raise ValueError("expected at least one of warn, block, retrain")
    return [value] if isinstance(value, str) else value


Actions = Annotated[
    tuple[Action, ...],
    BeforeValidator(_several, json_schema_input_type=Action | tuple[Action, ...]),
]
_Bound = Annotated[float, NoFlag]


class ScoreGateSection(Section):
    """A bound on a number that monitoring has found, and what is done past it."""

    metric: str = Field(
        min_length=1,
        description="path into monitor.json, such as drift.max_psi, columns.age.psi, quality.auc.value; "
        "violations.missing is how many of that kind there are, violations.all how many at all",
    )
    min: _Bound | None = Field(None, description="below it, `then` is done")
    max: _Bound | None = Field(None, description="above it, `then` is done")
    then: Actions = Field(
        ("block",),
        validate_default=False,
        description="warn: it is said; block: nothing is published; retrain: the training pipeline is started, and "
        "the scores are published; a list does several of these",
    )

    @model_validator(mode="after")
    def _has_a_bound(self) -> ScoreGateSection:
        if self.min is None and self.max is None:
            raise ValueError(f"the gate on '{self.metric}' has no bound: give it 'min' or 'max'")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"the gate on '{self.metric}' passes nothing: 'min' is {self.min:g}, 'max' {self.max:g}")
        return self
