"""Pipeline parameters: what values each takes, and what is wrong with what a conf says of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from pipeline_builder.dag import caching
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.dates import PARAMETERS
from pipeline_builder.documents.schema import Section, describe, number_hint
from pipeline_builder.documents.source import DataPath, Document
from pipeline_builder.errors import Problem

_DEFAULT_TYPES: Mapping[str, tuple[type, ...]] = {
    "String": (str,),
    "Integer": (int,),
    "Float": (int, float),
    "Boolean": (bool,),
}

_OF_MODELS = ("ModelPackage-", "ModelData-", "Baseline-", "Labels-")


def _one_or_more(value: JSON) -> JSON:
    return [value] if isinstance(value, str) else value


class ParameterSection(Section):
    """A pipeline parameter, used in values as `$params.<name>`."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", description="letters, digits, '-' and '_'")
    type: Literal["String", "Integer", "Float", "Boolean"] = Field("String", description="what values it takes")
    default: str | int | float | bool | None = Field(None, description="without one, each run has to give a value")
    values: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=1024)], ...],
        BeforeValidator(_one_or_more, json_schema_input_type=str | tuple[str, ...]),
        Field(min_length=1, max_length=16),
    ] = Field((), description="of a String: the only values that it may have, at most 16")
    description: str = Field("", max_length=1024, description="what it is for; shown by 'graph' and with wrong values")

    def fits(self) -> bool:
        """Tell whether the default is of the parameter's type."""
        if isinstance(self.default, bool) and self.type != "Boolean":
            return False
        return self.default is None or isinstance(self.default, _DEFAULT_TYPES[self.type])


def check_parameters(
    document: Document, parameters: Sequence[ParameterSection], problems: list[Problem], *, infers: bool = False
) -> None:
    """Check that parameters have names of their own and defaults of their type."""
    base: DataPath = ("conf", "sagemakerPipeline", "parameters")
    first: dict[str, int] = {}
    for index, parameter in enumerate(parameters):
        place = document.place((*base, index, "name"))
        if first.setdefault(parameter.name, index) != index:
            before = document.place((*base, first[parameter.name], "name"))
            message = f"the parameter '{parameter.name}' is declared twice"
            problems.append(Problem(id="PB318", message=message, place=place, related=(before,)))
        if parameter.name == "ManifestCommit" or parameter.name.startswith("Commit-"):
            message = f"the parameter name '{parameter.name}' is taken: commits travel in it"
            problems.append(Problem(id="PB318", message=message, place=place, hint="give it another name"))
        if infers and (parameter.name in PARAMETERS or parameter.name.startswith(_OF_MODELS)):
            message = (
                f"the parameter name '{parameter.name}' is taken: each start says with it which model, or which day"
            )
            problems.append(Problem(id="PB318", message=message, place=place, hint="give it another name"))
        if parameter.name == caching.PARAMETER:
            message = f"the parameter name '{parameter.name}' is taken: it tells the step cache which results to take"
            problems.append(Problem(id="PB318", message=message, place=place, hint="give it another name"))
        if not parameter.fits():
            message = f"the default of '{parameter.name}' is {describe(parameter.default)}, expected {parameter.type}"
            place = document.place((*base, index, "default"))
            problems.append(Problem(id="PB318", message=message, place=place, hint=_as_meant(parameter)))
        for key, message in _wrong_values(parameter):
            problems.append(Problem(id="PB318", message=message, place=document.place((*base, index, key))))


def _as_meant(parameter: ParameterSection) -> str | None:
    """Return how a default of another type would be written so that it is one."""
    if isinstance(parameter.default, str):
        return number_hint(parameter.default) if parameter.type in ("Integer", "Float") else None
    return "put it in quotes" if parameter.type == "String" else None


def _wrong_values(parameter: ParameterSection) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the values that a parameter may have, each with the key that it is about."""
    name, values, default = parameter.name, parameter.values, parameter.default
    if values and parameter.type != "String":
        yield "values", f"'{name}' is of the type {parameter.type}, and only a String can have 'values' to choose from"
        return
    if twice := next((value for value in values if values.count(value) > 1), None):
        yield "values", f"the values of '{name}' have {describe(twice)} twice"
    if values and isinstance(default, str) and default not in values:
        shown = ", ".join(map(describe, values))
        yield "default", f"the default of '{name}' is {describe(default)}, expected one of {shown}"
