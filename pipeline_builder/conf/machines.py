"""What a training runs on besides one kind of instance: spot machines, groups, warm pools, and what outlives them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from pipeline_builder.conf.channels import Channel, read_channels
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import REFERABLE, Expression
from pipeline_builder.documents.fields import Count, Names, NoFlag, Switch, Word
from pipeline_builder.documents.schema import Section

Flag = Annotated[Switch | Expression, REFERABLE]
Seconds = Annotated[Annotated[int, Field(ge=0), NoFlag] | Expression, REFERABLE]


class TrainChannel(Channel):
    """A channel of a train section."""

    instance_groups: Names = Field(
        (), description="instance groups that get its data; default: all. A chained input is named as a channel for it"
    )


TrainChannels = Annotated[
    dict[str, TrainChannel],
    BeforeValidator(
        read_channels, json_schema_input_type=str | tuple[str, ...] | dict[str, TrainChannel | None] | None
    ),
]


class GroupSection(Section):
    """One of several groups of instances, each of its own kind."""

    instance_type: Word = Field(description="instance type of the group")
    instance_count: Count = Field(1, description="instances of the group")


def _by_name(value: JSON) -> JSON:
    """The order of names decides nothing."""
    return dict(sorted(value.items())) if isinstance(value, dict) else value


Groups = Annotated[dict[str, GroupSection], BeforeValidator(_by_name, json_schema_input_type=dict[str, GroupSection])]


class CheckpointsSection(Section):
    """Where a training keeps what it can go on from."""

    address: Word = Field(description="s3:// address that they are kept at, and brought back from")
    path: str = Field("/opt/ml/checkpoints", description="folder in which the script writes and finds them")


def _address(value: JSON) -> JSON:
    """A text, or an expression, is short for the address."""
    return {"address": value} if isinstance(value, str | Expression) else value


Checkpoints = Annotated[CheckpointsSection, BeforeValidator(_address, json_schema_input_type=CheckpointsSection | Word)]
