"""A session: the stages in their order, each on what the one before it left, as the commands call them.

    manifest -> checkout -> conf -> graph -> definition -> plan -> apply -> run -> gate -> promote -> report

Every stage takes frozen values and returns one; what a stage writes is repeatable. Only here does one stage's output
become the next one's input, and only here is it said how long each took.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from pipeline_builder.definition.compose import Composed, compose, without_collector
from pipeline_builder.definition.parameters import MANIFEST_PARAMETER, UNKNOWN_COMMIT
from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.errors import InputProblems, Problem, sort_problems
from pipeline_builder.manifest.lock import render_lock
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.release.overview import groups_of, nodes_of
from pipeline_builder.release.record import AppliedVersion, load_applied, load_record
from pipeline_builder.workspace import (
    APPLIED,
    BUNDLES,
    DEFINITION,
    JUNIT,
    REPORT,
    RUN,
    Workspace,
    load_manifest,
    load_workspace_lock,
    open_secrets,
    open_target,
    write_bundles,
    write_file,
)

if TYPE_CHECKING:
    from pipeline_builder.checkout.checkout import Checkouts
    from pipeline_builder.dag.outline import Node
    from pipeline_builder.manifest.lock import Lock
    from pipeline_builder.release.apply import Applied
    from pipeline_builder.release.narrowing import Wanted
    from pipeline_builder.release.plan import Plan
    from pipeline_builder.release.promote import Decision
    from pipeline_builder.release.record import RunRecord
    from pipeline_builder.release.run import Start
    from pipeline_builder.release.selection import Found
    from pipeline_builder.target import DeployedPipeline, Execution, ModelPackage, Selection, Target


class Session:
    """One command's way through the stages.

    `say` gets a line for people, `warn` a warning; `given` are values of pipeline parameters.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        say: Callable[[str], None],
        warn: Callable[[Problem], None],
    ) -> None:
        self.workspace = workspace
        self.given: Mapping[str, str] = {}
        self.say = say
        self.warn = warn
        self.seconds: dict[str, float] = {}
        self.begun: Start | None = None

    @contextmanager
    def stage(self, name: str) -> Iterator[list[str]]:
        """Time a stage, and say in one line what it did: the words that the body puts into the list."""
        started = time.monotonic()
        words: list[str] = []
        yield words
        self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - started
        self.say(f"{name:<9} {' '.join(words)}  {self.seconds[name]:.1f} s")

    @property
    def region(self) -> str:
        return self.workspace.values.get("SMP_REGION", "")

    @cached_property
    def manifest(self) -> Manifest:
        return load_manifest(self.workspace)

    @cached_property
    def lock(self) -> Lock:
        lock = load_workspace_lock(self.workspace)
        known = {repo.name for repo in lock.repos}
        missing = [repo for repo in self.manifest.repos if repo.name not in known]
        if missing:
            raise InputProblems(*(_not_locked(repo.name) for repo in missing))
        return lock

    @cached_property
    def target(self) -> Target:
        target = open_target(self.workspace, self.manifest)
        for warning in target.warnings:
            self.warn(Problem(id="PB590", message=warning, warning=True))
        return target

    @cached_property
    def composed(self) -> Composed:
        with without_collector():
            composed = compose(
                self.manifest,
                self.lock,
                root=self.workspace.root,
                values=self.workspace.values,
                tags=self.workspace.tags,
            )
        if dict(composed.images) != dict(self.lock.images):
            self.lock = replace(self.lock, images=composed.images)
            write_file(self.workspace.lock_path, render_lock(self.lock).encode())
        for warning in sort_problems(composed.warnings):
            self.warn(warning)
        return composed

    @property
    def parameters(self) -> dict[str, str]:
        """Return what an execution starts with: commits, fingerprints of data, what was given.

        Raises:
            InputProblems: PB505 where one was given that isn't anybody's to give.
        """
        from pipeline_builder.release.run import check_given

        check_given(self.given, self.composed.definition.own_parameters)
        commits = {repo.name: repo.commit for repo in self.lock.repos}
        named = self.composed.definition.commit_parameters
        manifest = {MANIFEST_PARAMETER: self.lock.manifest_commit or UNKNOWN_COMMIT}
        known = {parameter: commits[repo] for repo, parameter in named.items() if repo in commits}
        return manifest | known | self._fingerprints | dict(self.given)

    @cached_property
    def _fingerprints(self) -> dict[str, str]:
        """Fingerprints of the data that the conf wants cached results to depend on; looked at once in a command."""
        data = self.composed.definition.data
        return {name: self.target.store.data_fingerprint(uris) for name, uris in data.items()}

    def checkout(self, *, locked: bool, at: Lock | None = None) -> Checkouts:
        """Bring every repository to its commit, or to the one that `at` names, and write the lock."""
        from pipeline_builder.checkout.checkout import checkout

        with self.stage("checkout") as words:
            manifest = self.manifest
            # A state in somebody's repository is not to be committed with it; one that is there already stays as it is.
            if not self.workspace.state.exists():
                write_file(self.workspace.state / ".gitignore", b"*\n")
            done = checkout(
                manifest,
                root=self.workspace.root,
                cache=self.workspace.state / "git",
                locked=load_workspace_lock(self.workspace) if locked else at,
                environment=self.workspace.environment,
                read_secret=open_secrets(self.workspace),
                jobs=8,
            )
            # An archive of the manifest's repository has no commit of its own; whoever unpacked it knows which it is.
            commit = done.lock.manifest_commit or self.workspace.environment.get("SMP_MANIFEST_COMMIT", "")
            lock = replace(done.lock, manifest_commit=commit, images=self._locked_images())
            write_file(self.workspace.lock_path, render_lock(lock).encode())
            for warning in done.warnings:
                self.warn(warning)
            changed = sum(repo.changed for repo in done.repos)
            words.append(f"{_count(len(done.repos), 'repository', 'repositories')}, {changed} changed")
        return done

    def _locked_images(self) -> Mapping[str, str]:
        """Images that were resolved stay so: commits move with a checkout, addresses of images don't."""
        try:
            return load_workspace_lock(self.workspace).images
        except InputProblems:
            return {}

    def validate(self) -> Composed:
        """Compose and check everything, offline."""
        with self.stage("validate") as words:
            steps, models = len(self.composed.graph.steps), len({s.unit.name for s in self.composed.graph.steps})
            words.append(f"{_count(steps, 'step')} of {_count(models, 'model')}, no problems")
        return self.composed

    def preflight(self) -> tuple[Problem, ...]:
        """Look whether the target has what the definition needs; return the warnings.

        Raises:
            InputProblems: PB701 to PB716, every finding.
        """
        with self.stage("preflight") as words:
            found = self.target.preflight(self.composed.definition.content)
            if any(not problem.warning for problem in found):
                raise InputProblems(*found)
            for problem in found:
                self.warn(problem)
            words.append(f"{self.target.name}: {_count(len(found), 'warning')}")
        return found

    def build(self) -> Path:
        """Write the definition and the bundles that it names; what is there already is left alone."""
        with self.stage("build") as words:
            definition = self.composed.definition
            path = self.workspace.build / DEFINITION
            changed = write_file(path, definition.content)
            new = write_bundles(self.workspace.build / BUNDLES, definition.bundles.values())
            state = "written" if changed else "unchanged"
            words.append(f"definition {definition.sha256[:12]} {state}, {_count(new, 'bundle')} written")
        return path

    def plan(self) -> Plan:
        """Compare with what is deployed."""
        from pipeline_builder.release.plan import build_plan, with_rename
        from pipeline_builder.release.run import cached_parameters, find_unchanged

        with self.stage("plan") as words:
            definition = self.composed.definition
            deployed = self.target.pipelines.describe_pipeline(definition.pipeline)
            pipelines = self.target.pipelines
            values = cached_parameters(pipelines, definition.pipeline, definition.content, self.parameters)
            predictions = pipelines.predict_cache(definition.pipeline, definition.content, values)
            same = find_unchanged(pipelines, definition.pipeline, definition.content, self.parameters)
            since = same.id if same else ""
            plan = build_plan(definition.pipeline, definition.content, deployed, predictions, unchanged_since=since)
            before = self._saved_pipeline()
            plan = with_rename(plan, before) if plan.creates and before not in ("", plan.pipeline) else plan
            hits = sum(prediction.hit for prediction in predictions)
            maybe = sum(prediction.conditional for prediction in predictions)
            to_run = len(predictions) - hits - maybe - sum(prediction.skipped for prediction in predictions)
            what = "creates the pipeline" if plan.creates else f"{_count(len(plan.changes), 'change')}"
            by_condition = f", {maybe} by conditions" if maybe else ""
            to_do = "nothing to run" if since else f"{to_run} to run, {hits} from the cache{by_condition}"
            words.append(f"{what}; {to_do}")
        return plan

    def apply(self, plan: Plan, *, force: bool = False) -> Applied:
        """Bring the definition and its code to the target."""
        from pipeline_builder.release.apply import apply

        with self.stage("apply") as words:
            applied = apply(self.composed.definition, plan, self.target, force=force)
            state = "applied" if applied.changed else "unchanged"
            words.append(
                f"version {applied.pipeline.version} {state}, {_count(len(applied.uploaded), 'bundle')} uploaded"
            )
            note = AppliedVersion.of(applied.pipeline, target=self.target.name)
            write_file(self.workspace.build / APPLIED, note.model_dump_json(indent=2).encode() + b"\n")
        return applied

    def deployed(self) -> DeployedPipeline:
        """Return what is deployed under the pipeline's name: what this build applied, or else the newest.

        Raises:
            InputProblems: PB422 where nothing is.
        """
        name, content = self.composed.definition.pipeline, self.composed.definition.content
        found = self.target.pipelines.describe_pipeline(name)
        if found is None:
            message = f"the pipeline '{name}' is not deployed"
            raise InputProblems(Problem(id="PB422", message=message, hint="run 'pipeline-builder apply'"))
        if found.definition != content:
            applied = load_applied(self.workspace.build / APPLIED)
            if applied and applied.is_of(found, content, target=self.target.name):
                self.say(
                    f"          version {found.version} was applied since; this build's version {applied.version} runs"
                )
                return replace(found, definition=content, version=applied.version)
            message = f"version {found.version} of '{name}' runs, which is not what is checked out now"
            hint = "run 'pipeline-builder apply' first to run that"
            self.warn(Problem(id="PB423", message=message, hint=hint, warning=True))
        return found

    def run(
        self,
        pipeline: DeployedPipeline,
        *,
        rerun: bool,
        stream: TextIO,
        terminal: bool,
        selection: Selection | None = None,
        cause: str = "",
    ) -> RunRecord:
        """Start or continue an execution, follow it to its end, judge it, and write the record and the report."""

        def begin() -> Start:
            return self._begin(pipeline, rerun=rerun, selection=selection, cause=cause)

        return self._follow(begin, pipeline, stream=stream, terminal=terminal)

    def _begin(self, pipeline: DeployedPipeline, *, rerun: bool, selection: Selection | None, cause: str = "") -> Start:
        from pipeline_builder.release.run import start

        return start(
            self.target.pipelines, pipeline, self.parameters,
            rerun=rerun, selection=selection, cause=cause, note=self._note,
        )  # fmt: skip

    def _note(self, begun: Start) -> None:
        self.begun = begun

    def find_caused(self, pipeline: DeployedPipeline, cause: str) -> Execution | None:
        """Return the execution that an execution of CodePipeline has started already."""
        return self.target.pipelines.find_caused(pipeline.name, cause) if cause else None

    def go_on(self, own: Execution, pipeline: DeployedPipeline, *, stream: TextIO, terminal: bool) -> RunRecord:
        """Go on with an execution that this one's cause has started, from its failure or as it is, and judge it."""
        from pipeline_builder.release.run import go_on

        moved = [name for name, value in self._fingerprints.items() if own.parameters.get(name, value) != value]
        if moved and own.status.value != "Succeeded":
            message = f"data has changed since execution '{own.id}' started: {', '.join(moved)}"
            hint = "it goes on with the new data, and what has succeeded stays; let the pipeline run anew to redo that"
            self.warn(Problem(id="PB452", message=message, hint=hint, warning=True))

        def begin() -> Start:
            return go_on(self.target.pipelines, own, pipeline, note=self._note)

        return self._follow(begin, pipeline, stream=stream, terminal=terminal)

    def reuse(self, arn: str, pipeline: DeployedPipeline) -> RunRecord:
        """Judge an execution that succeeded, where nothing has changed since."""
        return self.judge(self.find_execution(arn), planned=pipeline, reused=True)

    def resume(self, name: str = "", *, stream: TextIO, terminal: bool) -> RunRecord:
        """Follow an execution to its end, whatever definition it runs, and judge it.

        Without a name it is the only one that goes on, or the last.
        """
        from pipeline_builder.release.executions import find_running
        from pipeline_builder.release.run import Start

        found = find_running(self.target.pipelines, self.executions, name)
        begun = Start(execution=found, origin="followed", foreign=bool(found.cause))
        return self._follow(lambda: begun, None, stream=stream, terminal=terminal)

    def _follow(
        self, begin: Callable[[], Start], planned: DeployedPipeline | None, *, stream: TextIO, terminal: bool
    ) -> RunRecord:
        """Follow what `begin` gives to its end, and judge it by what was planned, or by what is deployed."""
        from pipeline_builder.release.run import describe_start
        from pipeline_builder.views.following import Eyes, follow_shown

        with self.stage("run") as words:
            begun = begin()
            self._note(begun)
            commit = begun.execution.parameters.get(MANIFEST_PARAMETER, UNKNOWN_COMMIT)
            self.say(f"          {describe_start(begun, '' if commit == UNKNOWN_COMMIT else commit)}")
            eyes = Eyes(stream=stream, terminal=terminal, say=self.say)
            execution = follow_shown(self.target, begun, self.nodes(), eyes)
            words.append(f"execution {execution.id} {execution.status.value}")
        return self.judge(execution, planned=planned or self.deployed(), reused=begun.origin == "unchanged")

    def start(self, pipeline: DeployedPipeline, *, rerun: bool, selection: Selection | None = None) -> Execution:
        """Start an execution, or find the one that a repeated call has started, and leave it going on."""
        with self.stage("run") as words:
            begun = self._begin(pipeline, rerun=rerun, selection=selection)
            words.append(f"execution {begun.execution.id} {begun.origin}")
        return begun.execution

    def judge(self, execution: Execution, *, planned: DeployedPipeline, reused: bool) -> RunRecord:
        """Collect the evidence of an execution, and let the gate decide."""
        import hashlib

        from pipeline_builder.release.evidence import collect, with_stages
        from pipeline_builder.release.gate import judge

        with self.stage("gate") as words:
            record = collect(execution, self.target, nodes=self.nodes(), lock=self.lock, reused=reused)
            gates = {name: unit.section.gate for name, unit in self.composed.graph.units.items()}
            planned_sha256 = hashlib.sha256(planned.definition).hexdigest()
            verdict = judge(record, planned_sha256=planned_sha256, gates=gates)
            record = with_stages(record.model_copy(update={"verdict": verdict}), self.seconds)
            words.append("passed" if verdict.passed else f"blocked: {'; '.join(verdict.reasons)}")
        self.write_record(record)
        return record

    def decide(self, record: RunRecord, decision: Decision) -> RunRecord:
        """Approve or reject the packages of the run."""
        from pipeline_builder.release.promote import promote

        with self.stage("promote") as words:
            done = {package.arn: package for package in promote(record, decision, self.target.registry)}
            packages = tuple(
                package.model_copy(
                    update={
                        "status": done[package.arn].status.value,
                        "approval_description": done[package.arn].approval_description,
                        "metadata": dict(done[package.arn].metadata),
                    }
                )
                for package in record.packages
            )
            words.append(", ".join(f"{p.group} version {p.version} {p.status}" for p in packages))
        record = record.model_copy(update={"packages": packages})
        self.write_record(record)
        return record

    def copy_packages(self, record: RunRecord, role: str) -> tuple[str, ...]:
        """Copy the run's packages to another account, and say where each is now."""
        with self.stage("copy") as words:
            copies = tuple(self.target.registry.copy_package(package.arn, role) for package in record.packages)
            words.append(", ".join(copies))
        return copies

    def write_record(self, record: RunRecord) -> None:
        """Write `run.json`, which the next stage reads, and the JUnit file, which CI systems show."""
        from pipeline_builder.release.junit import render_junit

        write_file(self.workspace.build / RUN, record.model_dump_json(indent=2).encode() + b"\n")
        write_file(self.workspace.build / JUNIT, render_junit(record).encode())

    def report(self, record: RunRecord) -> Path:
        """Write the report for people."""
        from pipeline_builder.views.report import render_report

        with self.stage("report") as words:
            path = self.workspace.build / REPORT
            write_file(path, render_report(record).encode())
            words.append(os.path.relpath(path))
        return path

    def load_record(self, execution: str = "", *, to_decide: bool = False) -> RunRecord:
        """Return the record of the last run, or of the named execution, with its packages as they are now.

        Without a record of a run "the last" is whoever's is the newest: good to look at, and nothing `to_decide` about.

        Raises:
            InputProblems: PB440 where there is no run, PB441 where no execution has that name.
        """
        from pipeline_builder.release.evidence import collect

        saved = load_record(self.workspace.build / RUN)
        wanted = execution or (saved.execution if saved else "")
        if to_decide and not wanted:
            raise InputProblems(_undecided(self.workspace.build / RUN, self.executions()))
        found = self.find_execution(wanted)
        if saved is None or saved.execution != found.arn:
            return collect(found, self.target)
        # What the run recorded stays; only the registry may have moved on since.
        fresh = collect(found, self.target)
        status = {package.arn: package for package in fresh.packages}
        packages = tuple(
            package.model_copy(
                update={
                    "status": status[package.arn].status,
                    "approval_description": status[package.arn].approval_description,
                    "metadata": status[package.arn].metadata,
                }
            )
            for package in saved.packages
            if package.arn in status
        )
        return saved.model_copy(update={"packages": packages})

    def find_execution(self, name: str = "") -> Execution:
        """Return the named execution (ARN or id), or the newest.

        Raises:
            InputProblems: PB440 where there is none at all, PB441 where none has that name.
        """
        from pipeline_builder.release.executions import find_execution

        return find_execution(self.target.pipelines, self.executions, name)

    def executions(self) -> tuple[Execution, ...]:
        """Return the executions, newest first; on AWS those of the pipeline, as an account has many."""
        pipelines = self.target.pipelines
        if self.workspace.target == "local":
            return pipelines.list_executions()
        return pipelines.list_executions(self._saved_pipeline() or self.composed.definition.pipeline)

    def _saved(self) -> RunRecord | None:
        """Return the record of the last run; None where there is none of this target."""
        saved = load_record(self.workspace.build / RUN)
        return saved if saved and saved.target == self.workspace.target else None

    def _saved_pipeline(self) -> str:
        saved = self._saved()
        return saved.pipeline if saved else ""

    def stop(self, name: str) -> Execution:
        """Stop an execution, by default the only one that goes on, and wait until it has stopped."""
        from pipeline_builder.release.executions import find_running, stop

        found = find_running(self.target.pipelines, self.executions, name)
        if found.status.ended:
            self.say(f"{'stop':<9} nothing to stop: execution {found.id} has ended")
            return found
        with self.stage("stop") as words:
            found = stop(self.target.pipelines, found)
            words.append(f"execution {found.id} {found.status.value}")
        return found

    def stop_own(self) -> None:
        """Stop what this session has begun on AWS, and nothing else; here jobs have ended with their command."""
        if self.begun is None or self.workspace.target == "local":
            return
        execution = self.begun.execution
        if self.begun.foreign:
            self.say(f"          execution {execution.id} goes on: somebody else has started it")
        elif not self.begun.ended:
            self.stop(execution.arn)

    def retry(self, name: str, *, stream: TextIO, terminal: bool) -> RunRecord:
        """Go on with a failed or stopped execution where it was, and judge it as a run.

        Raises:
            InputProblems: PB443 where it has nothing left to do, PB450 where another may be meant.
        """
        from pipeline_builder.release.executions import find_failed
        from pipeline_builder.release.run import retry

        saved = self._saved()
        found = find_failed(self.target.pipelines, self.executions, name, saved.execution if saved else "")
        return self._follow(
            lambda: retry(self.target.pipelines, found, note=self._note), None, stream=stream, terminal=terminal
        )

    def rollback(self, model: str, decision: Decision) -> tuple[ModelPackage, ModelPackage]:
        """Reject the champion of a model, so that the approved version before it is the champion again."""
        from pipeline_builder.release.promote import rollback

        groups = groups_of(self.composed)
        if model not in groups:
            hint = did_you_mean(model, groups)
            raise InputProblems(Problem(id="PB432", message=f"there is no model '{model}'", hint=hint))
        group = groups[model]
        with self.stage("rollback") as words:
            old, new = rollback(group, decision, self.target.registry)
            words.append(f"{group}: version {old.version} {old.status.value}, the champion is version {new.version}")
        return old, new

    def nodes(self) -> tuple[Node, ...]:
        """Return the graph as it is drawn."""
        return nodes_of(self.composed)

    def select(self, wanted: Wanted) -> Found:
        """Limit a run to what is wanted."""
        from pipeline_builder.release.narrowing import narrow

        found = narrow(wanted, self.target.pipelines, self.composed, self.lock, self.manifest)
        self.say(f"select    {found.words}")
        return found


def _not_locked(name: str) -> Problem:
    message = f"the repository '{name}' is not in the lock"
    return Problem(id="PB109", message=message, hint="run 'pipeline-builder checkout'")


def _undecided(path: Path, known: Sequence[Execution]) -> Problem:
    message = f"there is no record of a run in '{os.path.relpath(path)}', so which one is to be decided about"
    names = ", ".join(execution.id for execution in known[:5])
    hint = f"name the execution; the newest are: {names}" if names else "run 'pipeline-builder up'"
    return Problem(id="PB440", message=message, hint=hint)


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
