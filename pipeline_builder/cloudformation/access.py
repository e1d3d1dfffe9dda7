"""Value types of access (stand-in until the module that derives them from the DAG is here)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one statement of a policy allows; resources and condition values stand in Fn::Sub."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Mapping[str, Mapping[str, str | tuple[str, ...]]] = field(default_factory=dict)
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role: who may take it on, and what it may do."""

    name: str
    trust: str
    statements: tuple[Statement, ...]
    description: str
