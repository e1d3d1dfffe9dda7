"""A session: the stages in their order, each on what the one before it left, as the commands call them.

    manifest -> checkout -> conf -> graph -> definition -> plan -> apply -> run -> gate -> promote -> report

Every stage takes frozen values and returns one; what a stage writes is repeatable. What it does is in its room: only
here does one stage's output become the next one's input, and only here is it said how long each took.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_builder.dated import Dated
from pipeline_builder.definition.bundle import write_bundles
from pipeline_builder.descriptions import DeployedPipeline
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.here import find_unrunnable_here
from pipeline_builder.machine.streams import write_file
from pipeline_builder.manifest.history import load_histories, write_histories
from pipeline_builder.release.deployed import find_deployed, note_applied
from pipeline_builder.release.executions import stop
from pipeline_builder.release.outcome import with_stages
from pipeline_builder.release.overview import models_of, nodes_of
from pipeline_builder.release.ownership import owns_all
from pipeline_builder.release.parameters import find_moved
from pipeline_builder.release.planning import find_done, make_plan, plan_alone
from pipeline_builder.release.record import RunRecord
from pipeline_builder.release.run import Start, describe_start, find_open, go_on, resume, retry, start
from pipeline_builder.release.superseded import is_superseded
from pipeline_builder.release.unsigned import settle_unsigned
from pipeline_builder.release.verdict import judge_execution
from pipeline_builder.views import lines
from pipeline_builder.views.following import Eyes, follow_shown
from pipeline_builder.workspace import (
    APPLIED,
    AUTHORS,
    BUNDLES,
    DEFINITION,
    begin_state,
    load_workspace_lock,
    open_announcer,
    open_keys,
)

if TYPE_CHECKING:
    from pipeline_builder.checkout.checkout import Checkouts
    from pipeline_builder.definition.composed import Composed
    from pipeline_builder.descriptions import Execution, Selection
    from pipeline_builder.manifest.lock import Lock
    from pipeline_builder.release.apply import Applied
    from pipeline_builder.release.narrowing import Wanted
    from pipeline_builder.release.plan import Plan
    from pipeline_builder.release.promote import Decided, Decision
    from pipeline_builder.release.selection import Found
    from pipeline_builder.release.whole import Left


class Session(Dated):
    """One command's way through the stages."""

    # --- to what is deployed

    def checkout(self, *, locked: bool, at: Lock | None = None, earlier: bool = False) -> Checkouts:
        """Bring every repository to its commit, or to the one that `at` names, and write the lock; with `earlier` what
        came before is noted, for whoever judges on another machine.
        """
        from pipeline_builder.checkout.checkout import checkout
        from pipeline_builder.checkout.locking import lock_checkout

        workspace = self.workspace
        with self.stage("checkout") as words:
            manifest = self.manifest
            begin_state(workspace.state)
            done = checkout(
                manifest,
                root=workspace.root,
                cache=workspace.state / "git",
                locked=load_workspace_lock(workspace) if locked else at,
                environment=workspace.environment,
                keys=open_keys(workspace),
                histories=load_histories(workspace.shared / AUTHORS) if manifest.four_eyes else None,
                jobs=workspace.parallel or 8,
                earlier=earlier,
            )
            self.looked_at = True
            if manifest.four_eyes:
                write_histories(workspace.shared / AUTHORS, done.histories)
            lock_checkout(workspace.lock_path, done.lock, workspace.environment)
            if earlier:
                self.note_commits(done.lock)
            self.warn_of(done.warnings)
            words.append(lines.checkout_line(done))
        return done

    def validate(self) -> Composed:
        """Compose and check everything, offline."""
        with self.stage("validate") as words:
            words.append(lines.validate_line(self.composed))
        return self.composed

    def preflight(self) -> tuple[Problem, ...]:
        """Look whether the target has what the definition needs; return the warnings, or raise every finding."""
        with self.stage("preflight") as words:
            composed = self.composed
            unusable = self.starting.find_unusable()
            images = () if unusable else self.starting.images
            found = (*self.target.preflight(composed.definition.content, images), *unusable)
            found = self._placed(found)
            if any(not problem.warning for problem in found):
                raise InputProblems(*found)
            self.warn_of(found)
            words.append(lines.preflight_line(self.target.name, found))
        return found

    def refuse_unrunnable(self) -> None:
        """Refuse steps that this machine can't run and that have no stub, each at its place; on AWS all run."""
        if found := self.find_unrunnable():
            raise InputProblems(*found)

    def find_unrunnable(self) -> tuple[Problem, ...]:
        """Return a problem for each step that the local target can't run and that has no stub; on AWS all run."""
        if self.workspace.target != "local":
            return ()
        return find_unrunnable_here(self.composed, self.workspace.stubs, self.kept)

    def build(self) -> Path:
        """Write the definition and the bundles that it names; what is there already is left alone."""
        with self.stage("build") as words:
            definition, folder = self.composed.definition, self.workspace.build
            self.warn_of_edits()
            changed = write_file(folder / DEFINITION, definition.content)
            needed = self.workspace.needed_by_others(self.manifest)
            new = write_bundles(self.workspace.shared / BUNDLES, definition.bundles.values(), needed=needed)
            words.append(lines.build_line(definition, changed=changed, new=new))
        return folder / DEFINITION

    def plan(self, *, whole: bool = False) -> Plan:
        """Compare with what is deployed; a `whole` plan tells what the step cache has, also where nothing would run."""
        with self.stage("plan") as words:
            definition, pipelines = self.composed.definition, self.target.pipelines
            self.warn_of_edits()
            deployed = pipelines.describe_pipeline(definition.pipeline)
            plan = make_plan(
                definition, deployed, pipelines, self.parameters,
                before=self.runs.pipeline(), whole=whole, superseded=partial(is_superseded, self.target),
            )  # fmt: skip
            plan = replace(plan, uses=self.starting.uses)
            words.append(lines.plan_line(plan))
        return plan

    def plan_alone(self) -> Plan:
        """Compare with what is deployed alone, where what a run starts with isn't there yet."""
        with self.stage("plan") as words:
            definition = self.composed.definition
            deployed = self.target.pipelines.describe_pipeline(definition.pipeline)
            plan = plan_alone(definition, deployed, before=self.runs.pipeline())
            words.append(lines.plan_line(plan, early=True))
        return plan

    def apply(self, plan: Plan, *, force: bool = False) -> Applied:
        """Bring the definition and its code to the target."""
        from pipeline_builder.release.apply import apply

        with self.stage("apply") as words:
            seen = self.workspace.state / f"seen-{self.target.name}.json"
            claims = () if owns_all(self.composed, self.target.registry) else self.composed.policed.claims
            applied = apply(self.composed.definition, plan, self.target, claims=claims, force=force, seen=seen)
            self.warn_of(applied.replaced)
            self.warn_of(applied.ownership.warnings)
            words.append(lines.apply_line(applied))
            note_applied(self.workspace.build / APPLIED, applied.pipeline, target=self.target.name)
        for line in applied.ownership.said:
            self.say(f"          {line}")
        return applied

    def deployed(self) -> DeployedPipeline:
        """Return what is deployed under the pipeline's name: what this build applied, or else the newest."""
        found = find_deployed(self.composed.definition, self.target, self.workspace.build / APPLIED)
        if found.words:
            self.say(f"          {found.words}")
        if found.warning:
            self.warn(found.warning)
        return found.pipeline

    # --- from a start to a verdict

    def select(self, wanted: Wanted) -> Found:
        """Limit a run to what is wanted; one that scores is about a date as a whole.

        Raises:
            InputProblems: PB978 for steps of an inference run; those of `narrow`.
        """
        from pipeline_builder.release.narrowing import narrow, narrow_scores

        if self.composed.definition.kind == "inference":
            found = narrow_scores(wanted, self.composed.definition)
        else:
            found = narrow(wanted, self.target.pipelines, self.composed, self.lock, self.manifest)
        self.say(f"select    {found.words}")
        return found

    def leave_whole(self, plan: Plan) -> Left | None:
        """Leave the models out of a run that would come whole from the cache; None where everything is to run.

        An execution of everything that goes on, or was stopped, is gone on with as it is.
        """
        from pipeline_builder.release.whole import leave_whole

        definition, pipelines = self.composed.definition, self.target.pipelines
        if definition.kind == "inference":  # each of its models is of this date
            return None
        superseded = partial(is_superseded, self.target)
        if plan.unchanged_since or find_open(pipelines, plan.pipeline, definition.content, self.parameters, superseded):
            return None
        nodes = models_of(self.composed.definition)
        left = leave_whole(self.target, plan.pipeline, definition.content, nodes, plan.predictions)
        if left:
            self.say(f"select    {left.words}")
            self.left_whole = left.groups
        return left

    def begin(
        self, pipeline: DeployedPipeline, *, rerun: bool, selection: Selection | None = None, cause: str = ""
    ) -> Start:
        """Start an execution, or find the one that a repeated call has started, and leave it going on."""
        return self._left(partial(self._begin, pipeline, rerun=rerun, selection=selection, cause=cause))

    def begin_again(self, own: Execution, pipeline: DeployedPipeline) -> Start:
        """Let an execution that this one's cause has started go on from its failure, or as it is, and leave it so."""
        return self._left(self._again(own, pipeline))

    def _left(self, begin: Callable[[], Start]) -> Start:
        with self.stage("run") as words:
            begun = begin()
            words.append(f"execution {begun.execution.id} {begun.origin}")
        return begun

    def run(
        self,
        pipeline: DeployedPipeline,
        eyes: Eyes,
        *,
        rerun: bool,
        selection: Selection | None = None,
        cause: str = "",
    ) -> RunRecord:
        """Start or continue an execution, follow it to its end, and judge it."""
        if not rerun and (before := self.scored_before(pipeline)):
            return before
        begin = partial(self._begin, pipeline, rerun=rerun, selection=selection, cause=cause)
        return self._follow(begin, eyes, planned=pipeline)

    def go_on(self, own: Execution, pipeline: DeployedPipeline, eyes: Eyes) -> RunRecord:
        """Go on with an execution that this one's cause has started, from its failure or as it is, and judge it."""
        return self._follow(self._again(own, pipeline), eyes, planned=pipeline)

    def _again(self, own: Execution, pipeline: DeployedPipeline) -> Callable[[], Start]:
        if moved := find_moved(own, self.starting.fingerprints):
            self.warn(moved)
        self.starting.use_again(own)
        return partial(go_on, self.target.pipelines, own, pipeline, note=self._note)

    def resume(self, name: str, eyes: Eyes, *, mine: bool = False) -> RunRecord:
        """Follow an execution to its end, the only one that goes on or the last where none is named, and judge it."""
        begun = resume(self.dated(self.runs.running(name)), mine=mine)
        return self._follow(lambda: begun, eyes)

    def retry(self, name: str, eyes: Eyes) -> RunRecord:
        """Go on with a failed or stopped execution where it was, and judge it as a run."""
        failed = self.dated(self.runs.failed(name))
        self.starting.use_again(failed)
        return self._follow(partial(retry, self.target.pipelines, failed, note=self._note), eyes)

    def _begin(self, pipeline: DeployedPipeline, *, rerun: bool, selection: Selection | None, cause: str = "") -> Start:
        parameters = self.parameters
        self.starting.check_inputs()
        try:
            return start(
                self.target.pipelines, pipeline, parameters,
                rerun=rerun, selection=selection, cause=cause, note=self._note,
                superseded=partial(is_superseded, self.target),
            )  # fmt: skip
        except InputProblems as error:  # a target knows the definition only, and no conf
            raise InputProblems(*self._placed(error.problems)) from error

    def _placed(self, found: tuple[Problem, ...]) -> tuple[Problem, ...]:
        from pipeline_builder.definition.findings import with_places

        return with_places(found, self.composed.definition, self.composed.graph) if found else ()

    def take(self, plan: Plan, eyes: Eyes) -> RunRecord | None:
        """Judge the execution that a plan has found to have done all that a run would do; None where there is none."""
        pipeline = self.deployed()
        done = find_done(self.target.pipelines, pipeline, plan)
        return self._follow(lambda: done, eyes, planned=pipeline) if done else None

    def _note(self, begun: Start) -> None:
        self.begun = begun

    def _follow(self, begin: Callable[[], Start], eyes: Eyes, *, planned: DeployedPipeline | None = None) -> RunRecord:
        """Follow what `begin` gives to its end, and judge it by what was planned, or by what is deployed."""
        with self.holding():
            with self.stage("run") as words:
                self._note(begun := begin())
                self.say(f"          {describe_start(begun)}")
                nodes = () if begun.ended else nodes_of(self.composed)
                execution = follow_shown(self.target, begun, nodes, eyes)
                words.append(f"execution {execution.id} {execution.status.value}")
            return self.judge(execution, planned=planned or self.deployed(), reused=begun.origin == "unchanged")

    def judge(self, execution: Execution, *, planned: DeployedPipeline, reused: bool) -> RunRecord:
        """Collect the evidence of an execution, let the gate decide, and write the record."""
        with self.stage("gate") as words:
            record = judge_execution(
                execution, self.target, self.composed, self.lock,
                planned=planned, reused=reused, kept=self.kept, date=self.starting.asked_date, noted=self.with_commits,
            )  # fmt: skip
            record, unsigned = settle_unsigned(with_stages(record, self.seconds), self.target)
            words.append(lines.gate_line(record))
        self.warn_of(unsigned)
        record = self.closed(record)
        self.write_record(record)
        return record

    def closed(self, record: RunRecord) -> RunRecord:
        """Return the record of a judged run with what it asks of the training pipeline, or has answered."""
        if not self.manifest.infers:
            return record
        from pipeline_builder.release.scoring.loop import close_loop

        return close_loop(
            record,
            self.target,
            say=lambda words: self.say(f"{'retrain':<9} {words}"),
            announce=open_announcer(self.workspace),
            # The groups whose models a run now would make as they are.
            unchanged=self.left_whole.union(package.group for package in record.packages if record.reused),
            handles=lambda: self.names,
        )

    def scored(self, name: str) -> RunRecord:
        """Return the record of an inference run that was judged, the last one where none is named."""
        from pipeline_builder.release.scoring.recalling import recall_scores

        record = self.runs.record(name)
        if record.scores:
            return record
        execution = self.dated(self.runs.find(record.execution))
        return recall_scores(record, self.target) or self.judge(execution, planned=self.deployed(), reused=True)

    def stop(self, name: str) -> Execution:
        """Stop an execution, by default the only one that goes on, and wait until it has stopped."""
        found = self.runs.running(name)
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

    # --- decisions, and what is written about a run

    def decide(
        self,
        record: RunRecord,
        decision: Decision,
        models: Sequence[str] = (),
        *,
        named: bool = True,
        approval: str = "",
    ) -> Decided:
        """Approve or reject packages of the run: those of the models, or those of them that wait where not `named`."""
        with self.stage("promote") as words:
            decided = self.decisions.decide(record, decision, models, named=named, approval=approval)
            words.append(lines.promote_line(decided.record))
        for line in decided.words:
            self.say(f"          {line}")
        self.write_record(decided.record)
        if self.manifest.infers:
            from pipeline_builder.release.scoring.retraining import settle_requests

            settled, _ = settle_requests(record.pipeline, self.target)
            for line in settled:
                self.say(f"{'retrain':<9} {line}")
        return decided
