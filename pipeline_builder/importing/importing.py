"""A conf for a definition: each step in the clearest way that composes to what was given."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline_builder.conf.parameters import ParameterSection
from pipeline_builder.documents.schema import known_keys
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.importing.comparing import BRANCHES, NOTHING, Difference, differences, flat
from pipeline_builder.importing.confs import compose_text, text_of
from pipeline_builder.importing.drafts import Draft, listed
from pipeline_builder.importing.given import Given
from pipeline_builder.importing.improving import improve
from pipeline_builder.importing.renaming import rename_taken
from pipeline_builder.importing.saying import ways_of
from pipeline_builder.importing.sources import Code, codes_of

Mapped = dict[str, Any]
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9]+")
_NOT_IN_REPOSITORIES = re.compile(r"[^a-z0-9_-]+")
_LONGEST = 64
_KNOWN = frozenset(known_keys(ParameterSection))
_KEYS = {
    "Name": "name", "Type": "type", "DefaultValue": "default", "EnumValues": "values", "Description": "description",
}  # fmt: skip
_DESCRIPTION = "it is no part of a definition, and stays what it is on the pipeline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The conf's text, what composes to something else than was given, and what isn't right in it.

    `keyed` of the `steps` are said in keys of their class; `codes` are the scripts that stay where they lie.
    """

    pipeline: str
    model: str
    role: str
    text: str
    steps: int
    keyed: int
    codes: tuple[Code, ...]
    differences: tuple[Difference, ...]
    problems: tuple[Problem, ...]

    @property
    def repository(self) -> str:
        """What a manifest may call the repository."""
        return _repository_name(self.model)


def import_definition(given: Given, *, name: str, model: str) -> Imported:
    """Return the conf.

    Raises:
        InputProblems: PB938 where the pipeline has no name that can be used.
    """
    pipeline = name or given.name
    if not pipeline:
        hint = "name it: --name PIPELINE; what 'aws sagemaker describe-pipeline' prints has it in it"
        raise InputProblems(Problem(id="PB938", message=f"'{given.label}' doesn't say the pipeline's name", hint=hint))
    model = model or _model_name(pipeline)
    definition, renamed = rename_taken(given.definition)
    plain = flat(definition)
    steps = {one["Name"]: Draft(plain[one["Name"]], ways_of(one)) for one in _in_order(definition["Steps"])}
    parameters = _parameters(definition)
    while True:
        text = text_of(pipeline, model, *listed(steps), parameters)
        composed = compose_text(text, _repository_name(model), given.role)
        if not improve(steps, composed):
            break
    found = [*renamed, *differences(definition, composed.definition), *_beside(given)]
    return Imported(
        pipeline=pipeline,
        model=model,
        role=given.role,
        text=text,
        steps=len(steps),
        keyed=sum(step.said.is_keyed for step in steps.values()),
        codes=tuple(codes_of(plain)),
        differences=tuple(found),
        problems=composed.problems,
    )


def _model_name(pipeline: str) -> str:
    return pipeline if _MODEL.fullmatch(pipeline) else _NOT_IN_NAMES.sub("-", pipeline).strip("-") or "imported"


def _repository_name(model: str) -> str:
    """Return the name of a model as one of repositories, which have no capitals and are no longer than others."""
    return _NOT_IN_REPOSITORIES.sub("-", model.lower())[:_LONGEST].strip("-_") or "imported"


def _in_order(steps: list[Mapped]) -> Iterator[Mapped]:
    for step in steps:
        yield step
        arguments = step.get("Arguments") or {}
        if step["Type"] == "Condition":
            for branch in BRANCHES:
                yield from _in_order(arguments.get(branch) or [])


def _parameters(definition: Mapping[str, Any]) -> list[Mapped]:
    """Return the parameters as a conf has them."""
    found: list[Mapped] = []
    for one in definition.get("Parameters") or []:
        said = {key: one[member] for member, key in _KEYS.items() if one.get(member) is not None and key in _KNOWN}
        if said.get("type") == "String":
            del said["type"]
        found.append(said)
    return found


def _beside(given: Given) -> Iterator[Difference]:
    for key, value in given.beside.items():
        yield Difference(place=key, given=value, composed=NOTHING, why=_DESCRIPTION)
