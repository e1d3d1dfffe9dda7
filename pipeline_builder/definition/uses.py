"""What an inference definition takes from each start: which model package scores, and the day that a run is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pipeline_builder.definition.names import parameter_name
from pipeline_builder.documents.dates import PARAMETERS, date_values
from pipeline_builder.documents.expressions import get, references
from pipeline_builder.errors import Place

if TYPE_CHECKING:
    from pipeline_builder.conf.graph import Graph
    from pipeline_builder.definition.steps.context import Mapped

What = Literal["package", "artifact", "baseline"]
_PREFIXES: Mapping[What, str] = {"package": "ModelPackage", "artifact": "ModelData", "baseline": "Baseline"}
MOST_OF_A_MODEL = len(_PREFIXES)
"""Parameters about one model package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUse:
    """Which model package a parameter is about, and what of it: its ARN, the address of its artifact, or of the
    baseline that its training has left.

    Without `version` and `stage` it is the champion. `place` is where the conf says it. `owner` is whose tag the group
    has where it is the repository's own, `listed` says that the policy allows it whosever it is, `allow` what would.
    """

    unit: str
    group: str
    version: int | None
    stage: str
    what: What
    place: Place
    owner: str = ""
    listed: bool = False
    allow: str = ""

    @property
    def is_foreign(self) -> bool:
        """Whether the group is another account's, which it is named by its ARN for."""
        return self.group.startswith("arn:")

    @property
    def words(self) -> str:
        """What is asked for, in words."""
        if self.stage:
            return f"the stage '{self.stage}' of '{self.group}'"
        return f"version {self.version} of '{self.group}'" if self.version else f"the champion of '{self.group}'"


def package_parameter(what: What, unit: str) -> str:
    """Return the parameter that carries what a start finds out of a unit's model package."""
    return parameter_name(_PREFIXES[what], unit)


def package_reference(what: What, unit: str) -> Mapped:
    """Return a reference to it."""
    return get(f"Parameters.{package_parameter(what, unit)}")


def model_uses(graph: Graph, steps: object) -> Mapping[str, ModelUse]:
    """Return every parameter of a model package that the composed steps refer to; and of what comes with one, which
    package it comes with: two may have the same artifact, and only one of them be approved.
    """
    if graph.kind != "inference":
        return {}
    named = _named(steps)
    found = {}
    for unit in graph.units.values():
        if (used := unit.section.used) is None:
            continue
        place = unit.conf.document.place((*unit.path, "model"), key=True)
        whats = [what for what in _PREFIXES if package_parameter(what, unit.name) in named]
        for what in dict.fromkeys(("package", *whats) if whats else ()):
            found[package_parameter(what, unit.name)] = ModelUse(
                unit=unit.name, group=used.group, version=used.number, stage=used.stage, what=what, place=place
            )
    return dict(sorted(found.items()))


def date_uses(graph: Graph, steps: object) -> Mapping[str, str]:
    """Return every parameter of the logical date that the steps or the confs refer to, with the placeholder's name."""
    if graph.kind != "inference":
        return {}
    confs = {id(unit.conf): unit.conf.data for unit in graph.units.values()}
    named = _named([steps, *confs.values()])
    return {parameter: name for parameter, name in PARAMETERS.items() if parameter in named}


_SAMPLES: Mapping[What, str] = {
    "package": "arn:aws:sagemaker:us-east-1:000000000000:model-package/name/1",
    "artifact": "s3://bucket/model.tar.gz",
    "baseline": "s3://bucket/baseline/",
}


def sample_values(models: Mapping[str, ModelUse], dates: Mapping[str, str]) -> Mapping[str, str]:
    """Return values of the form that each start gives: what is wrong with those is wrong with all."""
    return {
        **{name: _SAMPLES[use.what] for name, use in models.items()},
        **{name: date_values("2026-11-29T13")[part] for name, part in dates.items()},
    }


def _named(value: object) -> set[str]:
    return {path.removeprefix("Parameters.") for path, _ in references(value) if path.startswith("Parameters.")}
