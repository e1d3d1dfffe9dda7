"""Credentials of repositories: what a manifest names, and what of it fits which address."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import Section
from pipeline_builder.errors import Place, Problem
from pipeline_builder.manifest.addresses import is_local, parse_address, parse_codecommit
from pipeline_builder.manifest.texts import CONNECTION_ARN

Kind = Literal["env", "secretsmanager", "connection", "codecommit", "ssh", "github-app"]
_EXPECTED = (
    "credentials are named, never written here: expected env:NAME, secretsmanager:ID, connection, codecommit, ssh:PATH "
    "or a mapping with 'kind: github-app'"
)
_VARIABLE = r"env:[A-Za-z_][A-Za-z0-9_]*"
_STORED = r"secretsmanager:[A-Za-z0-9/_+=.@:-]{1,2048}(#[\w.-]{1,128})?"
_TEXTS = re.compile(
    rf"(?:{_VARIABLE}|{_STORED}|connection(?::{CONNECTION_ARN})?|codecommit(?::[^\s/@:]{{1,128}})?|ssh:[^\s\x00-\x1f][^\x00-\x1f]*)"
)
_KEY = re.compile(rf"(?:{_VARIABLE}|{_STORED})")
_APP = re.compile(r"[A-Za-z0-9.]{1,64}")
# GitLab's groups are in each other.
_FULL_NAME = re.compile(r"[\w.~-]+(?:/[\w.~-]+)+", re.ASCII)
_API = re.compile(r"https://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._/-]*)?")


def _number_text(value: JSON) -> JSON:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _matching(pattern: re.Pattern[str], message: str) -> AfterValidator:
    def check(value: str) -> str:
        if value and not pattern.fullmatch(value):
            raise ValueError(message)  # without the value, which may be what should have been named
        return value

    return AfterValidator(check)


Number = Annotated[str, BeforeValidator(_number_text, json_schema_input_type=int | str)]


class CredentialsSection(Section):
    """How a private repository is opened: a word with a name behind it, or a GitHub App."""

    kind: Kind = Field(description="what opens the repository")
    name: str = Field("", description="of a variable, a secret, a connection, a profile or a file")
    app_id: Annotated[Number, _matching(_APP, "'app_id' is no id of a GitHub App, or its client id")] = Field(
        "", description="GitHub App: its id, or its client id"
    )
    installation_id: Annotated[
        Number, _matching(re.compile(r"\d{1,20}"), "'installation_id' is no number of an installation")
    ] = Field("", description="GitHub App: its installation; default: the one that the repository is in")
    key: Annotated[
        str, _matching(_KEY, "'key' names the app's private key, expected secretsmanager:ID or env:NAME")
    ] = Field("", description="GitHub App: secretsmanager:ID or env:NAME of its private key")
    api: Annotated[str, _matching(_API, "'api' is no https address")] = Field(
        "", description="GitHub App: address of the API; default: that of the url's host"
    )

    @model_validator(mode="after")
    def _is_whole(self) -> CredentialsSection:
        if self.kind == "github-app":
            missing = [name for name in ("app_id", "key") if not getattr(self, name)]
            if missing:
                raise ValueError(f"credentials of the kind 'github-app' need '{missing[0]}'")
            if self.name:
                raise ValueError("credentials of the kind 'github-app' have no 'name'")
        elif unused := sorted(self.model_fields_set - {"kind", "name"}):
            raise ValueError(f"'{unused[0]}' is for the kind 'github-app' only")
        elif not _TEXTS.fullmatch(str(self)):
            raise ValueError(_EXPECTED)
        return self

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind

    @property
    def text(self) -> str:
        """Where the secret is: `env:NAME`, `secretsmanager:ID#KEY`; empty where none is named."""
        if self.kind == "github-app":
            return self.key
        return str(self) if self.kind in ("env", "secretsmanager") else ""

    @property
    def secret(self) -> str:
        """The id of the secret in Secrets Manager that has to be read; empty where there is none."""
        kind, _, name = self.text.partition(":")
        return name.partition("#")[0] if kind == "secretsmanager" else ""

    @property
    def variable(self) -> str:
        """The environment variable that has the secret; empty where there is none."""
        kind, _, name = self.text.partition(":")
        return name if kind == "env" else ""


def _as_section(value: JSON) -> JSON:
    """Read the short form."""
    if not isinstance(value, str):
        return value
    if not _TEXTS.fullmatch(value):
        raise ValueError(_EXPECTED)
    kind, _, name = value.partition(":")
    return {"kind": kind, "name": name}


Credentials = Annotated[
    CredentialsSection, BeforeValidator(_as_section, json_schema_input_type=str | CredentialsSection)
]


def credential_problems(
    url: str,
    credentials: CredentialsSection | None,
    *,
    connection: str,
    full_name: str | None,
    has_known_hosts: bool,
    at: Callable[[str], Place],
) -> Iterator[Problem]:
    """Yield what doesn't fit the address: PB120 for credentials, PB121 for known hosts, PB122 without a connection,
    PB131 for a repository that has no name at one.

    `full_name` is what its connection has to know it by, None where it goes by none. `at` gives the place of a key.
    """
    scheme = "" if is_local(url) else parse_address(url).scheme
    kind = credentials.kind if credentials else None
    message = _misfit(kind, scheme, url)
    if message:
        yield Problem(id="PB120", message=message[0], place=at("credentials"), hint=message[1])
    elif kind == "connection" and not connection:
        text = "the credentials are a connection, and none is named"
        hint = "write 'credentials: connection:ARN', or the ARN as 'connection' of 'service'"
        yield Problem(id="PB122", message=text, place=at("credentials"), hint=hint)
    elif full_name is not None and scheme in ("https", "ssh") and not _FULL_NAME.fullmatch(full_name):
        text = f"'{full_name}' is no name that a connection knows a repository by, expected OWNER/NAME"
        hint = "write the url as https://HOST/OWNER/NAME.git, or 'trigger: {kind: connection, repository: OWNER/NAME}'"
        yield Problem(id="PB131", message=text, place=at("credentials" if kind == "connection" else "url"), hint=hint)
    if has_known_hosts and scheme != "ssh":
        text = "'known_hosts' are keys of ssh servers, and the url is none of ssh"
        yield Problem(
            id="PB121", message=text, place=at("known_hosts"), hint="leave them out, or write the url as git@HOST:PATH"
        )


def _misfit(kind: str | None, scheme: str, url: str) -> tuple[str, str] | None:
    """Return why these credentials can't open such an address, and what to do."""
    if kind is None or (not scheme and kind in ("env", "secretsmanager")):
        return None
    if not scheme:
        return f"credentials of the kind '{kind}' open no folder of this machine", "leave them out"
    fits = {
        "ssh": scheme == "ssh",
        "github-app": scheme == "https" and parse_address(url).path.count("/") == 1,
        "codecommit": parse_codecommit(url) is not None,
        "connection": scheme in ("https", "ssh"),
    }
    if not fits.get(kind, scheme != "codecommit"):
        hints = {
            "ssh": "write the url as git@HOST:PATH",
            "github-app": "write the url as https://HOST/OWNER/NAME.git",
            "codecommit": "write the url as codecommit::REGION://NAME",
        }
        message = f"credentials of the kind '{kind}' don't open the address '{url}'"
        return message, hints.get(kind, "leave them out: the machine's access to AWS opens it")
    return None
