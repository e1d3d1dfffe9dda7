"""`local.limits`: how much of the machine one job may take on the local target."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.fields import NoFlag
from pipeline_builder.documents.schema import Section, describe

_UNITS = {"": 1, "B": 1, "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "TB": 1000**4,
          "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}  # fmt: skip
_LEAST = 1000**2


def _size(value: JSON) -> JSON:
    """Return a size as bytes."""
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([A-Za-z]{0,3})", str(value), re.ASCII)
    if isinstance(value, bool) or match is None or match[2] not in _UNITS:
        raise ValueError(f"{describe(value)} is no size, expected one such as 500MB, 2GB or 1.5GiB")
    size = int(float(match[1]) * _UNITS[match[2]])
    if size < _LEAST:
        raise ValueError(f"{describe(value)} is less than 1MB, which no job could live with")
    return size


def _memory(value: JSON) -> JSON:
    """Return a share of the machine's memory as a number up to 1, a size as bytes."""
    match = re.fullmatch(r"([0-9]{1,3}) ?%", str(value), re.ASCII)
    if match is None:
        return _size(value)
    if not 1 <= int(match[1]) <= 100:
        raise ValueError(f"{describe(value)} is no share, expected 1% to 100%")
    return int(match[1]) / 100


Size = Annotated[int, BeforeValidator(_size, json_schema_input_type=int | str)]
Memory = Annotated[int | float, BeforeValidator(_memory, json_schema_input_type=int | str)]


class LimitsSection(Section):
    """What one job may have on the local target; where it comes to a limit it is ended, and its step says which."""

    processes: Annotated[int, Field(ge=8, le=4194304), NoFlag] = Field(
        4096, description="processes and threads at once"
    )
    memory: Memory = Field(0.9, description="a size, or a share of the machine's memory; default: 90%")
    disk: Size | None = Field(
        None, description="a size for all its files; default: what is free, less 2 GB, at least half of it"
    )
    file_size: Size | None = Field(None, description="a size for one file; default: that of 'disk'")
    log: Size = Field(1000**3, description="a size for its log; default: 1GB")


class KeepSection(Section):
    """What `gc` keeps of what has run on the local target; the rest goes, but for what something still needs."""

    executions: Annotated[int, Field(ge=1, le=100000), NoFlag] = Field(
        10, description="newest executions of each pipeline"
    )
    days: Annotated[int, Field(ge=0, le=3650), NoFlag] = Field(30, description="days since something was used last")
    store: Size | None = Field(None, description="a size for the objects in the store; default: no bound")
    jobs: Size | None = Field(None, description="a size for the folders of jobs, with their logs; default: no bound")
    environments: Size | None = Field(None, description="a size for the Python environments; default: no bound")
    git: Size | None = Field(None, description="a size for the fetched repositories; default: no bound")
