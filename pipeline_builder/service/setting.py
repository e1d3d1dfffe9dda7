"""What a stage of the service was started with, read out of the variables that CodePipeline hands on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pipeline_builder.descriptions import Approval
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.release.approval import inert_text
from pipeline_builder.service.dates import EXPECTED, read_started

_MANUAL = "manual"
_NONE = "none"
_ALL = "all"
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
# What starts a pipeline, and is no change of a repository.
RETRAINING = "retraining"
_OTHERS = (_MANUAL, "approval", "data", RETRAINING)
MOST_CAUSE = 200
"""Characters of a cause: an approval's text has a thousand, and much else in it."""
_EXECUTION = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,99}")


class Service(Protocol):
    """What CodePipeline knows of one of its executions."""

    def find_start(self, pipeline: str, execution: str) -> str:
        """Return what started it, in a word."""
        ...

    def find_approval(self, pipeline: str, execution: str) -> Approval | None:
        """Return a person's answer; None where nobody answered."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a stage was started with; `artifacts` is the bucket that keeps records and reports, empty for none.

    `wait_machine` is the state machine that waits for runs, empty where a build does. `date` is the day or hour that is
    scored, empty for that of the start, `cause` why predictions ask for a training.
    """

    trigger: str = _MANUAL
    repository: str = ""
    commit: str = ""
    groups: tuple[str, ...] = ()
    use_cache: bool = True
    artifacts: str = ""
    pipeline: str = ""
    execution: str = ""
    approval: str = ""
    wait_machine: str = ""
    date: str = ""
    cause: str = ""

    @property
    def is_push(self) -> bool:
        """Whether a change of a repository started it, so that what didn't change needs no run."""
        return self.trigger not in _OTHERS and not self.trigger.startswith("schedule")

    @property
    def words(self) -> str:
        """What started the pipeline, in words."""
        about = f" {self.repository}@{self.commit[:7]}".rstrip("@") if self.repository else ""
        groups = f" of {', '.join(self.groups)}" if self.groups else ""
        date = f" for {self.date}" if self.date else ""
        cause = f": {self.cause}" if self.cause else ""
        return f"{self.trigger}{about}{groups}{date}{'' if self.use_cache else ', without the cache'}{cause}"


def read_setting(environment: Mapping[str, str], service: Service) -> Setting:
    """Return the setting that the variables of CodePipeline say.

    Raises:
        InputProblems: PB446 for a variable that has none of its values.
    """
    cache = environment.get("SMP_CACHE") or "use"
    commit = _given(environment, "SMP_COMMIT")
    problems = []
    if cache not in ("use", "skip"):
        problems.append(Problem(id="PB446", message=f"SMP_CACHE is '{cache}', expected 'use' or 'skip'"))
    if commit and not _COMMIT.fullmatch(commit):
        problems.append(Problem(id="PB446", message=f"SMP_COMMIT is '{commit}', expected a full commit id or 'none'"))
    pipeline, execution = environment.get("SMP_CODEPIPELINE", ""), environment.get("SMP_CODEPIPELINE_EXECUTION", "")
    if execution and not _EXECUTION.fullmatch(execution):
        message = f"SMP_CODEPIPELINE_EXECUTION is '{execution}', expected the id of an execution of CodePipeline"
        problems.append(Problem(id="PB446", message=message))
    date = _read_date(_given(environment, "SMP_DATE"), problems)
    if problems:
        raise InputProblems(*problems)
    groups = _given(environment, "SMP_GROUPS")
    trigger = inert_text(environment.get("SMP_TRIGGER") or _MANUAL)
    if trigger == _MANUAL and pipeline and execution:
        trigger = service.find_start(pipeline, execution)
    return Setting(
        trigger=trigger,
        repository=inert_text(_given(environment, "SMP_REPOSITORY")),
        commit=commit,
        groups=tuple(group for part in groups.split(",") if (group := part.strip())),
        use_cache=cache == "use",
        artifacts=environment.get("SMP_ARTIFACTS", ""),
        pipeline=pipeline,
        execution=execution,
        approval=environment.get("SMP_APPROVAL", ""),
        wait_machine=environment.get("SMP_WAIT_MACHINE", "").strip(),
        date=date,
        cause=inert_text(_given(environment, "SMP_CAUSE"))[:MOST_CAUSE],
    )


def _read_date(given: str, problems: list[Problem]) -> str:
    try:
        return read_started(given)
    except ValueError as error:
        message = f"SMP_DATE is '{inert_text(given)}': {error}"
        problems.append(Problem(id="PB985", message=message, hint=f"expected {EXPECTED}; or 'none'"))
        return ""


def _given(environment: Mapping[str, str], name: str) -> str:
    """CodePipeline has no empty variables, so words stand for nothing."""
    value = environment.get(name, "").strip()
    return "" if value in (_NONE, _ALL) else value
