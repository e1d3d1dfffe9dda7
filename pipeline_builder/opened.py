"""A workspace with what is in it: manifest, lock, definition, target, each read when it is first asked for."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from pipeline_builder.errors import Place, Problem, limit_per_file, sort_problems
from pipeline_builder.here import local_settings, look_here, looks_elsewhere, refuse_here
from pipeline_builder.machine.kept import Kept, open_kept
from pipeline_builder.machine.standard import has_mpirun
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.workspace import (
    RUN,
    Workspace,
    begin_state,
    load_manifest,
    load_workspace_lock,
    open_keys,
    open_target,
    say_aside,
)

if TYPE_CHECKING:
    from pipeline_builder.checkout.agreement import Compared
    from pipeline_builder.checkout.behind import Behind
    from pipeline_builder.conf.sdk import MadeSteps
    from pipeline_builder.definition.composed import Composed, Definition
    from pipeline_builder.definition.factories import Factories
    from pipeline_builder.definition.policy.suggestion import Suggestion
    from pipeline_builder.definition.recalled import Recalled
    from pipeline_builder.definition.record import Record
    from pipeline_builder.machine.passed import Passed
    from pipeline_builder.machine.unchanged import Tree
    from pipeline_builder.manifest.lock import Lock
    from pipeline_builder.manifest.policy import Rules
    from pipeline_builder.release.plan import Plan
    from pipeline_builder.release.runs import Runs
    from pipeline_builder.target import Target


_MOST_LOOKS = 8
"""Repositories at other hosts that are looked at without being asked to: they are asked at once."""


class Opened:
    """A workspace with what is in it, which is read when it is first asked for, and once.

    `warn` gets the warnings about it; a `manifest` that is given stands for the file's. `before` is how the checkouts
    were, where somebody has looked before anything of them was read, `after` how they were when all of it was. `first`
    is the one with which this shares a target, as they are of pipelines of one manifest.
    """

    def __init__(
        self, workspace: Workspace, *, warn: Callable[[Problem], None], manifest: Manifest | None = None
    ) -> None:
        self.workspace = workspace
        self.warn = warn
        self.before: Tree | None = None
        self.after: Tree | None = None
        self.first: Opened | None = None
        self.edits_said = self.looked_at = False
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
        return {**values, "SMP_JOBROLES": made_roles(self.manifest.service_name, account=account, region=region)}

    @cached_property
    def composed(self) -> Composed:
        """The definition; images that it had to look up go into the lock."""
        from pipeline_builder.manifest.lock import keep_images

        recalled, lock = self._recalled(), self.lock
        composed = recalled.find(partial(self._compose, self.values)) if recalled else None
        if composed is None:
            composed = self._compose_and_keep(recalled) if recalled else self._compose(self.values)
        more = len(self.manifest.pipelines) > 1
        self.lock = keep_images(self.workspace.lock_path, lock, composed.images, more=more)
        self.warn_of(sort_problems(composed.warnings))
        return composed

    def known_definition(self) -> Definition | None:
        """Return the definition of the checkouts as they are, where it was composed before; it isn't for this."""
        recalled = self._recalled()
        composed = recalled.find(partial(self._compose, self.values)) if recalled else None
        return composed.definition if composed else None

    def _compose_and_keep(self, recalled: Recalled) -> Composed:
        """Compose what has changed since, or the whole; keep that, but where an image isn't in the lock yet."""
        from pipeline_builder.definition.narrowed import keep_parsed
        from pipeline_builder.definition.record import record_of
        from pipeline_builder.machine.collector import without_collector

        with without_collector():
            if renewed := self._renew(recalled):
                composed, record = renewed
                recalled.keep(composed, lambda _: record)
                self.after = recalled.after
                return composed
            composed = self._compose(recalled.values)

            def note(entries: Iterable[str]) -> Record | None:
                keep_parsed(self.kept, composed.graph.steps[0].conf.document)
                source = recalled.values.get("SMP_SOURCE_DIR_PATH", "")
                return record_of(composed, self.workspace.root / self.manifest.training_dir, entries, source)

            if composed.images.items() <= self.lock.images.items():
                recalled.keep(composed, note)
                self.after = recalled.after
        return composed

    def _renew(self, recalled: Recalled) -> tuple[Composed, Record] | None:
        """Compose what has changed since the last time; None where the whole is to be composed."""
        again = partial(self._compose, self.values)
        if not (changed := recalled.find_changed(again)) or any(self.clashes(recalled.values)):
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

    def clashes(self, values: Mapping[str, str]) -> Iterable[Problem]:
        """Return what several pipelines of the manifest have both, and may not."""
        from pipeline_builder.conf.naming import clashes

        return clashes(self.manifest, root=self.workspace.root, values=values)

    def _compose(self, values: Mapping[str, str]) -> Composed:
        from pipeline_builder.definition.compose import compose
        from pipeline_builder.machine.collector import without_collector
        from pipeline_builder.machine.passed import Passed

        root, tags, passed = self.workspace.root, self.workspace.tags, Passed(self.kept)
        with without_collector():
            composed = compose(
                self.manifest,
                self.lock,
                root=root,
                values=values,
                tags=tags,
                passed=passed,
                ask=self._ask,
                build=self._build,
            )
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
        about = repr((manifest, self.lock.images, workspace.root, workspace.tags, workspace.jobs, has_mpirun()))
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
        """Return a policy that allows what today's confs ask for, those of all pipelines."""
        from pipeline_builder.definition.compose import compose_each
        from pipeline_builder.definition.factories import build_none_allowed
        from pipeline_builder.definition.policy.suggestion import suggest

        root, values, tags = self.workspace.root, self.workspace.values, self.workspace.tags
        return suggest(
            self.manifest,
            lambda manifest: compose_each(
                manifest, self.lock, root=root, values=values, tags=tags, ask=self._ask, build=build_none_allowed
            ),
        )

    def _build(self, asking: Factories) -> tuple[Mapping[str, MadeSteps], list[Problem]]:
        """Have the steps of factories made; the SDK's environment is made where one was not run before."""
        from pipeline_builder.sdk.factories import Maker
        from pipeline_builder.sdk.room import Room

        workspace = self.workspace
        begin_state(workspace.state)
        settings = local_settings(workspace.root, self.manifest, workspace.jobs)
        hidden = (workspace.state, workspace.shared, *settings.hidden, *settings.mounts.values())
        room = Room(folder=workspace.state / "factories", hidden=hidden, report=say_aside)
        maker = Maker(
            room=room, environments=workspace.state / "envs", kept=self.kept, handed=workspace.shared, say=say_aside
        )
        return maker(asking)

    def _ask(self, keys: Sequence[str]) -> list[Any]:
        """Ask the SDK for addresses of images; its environment is among those of jobs, and made when it is asked."""
        from pipeline_builder.sdk.images import image_asker

        begin_state(self.workspace.state)
        return image_asker(self.workspace.state / "envs", self.kept, say_aside)(keys)

    def compare_lock(self, lock: Lock) -> tuple[Compared, ...]:
        """Compare a lock with the manifest and with what the remotes have now."""
        from pipeline_builder.checkout.agreement import compare_lock
        from pipeline_builder.checkout.git import Git
        from pipeline_builder.checkout.keys import remote_of

        keys = open_keys(self.workspace)
        git = Git(environment=self.workspace.environment)
        jobs = self.workspace.parallel or 8
        return compare_lock(self.manifest, lock, git, lambda repo: remote_of(repo, keys), jobs=jobs)

    def warn_of_edits(self) -> None:
        """Say of which checkouts what is made of them isn't the commit of the lock; once, and when it is made: another
        checkout may have come meanwhile.
        """
        main = self.first or self
        if not main.edits_said:
            main.edits_said = True
            from pipeline_builder.checkout.edited import Checked, find_edited
            from pipeline_builder.checkout.git import Git
            from pipeline_builder.definition.ignored import NO_CODE

            checked = Checked(
                training=self.workspace.root / self.manifest.training_dir,
                cache=self.workspace.state / "git",
                ignored=NO_CODE,
                look=not main.looked_at,
            )
            git = Git(environment=self.workspace.environment)
            self.warn_of(find_edited(self.manifest, self.lock, git, checked))

    def look_behind(self, *, elsewhere: bool) -> tuple[Behind, ...]:
        """Return what the checkouts lack of what their repositories have now; a look, in which nothing is fetched.

        That is those on this machine, and `elsewhere` those of other hosts too, unless these are very many.
        """
        from pipeline_builder.checkout.behind import SOON, look_behind
        from pipeline_builder.checkout.git import Git
        from pipeline_builder.checkout.keys import remote_of
        from pipeline_builder.manifest.addresses import is_local

        keys = open_keys(self.workspace)
        git = Git(environment=self.workspace.environment, timeout=SOON, pauses=())
        remote = [repo for repo in self.manifest.repos if not is_local(repo.url)]
        elsewhere = elsewhere and len(remote) <= _MOST_LOOKS
        repos = [repo for repo in self.manifest.repos if elsewhere or is_local(repo.url)]
        return look_behind(repos, self.lock, git, lambda repo: remote_of(repo, keys))

    def tell(self, plan: Plan) -> Plan:
        """Return a plan with what people want to know besides."""
        from pipeline_builder.release.telling import Around, tell

        around = Around(
            target=self.target,
            lock=self.lock,
            checkouts=self.workspace.root / self.manifest.training_dir,
            cache=self.workspace.state / "git",
            environment=self.workspace.environment,
        )
        return tell(plan, self.composed.definition, around)

    @cached_property
    def target(self) -> Target:
        mine = self.workspace
        if self.first and (self.first.workspace.stubs, self.first.workspace.jobs) == (mine.stubs, mine.jobs):
            return self.first.target
        # Only this machine has settings in the manifest; who only uses models on AWS has none.
        target = open_target(self.workspace, self.manifest if self.workspace.target == "local" else None)
        self.warn_of(target.warnings)
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
        return Runs(
            target=self.target,
            path=path,
            composed=lambda: self.composed.definition.pipeline,
            names=self.pipelines_of_runs,
            is_anothers=self.is_anothers,
        )

    def is_anothers(self, pipeline: str) -> bool:
        """Tell whether SageMaker has another pipeline of the manifest under this name."""
        del pipeline
        return False

    def pipelines_of_runs(self) -> tuple[str, ...] | None:
        """Return the names of the pipelines whose executions are meant; None where those of all are that there are."""
        return None


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
