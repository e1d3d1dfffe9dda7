"""Lineage: from commits and data over steps and the artifact to a package, and to all that uses it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipeline_builder.console.models.facts import Facts
from pipeline_builder.console.models.made import MadeStep
from pipeline_builder.dag.outline import Node
from pipeline_builder.views.graphs.picture import render_svg

_MOST_DATA = 8
_MOST_STEPS = 40
"""Steps that are drawn one by one; of more a reader sees nothing."""
_MOST_USERS = 12
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """Something that uses a version: an inference pipeline, or another model of its run that is chained to it.

    `pipeline` and `date` lead to its newest day, where it has days.
    """

    kind: str
    name: str
    words: str
    pipeline: str = ""
    date: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the lineage in words, for whoever doesn't see the drawing: what it is, and what it comes from."""

    kind: str
    name: str
    comes_from: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The drawing, and the same in words; `left` says what it leaves out."""

    parts: tuple[Part, ...]
    left: str = ""
    svg: str = field(default="", metadata={"json": False})


def lineage_of(facts: Facts, uses: Sequence[Use]) -> Lineage:
    """Return where a version came from, and where it goes."""
    nodes = {node.name: node for node in _nodes(facts, uses)}
    parts = tuple(
        Part(kind=node.step_class, name=node.name, comes_from=tuple(name for name in node.depends_on if name in nodes))
        for node in nodes.values()
    )
    short = _short_names(facts, nodes)
    drawn = [_direct(node, nodes) for node in nodes.values()]
    return Lineage(svg=render_svg([_renamed(node, short) for node in drawn]), parts=parts, left=_left(facts, uses))


def _short_names(facts: Facts, nodes: Mapping[str, Node]) -> dict[str, str]:
    """Return what each node is called in its box, where there is little room; no two of them the same."""
    found: dict[str, str] = {}
    for name, node in nodes.items():
        match node.step_class:
            case "commit":
                short = name.rpartition(" @ ")[2]
            case "data":
                short = "/".join(name.rstrip("/").split("/")[-2:])
            case "model package":
                short = f"version {facts.package.version}"
            case _:
                short = name.removeprefix(f"{facts.model}-") or name
        found[name] = short if short not in found.values() else name
    return found


def _renamed(node: Node, short: Mapping[str, str]) -> Node:
    before = tuple(short[name] for name in node.depends_on if name in short)
    return replace(node, name=short[node.name], depends_on=before, given=node.given or node.step_class)


def _nodes(facts: Facts, uses: Sequence[Use]) -> Iterator[Node]:
    package = f"{facts.package.group} version {facts.package.version}"
    commits = {f"{one.name} @ {one.commit[:10]}": one for one in facts.own_commits}
    steps = _shown(facts.made)
    named = {step.name for step in steps}
    fingerprints = {uri: data.fingerprint for data in facts.data for uri in data.addresses}
    for name in commits:
        yield _node(name, "commit")
    for uri in _data(steps, fingerprints):
        yield _node(uri, "data")
    for step in steps:
        reads = [uri for uri in _data(steps, fingerprints) if uri in step.reads]
        code = list(commits) if step.code else []
        before = [name for name in step.depends_on if name in named]
        yield Node(
            name=step.name, type=step.type, step_class=step.step_class, model="",
            depends_on=tuple(dict.fromkeys((*before, *reads, *code))), given="stub" if step.stub else "",
        )  # fmt: skip
    last = [step.name for step in steps if step.name == facts.step] or [step.name for step in steps[-1:]]
    artifact = facts.package.model_data_url.rsplit("/", 1)[-1]
    trained = [step.name for step in steps if step.type in ("Training", "Tuning", "AutoML")]
    if artifact:
        yield _node(artifact, "artifact", trained or last or list(commits))
    yield _node(package, "model package", [*([artifact] if artifact else []), *(last or list(commits))])
    for use in uses[:_MOST_USERS]:
        yield _node(use.name, use.kind, [package])


def _direct(node: Node, known: Mapping[str, Node]) -> Node:
    """Return a node without what its others lead back to already: a drawing of all of it is a net."""
    seen: set[str] = set()
    todo = [name for one in node.depends_on if one in known for name in known[one].depends_on]
    while todo:
        if (name := todo.pop()) in known and name not in seen:
            seen.add(name)
            todo += known[name].depends_on
    return replace(node, depends_on=tuple(name for name in node.depends_on if name not in seen))


def _node(name: str, kind: str, before: Sequence[str] = ()) -> Node:
    return Node(name=name[:_LONGEST], type=kind, step_class=kind, model="", depends_on=tuple(before))


def _shown(made: Sequence[MadeStep]) -> Sequence[MadeStep]:
    """Return the steps that are drawn: of very many those that have code of their own, or train."""
    if len(made) <= _MOST_STEPS:
        return made
    chosen = [step for step in made if step.code or step.type in ("Training", "Tuning", "RegisterModel")]
    return chosen[-_MOST_STEPS:]


def _data(steps: Sequence[MadeStep], fingerprints: Mapping[str, str]) -> list[str]:
    every = dict.fromkeys(uri for step in steps for uri in step.reads)
    return sorted(every, key=lambda uri: uri not in fingerprints)[:_MOST_DATA]


def _left(facts: Facts, uses: Sequence[Use]) -> str:
    data = len({uri for step in facts.made for uri in step.reads})
    counts = {
        "steps": len(facts.made) - len(_shown(facts.made)),
        "addresses of data": data - _MOST_DATA,
        "users": len(uses) - _MOST_USERS,
    }
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count > 0)
