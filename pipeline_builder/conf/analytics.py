"""Sections of EMR, EMRServerless, AutoML and NotebookJob steps."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from pipeline_builder.conf.attempts import Retry
from pipeline_builder.conf.requests import ManagedJobSection, RequestSection
from pipeline_builder.documents.expressions import REFERABLE, Expression
from pipeline_builder.documents.fields import Args, Arguments, Count, NoFlag, Switch, Texts, Word
from pipeline_builder.documents.schema import describe
from pipeline_builder.manifest.paths import RelativePath

_CLUSTER = re.compile(r"j-[A-Z0-9]{1,60}")


def _cluster(value: str) -> str:
    if value and not _CLUSTER.fullmatch(value):
        raise ValueError(f"'cluster_id' is {describe(value)}, expected the id of a cluster such as j-2AXXXXXXGAPLF")
    return value


_RETRY = "when to try again; a number is that many attempts"


class EMRSection(RequestSection):
    """An EMR step's work: a jar, on a cluster that is there or on one of its own."""

    cluster_id: Annotated[Annotated[str, AfterValidator(_cluster)] | Expression, REFERABLE] = Field(
        "", description="a cluster that is there"
    )
    cluster: Arguments = Field({}, description="a cluster of the step's own: RunJobFlow's request, without Steps")
    jar: Word = Field(description="s3:// address of the jar, or command-runner.jar")
    main_class: Word = Field("", description="its class, where the jar doesn't say")
    args: Args = Field((), description="arguments: a list, or names with values (--name value)")
    properties: Texts = Field({}, description="Java properties")
    execution_role: Word = Field("", description="runtime role of the step, on a cluster that is there")
    retry: Retry = Field((), description=_RETRY)

    @model_validator(mode="after")
    def _one_cluster(self) -> EMRSection:
        if bool(self.cluster_id) == bool(self.cluster):
            has = "both 'cluster_id' and 'cluster'" if self.cluster else "neither 'cluster_id' nor 'cluster'"
            raise ValueError(f"the section has {has}, expected one of them")
        if self.tags and self.cluster_id:
            raise ValueError("'tags' are for a cluster of the step's own: a step on one that is there has none")
        if self.tags and "Tags" in self.cluster:
            raise ValueError("both 'tags' and 'Tags' of 'cluster' are given, expected one of them")
        if self.execution_role and self.cluster:
            raise ValueError("'execution_role' is for a cluster that is there: a cluster of its own has its roles")
        return self


class EMRServerlessSection(RequestSection):
    """An EMRServerless step's work: a Spark or Hive job, in an application that is there or in one of its own."""

    application_id: Word = Field("", description="an application that is there")
    application: Arguments = Field({}, description="an application of the step's own: CreateApplication's request")
    entry_point: Word = Field("", description="of Spark: s3:// address of the script or jar")
    args: Args = Field((), description="of Spark: arguments: a list, or names with values (--name value)")
    spark_submit: Word = Field("", description="of Spark: parameters of spark-submit, such as --conf …")
    query: Word = Field("", description="of Hive: s3:// address of the query")
    configuration: Arguments = Field({}, description="configurationOverrides of the job")
    max_runtime_minutes: Annotated[Annotated[int, NoFlag] | Expression | None, REFERABLE] = Field(
        None, description="minutes at most"
    )
    execution_role: Word = Field("", description="role of the job; default: that of the model's jobs")
    retry: Retry = Field((), description=_RETRY)

    @model_validator(mode="after")
    def _one_application(self) -> EMRServerlessSection:
        if bool(self.application_id) == bool(self.application):
            has = "both 'application_id' and 'application'" if self.application else "no application"
            raise ValueError(f"the section has {has}, expected one of 'application_id' and 'application'")
        if bool(self.entry_point) == bool(self.query):
            raise ValueError("the section has no work, or two: expected 'entry_point' (Spark) or 'query' (Hive)")
        return self


class AutoMLSection(RequestSection):
    """An AutoML step's job: candidates of models for tabular data."""

    dataset: Word = Field("", description="s3:// address of the training data; default: the chained step's output")
    channel: str = Field("", description="which output of the chained step, where it has several")
    validation: Word = Field("", description="s3:// address of validation data")
    target: Word = Field(description="the column that is predicted")
    problem_type: Annotated[
        Literal["Regression", "BinaryClassification", "MulticlassClassification"] | Expression | None, REFERABLE
    ] = Field(None, description="what is predicted; by itself the service finds out")
    objective: Word = Field("", description="metric of the candidates; goes with problem_type")
    mode: Annotated[Literal["AUTO", "ENSEMBLING", "HYPERPARAMETER_TUNING"] | Expression, REFERABLE] = Field(
        "ENSEMBLING", description="how candidates are found; pipelines take ENSEMBLING"
    )
    max_candidates: Count | None = Field(None, description="candidates at most")
    max_runtime_per_training: Count | None = Field(None, description="seconds at most, of each training")
    max_runtime: Count | None = Field(None, alias="max_runtime_seconds", description="seconds at most, of the job")
    output_path: Word = Field("", description="s3:// address of the results; default: a folder of the execution")
    retry: Retry = Field((), description=_RETRY)


class NotebookSection(ManagedJobSection):
    """A NotebookJob step's job: a notebook, run from its first cell to its last."""

    notebook: RelativePath = Field(description="name of the notebook in its folder")
    folder: Word = Field(description="s3:// address of the folder with the notebook and what it reads")
    kernel: str = Field("python3", description="kernel of the image")
    output_path: Word = Field("", description="s3:// address of the notebook that has run; default: the execution's")
    output_name: RelativePath | None = Field(None, description="its name; default: that of the notebook")
    parameters: Texts = Field({}, description="values for the cell that is tagged 'parameters'")
    initialization_script: RelativePath | None = Field(
        None, description="name of a script in the folder that runs first"
    )
    max_runtime: Count = Field(172_800, alias="max_runtime_seconds", description="maximum run time, seconds")
    encrypt_traffic: Switch = Field(True, description="encrypts traffic between containers")
    retry: Retry = Field((), description=_RETRY)
