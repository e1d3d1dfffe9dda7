"""What a decision is about: the run that an address names, its session, and who would decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_builder.console.look import FRESH
from pipeline_builder.errors import InputProblems, PipelineBuilderError, Problem
from pipeline_builder.machine.people import login_name
from pipeline_builder.release.proof import judged_before

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline_builder.console.look import Look
    from pipeline_builder.descriptions import Execution, OpenApproval
    from pipeline_builder.release.record import RunRecord
    from pipeline_builder.session import Session

_CALLER = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A run as it was judged; `unread` says why its evidence can't be told."""

    session: Session
    execution: Execution
    record: RunRecord
    unread: Problem | None = None


def find_subject(session: Session, pipeline: str, execution: str) -> Subject:
    """Return the run of an address, as its evidence has it; nothing is judged, and nothing written.

    Raises:
        InputProblems: PB441 where there is no such run.
    """
    found = find_run(session, pipeline, execution)
    owner = session.owner(pipeline)
    record = owner.runs.record(found.arn)
    try:
        record = judged_before(record, owner.target) or record
    except PipelineBuilderError as error:
        return Subject(session=owner, execution=found, record=record, unread=error.problems[0])
    return Subject(session=owner, execution=found, record=record)


def find_run(session: Session, pipeline: str, execution: str) -> Execution:
    """Return the execution of an address.

    Raises:
        InputProblems: PB441 where there is no such run.
    """
    found = session.runs.find(execution)
    if found.pipeline != pipeline:
        message = f"the pipeline '{pipeline}' has no execution '{execution}'"
        raise InputProblems(Problem(id="PB441", message=message))
    return found


def open_questions(look: Look) -> Sequence[OpenApproval]:
    """Return what the service's pipelines ask people now; nothing on this machine, or without a manifest."""
    questions = look.session.questions if look.manifest else None
    return look.known("questions", FRESH, questions.list_open) if questions else ()


def approver(look: Look) -> str:
    """Return who decides on these pages: whoever runs the console, on AWS whose credentials it has."""
    if look.target.name == "aws":
        return look.known("decide caller", _CALLER, lambda: _caller(look))
    return look.session.workspace.environment.get("SMP_APPROVER") or login_name()


def names_of(look: Look) -> tuple[str, ...]:
    """Return all that is known of who decides, where it has to be somebody else than the authors."""
    known = look.known("decide names", _CALLER, look.session.names_of_caller)
    return tuple(dict.fromkeys((approver(look), *known)))


def _caller(look: Look) -> str:
    from pipeline_builder.aws.client import Aws
    from pipeline_builder.aws.identity import caller_name

    return caller_name(Aws(look.session.workspace.region))
