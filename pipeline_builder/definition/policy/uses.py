"""What inference confs use and publish: groups of models that are a repository's own or allowed, addresses likewise."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline_builder.conf.predicting import predicting
from pipeline_builder.definition.policy.groups import identity, plain_group
from pipeline_builder.definition.policy.known import DATE
from pipeline_builder.definition.policy.territory import Territory, climbs, is_inside
from pipeline_builder.documents.dates import as_written, may_meet, names_whole_date, plain_dates
from pipeline_builder.documents.schema import describe
from pipeline_builder.errors import Place
from pipeline_builder.manifest.patterns import covers_any, fits_any
from pipeline_builder.manifest.policy import Rules
from pipeline_builder.manifest.refusal import Refused, refuse

if TYPE_CHECKING:
    from pipeline_builder.conf.graph import Graph, Unit
    from pipeline_builder.definition.composed import Definition
    from pipeline_builder.definition.policy.policy import Policed
    from pipeline_builder.definition.uses import ModelUse

_WAITS = re.compile(r"\$\{[^{}]*\}|⟨[^⟩]*⟩")
"""What only a run knows of an address, as it is written, or as a policy names it."""


def owned_uses(
    definition: Definition, graph: Graph, rules: Mapping[str, Rules], urls: Mapping[str, str], account: str
) -> Mapping[str, ModelUse]:
    """Return the uses of model packages with whose repository uses them, and whether the policy allows the group.

    Whose the group is says its tag, which a start reads: until then nothing is known of groups but their names.
    """
    found = {}
    for name, use in definition.models.items():
        repo = graph.units[use.unit].conf.repo
        use = replace(use, group=plain_group(use.group, account))  # noqa: PLW2901 - the same, by its name
        listed = fits_any((*rules[repo].groups, *rules[repo].read_groups), use.group)
        allow = "" if listed else _refused(use, rules[repo], "").hint or ""
        found[name] = replace(use, owner=identity(urls.get(repo, repo)), listed=listed, allow=allow)
    return found


def check_uses(policed: Policed) -> Iterator[Refused]:
    """Yield every group of another account that the policy doesn't list, once for each model."""
    seen = set()
    for use in policed.definition.models.values():
        if use.is_foreign and not use.listed and use.unit not in seen:
            seen.add(use.unit)
            rules = policed.rules[policed.graph.units[use.unit].conf.repo]
            yield _refused(use, rules, "another account's")


def _refused(use: ModelUse, rules: Rules, whose: str) -> Refused:
    message = f"the policy of '{rules.repo}' doesn't let it use models of {describe(use.group)}, which is {whose}"
    return refuse(rules, "read_groups", use.group, problem_id="PB943", message=message, place=use.place)


def check_published(policed: Policed, written: Iterable[tuple[str, str]]) -> Iterator[Refused]:
    """Yield every address that predictions are published to, and may not be; `written` are the addresses that steps
    write to, each behind the name of its step.
    """
    taken: dict[str, tuple[str, Place]] = {}
    for unit in policed.graph.units.values():
        if (section := unit.section.published) is None:
            continue
        place = unit.conf.document.place((*unit.path, "publish", "to"))
        yield from _check_target(plain_dates(section.to, DATE), policed, unit, place)
        yield from _check_inputs(section.to, policed, unit, place)
        yield from _check_others(section.to, unit, place, taken)
        yield from _check_steps(section.to, unit, place, written)
        yield from _check_apart(policed, unit, written)


def _check_target(address: str, policed: Policed, unit: Unit, place: Place) -> Iterator[Refused]:
    rules, territory = policed.rules[unit.conf.repo], policed.territory
    if climbs(address):
        hint = "a key has no '.' or '..' between its slashes, and no control characters"
        message = f"the address {describe(address)} of '{unit.name}' leads elsewhere"
        yield Refused(id="PB232", message=message, place=place, hint=hint)
    elif protected := _protected(address, territory, rules.repo):
        message = f"'{unit.name}' would publish to {describe(address)}, which is {protected}"
        yield Refused(id="PB233", message=message, place=place, hint="publish to another prefix of the bucket")
    elif territory.key(address) is None and not covers_any(rules.write, address):
        message = f"the policy of '{rules.repo}' doesn't let it publish to {describe(address)}"
        known = address.partition(DATE)[0]
        yield refuse(rules, "write", known, problem_id="PB232", message=message, place=place)


def _protected(address: str, territory: Territory, repo: str) -> str:
    own = territory.own(repo)
    if is_inside(address, f"{own}executions"):
        return f"'{repo}/executions/', where its steps leave what they make"
    return "" if is_inside(address, own) else territory.protected(address)


def _check_inputs(to: str, policed: Policed, unit: Unit, place: Place) -> Iterator[Refused]:
    """Predictions among what is read would be the next run's input."""
    target, definition = day_folder_of(to), policed.definition
    for uri in sorted({*definition.labels.values(), *(uri for uris in definition.data.values() for uri in uris)}):
        if may_meet(target, uri) or may_meet(target, f"{uri}/"):
            read = describe(as_written(uri))
            message = f"'{unit.name}' would publish into {describe(to)}, and what lies there is read: {read}"
            yield Refused(id="PB944", message=message, place=place, hint="publish to a prefix that no job reads")
            return


def _check_others(to: str, unit: Unit, place: Place, taken: dict[str, tuple[str, Place]]) -> Iterator[Refused]:
    """Each model has a pointer of its own; `taken` are the folders of those before, with the model and its place."""
    target = day_folder_of(to)
    for folder, (other, where) in taken.items():
        if may_meet(target, folder):
            message = f"'{unit.name}' would publish into {describe(to)}, where '{other}' does"
            hint = "give each model a folder of its own"
            yield Refused(id="PB896", message=message, place=place, hint=hint, related=(where,))
            return
    taken[target] = (unit.name, place)


def _check_steps(to: str, unit: Unit, place: Place, written: Iterable[tuple[str, str]]) -> Iterator[Refused]:
    """What a step writes there readers would take for what the gate has passed, or for the pointer itself."""
    for step, address in written:
        if may_come_into(address, to):
            message = (
                f"'{unit.name}' would publish into {describe(to)}, where step '{step}' writes: {describe(address)}"
            )
            hint = "publish to a folder in which nothing else is written"
            yield Refused(id="PB896", message=message, place=place, hint=hint)
            return


def _check_apart(policed: Policed, unit: Unit, written: Iterable[tuple[str, str]]) -> Iterator[Refused]:
    """What is published is all that lies where the step writes: what other dates have left there would be, too."""
    step = predicting(policed.graph.by_unit.get(unit.name, ()))
    for name, address in written:
        if step and name == step.name and not _WAITS.search(address):
            message = f"step '{name}' writes what is published to {describe(address)}, on every date"
            hint = "put ${date} into the address, or leave it out: each run has a folder of its own then"
            yield Refused(id="PB976", message=message, place=step.place, hint=hint)
            return


def may_come_into(address: str, to: str) -> bool:
    """Tell whether what is written below an address can come to where predictions are published, at whatever date."""
    pairs = zip(day_folder_of(to).rstrip("/").split("/"), address.rstrip("/").split("/"), strict=False)
    return all(_may_be(one, other) for one, other in pairs)


def _may_be(one: str, other: str) -> bool:
    """Tell whether two names may come to the same; of two that wait for a run what they begin with tells it."""
    mine, others = (_WAITS.split(name) for name in (one, other))
    if len(mine) > 1 and len(others) > 1:
        return mine[0].startswith(others[0]) or others[0].startswith(mine[0])
    waiting, known = (mine, other) if len(mine) > 1 else (others, one)
    return re.fullmatch(".+".join(map(re.escape, waiting)), known) is not None


def day_folder_of(to: str) -> str:
    """Return the folder of a date, whichever that is."""
    folder = to.rstrip("/")
    return f"{folder}/" if names_whole_date(to, hourly=False) else f"{folder}/dt=${{date}}/"
