"""Several processes of one training: who starts them, how many on each host, and on which hosts."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.fields import Count, Names
from pipeline_builder.documents.schema import Section

Starter = Literal["torchrun", "mpi", "data_parallel"]
# What estimators of the SDK call them [EstimatorBase.distribution].
_SDK = ("torch_distributed", "mpi", "smdistributed", "pytorchddp")


class DistributedSection(Section):
    """How a training's processes are started."""

    by: Starter = Field(
        description="torchrun; mpi: mpirun; data_parallel: SageMaker's own library (SMDDP), the SDK's 'pytorchddp' too"
    )
    processes_per_host: Count | None = Field(
        None, description="of torchrun and mpi; default: one for each GPU of the instance, without GPUs one"
    )
    mpi_options: str = Field("", description="of mpi and data_parallel: more options of mpirun, as one line")
    instance_groups: Names = Field((), description="instance groups that take part; needed where there are several")

    @model_validator(mode="after")
    def _fits(self) -> DistributedSection:
        if self.mpi_options and self.by == "torchrun":
            raise ValueError("'mpi_options' are for 'mpi' and 'data_parallel', and 'torchrun' takes none")
        if self.processes_per_host is not None and self.by == "data_parallel":
            raise ValueError(
                "'processes_per_host' is for 'torchrun' and 'mpi': 'data_parallel' starts one for each GPU"
            )
        return self


def _by(value: JSON) -> JSON:
    """A name is short for a section with nothing else in it."""
    return {"by": value} if isinstance(value, str) else value


Distributed = Annotated[DistributedSection, BeforeValidator(_by, json_schema_input_type=DistributedSection | Starter)]


def refuse_processes(value: JSON) -> JSON:
    """`distribution` is that of the data; who means the SDK's argument of that name is told where it goes."""
    if isinstance(value, dict) and any(name in value for name in _SDK):
        kinds = ", ".join(get_args(Starter))
        raise ValueError(
            f"'distribution' says how instances share the data; how processes are started is 'distributed': {kinds}"
        )
    return value
