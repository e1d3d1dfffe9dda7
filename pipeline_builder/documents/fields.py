"""The types of single values in a conf: what people may write, and what it is read as."""

from __future__ import annotations

import re
import shlex
from contextvars import ContextVar
from importlib import import_module
from math import inf
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from pipeline_builder.dag.property_paths import PathError, check_path
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import REFERABLE, Expression
from pipeline_builder.documents.schema import describe

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema

# Types of the definition's own, which have no section: what they ask for stands in `arguments`.
TypedClass = Literal[
    "Athena", "AutoML", "BedrockCustomModel", "BedrockCustomModelDeployment", "BedrockModelImport",
    "BedrockProvisionedModelThroughput", "Callback", "ClarifyCheck", "Cleanup", "Condition", "EMR", "EMRServerless",
    "Endpoint", "EndpointConfig", "Fail", "ForEach", "HubContent", "InferenceComponent", "Job", "Lambda", "Lineage",
    "Model", "NotebookJob", "QualityCheck", "Raw", "Tuning",
]  # fmt: skip
TYPED: tuple[str, ...] = get_args(TypedClass)
StepClass = Literal[
    "Processing", "Training", "CreateModel", "Transform", "Metrics", "RegisterModel", "Baseline", "Monitor", TypedClass
]
Approval = Literal["PendingManualApproval", "Approved", "Rejected"]


NO_TEXT = "no_text"
looking_for_texts: ContextVar[bool] = ContextVar("looking_for_texts", default=False)
"""Whether what would be made a text of is only looked for, as what it is written as isn't known by its value."""


def _text(value: JSON) -> JSON:
    """A number or boolean where the service wants a text is meant as it is written."""
    if isinstance(value, (bool, int, float)) and looking_for_texts.get():
        raise PydanticCustomError(NO_TEXT, "expected a text")
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else value


def _no_flag(value: JSON) -> JSON:
    """Where a number is expected, true is none; a text that reads as one is."""
    if isinstance(value, bool):
        raise PydanticCustomError("float_type", "expected a number")
    return value


NoFlag = BeforeValidator(_no_flag)
"""Of a number: to pydantic, as to Python, true is 1."""


def _list(value: JSON) -> JSON:
    return [value] if isinstance(value, (str, Expression)) else value


def empty_mapping(value: JSON) -> JSON:
    """A key with nothing behind it is a mapping with nothing in it; an expression is no mapping of names."""
    if isinstance(value, Expression):
        raise PydanticCustomError("dict_type", "expected a mapping")
    return {} if value is None else value


def _empty_list(value: JSON) -> JSON:
    return [] if value is None else value


def _switch(value: JSON) -> JSON:
    """A switch is a boolean, or a text that reads as one."""
    text = value.strip().lower() if isinstance(value, str) else value
    return {"true": True, "false": False}.get(text, value) if isinstance(text, str) else text


def _iso_duration(value: str) -> str:
    if not re.fullmatch(r"P(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?", value):
        raise ValueError(f"'expire_after' is {describe(value)}, expected an ISO 8601 duration such as P30D")
    return value


def _tags(value: JSON) -> JSON:
    """Tags come as a mapping, or as the service writes them: a list of Key and Value."""
    if isinstance(value, Expression):
        return empty_mapping(value)
    if isinstance(value, list) and all(isinstance(tag, dict) and set(tag) == {"Key", "Value"} for tag in value):
        return {str(tag["Key"]): tag["Value"] for tag in value if isinstance(tag, dict)}
    return {} if value is None else value


def _regression(value: JSON) -> JSON:
    """`2%` is a share of the champion's value, a number an amount."""
    text = str(value).strip()
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = -1.0
    if isinstance(value, bool) or not 0 <= number < inf:
        raise ValueError(
            f"'max_regression' is {describe(value)}, expected a share such as 2%, or an amount such as 0.01"
        )
    return text


def _args(value: JSON) -> JSON:
    """Arguments of a script come in a list, as one line that a shell would split, or by name: `--name value`.

    Those with a name are in the order of their names: that of the keys in a file decides nothing.
    """
    if isinstance(value, str):
        try:
            return [*shlex.split(value)]
        except ValueError as error:
            raise ValueError(f"'args' is {describe(value)}, which no shell could split: {error}") from error
    if isinstance(value, dict) and not isinstance(value, Expression):
        pairs = (([_flag(name)] if item is None else [_flag(name), item]) for name, item in sorted(value.items()))
        return [word for pair in pairs for word in pair]
    return [] if value is None else _list(value)


def _flag(name: str) -> str:
    """Return how a script is told a name; one that has its dashes already keeps those."""
    if not name.strip("-") or re.search(r"\s", name):
        raise ValueError(f"'args' has the name {describe(name)}, expected one such as 'ratio' for '--ratio'")
    return name if name.startswith("-") else f"--{name}"


def _address(value: str) -> str:
    if re.search(r"\s", value):
        raise ValueError(
            f"the image {describe(value)} has white space in it, expected an address such as host/name:tag"
        )
    return value


def _metric_path(value: str) -> str:
    try:
        check_path(value or "none")
    except PathError as error:
        raise ValueError(str(error)) from None
    return value


# The first three may be expressions: what they say reaches the request as it is. Plain types decide what is composed.
Word = Annotated[str | Expression, REFERABLE]
Image = Annotated[Annotated[str, AfterValidator(_address)] | Expression, REFERABLE]
Said = Annotated[str, BeforeValidator(_text, json_schema_input_type=str | int | float | bool)]
Text = Annotated[Said | Expression, REFERABLE]
Args = Annotated[
    tuple[Text, ...],
    BeforeValidator(_args, json_schema_input_type=str | tuple[Text, ...] | dict[str, Text | None] | None),
]
Count = Annotated[Annotated[int, Field(ge=1), NoFlag] | Expression, REFERABLE]
Number = Annotated[Annotated[float, NoFlag] | Expression, REFERABLE]
Env = Annotated[dict[str, Text], BeforeValidator(empty_mapping, json_schema_input_type=dict[str, Text] | None)]
Texts = Annotated[dict[str, Text], BeforeValidator(empty_mapping, json_schema_input_type=dict[str, Text] | None)]
Words = Annotated[tuple[Word, ...], BeforeValidator(_list, json_schema_input_type=Word | tuple[Word, ...])]
Names = Annotated[tuple[str, ...], BeforeValidator(_list, json_schema_input_type=str | tuple[str, ...])]
Switch = Annotated[bool, BeforeValidator(_switch, json_schema_input_type=bool | Literal["True", "False"])]
Duration = Annotated[str, AfterValidator(_iso_duration)]
MetricPath = Annotated[str, AfterValidator(_metric_path)]
Regression = Annotated[str, BeforeValidator(_regression, json_schema_input_type=str | float)]
Tags = Annotated[
    dict[str, Text],
    BeforeValidator(_tags, json_schema_input_type=dict[str, Text] | tuple[dict[str, str], ...] | None),
]
# Anything, merged over a request of the service and checked there.
Arguments = Annotated[dict[str, Any], BeforeValidator(empty_mapping, json_schema_input_type=dict[str, Any] | None)]
EmptyList = BeforeValidator(_empty_list)


class Later:
    """Of a value that is read where its step is: as it is written now, described as the type that it will be read as.

    What few confs have costs nothing where it isn't: `kind` is the module and the name of the type.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.any_schema()

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        from pydantic import TypeAdapter

        module, _, name = self.kind.partition(":")
        return handler(TypeAdapter(getattr(import_module(module), name)).core_schema)


EmptyMapping = BeforeValidator(empty_mapping)
