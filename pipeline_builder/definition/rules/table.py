"""The tables of rules: what a row says, read when the first step of its type is checked."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from pipeline_builder.definition.rules.kinds import KINDS
from pipeline_builder.definition.rules.relevance import needed_names
from pipeline_builder.definition.shapes.fault import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A row of a table.

    It is looked at from each place `of` (below the table's own place in the request), where all conditions `when` hold.
    `kind` (see `kinds.KINDS`) with `spec` is what has to be so, `says` what isn't, after the member's name (a choice
    says it itself), `do` what to do, `source` where AWS, or who has met it, says so, `aws` its own words where
    they are public. `stage` is where SageMaker refuses (see `Fault`), `at` the member to show, where it is another than
    the broken one; `needed` are sets of member names, one of which a request has that can break the rule.
    """

    name: str
    of: str = ""
    when: Mapping[str, Any] = field(default_factory=dict)
    kind: str
    spec: Any
    do: str
    source: str
    says: str = "{said}"
    aws: str = ""
    stage: Stage = "job"
    at: str = ""
    needed: tuple[frozenset[str], ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """The rules of a table, and where in the request of a step's type they hold."""

    places: tuple[str, ...]
    rules: tuple[Rule, ...]


# The tables of each step type, each with the places of the request that they are about ("" is the whole). A check's
# request is that of its processing job.
_PROCESSING = {"tags": ("",), "processing": ("",)}
_TRAININGS = ("TrainingJobDefinition", "TrainingJobDefinitions[]")
TABLES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "Processing": _PROCESSING,
    "QualityCheck": _PROCESSING,
    "ClarifyCheck": _PROCESSING,
    "Training": {"tags": ("",), "training": ("",), "trainings": ("",)},
    "Tuning": {"tags": ("",), "tuning": ("",), "trainings": _TRAININGS, "tunings": _TRAININGS},
    "Transform": {"tags": ("",), "transform": ("",), "transforms": ("",)},
    "Model": {"tags": ("",), "model": ("",), "container": ("PrimaryContainer", "Containers[]")},
    "RegisterModel": {
        "tags": ("",),
        "package": ("",),
        "container": ("InferenceSpecification.Containers[]", "AdditionalInferenceSpecifications[].Containers[]"),
        "transforms": ("ValidationSpecification.ValidationProfiles[].TransformJobDefinition",),
    },
    "AutoML": {"tags": ("",), "automl": ("",)},
}


@functools.cache
def groups_of(step_type: str) -> tuple[Group, ...]:
    """Return the rules of a step type; none for one that no table is about."""
    return tuple(Group(places, load_table(name)) for name, places in TABLES.get(step_type, {}).items())


@functools.cache
def load_table(name: str) -> tuple[Rule, ...]:
    """Read a table.

    Raises:
        ValueError: a row hasn't exactly one kind, or another key that isn't one of a row.
    """
    import yaml

    content = files("pipeline_builder.definition.rules").joinpath("tables", f"{name}.yaml").read_bytes()
    rows = yaml.load(content, Loader=yaml.CSafeLoader)
    return tuple(_rules(rows))


def _rules(rows: Mapping[str, dict[str, Any]]) -> Iterator[Rule]:
    for name, row in rows.items():
        kinds = row.keys() & KINDS.keys()
        if len(kinds) != 1:
            raise ValueError(f"the rule '{name}' has {len(kinds)} kinds, expected one of {', '.join(KINDS)}")
        (kind,) = kinds
        spec = row.pop(kind)
        needed = needed_names(kind, spec, row.get("of", ""), row.get("when", {}))
        yield Rule(name=name, kind=kind, spec=spec, needed=needed, **row)
