"""What is composed, as values: the definition, and the graph and facts that it was made of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from pipeline_builder.dag import caching
from pipeline_builder.definition.bundle import Bundle
from pipeline_builder.definition.made import Made
from pipeline_builder.definition.parameters import MANIFEST_PARAMETER
from pipeline_builder.definition.uses import ModelUse
from pipeline_builder.errors import Problem

if TYPE_CHECKING:  # who is told what was composed before needs none of what composes
    from pipeline_builder.conf.graph import Graph
    from pipeline_builder.definition.policy.groups import Claim
    from pipeline_builder.definition.policy.policy import Held, Policed
    from pipeline_builder.manifest.pipelines import Kind


class Part(NamedTuple):
    """A step as it is in a definition's content: its bytes there, whether the step cache may answer, and the model
    package groups that it registers into with their descriptions.
    """

    name: str
    size: int
    cached: bool
    groups: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A composed definition.

    `content` is canonical JSON (sorted keys, fixed separators, final newline), `sha256` its digest (hex). `bundles`
    maps the s3:// address of each code archive to what goes there, `manifests` that of each list of data files to its
    content, `data` each parameter that carries a fingerprint of data to the addresses of that, `owners` every step's
    name to the conf's step that it was composed for, `repositories` to the repository whose it is, `units` to its
    model, `groups` each model package group to its description, `code` every step with code to the address of its
    bundle, `sources` to what that was made of; `parts` are the steps in the order of the content, `made` is what the
    service makes for them, `files` the content of what factories have uploaded, by its address. One of the `kind`
    inference takes from each start what `models` and `dates` have: by parameter, which model package, and which part of
    the logical date; `labels` have where labels will be, which may not have come yet.
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
    parts: tuple[Part, ...] = ()
    sources: Mapping[str, Bundle] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    kind: Kind = "training"
    models: Mapping[str, ModelUse] = field(default_factory=dict)
    dates: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)

    @property
    def own_parameters(self) -> tuple[str, ...]:
        """The parameters that whoever starts an execution sets, and nobody else."""
        own = (MANIFEST_PARAMETER, *self.commit_parameters.values(), *self.data, caching.PARAMETER)
        return (*own, *self.models, *self.dates, *self.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """The graph, what values of parameters are held against when it starts, and what the policy was held against."""

    graph: Graph
    policed: Policed
    held: Held

    @property
    def claims(self) -> tuple[Claim, ...]:
        """Return which repository claims which model package group."""
        from pipeline_builder.definition.policy.groups import claims_of

        return claims_of(self.held.claimed, self.policed.urls)


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

    `renewed` is the definition of what has changed since another, whose sha256 is `before`: all else was checked then.
    """

    definition: Definition
    warnings: tuple[Problem, ...]
    images: Mapping[str, str]
    whole: Callable[[], Whole]
    known: Facts | None = None
    renewed: bytes = b""
    before: str = ""

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
        owned = {claim.group: claim.owner for claim in self.whole().claims if not claim.listed}
        return Facts(steps=steps, models=models, owned=owned, judged_by=self.judged_by)


def _counts(graph: Graph) -> tuple[int, int]:
    return len(graph.steps), len({step.unit.name for step in graph.steps})


def _judged_by(graph: Graph) -> str:
    gates = ((name, repr(unit.section.gate)) for name, unit in graph.units.items())
    return judged_by(((step.name, step.kind, step.unit.name) for step in graph.steps), gates)


def judged_by(drawn: Iterable[tuple[str, str, str]], gates: Iterable[tuple[str, str]]) -> str:
    """Return the digest of what is drawn of each step, and of each model's bounds, as they are shown."""
    bounds = ", ".join(f"{name!r}: {shown}" for name, shown in gates)
    return hashlib.sha256(f"({[*drawn]!r}, {{{bounds}}})".encode("utf-8", "backslashreplace")).hexdigest()
