"""What is composed, as values: the definition, and the graph and facts that it was made of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline_builder.dag import caching
from pipeline_builder.definition.bundle import Bundle
from pipeline_builder.definition.made import Made
from pipeline_builder.definition.parameters import MANIFEST_PARAMETER
from pipeline_builder.errors import Problem

if TYPE_CHECKING:  # who is told what was composed before needs none of what composes
    from pipeline_builder.conf.graph import Graph
    from pipeline_builder.definition.policy.policy import Policed


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A composed definition.

    `content` is canonical JSON (sorted keys, fixed separators, final newline), `sha256` its digest (hex). `bundles`
    maps the s3:// address of each code archive to what goes there, `manifests` that of each list of data files to its
    content, `data` each parameter that carries a fingerprint of data to the addresses of that, `owners` every step's
    name to the conf's step that it was composed for, `repositories` to the repository whose it is, `groups` each model
    package group to its description, `code` every step with code to the address of its bundle; `made` is what the
    service makes for steps.
    """

    pipeline: str
    content: bytes
    sha256: str
    bundles: Mapping[str, Bundle]
    manifests: Mapping[str, bytes]
    owners: Mapping[str, str]
    repositories: Mapping[str, str]
    groups: Mapping[str, str]
    commit_parameters: Mapping[str, str]
    code: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
    made: Made = field(default_factory=Made)

    @property
    def own_parameters(self) -> tuple[str, ...]:
        """The parameters that whoever starts an execution sets, and nobody else."""
        return (MANIFEST_PARAMETER, *self.commit_parameters.values(), *self.data, caching.PARAMETER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """The graph, and what values of parameters are held against when it starts."""

    graph: Graph
    policed: Policed


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is asked of every graph: how many steps and models it has, whose tag each group is to have that its policy
    doesn't list, and a digest of all that decides about a verdict, or is drawn, besides the definition.
    """

    steps: int
    models: int
    owned: Mapping[str, str]
    judged_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """The definition, which has passed every check, and what gives the `whole` that it was made of; `images` are what
    the lock gets, `known` the facts where they are known already.
    """

    definition: Definition
    warnings: tuple[Problem, ...]
    images: Mapping[str, str]
    whole: Callable[[], Whole]
    known: Facts | None = None

    @property
    def graph(self) -> Graph:
        return self.whole().graph

    @property
    def policed(self) -> Policed:
        return self.whole().policed

    @property
    def counts(self) -> tuple[int, int]:
        """How many steps and models there are."""
        return (self.known.steps, self.known.models) if self.known else _counts(self.graph)

    @property
    def judged_by(self) -> str:
        """A digest of what decides about a verdict, or is drawn, besides the definition."""
        return self.known.judged_by if self.known else _judged_by(self.graph)

    @property
    def facts(self) -> Facts:
        """What is known of the graph, without composing it again."""
        if self.known:
            return self.known
        steps, models = self.counts
        owned = {claim.group: claim.owner for claim in self.policed.claims if not claim.listed}
        return Facts(steps=steps, models=models, owned=owned, judged_by=self.judged_by)


def _counts(graph: Graph) -> tuple[int, int]:
    return len(graph.steps), len({step.unit.name for step in graph.steps})


def _judged_by(graph: Graph) -> str:
    drawn = [(step.name, step.step_class, step.unit.name) for step in graph.steps]
    gates = {name: unit.section.gate for name, unit in graph.units.items()}
    return hashlib.sha256(repr((drawn, gates)).encode("utf-8", "backslashreplace")).hexdigest()
