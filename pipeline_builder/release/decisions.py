"""Decisions as a command makes them: which run is meant, read again and judged from its evidence, written at last."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline_builder.definition.composed import Composed
from pipeline_builder.descriptions import ApprovalStatus, DeployedPipeline, Execution, OpenApproval
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.manifest.history import Histories
from pipeline_builder.release.answering import Answered, Given, Questions, answer_question, repeat_answer
from pipeline_builder.release.choosing import pick
from pipeline_builder.release.deciding import find_meant
from pipeline_builder.release.four_eyes import against_approver
from pipeline_builder.release.overview import find_group, nodes_of
from pipeline_builder.release.past.former import former_group
from pipeline_builder.release.promote import Decided, Deciding, Decision, choose, decide
from pipeline_builder.release.proof import check_record, judged_before, prove, refuse_moved
from pipeline_builder.release.record import PackageRecord, RunRecord
from pipeline_builder.release.rollback import RolledBack, rollback
from pipeline_builder.release.runs import Runs
from pipeline_builder.release.stages import put_in_stage
from pipeline_builder.release.standing import Standing, standing
from pipeline_builder.release.verdict import asked_of, judge_execution
from pipeline_builder.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class ToDecide:
    """The record of a run, and the names of its models that a decision is about; none for what waits."""

    record: RunRecord
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """What decisions are made with. `histories` say who has written what, where approvers may not be authors; None
    where anybody may approve. Of several pipelines `each` gives those of all, `owner` those of the one that SageMaker
    has under a name.
    """

    target: Target
    runs: Runs
    composed: Callable[[], Composed]
    say: Callable[[str], None]
    histories: Callable[[], Histories | None]
    each: Callable[[], tuple[Decisions, ...]] | None = None
    owner: Callable[[str], Decisions] | None = None

    # --- which run

    def is_run(self, name: str) -> bool:
        """Tell whether a name means an execution; where a model has the same, the model is meant, and that is said."""
        if not self.runs.knows(name):
            return False
        if name not in self._models().values():
            return True
        self._say(f"'{name}' is a model, and the id of an execution: the model is meant; --run means the other")
        return False

    def to_decide(self, models: Sequence[str], run: str = "", *, again: bool = False) -> tuple[ToDecide, ...]:
        """Return the records that a decision is about, with the models of each that were asked for.

        Raises:
            InputProblems: PB430, PB440, PB441, PB480.
        """
        if run:
            return (ToDecide(record=self._judge(self.runs.find(run)), models=tuple(models)),)
        listed = self.runs.listed()
        if not listed:
            self.runs.find()  # which says that nothing has run
        meant = find_meant(self.target, listed, models, model_of=self._models(), again=again)
        return tuple(ToDecide(record=self._judge(one.execution), models=one.models) for one in meant)

    @property
    def _each(self) -> tuple[Decisions, ...]:
        return self.each() if self.each else (self,)

    def _models(self) -> Mapping[str, str]:
        return {step: model for one in self._each for step, model in one.own_models().items()}

    def own_models(self) -> Mapping[str, str]:
        """Return the model of each step, as the last run has it, or today's confs where they can be read."""
        saved = self.runs.saved()
        known = {step.name: step.model for step in (saved.steps if saved else ())}
        try:
            return known | {node.name: node.model for node in nodes_of(self.composed())}
        except InputProblems:
            return known

    def _judge(self, execution: Execution) -> RunRecord:
        return (self.owner(execution.pipeline) if self.owner else self).judged(execution)

    def judged(self, execution: Execution) -> RunRecord:
        """Return the record of an execution; one of which none was kept is judged by the gates of today's confs.

        Raises:
            PlanRefused: PB462 where the evidence is gone, is damaged or of another run, also where a record was kept.
        """
        record = self.runs.record(execution.arn)
        if not record.packages or not execution.status.ended:
            return record
        known = judged_before(record, self.target)
        if record.verdict:
            return record  # as it was looked at: an approval refuses what it says otherwise than the evidence
        if known:
            return known
        ran = self.target.pipelines.definition_of(execution.arn)
        planned = DeployedPipeline(name=execution.pipeline, arn="", definition=ran, version=execution.version)
        return judge_execution(execution, self.target, self.composed(), None, planned=planned, reused=True)

    def find_group(self, model: str) -> str:
        """Return the group of a model by today's confs, by the runs so far, or what was given if a group is called so.

        Who only serves has no confs, and what is in use is taken out of it also where they are broken.

        Raises:
            InputProblems: PB432, or why the confs can't be read.
        """
        main, *others = self._each
        try:
            return main.own_group(model)
        except InputProblems:
            for one in others:
                with contextlib.suppress(InputProblems):
                    return one.own_group(model)
            raise

    def find_version(self, model: str) -> tuple[str, str]:
        """Return the group of a model and, where `churn/4` names a version, its ARN.

        Raises:
            InputProblems: PB432 where there is no such model, or no such version.
        """
        if "/" not in model or ":" in model:
            return self.find_group(model), ""
        name, _, number = model.partition("/")
        group = self.find_group(name)
        for package in self.target.registry.list_packages(group):
            if str(package.version) == number:
                return group, package.arn
        raise InputProblems(Problem(id="PB432", message=f"there is no model '{model}'", hint="'history' has all"))

    def own_group(self, model: str) -> str:
        try:
            return find_group(self.composed(), model)
        except InputProblems:
            packages = saved.packages if (saved := self.runs.saved()) else ()
            known = {one.group: one.group for one in packages} | {one.model: one.group for one in packages}
            group = known.get(model) or self._former_group(model) or model
            if not self.target.registry.list_packages(group):
                raise
            return group

    def _former_group(self, model: str) -> str:
        try:
            return former_group(self.target, self.runs.listed(), model)
        except InputProblems:  # on AWS only the confs, or a record, tell whose runs are meant
            return ""

    # --- what is decided

    def decide(
        self, record: RunRecord, decision: Decision, models: Sequence[str], *, named: bool = True, approval: str = ""
    ) -> Decided:
        """Approve or reject packages of the run: those of the models, or those of them that wait where not `named`.

        What is approved is read again before; `approval` is what somebody has approved, where no record brought it.
        """
        if decision.status is ApprovalStatus.APPROVED:
            record = self._proven(record, models, approval, named=named and bool(models))
        return decide(record, decision, self._deciding, models=models, named=named)

    def answer(
        self,
        record: RunRecord,
        decision: Decision,
        models: Sequence[str],
        asked: tuple[OpenApproval, Questions],
        *,
        named: bool = True,
    ) -> Answered:
        """Answer the service's question about a run, instead of deciding in the registry: its stage does that.

        What would be refused there is refused before, as far as this machine can tell.
        """
        question, questions = asked
        if decision.status is ApprovalStatus.APPROVED:
            record = self._proven(record, models, "", named=named and bool(models))
        chosen = choose(record, decision, self._answering, models=models, named=named)
        if chosen.refusal:
            raise chosen.refusal
        if not chosen.packages:
            return Answered(question=question, summary="", words="; ".join(chosen.words))
        return answer_question(record, chosen.packages, decision, question, questions)

    def repeat(
        self, record: RunRecord, decision: Decision, models: Sequence[str], given: Given, *, named: bool = True
    ) -> Answered | None:
        """Return how the service was answered about these models just now; None where the registry is to be written.

        What is taken back is decided already, so no answer is on its way that is about it.
        """
        if decision.again:
            return None
        chosen = choose(record, decision, self._answering, models=models, named=named)
        return repeat_answer(record, chosen.packages, decision, given)

    def rollback(self, group: str, decision: Decision, *, champion: str = "") -> RolledBack:
        """Take the group's champion out of use; return it, and the one that is the champion again, if any."""
        return rollback(group, decision, self._deciding, champion=champion)

    @property
    def _deciding(self) -> Deciding:
        return Deciding(registry=self.target.registry, rule=self._four_eyes, using=self.use)

    @property
    def _answering(self) -> Deciding:
        """What an answer is looked at with: who the authors are is asked where it is known here, else by the stage."""
        return self._deciding if self.histories() else Deciding(registry=self.target.registry, using=self.use)

    def _four_eyes(self, record: RunRecord, package: PackageRecord, decision: Decision) -> tuple[Problem, ...]:
        histories = self.histories()
        if histories is None:
            return ()
        names = decision.names or (decision.by,)
        return against_approver(record, package, names, histories, self.target.registry)

    def put_in_stage(self, record: RunRecord, models: Sequence[str], stage: str, decision: Decision) -> tuple[str, ...]:
        """Put what is approved of the run into a stage of its life cycle; return a line about each package."""
        approved = [p.arn for p in pick(record, models) if p.status == ApprovalStatus.APPROVED.value]
        return tuple(put_in_stage(approved, stage, decision, self.target.registry))

    # --- what is used

    def use(self, arns: Sequence[str]) -> None:
        """Refuse to use packages (ARNs) whose bytes aren't those that were approved; say what can't be told."""
        for note in refuse_moved(arns, self.target):
            self._say(note)

    def check_record(self, record: RunRecord, approval: str = "") -> RunRecord:
        """Return a record that came from a file as its evidence has it; one that says otherwise is refused.

        That is the evidence which was approved, where the record names it, else the run's newest.
        """
        found = check_record(record, self.target, approval=approval if approval == record.evidence else "")
        return found[1] if found else record

    def _proven(self, record: RunRecord, models: Sequence[str], approval: str, *, named: bool) -> RunRecord:
        """Read again what is to be approved, and judge it from its evidence; what stays rejected isn't in question."""
        chosen = pick(record, models)
        used = [package.arn for package in chosen if standing(package) is Standing.APPROVED]
        open_ = [p.arn for p in chosen if p.arn not in used and (named or p.status != ApprovalStatus.REJECTED.value)]
        self.use(used)
        if not open_:
            return self.check_record(record)

        def ran() -> bytes:
            return self.target.pipelines.definition_of(record.execution)

        proof = prove(
            record,
            open_,
            self.target,
            approval=approval,
            asked=lambda: asked_of(self.composed(), ran(), record.parameters),
        )
        for note in proof.notes:
            self._say(note)
        return proof.record

    def _say(self, words: str) -> None:
        self.say(f"          {words}")
