"""The way back: takes a model's champion out of use, from a page that shows which version takes its place."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_builder.console.decide.form import MOST_COMMENT, written
from pipeline_builder.console.decide.subject import approver
from pipeline_builder.console.decide.taking import ONE, fresh_session
from pipeline_builder.console.pages import Done
from pipeline_builder.descriptions import ApprovalStatus, ModelPackage
from pipeline_builder.errors import InputProblems, PlanRefused, Problem
from pipeline_builder.release.rollback import other_champion, words_of
from pipeline_builder.release.standing import describe_word

if TYPE_CHECKING:
    from pipeline_builder.console.look import Look
    from pipeline_builder.console.pages import Query
    from pipeline_builder.release.promote import Decision
    from pipeline_builder.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version, with the words of who has decided about it."""

    arn: str
    version: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackView:
    """The champion of a group, and what would be the champion again; None where there is none."""

    title: str
    group: str
    champion: Version | None
    before: Version | None
    by: str
    done: str
    command: str


def rollback_view(look: Look, query: Query, group: str) -> RollbackView:
    """Return what a rollback of a group would do.

    Raises:
        InputProblems: PB480 where there is no such group.
    """
    listed = look.target.registry.list_packages(group)
    if not listed:
        raise InputProblems(Problem(id="PB480", message=f"there is no model package group '{group}' with a version"))
    approved = [_version(look, one) for one in listed if one.status is ApprovalStatus.APPROVED][:2]
    back = query.get("back")
    done = next((one for one in listed if str(one.version) == back and one.status is ApprovalStatus.REJECTED), None)
    return RollbackView(
        title=f"Roll back {group}",
        group=group,
        champion=approved[0] if approved else None,
        before=approved[1] if len(approved) > 1 else None,
        by=approver(look) if look.may_decide else "",
        done=_version(look, done).words if done else "",
        command=_command(look, group),
    )


def rollback_act(look: Look, form: Mapping[str, str], group: str) -> Done:
    """Take the champion that was seen out of use.

    Raises:
        InputProblems: PB024 without a reason, PB433 where nothing is before one that is what was approved.
        PlanRefused: PB454 where another version is the champion by now, PB461 where what comes back isn't what was
            approved.
    """
    comment, seen = written(form.get("why", "")), form.get("champion", "")
    if not comment or len(comment) > MOST_COMMENT:
        what = "a rollback needs a reason" if not comment else f"a comment has at most {MOST_COMMENT} characters"
        raise InputProblems(Problem(id="PB024", message=f"{group}: {what}", hint="nothing was decided"))
    said: list[str] = []
    with ONE:
        session = fresh_session(look, said)
        decision = session.make_decision("reject", comment, by=approver(look))
        done = _find_done(session, group, seen, decision)
        gone = [done] if done else _roll_back(session, group, decision, seen)
        for package in gone:
            session.keep_decided(package)
    look.answers.forget()
    return Done(to=f"/decide/rollback/{group}?back={gone[-1].version}")


def _roll_back(session: Session, group: str, decision: Decision, seen: str) -> list[ModelPackage]:
    """Roll back; return what is out of use now, last the one that was seen."""
    done = session.decisions.rollback(group, decision, champion=seen)
    return [*done.passed, done.gone]


def _find_done(session: Session, group: str, seen: str, decision: Decision) -> ModelPackage | None:
    """Return what the same form has taken out of use already; refuse to take out of use what nobody has looked at.

    Raises:
        PlanRefused: PB454 where another version is the champion by now.
    """
    registry = session.target.registry
    listed = registry.list_packages(group)
    champion = next((one for one in listed if one.status is ApprovalStatus.APPROVED), None)
    if champion is None or champion.arn == seen:
        return None
    gone = next((one for one in listed if one.arn == seen), None)
    known = registry.describe_package(gone.arn) if gone else None
    if known and known.approval_description == words_of(decision):
        return known
    words = f", and {describe_word(known)}" if known else ""
    raise PlanRefused(other_champion(champion, words))


def _version(look: Look, package: ModelPackage) -> Version:
    known = look.target.registry.describe_package(package.arn)
    return Version(arn=known.arn, version=known.version, words=describe_word(known))


def _command(look: Look, group: str) -> str:
    target = " --target aws" if look.target.name == "aws" else ""
    return f"pipeline-builder rollback {shlex.quote(group)}{target} --comment WHY"
