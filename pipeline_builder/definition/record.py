"""What is noted of each model and step of a composition, so that the rest can be composed without them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from pipeline_builder.canonical import canonical
from pipeline_builder.conf.edges import nested_names
from pipeline_builder.conf.graph import Unit
from pipeline_builder.definition.assembly import made_for
from pipeline_builder.definition.composed import Composed, Part
from pipeline_builder.definition.prefixes import addresses_of
from pipeline_builder.definition.steps.freshness import data_parameters
from pipeline_builder.definition.steps.gate import gate_name
from pipeline_builder.definition.steps.group import group_name
from pipeline_builder.descriptions import JSON


class UnitRecord(NamedTuple):
    """A model: where it is defined, the folders of the checkouts that count for it, and what it could take from others.

    `file` is relative to the repository's folder, `rank` the place among the models of the file, `gates` the bounds
    as they are shown, `groups` those that it registers into and the one that is its by its name, `written` the
    addresses that its steps write to besides its repository's own.
    """

    repo: str
    file: str
    rank: int
    reads: tuple[str, ...]
    gates: str
    groups: tuple[str, ...]
    written: tuple[str, ...]
    has_images: bool


class StepRecord(NamedTuple):
    """A step of the conf: what is composed for it and of what, and what it shares with other models' steps.

    `parts` are those of the content, `code` the address of its bundle, `data` the parameter with the fingerprint of its
    data and the addresses of that; `rank` is its place among the steps of its model, `claims` are groups, and whether
    the policy lists them.
    """

    model: str
    rank: int
    kind: str
    after: tuple[str, ...]
    parts: tuple[Part, ...]
    made: tuple[str, ...]
    inner: tuple[str, ...]
    code: str
    data: tuple[str, tuple[str, ...]] | None
    claims: tuple[tuple[str, bool], ...]
    addresses: tuple[str, ...]


class Listing(NamedTuple):
    """The file with the pipeline: its repository and path there, digests of its text, of the pipeline's section without
    models, and of each model's there.
    """

    repo: str
    file: str
    digest: str
    around: str
    models: Mapping[str, str]


class Record(NamedTuple):
    """Every model in the order of the files, and every step in that of the pipeline."""

    listing: Listing
    units: Mapping[str, UnitRecord]
    steps: Mapping[str, StepRecord]


def record_of(composed: Composed, folder: Path, entries: Iterable[str], source: str = "") -> Record | None:
    """Return what is to be noted; None where something was said, with places that may move.

    `folder` has the checkouts, `entries` are the names of what is directly in it, `source` is where the code is of
    models that don't say.
    """
    definition, graph = composed.definition, composed.graph
    parts = _parts_by_step(composed)
    made = graph.kind != "training" or any(
        step.made for step in graph.steps
    )  # what a factory sees is more than what is noted of a model
    if composed.warnings or definition.warnings or parts is None or not definition.parts or made:
        return None
    conf = graph.steps[0].conf
    listing = list_models(conf.repo, conf.file, conf.document.source.text, conf.document.data)
    return Record(
        listing, dict(_units(composed, folder.resolve(), frozenset(entries), source)), dict(_steps(composed, parts))
    )


def list_models(repo: str, file: str, text: str, data: JSON) -> Listing:
    """Return what is noted of the file with the pipeline; `data` is what is in it, with placeholders."""
    section = section_of(data)
    models = section.get("models")
    listed = models if isinstance(models, dict) else {}
    around = _digest({key: value for key, value in section.items() if key != "models"})
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return Listing(repo, file, digest, around, {name: _digest(steps) for name, steps in listed.items()})


def section_of(data: JSON) -> Mapping[str, JSON]:
    """Return the section of the pipeline in a conf's data; empty where there is none."""
    conf = data.get("conf") if isinstance(data, dict) else None
    section = conf.get("sagemakerPipeline") if isinstance(conf, dict) else None
    return section if isinstance(section, dict) else {}


def read_record(found: Any) -> Record:
    """Return a record from JSON."""
    listing, units, steps = found
    return Record(
        Listing(*listing),
        {name: UnitRecord(*unit) for name, unit in units.items()},
        {name: _step_read(step) for name, step in steps.items()},
    )


def _step_read(found: list[Any]) -> StepRecord:
    step = StepRecord(*found)
    return step._replace(parts=tuple(Part(*part) for part in step.parts))


def _digest(value: JSON) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()


def _units(composed: Composed, folder: Path, entries: frozenset[str], source: str) -> Iterator[tuple[str, UnitRecord]]:
    graph, held = composed.graph, composed.whole().held
    written: dict[str, list[str]] = {}
    groups: dict[str, list[str]] = {}
    for one in held.written:
        step = graph.by_name[composed.definition.owners.get(one.step, one.step)]
        written.setdefault(step.unit.name, []).append(one.address)
    for group in held.groups:
        groups.setdefault(group.asking.step.unit.name, []).append(group.group)
    seen: dict[int, int] = {}
    for name, unit in graph.units.items():
        rank = seen[id(unit.conf)] = seen.get(id(unit.conf), -1) + 1
        yield (
            name,
            UnitRecord(
                repo=unit.conf.repo,
                file=unit.conf.file,
                rank=rank,
                reads=_reads(unit, folder, entries, source),
                gates=repr(unit.section.gate),
                groups=tuple(dict.fromkeys((*groups.get(name, ()), group_name(graph.pipeline, name)))),
                written=tuple(written.get(name, ())),
                has_images=_has_images(unit),
            ),
        )


def _reads(unit: Unit, folder: Path, entries: frozenset[str], source: str) -> tuple[str, ...]:
    """Return the folders below that of the checkouts that a model's code is in, or could be looked for in."""
    own = unit.source_directory
    found = own.relative_to(folder).parts[:1] if own.is_relative_to(folder) else ()
    named = next(iter(PurePath(unit.section.source_directory or source).parts), "")
    return tuple({*found, unit.conf.repo, *({named} & entries)})


def _has_images(unit: Unit) -> bool:
    registry = unit.section.registry
    images = [job.image for job in unit.jobs.values()]
    images += [registry.inference.image, *(one.image for one in registry.containers)] if registry else []
    if any(image is not None for image in images):
        return True
    if not unit.requests:
        return False
    from pipeline_builder.conf.checks import CheckSection

    return any(not one.image_uri for one in unit.requests.values() if isinstance(one, CheckSection))


def _steps(composed: Composed, parts: Mapping[str, tuple[Part, ...]]) -> Iterator[tuple[str, StepRecord]]:
    definition, whole = composed.definition, composed.whole()
    settings, data = whole.policed.settings, data_parameters(whole.graph)
    addresses = addresses_of(whole.graph, bucket=settings.bucket)
    claims: dict[str, list[tuple[str, bool]]] = {}
    for one in whole.held.claimed:
        claims.setdefault(one.asking.step.name, []).append((one.group, one.listed))
    for step in whole.graph.steps:
        name = step.name
        yield (
            name,
            StepRecord(
                model=step.unit.name,
                rank=int(step.path[-1]),
                kind=step.step_class,
                after=step.depends_on,
                parts=parts[name],
                made=made_for(step),
                inner=nested_names(step),
                code=definition.code.get(name, ""),
                data=(data[name], definition.data[data[name]]) if name in data else None,
                claims=tuple(claims.get(name, ())),
                addresses=tuple(sorted(addresses[name])),
            ),
        )


def _parts_by_step(composed: Composed) -> Mapping[str, tuple[Part, ...]] | None:
    """Return what is composed for each step of the graph; its own, or the gate around it, comes last."""
    found: dict[str, tuple[Part, ...]] = {}
    waiting = iter(composed.definition.parts)
    for step in composed.graph.steps:
        own: list[Part] = []
        for part in waiting:
            own.append(part)
            if part.name in (step.name, gate_name(step.name)):
                break
        else:
            return None
        found[step.name] = tuple(own)
    return None if next(waiting, None) else found
