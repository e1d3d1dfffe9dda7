"""The manifest's sections about what builds find around them: variables, and a package index of one's own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.credentials import looks_like_secret
from pipeline_builder.documents.schema import Section, describe
from pipeline_builder.documents.source import Document
from pipeline_builder.errors import Problem
from pipeline_builder.manifest.quotas import MOST_ENVIRONMENT
from pipeline_builder.manifest.texts import inert, matching

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_SECRET = re.compile(
    r"^(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:)?[\w/+=.@-]{1,512}(:[\w.-]*){0,3}$", re.ASCII
)
_PARAMETER = re.compile(r"^(?!/?(?:aws|ssm)(?:[/.]|$))/?[\w.-]+(/[\w.-]+){0,14}$", re.ASCII | re.IGNORECASE)
# What of a build is the service's and CodeBuild's own; of AWS's variables those that say who a build is and where.
_TAKEN = re.compile(
    r"SMP_\w+|CODEBUILD_\w+|STAGE|PIPELINE|REPOSITORY|INCLUDE|EXCLUDE|EXECUTION_ARN|VERDICT|SUMMARY|REPORT_URL|APPROVAL"
    r"|DEFINITION_SHA256|PIPELINE_VERSION|PATH|HOME|SHELL|IFS|ENV|BASH_ENV|PWD"
    r"|AWS_(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|SECURITY_TOKEN|REGION|DEFAULT_REGION|PROFILE|ROLE_ARN"
    r"|WEB_IDENTITY_TOKEN_FILE|CONTAINER_\w+|EXECUTION_ENV)"
)
# What leads out of a network, and what says whom to trust there: a file of the build's image, which nothing else has.
_PROXY = re.compile(r"(?:HTTPS?|ALL|NO)_PROXY", re.IGNORECASE)
_TRUST = re.compile(r"AWS_CA_BUNDLE|SSL_CERT_(?:FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|GIT_SSL_\w+")
_INDEXES = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL")
_KINDS = {"secretsmanager": "SECRETS_MANAGER", "parameter": "PARAMETER_STORE"}


def _as_variable(value: JSON) -> JSON:
    """A text is the value itself, or with `secretsmanager:` and `parameter:` where it is kept."""
    if isinstance(value, bool):
        message = f"this is {describe(value)}, expected a text: put it in quotes"
        raise ValueError(message)  # noqa: TRY004 - pydantic wants it
    if isinstance(value, int | float):
        return {"value": str(value)}
    if value is None or isinstance(value, list):
        raise ValueError(f"this is {describe(value)}, expected a text, or a mapping of 'type' and 'value'")
    if not isinstance(value, str):
        return value
    kind, found, rest = value.partition(":")
    if not (found and kind in _KINDS):
        return {"value": value}
    return {"type": _KINDS[kind], "value": rest.replace("#", ":", 1) if kind == "secretsmanager" else rest}


class VariableSection(Section):
    """A variable of builds. A text alone is its value, `secretsmanager:ID#key` or `parameter:NAME` where it is kept."""

    value: Annotated[str, Field(min_length=1, max_length=MOST_ENVIRONMENT), AfterValidator(inert)] = Field(
        description="the value; the id or ARN of the secret, with :key for one of a JSON; the name of the parameter"
    )
    type: Literal["PLAINTEXT", "PARAMETER_STORE", "SECRETS_MANAGER"] = Field(
        "PLAINTEXT", description="what 'value' is, in CodeBuild's words"
    )

    @model_validator(mode="after")
    def _is_a_name(self) -> VariableSection:
        if self.type == "SECRETS_MANAGER" and not _SECRET.match(self.value):
            raise ValueError(f"{describe(self.value)} is no secret, expected its name or ARN, with ':key' of a JSON")
        if self.type == "PARAMETER_STORE" and not _PARAMETER.match(self.value):
            raise ValueError(
                f"{describe(self.value)} is no parameter of one's own, expected its name, such as '/ml/index'"
            )
        return self

    @property
    def secret(self) -> str:
        """The id or ARN of the secret, without its key; empty for others."""
        if self.type != "SECRETS_MANAGER":
            return ""
        parts = self.value.split(":")
        return ":".join(parts[:7]) if self.value.startswith("arn:") else parts[0]

    @property
    def parameter(self) -> str:
        """The name of the parameter without its first '/', as ARNs have it; empty for others."""
        return self.value.removeprefix("/") if self.type == "PARAMETER_STORE" else ""


Variable = Annotated[VariableSection, BeforeValidator(_as_variable, json_schema_input_type=str | VariableSection)]
Environment = dict[str, Variable]


class CodeArtifactSection(Section):
    """A package index in CodeArtifact: builds ask for a token of twelve hours, and keep it nowhere."""

    domain: Annotated[str, matching(r"^[a-z][a-z0-9-]{0,48}[a-z0-9]$", "the name of a domain")] = Field(
        description="name of the domain"
    )
    repository: Annotated[str, matching(r"^[A-Za-z0-9][A-Za-z0-9._-]{1,99}$", "the name of a repository")] = Field(
        description="name of the repository in it"
    )
    owner: Annotated[str, matching(r"^\d{12}$", "the twelve digits of an account, in quotes")] | None = Field(
        None, description="account of the domain; default: the service's"
    )
    region: Annotated[str, matching(r"^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$", "a Region")] | None = Field(
        None, description="Region of the domain; default: the service's"
    )


def proxies(environment: Mapping[str, VariableSection]) -> Mapping[str, str]:
    """Return the variables that lead out of a network, for what runs in it besides builds."""
    return {name: one.value for name, one in environment.items() if _PROXY.fullmatch(name) and one.type == "PLAINTEXT"}


def reached_by_builds_alone(environment: Mapping[str, VariableSection]) -> bool:
    """Tell whether the way out is kept as a secret, or trusts what only the build's image has."""
    return any(
        _TRUST.fullmatch(name) or (_PROXY.fullmatch(name) and one.type != "PLAINTEXT")
        for name, one in environment.items()
    )


def environment_problems(
    environment: Mapping[str, VariableSection], index: CodeArtifactSection | None, document: Document
) -> Iterator[Problem]:
    """Yield what is wrong with the variables of builds (PB750 to PB752), each at its place."""
    base = ("service", "environment")
    for name, variable in environment.items():
        place = document.place((*base, name), key=True)
        if document.written((*base, name)):
            message = f"the number behind '{name}' would become {describe(variable.value)}, expected a text"
            yield Problem(id="PB104", message=message, place=document.place((*base, name)), hint="put it in quotes")
        if fault := _name_fault(name):
            yield Problem(id="PB750", message=f"the variable {describe(name)} of 'environment' {fault}", place=place)
        elif variable.type == "PLAINTEXT" and looks_like_secret(name, variable.value):
            message = f"the value of '{name}' looks like a secret, and whoever may look at the stack could read it"
            hint = "keep it in Secrets Manager and write 'secretsmanager:ID', with '#key' for one of a JSON"
            yield Problem(id="PB751", message=message, place=place, hint=hint)
        elif index and name in _INDEXES:
            message = f"'{name}' and 'codeartifact' both say which package index builds use"
            yield Problem(id="PB750", message=message, place=place, hint="leave one of them out")
    size = sum(len(name) + len(variable.value) for name, variable in environment.items())
    if size > MOST_ENVIRONMENT:
        message = f"the variables of 'environment' have together {size} characters, CodeBuild takes {MOST_ENVIRONMENT}"
        yield Problem(id="PB752", message=message, place=document.place(base, key=True), hint="leave some out")


def _name_fault(name: str) -> str:
    if not _NAME.fullmatch(name):
        return "can't be a name, expected letters, digits and '_', no digit first"
    if _TAKEN.fullmatch(name):
        return "is set by the service itself, or by CodeBuild"
    return ""
