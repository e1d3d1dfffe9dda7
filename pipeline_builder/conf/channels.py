"""The channels of a job's section: data files of its own, or none."""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasChoices, BeforeValidator, Field

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.fields import EmptyList, Word
from pipeline_builder.documents.schema import Section
from pipeline_builder.manifest.paths import RelativePath


class DataFile(Section):
    """One entry of a channel's `dataFiles`."""

    source_name: RelativePath = Field(
        alias="sourceName", description="name of the input; a folder of that name gets the file"
    )
    file_name: Word = Field(
        alias="fileName",
        description="s3://bucket/key, or a key below the channel's bucket and prefix; every object that begins so is "
        "read: close a folder with '/'",
    )


class Channel(Section):
    """A channel of a job: data files of its own, or none."""

    bucket: Word = Field(
        "", validation_alias=AliasChoices("s3BucketName", "s3Bucket"), description="bucket of the files"
    )
    prefix: Word = Field(
        "", validation_alias=AliasChoices("s3InputPrefix", "inputBucketPrefix"), description="prefix of the files"
    )
    data_files: Annotated[tuple[DataFile, ...], EmptyList] = Field(
        (), alias="dataFiles", description="the files; every one counts"
    )


class EvaluateChannel(Channel):
    """A channel of an evaluate section."""

    input_path: str = Field(
        "", alias="InputLocalFilepath", description="where its files arrive; default: /opt/ml/processing/input"
    )
    output_prefix: Word = Field("", alias="bucket_prefix", description="prefix of the report, in the channel's bucket")


def read_channels(value: JSON) -> JSON:
    """`channels: train` and `channels: {train: }` both declare a channel without data of its own.

    They are read in the order of their names: that of the keys in a file decides nothing.
    """
    if isinstance(value, str):
        return {value: {}}
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return {str(item): {} for item in sorted(map(str, value))}
    if isinstance(value, dict):
        return {key: {} if channel is None else channel for key, channel in sorted(value.items())}
    return {} if value is None else value


Channels = Annotated[
    dict[str, Channel],
    BeforeValidator(read_channels, json_schema_input_type=str | tuple[str, ...] | dict[str, Channel | None] | None),
]
EvaluateChannels = Annotated[
    dict[str, EvaluateChannel],
    BeforeValidator(
        read_channels, json_schema_input_type=str | tuple[str, ...] | dict[str, EvaluateChannel | None] | None
    ),
]
