"""Inputs of an inference run: whether the data of its logical date is there, before anything runs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pipeline_builder.definition.steps.data import files_of
from pipeline_builder.definition.steps.freshness import data_parameters
from pipeline_builder.documents.dates import with_parameters
from pipeline_builder.errors import InputProblems, Place, Problem
from pipeline_builder.release.parameters import data_addresses

if TYPE_CHECKING:
    from pipeline_builder.conf.graph import Step
    from pipeline_builder.definition.composed import Composed
    from pipeline_builder.target import ObjectStore

MISSING = "PB974"
_MOST_OPENED = 1000


def check_inputs(composed: Composed, store: ObjectStore, values: Mapping[str, str], date: str) -> None:
    """Refuse a run whose data isn't there; `values` are its parameters.

    What only monitoring compares with may come later.

    Raises:
        InputProblems: PB974 for an address at which nothing is, PB979 for one at which all objects are empty; all.
    """
    problems = tuple(_problems(composed, store, values, date))
    if problems:
        raise InputProblems(*problems)


def _problems(composed: Composed, store: ObjectStore, values: Mapping[str, str], date: str) -> Iterator[Problem]:
    addresses = data_addresses(composed.definition, values)
    graph = composed.graph
    for name, parameter in data_parameters(graph).items():
        step = graph.by_name[name]
        if step.kind == "Monitor":
            continue
        written = composed.definition.data.get(parameter, ())
        for template, uri in zip(written, addresses.get(parameter, ()), strict=True):
            found = [one for one in store.entries(uri) if not one.endswith("/")]
            if not found:
                dated = f" (logical date {date})" if template != uri else ""
                message = f"there is no data at '{uri}'{dated}, which step '{name}' reads"
                hint = "has it come yet? '--date' takes another day; 'local.s3' maps addresses to folders here"
                yield Problem(id=MISSING, message=message, place=_place(step, template), hint=hint)
            elif not _has_bytes(store, found):
                yield _empty(step, template, uri, found)


def _empty(step: Step, template: str, uri: str, found: Sequence[str]) -> Problem:
    what = f"all {len(found):,} objects at '{uri}' are" if len(found) > 1 else f"the object at '{found[0]}' is"
    hint = "there is nothing to be scored in it"
    return Problem(id="PB979", message=f"{what} empty", place=_place(step, template), hint=hint)


def _has_bytes(store: ObjectStore, uris: Iterable[str]) -> bool:
    """Tell whether one of the objects has anything in it; of very many empty ones the first are opened."""
    return any(_has_byte(store, uri) for uri in itertools.islice(uris, _MOST_OPENED))


def _has_byte(store: ObjectStore, uri: str) -> bool:
    try:
        with store.reading(uri) as body:
            return bool(body.read(1))
    except KeyError:  # gone meanwhile
        return False


def _place(step: Step, template: str) -> Place:
    for name, _, uri in files_of(step.job.channels) if step.job else ():
        if with_parameters(uri) == template:
            return step.section_place("channels", name)
    return step.place
