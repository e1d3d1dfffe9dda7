"""The workspace of a command: where manifest, checkouts, build folder and state are, and what is in them."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pipeline_builder.documents.prefix import read_prefix
from pipeline_builder.documents.source import Source, load_yaml
from pipeline_builder.documents.values import LOCAL_DEFAULTS, parse_env_file
from pipeline_builder.errors import InputProblems, Place, Problem, limit_per_file, sort_problems
from pipeline_builder.here import local_settings, look_here, looks_elsewhere, refuse_here
from pipeline_builder.machine.kept import Kept, open_kept
from pipeline_builder.machine.streams import write_file
from pipeline_builder.manifest.framework import load_framework
from pipeline_builder.manifest.manifest import Manifest, build_manifest

if TYPE_CHECKING:
    from pipeline_builder.checkout.agreement import Compared
    from pipeline_builder.checkout.keys import Keys
    from pipeline_builder.definition.composed import Composed
    from pipeline_builder.definition.policy.suggestion import Suggestion
    from pipeline_builder.definition.recalled import Recalled
    from pipeline_builder.definition.record import Record
    from pipeline_builder.machine.passed import Passed
    from pipeline_builder.machine.unchanged import Tree
    from pipeline_builder.manifest.lock import Lock
    from pipeline_builder.manifest.policy import Rules
    from pipeline_builder.release.runs import Runs
    from pipeline_builder.target import SecretReader, Target

LOCK = "model_repos.lock.yaml"
DEFINITION = "pipeline_definition.json"
PLAN = "plan.json"
RUN = "run.json"
AUTHORS = "authors.json"
APPLIED = "applied.json"
REPORT = "report.html"
JUNIT = "junit.xml"
BUNDLES = "bundles"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Everything that a command needs to know of its surroundings; made once, in the command line.

    `environment` is the process's own, `values` what placeholders may name: framework file first, then env file, then
    the environment; `tags` go on every job. `jobs` run at once on this machine; `parallel` is what was asked for, which
    AWS takes for an execution's steps, None where nothing was. `stubs` are the files with the results of steps that
    this machine is not to run.
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
    def lock_path(self) -> Path:
        return self.build / LOCK


def load_values(
    environment: Mapping[str, str], env_file: Path | None, target: str, framework: Path
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return the values for placeholders: local defaults, framework file, env file, environment; and the tags.

    The environment is asked for what is needed of it, and never copied: who gives it may want to know what that is.

    Raises:
        InputProblems: PB213, PB214 for an env file that can't be read or has a line that is none, PB216 for the
            framework file.
    """
    defaults = dict(LOCAL_DEFAULTS) if target == "local" else {}
    layers = (environment, _env_file_values(env_file))
    found = load_framework(framework, _first_of(*layers, defaults))
    return _first_of(*layers, found.values, defaults), found.tags


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
    """Read the manifest.

    Raises:
        InputProblems: PB100 to PB107.
    """
    path = workspace.manifest_path
    label = os.path.relpath(path)
    if not path.is_file():
        what = "is not a regular file" if path.exists() else "is not there"
        message = f"the manifest '{label}' {what}"
        hint = "go to the folder of model_repos.yaml, or name the file with --manifest"
        raise InputProblems(Problem(id="PB100", message=message, hint=hint))
    return build_manifest(load_yaml(path, label, "PB100"))


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
    from pipeline_builder.engine.local import open_local_target
    from pipeline_builder.manifest.secrets import give_secrets

    settings = local_settings(workspace.root, manifest, workspace.jobs)
    hidden = (workspace.build, *settings.hidden)
    stubs = load_stubs(workspace.stubs)
    settings = replace(settings, hidden=hidden, require_isolation=workspace.require_isolation, stubs=stubs)
    # Who only uses models has no manifest, and hands no secrets to anybody.
    if manifest is not None:
        settings = replace(settings, secrets=give_secrets(manifest, workspace.environment, open_secrets(workspace)))
    target = open_local_target(workspace.state, settings)
    prefix = read_prefix(workspace.values)
    return replace(target, bucket=workspace.values.get("SMP_S3BUCKETNAME") or target.bucket, prefix=prefix)


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


class Opened:
    """A workspace with what is in it, which is read when it is first asked for, and once.

    `warn` gets the warnings about it; a `manifest` that is given stands for the file's. `before` is how the checkouts
    were, where somebody has looked before anything of them was read.
    """

    def __init__(
        self, workspace: Workspace, *, warn: Callable[[Problem], None], manifest: Manifest | None = None
    ) -> None:
        self.workspace = workspace
        self.warn = warn
        self.before: Tree | None = None
        if manifest is not None:
            self.manifest = manifest

    def warn_of(self, found: Iterable[Problem]) -> None:
        """Pass on every warning."""
        kept, left = limit_per_file(found)
        for problem in kept:
            self.warn(problem)
        for file, count in left.items():
            message = f"{count:,} more warnings are left out"
            self.warn(Problem(id="PB670", message=message, place=Place(file) if file else None, warning=True))

    @cached_property
    def manifest(self) -> Manifest:
        return load_manifest(self.workspace)

    @cached_property
    def lock(self) -> Lock:
        from pipeline_builder.manifest.lock import check_locked

        return check_locked(load_workspace_lock(self.workspace), [repo.name for repo in self.manifest.repos])

    @cached_property
    def values(self) -> Mapping[str, str]:
        """The values for a definition: on AWS with the roles that the service has made for its repositories.

        In the service's own builds its stack says which there are; whatever the manifest says, they may not be yet.
        """
        from pipeline_builder.definition.roles import made_roles

        service, values = self.manifest.service, self.workspace.values
        told = values.get("SMP_JOBROLES", "").strip() or values.get("SMP_CODEPIPELINE", "").strip()
        if self.workspace.target != "aws" or told or service.execution_role != "per-repository":
            return values
        account, region = (values.get(name, "").strip() for name in ("SMP_ACCOUNTID", "SMP_REGION"))
        return {**values, "SMP_JOBROLES": made_roles(service.name, account=account, region=region)}

    @cached_property
    def composed(self) -> Composed:
        """The definition; images that it had to look up go into the lock."""
        from pipeline_builder.manifest.lock import keep_images

        recalled, lock = self._recalled(), self.lock
        composed = recalled.find(partial(self._compose, self.values)) if recalled else None
        if composed is None:
            composed = self._compose_and_keep(recalled) if recalled else self._compose(self.values)
        self.lock = keep_images(self.workspace.lock_path, lock, composed.images)
        self.warn_of(sort_problems(composed.warnings))
        return composed

    def _compose_and_keep(self, recalled: Recalled) -> Composed:
        """Compose what has changed since, or the whole; keep that, but where an image isn't in the lock yet."""
        from pipeline_builder.definition.narrowed import keep_parsed
        from pipeline_builder.definition.record import record_of
        from pipeline_builder.machine.collector import without_collector

        with without_collector():
            if renewed := self._renew(recalled):
                composed, record = renewed
                recalled.keep(composed, lambda _: record)
                return composed
            composed = self._compose(recalled.values)

            def note(entries: Iterable[str]) -> Record | None:
                keep_parsed(self.kept, composed.graph.steps[0].conf.document)
                source = recalled.values.get("SMP_SOURCE_DIR_PATH", "")
                return record_of(composed, self.workspace.root / self.manifest.training_dir, entries, source)

            if composed.images == self.lock.images:
                recalled.keep(composed, note)
        return composed

    def _renew(self, recalled: Recalled) -> tuple[Composed, Record] | None:
        """Compose what has changed since the last time; None where the whole is to be composed."""
        again = partial(self._compose, self.values)
        if not (changed := recalled.find_changed(again)):
            return None
        from pipeline_builder.definition.narrowed import Inputs
        from pipeline_builder.definition.renewed import renew
        from pipeline_builder.machine.passed import Passed

        passed = Passed(self.kept)
        inputs = Inputs(
            manifest=self.manifest,
            lock=self.lock,
            root=self.workspace.root,
            values=recalled.values,
            tags=self.workspace.tags,
            kept=self.kept,
        )
        renewed = renew(
            changed.composed,
            changed.record,
            changed.folders,
            inputs,
            entries=changed.entries,
            passed=passed,
            look=partial(self._look_here, passed=passed),
            again=again,
        )
        if renewed:
            passed.save()
        return renewed

    def _compose(self, values: Mapping[str, str]) -> Composed:
        from pipeline_builder.definition.compose import compose
        from pipeline_builder.machine.collector import without_collector
        from pipeline_builder.machine.passed import Passed

        root, tags, passed = self.workspace.root, self.workspace.tags, Passed(self.kept)
        with without_collector():
            composed = compose(self.manifest, self.lock, root=root, values=values, tags=tags, passed=passed)
        if self.workspace.target == "local":
            composed = self._look_here(composed, passed)
        with contextlib.suppress(OSError):
            begin_state(self.workspace.state)
            passed.save()
        return composed

    def _look_here(self, composed: Composed, passed: Passed) -> Composed:
        refuse_here(composed.warnings)
        return look_here(composed, local_settings(self.workspace.root, self.manifest, self.workspace.jobs), passed)

    def _recalled(self) -> Recalled | None:
        """Return what remembers what was composed; None where more than files of the checkouts counts, as on AWS."""
        from pipeline_builder.definition.recalled import Recalled
        from pipeline_builder.machine.unchanged import Noted

        workspace, manifest = self.workspace, self.manifest
        if workspace.target != "local" or looks_elsewhere(manifest):
            return None
        about = repr((manifest, self.lock.images, workspace.root, workspace.tags, workspace.jobs))
        commits = hashlib.sha256(repr(self.lock).encode("utf-8", "backslashreplace")).hexdigest()
        folder = workspace.root / manifest.training_dir
        return Recalled(
            kept=self.kept, about=about, commits=commits, folder=folder, values=Noted(self.values), before=self.before
        )

    @property
    def rules(self) -> Mapping[str, Rules]:
        """What the confs of each repository may ask for."""
        return {repo.name: self.manifest.policy.rules(repo.name, self.workspace.values) for repo in self.manifest.repos}

    def suggest_policy(self) -> Suggestion:
        """Return a policy that allows what today's confs ask for."""
        from pipeline_builder.definition.compose import compose
        from pipeline_builder.definition.policy.suggestion import suggest

        root, values, tags = self.workspace.root, self.workspace.values, self.workspace.tags
        return suggest(
            self.manifest, lambda manifest: compose(manifest, self.lock, root=root, values=values, tags=tags)
        )

    def compare_lock(self, lock: Lock) -> tuple[Compared, ...]:
        """Compare a lock with the manifest and with what the remotes have now."""
        from pipeline_builder.checkout.agreement import compare_lock
        from pipeline_builder.checkout.git import Git
        from pipeline_builder.checkout.keys import remote_of

        keys = open_keys(self.workspace)
        git = Git(environment=self.workspace.environment)
        jobs = self.workspace.parallel or 8
        return compare_lock(self.manifest, lock, git, lambda repo: remote_of(repo, keys), jobs=jobs)

    @cached_property
    def target(self) -> Target:
        # Only this machine has settings in the manifest; who only uses models on AWS has none.
        target = open_target(self.workspace, self.manifest if self.workspace.target == "local" else None)
        self.warn_of(Problem(id="PB590", message=warning, warning=True) for warning in target.warnings)
        return target

    @cached_property
    def kept(self) -> Kept:
        """What was made of content before."""
        return open_kept(self.workspace.state)

    @cached_property
    def runs(self) -> Runs:
        """What has run so far."""
        from pipeline_builder.release.runs import Runs

        path = self.workspace.build / RUN
        return Runs(target=self.target, path=path, composed=lambda: self.composed.definition.pipeline)


def callers_names(workspace: Workspace) -> tuple[str, ...]:
    """Return what this machine and the target know of who runs the command: login, git's name and address, and on AWS
    whose credentials these are.
    """
    from pipeline_builder.checkout.runner import Runner
    from pipeline_builder.checkout.words import GitError

    environment = workspace.environment
    found = [environment.get(name, "") for name in ("SMP_APPROVER", "LOGNAME", "USER")]
    git = Runner(environment=environment)
    for key in ("user.email", "user.name"):
        with contextlib.suppress(GitError):  # which isn't set, or not there
            found.append(git.run(["config", "--get", key], whose="user", folder=workspace.root).strip())
    if workspace.target == "aws":
        from pipeline_builder.aws.client import Aws
        from pipeline_builder.aws.identity import caller_name

        found.append(caller_name(Aws(workspace.region)))
    return tuple(dict.fromkeys(name for name in found if name))
