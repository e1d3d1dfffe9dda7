"""What a run starts with and leaves, and, where it is about a logical date, what holds, delivers and recalls that;
and what decisions about it are made with.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pipeline_builder.errors import InputProblems, OutsideFailure, PipelineBuilderError, Problem
from pipeline_builder.manifest.history import load_histories
from pipeline_builder.opened import callers_names
from pipeline_builder.release.machines import machine_prices
from pipeline_builder.release.outcome import with_stages
from pipeline_builder.release.parameters import check_given
from pipeline_builder.release.record import RunRecord, write_record
from pipeline_builder.release.starting import Starting, find_misdated
from pipeline_builder.several import Several
from pipeline_builder.views import lines
from pipeline_builder.views.reported import days_before, write_report
from pipeline_builder.workspace import AUTHORS, COMMITS, JUNIT, REPORT, RUN

if TYPE_CHECKING:
    from pipeline_builder.descriptions import DeployedPipeline, Execution, ModelPackage, OpenApproval
    from pipeline_builder.manifest.lock import Lock
    from pipeline_builder.release.answering import Answered, Given, Questions
    from pipeline_builder.release.decisions import Decisions
    from pipeline_builder.release.plan import Plan
    from pipeline_builder.release.promote import Decision

Found = TypeVar("Found")
_NOT_KEPT = "the console shows it again when the command is repeated and the place can be written"


class Dated(Several):
    """A workspace whose runs start with what is looked up, may be about a logical date, and leave a record."""

    @cached_property
    def starting(self) -> Starting:
        """What an execution starts with, each looked up once in a command."""
        return Starting(
            composed=self.composed, target=self.target, lock=self.lock, given=self.given, date=self.date, say=self.say,
            held=self.held,
        )  # fmt: skip

    @property
    def parameters(self) -> dict[str, str]:
        return self.starting.parameters

    def find_misgiven(self) -> tuple[Problem, ...]:
        """Return what is wrong with the date and the parameters that were given, before anything is done with them."""
        definition = self.composed.definition
        misdated = find_misdated(definition, self.date)
        try:
            check_given(self.given, definition.own_parameters, lambda: self.composed.policed)
        except InputProblems as error:
            return (*misdated, *error.problems)
        return misdated

    def holding(self, date: str = "") -> AbstractContextManager[None]:
        """Hold the logical date of an inference run, so that nobody else works on it; PB975 where somebody does."""
        definition = self.composed.definition
        if definition.kind == "training":
            return nullcontext()
        from pipeline_builder.release.scoring.holding import hold_day

        return hold_day(self.target, definition.pipeline, date or self.starting.logical_date)

    def publish(self, record: RunRecord, *, force: bool | None = None) -> RunRecord:
        """Publish what an inference run has scored and the gate has passed, and note its date in the ledger.

        A run that stands for what was asked for just now takes the place of later ones, another only with `force`.

        Raises:
            PipelineBuilderError: what kept a model's scores from it; the others are published by then.
        """
        if record.kind == "training":
            return record
        from pipeline_builder.release.scoring.delivery import deliver

        with self.holding(record.date), self.stage("publish") as words:
            delivered = deliver(record, self.composed, self.target, force=record.reused if force is None else force)
            record = with_stages(delivered.record, self.seconds)
            words.append(lines.publish_line(record, changed=delivered.changed))
        self.write_record(record)
        if delivered.failures:
            self.report(record)
            problems = dict.fromkeys(problem for error in delivered.failures for problem in error.problems)
            raise type(delivered.failures[0])(*problems)
        return record

    def dated(self, execution: Execution) -> Execution:
        """Let this be about the logical date that an execution of before is of, where its parameters tell it."""
        if self.composed.definition.dates:
            from pipeline_builder.release.scoring.collecting import date_of

            known = self.target.pipelines.describe_execution(execution.arn) or execution
            self.date = date_of(self.composed.definition.dates, known.parameters) or self.date
            self.__dict__.pop("starting", None)
        return execution

    def scored_before(self, pipeline: DeployedPipeline) -> RunRecord | None:
        """Return the record of the run that has scored this date, where its files are gone and what it has published
        isn't; None where there is something to run, or to judge.
        """
        if self.composed.definition.kind == "training":
            return None
        from pipeline_builder.release.scoring.recalling import recall_scored

        record = recall_scored(self.starting, pipeline, self.target)
        if record:
            self.say(f"          nothing changed since execution {record.execution.rsplit('/', 1)[-1]} has scored it")
            self.write_record(record)
        return record

    @property
    def decisions(self) -> Decisions:
        """What decisions are made with."""
        from pipeline_builder.release.decisions import Decisions

        return Decisions(
            target=self.target,
            runs=self.runs,
            composed=lambda: self.composed,
            say=self.say,
            histories=lambda: load_histories(self.workspace.shared / AUTHORS) if self.manifest.four_eyes else None,
            each=lambda: tuple(one.decisions for one in self.each),
            owner=lambda pipeline: self.owner(pipeline).decisions,
        )

    def make_decision(
        self, answer: str, comment: str, *, by: str, again: bool = False, stubs: bool = False
    ) -> Decision:
        """Return an answer, `approve` or `reject`, as that of a person."""
        from pipeline_builder.descriptions import ApprovalStatus
        from pipeline_builder.release.promote import Decision

        status = ApprovalStatus.APPROVED if answer == "approve" else ApprovalStatus.REJECTED
        names = tuple(dict.fromkeys((by, *(self.names_of_caller() if answer == "approve" else ()))))
        return Decision(status=status, by=by, names=names, comment=comment, again=again, stubs=stubs)

    def answer(
        self, record: RunRecord, decision: Decision, models: Sequence[str] = (), *, named: bool = True
    ) -> Answered | None:
        """Answer the service's question about a run; None where it asks none, and the registry is to be written."""
        questions = self.questions
        question = self.find_question(record)
        if questions is None or question is None:
            given = self.find_given(record)
            return self.decisions.repeat(record, decision, models, given, named=named) if given else None
        with self.stage("answer") as words:
            answered = self.decisions.answer(record, decision, models, (question, questions), named=named)
            words.append(answered.words)
        return answered

    @property
    def questions(self) -> Questions | None:
        """What knows the questions that the service's pipelines ask people; None on this machine."""
        from pipeline_builder.workspace import open_questions

        return open_questions(self.workspace, self.manifest)

    def find_question(self, record: RunRecord) -> OpenApproval | None:
        """Return the service's question about a run; whether there is one may be nobody's to know, which is said."""
        from pipeline_builder.release.answering import find_question

        return self._ask_service(lambda questions: find_question(record, questions))

    def find_given(self, record: RunRecord) -> Given | None:
        """Return the answer about a run that the service is about to write into the registry."""
        return self._ask_service(lambda questions: questions.find_given(record.execution), aloud=False)

    def _ask_service(self, ask: Callable[[Questions], Found | None], *, aloud: bool = True) -> Found | None:
        if not (questions := self.questions):
            return None
        try:
            return ask(questions)
        except OutsideFailure as error:
            if any(problem.id != "PB704" for problem in error.problems):
                raise
            if aloud:
                self.say(f"          whether a service waits for an answer can't be told: {error.problems[0].message}")
            return None

    def names_of_caller(self) -> tuple[str, ...]:
        """Return all that is known of who runs this, where an approver has to be somebody else than the authors."""
        return callers_names(self.workspace) if self.manifest.four_eyes else ()

    def write_record(self, record: RunRecord) -> None:
        """Write `run.json`, which the next stage reads, and the JUnit file, which CI systems show; keep the record."""
        from pipeline_builder.release.junit import write_junit

        write_record(self.workspace.build / RUN, record)
        write_junit(self.workspace.build / JUNIT, record)
        self.keep(record)

    def keep(self, record: RunRecord) -> None:
        """Keep a record for its run. One that can't be kept is none that fails: it is said, and the run stands."""
        self._keep(f"the record of the run '{record.execution.rsplit('/', 1)[-1]}'", lambda: record)

    def keep_decided(self, package: ModelPackage) -> None:
        """Keep the record of the run that has registered a package, with what was decided about it since."""
        from pipeline_builder.release.past.keeping import find_registering

        name = f"the record of the run of {package.group} version {package.version}"
        self._keep(name, lambda: find_registering(package, self.target))

    def _keep(self, name: str, find: Callable[[], RunRecord | None]) -> None:
        from pipeline_builder.release.past.keeping import keep_run

        try:
            if record := find():
                keep_run(record, self.target, self.kept)
        except (PipelineBuilderError, OSError) as error:
            why = error.problems[0].message if isinstance(error, PipelineBuilderError) else str(error)
            message = f"{name} is not kept among those of all runs: {why}"
            self.warn(Problem(id="PB010", message=message, hint=_NOT_KEPT, warning=True))

    def note_commits(self, lock: Lock) -> None:
        """Write down which commits came before those of a lock, as its checkout has found."""
        from pipeline_builder.release.outcome import repo_records
        from pipeline_builder.release.past.noting import note_commits

        workspace = self.workspace
        cache, environment = workspace.state / "git", workspace.environment
        note_commits(workspace.shared / COMMITS, repo_records(lock), cache=cache, environment=environment)

    def with_commits(self, record: RunRecord) -> RunRecord:
        """Return the record of a run with the commits that it was made of, and what came since the champion."""
        from pipeline_builder.release.past.hosts import host_kind
        from pipeline_builder.release.past.noting import load_commits
        from pipeline_builder.release.past.since import Checkout, with_commits

        definition, workspace = self.composed.definition, self.workspace
        here = Checkout(
            parameters=definition.commit_parameters,
            definition_sha256=definition.sha256,
            cache=workspace.state / "git",
            environment=workspace.environment,
            kinds={repo.name: host_kind(repo) for repo in self.manifest.repos},
            noted=load_commits(workspace.shared / COMMITS),
        )
        return with_commits(record, self.target, here)

    def tell(self, plan: Plan) -> Plan:
        """Return a plan with what people want to know besides."""
        from pipeline_builder.release.telling import Around, tell

        workspace = self.workspace
        around = Around(
            target=self.target,
            lock=self.lock,
            checkouts=workspace.root / self.manifest.training_dir,
            cache=workspace.state / "git",
            environment=workspace.environment,
        )
        return tell(plan, self.composed.definition, around)

    def report(self, record: RunRecord) -> Path:
        """Write the report for people, unless it is there already."""
        with self.stage("report") as words:
            path = self.workspace.build / REPORT
            prices = machine_prices(self.workspace.values)
            write_report(path, record, self.kept, days_before(record, self.target), prices)
            words.append(os.path.relpath(path))
        return path
