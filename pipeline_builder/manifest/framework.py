"""The framework file, `framework.yaml` beside the manifest: account-wide settings in the published language's keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.fields import Tags
from pipeline_builder.documents.prefix import prefix_faults
from pipeline_builder.documents.schema import Section, describe, read_section
from pipeline_builder.documents.source import load_yaml
from pipeline_builder.documents.values import substitute
from pipeline_builder.errors import InputProblems, Problem

FILE = "framework.yaml"
_MOST_TAGS = 49
_IDS = {"unknown": "PB216", "missing": "PB216", "value": "PB216", "later": "PB216"}


def _joined(value: JSON) -> JSON:
    """A list of ids is what the variables have with commas between."""
    return ",".join(str(item) for item in value) if isinstance(value, list) else value


def _prefix(text: str) -> str:
    if faults := list(prefix_faults(text.strip())):
        raise ValueError(f"the prefix {describe(text)} {'; '.join(faults)}")
    return text


Prefix = Annotated[str, AfterValidator(_prefix)]
Ids = Annotated[str, BeforeValidator(_joined, json_schema_input_type=str | tuple[str, ...])]


class SecuritySection(Section):
    """Network, role and key of every job."""

    subnets: Ids = Field("", description="subnet ids; SMP_SUBNETS wins")
    security_groups: Ids = Field("", alias="security_groups_id", description="security groups; SMP_SECURITYGROUPS wins")
    role: str = Field("", description="SageMaker execution role; SMP_ROLE wins")
    kms_key: str = Field("", description="key for volumes, outputs and packages; SMP_KMSKEY wins")


class FrameworkSection(Section):
    """What stands under `conf`."""

    bucket: str = Field("", alias="s3Bucket", description="bucket for data, code and artifacts; SMP_S3BUCKETNAME wins")
    prefix: Prefix = Field("", alias="s3Prefix", description="what all lies below in that bucket; SMP_S3PREFIX wins")
    config: str = Field("", alias="modelConfigFilePath", description="glob of conf files; SMP_MODEL_CONFIGPATH wins")
    security: SecuritySection = Field(
        SecuritySection.model_construct(),
        alias="sagemakerNetworkSecurity",
        description="network, role and key of every job",
    )
    tags: Tags = Field({}, description="tags of the pipeline and of every job")


class FrameworkFile(Section):
    """The whole file."""

    conf: FrameworkSection = Field(description="everything")


@dataclass(frozen=True, slots=True, kw_only=True)
class Framework:
    """`values` are `SMP_*` variables that the environment may override, `tags` go on the pipeline and every job."""

    values: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def _tags_fault(tags: Mapping[str, object]) -> str:
    """Return what keeps a model package group from having the tags, which has one of its own besides."""
    if not tags:
        return ""
    from pipeline_builder.target import GROUP_OWNER

    if GROUP_OWNER in tags:
        return f"has '{GROUP_OWNER}', which says of a model package group whose it is"
    if len(tags) > _MOST_TAGS:
        return f"has {len(tags)} entries, expected at most {_MOST_TAGS}: SageMaker takes one more, whose a group is"
    return ""


def load_framework(path: Path, values: Mapping[str, str]) -> Framework:
    """Read the framework file; an empty one where there is none. `values` are for placeholders in it.

    Raises:
        InputProblems: PB216, PB210.
    """
    if not path.is_file():
        return Framework()
    document = load_yaml(path, path.name, "PB216")
    if not isinstance(document.data, dict):
        message = f"the file is {describe(document.data)}, expected a mapping with 'conf'"
        raise InputProblems(Problem(id="PB216", message=message, place=document.place()))
    filled, unset = substitute(document, values)
    section, problems = read_section(FrameworkFile, filled, document, (), _IDS)
    if section is None or unset:
        raise InputProblems(*unset, *problems)
    conf = section.conf
    if fault := _tags_fault(conf.tags):
        place = document.place(("conf", "tags"), key=True)
        raise InputProblems(Problem(id="PB216", message=f"'tags' {fault}", place=place))
    found = {
        "SMP_S3BUCKETNAME": conf.bucket,
        "SMP_S3PREFIX": conf.prefix,
        "SMP_MODEL_CONFIGPATH": conf.config,
        "SMP_SUBNETS": conf.security.subnets,
        "SMP_SECURITYGROUPS": conf.security.security_groups,
        "SMP_ROLE": conf.security.role,
        "SMP_KMSKEY": conf.security.kms_key,
    }
    tags = {key: value for key, value in conf.tags.items() if isinstance(value, str)}
    return Framework(values={name: value for name, value in found.items() if value}, tags=tags)
