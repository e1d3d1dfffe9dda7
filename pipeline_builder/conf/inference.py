"""An inference conf: which model scores, and what is done with the predictions, beside the sections of its jobs."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from pipeline_builder.conf.attempts import Retry
from pipeline_builder.conf.conf import ConfFile, ConfSection, ModelSection
from pipeline_builder.conf.publishing import PublishSection
from pipeline_builder.conf.scoring import ScoreGateSection
from pipeline_builder.conf.sections import PreprocessSection
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.fields import EmptyMapping, Env, Later
from pipeline_builder.documents.schema import Section, describe

_GROUP = r"^(arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:[0-9]{12}:model-package-group/)?[A-Za-z0-9](-*[A-Za-z0-9]){0,62}$"


def _group(value: JSON) -> JSON:
    if isinstance(value, str) and not re.fullmatch(_GROUP, value):
        raise ValueError(
            f"'group' is {describe(value)}, expected the name of a model package group (letters, digits and '-'), or "
            "the ARN of another account's; which version of it says 'version' or 'stage'"
        )
    return value


def _version(value: JSON) -> JSON:
    """A number may be in quotes; anything else that isn't the champion is said in our words."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if value == "champion" or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise ValueError(f"'version' is {describe(value)}, expected champion, or the number of a version")


class UsedModelSection(Section):
    """The model package that scores: the newest approved one of its group, a version, or the newest of a stage."""

    group: Annotated[str, BeforeValidator(_group), Field(json_schema_extra={"pattern": _GROUP})] = Field(
        description="the model package group: its name, or the ARN of another account's"
    )
    version: Annotated[
        Literal["champion"] | int,
        BeforeValidator(_version, json_schema_input_type=Literal["champion"] | Annotated[int, Field(ge=1)]),
    ] = Field("champion", description="champion, the newest approved version when a run starts; or a version's number")
    stage: str = Field(
        "",
        max_length=63,
        pattern=r"^([a-zA-Z0-9](-*[a-zA-Z0-9])*)?$",
        description="instead of 'version': the newest approved one whose ModelLifeCycle has this stage: production",
    )
    env: Env = Field({}, description="environment variables of the model's container, over the package's own")

    retry: Retry = Field((), description="when to try again; a number is that many attempts")

    @model_validator(mode="after")
    def _one_choice(self) -> UsedModelSection:
        if not self.stage and "stage" in self.model_fields_set:
            raise ValueError("'stage' is empty, expected one such as production; without it the champion scores")
        if self.stage and "version" in self.model_fields_set:
            raise ValueError("both 'version' and 'stage' are given, expected one of them")
        return self

    @property
    def number(self) -> int | None:
        """The version that is asked for by its number."""
        return self.version if isinstance(self.version, int) else None


class InferenceModel(ModelSection):
    """One model that scores: its scripts, the package that it comes from, and the configuration of its steps."""

    model: UsedModelSection | None = Field(
        None, description="the model package that a CreateModel step makes a model of"
    )
    postprocess: PreprocessSection | None = Field(None, description="a Processing step's job, after the predictions")
    monitor: Annotated[Any, Later("pipeline_builder.conf.monitoring:MonitorSection")] = Field(
        None, description="a Monitor step's job: what data and predictions are held against"
    )
    gate: tuple[ScoreGateSection, ...] = Field(  # type: ignore[assignment] # bounds of another kind
        (), description="bounds on what monitoring has found, and what is done past them"
    )
    publish: PublishSection | None = Field(None, description="where readers find the predictions")

    @property
    def used(self) -> UsedModelSection | None:
        return self.model

    @property
    def published(self) -> PublishSection | None:
        return self.publish


class InferenceConf(ConfSection):
    """What stands under `conf`."""

    models: Annotated[dict[str, InferenceModel], EmptyMapping] = Field({}, description="the models that score")  # type: ignore[assignment] # models with more keys


class InferenceFile(ConfFile):
    """The whole file."""

    conf: InferenceConf = Field(description="everything")
