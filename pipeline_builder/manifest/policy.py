"""The policy: what the confs of which repository may ask for, as the platform team writes it into the manifest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.schema import Section, describe, did_you_mean
from pipeline_builder.documents.source import DataPath, Document
from pipeline_builder.errors import Place, Problem
from pipeline_builder.manifest.texts import Number

_ELSEWHERE = re.compile(r"^(filesystem|athena|redshift|featurestore|sqs|emr|emr-serverless)://[^\s]+\Z|^arn:[^\s]+\Z")
_ADDRESS = re.compile(r"^s3://([\w*?][\w.*?-]{0,127}|arn:[\w:.*?-]+)(/.*)?\Z", re.DOTALL)
_ROLE = re.compile(r"^SMP_[A-Z0-9_]+\Z|^arn:aws[a-z-]*:iam::(\d{12}|SMP_ACCOUNTID):role/[\w+=,.@*?/-]{1,512}\Z")
_SECRET = re.compile(r"^secretsmanager:[A-Za-z0-9/_+=.@:-]{1,2048}(#[\w.-]{1,128})?\Z")
_VARIABLE = re.compile(r"^[A-Za-z_*][A-Za-z0-9_*]*\Z")
_SPAN = re.compile(r"^(\d{1,9})\s*(s|m|h|d)?\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_WORD = re.compile(r"(?<![A-Za-z0-9_])SMP_[A-Z0-9_]+(?![A-Za-z0-9_])")
Status = Literal["PendingManualApproval", "Approved", "Rejected"]


def _span(value: JSON) -> JSON:
    """`5d`, `12h`, `90m`, `3600s`, or a number of seconds."""
    match = _SPAN.match(value.strip()) if isinstance(value, str) else None
    if match:
        return int(match[1]) * _SECONDS[match[2] or "s"]
    if isinstance(value, bool) or not isinstance(value, int):
        expected = "expected a span such as 5d, 12h, 90m, or seconds"
        raise ValueError(f"'max_runtime' is {describe(value)}, {expected}")  # noqa: TRY004 - pydantic wants it
    return value


def _filled_by_nothing(value: str) -> str:
    if "${" in value:
        raise ValueError(f"{describe(value)} cannot be used: of placeholders only SMP_* words are filled in here")
    return value


def _address(value: str) -> str:
    """An address of S3, or the name of what a request may name besides: a file system, a data set, an ARN."""
    if _ELSEWHERE.match(value):
        return value
    if not _ADDRESS.match(value) or {".", ".."} & set(value.split("/")):
        raise ValueError(f"{describe(value)} cannot be used, expected s3://bucket/prefix, * and ? as patterns")
    return value


def _role(value: str) -> str:
    if not _ROLE.match(value):
        raise ValueError(f"{describe(value)} cannot be used, expected the ARN of a role, * and ? as patterns")
    return value


def _variable(value: str) -> str:
    if not _VARIABLE.match(value):
        raise ValueError(f"{describe(value)} cannot be used, expected the name of a variable, * as a pattern")
    return value


def _index(value: str) -> str:
    if value == "default" or (re.match(r"^https?://[^\s@]+\Z", value) and "${" not in value):
        return value
    if re.match(r"^arn:aws[a-z-]*:codeartifact:[!-~]+\Z", value):
        return value
    raise ValueError(
        f"{describe(value)} cannot be used, expected 'default', the url of an index without a login, or the ARN of a "
        "CodeArtifact repository"
    )


def _statement(value: str) -> str:
    if not re.match(r"^[a-z0-9-]+:[A-Za-z0-9]+ arn:[!-~]+\Z", value):
        raise ValueError(f"{describe(value)} cannot be used, expected an action and an ARN: 'dynamodb:PutItem arn:…'")
    return value


def _secrets(value: dict[str, str]) -> dict[str, str]:
    for name, secret in value.items():
        if not re.match(r"^[A-Za-z_][A-Za-z0-9_]{0,127}\Z", name) or name.startswith(("SMP_", "SM_", "SAGEMAKER_")):
            raise ValueError(f"{describe(name)} cannot be used, expected a variable's name that isn't our own")
        if not _SECRET.match(secret):
            raise ValueError(
                "secrets are named, never written here: expected secretsmanager:ID, or ID#KEY of a JSON one"
            )
    return value


def _listed(value: JSON) -> JSON:
    """A single text stands for a list of one, nothing for an empty one."""
    return [] if value is None else [value] if isinstance(value, str) else value


def _mapped(value: JSON) -> JSON:
    return {} if value is None else value


_Text = Annotated[str, Field(min_length=1, max_length=2048), AfterValidator(_filled_by_nothing)]
_Listed = BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...] | None)
Texts = Annotated[tuple[_Text, ...], _Listed]
Addresses = Annotated[tuple[Annotated[_Text, AfterValidator(_address)], ...], _Listed]
Roles = Annotated[tuple[Annotated[_Text, AfterValidator(_role)], ...], _Listed]
Variables = Annotated[tuple[Annotated[_Text, AfterValidator(_variable)], ...], _Listed]
Indexes = Annotated[tuple[Annotated[_Text, AfterValidator(_index)], ...], _Listed]
Statements = Annotated[tuple[Annotated[_Text, AfterValidator(_statement)], ...], _Listed]
Statuses = Annotated[tuple[Status, ...], BeforeValidator(_listed, json_schema_input_type=Status | tuple[Status, ...])]
Span = Annotated[int, Field(ge=1), BeforeValidator(_span, json_schema_input_type=str | int)]
Secrets = Annotated[
    dict[str, str],
    BeforeValidator(_mapped, json_schema_input_type=dict[str, str] | None),
    AfterValidator(_secrets),
]


class InstancesSection(Section):
    """Which instances a job may ask for."""

    types: Texts = Field(("*",), description="instance types, with * and ?")
    count: Number = Field(20, ge=1, description="the most instances of a job")


class RulesSection(Section):
    """What confs may ask for."""

    read: Addresses = Field((), description="s3:// addresses that jobs read, besides all of SMP_S3BUCKETNAME")
    write: Addresses = Field((), description="s3:// addresses that jobs write, besides what is theirs")
    roles: Roles = Field((), description="ARNs of roles that 'arguments:' may name, besides SMP_ROLE")
    groups: Texts = Field((), description="model package groups of others, or of before, that may be registered into")
    read_groups: Texts = Field((), description="model package groups of others whose models an inference conf may use")
    statuses: Statuses = Field(
        ("PendingManualApproval", "Rejected"), description="approval that a new model package may begin with"
    )
    images: Texts = Field(("*",), description="addresses of container images, with * and ?")
    instances: InstancesSection = Field(
        InstancesSection.model_construct(), description="which instances a job may ask for"
    )
    max_runtime: Span = Field(432_000, description="the longest that a job may run: 5d, 12h, 90m, or seconds")
    network: Literal["any", "isolated"] = Field("any", description="isolated: every job has EnableNetworkIsolation")
    encryption: Literal["any", "required"] = Field(
        "any", description="required: every volume and output has a key (SMP_KMSKEY)"
    )
    tags: Texts = Field((), description="keys of tags that every job must have")
    variables: Variables = Field((), description="variables that ${NAME} may name, besides SMP_*")
    indexes: Indexes = Field(("default",), description="package indexes that a requirements.txt may name")
    secrets: Secrets = Field({}, description="NAME: secretsmanager:ID, secrets that jobs may be given")
    statements: Statements = Field(
        (), description="'service:Action ARN', with * and ? in the ARN: what functions of handlers may do besides"
    )
    factories: bool = Field(False, description="whether confs may have steps made by a function of theirs: 'sdk'")


class PolicySection(RulesSection):
    """What confs may ask for; `repos` has what is otherwise for one repository, key by key."""

    repos: Annotated[dict[str, RulesSection], BeforeValidator(_mapped)] = Field(
        {}, description="what is otherwise for a repository: a key there stands instead of the one above"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the confs of the repository `repo` may ask for; `max_runtime` in seconds, `types` and `count` of instances.

    `withheld` are variables that hold tokens. `places` has where each key stands that somebody wrote (`instances.types`
    as `types`), `place` where the policy stands; None where nobody wrote one. `own` are the keys that are written for
    this repository alone, and `depth` says how much of the way to these is written: "policy", its "repos", the
    "repository" in it.
    """

    repo: str
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    read_groups: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ("PendingManualApproval", "Rejected")
    images: tuple[str, ...] = ("*",)
    types: tuple[str, ...] = ("*",)
    count: int = 20
    max_runtime: int = 432_000
    network: str = "any"
    encryption: str = "any"
    tags: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ("default",)
    secrets: Mapping[str, str] = field(default_factory=dict)
    statements: tuple[str, ...] = ()
    factories: bool = False
    withheld: frozenset[str] = frozenset()
    places: Mapping[str, Place] = field(default_factory=dict)
    place: Place | None = None
    own: frozenset[str] = frozenset()
    depth: Literal["", "policy", "repos", "repository"] = ""

    def at(self, key: str) -> Place | None:
        """Return where a key stands, or what it would stand in."""
        around = "instances" if key in ("types", "count") else key
        return self.places.get(key, self.places.get(around, self.place))


class Policy(Section):
    """The section, and where each of its keys stands: by `(key,)` or `(repository, key)`, the whole by `()`.

    `withheld` are the variables that hold tokens of repositories: no conf gets at them, whatever the policy says.
    """

    section: PolicySection = PolicySection.model_construct()
    places: Mapping[tuple[str, ...], Place] = {}
    withheld: frozenset[str] = frozenset()

    def rules(self, repo: str, values: Mapping[str, str]) -> Rules:
        """Return what a repository's confs may ask for, with the `SMP_*` placeholders filled in from `values`."""
        chosen: dict[str, Any] = {}
        for source in (self.section, self.section.repos.get(repo)):
            chosen |= _written(source) if source else {}
        own = self._places_by_repo.get(repo, {})
        filled = {key: _filled(value, values) for key, value in chosen.items()}
        place = self.places.get((repo, ""), self.places.get(()))
        keys = {*own, *(("types", "count") if "instances" in own else ())}
        return Rules(
            repo=repo,
            **filled,
            withheld=self.withheld,
            places={**self._places_of_all, **own},
            place=place,
            own=frozenset(keys),
            depth=self._depth(repo),
        )

    def _depth(self, repo: str) -> Literal["", "policy", "repos", "repository"]:
        if (repo, "") in self.places:
            return "repository"
        if self.section.repos:
            return "repos"
        return "policy" if () in self.places else ""

    @cached_property  # a thousand repositories may have keys of their own, and each asks for its rules
    def _places_by_repo(self) -> Mapping[str, Mapping[str, Place]]:
        found: dict[str, dict[str, Place]] = {}
        for (first, *rest), place in self._keys():
            found.setdefault(first, {}).update(dict.fromkeys(rest, place))
        return found

    @cached_property
    def _places_of_all(self) -> Mapping[str, Place]:
        return {first: place for (first, *rest), place in self._keys() if not rest}

    def _keys(self) -> Iterator[tuple[tuple[str, ...], Place]]:
        return ((path, place) for path, place in self.places.items() if path and path[-1])


def _written(source: RulesSection) -> dict[str, Any]:
    """Return the keys that somebody wrote, those of `instances` by themselves."""
    found = {key: getattr(source, key) for key in source.model_fields_set - {"instances", "repos"}}
    if "instances" in source.model_fields_set:
        found |= {key: getattr(source.instances, key) for key in source.instances.model_fields_set}
    return found


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    def fill(text: str) -> str:
        return _WORD.sub(lambda match: values.get(match[0]) or match[0], text)

    if isinstance(value, tuple):
        return tuple(fill(item) if isinstance(item, str) else item for item in value)
    return value


def read_policy(section: PolicySection, variables: Iterable[str], document: Document) -> Policy:
    """Return the policy of a manifest's section, with the place of every key that somebody wrote.

    `variables` are those of this machine that have the credentials of repositories.
    """
    places: dict[tuple[str, ...], Place] = {}
    if ("policy",) in document.keys:
        places[()] = document.place(("policy",), key=True)
    for path in document.keys:
        if path[:1] != ("policy",) or not (name := _key_of(path)):
            continue
        places[name] = document.place(path, key=True)
    withheld = frozenset(name for name in variables if name)
    return Policy(section=section, places=places, withheld=withheld)


def _key_of(path: DataPath) -> tuple[str, ...]:
    """Return a key by its path in the manifest: `(key,)`, `(repository, key)`, or `(repository, "")` for all of it."""
    match [str(part) for part in path[1:]]:
        case ["repos", repo]:
            return (repo, "")
        case ["repos", repo, "instances", key] | ["repos", repo, key]:
            return (repo, key)
        case ["instances", key]:
            return (key,)
        case [key] if key != "repos":
            return (key,)
    return ()


def policy_problems(section: PolicySection, repos: Iterable[str], document: Document) -> Iterator[Problem]:
    """Yield a problem for every repository that the policy names and the manifest doesn't have."""
    known = tuple(repos)
    for name in section.repos:
        if name not in known:
            message = f"the policy names the repository '{name}', which the manifest doesn't have"
            place = document.place(("policy", "repos", name), key=True)
            yield Problem(id="PB119", message=message, place=place, hint=did_you_mean(name, known))
