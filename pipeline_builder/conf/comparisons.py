"""What a Condition step compares and what a Fail step says: values of a run, named by what they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import REFERABLE, Expression, references
from pipeline_builder.documents.fields import MetricPath, Names
from pipeline_builder.documents.schema import Section, describe
from pipeline_builder.documents.source import DataPath

_WHAT = ("value", "metric", "attribute", "parameter", "variable")
_SCALARS = (str, int, float, bool, Expression)
OPERATORS: Mapping[str, tuple[str, bool]] = {
    "equals": ("Equals", True),
    "differs": ("Equals", False),
    "more_than": ("GreaterThan", True),
    "at_least": ("GreaterThanOrEqualTo", True),
    "less_than": ("LessThan", True),
    "at_most": ("LessThanOrEqualTo", True),
    "among": ("In", True),
    "not_among": ("In", False),
}
"""The condition behind each operator, and whether it has to hold or not to."""
ALIASES: Mapping[str, str] = {
    "attribute": "property", "equals": "is", "differs": "is_not", "among": "in", "not_among": "not_in",
    "opposite": "not", "either": "any", "both": "all",
}  # fmt: skip
"""The keys in a file, where they are words of Python too."""


def _listed(keys: Iterable[str], between: str = ", ") -> str:
    return between.join(f"'{ALIASES.get(key, key)}'" for key in keys)


class Operand(Section):
    """A value that a run brings: a number of a report, a property of a step, a parameter, a variable."""

    metric: MetricPath = Field("", description="path into a property file, such as auc.value")
    attribute: str = Field("", alias="property", description="property of the step 'of', such as ProcessingJobStatus")
    parameter: str = Field("", description="name of a pipeline parameter; also written $params.<name>")
    variable: str = Field("", description="execution variable, such as PipelineExecutionId")
    of: str = Field("", description="the step; of a metric by itself the model's Metrics step")
    file: str = Field("", description="the property file of a metric; by itself the Metrics step's report")

    @model_validator(mode="after")
    def _one_value(self) -> Operand:
        given = [key for key in _WHAT if getattr(self, key, None) not in (None, "")]
        if len(given) > 1 or not (given or self.is_group):
            found = f"has {_listed(given, ' and ')}" if given else "names no value"
            raise ValueError(f"the entry {found}, expected one of {_listed(self.choices)}")
        if self.attribute and not self.of:
            raise ValueError(f"the property '{self.attribute}' is of no step, expected 'of' beside it")
        if self.file and not self.metric:
            raise ValueError("'file' stands beside no 'metric'")
        if self.of and not (self.attribute or self.metric):
            raise ValueError("'of' stands beside no 'metric' and no 'property'")
        return self

    @property
    def is_group(self) -> bool:
        """Whether it has other entries in it instead of a value."""
        return False

    @property
    def choices(self) -> tuple[str, ...]:
        """The keys of which it has one."""
        return _WHAT[1:]

    @property
    def said(self) -> str:
        """The key that says which value it is."""
        return next((key for key in _WHAT if getattr(self, key, None) not in (None, "")), "")


def _check(value: JSON, name: str) -> None:
    """A side of a comparison is a single value, an expression, or a mapping that names one of a run."""
    if isinstance(value, dict) and not isinstance(value, Expression):
        try:
            Operand.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ALIASES.get(str(first["loc"][-1]), str(first["loc"][-1])) if first["loc"] else name
            said = first["msg"].removeprefix("Value error, ")
            if first["type"] == "extra_forbidden":
                said = f"is not known in a value of '{name}', expected one of {_listed(_WHAT[1:])}, or the value itself"
            raise ValueError(f"'{where}': {said}") from error
    elif value is not None and not isinstance(value, _SCALARS):
        raise ValueError(
            f"'{name}' is {describe(value)}, expected a single value, or one such as {{metric: auc.value}}"
        )


class Comparison(Operand):
    """An entry of `conditions`: a value with what it is held against, or entries that are combined.

    Of several operators each has to hold.
    """

    value: Any = Field(None, description="any value: $params.<name>, {Get: …}, {Std:JsonGet: …}")
    equals: Any = Field(None, alias="is", description="equals this")
    differs: Any = Field(None, alias="is_not", description="doesn't equal this")
    more_than: Any = Field(None, description="is more than this")
    at_least: Any = Field(None, description="is this or more")
    less_than: Any = Field(None, description="is less than this")
    at_most: Any = Field(None, description="is this or less")
    among: tuple[Any, ...] | None = Field(None, alias="in", description="is one of these")
    not_among: tuple[Any, ...] | None = Field(None, alias="not_in", description="is none of these")
    opposite: Comparison | None = Field(None, alias="not", description="an entry that must not hold")
    either: tuple[Comparison, ...] | None = Field(None, alias="any", description="entries of which one has to hold")
    both: tuple[Comparison, ...] | None = Field(None, alias="all", description="entries that all have to hold")

    @property
    def is_group(self) -> bool:
        return any(getattr(self, key) is not None for key in ("opposite", "either", "both"))

    @property
    def choices(self) -> tuple[str, ...]:
        return (*_WHAT, "not", "any", "all")

    @property
    def operators(self) -> tuple[str, ...]:
        """The operators that are given."""
        return tuple(key for key in OPERATORS if getattr(self, key) is not None)

    @model_validator(mode="after")
    def _whole(self) -> Comparison:
        groups = [key for key in ("opposite", "either", "both") if getattr(self, key) is not None]
        if len(groups) > 1 or (groups and (self.said or self.operators)):
            raise ValueError(f"'{ALIASES[groups[0]]}' stands beside other keys, expected it alone in its entry")
        if any(getattr(self, key) == () for key in (*groups, "among", "not_among")):
            raise ValueError("the list has nothing in it, expected at least one entry")
        if not groups and not self.operators:
            raise ValueError("the value is compared with nothing: give it 'is', 'at_least', 'at_most', 'in' or another")
        for key in ("value", *self.operators):
            value = getattr(self, key)
            for item in value if isinstance(value, tuple) else (value,):
                _check(item, ALIASES.get(key, key))
        return self


class ConditionSection(Section):
    """What a Condition step decides by."""

    conditions: tuple[Comparison, ...] = Field(description="entries that all have to hold")
    if_steps: Names = Field((), alias="if", description="names of the steps that run where they hold")
    else_steps: Names = Field((), alias="else", description="names of the steps that run where they don't")

    @model_validator(mode="after")
    def _some(self) -> ConditionSection:
        if not self.conditions:
            raise PydanticCustomError("absent", "the key 'conditions' has no entries")
        return self


Comparisons = tuple[Comparison, ...]
_Part = Annotated[str | int | float | bool | Operand | Expression, REFERABLE]
Message = _Part | tuple[_Part, ...]


class FailSection(Section):
    """What a Fail step says."""

    message: Any = Field(description="a text; or a list of texts, expressions and values, which are put together")

    @field_validator("message")
    @classmethod
    def _said(cls, value: JSON) -> JSON:
        parts = value if isinstance(value, list) else [value]
        for part in parts:
            if part is None:
                raise ValueError("'message' has nothing in one of its parts, expected a text or a value")
            _check(part, "message")
        if not parts or value in (None, ""):
            raise ValueError("'message' is empty, expected what the execution fails with")
        return value


def named_in(value: JSON, path: DataPath) -> Iterator[tuple[str, DataPath]]:
    """Yield each step and parameter that conditions or a message name, as references have them, with its place."""
    if isinstance(value, Expression):
        yield from references(value)
    elif isinstance(value, dict):
        if isinstance(value.get("of"), str):
            yield f"Steps.{value['of']}.{value.get('property', '')}", (*path, "of")
        if isinstance(value.get("parameter"), str):
            yield f"Parameters.{value['parameter']}", (*path, "parameter")
        for key, item in value.items():
            yield from named_in(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from named_in(item, (*path, index))


def wants_report(value: JSON) -> bool:
    """Tell whether a metric is named that belongs to no step: it is of the model's own report."""
    if isinstance(value, dict) and not isinstance(value, Expression):
        return ("metric" in value and not value.get("of")) or any(wants_report(item) for item in value.values())
    return isinstance(value, list) and any(wants_report(item) for item in value)
