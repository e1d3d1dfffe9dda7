"""The workspace of a command: where manifest, checkouts, build folder and state are, and what is in them."""

from __future__ import annotations

import os
import sys
from collections import ChainMap
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pipeline_builder.documents.prefix import read_prefix
from pipeline_builder.documents.source import Source, load_yaml
from pipeline_builder.documents.values import LOCAL_DEFAULTS, parse_env_file
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.here import local_settings
from pipeline_builder.inert import is_unicode
from pipeline_builder.machine.streams import write_file
from pipeline_builder.manifest.framework import load_framework
from pipeline_builder.manifest.manifest import Manifest, build_manifest

if TYPE_CHECKING:
    from pipeline_builder.checkout.keys import Keys
    from pipeline_builder.engine.settings import LocalSettings
    from pipeline_builder.manifest.lock import Lock
    from pipeline_builder.release.answering import Questions
    from pipeline_builder.release.scoring.retraining import Announcer
    from pipeline_builder.target import SecretReader, Target

LOCK = "model_repos.lock.yaml"
DEFINITION = "pipeline_definition.json"
PLAN = "plan.json"
RUN = "run.json"
AUTHORS = "authors.json"
COMMITS = "commits.json"
APPLIED = "applied.json"
REPORT = "report.html"
JUNIT = "junit.xml"
BUNDLES = "bundles"
PIPELINES = "pipelines"
HANDED_ON = frozenset([DEFINITION, PLAN, RUN, APPLIED, REPORT, JUNIT])
"""What the stages of one pipeline hand on, in its build folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Everything that a command needs to know of its surroundings; made once, in the command line.

    `environment` is the process's own, `values` what placeholders may name: framework file first, then env file, then
    the environment; `tags` go on every job. `jobs` run at once on this machine; `parallel` is what was asked for, which
    AWS takes for an execution's steps, None where nothing was. `stubs` are the files with the results of steps that
    this machine is not to run. `pipeline` is the handle of the manifest's pipeline, empty for the main one; `build` is
    that one's folder.
    """

    manifest_path: Path
    state: Path
    build: Path
    target: str
    jobs: int
    environment: Mapping[str, str]
    values: Mapping[str, str]
    tags: Mapping[str, str] = field(default_factory=dict)
    parallel: int | None = None
    require_isolation: bool = False
    stubs: Mapping[str, Path] = field(default_factory=dict)
    pipeline: str = ""

    @property
    def root(self) -> Path:
        """The manifest's folder, which every relative path is relative to."""
        return self.manifest_path.parent

    @property
    def store(self) -> Path:
        """The local target's objects: `bucket/key`."""
        return self.state / "store"

    @property
    def region(self) -> str:
        return self.values.get("SMP_REGION", "")

    @property
    def shared(self) -> Path:
        """The build folder of what all pipelines share: lock, authors, bundles; it is that of the main one, too."""
        return self.build.parents[1] if self.pipeline else self.build

    @property
    def lock_path(self) -> Path:
        return self.shared / LOCK

    def narrowed(self, pipeline: str) -> Workspace:
        """Return the workspace of the pipeline of that handle, empty for the main one."""
        build = self.shared / PIPELINES / pipeline if pipeline else self.shared
        return replace(self, pipeline=pipeline, build=build)

    def needed_by_others(self, manifest: Manifest) -> tuple[bytes, ...]:
        """Return the definitions that were built of the manifest's other pipelines."""
        handles = [manifest.narrowed(entry.name).narrowed_to for entry in manifest.pipelines]
        paths = [self.narrowed(handle).build / DEFINITION for handle in handles if handle != self.pipeline]
        return tuple(path.read_bytes() for path in paths if path.is_file())


def load_values(
    environment: Mapping[str, str], env_file: Path | None, target: str, framework: Path
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return the values for placeholders: local defaults, framework file, env file, environment; and the tags.

    The environment is asked for what is needed of it, and never copied: who gives it may want to know what that is.

    Raises:
        InputProblems: PB213, PB214 for an env file that can't be read or has a line that is none, PB216 for the
            framework file, PB991 for prices that are none: a report asks for them when everything has run already. So
            does who takes a value of the environment that is no text: PB214.
    """
    defaults = dict(LOCAL_DEFAULTS) if target == "local" else {}
    layers = (_Texts(environment), _env_file_values(env_file))
    found = load_framework(framework, _first_of(*layers, defaults))
    values = _first_of(*layers, found.values, defaults)
    if values.get("SMP_MACHINE_PRICES"):
        from pipeline_builder.release.machines import machine_prices

        machine_prices(values)
    return values, found.tags


class _Texts(Mapping[str, str]):
    """The environment, of which each value is looked at that is taken: the system lets them be any bytes."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def __getitem__(self, name: str) -> str:
        value = self._environment[name]
        if not is_unicode(value):
            message = f"cannot read the variable '{name}' of the environment: not UTF-8 text"
            raise InputProblems(Problem(id="PB214", message=message))
        return value

    def __contains__(self, name: object) -> bool:
        return name in self._environment

    def __iter__(self) -> Iterator[str]:
        return iter(self._environment)

    def __len__(self) -> int:
        return len(self._environment)


def _first_of(*layers: Mapping[str, str]) -> Mapping[str, str]:
    """Return what the first of several mappings has; it is only read."""
    return ChainMap(*(cast("MutableMapping[str, str]", layer) for layer in layers))


def _env_file_values(env_file: Path | None) -> dict[str, str]:
    values: dict[str, str] = {}
    if env_file is not None:
        try:
            text = env_file.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            message = f"cannot read the env file '{env_file}': {getattr(error, 'strerror', None) or 'not UTF-8 text'}"
            raise InputProblems(Problem(id="PB214", message=message)) from error
        values |= parse_env_file(Source(str(env_file), text))
    return values


def begin_state(state: Path) -> None:
    """Make the folder of the state: one in somebody's repository isn't to be committed with it.

    One that is there already stays as it is.
    """
    if not state.exists():
        write_file(state / ".gitignore", b"*\n")


def load_manifest(workspace: Workspace) -> Manifest:
    """Read the manifest, for the workspace's pipeline.

    Raises:
        InputProblems: PB100 to PB107, PB954 where it doesn't have that pipeline.
    """
    path = workspace.manifest_path
    label = os.path.relpath(path)
    if not path.is_file():
        what = "is not a regular file" if path.exists() else "is not there"
        message = f"the manifest '{label}' {what}"
        hint = "go to the folder of model_repos.yaml, or name the file with --manifest"
        raise InputProblems(Problem(id="PB100", message=message, hint=hint))
    return build_manifest(load_yaml(path, label, "PB100", placed=True)).narrowed(workspace.pipeline)


def load_workspace_lock(workspace: Workspace) -> Lock:
    """Read the lock that the last checkout wrote.

    Raises:
        InputProblems: PB108 where it can't be read, PB111 where there is none.
    """
    from pipeline_builder.manifest.lock import load_lock

    if not workspace.lock_path.is_file():
        message = "the model repositories are not checked out"
        raise InputProblems(Problem(id="PB111", message=message, hint="run 'pipeline-builder checkout'"))
    return load_lock(workspace.lock_path)


def open_target(workspace: Workspace, manifest: Manifest | None) -> Target:
    """Return the target that the command was asked for; nothing is called or started yet.

    Raises:
        InputProblems: PB211, PB212 where the AWS target lacks a value.
    """
    if workspace.target == "aws":
        return _open_aws(workspace)
    from pipeline_builder.engine.execution.stubs import load_stubs
    from pipeline_builder.manifest.secrets import give_secrets

    settings = local_settings(workspace.root, manifest, workspace.jobs)
    hidden = (workspace.shared, *settings.hidden)
    stubs = load_stubs(workspace.stubs)
    settings = replace(settings, hidden=hidden, require_isolation=workspace.require_isolation, stubs=stubs)
    # Who only uses models has no manifest, and hands no secrets to anybody.
    if manifest is not None:
        settings = replace(settings, secrets=give_secrets(manifest, workspace.environment, open_secrets(workspace)))
    target = _open_local(workspace.state, settings, aws=manifest is not None and manifest.local.aws)
    prefix = read_prefix(workspace.values)
    return replace(target, bucket=workspace.values.get("SMP_S3BUCKETNAME") or target.bucket, prefix=prefix)


def _open_local(state: Path, settings: LocalSettings, *, aws: bool) -> Target:
    """Return this machine as the target; with `aws` its jobs have somebody who answers their calls."""
    from pipeline_builder.engine.local import LocalPipelines, open_local_target

    if not aws:
        return open_local_target(state, settings)
    from pipeline_builder.serve.beside import Beside

    beside = Beside(say_aside)
    target = open_local_target(state, replace(settings, reach=beside.reach))
    assert isinstance(target.pipelines, LocalPipelines)
    beside.engine = target.pipelines.engine
    return target


def open_announcer(workspace: Workspace) -> Announcer | None:
    """Return what tells the service of a request for retraining; None where this is no build of a service."""
    if workspace.target != "aws" or not workspace.values.get("SMP_CODEPIPELINE"):
        return None
    from pipeline_builder.aws.client import Aws
    from pipeline_builder.aws.events import put_retraining

    aws = Aws(workspace.region)
    return lambda detail: put_retraining(aws, detail)


def open_questions(workspace: Workspace, manifest: Manifest) -> Questions | None:
    """Return what knows the questions that the service's pipelines ask people; None on this machine."""
    if workspace.target != "aws":
        return None
    from pipeline_builder.aws.approvals import CodePipelineApprovals
    from pipeline_builder.aws.client import Aws

    names = [manifest.narrowed(entry.name).service_name for entry in manifest.pipelines if not entry.is_inference]
    return CodePipelineApprovals(Aws(workspace.region), names)


def say_aside(text: str) -> None:
    """Say a line that is no command's result."""
    sys.stderr.write(f"{text}\n")


def open_secrets(workspace: Workspace) -> SecretReader:
    """Return what reads the secrets that a manifest names, on either target; nothing is called yet."""
    from pipeline_builder.aws.secrets import make_secret_reader

    return make_secret_reader(_given_region(workspace))


def _given_region(workspace: Workspace) -> str:
    """Return the Region, empty where it is only this machine's stand-in for one."""
    return "" if workspace.region == LOCAL_DEFAULTS["SMP_REGION"] else workspace.region


def open_keys(workspace: Workspace) -> Keys:
    """Return what opens private repositories; nothing is called yet."""
    from pipeline_builder.aws.git import AwsGitSigner
    from pipeline_builder.checkout.keys import Keys

    return Keys(
        root=workspace.root,
        environment=workspace.environment,
        read_secret=open_secrets(workspace),
        signer=AwsGitSigner(_given_region(workspace)),
        aws=workspace.target == "aws",
    )


def _open_aws(workspace: Workspace) -> Target:
    from pipeline_builder.aws.connect import AwsSettings, open_aws_target
    from pipeline_builder.documents.values import build_settings

    settings = build_settings(workspace.values, workspace.tags)
    return open_aws_target(
        AwsSettings(
            region=settings.region,
            role=settings.role,
            bucket=settings.bucket,
            prefix=settings.prefix,
            kms_key=settings.kms_key,
            tags=settings.tags,
            parallel=workspace.parallel,
        )
    )
