"""The `SMP_*` values and `${NAME}` placeholders: where they come from, and how they get into a file's strings."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import Expression, get, join, texts_of
from pipeline_builder.documents.prefix import NAME as PREFIX
from pipeline_builder.documents.prefix import prefix_problems, read_prefix
from pipeline_builder.documents.schema import describe, did_you_mean
from pipeline_builder.documents.source import DataPath, Document, Source
from pipeline_builder.errors import InputProblems, Place, Problem

KNOWN = (
    "SMP_ACCOUNTID",
    "SMP_REGION",
    "SMP_S3BUCKETNAME",
    "SMP_S3PREFIX",
    "SMP_ROLE",
    "SMP_MODEL_CONFIGPATH",
    "SMP_SUBNETS",
    "SMP_SECURITYGROUPS",
    "SMP_KMSKEY",
    "SMP_SOURCE_DIR_PATH",
    "SMP_TARGET",
    "SMP_JOBROLES",
)
LOCAL_DEFAULTS = {
    "SMP_ACCOUNTID": "000000000000",
    "SMP_REGION": "local",
    "SMP_S3BUCKETNAME": "local",
    "SMP_ROLE": "arn:aws:iam::000000000000:role/local",
}
_PLACEHOLDER = re.compile(
    r"(?<![A-Za-z0-9_$])(?P<smp>SMP_[A-Z0-9_]+)(?![A-Za-z0-9_])"
    r"|(?P<escaped>\$)?\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}"
)
_NESTED = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*):-[^}]*\$\{")
_ENV_LINE = re.compile(
    r"""^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s#"']*))\s*(?:\#.*)?$"""
)
_JOB_ROLES = re.compile(
    r"arn:aws[a-z-]*:iam::\d{12}:role/([\w+=,.@-]+/)*[\w+=,.@-]*(\{repository\})?[\w+=,.@-]*", re.ASCII
)
Refusing = Callable[[str, Callable[[], Place]], Problem | None]
"""What a file may not name: the problem with a placeholder at a place, None where there is none."""
_CURLY = "\u201c\u201d\u2018\u2019\u201e"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What every job of the pipeline shares: account-wide values out of the `SMP_*` variables.

    `role` is the pipeline's own, and without `job_roles` (an ARN, with `{repository}` in it where each has its own)
    that of every job. `shared_outputs` says that outputs go where a stack of before lets them, to one folder for all.
    `prefix` is what everything of the service lies below in the bucket, with a `/` at its end where there is one.
    `service` is its name, which what it makes for steps is named by.
    """

    account: str
    region: str
    bucket: str
    role: str
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    kms_key: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    job_roles: str = ""
    shared_outputs: bool = False
    prefix: str = ""
    service: str = ""

    def base(self, pipeline: str) -> str:
        """Return the address that everything of a pipeline lies below."""
        return f"s3://{self.bucket}/{self.prefix}{pipeline}"


def _refuse_none(name: str, place: Callable[[], Place]) -> None:
    del name, place


def build_settings(values: Mapping[str, str], tags: Mapping[str, str] | None = None) -> Settings:
    """Return the settings; `tags` go on the pipeline and on every job.

    Raises:
        InputProblems: PB211 for a value that is missing, PB212 where only one of subnets and security groups is given,
            PB637 for a prefix that can't be used, PB646 for SMP_JOBROLES that is no ARN of a role.
    """
    needed = {
        "SMP_ACCOUNTID": "; unset, it is that of the credentials, where AWS takes them",
        "SMP_REGION": "; unset, it is that of the credentials' profile",
        "SMP_S3BUCKETNAME": "",
        "SMP_ROLE": "; unset, it is the role that the credentials are of, if they are a role's and AWS takes them",
    }
    problems = [
        Problem(id="PB211", message=f"'{name}' has no value", hint=f"set {name} in the environment or in .env{told}")
        for name, told in needed.items()
        if not values.get(name, "").strip()
    ]
    subnets, groups = _ids(values.get("SMP_SUBNETS", "")), _ids(values.get("SMP_SECURITYGROUPS", ""))
    if bool(subnets) != bool(groups):
        given, other = ("SMP_SUBNETS", "SMP_SECURITYGROUPS") if subnets else ("SMP_SECURITYGROUPS", "SMP_SUBNETS")
        message = f"'{given}' is set and '{other}' is not: a network takes both"
        problems.append(Problem(id="PB212", message=message, hint=f"set {other}, or unset {given}"))
    roles = values.get("SMP_JOBROLES", "").strip()
    if roles and (roles.endswith("/") or not _JOB_ROLES.fullmatch(roles)):
        message = f"SMP_JOBROLES is {describe(roles)}, expected the ARN of a role"
        hint = "write '{repository}' into its name where each repository has a role of its own, or unset SMP_JOBROLES"
        problems.append(Problem(id="PB646", message=message, hint=hint))
    prefix = ""
    try:
        prefix = read_prefix(values)
    except InputProblems as error:
        problems.extend(error.problems)
    if problems:
        raise InputProblems(*problems)
    account, region, bucket, role = (values[name].strip() for name in needed)
    return Settings(
        account=account,
        region=region,
        bucket=bucket,
        role=role,
        subnets=subnets,
        security_groups=groups,
        kms_key=values.get("SMP_KMSKEY", "").strip(),
        tags=tags or {},
        job_roles=roles,
        # A stack of before has no such variable, and gives its one role no other folder.
        shared_outputs=bool(values.get("SMP_CODEPIPELINE", "").strip()) and not roles,
        prefix=prefix,
    )


def _ids(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def parse_env_file(source: Source) -> dict[str, str]:
    """Return the variables of a `KEY="value"` file.

    Raises:
        InputProblems: PB213 for each line that isn't one, with a word about curly quotes where these are in it; PB637
            for a prefix that can't be used.
    """
    values: dict[str, str] = {}
    problems = []

    def place(line: int, column: int) -> Place:
        return Place(source.label, line, column)  # without the line itself: there may be a token in it

    for number, line in enumerate(source.text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        curly = next((index for index, char in enumerate(line) if char in _CURLY), -1)
        match = _ENV_LINE.match(line)
        if curly >= 0:
            message, hint = "a curly quote would become part of the value", 'use straight quotes: KEY="value"'
            problems.append(Problem(id="PB213", message=message, place=place(number, curly + 1), hint=hint))
        elif not match:
            message = 'expected KEY="value", KEY=value or a comment'
            problems.append(Problem(id="PB213", message=message, place=place(number, 1)))
        else:
            name, *quoted = match.groups()
            values[name] = next((value for value in quoted if value is not None), "")
            if name == PREFIX:
                at = place(number, line.index(values[name], match.end(1)) + 1)
                problems.extend(replace(found, place=at) for found in prefix_problems(values[name].strip()))
    if problems:
        raise InputProblems(*problems)
    return values


def substitute(
    document: Document,
    values: Mapping[str, str],
    refuse: Refusing = _refuse_none,
    later: Mapping[str, str] | None = None,
) -> tuple[JSON, tuple[Problem, ...]]:
    """Return the document's data with every placeholder replaced, and a PB210 problem for each that has no value.

    One that `refuse` has a problem with stays as it is: its value may be a secret, which no message is to show. One
    that `later` has is known only when a run starts: it becomes a reference to the parameter of that name.

    A placeholder is a whole `SMP_...` word or `${NAME}` with an optional default; a value is never searched again.
    `$${NAME}` is the text `${NAME}`.
    """
    problems: list[Problem] = []

    def nested(name: str, path: DataPath) -> Problem:
        message = f"the default of the placeholder '{name}' has a placeholder in it, expected plain text"
        return Problem(id="PB210", message=message, place=document.place(path))

    def fill(data: JSON, path: DataPath) -> JSON:
        if isinstance(data, dict):  # no call for most texts of a thousand files, and no copy of what stays as it is
            filled = {key: fill(value, (*path, key)) for key, value in data.items() if _may_name(value)}
            return {**data, **filled} if any(filled[key] is not data[key] for key in filled) else data
        if isinstance(data, list):
            items = [fill(item, (*path, index)) for index, item in enumerate(data)]
            return data if all(map(operator.is_, items, data)) else items
        if isinstance(data, str) and later and _has_stray(data):
            problems.append(_stray(document.place(path), later))
            return data
        if isinstance(data, str) and later and (pieces := _split(data, later)):
            return _put_later(
                [fill(piece, path) if index % 2 == 0 else piece for index, piece in enumerate(pieces)], later, path
            )
        if isinstance(data, str) and _may_name(data):
            refused = {name: found for name in _names(data) if (found := refuse(name, lambda: document.place(path)))}
            problems.extend(refused.values())
            text, missing = _fill_text(data, values, refused.keys())
            problems.extend(_unset(name, document, path, values) for name in missing)
            problems.extend(nested(name, path) for name in _NESTED.findall(data))
            return text
        return data

    return fill(document.data, ()), tuple(problems)


def _split(text: str, later: Mapping[str, str]) -> list[str]:
    """Return a text's pieces around the placeholders that are known later, and these by name; none where it has none.

    Those with a default are like any other name.
    """
    found = [m for m in _PLACEHOLDER.finditer(text) if m["name"] in later and not m["escaped"] and m["default"] is None]
    pieces, end = [], 0
    for match in found:
        pieces += [text[end : match.start()], match["name"]]
        end = match.end()
    return [*pieces, text[end:]] if found else []


def _has_stray(text: str) -> bool:
    """Tell whether an address has the beginning of a placeholder in it that is none: it would be a key of that name."""
    return text.startswith("s3://") and "${" in text and "${" in _PLACEHOLDER.sub("", text)


def _stray(place: Place, later: Mapping[str, str]) -> Problem:
    known = ", ".join(f"${{{name}}}" for name in later)
    message = f"the address has a '${{' that begins no placeholder, expected {known}, or ${{NAME}}"
    hint = "a placeholder is a name alone, with its closing brace: the parts of a date have names of their own"
    return Problem(id="PB931", message=message, place=place, hint=hint)


def _put_later(pieces: list[JSON], later: Mapping[str, str], path: DataPath) -> Expression:
    """Return what a text with such placeholders is put together of, when a run starts."""
    parts: list[JSON] = []
    for index, piece in enumerate(pieces):
        text = str(piece)
        parts += [get(f"Parameters.{later[text]}")] if index % 2 else texts_of(text)
    only = parts[0]
    return Expression(only if len(parts) == 1 and isinstance(only, dict) else join("", *parts), path)


def _may_name(data: JSON) -> bool:
    """Tell whether there may be a placeholder in it."""
    return "SMP_" in data or "${" in data if isinstance(data, str) else isinstance(data, (dict, list))


def _names(text: str) -> list[str]:
    """Return the names of all placeholders in a text."""
    return [match["smp"] or match["name"] for match in _PLACEHOLDER.finditer(text) if not match["escaped"]]


def _fill_text(text: str, values: Mapping[str, str], refused: Collection[str]) -> tuple[str, list[str]]:
    missing: list[str] = []

    def value(match: re.Match[str]) -> str:
        if match["escaped"]:
            return match[0][1:]
        name = match["smp"] or match["name"]
        if name in refused:
            return match[0]
        found = values.get(name) or match["default"]
        if found is None:
            missing.append(name)
            return match[0]
        return found

    return _PLACEHOLDER.sub(value, text), missing


def _unset(name: str, document: Document, path: DataPath, values: Mapping[str, str]) -> Problem:
    # The common beginning would make any two of them look alike.
    known = {other.removeprefix("SMP_") for other in (*KNOWN, *values) if other.startswith("SMP_")} - {name[4:]}
    near = did_you_mean(name.removeprefix("SMP_"), known) if name.startswith("SMP_") and name not in KNOWN else None
    right = near.replace("'", "'SMP_", 1) if near and near.startswith("did you mean") else ""
    hint = right or f"set {name} in the environment or in .env"
    message = f"the placeholder '{name}' has no value"
    return Problem(id="PB210", message=message, place=document.place(path), hint=hint)
