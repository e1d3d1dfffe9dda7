"""The player: stages in order, actions in each, conditions before them; whatever happened is in the record at once.

A rehearsal that is played again goes on: stages that are through stay; of a stage that failed or was cut off the
actions that are through stay too, and the others run again on the same artifacts, as after RetryStageExecution.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline_builder.errors import InputProblems, PipelineBuilderError, Problem
from pipeline_builder.service.rehearsal.building import begin_build, make_build, remove, start_of
from pipeline_builder.service.rehearsal.events import follow_rules
from pipeline_builder.service.rehearsal.opened import Opened, Unanswered
from pipeline_builder.service.rehearsal.record import ActionRecord, Book, DecisionRecord, PhaseRecord, Rehearsal
from pipeline_builder.service.rehearsal.sources import ARCHIVE, ZIP, pack_source, source_variables
from pipeline_builder.service.rehearsal.template import Action, Conditions, Pipeline, Service, Stage
from pipeline_builder.service.rehearsal.tools import Question, Tools
from pipeline_builder.service.rehearsal.variables import (
    MOST_CHARACTERS,
    UnresolvedError,
    resolve,
    resolve_all,
    rule_passes,
)

BUILDS = ("Build/CodeBuild", "Test/CodeBuild")
APPROVAL = "Approval/Manual"


def check_pipeline(service: Service) -> None:
    """Refuse what can't be played before anything is.

    Raises:
        InputProblems: PB652, every action that is of an unknown kind, or whose project isn't there.
    """
    found = [_unplayable(service, stage, action) for stage in service.pipeline.stages for action in stage.actions]
    problems = [problem for problem in found if problem]
    if problems:
        raise InputProblems(*problems)


def _unplayable(service: Service, stage: Stage, action: Action) -> Problem | None:
    where = f"the action '{action.name}' of the stage '{stage.name}'"
    if action.kind in BUILDS:
        project = action.configuration.get("ProjectName", "")
        if project in service.projects:
            return None
        return Problem(id="PB652", message=f"{where} runs the project '{project}', which is not in the template")
    if action.kind == APPROVAL or action.action_type_id.category == "Source":
        return None
    return Problem(id="PB652", message=f"{where} is of the kind {action.kind}, which a rehearsal can't play")


def play(book: Book, tools: Tools) -> Rehearsal:
    """Play the pipeline from where its record is to its end, or to an approval that nobody gives."""
    book.put(status="InProgress", ended=None)
    for stage in tools.service.pipeline.stages:
        if book.state.stage(stage.name).status in ("Succeeded", "Skipped"):
            continue
        try:
            status = _Player(book, tools, stage).play()
        except PipelineBuilderError:
            book.put_stage(stage.name, status="Failed")
            book.put(status="Failed", ended=tools.now())
            raise
        if status in ("Failed", "Pending"):
            book.put(status=status, ended=tools.now() if status == "Failed" else None)
            return book.state
    book.put(status="Succeeded", ended=tools.now())
    return book.state


def again(book: Book) -> None:
    """Let all actions of the stage that failed run again, as CodePipeline's "Retry stage, all actions" does."""
    for stage in book.state.stages:
        if stage.status == "Failed":
            for action in stage.actions:
                book.put_action(stage.name, action.name, status="Waiting", past=action.attempts)


class _Player:
    """One stage on its way."""

    def __init__(self, book: Book, tools: Tools, stage: Stage) -> None:
        self._book = book
        self._tools = tools
        self._stage = stage

    def _say(self, action: str, words: str) -> None:
        name = self._stage.name if action in ("", self._stage.name) else f"{self._stage.name}/{action}"
        self._tools.say(f"{self._tools.now():%H:%M:%S}  {name:<10} {words}")

    def _end(self, status: str, message: str = "") -> str:
        self._book.put_stage(self._stage.name, status=status, message=message)
        return status

    def play(self) -> str:
        """Play the stage as far as it comes; return its status."""
        record = self._book.state.stage(self._stage.name)
        if record.status == "Waiting":
            failed = self._unmet(self._stage.before_entry)
            if failed:
                result, words = failed
                status = "Skipped" if result == "SKIP" else "Failed"
                self._say("", f"{status}: {words}")
                return self._end(status, words)
        self._book.put_stage(self._stage.name, status="InProgress", message="")
        for action in self._stage.ordered:
            if self._book.state.stage(self._stage.name).action(action.name).status == "Succeeded":
                continue
            status = self._act(action)
            if status != "Succeeded":
                return self._end(status)
        failed = self._unmet(self._stage.on_success)
        if failed:
            self._say("", f"Failed: {failed[1]}")
            return self._end("Failed", failed[1])
        return self._end("Succeeded")

    def _unmet(self, conditions: Conditions) -> tuple[str, str] | None:
        """Return the result and the words of the first condition that isn't met."""
        namespaces = self._book.state.namespaces()
        for condition in conditions.conditions:
            for rule in condition.rules:
                if rule.rule_type_id.provider != "VariableCheck":
                    self._say("", f"the rule '{rule.name}' ({rule.rule_type_id.provider}) is taken as passed")
                elif not rule_passes(rule, namespaces):
                    wanted = " ".join(rule.configuration.get(key, "") for key in ("Variable", "Operator", "Value"))
                    try:
                        found = f"it is '{resolve(rule.configuration.get('Variable', ''), namespaces)}'"
                    except UnresolvedError as error:
                        found = str(error)
                    return condition.result, f"the rule '{rule.name}' wants {wanted}, and {found}"
        return None

    # --- actions

    def _put(self, action: Action, **changes: object) -> ActionRecord:
        return self._book.put_action(self._stage.name, action.name, **changes)

    def _act(self, action: Action) -> str:
        known = self._book.state.stage(self._stage.name).action(action.name)
        waiting = known.status == "Pending"
        if known.build and known.build.folder:
            remove(Path(known.build.folder))  # of the attempt before
        anew = {"attempt": known.attempt + 1, "started": self._tools.now(), "past": known.attempts}
        record = self._put(
            action, status="InProgress", ended=None, message="", problem="", build=None,
            decision=known.decision if waiting else None, **({} if waiting else anew),
        )  # fmt: skip
        try:
            configuration = resolve_all(action.configuration, self._book.state.namespaces())
            self._put(action, configuration=configuration)
            if action.kind == APPROVAL:
                return self._approve(action, configuration, record, again=waiting)
            follow_rules(self._book, self._tools, stage=self._stage.name, action=action, state="STARTED")
            if action.kind in BUILDS:
                return self._build(action, configuration, record)
            return self._source(action, configuration)
        except UnresolvedError as error:
            return self._fail(action, str(error), "PB655")

    def _succeed(self, action: Action, words: str, **changes: object) -> str:
        record = self._put(action, status="Succeeded", ended=self._tools.now(), **changes)
        self._say(action.name, f"{words}  {record.seconds or 0:.1f} s")
        follow_rules(self._book, self._tools, stage=self._stage.name, action=action, state="SUCCEEDED")
        return "Succeeded"

    def _fail(self, action: Action, message: str, problem: str, **changes: object) -> str:
        self._put(action, status="Failed", ended=self._tools.now(), message=message, problem=problem, **changes)
        self._say(action.name, f"Failed: {message}")
        follow_rules(self._book, self._tools, stage=self._stage.name, action=action, state="FAILED")
        return "Failed"

    def _source(self, action: Action, configuration: dict[str, str]) -> str:
        if not any(output in _inputs(self._tools.service.pipeline) for output in action.outputs):
            return self._succeed(action, "only starts the pipeline; nothing is fetched")
        source, provider = self._tools.source, action.action_type_id.provider
        form = ARCHIVE if provider == "S3" else configuration.get("OutputArtifactFormat", ZIP)
        sizes = {
            name: pack_source(self._tools.git, source, self._tools.artifact(name), form=form) for name in action.outputs
        }
        variables = source_variables(provider, configuration, source)
        words = f"{source.commit[:7]} {source.subject[:50]} ({form})"
        return self._succeed(action, words, artifacts=sizes, variables=variables)

    def _build(self, action: Action, configuration: dict[str, str], record: ActionRecord) -> str:
        tools = self._tools
        start = start_of(tools, self._stage.name, action, configuration, record.attempt)
        build = begin_build(start, tools)
        self._put(action, build=build)
        self._say(action.name, f"build {build.number} of {build.project}, log: {build.log}")
        try:
            built = make_build(start, build, tools, observe=lambda phase: self._show_phase(action, phase))
        except PipelineBuilderError as error:
            self._fail(action, error.problems[0].message, error.problems[0].id)
            raise
        kept = "" if built.status == "Succeeded" else build.folder
        build = build.model_copy(update={"phases": built.phases, "reports": built.reports, "folder": kept})
        self._put(action, build=build, variables=dict(built.exported))  # those of a failed build say why, to a person
        if built.status == "Succeeded":
            return self._succeed(action, "Succeeded", artifacts=dict(built.artifacts))
        problem = "PB657" if built.status == "TimedOut" else "PB656" if built.failed_command else "PB658"
        return self._fail(action, built.message, problem)

    def _show_phase(self, action: Action, phase: PhaseRecord) -> None:
        self._say(action.name, f"  {phase.name:<16} {phase.status}  {phase.seconds:.1f} s")

    def _approve(self, action: Action, configuration: dict[str, str], record: ActionRecord, *, again: bool) -> str:
        text = configuration.get("CustomData", "")
        if len(text) > MOST_CHARACTERS:
            raise UnresolvedError(
                f"CustomData has {len(text)} characters, CodePipeline takes at most {MOST_CHARACTERS}"
            )
        link = configuration.get("ExternalEntityLink", "")
        question = Question(action=action.name, text=text, link=link)
        opened = Opened(book=self._book, tools=self._tools, stage=self._stage, action=action)
        found = opened.wait(question, record.started or self._tools.now(), again=again)
        match found:
            case DecisionRecord():
                return self._decide(action, found)
            case Unanswered():
                return self._fail(action, found.why, found.problem)
            case _:
                self._say(action.name, "Pending: waits for an answer")
                return "Pending"

    def _decide(self, action: Action, decision: DecisionRecord) -> str:
        why = f": {decision.comment}" if decision.comment else ""
        if decision.approved:
            return self._succeed(action, f"approved by {decision.by}{why}", decision=decision)
        return self._fail(action, f"rejected by {decision.by}{why}", "PB659", decision=decision)


def _inputs(pipeline: Pipeline) -> set[str]:
    return set(_each_input(pipeline))


def _each_input(pipeline: Pipeline) -> Iterator[str]:
    for stage in pipeline.stages:
        for action in stage.actions:
            yield from action.inputs
