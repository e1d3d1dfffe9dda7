"""The sections of steps that call something that is no job of SageMaker's: a function, or whoever answers a message."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from pipeline_builder.conf.attempts import CacheSection
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import REFERABLE, Expression
from pipeline_builder.documents.fields import Arguments, EmptyList, Env, Names, NoFlag, empty_mapping
from pipeline_builder.documents.schema import Section, describe
from pipeline_builder.manifest.paths import RelativePath

RESERVED = "smp_"
"""What our own inputs begin with: where a handler's code is, and what it runs with."""
LONGEST_CALL = 600
"""Seconds after which SageMaker gives a Lambda step up ["Pipelines steps", Lambda step]."""
LONGEST_WAIT = 604_800
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,255}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,255}")
_FUNCTION = re.compile(
    r"(arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:)?[A-Za-z0-9_-]{1,64}(:(\$LATEST|[A-Za-z0-9_-]{1,128}))?"
)
_QUEUE = re.compile(r"https?://[A-Za-z0-9.:-]+/\d{12}/[A-Za-z0-9_-]{1,80}(\.fifo)?")
_HANDLER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_ACTION = re.compile(r"[a-z0-9-]+:[A-Za-z0-9]+")
_RESOURCE = re.compile(r"arn:[!-~]{1,2000}")
OutputType = Literal["String", "Integer", "Boolean", "Float"]


def _inputs(value: dict[str, Any]) -> dict[str, Any]:
    for name in value:
        if name.startswith(RESERVED):
            raise ValueError(f"the input {describe(name)} begins with '{RESERVED}', which our own inputs do")
    return value


def _outputs(value: JSON) -> JSON:
    """A list of names is one of texts."""
    listed = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return {str(name): "String" for name in value} if listed and isinstance(value, list) else empty_mapping(value)


def _function(value: str) -> str:
    if value and not _FUNCTION.fullmatch(value):
        raise ValueError(f"'function' is {describe(value)}, expected the name or the ARN of a function")
    return value


def _queue(value: str) -> str:
    if value and not _QUEUE.fullmatch(value):
        expected = "expected one such as https://sqs.eu-central-1.amazonaws.com/123456789012/answers"
        raise ValueError(f"'sqs_queue' is {describe(value)}, {expected}")
    return value


def _variables(value: dict[str, Any]) -> dict[str, Any]:
    for name, text in value.items():
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"the variable {describe(name)} cannot be used, expected letters, digits and '_'")
        if isinstance(text, str) and "\0" in text:
            raise ValueError(f"the variable '{name}' is {describe(text)}, which no process can have")
    return value


def _names(value: dict[str, str]) -> dict[str, str]:
    for name in value:
        if not _NAME.fullmatch(name):
            raise ValueError(f"the output {describe(name)} cannot be used, expected letters, digits, '_' and '-'")
    if len(value) > 50:  # [OutputParameterList]
        raise ValueError(f"there are {len(value)} outputs, and a step has 50 at most")
    return value


def _handler(value: str) -> str:
    if not _HANDLER.fullmatch(value):
        raise ValueError(f"'handler' is {describe(value)}, expected the name of a function in the entry point")
    return value


def _actions(value: tuple[str, ...]) -> tuple[str, ...]:
    for action in value:
        if not _ACTION.fullmatch(action):
            raise ValueError(f"the action {describe(action)} cannot be used, expected one such as dynamodb:PutItem")
    return value


def _resources(value: tuple[str, ...]) -> tuple[str, ...]:
    for resource in value:
        if not _RESOURCE.fullmatch(resource) or "{{" in resource:  # which CloudFormation would resolve
            raise ValueError(f"the resource {describe(resource)} cannot be used, expected an ARN, with * as a pattern")
    return value


class CallSection(Section):
    """What a Lambda step and a Callback step have in common."""

    inputs: Annotated[
        dict[str, Any],
        BeforeValidator(empty_mapping, json_schema_input_type=dict[str, Any] | None),
        AfterValidator(_inputs),
    ] = Field({}, description="what is handed over: names with values, $params.<name>, Get and Std:… expressions")
    outputs: Annotated[
        dict[str, OutputType],
        BeforeValidator(_outputs, json_schema_input_type=dict[str, OutputType] | tuple[str, ...] | None),
        AfterValidator(_names),
    ] = Field({}, description="what comes back: names with String, Integer, Boolean or Float; a list of names is texts")
    cache: CacheSection = Field(CacheSection.model_construct(), description="expiry of the step cache")
    arguments: Arguments = Field({}, description="merged over the inputs, and over the step's members beside them")


class StatementSection(Section):
    """Something that a rendered function may do besides writing its log."""

    actions: Annotated[Names, AfterValidator(_actions), Field(min_length=1)] = Field(
        description="actions of IAM, without patterns"
    )
    resources: Annotated[Names, AfterValidator(_resources), Field(min_length=1)] = Field(
        description="ARNs, * and ? as patterns"
    )


class LambdaSection(CallSection):
    """A Lambda step: a function that is there, or a handler of the repository that the service renders."""

    function: Annotated[Annotated[str, AfterValidator(_function)] | Expression, REFERABLE] = Field(
        "", description="name or ARN of a function that is there"
    )
    entry_point: RelativePath | None = Field(
        None, description="file with the handler, below the source directory: the service makes the function"
    )
    handler: Annotated[str, AfterValidator(_handler)] = Field(
        "handler", description="the function in it, called with event and context"
    )
    include: Names = Field((), description="only these files of the source directory, besides the entry point")
    runtime: Literal["python3.10", "python3.11", "python3.12", "python3.13"] = Field(
        "python3.12", description="runtime of the function that the service makes"
    )
    memory: Annotated[int, Field(ge=128, le=10_240), NoFlag] = Field(256, description="its memory, MB")
    timeout: Annotated[int, Field(ge=1, le=LONGEST_CALL), NoFlag] = Field(
        60, description="seconds that a call may take; SageMaker waits ten minutes at most"
    )
    environment: Annotated[Env, AfterValidator(_variables)] = Field({}, description="variables that the handler finds")
    policies: Annotated[tuple[StatementSection, ...], EmptyList] = Field(
        (), description="what the function may do besides, as far as the manifest's policy lets it ('statements')"
    )

    @model_validator(mode="after")
    def _one_function(self) -> LambdaSection:
        if not self.function and self.entry_point is None:
            raise PydanticCustomError("absent", "the key 'function' or 'entry_point' is missing")
        if self.function and self.entry_point is not None:
            raise ValueError("both 'function' and 'entry_point' are given, expected one of them")
        own = {"handler", "include", "runtime", "memory", "timeout", "environment", "policies"} & self.model_fields_set
        if self.function and own:
            raise ValueError(f"'{min(own)}' is for a function that the service makes, and 'function' names one")
        return self


class CallbackSection(CallSection):
    """A Callback step: a message to a queue, and a wait until somebody answers it."""

    sqs_queue: Annotated[Annotated[str, AfterValidator(_queue)] | Expression, REFERABLE] = Field(
        "", description="url of a queue that is there; without one the service makes one"
    )
    timeout: Annotated[int, Field(ge=1, le=LONGEST_WAIT), NoFlag] | None = Field(
        None, description="seconds to wait for an answer, on this machine; SageMaker waits as long as it does"
    )
