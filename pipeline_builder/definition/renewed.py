"""Renewed: what was composed before, with what has changed since composed again by itself.

The rules between models are held over what is noted of each. Where one of them may say anything, nothing is renewed:
who composes the whole finds out what.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache

from pipeline_builder.conf.edges import in_order
from pipeline_builder.definition.assembly import owners_among
from pipeline_builder.definition.bundle import Bundle
from pipeline_builder.definition.check.outside import check_outside
from pipeline_builder.definition.compose import compose_confs
from pipeline_builder.definition.composed import Composed, Definition, Facts, judged_by
from pipeline_builder.definition.loaded import content_of, steps_in
from pipeline_builder.definition.made import joined
from pipeline_builder.definition.narrowed import Inputs, Narrowed, read_narrowed
from pipeline_builder.definition.parameters import commit_parameters, declare
from pipeline_builder.definition.policy.addresses import Written, check_nesting
from pipeline_builder.definition.policy.groups import identity
from pipeline_builder.definition.prefixes import are_apart
from pipeline_builder.definition.record import Record, record_of
from pipeline_builder.descriptions import JSON
from pipeline_builder.errors import InputProblems, OutsideFailure, Place
from pipeline_builder.machine.passed import Passed

_LISTS = re.compile(rb'"(s3://[^"]*/manifests/[^"]*)"')


def renew(
    old: Composed,
    before: Record,
    changed: frozenset[str],
    inputs: Inputs,
    *,
    entries: Iterable[str],
    passed: Passed,
    look: Callable[[Composed], Composed],
    again: Callable[[], Composed],
) -> tuple[Composed, Record] | None:
    """Return what is composed now, and what is to be noted of it; None where the whole is to be composed.

    `old` was composed before, with the sources of its bundles; `changed` are the repositories in which anything is
    another since, `entries` all that is beside them. `look` holds what was composed against this machine, `again`
    composes all of it.
    """
    narrowed = read_narrowed(before, changed, inputs)
    if narrowed is None or inputs.manifest.local.interrupt:
        return None
    if not narrowed.affected:
        return old, before
    rest = _without(before, narrowed.affected)
    others = frozenset(rest.units[step.model].repo for step in rest.steps.values())
    if not (part := _compose(narrowed, inputs, others, passed, look)):
        return None
    source = inputs.values.get("SMP_SOURCE_DIR_PATH", "")
    new = record_of(part, inputs.root / inputs.manifest.training_dir, entries, source)
    if new is None or not _fit(new, rest, before, part):
        return None
    record = _merged(rest, new, before, [repo.name for repo in inputs.manifest.repos])
    definition = _definition(old.definition, before, part, new, record)
    if definition is None:
        return None
    composed = Composed(
        definition=definition,
        warnings=(),
        images=old.images,
        whole=cache(lambda: again().whole()),
        known=_facts(record, part.policed.urls),
        renewed=part.definition.content,
        before=old.definition.sha256,
    )
    return composed, record


def _compose(
    narrowed: Narrowed,
    inputs: Inputs,
    others: frozenset[str],
    passed: Passed,
    look: Callable[[Composed], Composed],
) -> Composed | None:
    """Compose what is affected; None where anything is said of it."""
    try:
        part = look(
            compose_confs(
                narrowed.confs,
                inputs.manifest,
                inputs.lock,
                root=inputs.root,
                values=inputs.values,
                tags=inputs.tags,
                passed=passed,
                others=others,
            )
        )
    except (InputProblems, OutsideFailure):  # who composes the whole asks for images, too
        return None
    return None if part.warnings or part.images else part


def _without(before: Record, affected: frozenset[str]) -> Record:
    units = {name: unit for name, unit in before.units.items() if name not in affected}
    steps = {name: step for name, step in before.steps.items() if step.model not in affected}
    return Record(before.listing, units, steps)


def _fit(new: Record, rest: Record, before: Record, part: Composed) -> bool:
    """Tell whether nothing of what has changed has to do with the rest: no name, group, address, parameter or image."""
    gone = [unit for name, unit in before.units.items() if name not in rest.units]
    groups = {group for unit in (*gone, *new.units.values()) for group in unit.groups}
    return not (
        any(unit.has_images for unit in gone)
        or new.units.keys() & rest.units.keys()
        or {*_names(new)} & {*_names(rest)}
        or any(groups.intersection(unit.groups) for unit in rest.units.values())
        or not are_apart(_addresses(new), _addresses(rest))
        or any(check_nesting((*_written(new), *_written(rest))))
        or _commits(before, rest) != _commits(Record(rest.listing, {**rest.units, **new.units},
                                                     {**rest.steps, **new.steps}), rest)
        or part.definition.warnings
    )  # fmt: skip


def _names(record: Record) -> Iterator[str]:
    for name, step in record.steps.items():
        yield from (name, *step.made, *step.inner, *(part.name for part in step.parts))


def _addresses(record: Record) -> Iterator[str]:
    return (uri for step in record.steps.values() for uri in step.addresses)


def _written(record: Record) -> Iterator[Written]:
    for name, unit in record.units.items():
        for address in unit.written:
            yield Written(address=address, repo=unit.repo, step=name, place=Place(""))


def _commits(record: Record, rest: Record) -> Mapping[str, str]:
    """Return the parameters with the commits of the repositories of the rest, where a record is the whole."""
    found = commit_parameters(_repositories(record))
    own = {*_repositories(rest)}
    return {name: parameter for name, parameter in found.items() if name in own}


def _repositories(record: Record) -> Iterator[str]:
    return (record.units[step.model].repo for step in record.steps.values())


def _merged(rest: Record, new: Record, before: Record, repos: list[str]) -> Record:
    position = {name: index for index, name in enumerate(repos)}
    units = sorted(
        {**rest.units, **new.units}.items(), key=lambda u: (position[u[1].repo], u[1].file.split("/"), u[1].rank)
    )
    steps = {**rest.steps, **new.steps}
    listed = tuple(sorted(steps, key=lambda name: (steps[name].model, steps[name].rank)))
    order = in_order({name: step.after for name, step in steps.items()}, listed)
    models = {name: digest for name, digest in before.listing.models.items() if name in rest.units}
    listing = new.listing._replace(models={**models, **new.listing.models})
    return Record(listing, dict(units), {name: steps[name] for name in order})


def _definition(old: Definition, before: Record, part: Composed, new: Record, record: Record) -> Definition | None:
    """Put the steps together; None where what isn't a step's own is too much now."""
    texts = {**_texts(old.content, before), **_texts(part.definition.content, new)}
    steps = record.steps
    data = {step.data[0]: tuple(step.data[1]) for step in steps.values() if step.data}
    cached = any(one.cached for step in steps.values() for one in step.parts)
    commits = commit_parameters(_repositories(record))
    parameters = declare(commits.values(), data, part.graph.parameters, cached=cached)
    outside: JSON = {"Version": "2020-12-01", "Metadata": {}, "Parameters": parameters, "Steps": [{}]}
    if any(check_outside(outside)):
        return None
    content = content_of(parameters, (text for name in steps for text in texts[name]))
    owners = owners_among((name, step.made, step.inner) for name, step in steps.items())
    sources = {**old.sources, **part.definition.sources}
    groups: dict[str, str] = {}
    for one in (one for step in steps.values() for one in step.parts):
        for group, description in one.groups.items():
            groups.setdefault(group, description)
    return Definition(
        pipeline=part.definition.pipeline,
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        bundles={step.code: sources[name] for name, step in steps.items() if step.code},
        manifests=_lists(content, {**old.manifests, **part.definition.manifests}),
        owners=owners,
        repositories={name: record.units[steps[owner].model].repo for name, owner in owners.items()},
        units={name: steps[owner].model for name, owner in owners.items()},
        groups=groups,
        commit_parameters=commits,
        code={name: step.code for name, step in steps.items() if step.code},
        data=data,
        parts=tuple(one for step in steps.values() for one in step.parts),
        sources=_of(sources, steps),
        made=joined(old.made, part.definition.made, content),
    )


def _of(sources: Mapping[str, Bundle], steps: Iterable[str]) -> Mapping[str, Bundle]:
    return {name: sources[name] for name in steps if name in sources}


def _texts(content: bytes, record: Record) -> Mapping[str, list[bytes]]:
    """Return what is composed for each step."""
    parts = [one for step in record.steps.values() for one in step.parts]
    texts = iter(steps_in(content, [one.size for one in parts]))
    return {name: [next(texts) for _ in step.parts] for name, step in record.steps.items()}


def _lists(content: bytes, manifests: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Return those of the lists of files that a definition names."""
    named = {*_LISTS.findall(content)} if manifests else set()
    return {uri: listed for uri, listed in manifests.items() if uri.encode() in named}


def _facts(record: Record, urls: Mapping[str, str]) -> Facts:
    first: dict[tuple[str, str], bool] = {}
    for step in record.steps.values():
        for group, listed in step.claims:
            if not group.startswith("arn:"):  # another account's
                first.setdefault((group, record.units[step.model].repo), listed)
    drawn = ((name, step.kind, step.model) for name, step in record.steps.items())
    return Facts(
        steps=len(record.steps),
        models=len({step.model for step in record.steps.values()}),
        owned={group: identity(urls.get(repo, repo)) for (group, repo), listed in first.items() if not listed},
        judged_by=judged_by(drawn, ((name, unit.gates) for name, unit in record.units.items())),
    )
