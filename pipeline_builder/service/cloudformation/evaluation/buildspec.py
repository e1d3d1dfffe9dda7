"""What CodeBuild runs: a buildspec, read with every key that version 0.2 has.

After the reference of the user guide ("Build specification reference for CodeBuild"). Stricter in one point: a text
must be written as one, because `1.10`, `010` or `no` without quotes mean something else to YAML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.credentials import looks_like_secret
from pipeline_builder.documents.schema import Section, describe, read_section
from pipeline_builder.documents.source import Document, Source, parse_yaml, value_at
from pipeline_builder.errors import InputProblems, Problem, hide_lines

BUILDSPEC = "PB622"
PLAINTEXT = "PB632"
_IDS = dict.fromkeys(("unknown", "missing", "later", "value"), BUILDSPEC)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ON_FAILURE = re.compile(r"ABORT|CONTINUE|RETRY(-\d{1,3})?(-.+)?", re.DOTALL)
_ARTIFACT = re.compile(r"[A-Za-z0-9_]{1,128}")
_MOST_REPORTS = 5
PHASES = ("install", "pre_build", "build", "post_build")


def _text(value: JSON) -> JSON:
    if not isinstance(value, str):
        hint = "; write it in quotes" if value is not None and not isinstance(value, list | dict) else ""
        raise ValueError(f"this is {describe(value)}, expected a text{hint}")  # noqa: TRY004 # pydantic wants this one
    return value


def _command(value: JSON) -> JSON:
    if isinstance(value, dict):
        message = "a command is read as a mapping, because ': ' is in it; write it in quotes, or behind '|'"
        raise ValueError(message)  # noqa: TRY004 # pydantic wants this one
    return _text(value)


def _version(value: JSON) -> JSON:
    if isinstance(value, bool) or value not in (0.2, "0.2"):
        raise ValueError(f"'version' is {describe(value)}, expected 0.2")
    return "0.2"


def _switch(value: JSON) -> JSON:
    """`yes` and `no` are booleans to YAML; in quotes they are meant as such too."""
    return (
        {"yes": True, "no": False, "true": True, "false": False}.get(value, value) if isinstance(value, str) else value
    )


def _paths(value: JSON) -> JSON:
    return [value] if isinstance(value, str) else value


def _variable(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise ValueError(f"'{name}' can't be a variable's name, expected letters, digits and '_', no digit first")
    if name.startswith("CODEBUILD_"):
        raise ValueError(f"the variable '{name}' has a name that CodeBuild keeps for itself ('CODEBUILD_')")
    return name


def _exportable(name: str) -> str:
    if name.startswith("AWS_"):
        raise ValueError(f"the variable '{name}' can't be exported: CodeBuild keeps back what begins with 'AWS_'")
    return _variable(name)


def _unique(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the variable '{name}' is exported twice")
    return names


def _some(values: JSON) -> JSON:
    if values in (None, [], ""):
        raise ValueError("this list is empty, expected at least one entry")
    return values


def _on_failure(value: str) -> str:
    if not _ON_FAILURE.fullmatch(value):
        raise ValueError(f"'on-failure' is {describe(value)}, expected ABORT, CONTINUE or RETRY")
    return value


def _inside(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/"):
        raise ValueError(f"the path '{path}' leaves the build's folder")
    return path


def _artifact(name: str) -> str:
    if not _ARTIFACT.fullmatch(name):
        raise ValueError(f"'{name}' can't be an artifact's name, expected letters, digits and '_'")
    return name


def _few(reports: dict[str, Any]) -> dict[str, Any]:
    if len(reports) > _MOST_REPORTS:
        raise ValueError(f"{len(reports)} report groups are named, a project takes at most {_MOST_REPORTS}")
    return reports


Text = Annotated[str, BeforeValidator(_text)]
Command = Annotated[str, BeforeValidator(_command)]
Switch = Annotated[bool, BeforeValidator(_switch)]
Path = Annotated[Text, AfterValidator(_inside)]
Paths = Annotated[tuple[Path, ...], BeforeValidator(_paths)]
Some = BeforeValidator(_some)
Variables = dict[Annotated[str, AfterValidator(_variable)], Text]
Exported = Annotated[tuple[Annotated[Text, AfterValidator(_exportable)], ...], AfterValidator(_unique)]
FileFormat = Literal["CUCUMBERJSON", "JUNITXML", "NUNITXML", "NUNIT3XML", "TESTNGXML", "VISUALSTUDIOTRX", "CLOVERXML",
                     "COBERTURAXML", "JACOCOXML", "SIMPLECOV"]  # fmt: skip


class Environment(Section):
    """`env`: the shell, and variables."""

    shell: Literal["bash", "/bin/sh"] | None = None
    variables: Variables = Field({})
    parameter_store: Variables = Field({}, alias="parameter-store")
    secrets_manager: Variables = Field({}, alias="secrets-manager")
    exported_variables: Exported = Field((), alias="exported-variables")
    git_credential_helper: Switch = Field(False, alias="git-credential-helper")


class Phase(Section):
    """One phase: its commands run in one shell after the other until one fails, those of `finally` in any case."""

    commands: Annotated[tuple[Command, ...], Some]
    finally_: tuple[Command, ...] = Field((), alias="finally")
    on_failure: Annotated[str, AfterValidator(_on_failure)] | None = Field(None, alias="on-failure")
    run_as: Text | None = Field(None, alias="run-as")
    runtime_versions: dict[str, Any] = Field({}, alias="runtime-versions")


class Phases(Section):
    """`phases`, in the order in which they run."""

    install: Phase | None = None
    pre_build: Phase | None = None
    build: Phase | None = None
    post_build: Phase | None = None


class Artifact(Section):
    """What a build hands on: files by pattern, below `base_directory`."""

    files: Annotated[Paths, Some]
    name: Text | None = None
    base_directory: Text = Field("", alias="base-directory")
    discard_paths: Switch = Field(False, alias="discard-paths")
    exclude_paths: Paths = Field((), alias="exclude-paths")
    enable_symlinks: Switch = Field(False, alias="enable-symlinks")
    s3_prefix: Text | None = Field(None, alias="s3-prefix")


class Artifacts(Artifact):
    """`artifacts`: the primary one, and others by the name that the pipeline knows them by."""

    secondary_artifacts: dict[Annotated[str, AfterValidator(_artifact)], Artifact] = Field(
        {}, alias="secondary-artifacts"
    )


class ReportFiles(Section):
    """One entry of `reports`: test results for a report group."""

    files: Annotated[Paths, Some]
    base_directory: Text = Field("", alias="base-directory")
    discard_paths: Switch = Field(False, alias="discard-paths")
    file_format: FileFormat = Field("JUNITXML", alias="file-format")


class Cache(Section):
    """`cache`: folders that are kept from one build to the next."""

    paths: Annotated[tuple[Text, ...], Some]
    key: Text | None = None
    fallback_keys: Annotated[tuple[Text, ...], Field(max_length=5)] = Field((), alias="fallback-keys")
    action: Literal["restore", "save"] | None = None


class Proxy(Section):
    """`proxy`: for builds behind an explicit proxy server."""

    upload_artifacts: Switch = Field(False, alias="upload-artifacts")
    logs: Switch = False


class Buildspec(Section):
    """A whole buildspec; a phase that isn't there runs nothing."""

    version: Annotated[str, BeforeValidator(_version)]
    run_as: Text | None = Field(None, alias="run-as")
    env: Environment = Environment()
    proxy: Proxy = Proxy()
    batch: dict[str, Any] | None = None
    phases: Phases
    reports: Annotated[dict[str, ReportFiles], AfterValidator(_few)] = Field({})
    artifacts: Artifacts | None = None
    cache: Cache | None = None

    def phase(self, name: str) -> Phase | None:
        """Return a phase by its name, one of `PHASES`."""
        found = getattr(self.phases, name)
        assert found is None or isinstance(found, Phase)
        return found

    @property
    def secondary_artifacts(self) -> Mapping[str, Artifact]:
        return self.artifacts.secondary_artifacts if self.artifacts else {}


def parse_buildspec(text: str, label: str) -> Buildspec:
    """Read a buildspec.

    Raises:
        InputProblems: it isn't YAML, or a key or value is not one of a buildspec; all problems at once.
    """
    return read_buildspec(parse_yaml(Source(label, text), BUILDSPEC))


def read_buildspec(document: Document) -> Buildspec:
    """Read a buildspec that is parsed already; see `parse_buildspec`."""
    if not isinstance(document.data, dict):
        message = f"the buildspec is {describe(document.data)}, expected a mapping with 'version' and 'phases'"
        raise InputProblems(Problem(id=BUILDSPEC, message=message, place=document.place()))
    found, problems = read_section(Buildspec, document.data, document, (), _IDS)
    secrets = tuple(_secrets(document))
    if found is None or secrets:
        raise InputProblems(*hide_lines((*problems, *secrets), secrets))
    return found


def _secrets(document: Document) -> Iterator[Problem]:
    """Everybody who may look at a build can read its variables and commands."""
    for path in document.values:
        match path:
            case ("env", "variables", str(name)):
                what, key = f"the variable '{name}'", name
            case ("phases", _, _, int()):
                what, key = "this command", ""
            case _:
                continue
        value = value_at(document.data, path)
        if isinstance(value, str) and looks_like_secret(key, value):
            place = document.place(path)
            hint = "keep it in Secrets Manager, and name it under 'env: secrets-manager:'"
            message = f"{what} looks like a secret, and whoever may look at the build can read it"
            yield Problem(id=PLAINTEXT, message=message, place=place, hint=hint)
