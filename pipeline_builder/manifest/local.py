"""The settings of the local target that a manifest has."""

from __future__ import annotations

from pydantic import Field

from pipeline_builder.documents.schema import Section
from pipeline_builder.manifest.images import ImageSection
from pipeline_builder.manifest.interrupts import Interrupts
from pipeline_builder.manifest.limits import KeepSection, LimitsSection
from pipeline_builder.manifest.paths import DataFolder, Source


class LocalSection(Section):
    """Settings of the local target."""

    s3: dict[str, DataFolder] = Field(
        {}, description="bucket or bucket/prefix: folder with its data, relative to the manifest or absolute"
    )
    sources: dict[Source, DataFolder] = Field(
        {}, description="filesystem://, athena:// or redshift:// address, or its beginning: folder with its data"
    )
    images: tuple[ImageSection, ...] = Field((), description="images and the Python packages that stand for them")
    limits: LimitsSection = Field(
        LimitsSection.model_construct(), description="how much of the machine one job may take"
    )
    keep: KeepSection = Field(KeepSection.model_construct(), description="how much 'gc' keeps of what has run")
    interrupt: Interrupts = Field(
        {},
        description="spot training step: seconds after which its machine is taken away; a list for one after another",
    )
    aws: bool = Field(
        False, description="jobs can call AWS's API, answered on this machine, with a key that is their step's own"
    )
